"""The time that something may take, and what continues when its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import TypeVar

T = TypeVar("T")


async def within(act: Awaitable[T], seconds: float) -> T:
    """What an awaitable gives, if it does so in time.

    Unlike `asyncio.wait_for` before Python 3.12, it never forgets that it was cancelled: that one returns the
    result, and its caller runs on, if the cancellation and the result come in the same turn of the loop.

    Args:
        act: The awaitable. It is cancelled when the time is up or the caller is cancelled, and has ended when
            this function ends.
        seconds: How long it may take.

    Raises:
        asyncio.TimeoutError: It takes longer.
    """
    task = asyncio.ensure_future(act)
    if not await ended(task, seconds):
        task.cancel()
        await ended(task)
        if task.cancelled():
            raise asyncio.TimeoutError
    return task.result()


async def ended(task: asyncio.Future[T], seconds: float | None = None) -> bool:
    """Wait for the end of a task, which also has ended if the caller is cancelled, however often.

    Args:
        task: The task. How it ends is left for the caller to ask.
        seconds: How long to wait; None for no limit.

    Returns:
        Whether it has ended.
    """
    cancellation: asyncio.CancelledError | None = None
    while not task.done():  # a scope of anyio cancels in each turn of the loop, and `wait` takes one at least
        try:
            await asyncio.wait([task], timeout=seconds if cancellation is None else None)
            if cancellation is None:
                break
        except asyncio.CancelledError as error:
            cancellation = error
            task.cancel()
    if cancellation is not None:
        if not task.cancelled():
            task.exception()  # asked for, so that Python does not report it as never retrieved
        raise cancellation
    return task.done()


async def finished(task: asyncio.Future[T]) -> T:
    """What a task gives, which continues if the caller is cancelled; that is raised once it has ended.

    Args:
        task: The task. It must end soon.
    """
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:  # noqa: PERF203  # it is not what takes time here
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()


def shielded() -> AbstractContextManager[object]:
    """A block that a scope of anyio, if it is cancelled, waits for; else it would cancel each await in it.

    Frameworks that are built on anyio, such as Starlette, cancel a request in this way. A task that is
    cancelled directly, as by `asyncio.timeout`, is cancelled once, in the block too.
    """
    from anyio import CancelScope

    return CancelScope(shield=True)
