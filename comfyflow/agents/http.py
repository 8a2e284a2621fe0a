"""The same tools over HTTP, for clients that do not start the server themselves."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import CommandError

if TYPE_CHECKING:
    from .server import AgentServer

PATH: Final = "/mcp"
"""The path that the server answers at."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


async def serve_http(
    agents: AgentServer,
    host: str,
    port: int,
    *,
    hosts: Sequence[str] = (),
    token: str | None = None,
    on_start: Callable[[str], object],
) -> None:
    """Serve over streamable HTTP, until it is interrupted.

    A browser page can reach every port of its computer, so the server checks the names that it is called by
    (``Host``) and the pages that call it (``Origin``). By default only this computer's are allowed.

    Args:
        agents: Answers the requests.
        host: The address to listen on.
        port: The port; 0 picks a free one.
        hosts: Additional names that the server may be called by.
        token: The token that clients must send: ``Authorization: Bearer TOKEN``.
        on_start: Called with the address once the server listens.

    Raises:
        CommandError: Other computers can reach the address, but there is no token or name; or it is in use.
    """
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    from ..client.address import is_loopback

    if not is_loopback(host) and (token is None or not hosts):
        raise CommandError(
            f"--host {host} lets other computers write files and use the server: give --agent-token, which "
            "clients must send, and --allow-host NAME, the name that they call this computer by"
        )
    security = TransportSecuritySettings(
        allowed_hosts=[name for each in (*_LOOPBACK, *hosts) for name in (each, f"{each}:*")],
        allowed_origins=[name for each in _LOOPBACK for name in (f"http://{each}", f"http://{each}:*")],
    )
    app: Any = agents.server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    if token is not None:
        app = Guarded(app, token)
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=5)
    with _listening(host, port) as listener:
        named, bound = listener.getsockname()[:2]
        shown = f"[{named}]" if ":" in named else named
        async with agents.bench:
            on_start(f"http://{shown}:{bound}{PATH}")
            await uvicorn.Server(config).serve(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


class Guarded:
    """Admits requests that carry the token; answers all others with 401.

    Args:
        app: An ASGI application.
        token: The token.
    """

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or pass it to the application.

        Args:
            scope: See ASGI, as for the other arguments.
            receive: Gives the request.
            send: Takes the answer.
        """
        if scope["type"] == "http":
            shown = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(shown, self._wanted):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)
