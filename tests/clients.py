"""Both clients under one face, so that a test says what is true of either."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from comfyflow.client import AsyncClient, AsyncHandle, Client
from comfyflow.client.flow import Request
from tests.loop_thread import opened_in_thread

KINDS = ["Client", "AsyncClient"]


def sends_prompt(request: Request) -> bool:
    """Whether a request queues a prompt, at a ComfyUI or at a Comfy API v2."""
    return request.method == "POST" and request.path in ("/api/prompt", "/api/v2/jobs")


def cancels_prompt(request: Request) -> bool:
    """Whether a request is one that a client makes to cancel, where a socket or a stream tells all else."""
    return request.path == "/api/queue" or request.path.endswith("/cancel")


class Awaited:
    """An `AsyncClient`, or what it gives, whose methods block: its loop runs in a thread.

    Args:
        inner: The client or the handle.
        loop: The loop that it belongs to.
    """

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._call(value) if inspect.ismethod(value) or inspect.isfunction(value) else value

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            if inspect.isasyncgen(result):
                return self._iterate(result)
            if inspect.iscoroutine(result):
                result = self._await(result)
            return Awaited(result, self._loop) if isinstance(result, AsyncHandle) else result

        return call

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def _iterate(self, events: Any) -> Iterator[Any]:
        try:
            while (event := self._await(_next(events))) is not None:
                yield event
        finally:
            self._await(events.aclose())


async def _next(events: Any) -> Any:
    try:
        return await events.__anext__()
    except StopAsyncIteration:
        return None


async def _rest() -> None:
    """Let tasks that were cancelled come to their end; none may be left that was not."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, pending = await asyncio.wait(others, timeout=5)
        assert not pending, pending


@contextmanager
def connected(kind: str, url: str, **options: Any) -> Iterator[Any]:
    """A client of one kind, with blocking methods in either case."""
    if kind == "Client":
        with Client(url, **options) as client:
            yield client
        return

    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncClient]:
        client = AsyncClient(url, **options)
        try:
            yield client
        finally:
            await client.close()
            await _rest()

    with opened_in_thread(opened, "async-client") as (client, loop):
        yield Awaited(client, loop)
