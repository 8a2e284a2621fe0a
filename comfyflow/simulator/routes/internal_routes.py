"""What only the editor should ask: logs and folders. It has no ``/api`` form."""

from __future__ import annotations

from aiohttp import web

from ..folders import FOLDER_TYPES
from .key import instance_of, simulator_of

ROUTES = web.RouteTableDef()


@ROUTES.get("/internal/logs")
async def get_logs(request: web.Request) -> web.Response:
    """The log as one text."""
    lines = (f"{entry['t']} - {entry['m']}" for entry in instance_of(request).logs)
    return web.json_response("".join(lines))


@ROUTES.get("/internal/logs/raw")
async def get_raw_logs(request: web.Request) -> web.Response:
    """The log by lines."""
    entries = list(instance_of(request).logs)
    return web.json_response({"entries": entries, "size": {"cols": 80, "rows": 24}})


@ROUTES.patch("/internal/logs/subscribe")
async def patch_subscription(request: web.Request) -> web.Response:
    """Send a client the log as it grows, or stop."""
    body = await request.json()
    client_id, enabled = body["clientId"], body["enabled"]
    watchers = instance_of(request).log_watchers
    if enabled:
        watchers.add(client_id)
    else:
        watchers.discard(client_id)
    return web.Response()


@ROUTES.get("/internal/folder_paths")
async def get_folder_paths(request: web.Request) -> web.Response:
    """Where model files are."""
    simulator = simulator_of(request)
    models = simulator.folders.root / "models"
    return web.json_response({name: [str(models / name)] for name in simulator.models.folder_names()})


@ROUTES.get("/internal/files/{kind}")
async def get_files(request: web.Request) -> web.Response:
    """The files of the input, output or temp folder, newest first."""
    kind, simulator = request.match_info["kind"], simulator_of(request)
    if kind not in FOLDER_TYPES:
        return web.json_response({"error": "Invalid directory type"}, status=400)
    found = [path for path in simulator.folders.of(kind).iterdir() if path.is_file()]
    found.sort(key=lambda path: -path.stat().st_mtime)
    names = [path.name for path in found if not path.name.startswith(".")]
    if simulator.profile.annotated_internal_names:
        names = [f"{name} [{kind}]" for name in names]
    return web.json_response(names)
