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
from ..bounds import MIB, SERVED_THUMBNAIL_PIXELS, SERVED_THUMBNAIL_SOURCE, SERVED_THUMBNAILS
from ..errors import MissingExtraError, PictureError
from .answer import OTHER_TYPE, has_thumbnail, media_type
from .refusal import Refusal

_SANDBOX: Final = "sandbox; default-src 'none'"
_AT_ONCE: Final = MIB
"""A file of at most this size is read at once: a piece at a time takes a change of threads for each."""

_SIDE: Final = 640
"""The longer side of a thumbnail, in pixels: the page shows it at half of that, some screens at twice."""
_LEAST: Final = 1024
"""How many bytes anything kept counts at least, also that a picture has no thumbnail."""
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
    headers, is_known = _known(request, file.sha256)
    most = _AT_ONCE if request.method == "GET" and not (is_known or "range" in request.headers) else -1
    found = await asyncio.to_thread(_read, folder, file.name, most)
    if found is None:
        raise Refusal(410, "gone", f"the file {file.name} is not in the folder of the outputs any more")
    known, content = found
    kind = media_type(file.name)
    if is_known:
        return Response(status_code=304, headers=headers)
    answer = FileResponse(
        folder / file.name,
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
        found = await asyncio.to_thread(_read, self._folder, file.name, -1) if has_thumbnail(file) else None
        if found is not None and is_known:
            return Response(status_code=304, headers=headers)
        data = b"" if found is None else await self._of(file)
        if not data:
            return await output_response(request, self._folder, file)
        return Response(data, headers=headers, media_type="image/webp")

    async def _of(self, file: SavedOutput) -> bytes:
        """The thumbnail of a file; empty if there can be none. What is kept waits for none that is made."""
        if file.sha256 not in self._kept:
            async with self._turns:
                if file.sha256 not in self._kept:  # made meanwhile
                    data = await asyncio.to_thread(_small, self._folder, file.name)
                    if data is None:
                        return b""
                    return self._keep(file.sha256, data)
        self._kept.move_to_end(file.sha256)
        return self._kept[file.sha256]

    def _keep(self, digest: str, data: bytes) -> bytes:
        self._size += _weight(data) - (_weight(self._kept[digest]) if digest in self._kept else 0)
        self._kept[digest] = data
        self._kept.move_to_end(digest)
        while self._size > SERVED_THUMBNAILS:
            self._size -= _weight(self._kept.popitem(last=False)[1])
        return data


def _weight(data: bytes) -> int:
    return max(len(data), _LEAST)


def _small(folder: Path, name: str) -> bytes | None:
    """The thumbnail of a picture; empty if there can be none; None if the file cannot be read."""
    found = _read(folder, name, SERVED_THUMBNAIL_SOURCE)
    content = found[1] if found is not None else None
    if content is None:
        return None
    try:
        return thumbnail(content, "picture", _SIDE, still=True, pixels=SERVED_THUMBNAIL_PIXELS)
    except (MissingExtraError, PictureError):
        return b""  # a browser shows more than Pillow does


def _read(folder: Path, name: str, most: int) -> tuple[os.stat_result, bytes | None] | None:
    """What is known about a file, with its bytes if it is small enough; None if it does not exist."""
    path = folder / name
    try:
        known = path.lstat()
        if path.parent != folder or not stat.S_ISREG(known.st_mode):
            return None
        return known, path.read_bytes() if known.st_size <= most else None
    except OSError:
        return None
