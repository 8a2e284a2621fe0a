"""What the server says of single node classes: never the whole catalogue for one prompt."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import ClientError, ServerError
from ..json_types import is_object
from ..schema import Schema
from .core import Core
from .flow import Flow, Gather
from .server_routes import object_info

_AT_ONCE: Final = 8


def class_infos(
    core: Core, names: Iterable[str], *, anew: bool = False
) -> Flow[Mapping[str, Mapping[str, Any] | None]]:
    """Ask the server for node classes, several at once; what it said before is taken again.

    Args:
        core: The client.
        names: The classes.
        anew: Ask again: the lists of files may be others by now.

    Returns:
        What ``GET /object_info/CLASS`` says of each; None where it does not know it, or does not
        say.
    """
    wanted = list(dict.fromkeys(names))
    asked = wanted if anew else [name for name in wanted if name not in core.node_classes]
    if asked:
        answers = yield Gather([_info(core, name) for name in asked], _AT_ONCE)
        core.node_classes.update(zip(asked, answers, strict=True))
    return {name: core.node_classes[name] for name in wanted}


def with_server_classes(core: Core, schema: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema with what the server says of classes that are missing in it.

    Args:
        core: The client.
        schema: What is known already.
        names: The classes that are used.
    """
    missing = sorted({name for name in names if name not in schema.raw})
    if not missing:
        return schema
    try:
        infos = yield from class_infos(core, missing)
    except ClientError:
        return schema  # whoever needs the server will say that it does not answer
    found = {name: info for name, info in infos.items() if info is not None}
    if not found:
        return schema
    return Schema(ChainMap(found, dict(schema.raw)), schema.version, schema.source, schema.files_known)


def _info(core: Core, name: str) -> Flow[Mapping[str, Any] | None]:
    try:
        answer = yield from object_info(core, name)
    except ServerError:
        return None
    info = answer.get(name)
    return info if is_object(info) else None
