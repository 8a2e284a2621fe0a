"""Something asynchronous in the loop of a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def opened_in_thread(
    opening: Callable[[], AbstractAsyncContextManager[T]], name: str
) -> Iterator[tuple[T, asyncio.AbstractEventLoop]]:
    """Open something in a thread; gives it and its loop, and closes both when the block ends.

    ``asyncio.run`` ends the loop: it cancels what still runs and goes on until transports that
    were closed are gone. A loop that is only stopped and closed leaves their sockets open.
    """
    ready: Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        stopping = asyncio.Event()
        async with opening() as opened:
            ready.set_result((opened, asyncio.get_running_loop(), stopping))
            await stopping.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, daemon=True, name=name)
    thread.start()
    opened, loop, stopping = ready.result(20)
    try:
        yield opened, loop
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(20)
        assert not thread.is_alive(), f"{name} does not end"
