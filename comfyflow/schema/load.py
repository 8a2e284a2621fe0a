"""Getting a schema: from a server, a file, or an object in hand."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import SchemaError
from ..json_types import is_object
from .schema import Schema
from .version import Version

MAX_BYTES: Final = 512 * 1024 * 1024
"""The largest /object_info that is read. Large real ones are some 20 MB."""

TIMEOUT_SECONDS: Final = 30.0
_OK: Final = 200


def load_schema(source: str | os.PathLike[str] | Mapping[str, Any], version: str | None = None) -> Schema:
    """Read the node classes of a ComfyUI server.

    Args:
        source: The URL of a server (``http://127.0.0.1:8188``), a file with the answer of its
            ``GET /object_info`` (``.gz`` too), or that answer itself.
        version: The server's version. Left out, the server or the file says it, or it is
            inferred from the shape of the nodes.

    Returns:
        A `Schema`; nodes that cannot be read are left out of it and named in its ``problems``.

    Raises:
        SchemaError: There is no such file, no server answers, or what was read is no
            /object_info.
    """
    given = _parsed(version)
    if isinstance(source, Mapping):
        return _schema(source, given, "a dictionary")
    text = os.fspath(source)
    if text.startswith(("http://", "https://")):
        return _from_server(text, given)
    return _from_file(Path(text), given)


def parse_object_info(data: bytes, source: str) -> Mapping[str, Any]:
    """The object in the bytes of an /object_info answer.

    Args:
        data: JSON in UTF-8. ``NaN`` and ``Infinity`` are let through: servers write them.
        source: What to call it in messages.

    Raises:
        SchemaError: It is no JSON, or no object.
    """
    if data.lstrip()[:1] == b"<":
        raise SchemaError(f"{source} is a web page, not an /object_info; is the address right?")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{source} is not valid JSON: {error}") from None
    if not is_object(value):
        raise SchemaError(
            f"{source} is no /object_info: expected an object of nodes, got {type(value).__name__}"
        )
    return value


def _schema(raw: Mapping[str, Any], version: Version | None, source: str) -> Schema:
    if "nodes" in raw and "comfyui_version" in raw and is_object(raw["nodes"]):
        said = raw["comfyui_version"]
        version = version or (Version.parse(said) if isinstance(said, str) else None)
        return Schema(raw["nodes"], version, source, files_known=False)
    return Schema(raw, version, source)


def _parsed(version: str | None) -> Version | None:
    if version is None:
        return None
    parsed = Version.parse(version)
    if parsed is None:
        raise SchemaError(f"{version!r} is no ComfyUI version; write it like 0.27.0")
    return parsed


def _from_file(path: Path, version: Version | None) -> Schema:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path, "rb") as packed:
                data = packed.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SchemaError(f"cannot read {path}: {reason}") from None
    if len(data) > MAX_BYTES:
        raise SchemaError(f"{path} is larger than {MAX_BYTES} bytes: that is no /object_info")
    return _schema(parse_object_info(data, str(path)), version, str(path))


def _from_server(url: str, version: Version | None) -> Schema:
    import httpx

    base = url.rstrip("/")
    try:
        with httpx.Client(base_url=base, timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
            answer = client.get("/object_info")
            stats = client.get("/system_stats") if version is None else None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SchemaError(f"no ComfyUI server answers at {base}: {error}") from None
    if answer.status_code != _OK:
        raise SchemaError(f"{base}/object_info answered {answer.status_code}; is that a ComfyUI server?")
    if stats is not None and stats.status_code == _OK:
        version = _version_of(stats)
    return _schema(parse_object_info(answer.content, f"{base}/object_info"), version, base)


def _version_of(stats: Any) -> Version | None:
    try:
        said = stats.json()["system"]["comfyui_version"]
    except (ValueError, KeyError, TypeError):
        return None
    return Version.parse(said) if isinstance(said, str) else None
