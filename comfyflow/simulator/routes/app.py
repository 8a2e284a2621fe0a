"""The application: every route bare and under ``/api``, and what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from ..profile import MAX_UPLOAD_BYTES
from . import file_routes, info_routes, prompt_routes
from .key import SIMULATOR

if TYPE_CHECKING:
    from ..simulator import Simulator

PREFIX = "/api"


def make_app(simulator: Simulator) -> web.Application:
    """The application of one life of a server.

    Args:
        simulator: Whose; its current instance is used.
    """
    app = web.Application(client_max_size=MAX_UPLOAD_BYTES)
    app[SIMULATOR] = simulator
    for routes in (prompt_routes.ROUTES, file_routes.ROUTES, info_routes.ROUTES):
        for route in routes:
            if isinstance(route, web.RouteDef):
                app.router.add_route(route.method, PREFIX + route.path, route.handler, **route.kwargs)
        app.add_routes(routes)
    return app
