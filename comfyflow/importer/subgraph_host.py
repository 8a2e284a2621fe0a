"""Nodes that stand for a subgraph, and the widgets that they show of what is inside.

A widget inside whose slot is fed by an input of the subgraph is *promoted*: the node outside shows
it. To 1.40 the editor keeps a copy on the node outside; from 1.41 to 1.45 it reads and writes the
widget inside; since 1.46 the node outside has its own value if one was saved with it [20, B].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object
from .editor_rules import EditorRules
from .frontend_widgets import COMBO, KEY, MARKDOWN, MULTILINE
from .javascript import UNDEFINED, js_text
from .live_graph import (
    SUBGRAPH_INPUT,
    INodeInputSlot,
    INodeOutputSlot,
    IWidget,
    LGraph,
    LGraphNode,
    PromotedWidget,
    SubgraphSlot,
)
from .node_setup import fill_unordered, merged_inputs, saved_outputs, saved_title, set_value, text_area_value
from .report import ConversionReport

MAX_NESTING: Final = 100
"""How many subgraphs a promoted widget is followed through. The editor's own limit."""

_OUTSIDE: Final = "-1"
"""What ``proxyWidgets`` call the subgraph's own node."""

_SHARED: Final = (MULTILINE, MARKDOWN)
"""Text fields: in the browser a copy of one is the same field, so that all copies share a value."""


def fill_host(node: LGraphNode, rules: EditorRules) -> None:
    """Give a subgraph's node its slots, links and promoted widgets."""
    graph = node.definition
    if graph is None:
        return
    node.title = saved_title(node.raw, graph.name)
    slots = [INodeInputSlot(boundary.name, boundary.type) for boundary in graph.inputs]
    node.inputs = merged_inputs(slots, node.raw.get("inputs"))
    _bind(node, graph)
    if rules.renumbers:  # later editors drop slots that the subgraph does not have
        node.inputs = [slot for slot in node.inputs if slot.boundary is not None]
    saved = saved_outputs(node.raw.get("outputs"))
    for index, boundary in enumerate(graph.outputs):
        links = saved[index].links if index < len(saved) else []
        node.outputs.append(INodeOutputSlot(boundary.name, boundary.type, links))
    _promote(node, graph, rules)
    if rules.host_copies:
        _take_values(node, rules)
        if rules.proxies_replace:
            _replace_by_proxies(node, rules)
    elif rules.host_values:
        _take_by_place(node, rules)
        _take_by_entry(node, rules)


def _bind(node: LGraphNode, graph: LGraph) -> None:
    """Tell each slot which input of the subgraph it feeds: the first free one of its name."""
    free: dict[str, list[int]] = {}
    for index, boundary in enumerate(graph.inputs):
        free.setdefault(boundary.name, []).append(index)
    for slot in node.inputs:
        places = free.get(slot.name)
        if not places:
            continue
        same = [place for place in places if graph.inputs[place].type == slot.type]
        slot.boundary = same[0] if same else places[0]
        places.remove(slot.boundary)


def inner_slots(graph: LGraph, boundary: SubgraphSlot) -> Iterator[tuple[LGraphNode, INodeInputSlot]]:
    """What an input of a subgraph feeds inside, in the order of its links."""
    for id_ in boundary.links:
        link = graph.link(id_)
        node = graph.by_key.get(link.target_key) if link is not None else None
        if node is None:
            continue
        for slot in node.inputs:
            if slot.link == id_:
                yield node, slot
                break


def _slots_by_place(graph: LGraph, boundary: SubgraphSlot) -> Iterator[tuple[LGraphNode, INodeInputSlot]]:
    """The same by the place that the link was saved with, which need not be where the slot is now.

    To 1.34 the editor looks there, and may so promote the widget of another slot.
    """
    for id_ in boundary.links:
        link = graph.link(id_)
        node = graph.by_key.get(link.target_key) if link is not None else None
        place = link.target_slot if link is not None else None
        if node is not None and isinstance(place, int) and 0 <= place < len(node.inputs):
            yield node, node.inputs[place]


