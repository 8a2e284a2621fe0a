"""The files that jobs gave, as answers."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import FileResponse, Response

from ..batch.record import SavedOutput
from ..bounds import MIB
from .answer import OTHER_TYPE, media_type
from .refusal import Refusal

_SANDBOX: Final = "sandbox; default-src 'none'"
_AT_ONCE: Final = MIB
"""A file of at most this size is read at once: a piece at a time takes a change of threads for each."""


async def output_response(request: Request, folder: Path, file: SavedOutput) -> Response:
    """Return a job's file, or the requested parts of it.

    Args:
        request: The request: ``Range``, ``If-None-Match``.
        folder: The folder of the outputs.
        file: The file.

    Raises:
        Refusal: It no longer exists.
    """
    path, tag = folder / file.name, f'"{file.sha256}"'
    is_known = tag in request.headers.get("if-none-match", "")
    most = _AT_ONCE if request.method == "GET" and not (is_known or "range" in request.headers) else -1
    found = await asyncio.to_thread(_read, path, most) if path.parent == folder else None
    if found is None:
        raise Refusal(410, "gone", f"the file {file.name} is not in the folder of the outputs any more")
    known, content = found
    kind = media_type(file.name)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Security-Policy": _SANDBOX,
    }
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


def _read(path: Path, most: int) -> tuple[os.stat_result, bytes | None] | None:
    """What is known about a file, with its bytes if it is small enough; None if it does not exist."""
    try:
        known = path.lstat()
        if not stat.S_ISREG(known.st_mode):
            return None
        return known, path.read_bytes() if known.st_size <= most else None
    except OSError:
        return None
