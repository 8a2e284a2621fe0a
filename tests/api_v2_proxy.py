"""The real comfy-api-proxy in front of a server, in a thread of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.loop_thread import opened_in_thread


@contextmanager
def proxied(comfyui: str, **options: Any) -> Generator[str]:
    """The address of a comfy-api-proxy in front of a server.

    Args:
        comfyui: The server's address.
        options: Of the proxy's application.
    """
    application = pytest.importorskip(
        "comfy_api_proxy.app", reason="comfy-api-proxy is not installed: pip install comfy-api-proxy==0.1.6"
    )
    from aiohttp import web

    @asynccontextmanager
    async def opened() -> AsyncGenerator[str]:
        runner = web.AppRunner(application.make_app(comfyui, **options), shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            with contextlib.suppress(TimeoutError):
                await runner.cleanup()

    with opened_in_thread(opened, "comfy-api-proxy") as (url, _):
        yield url
