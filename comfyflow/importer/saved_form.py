"""Whether a workflow has the form that 1.27 knows. Only then it checks the links (see `link_check`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..json_types import is_array, is_number, is_object

MAX_NESTING: Final = 50
"""How deep definitions of subgraphs may be in one another."""

Check = Callable[[Any], bool]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*:\S.*", re.IGNORECASE | re.DOTALL)
_PACK: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
_OWNER: Final = re.compile(r"(?!-)(?!.*--)[a-z0-9-]+(?<!-)", re.IGNORECASE)
_VERSION: Final = re.compile(
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[\da-z-]+(?:\.[\da-z-]+)*)?(?:\+[\da-z-]+(?:\.[\da-z-]+)*)?"
    r"|[0-9a-f]{4,40}",
    re.IGNORECASE,
)
_MAX_PACK_NAME: Final = 100
_ABSENT: Final = object()


def has_known_form(raw: Mapping[str, Any]) -> bool:
    """Whether each part of a workflow that 1.27 knows has the type that it expects.

    Fields that it does not know may hold anything.
    """
    if not is_number(raw.get("version")):
        return False
    return _version_1(raw) if raw["version"] == 1 else _version_04(raw)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _node_id(value: Any) -> bool:
    return isinstance(value, str) or _whole(value)


def _slot_index(value: Any) -> bool:
    return _whole(value) or (isinstance(value, str) and re.match(r"\s*[+-]?\d", value) is not None)


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _version_of_pack(value: Any) -> bool:
    return value == "unknown" or (
        isinstance(value, str) and _VERSION.fullmatch(value.removeprefix("v")) is not None
    )


def _pack(value: Any) -> bool:
    return _matches(_PACK)(value) and len(value) <= _MAX_PACK_NAME


def _repository(value: Any) -> bool:
    owner, _, name = value.partition("/") if isinstance(value, str) else ("", "", "")
    return _matches(_OWNER)(owner) and _pack(name)


def _list_of(check: Check) -> Check:
    return lambda value: is_array(value) and all(check(item) for item in value)


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _data_type(value: Any) -> bool:
    return isinstance(value, str) or is_number(value) or _list_of(_text)(value)


def _tuple(*checks: Check) -> Check:
    return lambda value: (
        is_array(value)
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )


def _object(needed: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    def check(value: Any) -> bool:
        if not is_object(value):
            return False
        for name, part in needed.items():
            if name not in value or not part(value[name]):
                return False
        for name, part in optional.items():
            held = value.get(name, _ABSENT)
            if held is not _ABSENT and not part(held):
                return False
        return True

    return check


def _vector(value: Any) -> bool:
    if is_object(value):
        return is_number(value.get("0")) and is_number(value.get("1"))
    return _tuple(is_number, is_number)(value)


_BOX: Final = _tuple(is_number, is_number, is_number, is_number)
_LINK: Final = _tuple(is_number, _node_id, _slot_index, _node_id, _slot_index, _data_type)
_LINK_OBJECT: Final = _object(
    {
        "id": is_number,
        "origin_id": _node_id,
        "origin_slot": _slot_index,
        "target_id": _node_id,
        "target_slot": _slot_index,
        "type": _data_type,
    },
    {"parentId": is_number},
)
_MODEL: Final = _object(
    {"name": _text, "url": _matches(_URL), "directory": _text}, {"hash": _text, "hash_type": _text}
)
_REROUTE: Final = _object(
    {"id": is_number, "pos": _vector},
    {
        "parentId": is_number,
        "linkIds": _or_null(_list_of(is_number)),
        "floating": _object({"slotType": lambda value: value in ("input", "output")}, {}),
    },
)
_INPUT_PARTS: Final[dict[str, Check]] = {"link": _or_null(is_number), "slot_index": _slot_index}
_INPUT: Final = _object({"name": _text, "type": _data_type}, _INPUT_PARTS)
_OUTPUT: Final = _object(
    {"name": _text, "type": _data_type},
    {"links": _or_null(_list_of(is_number)), "slot_index": _slot_index},
)
_BOUNDARY: Final = _object(
    {"name": _text, "type": _text, "id": _matches(_UUID)}, {**_INPUT_PARTS, "linkIds": _list_of(is_number)}
)
_FLAGS: Final = _object(
    {},
    dict.fromkeys(("collapsed", "pinned", "allow_interaction", "horizontal", "skip_repeated_outputs"), _flag),
)
_PROPERTIES: Final = _object(
    {},
    {
        "Node name for S&R": _text,
        "cnr_id": _pack,
        "aux_id": _repository,
        "ver": _version_of_pack,
        "models": _list_of(_MODEL),
    },
)
_PLACED: Final[dict[str, Check]] = {
    "id": _node_id, "type": _text, "pos": _vector, "size": _vector, "flags": _FLAGS, "order": is_number,
    "mode": is_number,
}  # fmt: skip
_SHOWN: Final[dict[str, Check]] = {
    "widgets_values": lambda value: is_array(value) or is_object(value),
    "color": _text,
    "bgcolor": _text,
}
_NODE: Final = _object(
    {**_PLACED, "properties": _PROPERTIES},
    {"inputs": _list_of(_INPUT), "outputs": _list_of(_OUTPUT), **_SHOWN},
)
_INSTANCE: Final = _object(
    {**_PLACED, "type": _matches(_UUID)},
    {"inputs": _list_of(_BOUNDARY), "outputs": _list_of(_BOUNDARY), **_SHOWN},
)
_GROUP: Final = _object(
    {"title": _text, "bounding": _BOX},
    {"id": is_number, "color": _text, "font_size": is_number, "locked": _flag},
)
_EXTRA: Final = _object(
    {},
    {
        "ds": _object({"scale": is_number, "offset": _vector}, {}),
        "frontendVersion": _text,
        "linkExtensions": _list_of(_object({"id": is_number, "parentId": is_number}, {})),
        "reroutes": _list_of(_REROUTE),
    },
)
_GRAPH_PARTS: Final[dict[str, Check]] = {
    "id": _matches(_UUID),
    "revision": is_number,
    "config": _or_null(_object({}, {"links_ontop": _flag, "align_to_grid": _flag})),
    "subgraphs": _list_of(_INSTANCE),
    "floatingLinks": _list_of(_LINK_OBJECT),
    "groups": _list_of(_GROUP),
    "extra": _or_null(_EXTRA),
    "models": _list_of(_MODEL),
}
_STATE: Final = _object(
    dict.fromkeys(("lastGroupId", "lastNodeId", "lastLinkId", "lastRerouteId"), is_number), {}
)
_VERSION_04: Final = _object(
    {"last_node_id": _node_id, "last_link_id": is_number, "nodes": _list_of(_NODE), "links": _list_of(_LINK)},
    _GRAPH_PARTS,
)
_VERSION_1: Final = _object(
    {"state": _STATE, "nodes": _list_of(_NODE)},
    {**_GRAPH_PARTS, "links": _list_of(_LINK_OBJECT), "reroutes": _list_of(_REROUTE)},
)
_BOUNDARY_NODE: Final = _object({"id": _node_id, "bounding": _BOX}, {"pinned": _flag})
_DEFINITION: Final = _object(
    {
        "version": lambda value: is_number(value) and value == 1,
        "id": _matches(_UUID),
        "revision": is_number,
        "name": _text,
        "inputNode": _BOUNDARY_NODE,
        "outputNode": _BOUNDARY_NODE,
    },
    {
        "inputs": _list_of(_BOUNDARY),
        "outputs": _list_of(_BOUNDARY),
        "widgets": _list_of(_object({"id": _text, "name": _text}, {})),
    },
)


def _version_04(raw: Mapping[str, Any]) -> bool:
    return _VERSION_04(raw) and _definitions_have_form(raw)


def _version_1(raw: Mapping[str, Any]) -> bool:
    return _VERSION_1(raw) and _definitions_have_form(raw)


def _definitions_have_form(raw: Mapping[str, Any]) -> bool:
    level: list[Any] = [raw]
    for _ in range(MAX_NESTING):
        following: list[Any] = []
        for holder in level:
            held = holder.get("definitions", _ABSENT)
            if held is _ABSENT:
                continue
            if not is_object(held) or not is_array(held.get("subgraphs")):
                return False
            following.extend(held["subgraphs"])
        if not all(_DEFINITION(definition) and _VERSION_1(definition) for definition in following):
            return False
        if not following:
            return True
        level = following
    return False