def _promote(node: LGraphNode, graph: LGraph, rules: EditorRules) -> None:
    for slot in node.inputs:
        if slot.boundary is None:
            continue
        boundary = graph.inputs[slot.boundary]
        found = _slots_by_place(graph, boundary) if rules.promotes_by_place else inner_slots(graph, boundary)
        for inner, inner_slot in found:
            promoted = _promotable(inner, inner_slot, rules)
            if promoted is None:
                continue
            promoted.next_only = not rules.nested_values
            if rules.host_copies:
                promoted.own = _own_widget(promoted, boundary.name)
                place = sum(1 for other in node.inputs if other.widget is not None)
                node.widgets.insert(place, promoted.own)
            slot.promoted = promoted
            slot.widget = boundary.name
            break


def _promotable(inner: LGraphNode, slot: INodeInputSlot, rules: EditorRules) -> PromotedWidget | None:
    """What is behind a slot inside: a widget, or a promoted one of a nested subgraph."""
    if inner.role == "host":
        return PromotedWidget(inner, slot.name) if slot.promoted is not None else None
    widget = inner.widget(slot.widget) if slot.widget is not None else None
    if widget is None or (widget.kind == KEY and not rules.shows_dynamic_combos):
        return None
    return PromotedWidget(inner, widget.name)


def _own_widget(promoted: PromotedWidget, name: str) -> IWidget:
    source = source_widget(promoted)
    if source is None:
        return IWidget(name, "plain", UNDEFINED)
    if source.kind in _SHARED:
        return source
    made = source.copy()
    made.name = name
    return made


def source_widget(promoted: PromotedWidget) -> IWidget | None:
    """The widget that a promoted one shows, through nested subgraphs."""
    node, name = promoted.node, promoted.name
    for hop in range(MAX_NESTING):
        if node.role != "host":
            return node.widget(name)
        slot = next((slot for slot in node.inputs if slot.name == name and slot.promoted is not None), None)
        if slot is None or slot.promoted is None:
            return None
        if slot.promoted.own is not None and not (hop and promoted.next_only):
            return slot.promoted.own
        direct = _direct_widgets(slot, node.definition)
        if direct:
            return direct[0]
        node, name = slot.promoted.node, slot.promoted.name
    return None


def _direct_widgets(slot: INodeInputSlot, graph: LGraph | None) -> list[IWidget]:
    """The widgets inside that a subgraph's input feeds directly, not through nested subgraphs."""
    direct: list[IWidget] = []
    if graph is None or slot.boundary is None:
        return direct
    for inner, inner_slot in inner_slots(graph, graph.inputs[slot.boundary]):
        if inner.role != "host" and inner_slot.widget is not None:
            widget = inner.widget(inner_slot.widget)
            if widget is not None:
                direct.append(widget)
    return direct


def promoted_widgets(slot: INodeInputSlot, graph: LGraph, *, own: bool = True) -> list[IWidget]:
    """All widgets inside that one promoted widget stands for; the first one gives its value.

    Widgets that the subgraph's input feeds directly come before those of nested subgraphs. If the
    subgraph's node has its own value, that is all; unless `own` is False.
    """
    if slot.promoted is None or slot.boundary is None:
        return []
    if slot.promoted.own is not None and own:
        return [slot.promoted.own]
    direct = _direct_widgets(slot, graph)
    source = source_widget(slot.promoted)
    if source is not None and source not in direct:
        direct.append(source)
    return direct


def promoted_value(slot: INodeInputSlot, graph: LGraph) -> IWidget | None:
    """The widget whose value a subgraph's node sends for an input that nothing is linked to."""
    widgets = promoted_widgets(slot, graph)
    return widgets[0] if widgets else None


