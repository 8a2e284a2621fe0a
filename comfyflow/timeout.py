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
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        await _cancelled(task)
        raise
    if task.done():
        return task.result()
    await _cancelled(task)
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


async def _cancelled(task: asyncio.Future[T]) -> None:
    """Cancel a task and wait for its end, however it ends."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # asked for, so that Python does not report it as never retrieved
