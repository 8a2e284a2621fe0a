"""What ComfyUI's editor asks beside the API, so that it opens and works against the simulator.

Only the editor should ask for logs and folders, which have no ``/api`` form. Its own files are on this
machine.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web

from ...errors import SimulatorError
from ..folders import FOLDER_TYPES
from ..instance import instance_of, simulator_of

ROUTES = web.RouteTableDef()


@ROUTES.get("/extensions")
async def get_extensions(request: web.Request) -> web.Response:
    """The editor's scripts."""
    editor = simulator_of(request).frontend
    if editor is None:
        return web.json_response([])
    scripts = sorted(path.relative_to(editor).as_posix() for path in (editor / "extensions").rglob("*.js"))
    return web.json_response([f"/{script}" for script in scripts])


@ROUTES.get("/workflow_templates")
async def get_workflow_templates(_request: web.Request) -> web.Response:
    """Templates of custom nodes: none."""
    return web.json_response({})


@ROUTES.get("/i18n")
async def get_translations(_request: web.Request) -> web.Response:
    """Translations of custom nodes: none."""
    return web.json_response({})


@ROUTES.get("/global_subgraphs")
async def get_subgraphs(request: web.Request) -> web.Response:
    """Subgraphs that come with the server: none; unknown before 0.3.67."""
    _since_jobs(request)
    return web.json_response({})


@ROUTES.get("/global_subgraphs/{id}")
async def get_subgraph(request: web.Request) -> web.Response:
    """One of them: null."""
    _since_jobs(request)
    return web.json_response(None)


@ROUTES.get("/node_replacements")
async def get_node_replacements(request: web.Request) -> web.Response:
    """Which classes stand in for ones that are gone (0.14 and later)."""
    _since_jobs(request)
    return web.json_response(dict(simulator_of(request).node_replacements))


def _since_jobs(request: web.Request) -> None:
    """Answer 404 where the profile is older than the route."""
    if not simulator_of(request).profile.jobs:
        raise web.HTTPNotFound


def add_editor(app: web.Application, editor: Path | None) -> None:
    """Serve the editor's files, or a page that says what this is.

    Args:
        app: The application, with all other routes added.
        editor: The folder of the editor's files, or None.
    """
    app.router.add_get("/", _index)
    app.router.add_get("/templates/{name:.*}", _template)
    if editor is not None:
        app.router.add_static("/", editor)


async def _template(_request: web.Request) -> web.Response:
    return web.Response(body=b"[]", content_type="application/json")


async def _index(request: web.Request) -> web.StreamResponse:
    simulator = simulator_of(request)
    if simulator.frontend is not None:
        return web.FileResponse(simulator.frontend / "index.html", headers={"Cache-Control": "no-cache"})
    return web.Response(body=_page(request).encode(), content_type="text/html")


def _page(request: web.Request) -> str:
    simulator, instance = simulator_of(request), instance_of(request)
    shown: list[str] = []
    for prompt_id, entry in list(instance.queue.history().items())[-12:]:
        for output in entry["outputs"].values():
            shown += [_figure(file, prompt_id) for file in output.get("images", ())]
    pictures = "".join(reversed(shown)) or "<p>No pictures yet.</p>"
    return (
        "<!doctype html><meta charset=utf-8><title>comfyflow simulator</title>"
        "<style>body{font:15px sans-serif;background:#16171c;color:#ddd;margin:2em}"
        "figure{display:inline-block;margin:.5em}img{max-width:22em;max-height:22em}</style>"
        f"<h1>A simulated ComfyUI {html.escape(simulator.profile.version)}</h1>"
        f"<p>{len(simulator.schema.raw)} node classes, {instance.queue.remaining} prompts left. "
        f"Files: {html.escape(str(simulator.folders.root))}</p>{pictures}"
    )


def _figure(file: dict[str, str], prompt_id: str) -> str:
    from urllib.parse import urlencode

    address = html.escape(f"/view?{urlencode(file)}", quote=True)
    return f'<figure><a href="{address}"><img src="{address}" alt="{html.escape(prompt_id)}"></a></figure>'


PACKAGE: Final = "comfyui_frontend_package"
SETTINGS: Final[Mapping[str, object]] = {
    # There are no templates, and a first start opens their list.
    "Comfy.TutorialCompleted": True,
    # Else the editor asks the internet for releases.
    "Comfy.Notification.ShowVersionUpdates": False,
}
"""What the editor's settings are on a simulator, until someone changes them."""


def frontend_folder(wanted: bool | str | os.PathLike[str]) -> Path | None:
    """The folder of the editor's files.

    Args:
        wanted: True: that of the installed package ``comfyui-frontend-package``. False: none. Else a
            folder: the package's ``static``, or your own build.

    Raises:
        SimulatorError: The package is not installed, or there is no ``index.html`` in the folder.
    """
    if wanted is False:
        return None
    folder = _installed() if wanted is True else Path(wanted).resolve()
    if not (folder / "index.html").is_file():
        raise SimulatorError(
            f"{folder} has no index.html: pass the folder of the editor's files, `static` in the "
            "package comfyui-frontend-package"
        )
    return folder


def _installed() -> Path:
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise SimulatorError(
            "ComfyUI's editor is not installed: pip install 'comfyflow-dsl[editor]' "
            "(or any version of it: pip install comfyui-frontend-package)"
        )
    return Path(next(iter(places))).resolve() / "static"


INTERNAL_ROUTES = web.RouteTableDef()


@INTERNAL_ROUTES.get("/internal/logs")
async def get_logs(request: web.Request) -> web.Response:
    """The log as one text."""
    lines = (f"{entry['t']} - {entry['m']}" for entry in instance_of(request).logs)
    return web.json_response("".join(lines))


@INTERNAL_ROUTES.get("/internal/logs/raw")
async def get_raw_logs(request: web.Request) -> web.Response:
    """The log by lines."""
    entries = list(instance_of(request).logs)
    return web.json_response({"entries": entries, "size": {"cols": 80, "rows": 24}})


@INTERNAL_ROUTES.patch("/internal/logs/subscribe")
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


@INTERNAL_ROUTES.get("/internal/folder_paths")
async def get_folder_paths(request: web.Request) -> web.Response:
    """Where model files are."""
    simulator = simulator_of(request)
    models = simulator.folders.root / "models"
    return web.json_response({name: [str(models / name)] for name in simulator.models.folder_names()})


@INTERNAL_ROUTES.get("/internal/files/{kind}")
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
