"""What is known about the widget that a link leads to, and what several of them have in common.

A reroute in front of a widget shows a primitive node of it [15]: once a workflow is shown, each reroute
takes over what is known about the widgets behind it, and a primitive node in front of it makes its own
widget again of that. If the node had none until then, because its first link leads to the reroute, it gives
the default, not the value that was saved. If no widget is left behind a reroute that was saved in front of
one, the primitive node loses its links.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..json_types import is_array, is_object
from ..schema import InputSchema
from .editor_rules import EditorRules
from .frontend_widgets import KEY, widget_types
from .javascript import UNDEFINED, js_number
from .live_graph import INodeInputSlot, InputSpec, IWidget, LGraph, LGraphNode
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
    """The options of both of two widgets, or None if they differ in one that counts."""
    for key in {*one, *other} - _NOT_COMPARED - ignored:
        mine, its = one.get(key), other.get(key)
        if mine is not its and (mine != its or is_array(mine) or is_object(mine)):
            return None
    return {**one, **other}


def merged(one: Mapping[str, Any], other: Mapping[str, Any], rules: EditorRules) -> Mapping[str, Any] | None:
    """The options that two number widgets have in common, or None if nothing suits both."""
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


CUT: Final = object()
"""Instead of a value: the primitive node has lost its links."""

_EDITOR_REROUTE: Final = "Reroute"


class _Shown:
    """What a reroute shows: the type of a widget, and its options as long as all have them."""

    __slots__ = ("options", "spec")

    def __init__(self, spec: InputSpec | None, options: Mapping[str, Any]) -> None:
        self.spec = spec
        self.options = options

    def with_other(self, spec: InputSpec | None, rules: EditorRules) -> _Shown:
        """The same with one more widget; without options if the two have not all in common."""
        options: Mapping[str, Any] | None = None
        if spec is not None and spec.type in ("INT", "FLOAT"):
            options = merged(spec.options, self.options, rules)
        elif spec is not None and (spec.type != "COMBO" or spec.choices):
            options = common_options(spec.options, self.options)
        return _Shown(self.spec, options or {})

    def default(self, rules: EditorRules) -> Any:
        """What a new widget of that kind holds."""
        spec = self.spec
        if spec is None or spec.type not in widget_types(rules):
            return None
        combo = spec.type == "COMBO"
        entry = InputSchema(spec.name, spec.type, True, self.options, combo, spec.choices if combo else ())
        widgets = tuple(widget_types(rules)[spec.type](InputSpec(entry, spec.name, ""), rules))
        return widgets[0].value if widgets else None


_UNKNOWN: Final = _Shown(None, {})


def is_reroute(node: LGraphNode) -> bool:
    """Whether it is a reroute of the editor itself."""
    return node.type == _EDITOR_REROUTE and node.role == "reroute"


def value_by_reroute(node: LGraphNode, rules: EditorRules) -> Any:
    """The value that a primitive node gets by the reroutes that it is linked to.

    Returns:
        The default of what is behind the first of them that shows something; `CUT`; or UNDEFINED if
        there is none.
    """
    behind = [found for link_id in node.outputs[0].links if (found := link_target(node.graph, link_id))]
    if not any(is_reroute(target) for target, _ in behind):
        return UNDEFINED
    value = UNDEFINED
    shown: dict[int, _Shown] = {}
    for reroute in filter(is_reroute, node.graph.nodes):
        chain = _chain(reroute)
        made = _shown_behind(chain, shown, rules)
        for member in chain:
            first = _is_fed_by(member, node)
            if made is not None:
                shown[id(member)] = made
                if first and value is UNDEFINED:
                    value = made.default(rules)
            elif first and (id(member) in shown or member.inputs[0].widget is not None):
                return CUT
    return value


def _is_fed_by(reroute: LGraphNode, node: LGraphNode) -> bool:
    link = reroute.graph.link(reroute.inputs[0].link)
    return link is not None and link.origin_key == node.key


def _chain(reroute: LGraphNode) -> list[LGraphNode]:
    """The reroutes in front of one, from the first on, then itself and those behind it."""
    chain = [reroute]
    seen = {id(reroute)}
    while True:
        link = reroute.graph.link(chain[0].inputs[0].link)
        before = reroute.graph.by_key.get(link.origin_key) if link is not None else None
        if before is None or not is_reroute(before) or id(before) in seen:
            break
        seen.add(id(before))
        chain.insert(0, before)
    waiting = [reroute]
    while waiting:
        for target, _ in _targets(waiting.pop()):
            if is_reroute(target) and id(target) not in seen:
                seen.add(id(target))
                chain.append(target)
                waiting.append(target)
    return chain


def _targets(node: LGraphNode) -> Iterator[tuple[LGraphNode, INodeInputSlot]]:
    for link_id in node.outputs[0].links if node.outputs else ():
        found = link_target(node.graph, link_id)
        if found is not None:
            yield found


def _shown_behind(chain: list[LGraphNode], shown: Mapping[int, _Shown], rules: EditorRules) -> _Shown | None:
    """What the widgets behind a chain of reroutes have in common; None if there are none."""
    made: _Shown | None = None
    ends = False
    for member in chain:
        for target, slot in _targets(member):
            if not is_reroute(target):
                ends = ends or bool(slot.type)
                if slot.widget is None:
                    continue
                own = _Shown(spec_of(target, slot, shown_widget(target, slot), rules), {})
            elif id(target) in shown:
                own = shown[id(target)]
            elif slot.widget is not None:
                own = _UNKNOWN
            else:
                continue
            if made is None:
                made = _Shown(own.spec, own.spec.options if own.spec is not None else {})
            made = made.with_other(own.spec, rules)
    return made if ends else None
