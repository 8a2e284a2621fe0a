"""Users, their settings and their files."""

from __future__ import annotations

import mimetypes
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from ..folders import Folders, PathEscapeError
from ..instance import simulator_of
from ..profile import Profile
from .file_routes import ACTIVE_IMAGES, ACTIVE_TYPES

ROUTES = web.RouteTableDef()


@ROUTES.get("/users")
async def get_users(_request: web.Request) -> web.Response:
    """Who there is: a single user."""
    return web.json_response({"storage": "server", "migrated": True})


@ROUTES.post("/users")
async def post_user(request: web.Request) -> web.Response:
    """Add a user."""
    name = (await request.json())["username"].strip()
    users = simulator_of(request).users
    if name in users.values():
        return web.json_response({"error": "Duplicate username."}, status=400)
    if not name:
        return web.json_response({"error": "username not provided"}, status=400)
    user_id = re.sub(r"[^a-zA-Z0-9_-]+", "-", name) + f"_{uuid.uuid4()}"
    users[user_id] = name
    return web.json_response(user_id)


@ROUTES.get("/settings")
async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return web.json_response(simulator_of(request).user_settings)


@ROUTES.get("/settings/{id}")
async def get_setting(request: web.Request) -> web.Response:
    """One setting, or null."""
    return web.json_response(simulator_of(request).user_settings.get(request.match_info["id"]))


@ROUTES.post("/settings")
async def post_settings(request: web.Request) -> web.Response:
    """Change some settings."""
    simulator_of(request).user_settings.update(await request.json())
    return web.Response()


@ROUTES.post("/settings/{id}")
async def post_setting(request: web.Request) -> web.Response:
    """Change one setting."""
    simulator_of(request).user_settings[request.match_info["id"]] = await request.json()
    return web.Response()


@ROUTES.get("/userdata")
async def get_userdata(request: web.Request) -> web.Response:
    """The files of a folder, as names, parts or with times."""
    wanted = request.query.get("dir", "")
    if not wanted:
        return web.Response(status=400, text="Directory not provided")
    try:
        folder = _path(request, wanted)
    except PathEscapeError:
        return web.Response(status=403, text="Invalid directory")
    if not folder.exists():
        return web.Response(status=404, text="Directory not found")
    recurse, full, split = (_is_true(request, name) for name in ("recurse", "full_info", "split"))
    profile = simulator_of(request).profile
    found = _walked(folder) if recurse else (folder / name for name in sorted(os.listdir(folder)))  # noqa: PTH208
    files = [path for path in found if path.is_file() and not path.name.startswith(".")]
    names = [path.relative_to(folder).as_posix() for path in files]
    if full:
        return web.json_response(
            [_info(path, name, profile) for path, name in zip(files, names, strict=True)]
        )
    return web.json_response([[name, *name.split("/")] for name in names] if split else names)


@ROUTES.get("/v2/userdata")
async def get_userdata_tree(request: web.Request) -> web.Response:
    """All folders and files below a folder, folders first."""
    home = _home(simulator_of(request).folders)
    try:
        folder = _path(request, unquote(request.query.get("path", "")) or ".")
    except PathEscapeError:
        return web.Response(status=400, text="Invalid path requested")
    if not folder.exists():
        return web.Response(status=404, text="Requested path not found")
    if not folder.is_dir():
        return web.Response(status=400, text="Requested path is not a directory")
    entries: list[dict[str, Any]] = []
    for path in _walked(folder, folders=True):
        entry: dict[str, Any] = {"name": path.name, "path": path.relative_to(home).as_posix()}
        if path.is_dir():
            entries.append({**entry, "type": "directory"})
        else:
            stat = path.stat()
            entries.append({**entry, "type": "file", "size": stat.st_size, "modified": stat.st_mtime})
    entries.sort(key=lambda entry: (entry["type"] != "directory", entry["name"].lower()))
    return web.json_response(entries)


@ROUTES.get("/userdata/{file}")
async def get_userfile(request: web.Request) -> web.StreamResponse:
    """A file."""
    path = _existing(request)
    if isinstance(path, web.Response):
        return path
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    profile, disposition = simulator_of(request).profile, "attachment"
    if not profile.active_attachments:
        return web.FileResponse(path)
    if profile.user_css_inline and request.match_info["file"] == "user.css":
        kind, disposition = "text/css", "inline"
    elif kind in ACTIVE_TYPES | ACTIVE_IMAGES:
        kind = "application/octet-stream"
    headers = {
        "Content-Type": kind,
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": disposition,
    }
    return web.FileResponse(path, headers=headers)


@ROUTES.post("/userdata/{file}")
async def post_userfile(request: web.Request) -> web.Response:
    """Write a file."""
    try:
        path = _path(request, request.match_info["file"])
    except PathEscapeError:
        return web.Response(status=403)
    if request.query.get("overwrite") == "false" and path.exists():
        return web.Response(status=409, text="File already exists")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(await request.read())
    return _written(request, path)


@ROUTES.delete("/userdata/{file}")
async def delete_userfile(request: web.Request) -> web.Response:
    """Remove a file."""
    path = _existing(request)
    if isinstance(path, web.Response):
        return path
    path.unlink()
    return web.Response(status=204)


@ROUTES.post("/userdata/{file}/move/{dest}")
async def move_userfile(request: web.Request) -> web.Response:
    """Rename a file."""
    source = _existing(request)
    if isinstance(source, web.Response):
        return source
    try:
        target = _path(request, request.match_info["dest"])
    except PathEscapeError:
        return web.Response(status=403)
    if request.query.get("overwrite") == "false" and target.exists():
        return web.Response(status=409, text="File already exists")
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    return _written(request, target)


def _home(folders: Folders) -> Path:
    return folders.root / "user" / "default"


def _path(request: web.Request, name: str) -> Path:
    folders = simulator_of(request).folders
    return folders.inside(_home(folders), unquote(name))


def _existing(request: web.Request) -> Path | web.Response:
    try:
        path = _path(request, request.match_info["file"])
    except PathEscapeError:
        return web.Response(status=403)
    return path if path.is_file() else web.Response(status=404)


def _written(request: web.Request, path: Path) -> web.Response:
    simulator = simulator_of(request)
    name = path.relative_to(_home(simulator.folders)).as_posix()
    if _is_true(request, "full_info"):
        return web.json_response(_info(path, name, simulator.profile))
    return web.json_response(name)


def _is_true(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"


def _info(path: Path, name: str, profile: Profile) -> dict[str, Any]:
    stat = path.stat()
    modified, created = stat.st_mtime, stat.st_ctime
    if profile.userdata_milliseconds:
        modified, created = int(modified * 1000), int(created * 1000)
    return {"path": name, "size": stat.st_size, "modified": modified, "created": created}


def _walked(folder: Path, folders: bool = False) -> Iterator[Path]:
    for root, names, files in os.walk(folder):
        names.sort()
        yield from (Path(root) / name for name in sorted(files))
        if folders:
            yield from (Path(root) / name for name in names)
