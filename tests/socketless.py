"""What lets no WebSocket through to a server, as some proxies do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from tests.web_server import web_server


@contextmanager
def socketless(url: str) -> Iterator[str]:
    """The address of a proxy before a server that answers 403 where a socket is asked for."""
    onward = httpx.Client(base_url=url, limits=httpx.Limits(max_keepalive_connections=0), timeout=60)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = 403, b"no sockets here"
            if not self.path.startswith("/ws"):
                length = int(self.headers.get("Content-Length") or 0)
                kind = {"Content-Type": self.headers.get("Content-Type") or "text/plain"}
                content = self.rfile.read(length)
                answer = onward.request(self.command, self.path, content=content, headers=kind)
                status, body = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the library's name

    with onward, web_server(Proxy) as address:
        yield address
