"""Files that are sent to a server, whole or as a mask of one that it has."""

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
"""What can be uploaded: a file, its bytes, or a picture of Pillow or NumPy."""


def upload_image(
    core: Core,
    source: UploadSource,
    *,
    name: str | None = None,
    subfolder: str = "",
    type: str = "input",  # noqa: A002  # the server's word
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Put a file into one of the server's folders: a picture, or anything else.

    A server of the Comfy API v2 keeps assets instead: it has one folder, replaces nothing, and is sent
    only what it has not.

    Args:
        source: A file, its bytes, or a picture of Pillow or NumPy, which is sent as PNG.
        name: What it is to be called; by default the file's own name. The server chooses
            another where one of that name with other content is there already.
        subfolder: The folder below `type`.
        type: ``input``, ``temp`` or ``output``.
        overwrite: Whether to replace one of that name.

    Returns:
        What the server calls it: use its ``reference``.

    Raises:
        ClientError: The file cannot be read, or it is no picture that can be sent.
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
    type: str,  # noqa: A002  # the server's word
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Put a file into one of the folders of a ComfyUI server; see `upload_image`."""
    request = _upload("/api/upload/image", source, name, subfolder, type, overwrite, {})
    return (yield from _uploaded(core, request))


def upload_mask(
    core: Core,
    source: UploadSource,
    original: UploadedFile | OutputFile,
    *,
    name: str | None = None,
    subfolder: str = "",
    type: str = "input",  # noqa: A002  # the server's word
    overwrite: bool = False,
) -> Flow[UploadedFile]:
    """Make the alpha of a picture the mask of a picture that the server has.

    Args:
        source: A PNG with the mask as its alpha, its bytes, or a picture of Pillow or NumPy.
        original: The picture on the server.
        name: What the new picture is to be called.
        subfolder: See `upload_image`.
        type: See `upload_image`.
        overwrite: See `upload_image`.

    Returns:
        The new picture. Where the original is missing, the server says nothing and writes
        nothing.
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
    """What is sent, and what it is called where nothing else is said.

    Raises:
        ClientError: It is nothing that can be sent.
    """
    if isinstance(source, (bytes, bytearray)):
        return bytes(source), "upload.png"
    if isinstance(source, str) or is_path(source):
        path = Path(source)
        return path, path.name
    try:
        file = InputFile.of(source)
    except ValueError as error:
        raise ClientError(f"this cannot be uploaded: {error}") from None
    if file is None or file.content is None:
        raise ClientError(
            f"a {builtins.type(source).__name__} cannot be uploaded; give a file, its bytes, or a picture of "
            "Pillow or NumPy (a file of a result: client.read(file) has its bytes)"
        )
    return file.content, file.name


def _uploaded(core: Core, request: Request) -> Flow[UploadedFile]:
    said = yield from fetch_json(
        core, request, lambda value: is_object(value) and isinstance(value.get("name"), str)
    )
    return UploadedFile(
        said["name"], text_or_empty(said.get("subfolder")), text_or_empty(said.get("type")) or "input"
    )
