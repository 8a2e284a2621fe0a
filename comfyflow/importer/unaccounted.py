"""Nodes of packs whose saved values do not fit their class: only the pack's code knows what they are."""

from __future__ import annotations

from ..json_types import is_array, is_object
from .javascript import shown
from .live_graph import LGraphNode
from .report import ConversionReport


def report_unaccounted(node: LGraphNode, report: ConversionReport) -> None:
    """Warn of a custom node whose saved values do not fit the widgets of its class."""
    shape = node.shape
    values = node.raw.get("widgets_values")
    if shape is None or shape.core or node.pack is not None:
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
        dropped = shape.forced_count if shape.forced is not None else places
        if len(values) in (places, dropped) or (not places and shape.is_output):
            return  # a node that shows something, and has no other widgets, saves what it showed
        saved = "1 value was saved" if len(values) == 1 else f"{len(values)} values were saved"
        fate = "they may stand in the wrong place" if places else "what was saved is left out"
        report.add(
            "values_not_understood",
            f"{saved}, but the class has {_count(places)}: the node's own code changes them, or the class"
            f" has changed since; {fate}",
            node.key,
            node,
        )


def _count(widgets: int) -> str:
    return {0: "no widgets", 1: "1 widget"}.get(widgets, f"{widgets} widgets")
