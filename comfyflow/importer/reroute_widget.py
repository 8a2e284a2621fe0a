"""What a reroute in front of a widget shows a primitive node of it [15].

Once a workflow is shown, each reroute takes over what is known about the widgets behind it, and a
primitive node in front of it makes its own widget anew of that. If the node had none until then,
because its first link leads to the reroute, it gives the default, not the value that was saved. If no
widget is left behind a reroute that was saved in front of one, the primitive node loses its links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..schema import InputSchema
from .editor_rules import EditorRules
from .frontend_widgets import widget_types
from .input_spec import InputSpec
from .javascript import UNDEFINED
from .linked_widget import common_options, link_target, merged, shown_widget, spec_of
from .live_graph import INodeInputSlot, LGraphNode

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
