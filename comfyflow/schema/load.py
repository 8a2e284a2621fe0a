"""Getting a schema: from a server, a file, or an object in hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..client_options import ClientOptions, ClientSettings
from ..errors import ClientError, SchemaError
from ..option import refuse_strangers, spelled
from .object_info import read_schema, schema_of
from .schema import Schema
from .version import Version

if TYPE_CHECKING:
    from typing_extensions import Unpack


@spelled(ClientOptions, ClientSettings)
def load_schema(
    source: str | os.PathLike[str] | Mapping[str, Any],
    version: str | None = None,
    **options: Unpack[ClientOptions],
) -> Schema:
    """Read the node classes of a ComfyUI server.

    Args:
        source: The URL of a server (``http://127.0.0.1:8188``, or with credentials, as for
            `Client`), a file with the response to its ``GET /object_info`` (``.gz`` too), or that response
            itself.
        version: The server's version. By default, the server or the file provides it, or
            it is inferred from the nodes.
        options: How to connect to a server, as for `Client`: see `ClientOptions`.

    Returns:
        A `Schema`; nodes that cannot be read are left out of it and named in its ``problems``.

    Raises:
        SchemaError: The file does not exist, no server answers, or the JSON is not an
            /object_info.
    """
    refuse_strangers("load_schema", options, ClientOptions, "source", "version")
    given = _parsed(version)
    if isinstance(source, Mapping):
        return schema_of(source, given, "a dictionary")
    text = os.fspath(source)
    if "://" in text:
        return _from_server(text, given, options)
    return read_schema(Path(text), given, options.get("bounds"))


def _parsed(version: str | None) -> Version | None:
    if version is None:
        return None
    parsed = Version.parse(version)
    if parsed is None:
        raise SchemaError(f"{version!r} is not a ComfyUI version; expected something like 0.27.0")
    return parsed


def _from_server(url: str, version: Version | None, options: ClientOptions) -> Schema:
    from ..client import Client

    try:
        with Client(url, **options) as client:
            return client._schema_of(version)
    except ClientError as error:
        raise SchemaError(str(error)) from None
