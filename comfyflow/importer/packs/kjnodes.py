"""KJNodes: Set and Get nodes, which hand a value on under a name."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode


def _buttons(node: PackNode) -> None:
    """A class whose inputs are counted has a button to bring them, which is sent."""
    if "inputcount" in node.widgets:
        node.set("Update inputs", None)


PACK: Final = Pack(
    "ComfyUI-KJNodes",
    "1.1.9",
    modules=("ComfyUI-KJNodes",),
    every=_buttons,
    virtual={"SetNode": "set", "GetNode": "get"},
)
