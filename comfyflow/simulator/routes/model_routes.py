"""What the server is and has: its nodes, versions, devices, model files, and their metadata."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ...bounds import SIMULATED_HEADER
from ...schema import required_editor
from ...versions import release
from ..folders import PathEscapeError
from ..instance import simulator_of

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


_NOT_MODELS: Final = ("configs", "custom_nodes")


@ROUTES.get("/embeddings")
async def get_embeddings(request: web.Request) -> web.Response:
    """Embeddings, without their endings."""
    names = simulator_of(request).models.files("embeddings")
    return web.json_response([name.rsplit(".", 1)[0] for name in names])


@ROUTES.get("/models")
async def get_model_folders(request: web.Request) -> web.Response:
    """The kinds of model files."""
    return web.json_response(simulator_of(request).models.folder_names())


@ROUTES.get("/models/{folder}")
async def get_models(request: web.Request) -> web.Response:
    """The files of one kind."""
    models, folder = simulator_of(request).models, request.match_info["folder"]
    if folder not in models.folder_names():
        return web.Response(status=404)
    return web.json_response(models.files(folder))


@ROUTES.get("/experiment/models")
async def get_experiment_folders(request: web.Request) -> web.Response:
    """The kinds of model files and where they are."""
    simulator = simulator_of(request)
    base = simulator.folders.root / "models"
    folders: list[dict[str, Any]] = []
    for name in simulator.models.folder_names():
        if name in _NOT_MODELS:
            continue
        entry: dict[str, Any] = {"name": name, "folders": [str(base / name)]}
        if simulator.profile.jobs:
            entry["extensions"] = sorted(simulator.models.extensions)
        folders.append(entry)
    return web.json_response(folders)


@ROUTES.get("/experiment/models/{folder}")
async def get_experiment_models(request: web.Request) -> web.Response:
    """The files of one kind, with sizes and times."""
    simulator, folder = simulator_of(request), request.match_info["folder"]
    if folder not in simulator.models.folder_names():
        return web.Response(status=404)
    base = simulator.folders.root / "models" / folder
    return web.json_response([_file_entry(base, name) for name in simulator.models.files(folder)])


def _file_entry(base: Path, name: str) -> dict[str, Any]:
    path = base / name
    entry: dict[str, Any] = {"name": name, "pathIndex": 0, "modified": 0.0, "created": 0.0, "size": 0}
    if path.is_file():
        stat = path.stat()
        entry |= {"modified": stat.st_mtime, "created": stat.st_ctime, "size": stat.st_size}
    return entry


@ROUTES.get("/experiment/models/preview/{folder}/{path_index}/{filename:.*}")
async def get_model_preview(_request: web.Request) -> web.Response:
    """A model's picture: simulated models have none."""
    return web.Response(status=404)


@ROUTES.get("/view_metadata/{folder}")
async def get_model_metadata(request: web.Request) -> web.Response:
    """What a safetensors file says about itself."""
    simulator, name = simulator_of(request), request.query.get("filename", "")
    if not name.endswith(".safetensors"):
        return web.Response(status=404)
    try:
        models = simulator.folders.root / "models"
        path = simulator.folders.inside(models, request.match_info["folder"], name)
    except PathEscapeError:
        return web.Response(status=404)
    metadata = _safetensors_metadata(path) if path.is_file() else None
    return web.Response(status=404) if metadata is None else web.json_response(metadata)


def _safetensors_metadata(path: Path) -> Any:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= SIMULATED_HEADER:
            return None
        header = json.loads(file.read(length))
    return header.get("__metadata__")
