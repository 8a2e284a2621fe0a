"""Nodes that exist in the editor only: they have no class on the server and never reach a prompt."""

from __future__ import annotations

from typing import Final

_EDITOR: Final = {"Reroute": "reroute", "PrimitiveNode": "primitive", "Note": "note", "MarkdownNote": "note"}

_PACKS: Final = {
    "SetNode": "set",
    "GetNode": "get",
    "Reroute (rgthree)": "reroute",
    "Label (rgthree)": "note",
    "Bookmark (rgthree)": "note",
}


def virtual_role(type_: str, known: bool) -> str | None:
    """What kind of virtual node it is, or None where it is none.

    Args:
        type_: The node's type.
        known: False asks for the editor's own ones, which come before a class of the same name;
            True for those of well-known packs, which come after.
    """
    return _PACKS.get(type_) if known else _EDITOR.get(type_)
