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
from .server_routes import object_info, system_stats

_AT_ONCE: Final = 8
_SINGLY: Final = 100
"""Classes that are asked for one by one; for more, the whole catalogue comes faster."""


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


def of_server(core: Core, known: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema with what the server says of these classes, and the editor that it requires.

    The editor makes prompts of the classes of the server that it runs on, which may have others than
    `known` under the same names: of another release, or a pack's.

    Args:
        core: The client.
        known: Has the classes that the server does not know, or does not tell of.
        names: The classes that are used.
    """
    wanted = sorted(set(names))
    try:
        stats = yield from system_stats(core)
        found: Mapping[str, Any]
        if len(wanted) > _SINGLY:
            found = yield from object_info(core)
        else:
            infos = yield from class_infos(core, wanted)
            found = {name: info for name, info in infos.items() if info is not None}
    except ClientError:
        return known  # whoever needs the server will say that it does not answer
    return Schema(
        ChainMap(dict(found), dict(known.raw)),
        stats.version,
        core.address.url,
        known.files_known,
        stats.editor,
    )


def _info(core: Core, name: str) -> Flow[Mapping[str, Any] | None]:
    try:
        answer = yield from object_info(core, name)
    except ServerError:
        return None
    info = answer.get(name)
    return info if is_object(info) else None
