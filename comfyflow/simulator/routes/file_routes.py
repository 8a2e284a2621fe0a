"""Files: seen and uploaded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, Final

from aiohttp import web
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...container import open_picture
from ..folders import FOLDER_TYPES, Folders, PathEscapeError, split_annotation
from ..instance import simulator_of
from ..profile import Profile

ROUTES = web.RouteTableDef()

PREVIEW_QUALITY: Final = 90
ACTIVE_TYPES: Final = frozenset(
    {"text/html", "text/html-sandboxed", "application/xhtml+xml", "text/javascript", "application/javascript",
     "text/css"}
)  # fmt: skip
ACTIVE_IMAGES: Final = frozenset({"image/svg+xml", "text/xml", "application/xml"})


@ROUTES.get("/view")
async def get_view(request: web.Request) -> web.StreamResponse:
    """A file of the output, input or temp folder: whole, as a preview, or one channel of it."""
    query = request.query
    if "filename" not in query:
        return web.Response(status=404)
    name, kind = split_annotation(query["filename"])
    if not name or name.startswith("/") or ".." in name:
        return web.Response(status=400)
    kind = kind or query.get("type", "output")
    if kind not in FOLDER_TYPES:
        return web.Response(status=400)
    folders = simulator_of(request).folders
    base = folders.of(kind)
    try:
        folder = folders.inside(base, query["subfolder"]) if "subfolder" in query else base
        path = folders.inside(base, str(folder), PurePosixPath(name).name)
    except PathEscapeError:
        return web.Response(status=404 if "\0" in name else 403)
    if not path.is_file():
        return web.Response(status=404)
    if "preview" in query:
        return await _shown(path, _preview(query["preview"], query.get("channel", "")))
    if query.get("channel") == "rgb":
        return await _shown(path, _color)
    if query.get("channel") == "a":
        return await _shown(path, _alpha)
    return _whole(path, simulator_of(request).profile, request.headers.get("Sec-Fetch-Dest"))


def _whole(path: Path, profile: Profile, destination: str | None) -> web.FileResponse:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    quoted = path.name.replace("\\", "\\\\").replace('"', '\\"')
    disposition, headers = f'filename="{quoted}"', dict[str, str]()
    attach_active = profile.active_attachments
    active = ACTIVE_TYPES | ACTIVE_IMAGES if attach_active else ACTIVE_TYPES
    if attach_active:
        headers["X-Content-Type-Options"] = "nosniff"
    if kind in active:
        if profile.svg_as_image:
            headers |= {"Vary": "Sec-Fetch-Dest", "Cache-Control": "no-store"}
        if not (profile.svg_as_image and destination == "image" and kind == "image/svg+xml"):
            kind = "application/octet-stream"
            disposition = f"attachment; {disposition}" if attach_active else disposition
    return web.FileResponse(
        path, headers={**headers, "Content-Disposition": disposition, "Content-Type": kind}
    )


async def _shown(path: Path, convert: Callable[[Image.Image], tuple[bytes, str]]) -> web.Response:
    def read() -> tuple[bytes, str]:
        image = open_picture(path.read_bytes())
        with image:
            return convert(image)

    data, image_format = await asyncio.to_thread(read)
    headers = {"Content-Disposition": f'filename="{path.name}"'}
    return web.Response(body=data, content_type=f"image/{image_format}", headers=headers)


def _preview(wanted: str, channel: str) -> Callable[[Image.Image], tuple[bytes, str]]:
    parts = wanted.split(";")
    image_format = parts[0] if parts[0] in ("webp", "jpeg") and "a" not in channel else "webp"
    quality = int(parts[-1]) if parts[-1].isdigit() else PREVIEW_QUALITY

    def convert(image: Image.Image) -> tuple[bytes, str]:
        shown = image.convert("RGB") if image_format == "jpeg" or channel == "rgb" else image
        return _encoded(shown, image_format, quality=quality), image_format

    return convert


def _color(image: Image.Image) -> tuple[bytes, str]:
    return _encoded(image.convert("RGB"), "png"), "png"


def _alpha(image: Image.Image) -> tuple[bytes, str]:
    alpha = image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, 255)
    shown = Image.new("RGBA", image.size)
    shown.putalpha(alpha)
    return _encoded(shown, "png"), "png"


def _encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


@ROUTES.post("/upload/image")
async def post_image(request: web.Request) -> web.Response:
    """Take a file."""
    return await _upload(request, _plain)


@ROUTES.post("/upload/mask")
async def post_mask(request: web.Request) -> web.Response:
    """Take a mask, and write the picture that it belongs to with the mask's alpha."""
    return await _upload(request, _masked)


async def _upload(
    request: web.Request, convert: Callable[[Folders, Any, bytes], bytes | None]
) -> web.Response:
    form: Mapping[str, Any] = await request.post()
    image = form.get("image")
    if image is None:
        return web.Response(status=400)
    if not isinstance(image, web.FileField):
        raise TypeError("a file needs a name")
    kind = str(form.get("type", "input"))
    if kind not in FOLDER_TYPES:
        raise web.HTTPInternalServerError
    folders, subfolder = simulator_of(request).folders, str(form.get("subfolder", ""))
    base = folders.of(kind)
    try:
        path = folders.inside(base, subfolder, image.filename)
    except PathEscapeError:
        return web.Response(status=400)
    sent = image.file.read()
    folder = folders.inside(base, subfolder)
    folder.mkdir(parents=True, exist_ok=True)
    known = False
    if form.get("overwrite") not in ("true", "1"):
        path, known = _free_name(path, sent)
    if not known:
        data = convert(folders, form, sent)
        if data is not None:
            path.write_bytes(data)
    name = path.relative_to(folder).as_posix()
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


def _free_name(path: Path, sent: bytes) -> tuple[Path, bool]:
    """The first name that is free, or that of a file which is the same already."""
    wanted, number = path, 1
    digest = hashlib.sha256(sent).digest()
    while path.exists():
        if hashlib.sha256(path.read_bytes()).digest() == digest:
            return path, True
        path = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        number += 1
    return path, False


def _plain(_folders: Folders, _form: Any, sent: bytes) -> bytes:
    return sent


def _masked(folders: Folders, form: Any, sent: bytes) -> bytes | None:
    """The picture that ``original_ref`` names, with the mask's alpha; None if it is missing."""
    original = json.loads(form["original_ref"])
    name, kind = split_annotation(original["filename"])
    if not name or name.startswith("/") or ".." in name:
        return None
    kind = kind or original.get("type", "output")
    if kind not in FOLDER_TYPES:
        return None
    try:
        path = folders.inside(folders.of(kind), original.get("subfolder", ""), name)
    except PathEscapeError:
        return None
    if not path.is_file():
        return None
    picture, mask = open_picture(path.read_bytes()), open_picture(sent)
    with picture, mask:
        text = PngInfo()
        for key, value in getattr(picture, "text", {}).items():
            text.add_text(key, value)
        combined = picture.convert("RGBA")
        combined.putalpha(mask.convert("RGBA").getchannel("A"))
        return _encoded(combined, "png", compress_level=4, pnginfo=text)
