"""Checks before every request: its host name, its origin, its size."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..bounds import SERVED_BODY, readable
from .refusal import Refusal

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)


class _TooLarge(Exception):
    """It never leaves this module."""


class Guard:
    """Refuses requests that a browser was tricked into, and requests that are too large; an ASGI middleware.

    A page of another site may use a name that was made to resolve here (DNS rebinding), and can post forms
    here without asking. IP addresses cannot be rebound, so they are all accepted.

    Args:
        app: The application.
        names: The service's host names, in addition to ``localhost``.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = frozenset({"localhost", *(name.lower().rstrip(".") for name in names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                known = {name.lower() for name, _ in message["headers"]}
                more = [header for header in _HEADERS if header[0] not in known]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            self._look(scope)
            await self._app(scope, _bounded(receive), sent)
        except _TooLarge:
            if not begun:
                said = f"a request may have at most {readable(SERVED_BODY)}"
                await _refuse(sent, Refusal(413, "too_large", said))
        except Refusal as refusal:
            if begun:
                raise
            await _refuse(sent, refusal)

    def _look(self, scope: Scope) -> None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        if not self._is_ours(host):
            raise Refusal(
                421,
                "wrong_host",
                f"this service does not answer to {host[:100]!r}; allow the name with --allow-host NAME",
            )
        if scope["method"] not in _SAFE:
            origin = b"".join(headers.get(b"origin", [])).decode("latin-1")
            site = b"".join(headers.get(b"sec-fetch-site", []))
            if (origin and urlsplit_host(origin) != host.lower()) or site in (b"cross-site", b"same-site"):
                raise Refusal(403, "other_site", "pages of other sites must not send requests here")
        lengths = headers.get(b"content-length", [])
        if lengths and lengths[0].isdigit() and len(lengths[0]) < 20 and int(lengths[0]) > SERVED_BODY:
            raise Refusal(413, "too_large", f"a request may have at most {readable(SERVED_BODY)}")

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name.rstrip(".") in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def urlsplit_host(origin: str) -> str:
    """The host and port in an ``Origin``; empty if it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message: MutableMapping[str, Any] = await receive()
        taken += len(message.get("body", b""))
        if taken > SERVED_BODY:
            raise _TooLarge
        return message

    return bounded


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps(refusal.body()).encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers().items()]
    headers += [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
