"""AlekPet's nodes: buttons among the widgets, which are saved in their places and sent."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode

_MANUAL: Final = "Manual Trasnlate"
"""The button's name and value, spelled as the pack spells them."""


_OLD_IDE: Final = 6
"""How many values older files have of the IDE."""


def _google(node: PackNode) -> None:
    """A button is before the text. Older files have the text in the place of the switch."""
    values = node.values
    node.set(_MANUAL, values[3] if len(values) > 3 else _MANUAL)
    if len(values) > 4:
        node.set("text", values[4], place=4)
    if len(values) > 2 and isinstance(values[2], str):
        node.set("text", values[2], place=2)
        node.set("manual_translate", False)


def _ide(node: PackNode) -> None:
    """The program is behind the list of themes, a list of files and the buttons of the editor."""
    values = node.values
    node.set("Load code", "-- Select code file --")
    if values:
        node.set("pycode", values[5] if len(values) == _OLD_IDE else values[4] if len(values) > 4 else "")
    else:
        node.set("pycode", node.options("pycode").get("default", ""))


PACK: Final = Pack(
    "ComfyUI_Custom_Nodes_AlekPet",
    "1.1.7",
    modules=("ComfyUI_Custom_Nodes_AlekPet",),
    classes={
        "GoogleTranslateCLIPTextEncodeNode": _google,
        "GoogleTranslateTextNode": _google,
        "IDENode": _ide,
    },
)
