"""The files that jobs gave, and thumbnails of pictures among them, as answers."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import FileResponse, Response

from ..batch.record import SavedOutput
from ..batch.sheet.thumbnail import thumbnail
from ..bounds import MIB, SERVED_THUMBNAIL_SOURCE, SERVED_THUMBNAILS
from ..errors import MissingExtraError, PictureError
from .answer import OTHER_TYPE, has_thumbnail, media_type
from .refusal import Refusal

_SANDBOX: Final = "sandbox; default-src 'none'"
_AT_ONCE: Final = MIB
"""A file of at most this size is read at once: a piece at a time takes a change of threads for each."""


_SIDE: Final = 640
"""The longer side of a thumbnail, in pixels: the page shows it at half of that, some screens at twice."""
_MADE_AT_ONCE: Final = 2
"""A large picture takes much memory while its thumbnail is made."""


async def output_response(request: Request, folder: Path, file: SavedOutput) -> Response:
    """Return a job's file, or the requested parts of it.

    Args:
        request: The request: ``Range``, ``If-None-Match``.
        folder: The folder of the outputs.
        file: The file.

    Raises:
        Refusal: It no longer exists.
    """
    path = folder / file.name
    headers, is_known = _known(request, file.sha256)
    most = _AT_ONCE if request.method == "GET" and not (is_known or "range" in request.headers) else -1
    found = await asyncio.to_thread(_read, path, most) if path.parent == folder else None
    if found is None:
        raise Refusal(410, "gone", f"the file {file.name} is not in the folder of the outputs any more")
    known, content = found
    kind = media_type(file.name)
    if is_known:
        return Response(status_code=304, headers=headers)
    answer = FileResponse(
        path,
        headers=headers,
        media_type=kind,
        filename=file.name,
        stat_result=known,
        content_disposition_type="attachment" if kind == OTHER_TYPE else "inline",
    )
    if content is None:
        return answer
    del answer.headers["content-length"]
    return Response(content, headers=dict(answer.headers))


def _known(request: Request, tag: str) -> tuple[dict[str, str], bool]:
    """The headers of a file, and whether the client has it already."""
    quoted = f'"{tag}"'
    headers = {
        "ETag": quoted,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Security-Policy": _SANDBOX,
    }
    return headers, quoted in request.headers.get("if-none-match", "")


class OutputThumbnails:
    """Thumbnails of pictures that jobs gave, of which the latest are kept in memory.

    Args:
        folder: The folder of the outputs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._turns = asyncio.Semaphore(_MADE_AT_ONCE)

    async def response(self, request: Request, file: SavedOutput) -> Response:
        """Return a picture's thumbnail; the file itself if there can be none, or the picture moves.

        Args:
            request: The request: ``If-None-Match``.
            file: The file.

        Raises:
            Refusal: It no longer exists.
        """
        headers, is_known = _known(request, f"{file.sha256}-{_SIDE}")
        if is_known:
            return Response(status_code=304, headers=headers)
        data = await self._of(file) if has_thumbnail(file) else b""
        if not data:
            return await output_response(request, self._folder, file)
        return Response(data, headers=headers, media_type="image/webp")

    async def _of(self, file: SavedOutput) -> bytes:
        async with self._turns:
            data = self._kept.get(file.sha256)
            if data is None:
                data = await asyncio.to_thread(_small, self._folder, file.name)
                self._keep(file.sha256, data)
        if file.sha256 in self._kept:
            self._kept.move_to_end(file.sha256)
        return data

    def _keep(self, digest: str, data: bytes) -> None:
        self._size += len(data) - len(self._kept.get(digest, b""))
        self._kept[digest] = data
        while self._size > SERVED_THUMBNAILS:
            self._size -= len(self._kept.popitem(last=False)[1])


def _small(folder: Path, name: str) -> bytes:
    """The thumbnail of a picture; empty if there can be none."""
    path = folder / name
    found = _read(path, SERVED_THUMBNAIL_SOURCE) if path.parent == folder else None
    content = found[1] if found is not None else None
    if content is None:
        return b""
    try:
        return thumbnail(content, "picture", _SIDE, still=True)
    except (MissingExtraError, PictureError):
        return b""  # a browser shows more than Pillow does


def _read(path: Path, most: int) -> tuple[os.stat_result, bytes | None] | None:
    """What is known about a file, with its bytes if it is small enough; None if it does not exist."""
    try:
        known = path.lstat()
        if not stat.S_ISREG(known.st_mode):
            return None
        return known, path.read_bytes() if known.st_size <= most else None
    except OSError:
        return None
