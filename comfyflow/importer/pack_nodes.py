"""Classes of well-known packs whose widgets their own JavaScript makes, where the file says enough.

Of all other classes of custom nodes: a node that was saved with more or fewer values than its
class has widgets is reported, because only its own code knows what they are.
"""

from __future__ import annotations

from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object
from .javascript import shown
from .live_graph import Node, Widget
from .report import Report

POWER_LORA: Final = "Power Lora Loader (rgthree)"
_BUTTON: Final = "\N{HEAVY PLUS SIGN} Add Lora"
_SEPARATE: Final = "Separate Model & Clip"


def fill_pack_node(node: Node) -> bool:
    """Give a node the widgets that its pack's code would make; False where the pack is not known."""
    if node.type != POWER_LORA:
        return False
    header = {"type": "PowerLoraLoaderHeaderWidget"}
    node.widgets = [_saved("PowerLoraLoaderHeaderWidget", header, None)]
    for place, value in enumerate(array_or_empty(node.raw.get("widgets_values"))):
        if is_object(value) and "lora" in value:
            name = f"lora_{len(node.widgets)}"
            node.widgets.append(_saved(name, _lora(node, dict(value)), place))
    node.widgets.append(_saved(_BUTTON, "", None))
    return True


def _lora(node: Node, value: dict[str, Any]) -> dict[str, Any]:
    """One LoRA as it is sent: with a strength of its own for CLIP only if the node shows that."""
    if node.properties.get("Show Strengths") == _SEPARATE:
        value["strengthTwo"] = 1 if value.get("strengthTwo") is None else value["strengthTwo"]
    else:
        value.pop("strengthTwo", None)
    return value


def _saved(name: str, value: Any, origin: int | None) -> Widget:
    widget = Widget(name, "plain", value)
    widget.origin = origin
    return widget


def report_unaccounted(node: Node, report: Report) -> None:
    """Warn of a custom node whose saved values do not fit the widgets of its class."""
    shape = node.shape
    values = node.raw.get("widgets_values")
    if shape is None or shape.core or node.type == POWER_LORA:
        return
    if is_object(values):
        names = {widget.name for widget in node.widgets}
        unknown = [name for name in values if name not in names and name != "videopreview"]
        if unknown:
            report.add(
                "values_not_understood",
                f"values saved as {', '.join(map(shown, unknown[:5]))} are left out: the class has no such"
                " input, and only the node's own JavaScript knows what they are",
                node.key,
                node,
            )
    elif is_array(values):
        places = sum(1 for widget in node.widgets if widget.saved)
        if len(values) != places and (values or places):
            report.add(
                "values_not_understood",
                f"{len(values)} values were saved, but the class has {places} widgets: the node's own code"
                " changes them, or the class has changed since; values may stand in the wrong place",
                node.key,
                node,
            )