def _take_values(node: LGraphNode, rules: EditorRules) -> None:
    """Put the values saved on the node into its own copies, by position [20]."""
    values = node.raw.get("widgets_values")
    if is_object(values):
        fill_unordered(node, values, rules)
        return
    own = [widget for widget in node.widgets if widget.saved]
    given = values if is_array(values) or isinstance(values, str) else ()
    for place, (widget, value) in enumerate(zip(own, given, strict=False)):
        set_value(node, widget, value, rules, _saved_outside(place))


def _saved_outside(place: int) -> str:
    return f"value {place} saved on the subgraph's node"


def place_outside(origin: object) -> int | None:
    """The place among the values saved on a subgraph's node that a value came from, or None."""
    words = origin.split() if isinstance(origin, str) else []
    place = int(words[1]) if len(words) > 1 and words[1].isdecimal() else -1
    return place if place >= 0 and origin == _saved_outside(place) else None


def _entries(node: LGraphNode) -> Iterator[tuple[str, str]]:
    """What ``proxyWidgets`` name: the id of a node inside, or `_OUTSIDE`, and a widget."""
    for entry in array_or_empty(node.properties.get("proxyWidgets")):
        if is_array(entry) and len(entry) >= 2 and isinstance(entry[1], str):
            yield js_text(entry[0]), entry[1]


def _replace_by_proxies(node: LGraphNode, rules: EditorRules) -> None:
    """Let ``proxyWidgets`` take the place of the node's own widgets of these names [20].

    An entry shows a widget inside as it is. The node's own widget of that name is gone, whichever widget
    of that name is meant: its input sends nothing, and what is inside counts. An entry
    ``["-1", name]`` keeps it, and the value of the entry's place is put into it.
    """
    entries = list(_entries(node))
    kept = {name for id_, name in entries if id_ == _OUTSIDE}
    gone = {name for _, name in entries} - kept
    for slot in node.inputs:
        if slot.promoted is not None and slot.widget in gone:
            slot.promoted = None
    node.widgets = [widget for widget in node.widgets if widget.name not in gone]
    values = array_or_empty(node.raw.get("widgets_values"))
    for place, ((id_, name), value) in enumerate(zip(entries, values, strict=False)):
        widget = node.widget(name) if id_ == _OUTSIDE and value is not None else None
        if widget is not None:
            set_value(node, widget, value, rules, _saved_outside(place))


def _take_by_place(node: LGraphNode, rules: EditorRules) -> None:
    """Give each promoted widget the value that was saved with the node: by place, linked ones, too [B1]."""
    saved = node.raw.get("widgets_values")
    slots = [slot for slot in node.inputs if slot.promoted is not None]
    values = array_or_empty(saved)
    if is_object(saved) and rules.host_objects_clear:
        values = [None] * len(slots)
    for place, (slot, value) in enumerate(zip(slots, values, strict=False)):
        _own_value(slot, value, place, rules)


def _own_value(slot: INodeInputSlot, value: Any, place: int, rules: EditorRules) -> None:
    source = source_widget(slot.promoted) if slot.promoted is not None else None
    if slot.promoted is not None and source is not None:
        own = _with_value(source, value, place, rules)
        if own is not None:
            slot.promoted.own = own


def _with_value(source: IWidget, value: Any, place: int, rules: EditorRules) -> IWidget | None:
    """A copy of a widget with a value saved outside, or None if the inner one wins."""
    if value is None and (not rules.host_nulls or source.kind == COMBO):
        return None
    if value is None and source.kind == KEY:
        value = _first_choice(source)
    own = source.copy()
    is_text = source.kind == MULTILINE and value is not None
    own.value = text_area_value(value, rules) if is_text else value
    own.origin = _saved_outside(place)
    return own


