"""An /object_info: what is in the bytes of a server's answer, or in a file of it."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..bounds import Bounds, check_json, exceeded, unpack_gzip
from ..errors import BoundsError, SchemaError
from ..json_types import is_array, is_object
from .catalogue import LARGE, Catalogue, split
from .line_catalogue import read_lines
from .schema import Schema
from .version import Version, required_editor

GZIP: Final = b"\x1f\x8b"
"""What a gzip file begins with."""


def parse_object_info(data: bytes, source: str, bounds: Bounds | None = None) -> Mapping[str, Any]:
    """The object in the bytes of an /object_info answer.

    Args:
        data: JSON in UTF-8. ``NaN`` and ``Infinity`` are let through: servers write them.
        source: What to call it in messages.
        bounds: How large it may be.

    Raises:
        SchemaError: It is not JSON, no object, or too large.
    """
    bounds = bounds or Bounds.from_environment()
    if len(data) > bounds.json:
        raise SchemaError(exceeded("json", bounds, source))
    if data.lstrip()[:1] == b"<":
        raise SchemaError(f"{source} is a web page, not an /object_info; check the address")
    found = split(data, source, bounds) if len(data) >= LARGE else None
    if found is not None:
        return found
    try:
        check_json(data, bounds, source)
    except BoundsError as error:
        raise SchemaError(str(error)) from None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{source} is not valid JSON: {error}") from None
    if not is_object(value):
        raise SchemaError(
            f"{source} is not an /object_info: expected an object of nodes, got {type(value).__name__}"
        )
    return value


def schema_of(raw: Mapping[str, Any], version: Version | None, source: str) -> Schema:
    """The schema in an /object_info, or in the file beside generated modules.

    Args:
        raw: Its JSON.
        version: The server's version; None if the JSON, or what is in it, is to tell.
        source: What to call it in messages.

    Raises:
        SchemaError: It is something else.
    """
    nodes = _nodes_beside_stubs(raw)
    if nodes is not None:
        said = raw["comfyui_version"]
        version = version or (Version.parse(said) if isinstance(said, str) else None)
        editor = raw.get("editor_version")
        if not isinstance(editor, str):
            editor = required_editor(version) if version is not None else None
        return Schema(nodes, version, source, files_known=False, editor=editor)
    refuse_other_json(raw, source)
    return Schema(raw, version, source)


def _nodes_beside_stubs(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The node classes of the file that is beside generated modules; None if it is another."""
    if "nodes" not in raw or "comfyui_version" not in raw:
        return None
    if isinstance(raw, Catalogue):
        return raw.object_at("nodes")
    nodes = raw["nodes"]
    return nodes if is_object(nodes) else None


def read_schema(path: Path, version: Version | None = None, bounds: Bounds | None = None) -> Schema:
    """The schema in a file.

    Args:
        path: The file.
        version: See `schema_of`.
        bounds: How large it may be.

    Raises:
        SchemaError: It cannot be read, is too large, or is something else.
    """
    bounds = bounds or Bounds.from_environment()
    try:
        of_package = read_lines(path, bounds)
        if of_package is not None:
            return schema_of(of_package, version, str(path))
        with path.open("rb") as file:
            # A buffer of the size that is asked for is made first; a pipe has no size.
            size = os.fstat(file.fileno()).st_size or bounds.json
            data = file.read(min(size, bounds.json) + 1)
        if len(data) > bounds.json:
            raise BoundsError(exceeded("json", bounds, str(path)))
        if data.startswith(GZIP):
            data = unpack_gzip(data, bounds, bounds.json, "json", str(path))
    except BoundsError as error:
        raise SchemaError(str(error)) from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SchemaError(f"cannot read {path}: {reason}") from None
    return schema_of(parse_object_info(data, str(path), bounds), version, str(path))


_OF_A_CLASS: Final = frozenset(
    {"input", "output", "output_name", "output_node", "category", "display_name", "python_module"}
)
"""What a node class says about itself; every server says most of them of each."""


def refuse_other_json(raw: Mapping[str, Any], source: str) -> None:
    """Refuse what has entries of which none is a node class.

    Args:
        raw: The JSON.
        source: What to call it in messages.

    Raises:
        SchemaError: It is something else; says what.
    """
    if raw and not any(
        is_object(value) and (not value or _OF_A_CLASS & value.keys()) for value in raw.values()
    ):
        raise SchemaError(
            f"{source} is {_kind(raw)}, not an /object_info: save your server's response to GET "
            "/object_info, or name the server itself"
        )


def _kind(raw: Mapping[str, Any]) -> str:
    """What someone has, in the words of the field."""
    if is_array(raw.get("nodes")):
        return "an editor workflow"
    if _has(raw, "class_type"):
        return "a prompt"
    body = raw.get("prompt")
    if is_object(body) and _has(body, "class_type"):
        return "the body of a POST /prompt"
    if _has(raw, "prompt") and _has(raw, "outputs"):
        return "a server's history"
    if "system" in raw and "devices" in raw:
        return "the response to GET /system_stats"
    if "queue_running" in raw:
        return "the response to GET /queue"
    if "error" in raw:
        return "a server's error response"
    return "JSON without any node class"


def _has(entries: Mapping[str, Any], key: str) -> bool:
    """Whether there is an entry that has that key."""
    return any(is_object(entry) and key in entry for entry in entries.values())
