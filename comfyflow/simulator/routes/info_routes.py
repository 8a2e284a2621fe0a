"""What the server is and has: its nodes, versions, devices."""

from __future__ import annotations

import os
import sys

from aiohttp import web

from ...schema import required_editor
from ...versions import release
from .key import simulator_of

ROUTES = web.RouteTableDef()

_GIB = 1024**3


@ROUTES.get("/object_info")
async def get_object_info(request: web.Request) -> web.Response:
    """All node classes."""
    return web.json_response(simulator_of(request).object_info())


@ROUTES.get("/object_info/{class_type}")
async def get_node_info(request: web.Request) -> web.Response:
    """One node class; an empty object where it is unknown."""
    class_type = request.match_info["class_type"]
    node = simulator_of(request).object_info(class_type)
    return web.json_response(node)


@ROUTES.get("/system_stats")
async def get_system_stats(request: web.Request) -> web.Response:
    """Versions and devices."""
    profile = simulator_of(request).profile
    system = {
        "os": sys.platform if profile.platform_names else os.name,
        "ram_total": 16 * _GIB,
        "ram_free": 12 * _GIB,
        "comfyui_version": profile.version,
        "required_frontend_version": required_editor(release(profile.version)),
        "installed_templates_version": "0.0.0",
        "required_templates_version": "0.0.0",
        "python_version": sys.version,
        "pytorch_version": "0.0.0+simulated",
        "embedded_python": False,
        "argv": ["comfyflow", "simulate"],
    }
    device = {
        "name": "cpu (simulated by comfyflow)",
        "type": "cpu",
        "index": None,
        "vram_total": 16 * _GIB,
        "vram_free": 12 * _GIB,
        "torch_vram_total": 16 * _GIB,
        "torch_vram_free": 12 * _GIB,
    }
    return web.json_response({"system": system, "devices": [device]})


@ROUTES.get("/features")
async def get_features(request: web.Request) -> web.Response:
    """What the server can do."""
    return web.json_response(simulator_of(request).profile.features)
