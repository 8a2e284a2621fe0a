"""Versions of ComfyUI servers: what one says of itself, or what its nodes betray."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..dynamic import KEYED
from ..json_types import is_object
from .catalogue import mentioning, modules, outlines

_DOTTED: Final = re.compile(r"\s*v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?")


class Version(NamedTuple):
    """A ComfyUI version; compares as numbers, so 0.3.64 is before 0.27.0."""

    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read ``0.27.0``, ``v0.3.64`` or ``0.13``; None where it is no version."""
        match = _DOTTED.match(text)
        return cls(*(int(part or 0) for part in match.groups())) if match else None


NEWEST: Final = Version(0, 27, 0)
"""The newest server whose behaviour was recorded."""

_EDITORS: Final = ((Version(0, 33), "1.49.6"), (Version(0, 27), "1.45.20"), (Version(0), "1.27.10"))


def required_editor(version: Version) -> str:
    """The version of the editor that a server requires, as far as servers were recorded."""
    return next(editor for since, editor in _EDITORS if version >= since)


_DYNAMIC: Final = Version(0, 4, 0)
_LATER: Final = Version(0, 28, 0)
_LATER_MODULES: Final = frozenset(
    {
        "comfy_extras.nodes_compositor",
        "comfy_extras.nodes_mesh_postprocess",
        "comfy_extras.nodes_minimax_h3",
        "comfy_extras.nodes_minimax_music",
        "comfy_extras.nodes_trellis2",
    }
)
"""Modules of ComfyUI that 0.27.0 has not and 0.33.0 has. No key of a node tells them apart."""
_LOOPS: Final = Version(0, 37, 0)
_LOOP_MODULE: Final = "comfy_extras.nodes_loop"
"""The module that came after 0.36."""
_SIGNS: Final = (
    ("has_intermediate_output", NEWEST),
    ("search_aliases", Version(0, 13, 0)),
    ("is_input_list", Version(0, 12, 0)),
)


def infer_version(raw: Mapping[str, Any]) -> Version:
    """The least version whose /object_info has this shape (protocol, section 9).

    Keys that every node of a version carries are the signs: ``has_intermediate_output`` by
    0.27, ``search_aliases`` by 0.13, ``is_input_list`` from 0.12; a dynamic V3 input from 0.4.
    Modules that came after 0.27: 0.28; the one of loops: 0.37. Nothing of the kind: 0.3.64. An
    empty object says nothing: the newest.
    """
    if not any(True for _ in outlines(raw)):
        return NEWEST
    known = set(modules(raw))
    if _LOOP_MODULE in known:
        return _LOOPS
    if not _LATER_MODULES.isdisjoint(known):
        return _LATER
    for key, version in _SIGNS:
        if any(is_object(node) and key in node for node in mentioning(raw, f'"{key}"')):
            return version
    for kind in KEYED:
        if any(is_object(node) and kind in str(node.get("input")) for node in mentioning(raw, kind)):
            return _DYNAMIC
    return Version(0, 3, 64)


def inferred(version: Version) -> str:
    """An inferred version, as people are told it: what a server's classes betray is the least it can be."""
    if version < _DYNAMIC:
        return f"before {_DYNAMIC.major}.{_DYNAMIC.minor}"
    return f"{version.major}.{version.minor} or newer"
