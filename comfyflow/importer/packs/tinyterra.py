"""tinyterraNodes: what a run shows on its nodes is saved behind their values, and sent."""

from __future__ import annotations

from typing import Any, Final

from ..pack import Pack, PackNode

_SHOWING: Final = (
    "ttN advPlot combo",
    "ttN advPlot merge",
    "ttN advPlot range",
    "ttN advPlot string",
    "ttN debugInput",
    "ttN textDebug",
    "ttN textOutput",
)


def _display(node: PackNode) -> None:
    place = len(node.widgets)
    shown = _placed(node)[place:]
    node.set("display", shown[0] if shown else "")


def _placed(node: PackNode) -> list[Any]:
    """The saved values without those of inputs that are links only, where there is one for each input [9]."""
    names, values = list(node.types()), node.values
    if len(values) != len(names):
        return values
    return [
        value for name, value in zip(names, values, strict=True) if not node.options(name).get("forceInput")
    ]


PACK: Final = Pack(
    "ComfyUI_tinyterraNodes",
    "2.0.11",
    modules=("ComfyUI_tinyterraNodes",),
    classes=dict.fromkeys(_SHOWING, _display),
)