def _take_by_entry(node: LGraphNode, rules: EditorRules) -> None:
    """Give the widgets that ``proxyWidgets`` name the values of the same place [B4].

    An entry names an input of the subgraph (``["-1", input]``) or a node and widget inside. That widget
    need not be fed by any input: what else the editor shows outside it then makes an input of.
    """
    graph, entries = node.definition, node.properties.get("proxyWidgets")
    values = array_or_empty(node.raw.get("widgets_values"))
    if graph is None or not is_array(entries):
        return
    raised: dict[int, IWidget] = {}
    slots = _Slots()
    for place, (entry, value) in enumerate(zip(entries, values, strict=False)):
        if not is_array(entry) or len(entry) < 2 or not isinstance(entry[1], str):
            continue
        if js_text(entry[0]) == _OUTSIDE:
            slot = slots.promoted(node).get(entry[1]) if rules.entries_of_inputs else None
            if slot is not None:
                _own_value(slot, value, place, rules)
            continue
        inner = graph.by_key.get(js_text(graph.new_ids.get(js_text(entry[0]), entry[0])))
        if inner is not None:
            shown = slots.of_widgets(inner).get(entry[1])
            link = graph.link(shown.link) if shown is not None else None
            fed = link is not None and link.origin == SUBGRAPH_INPUT
            start = link.origin_slot if link is not None and fed else None
            slot = slots.by_boundary(node).get(start) if isinstance(start, int) else None
            first = slot.promoted if slot is not None else None
            if first is not None and shown is not None and (first.node, first.name) != (inner, entry[1]):
                shown.link, fed = None, False
                graph.links.pop(link.id if link is not None else None, None)
            if not fed:
                _raise(inner, entry[1], value, place, rules, raised, slots)
            elif slot is not None:
                _own_value(slot, value, place, rules)
    node.raised = raised


class _Slots:
    """Slots of nodes, by what they are looked up by; worked out when first asked for."""

    def __init__(self) -> None:
        self._promoted: dict[int, dict[str, INodeInputSlot]] = {}
        self._widgets: dict[int, dict[str, INodeInputSlot]] = {}
        self._boundaries: dict[int, dict[int, INodeInputSlot]] = {}

    def promoted(self, node: LGraphNode) -> dict[str, INodeInputSlot]:
        """The slots of a subgraph's node that show a widget, by name."""
        if id(node) not in self._promoted:
            shown = [slot for slot in node.inputs if slot.promoted is not None]
            self._promoted[id(node)] = {slot.name: slot for slot in reversed(shown)}
        return self._promoted[id(node)]

    def of_widgets(self, node: LGraphNode) -> dict[str, INodeInputSlot]:
        """The slots by their own names, and by those of their widgets."""
        if id(node) not in self._widgets:
            found = {slot.name: slot for slot in reversed(node.inputs)}
            found.update((slot.widget, slot) for slot in reversed(node.inputs) if slot.widget is not None)
            self._widgets[id(node)] = found
        return self._widgets[id(node)]

    def by_boundary(self, node: LGraphNode) -> dict[int, INodeInputSlot]:
        """The slots of a subgraph's node that show a widget, by the input that they feed."""
        if id(node) not in self._boundaries:
            shown = [slot for slot in node.inputs if slot.promoted is not None]
            self._boundaries[id(node)] = {s.boundary: s for s in shown if s.boundary is not None}
        return self._boundaries[id(node)]


def _raise(
    inner: LGraphNode,
    name: str,
    value: Any,
    place: int,
    rules: EditorRules,
    raised: dict[int, IWidget],
    slots: _Slots,
) -> None:
    """Let a value count for a widget inside that no input feeds."""
    if inner.role == "host":
        nested = slots.promoted(inner).get(name)
        widget = (
            source_widget(nested.promoted) if nested is not None and nested.promoted is not None else None
        )
        target: INodeInputSlot | IWidget | None = nested
    else:
        target = widget = inner.widget(name)
    own = _with_value(widget, value, place, rules) if widget is not None else None
    if own is not None and target is not None:
        raised[id(target)] = own


