"""What ComfyUI's editor asks beside the API, so that it opens and works against the simulator."""

from __future__ import annotations

import html
from pathlib import Path

from aiohttp import web

from .key import instance_of, simulator_of

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
