"""PrimitiveNode: it writes its value into the widgets that it is linked to, before a prompt is made [15].

It does so directly only: not through reroutes, and not into sockets without a widget. It has no
type of its own: it takes the widget of what its first link leads to, and where that is a number
it keeps its value within what all linked widgets allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from ..json_types import is_array, is_number
from ..schema import InputSchema
from .editor_rules import EditorRules
from .frontend_widgets import DYNAMIC_COMBO, MULTILINE, NUMBER, PLAIN
from .input_spec import InputSpec
from .javascript import UNDEFINED, js_number, js_round, js_text, shown, truthy
from .link_resolver import LinkError
from .live_graph import Graph, Input, Node, Widget
from .node_setup import set_value, text_area_value
from .settling import choices_of
from .subgraph_host import promoted_widgets, source_widget

REPLACES_TEXT: Final = "Run widget replace on values"
"""The property by which a primitive node replaces ``%Node.widget%`` in its value."""

_PRIMITIVE_TYPES: Final = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
_UNSTATED_MAXIMUM: Final = 2048
_UNSTATED_FLOAT_STEP: Final = 0.5
_MAX_DIVISIONS: Final = 2000
_MOST_DIGITS: Final = 20


def apply_primitive(
    node: Node, root: Graph, rules: EditorRules, replace: Callable[[str], str], *, repair: bool = False
) -> None:
    """Write a primitive node's value into the widgets that it is linked to.

    Args:
        node: The primitive node.
        root: The canvas: 1.27 looks links up there, even for nodes inside subgraphs.
        rules: The version of the editor.
        replace: Replaces ``%Node.widget%`` in a text.
        repair: Leave alone what the node is linked to if it has no value to give.

    Raises:
        LinkError: The editor fails at the node.
    """
    links = node.outputs[0].links if node.outputs else []
    if not links:
        return
    if rules.links_at_root:
        _fail_at_missing(node, root, links)
    targets = [target for link_id in links if (target := _target(node.graph, link_id)) is not None]
    first = _target(node.graph, links[0])
    widget = _shown_widget(*first) if first is not None else None
    spec = _spec_of(*first, widget) if first is not None else None
    if first is not None and widget is not None and widget.kind == DYNAMIC_COMBO:
        choices = choices_of(first[0], widget)  # it cannot be shown a second time, and stays at its first
        for node_there, slot in targets if choices else ():
            _write(node_there, slot, choices[0], rules, f"primitive node {node.key}, which shows this first")
        return
    if first is None or spec is None:
        if rules.links_at_root and not repair:  # it has no widget, and what it does not have is written
            for node_there, slot in targets:
                _write(node_there, slot, UNDEFINED, rules, f"primitive node {node.key}, which has no value")
        return
    value = _own_value(node, first, widget)
    if widget is not None and widget.kind == MULTILINE:
        value = text_area_value(value, rules)
    if spec.type in ("INT", "FLOAT"):
        value = _within_all(value, spec, targets)
    value = _replaced(node, widget, value, replace)
    for node_there, slot in targets:
        _write(node_there, slot, value, rules, f"primitive node {node.key}")


def _replaced(node: Node, widget: Widget | None, value: Any, replace: Callable[[str], str]) -> Any:
    """The value with names in it replaced, where the node is to do so; the node itself keeps it as it is."""
    node.widgets = [Widget("value", widget.kind if widget is not None else PLAIN, value, sent=False)]
    if truthy(value) and truthy(node.properties.get(REPLACES_TEXT)):
        if not isinstance(value, str):
            raise LinkError(
                f"primitive node {node.key} is to replace %Node.widget% in its value, but that is"
                f" {shown(value)} and no text; the editor fails at it"
            )
        value = replace(value)
    return value


def _fail_at_missing(node: Node, root: Graph, links: list[Any]) -> None:
    """Refuse a primitive node with links that the canvas does not have."""
    for link_id in links:
        if root.link(link_id) is None:
            raise LinkError(
                f"primitive node {node.key} stands inside {node.graph.host_names()}; this version of the"
                " editor looks its links up outside, and fails"
                if node.graph is not root
                else f"primitive node {node.key} has link {shown(link_id)}, which does not exist"
            )


def _target(graph: Graph, link_id: Any) -> tuple[Node, Input] | None:
    link = graph.link(link_id)
    node = graph.by_key.get(js_text(link.target)) if link is not None else None
    if link is None or node is None or not isinstance(link.target_slot, int):
        return None
    if not 0 <= link.target_slot < len(node.inputs):
        return None
    return node, node.inputs[link.target_slot]


def _shown_widget(node: Node, slot: Input) -> Widget | None:
    """The widget that a slot replaces; for a subgraph's node the one inside."""
    if slot.promoted is not None:
        return slot.promoted.own or source_widget(slot.promoted)
    return node.widget(slot.widget) if slot.widget is not None else None


def _spec_of(node: Node, slot: Input, widget: Widget | None) -> InputSpec | None:
    """What is known about what a slot takes: of a socket without a widget its type only."""
    if slot.widget is not None:
        return widget.spec if widget is not None and _is_known(node, widget) else None
    if slot.type not in _PRIMITIVE_TYPES:
        return None
    return InputSpec(InputSchema(slot.name, slot.type, True), slot.name, "")