def saved_on_host(node: LGraphNode) -> Iterator[tuple[INodeInputSlot, int, Any]]:
    """The values that an older editor saved on a subgraph's node, for each promoted widget.

    None are given where their number is not that of the promoted widgets.
    """
    values = node.raw.get("widgets_values")
    slots = [slot for slot in node.inputs if slot.promoted is not None]
    if is_array(values) and len(values) == len(slots):
        for place, (slot, value) in enumerate(zip(slots, values, strict=True)):
            if value is not None:
                yield slot, place, value


def keep_saved_values(node: LGraphNode) -> None:
    """Let the values saved on a subgraph's node count although the editor drops them [20]."""
    for slot, place, value in saved_on_host(node):
        source = source_widget(slot.promoted) if slot.promoted is not None else None
        if source is not None and slot.promoted is not None:
            own = source.copy()
            own.value = value
            own.origin = _saved_outside(place)
            slot.promoted.own = own


def rebind_hosts(graph: LGraph, hosts: list[LGraphNode]) -> None:
    """Promote widgets on nodes that were made before their subgraph was filled (1.27).

    It happens only for inputs whose first link ends at a widget of the input's own name, and
    after the saved values were put in.
    """
    for node in hosts:
        if node.definition is not graph:
            continue
        for slot in node.inputs:
            if slot.boundary is None:
                continue
            boundary = graph.inputs[slot.boundary]
            link = graph.link(boundary.links[0]) if boundary.links else None
            inner = graph.by_key.get(link.target_key) if link is not None else None
            if inner is None or inner.widget(boundary.name) is None:
                continue
            promoted = PromotedWidget(inner, boundary.name)
            promoted.own = _own_widget(promoted, boundary.name)
            place = sum(1 for other in node.inputs if other.widget is not None)
            node.widgets.insert(place, promoted.own)
            slot.promoted = promoted
            slot.widget = boundary.name


def sync_promoted(graph: LGraph, rules: EditorRules, report: ConversionReport) -> None:
    """Copy each promoted value to all widgets that it stands for, as the editor does on saving.

    A dynamic combo that is set so brings the inputs of its option again, with their defaults [20]. Not so
    where the subgraph's nodes have their own values: these change its key alone [B7].
    """
    if rules.host_values:
        return
    for node in graph.nodes:
        if node.role != "host" or node.definition is None:
            continue
        for slot in node.inputs:
            if slot.promoted is None or slot.boundary is None:
                continue
            _copy_inside(slot, node.definition, rules, report)


def _copy_inside(slot: INodeInputSlot, graph: LGraph, rules: EditorRules, report: ConversionReport) -> None:
    chosen = promoted_value(slot, graph)
    if chosen is None or slot.boundary is None:
        return
    for inner, inner_slot in list(inner_slots(graph, graph.inputs[slot.boundary])):
        if inner.role == "host":
            widget = inner_slot.promoted.own if inner_slot.promoted is not None else None
        else:
            widget = inner.widget(inner_slot.widget) if inner_slot.widget is not None else None
        if widget is not None and widget.kind == KEY:
            _choose_again(inner, widget, chosen, rules, report)
        elif widget is not None and widget is not chosen:
            widget.value = chosen.value
            widget.origin = "the value of another widget that the same subgraph input feeds"


def _first_choice(combo: IWidget) -> Any:
    return next(iter(combo.spec.choices), None) if combo.spec is not None else None


def _choose_again(
    node: LGraphNode, combo: IWidget, chosen: IWidget, rules: EditorRules, report: ConversionReport
) -> None:
    group = f"{combo.name}."
    before = {widget.name: widget.value for widget in node.widgets if widget.name.startswith(group)}
    value = _first_choice(combo) if rules.shown_options_reset else chosen.value
    set_value(node, combo, value, rules, chosen.origin)
    lost = [w.name for w in node.widgets if w.name in before and before[w.name] != w.value]
    if lost:
        report.option_reset(node, combo.name, lost)
