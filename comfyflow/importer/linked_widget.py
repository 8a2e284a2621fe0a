"""What is known about the widget that a link leads to, and what several such widgets have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ..json_types import is_array, is_object
from ..schema import InputSchema
from .editor_rules import EditorRules
from .frontend_widgets import KEY, widget_types
from .input_spec import InputSpec
from .javascript import js_number
from .live_graph import INodeInputSlot, IWidget, LGraph, LGraphNode
from .subgraph_host import source_widget

_MAX_DIVISIONS: Final = 2000
_LEAST_DIVISOR: Final = 1e-10
_MAX_TOLERANT_DIVISIONS: Final = 100


def link_target(graph: LGraph, link_id: Any) -> tuple[LGraphNode, INodeInputSlot] | None:
    """The node and slot that a link leads to, or None."""
    link = graph.link(link_id)
    node = graph.by_key.get(link.target_key) if link is not None else None
    if link is None or node is None or not isinstance(link.target_slot, int):
        return None
    if not 0 <= link.target_slot < len(node.inputs):
        return None
    return node, node.inputs[link.target_slot]


def shown_widget(node: LGraphNode, slot: INodeInputSlot) -> IWidget | None:
    """The widget that a slot replaces; for a subgraph's node the one inside."""
    if slot.promoted is not None:
        return slot.promoted.own or source_widget(slot.promoted)
    return node.widget(slot.widget) if slot.widget is not None else None


def spec_of(
    node: LGraphNode, slot: INodeInputSlot, widget: IWidget | None, rules: EditorRules
) -> InputSpec | None:
    """What is known about what a slot takes: of a socket without a widget its type only."""
    if slot.widget is not None:
        return widget.spec if widget is not None and _is_known(node, widget) else None
    if not isinstance(slot.type, str) or slot.type not in widget_types(rules):
        return None
    return InputSpec(InputSchema(slot.name, slot.type, True), slot.name, "")


def _is_known(node: LGraphNode, widget: IWidget) -> bool:
    """Whether the editor knows what the widget takes.

    Not of what a key brought before any value was saved into it, nor of the first slots
    of an input that grows; and what a key unfolds itself makes the editor fail.
    """
    if widget.kind == KEY or _is_first_grown(node, widget):
        return False
    if widget.spec is None or not widget.spec.depth:
        return True
    combo = node.widget(widget.name.rpartition(".")[0])
    return combo is not None and combo.origin is not None


def _is_first_grown(node: LGraphNode, widget: IWidget) -> bool:
    """Whether it belongs to a slot that did not grow behind a linked one."""
    group = node.growing.get(widget.name.rpartition(".")[0])
    ordinal = group.ordinal(widget.name) if group is not None else None
    if group is None or ordinal is None:
        return False
    before = group.slot_names(ordinal - 1) if ordinal > 0 else []
    return not any(slot.name in before and slot.link for slot in node.inputs)


_NOT_COMPARED: Final = frozenset(
    {
        "default", "forceInput", "defaultInput", "control_after_generate", "multiline", "tooltip",
        "dynamicPrompts", "options",
    }
)  # fmt: skip
_LIMITS: Final = frozenset({"min", "max", "step"})


def common_options(
    one: Mapping[str, Any], other: Mapping[str, Any], ignored: frozenset[str] = frozenset()
) -> Mapping[str, Any] | None:
    """The options of both of two widgets, or None where they differ in one that counts."""
    for key in {*one, *other} - _NOT_COMPARED - ignored:
        mine, its = one.get(key), other.get(key)
        if mine is not its and (mine != its or is_array(mine) or is_object(mine)):
            return None
    return {**one, **other}


def merged(one: Mapping[str, Any], other: Mapping[str, Any], rules: EditorRules) -> Mapping[str, Any] | None:
    """The options that two number widgets have in common, or None where nothing suits both."""
    low = max(stated(one, "min", -math.inf), stated(other, "min", -math.inf))
    high = min(stated(one, "max", math.inf), stated(other, "max", math.inf))
    options = common_options(one, other, _LIMITS) if low <= high else None
    if options is None:
        return None
    step = _common_step(stated(one, "step", 1), stated(other, "step", 1), rules)
    return {**options, "min": low, "max": high, "step": step}


def _common_step(one: float, other: float, rules: EditorRules) -> float:
    """The least common multiple of two steps, with the editor's own arithmetic on fractions."""
    rest, divisor = abs(one), abs(other)
    tolerant = rules.tolerant_steps and rest and divisor
    least, most = (_LEAST_DIVISOR, _MAX_TOLERANT_DIVISIONS) if tolerant else (0, _MAX_DIVISIONS)
    for _ in range(most):
        if not divisor > least:
            break
        rest, divisor = divisor, remainder(rest, divisor)
    return abs(one * other) / rest if rest else max(one, other)


def remainder(number: float, divisor: float) -> float:
    """What ``number % divisor`` gives in JavaScript."""
    return math.fmod(number, divisor) if math.isfinite(number) and divisor else math.nan


def stated(options: Mapping[str, Any], name: str, otherwise: float) -> float:
    """The number that is stated under that name, else the other."""
    value = options.get(name)
    return js_number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise
