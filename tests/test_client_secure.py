"""https and wss, and a server below a path, through a small reverse proxy."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from typing_extensions import Self

from comfyflow.client import Limits
from comfyflow.errors import ServerUnreachable
from comfyflow.simulator import Simulator
from comfyflow.simulator.instance import listening
from tests.clients import KINDS, connected
from tests.loop_thread import opened_in_thread
from tests.test_client_seed_faults import prompt

HOP = {"host", "connection", "upgrade", "transfer-encoding", "content-length", "content-encoding"}


class ReverseProxy:
    """Carries requests and WebSockets below a path to a server, over TLS or not.

    Args:
        target: The server.
        base: The path.
        tls: What it shows its clients, or None.
    """

    def __init__(self, target: str, base: str, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._base = base
        self._tls = tls
        self._thread = ExitStack()
        self.port = 0

    def __enter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", f"{self._base}/{{path:.*}}", self._carry)
        serving = opened_in_thread(lambda: listening(app, "127.0.0.1", tls=self._tls), "reverse-proxy")
        self.port, _ = self._thread.enter_context(serving)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    async def _carry(self, request: web.Request) -> web.StreamResponse:
        url = f"{self._target}/{request.match_info['path']}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with aiohttp.ClientSession() as session:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._carry_socket(request, session, url)
            body = await request.read()
            async with session.request(
                request.method, url, params=request.query, data=body or None, headers=headers
            ) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _carry_socket(
        self, request: web.Request, session: aiohttp.ClientSession, url: str
    ) -> web.WebSocketResponse:
        outer = web.WebSocketResponse()
        await outer.prepare(request)
        async with session.ws_connect(url, params=request.query, max_msg_size=0) as inner:

            async def up() -> None:
                async for message in outer:
                    await inner.send_str(message.data)
                await inner.close()

            carrying = asyncio.ensure_future(up())
            async for message in inner:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await outer.send_str(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    await outer.send_bytes(message.data)
            carrying.cancel()
        return outer


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, in one file, that nobody has signed but itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not there to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_below_a_path(kind: str, server: Simulator) -> None:
    with (
        ReverseProxy(server.url, "/deep/comfy") as proxy,
        connected(kind, f"http://127.0.0.1:{proxy.port}/deep/comfy/") as client,
    ):
        result = client.run(prompt("SaveImageWebsocket"), timeout=20)
        assert client.connected
        assert len(result.files) == 1
        image = client.run(prompt(), timeout=20).files[0]
        assert image.url.startswith(f"http://127.0.0.1:{proxy.port}/deep/comfy/api/view?")
        assert client.read(image).startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", KINDS)
def test_https_and_wss(kind: str, server: Simulator, certificate: Path) -> None:
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(certificate)
    with ReverseProxy(server.url, "", shown) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        trusting = ssl.create_default_context(cafile=f"{certificate}.crt")
        for verify in (trusting, False):
            with connected(kind, url, verify=verify) as client:
                assert client.run(prompt("SaveImageWebsocket"), timeout=20).files
                assert client.connected
        limits = Limits(retries=0)
        with (
            connected(kind, url, limits=limits) as client,
            pytest.raises(ServerUnreachable, match="certificate"),
        ):
            client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_certificates_that_the_environment_names_are_trusted_while_it_does(
    kind: str, server: Simulator, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(certificate)
    with ReverseProxy(server.url, "", shown) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        with connected(kind, url) as client:
            assert client.system_stats()
        monkeypatch.delenv("SSL_CERT_FILE")
        with (
            connected(kind, url, limits=Limits(retries=0)) as client,
            pytest.raises(ServerUnreachable, match="certificate"),
        ):
            client.system_stats()
