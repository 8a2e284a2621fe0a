"""The editor's types of slots: which may be linked to which, and what several have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..graph import bypass
from ..json_types import is_array, is_object
from ..sockets import Socket
from .javascript import js_text

_ANYTHING: Final = frozenset({"", "*"})
_NATIVE: Final = _ANYTHING | {
    held.__name__ for held in Socket.__subclasses__() if held.__module__ == Socket.__module__
}


def saved_type(saved: Mapping[str, Any]) -> Any:
    """The type of a slot as it was saved: a text; 0, -1 or nothing; in old files a list of choices."""
    type_ = saved.get("type")
    return js_text(type_) if is_array(type_) or is_object(type_) else type_


def connects(one: Any, other: Any) -> bool:
    """Whether the editor lets two slots be linked: see `bypass.connects`; 0 and null go with everything."""
    if one in (0, None) or other in (0, None):
        return True
    return one == other or bypass.connects(js_text(one), js_text(other))


def is_native(type_: str) -> bool:
    """Whether a type, or a member of a union, is one of ComfyUI's own."""
    return not _NATIVE.isdisjoint(type_.split(","))


def common_type(types: Iterable[Any]) -> str | None:
    """What all of the types have in common, ``*`` if none says anything, None if nothing."""
    stated: list[dict[str, None]] = []
    for type_ in types:
        if not isinstance(type_, str):
            return None
        if type_ != "*":
            stated.append(dict.fromkeys(type_.split(",")))
    if not stated:
        return "*"
    shared = [member for member in stated[0] if all(member in other for other in stated[1:])]
    return ",".join(shared) or None
