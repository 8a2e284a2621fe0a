"""The time that something may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
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
