"""AnimateDiff-Evolved and Advanced-ControlNet: two kinds of widgets that are shown and not sent [C3].

One shows that a class is old, the other sizes the node. Both take a place among the saved values.
"""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode

_SHOWN: Final = ("ADEWARN", "ADEAUTOSIZE", "ACNAUTOSIZE")


def _hide(node: PackNode) -> None:
    node.remove(*(name for name, type_ in node.types().items() if type_ in _SHOWN))


PACK: Final = Pack(
    "ComfyUI-AnimateDiff-Evolved",
    "1.5.7",
    modules=("ComfyUI-AnimateDiff-Evolved", "ComfyUI-Advanced-ControlNet"),
    every=_hide,
)
