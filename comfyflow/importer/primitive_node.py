"""PrimitiveNode: it writes its value into the widgets that it is linked to, before a prompt is made [15].

It does so directly only: not through reroutes, and not into sockets without a widget. It has no
type itself: it takes the widget of what its first link leads to, and where that is a number
it keeps its value within what all linked widgets allow. A reroute there shows the widget behind it
(see `linked_widget`), but too late for the saved value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from ..json_types import is_array, is_number
from .editor_rules import EditorRules
from .frontend_widgets import COMBO, KEY, MULTILINE, NUMBER, PLAIN
from .javascript import UNDEFINED, js_number, js_round, shown_json, truthy
from .link_resolver import LinkError
from .linked_widget import (
    CUT,
    is_reroute,
    link_target,
    merged,
    remainder,
    shown_widget,
    spec_of,
    stated,
    value_by_reroute,
)
from .live_graph import INodeInputSlot, InputSpec, IWidget, LGraph, LGraphNode
from .node_setup import set_value, text_area_value
from .settling import widget_choices
from .subgraph_host import promoted_widgets

REPLACES_TEXT: Final = "Run widget replace on values"
"""The property by which a primitive node replaces ``%Node.widget%`` in its value."""

_UNSTATED_MAXIMUM: Final = 2048
_UNSTATED_FLOAT_STEP: Final = 0.5
_MOST_DIGITS: Final = 20


def apply_primitive(
    node: LGraphNode, root: LGraph, rules: EditorRules, replace: Callable[[str], str], *, repair: bool = False
) -> None:
    """Write a primitive node's value into the widgets that it is linked to.

    Args:
        node: The primitive node.
        root: The canvas: 1.27 looks links up there, even for nodes inside subgraphs.
        rules: The version of the editor.
        replace: Replaces ``%Node.widget%`` in a string.
        repair: Leave alone what the node is linked to if it has no value to give.

    Raises:
        LinkError: The editor fails at the node.
    """
    links = node.outputs[0].links if node.outputs else []
    if not links:
        return
    if rules.links_at_root:
        _fail_at_missing(node, root, links)
    behind = value_by_reroute(node, rules)
    given = _given(node, links, behind, rules, replace)
    if given is None and (behind is CUT or repair or not rules.links_at_root):
        return
    # Without a widget 1.27 writes what it does not have.
    value, origin = (
        given if given is not None else (UNDEFINED, f"primitive node {node.key}, which has no value")
    )
    graph = root if rules.links_at_root and not repair else node.graph
    for link_id in links:
        target = link_target(graph, link_id)
        if target is not None:
            _write(*target, value, rules, origin, repair)


def _given(
    node: LGraphNode, links: list[Any], by_reroute: Any, rules: EditorRules, replace: Callable[[str], str]
) -> tuple[Any, str] | None:
    """The value that a primitive node gives, and where it is from; None if it has no widget."""
    origin = f"primitive node {node.key}"
    first = link_target(node.graph, links[0])
    if first is None:
        return None
    if is_reroute(first[0]) and by_reroute is not UNDEFINED and by_reroute is not CUT:
        return _replaced(node, None, by_reroute, replace), f"{origin}: the default behind a reroute"
    widget = shown_widget(*first)
    if widget is not None and widget.kind == KEY:
        choices = widget_choices(first[0], widget)  # it cannot be shown a second time, and stays at its first
        return (choices[0], f"{origin}, which shows this first") if choices else None
    spec = spec_of(*first, widget, rules)
    numeric = spec is not None and spec.type in ("INT", "FLOAT")
    multiline = widget is not None and widget.kind == MULTILINE
    # These are written already when the workflow is loaded, before the links are lost.
    if spec is None or (by_reroute is CUT and not numeric and not multiline):
        return None
    value = _own_value(node, first, widget, rules)
    if multiline:
        value = text_area_value(value, rules)
    if numeric:
        targets = [target for link_id in links if (target := link_target(node.graph, link_id)) is not None]
        value = _within_all(value, spec, first[1], targets, rules)
    return _replaced(node, widget, value, replace), origin


def _replaced(node: LGraphNode, widget: IWidget | None, value: Any, replace: Callable[[str], str]) -> Any:
    """The value with names in it replaced, where the node is to do so; the node itself keeps it as it is."""
    node.widgets = [IWidget("value", widget.kind if widget is not None else PLAIN, value, sent=False)]
    if truthy(value) and truthy(node.properties.get(REPLACES_TEXT)):
        if not isinstance(value, str):
            raise LinkError(
                f"primitive node {node.key} must replace %Node.widget% in its value, but the"
                f" value is {shown_json(value)}, not a string; the editor fails on it"
            )
        value = replace(value)
    return value


def _fail_at_missing(node: LGraphNode, root: LGraph, links: list[Any]) -> None:
    """Refuse a primitive node with links that the canvas does not have."""
    for link_id in links:
        if root.link(link_id) is None:
            raise LinkError(
                f"primitive node {node.key} is inside {node.graph.host_names()}; this version of the "
                "editor looks up its links outside and fails"
                if node.graph is not root
                else f"primitive node {node.key} has link {shown_json(link_id)}, which does not exist"
            )


def _own_value(
    node: LGraphNode, first: tuple[LGraphNode, INodeInputSlot], widget: IWidget | None, rules: EditorRules
) -> Any:
    saved = node.raw.get("widgets_values")
    if is_array(saved) and saved:
        value = saved[0]
        if value is None and widget is not None and widget.kind == COMBO and rules.null_combo_first:
            choices = widget_choices(first[0], widget)
            return choices[0] if choices else None
        return value
    return widget.value if widget is not None else None


def _write(
    node: LGraphNode, slot: INodeInputSlot, value: Any, rules: EditorRules, origin: str, repair: bool
) -> None:
    if slot.promoted is not None and node.definition is not None:
        if not (rules.primitives_reach_inside or repair):
            return
        own = rules.host_copies
        for index, inner in enumerate(promoted_widgets(slot, node.definition, own=own)):
            inner.value = _settled(inner, value, slot.promoted.node, rules) if index == 0 else value
            inner.origin = origin
        return
    widget = node.widget(slot.widget) if slot.widget is not None else None
    if widget is None:
        return
    set_value(node, widget, value, rules, origin)
    if widget.kind == NUMBER:
        widget.value = _settled(widget, value, node, rules)


def _settled(widget: IWidget, value: Any, node: LGraphNode, rules: EditorRules) -> Any:
    """What a number widget makes of a value that is typed into it."""
    if widget.kind != NUMBER or widget.spec is None or value is UNDEFINED:
        return value
    options = dict(widget.spec.options)
    if not rules.limits_in_properties:
        return _rounded(value, widget.spec.type, options)
    if node.type == "PrimitiveInt":
        options = {"min": -(2**63), "max": 2**63, "step": node.properties.get("step", 1)}
    elif node.type == "PrimitiveFloat":
        return _settled_primitive_float(value, node.properties)
    return _rounded(value, widget.spec.type, options)


def _settled_primitive_float(value: Any, properties: Mapping[str, Any]) -> Any:
    precision = properties.get("precision")
    stated = is_number(precision) and math.isfinite(js_number(precision))
    digits = int(min(max(js_number(precision), 0), _MOST_DIGITS)) if stated else 1
    step = properties.get("round") or 10.0**-digits
    low, high = properties.get("min", -math.inf), properties.get("max", math.inf)
    return _to_step(js_number(value), js_number(step), digits, js_number(low), js_number(high))


def _rounded(value: Any, type_: str, options: Mapping[str, Any]) -> Any:
    number = js_number(value)
    if type_ == "INT":
        whole = stated(options, "step", 1) or 1
        if whole == 1:
            return js_round(number)
        offset = remainder(stated(options, "min", 0), whole)
        return js_round((number - offset) / whole) * whole + offset
    digits = _digits(options)
    step = js_number(options.get("round"))
    if digits and not truthy(step):
        step = 10.0**-digits
    if not truthy(step):
        return value
    low, high = stated(options, "min", 0), stated(options, "max", _UNSTATED_MAXIMUM)
    return _to_step(number, step, digits, low, high)


def _digits(options: Mapping[str, Any]) -> int:
    """How many digits behind the point a float widget shows."""
    step = stated(options, "step", _UNSTATED_FLOAT_STEP)
    return min(_MOST_DIGITS, max(0, -math.floor(math.log10(step)))) if step > 0 and math.isfinite(step) else 0


def _to_step(number: float, step: float, digits: int, low: float, high: float) -> float:
    if not math.isfinite(number) or not step or not math.isfinite(step):
        return number
    near = js_round(number / step) * step
    if math.isfinite(near) and abs(near) < 1e15:
        place = Decimal(1).scaleb(-digits)
        near = float(Decimal(near).quantize(place, ROUND_HALF_UP, Context(prec=50)))
    return min(max(near, low), high)


def _within_all(
    value: Any,
    spec: InputSpec,
    first: INodeInputSlot,
    targets: list[tuple[LGraphNode, INodeInputSlot]],
    rules: EditorRules,
) -> Any:
    """The value, kept within what the linked widgets allow together.

    If the first link leads to a socket without a widget, what they allow is forgotten: each time
    the limits of the bare type are taken.
    """
    options: Mapping[str, Any] = spec.options
    for node, slot in targets:
        other = spec_of(node, slot, shown_widget(node, slot), rules)
        if other is None or slot.widget is None:
            continue
        together = merged(options, other.options, rules) if other.type == spec.type else None
        if together is None:
            continue
        options = together if first.widget is not None else spec.options
        number = js_number(value)
        low, high = stated(options, "min", 0), stated(options, "max", _UNSTATED_MAXIMUM)
        if number < low:
            value = low
        if number > high:
            value = high
        value = _rounded(value, spec.type, options)
    return value
