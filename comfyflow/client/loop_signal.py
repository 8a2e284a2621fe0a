"""Signals within one event loop."""

from __future__ import annotations

import asyncio

from .flow import Signal


class LoopSignal:
    """A signal within one event loop. Unlike ``asyncio.wait_for`` it needs no task to wait."""

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[asyncio.Future[None]] = []

    def set(self) -> None:
        """Wake the waiters."""
        self._set = True
        for future in self._waiting:
            _release(future)

    def clear(self) -> None:
        """Make the next waiter wait."""
        self._set = False

    def is_set(self) -> bool:
        """Whether the signal is set."""
        return self._set

    async def wait(self, seconds: float) -> None:
        """Wait until it is set or the time is up."""
        if self._set:
            return
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        timer = loop.call_later(seconds, _release, future)
        self._waiting.append(future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.remove(future)


def _release(future: asyncio.Future[None]) -> None:
    if not future.done() and not future.get_loop().is_closed():
        future.set_result(None)


async def watch(signal: Signal, seconds: float) -> None:
    """Wait until a signal is set or the time is up."""
    if not isinstance(signal, LoopSignal):
        raise TypeError("an asyncio client waits for signals of its loop")
    await signal.wait(seconds)
