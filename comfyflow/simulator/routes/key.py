"""How a handler gets at the server that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from ..instance import ServerInstance
    from ..simulator import Simulator

SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator")


def simulator_of(request: web.Request) -> Simulator:
    """The simulator that was asked."""
    return request.app[SIMULATOR]


def instance_of(request: web.Request) -> ServerInstance:
    """Its current life."""
    return request.app[SIMULATOR].instance
