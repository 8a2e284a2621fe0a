"""Fooocus nodes: the chosen styles are kept as a property, and sent beside what the class takes.

Current editors fail at the pack's code; those of its time sent the styles, and the server needs them.
"""

from __future__ import annotations

from typing import Final

from ...json_types import array_or_empty
from ..javascript import js_text
from ..pack import Pack, PackNode


def _styles(node: PackNode) -> None:
    chosen = array_or_empty(node.properties.get("values"))
    node.set("select_styles", ",".join(map(js_text, chosen)), place="the property values")


PACK: Final = Pack("Fooocus_Nodes", "1.0.2", modules=("Fooocus_Nodes",), classes={"Fooocus Styles": _styles})
