"""The application: every route bare and under ``/api``, and what holds for all of them."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from ..instance import SIMULATOR, simulator_of
from ..profile import MAX_UPLOAD_BYTES
from . import (
    asset_routes,
    editor_routes,
    file_routes,
    job_routes,
    model_routes,
    prompt_routes,
    user_routes,
)

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from ..simulator import Simulator

PREFIX: Final = "/api"
_BROKEN: Final = "500 Internal Server Error\n\nServer got itself in trouble"
_log = logging.getLogger(__name__)


def make_app(simulator: Simulator) -> web.Application:
    """The application of one life of a server.

    Args:
        simulator: Whose; its current instance is used.
    """
    app = web.Application(client_max_size=MAX_UPLOAD_BYTES, middlewares=[guard_origin, answer_errors])
    app[SIMULATOR] = simulator
    app.add_routes(editor_routes.INTERNAL_ROUTES)
    if simulator.profile.jobs:
        app.add_routes(asset_routes.ROUTES)
    tables = [prompt_routes.ROUTES, file_routes.ROUTES, model_routes.ROUTES]
    tables += [user_routes.ROUTES, editor_routes.ROUTES]
    if simulator.profile.jobs:
        # These are written with the prefix on real servers: /jobs is unknown, /api/api/jobs is not.
        tables.append(job_routes.ROUTES)
    for routes in tables:
        for route in routes:
            if isinstance(route, web.RouteDef):
                web.RouteDef(route.method, PREFIX + route.path, route.handler, route.kwargs).register(
                    app.router
                )
        app.add_routes(routes)
    editor_routes.add_editor(app, simulator.frontend)
    return app


@web.middleware
async def guard_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site's page sends, as servers on a loopback address do."""
    if (
        simulator_of(request).profile.cross_site_refused
        and request.headers.get("Sec-Fetch-Site") == "cross-site"
    ):
        return web.Response(status=403)
    if _foreign(request.headers.get("Host", ""), request.headers.get("Origin", "")):
        return web.Response(status=403)
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


def _foreign(host: str, origin: str) -> bool:
    """Whether a page of another host asks a server on a loopback address."""
    try:
        here, there = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
        here_name, there_name = _named(here, there), _named(there, here)
    except ValueError:
        return True
    if not here_name or not there_name or not _loopback(here.hostname or ""):
        return False
    return here_name != there_name


def _named(url: SplitResult, other: SplitResult) -> str:
    """A URL's host and port; without the port where the other one has none."""
    return url.netloc if url.port is not None and other.port is not None else url.hostname or ""


def _loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what real servers answer to what they stumble over: 500 and a string."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        # A real server's static files match every path, but only GET: what does not exist is missing
        # to a GET, and forbidden to anything else.
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="405: Method Not Allowed")
        return web.Response(status=404, content_type="application/octet-stream")
    except web.HTTPException:
        raise
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the client gets a 500, as in life)
        _log.debug("%s %s: %r", request.method, request.path, error)
        return web.Response(status=500, text=_BROKEN)