def _is_known(node: Node, widget: Widget) -> bool:
    """Whether the editor knows what the widget takes.

    Not of what a dynamic combo brought before any value was saved into it, nor of the first slots
    of an Autogrow input; and a dynamic combo itself makes the editor fail.
    """
    if widget.kind == DYNAMIC_COMBO or _is_first_grown(node, widget):
        return False
    if widget.spec is None or not widget.spec.depth:
        return True
    combo = node.widget(widget.name.rpartition(".")[0])
    return combo is not None and combo.origin is not None


def _is_first_grown(node: Node, widget: Widget) -> bool:
    """Whether it belongs to a slot of an Autogrow input that did not grow behind a linked one."""
    group = node.shape.autogrow.get(widget.name.rpartition(".")[0]) if node.shape is not None else None
    ordinal = group.ordinal(widget.name) if group is not None else None
    if group is None or ordinal is None:
        return False
    before = group.slot_names(ordinal - 1) if ordinal > 0 else []
    return not any(slot.name in before and slot.link for slot in node.inputs)


def _own_value(node: Node, first: tuple[Node, Input], widget: Widget | None) -> Any:
    saved = node.raw.get("widgets_values")
    if is_array(saved) and saved:
        value = saved[0]
        if value is None and widget is not None and widget.kind == "combo":
            choices = choices_of(first[0], widget)
            return choices[0] if choices else None
        return value
    return widget.value if widget is not None else None


def _write(node: Node, slot: Input, value: Any, rules: EditorRules, origin: str) -> None:
    if slot.promoted is not None and node.definition is not None:
        for index, inner in enumerate(promoted_widgets(slot, node.definition)):
            inner.value = _settled(inner, value, slot.promoted.node, rules) if index == 0 else value
            inner.origin = origin
        return
    widget = node.widget(slot.widget) if slot.widget is not None else None
    if widget is None:
        return
    set_value(node, widget, value, rules, origin)
    if widget.kind == NUMBER:
        widget.value = _settled(widget, value, node, rules)


def _settled(widget: Widget, value: Any, node: Node, rules: EditorRules) -> Any:
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
        whole = _stated(options, "step", 1) or 1
        if whole == 1:
            return js_round(number)
        offset = _remainder(_stated(options, "min", 0), whole)
        return js_round((number - offset) / whole) * whole + offset
    digits = _digits(options)
    step = js_number(options.get("round"))
    if digits and not truthy(step):
        step = 10.0**-digits
    if not truthy(step):
        return value
    low, high = _stated(options, "min", 0), _stated(options, "max", _UNSTATED_MAXIMUM)
    return _to_step(number, step, digits, low, high)


def _digits(options: Mapping[str, Any]) -> int:
    """How many digits behind the point a float widget shows."""
    step = _stated(options, "step", _UNSTATED_FLOAT_STEP)
    return min(_MOST_DIGITS, max(0, -math.floor(math.log10(step)))) if step > 0 and math.isfinite(step) else 0


def _to_step(number: float, step: float, digits: int, low: float, high: float) -> float:
    if not math.isfinite(number) or not step or not math.isfinite(step):
        return number
    near = js_round(number / step) * step
    if math.isfinite(near) and abs(near) < 1e15:
        place = Decimal(1).scaleb(-digits)
        near = float(Decimal(near).quantize(place, ROUND_HALF_UP, Context(prec=50)))
    return min(max(near, low), high)


def _within_all(value: Any, spec: InputSpec, targets: list[tuple[Node, Input]]) -> Any:
    """The value, kept within what the linked widgets allow together."""
    options: Mapping[str, Any] = spec.options
    for node, slot in targets:
        other = _spec_of(node, slot, _shown_widget(node, slot))
        if other is None or slot.widget is None:
            continue
        merged = _merged(options, other.options) if other.type == spec.type else None
        if merged is None:
            continue
        options = merged
        number = js_number(value)
        low, high = _stated(options, "min", 0), _stated(options, "max", _UNSTATED_MAXIMUM)
        if number < low:
            value = low
        if number > high:
            value = high
        value = _rounded(value, spec.type, options)
    return value


_NOT_COMPARED: Final = frozenset(
    {
        "default", "forceInput", "defaultInput", "control_after_generate", "multiline", "tooltip",
        "dynamicPrompts", "min", "max", "step",
    }
)  # fmt: skip


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The options that two number widgets have in common, or None where nothing suits both."""
    low = max(_stated(one, "min", -math.inf), _stated(other, "min", -math.inf))
    high = min(_stated(one, "max", math.inf), _stated(other, "max", math.inf))
    if low > high:
        return None
    for key in {*one, *other} - _NOT_COMPARED:
        if one.get(key) != other.get(key):
            return None
    step = _common_step(_stated(one, "step", 1), _stated(other, "step", 1))
    return {**one, **other, "min": low, "max": high, "step": step}


def _common_step(one: float, other: float) -> float:
    """The least common multiple of two steps, with the editor's own arithmetic on fractions."""
    rest, divisor = abs(one), abs(other)
    for _ in range(_MAX_DIVISIONS):
        if not divisor:
            break
        rest, divisor = divisor, _remainder(rest, divisor)
    return abs(one * other) / rest if rest else max(one, other)


def _remainder(number: float, divisor: float) -> float:
    """What ``number % divisor`` gives in JavaScript."""
    return math.fmod(number, divisor) if math.isfinite(number) and divisor else math.nan


def _stated(options: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = options.get(name)
    return js_number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise
