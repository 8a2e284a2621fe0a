"""Signals between threads."""

from __future__ import annotations

import contextlib
import threading
from typing import Any


class ThreadSignal:
    """A signal that threads wait for, and that the handler of a signal of the system may set.

    That handler runs in the main thread, in the middle of whatever it does. In the middle of `wait` of a
    `threading.Event` that thread has the event's lock, so that `set` would wait for it forever. Here each
    waiter has its own lock, which `set` does not take.
    """

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[threading.Lock] = []

    def set(self) -> None:
        """Wake the waiters."""
        self._is_set = True
        for waiter in self._waiting.copy():
            with contextlib.suppress(RuntimeError):  # it is awake already
                waiter.release()

    def clear(self) -> None:
        """Make the next waiter wait."""
        self._is_set = False

    def is_set(self) -> bool:
        """Whether the signal is set."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set or the time is up.

        Args:
            seconds: The longest wait; None for no limit.

        Returns:
            Whether it was set.
        """
        if self._is_set:
            return True
        waiter = threading.Lock()
        waiter.acquire()
        self._waiting.append(waiter)
        try:
            # It may have been set since it was asked; from now on, `set` wakes this waiter.
            return self.is_set() or waiter.acquire(timeout=-1 if seconds is None else max(seconds, 0.0))
        finally:
            self._waiting.remove(waiter)


def has_lock(lock: Any) -> bool:
    """Whether this thread has a reentrant lock; `threading.Condition` asks it in the same way."""
    return bool(lock._is_owned())
