"""Versions of ComfyUI servers: what one says about itself, or what its nodes betray."""

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
        """Read ``0.27.0``, ``v0.3.64`` or ``0.13``; None if it is not a version."""
        match = _DOTTED.match(text)
        return cls(*(int(part or 0) for part in match.groups())) if match else None


NEWEST: Final = Version(0, 27, 0)
"""The newest server whose behaviour was recorded."""

EDITORS: Final = ((Version(0, 33), "1.49.6"), (Version(0, 27), "1.45.20"), (Version(0), "1.27.10"))
"""Since which server which version of the editor is required, the newest first."""


def required_editor(version: Version) -> str:
    """The version of the editor that a server requires, as far as servers were recorded."""
    return next(editor for since, editor in EDITORS if version >= since)


DYNAMIC_INPUTS: Final = Version(0, 4)
"""Since this release servers have dynamic inputs."""

MODULE_SIGNS: Final = (
    (frozenset({"comfy_extras.nodes_loop"}), Version(0, 37)),
    (
        frozenset(
            {
                "comfy_extras.nodes_compositor",
                "comfy_extras.nodes_mesh_postprocess",
                "comfy_extras.nodes_minimax_h3",
                "comfy_extras.nodes_minimax_music",
                "comfy_extras.nodes_trellis2",
            }
        ),
        Version(0, 28),
    ),
)
"""Modules of ComfyUI that no older release has, the newest first: since 0.27 no key of a node tells
releases apart.
"""

SIGNS: Final = (
    ("has_intermediate_output", Version(0, 27)),
    ("search_aliases", Version(0, 13)),
    ("is_input_list", Version(0, 12)),
)
"""Keys that every node of these releases has and none of an older one, the newest first."""


def infer_version(raw: Mapping[str, Any]) -> Version:
    """The least version whose /object_info has this shape: `MODULE_SIGNS`, `SIGNS`, and kinds of
    dynamic inputs (protocol, section 9). With nothing of the kind it is 0.3.64. An empty object says
    nothing: the newest.
    """
    if not any(True for _ in outlines(raw)):
        return NEWEST
    known = set(modules(raw))
    for signs, version in MODULE_SIGNS:
        if not signs.isdisjoint(known):
            return version
    for key, version in SIGNS:
        if any(is_object(node) and key in node for node in mentioning(raw, f'"{key}"')):
            return version
    for kind in KEYED:
        if any(is_object(node) and kind in str(node.get("input")) for node in mentioning(raw, kind)):
            return DYNAMIC_INPUTS
    return Version(0, 3, 64)


def inferred(version: Version) -> str:
    """An inferred version, as messages show it: what a server's classes betray is the least it can be."""
    if version < DYNAMIC_INPUTS:
        return f"before {DYNAMIC_INPUTS.major}.{DYNAMIC_INPUTS.minor}"
    return f"{version.major}.{version.minor} or newer"
