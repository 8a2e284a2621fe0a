"""Uploads to a server: files, or masks for files that it has."""

from __future__ import annotations

import builtins
import os
from pathlib import Path, PurePath
from typing import TypeAlias

from ...errors import ClientError, ServerError
from ...input_file import InputFile, PillowPicture, PixelArray, UploadedFile, is_path
from ...json_types import is_object, text_or_empty
from ...output_file import OutputFile
from ..backend import recognise
from ..core import Core, fetch_json
from ..flow import Flow, Part, Request, json_body

UploadSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | PillowPicture | PixelArray
"""What can be uploaded: a file, its bytes, or a Pillow or NumPy picture."""


def upload_image(
    core: Core,
    source: UploadSource,
    *,
    name: str | None = None,
    subfolder: str = "",
    type: str = "input",  # noqa: A002  # the server's name for it
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Upload a file into one of the server's folders: a picture, or anything else.

    A Comfy API v2 server stores assets instead: it has one folder, replaces nothing, and is sent only files
    that it does not have.

    Args:
        source: A file, its bytes, or a Pillow or NumPy picture, which is sent as PNG.
        name: Its name; by default the file's own name. The server chooses another if a file with that name
            and other content exists.
        subfolder: The folder below `type`.
        type: ``input``, ``temp`` or ``output``.
        overwrite: Whether to replace a file of that name.

    Returns:
        The server's name for it: use its ``reference``.

    Raises:
        ClientError: The file cannot be read, or it is not a picture that can be sent.
        ServerError: The server refuses it.
    """
    if core.recognition.likely.has_folders:
        try:
            return (yield from store_image(core, source, name, subfolder, type, overwrite))
        except ServerError as error:
            if error.status not in (404, 405) or (yield from recognise(core)).has_folders:
                raise
    content, own_name = upload_content(source)
    called = PurePath(name or own_name).name
    return (yield from core.recognition.likely.upload(core, content, called, type, subfolder))


def store_image(
    core: Core,
    source: UploadSource,
    name: str | None,
    subfolder: str,
    type: str,  # noqa: A002  # the server's name for it
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Upload a file into a folder of a ComfyUI server; see `upload_image`."""
    request = _upload("/api/upload/image", source, name, subfolder, type, overwrite, {})
    return (yield from _uploaded(core, request))


def upload_mask(
    core: Core,
    source: UploadSource,
    original: UploadedFile | OutputFile,
    *,
    name: str | None = None,
    subfolder: str = "",
    type: str = "input",  # noqa: A002  # the server's name for it
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Upload a picture's alpha channel as the mask of a picture on the server.

    Args:
        source: A PNG with the mask as its alpha, its bytes, or a Pillow or NumPy picture.
        original: The picture on the server.
        name: The name of the new picture.
        subfolder: See `upload_image`.
        type: See `upload_image`.
        overwrite: See `upload_image`.

    Returns:
        The new picture. If the original is missing, the server reports nothing and writes nothing.
    """
    reference = {"filename": original.name, "subfolder": original.subfolder, "type": original.type}
    fields = {"original_ref": json_body(reference).decode()}
    request = _upload("/api/upload/mask", source, name, subfolder, type, overwrite, fields)
    return (yield from _uploaded(core, request))


def _upload(
    path: str,
    source: UploadSource,
    name: str | None,
    subfolder: str,
    kind: str,
    overwrite: bool,
    more: dict[str, str],
) -> Request:
    content, own_name = upload_content(source)
    called = name or own_name
    fields = {"type": kind, "subfolder": subfolder, **more}
    if overwrite:
        fields["overwrite"] = "true"
    return Request("POST", path, fields=fields, parts=(Part("image", PurePath(called).name, content),))


def upload_content(source: UploadSource) -> tuple[bytes | Path, str]:
    """The content to send, and its default name.

    Raises:
        ClientError: It cannot be sent.
    """
    if isinstance(source, (bytes, bytearray)):
        return bytes(source), "upload.png"
    if isinstance(source, str) or is_path(source):
        path = Path(source)
        return path, path.name
    try:
        file = InputFile.of(source)
    except ValueError as error:
        raise ClientError(f"the file cannot be uploaded: {error}") from None
    if file is None or file.content is None:
        raise ClientError(
            f"a {builtins.type(source).__name__} cannot be uploaded; give a file, its bytes, or a "
            "Pillow or NumPy picture (for a file of a result: client.read(file) returns its bytes)"
        )
    return file.content, file.name


def _uploaded(core: Core, request: Request) -> Flow[UploadedFile]:
    said = yield from fetch_json(
        core, request, lambda value: is_object(value) and isinstance(value.get("name"), str)
    )
    return UploadedFile(
        said["name"], text_or_empty(said.get("subfolder")), text_or_empty(said.get("type")) or "input"
    )
