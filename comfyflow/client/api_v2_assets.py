"""Files of the Comfy API v2: assets, identified by an id and by the BLAKE3 hash of their bytes."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..errors import ClientError, ServerError
from ..graph.prompt import unwrapped, wrapped
from ..input_file import InputFile, UploadedFile, asset_hash
from ..json_types import is_object, text_or_empty
from ..output_file import OutputFile
from .address import bearer
from .backend import Input, no_such_feature
from .core import Core, fetch_json
from .flow import Flow, Part, Request, json_body, segment

_ASSETS: Final = "/api/v2/assets"


_SCANS: Final = 120
"""How often a server is asked whether it has scanned an uploaded file."""


_LOG: Final = logging.getLogger("comfyflow.uploads")


def v2_request(core: Core, method: str, path: str, **options: Any) -> Request:
    """A request to the API, which takes the key as a bearer token; ComfyUI's own routes take X-API-Key.

    Args:
        core: The client.
        method: ``GET``, ``POST``, ….
        path: Below the server's base path.
        options: Other attributes of the request.
    """
    headers = dict(options.pop("headers", {}))
    known = {name.lower(): value for name, value in core.credentials.headers.items()}
    if "x-api-key" in known and "authorization" not in known:
        headers["Authorization"] = bearer(known["x-api-key"])
    return Request(method, path, headers=headers, **options)


def upload_asset(core: Core, content: bytes | Path, path: str) -> Flow[str]:
    """Make an asset of bytes that the server may already have; they are sent only if it does not.

    Args:
        core: The client.
        content: The bytes, or the file that has them.
        path: The file's name, with its folder below the server's input folder.

    Returns:
        The id of the asset.

    Raises:
        ClientError: It cannot be read.
        ServerError: The server refuses it.
    """
    digest = content_hash(content)
    if digest is not None:
        body = json_body({"hash": digest, "file_path": path})
        try:
            said = yield from fetch_json(
                core, v2_request(core, "POST", f"{_ASSETS}/from-hash", content=body), _is_asset
            )
        except ServerError as error:
            if error.status not in (404, 405, 422):
                raise
        else:
            return text_or_empty(said["id"])
    fields = {"content_type": _media_type(path), "file_path": path}
    if digest is not None:
        fields["expected_hash"] = digest
    parts = (Part("file", path.rpartition("/")[2], content),)
    said = yield from fetch_json(
        core, v2_request(core, "POST", _ASSETS, fields=fields, parts=parts), _is_asset
    )
    asset_id = text_or_empty(said["id"])
    if said.get("hash") is None:
        yield from _scanned(core, asset_id)
    return asset_id


def _scanned(core: Core, asset_id: str) -> Flow[None]:
    """Wait until the server has scanned a file: until then no job may name it."""
    for attempt in range(_SCANS):
        said = yield from fetch_json(
            core, v2_request(core, "GET", f"{_ASSETS}/{segment(asset_id)}"), _is_asset
        )
        if said.get("hash") is not None or core.left() == 0.0:
            return
        yield from core.pause(core.jitter(attempt))


def content_hash(content: bytes | Path) -> str | None:
    """The BLAKE3 hash of a file as the API writes it; None if blake3 is not installed.

    Args:
        content: The bytes, or the file that has them.

    Raises:
        ClientError: It cannot be read.
    """
    try:
        digest = asset_hash(content)
    except OSError as error:
        raise ClientError(f"cannot read {content!s} to upload it: {error.strerror or error}") from None
    if digest is None:
        _LOG.info(
            "files are uploaded even if the server already has them; to check first: "
            "pip install 'comfyflow-dsl[cloud]'"
        )
    return digest


def asset_of(file: InputFile | UploadedFile | OutputFile | None) -> str:
    """The asset id of a file; empty if it is not an asset."""
    if isinstance(file, InputFile):
        file = file.uploaded
    if isinstance(file, UploadedFile):
        return file.asset_id
    return text_or_empty(file.info.get("id")) if file is not None else ""


def content_request(core: Core, file: OutputFile, headers: Mapping[str, str]) -> Request:
    """The request for the bytes of an output.

    Raises:
        ClientError: It is not an asset.
    """
    asset_id = asset_of(file)
    if not asset_id:
        raise no_such_feature(f"a file by its name ({file.annotated_name})", "Take files from a result")
    request = v2_request(core, "GET", f"{_ASSETS}/{segment(asset_id)}/content", headers=headers)
    return replace(request, file=file.name)


def with_assets(prompt: Mapping[str, Any], assets: Mapping[Input, str]) -> Mapping[str, Any]:
    """A prompt in which asset ids replace file names.

    Args:
        prompt: The prompt JSON.
        assets: The ids, by node, input, and place in a list of files.
    """
    found: dict[str, Any] = dict(prompt)
    for (node_id, name, index), asset_id in assets.items():
        node = found[node_id]
        given = node["inputs"][name]
        value: Any = _reference(asset_id, given)
        if index is not None:
            listed = list(unwrapped(given))
            listed[index] = _reference(asset_id, listed[index])
            value = wrapped(listed)
        found[node_id] = {**node, "inputs": {**node["inputs"], name: value}}
    return found


def _reference(asset_id: str, name: object) -> dict[str, Any]:
    return {"__type": "core/ASSET", "info": {"id": asset_id, "file_path": text_or_empty(name)}}


def _is_asset(value: object) -> bool:
    return is_object(value) and isinstance(value.get("id"), str) and value["id"] != ""


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
