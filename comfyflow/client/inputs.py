"""Local files given to nodes such as ``LoadImage``: uploaded, and named as the server names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import ClientError, SchemaError
from ..json_types import object_or_empty
from ..schema import Schema
from .core import Core
from .file_routes import UploadedFile, upload_image
from .flow import Flow
from .target import Prepared

_CHUNK: Final = 1 << 20


def upload_inputs(
    core: Core, prepared: Prepared, schema: Schema | None
) -> Flow[tuple[Mapping[str, Any], set[str]]]:
    """Upload the local files that a prompt names, and name them as the server does.

    A file is a local one if it was given as a path object (``Path("photo.png")``), or as a text
    that the schema does not list and that names a file here. Only inputs that the editor lets
    one upload to are looked at. One file is uploaded once a client, by its content.

    Args:
        core: The client.
        prepared: The prompt.
        schema: Says which inputs take uploads; None where there is no schema: then only path
            objects count.

    Returns:
        The prompt with the server's names, and these names.

    Raises:
        ClientError: A path object names no file that can be read.
    """
    found = list(_local_files(prepared, schema))
    names: set[str] = set()
    if not found:
        return prepared.prompt, names
    prompt: dict[str, Any] = dict(prepared.prompt)
    for node_id, name, path in found:
        uploaded = yield from upload_once(core, path)
        node = prompt[node_id]
        prompt[node_id] = {**node, "inputs": {**node["inputs"], name: uploaded.reference}}
        names.add(uploaded.reference)
    return prompt, names


def upload_once(core: Core, path: Path) -> Flow[UploadedFile]:
    """Upload a file, if this client has not yet uploaded one of the same name and content.

    After the socket was away it is uploaded again: the server may be another one by then. A
    server that has it keeps its own file.

    Raises:
        ClientError: It cannot be read.
    """
    key = (core.hub.connections, path.name, _digest(path))
    known: UploadedFile | None = core.uploads.get(key)
    if known is None:
        known = yield from upload_image(core, path)
        core.uploads[key] = known
    return known


def _local_files(prepared: Prepared, schema: Schema | None) -> Iterator[tuple[str, str, Path]]:
    paths = prepared.paths()
    for node_id, node in prepared.prompt.items():
        entry = object_or_empty(node)
        known = schema.get(entry.get("class_type")) if schema is not None else None
        for name, value in object_or_empty(entry.get("inputs")).items():
            given = paths.get((node_id, name))
            declared = known.by_name.get(name) if known is not None else None
            takes = (
                declared.upload is not None if declared is not None else given is not None and known is None
            )
            if not takes:
                continue
            if given is not None:
                yield node_id, name, Path(given)
            elif isinstance(value, str) and declared is not None and _is_local(value, declared.choices or ()):
                yield node_id, name, Path(value)


def _is_local(value: str, listed: tuple[Any, ...]) -> bool:
    """Whether a text means a file here. What the server lists means the server's own."""
    if not value or value in listed or value.endswith((" [input]", " [output]", " [temp]")):
        return False
    try:
        return Path(value).is_file()
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ClientError(f"cannot read {os.fspath(path)} to upload it: {error.strerror or error}") from None
    return digest.hexdigest()


def schema_of(prepared: Prepared) -> Schema | None:
    """The schema that a workflow's node classes were generated from, if there is one."""
    if prepared.workflow is None:
        return None
    try:
        return prepared.workflow.schema()
    except SchemaError:
        return None
