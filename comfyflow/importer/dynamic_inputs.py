"""Inputs that come and go: those of dynamic inputs, and the options of CustomCombo.

A key brings the inputs of its option, named ``combo.input``; an input that grows shows one slot
more than are linked. In the editor both happen while the saved values are put in,
one after the other, so that the place of each later value depends on the ones before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..dynamic.autogrow import GrownSlots
from ..schema import InputSchema
from .frontend_widgets import KEY, MULTILINE, OPTION
from .javascript import UNDEFINED, js_text, truthy
from .live_graph import INodeInputSlot, InputSpec, IWidget, LGraph, LGraphNode

if TYPE_CHECKING:
    from .node_shape import NodeShape


class NewNode:
    """The slots and widgets of a node that is being put together.

    Args:
        shape: The shape that is being filled, or whose node is being changed.
        node: The node that is being changed in place, or None for a new one.
    """

    def __init__(self, shape: NodeShape, node: LGraphNode | None = None) -> None:
        self.shape = shape
        self.inputs: list[INodeInputSlot] = node.inputs if node is not None else []
        self.widgets: list[IWidget] = node.widgets if node is not None else []
        self._node = node
        self._graph: LGraph | None = node.graph if node is not None else None
        self._texts: dict[str, IWidget] = {}

    def add_input(self, spec: InputSpec) -> None:
        """Add the socket, then the widget of an input."""
        self.add_socket(spec)
        self.add_widget(spec)

    def add_socket(self, spec: InputSpec) -> None:
        """Add the socket of an input that has no widget."""
        if spec.widgets:
            return
        if spec.dynamic is not None and self.shape.rules.dynamic_inputs:
            spec.dynamic.add_socket(self, spec)
        else:
            self.socket(spec.name, spec.type)

    def socket(self, name: str, type_: Any) -> None:
        """Add a socket."""
        self.inputs.append(INodeInputSlot(name, type_))

    def match(self, template: str, name: str, allowed: str) -> None:
        """Let an input share its type with others of a template."""
        self.shape.match_groups.setdefault(template, {})[name] = allowed

    def add_widget(self, spec: InputSpec) -> None:
        """Add the widgets of an input, and the slot by which they can be replaced."""
        if not spec.widgets:
            return
        made = [self._own(widget) for widget in spec.widgets]
        self.widgets.extend(made)
        if made[0].kind == KEY:
            self.choose(made[0])
        self.inputs.append(INodeInputSlot(spec.name, spec.type, None, spec.name))

    def _own(self, widget: IWidget) -> IWidget:
        """A widget for this node.

        Its multiline texts are kept by name: one that comes again still holds what it held, and two of
        one name are one.
        """
        if widget.kind != MULTILINE or self._graph is None:
            return widget.copy()
        known = self._texts.get(widget.name)
        if known is None:
            same = (w for w in self.widgets if w.name == widget.name and w.kind == MULTILINE)
            known = next(same, None) or widget.copy()
        return known

    def choose(self, combo: IWidget) -> None:
        """Bring the inputs of the option that a key unfolds, and take away the others'."""
        brings = combo.spec.brings if combo.spec is not None else {}
        is_brought = _brought_by(combo.name, brings if self.shape.rules.short_option_names else None)
        removed = [slot for slot in self.inputs if is_brought(slot.name)]
        self._texts.update(
            (widget.name, widget)
            for widget in self.widgets
            if widget.kind == MULTILINE and is_brought(widget.name)
        )
        self.inputs[:] = [slot for slot in self.inputs if not is_brought(slot.name)]
        self.widgets[:] = [widget for widget in self.widgets if not is_brought(widget.name)]
        chosen = brings.get(js_text(combo.value)) if truthy(combo.value) else None
        if chosen is None:
            return
        place = self.widgets.index(combo) + 1
        first_widget, first_input = len(self.widgets), len(self.inputs)
        for spec in chosen:
            self.add_input(spec)
        brought = self.widgets[first_widget:]
        del self.widgets[first_widget:]
        self.widgets[place:place] = brought
        own = next((i + 1 for i, slot in enumerate(self.inputs) if slot.name == combo.name), 0)
        if own == 0:
            return
        slots = self.inputs[first_input:]
        del self.inputs[first_input:]
        self.inputs[own:own] = slots
        self._keep_links(removed)

    def _keep_links(self, removed: Sequence[INodeInputSlot]) -> None:
        """Give the links of removed slots to new ones of the same name; others are cut."""
        for old in removed:
            new = next((slot for slot in self.inputs if slot.name == old.name), None)
            if new is not None:
                new.link = old.link
                self.grow_behind(new)
            elif self._graph is not None:
                _unlink(self._graph, old)

    def grow_behind(self, slot: INodeInputSlot) -> None:
        """If it is a linked slot of an input that grows, add the next one."""
        growing = self._node.growing if self._node is not None else self.shape.growing
        group = growing.get(slot.name.rpartition(".")[0])
        if group is None or self._graph is None or not slot.link or self._graph.link(slot.link) is None:
            return
        ordinal = group.ordinal(slot.name)
        if ordinal is not None:
            self.grow(group, ordinal + 1)

    def start_growing(self, spec: InputSpec, slots: GrownSlots) -> None:
        """Add the first slots of an input that grows."""
        spec.grown = slots
        if self._node is None:
            self.shape.growing[spec.name] = slots
        elif self._node.growing.get(spec.name) is not slots:
            self._node.growing = {**self._node.growing, spec.name: slots}
        for ordinal in range(max(1, slots.minimum + 1)):
            self.grow(slots, ordinal)

    def grow(self, group: GrownSlots, ordinal: int) -> None:
        """Add one slot of an input that grows, behind the slot before it."""
        if ordinal >= group.maximum or not group.inputs:
            return
        grown: list[INodeInputSlot] = []
        for entry, name in zip(group.inputs, group.slot_names(ordinal), strict=True):
            self.add_input(self.shape.grown_spec(_optional(entry, ordinal >= group.minimum), name))
            slot = self.inputs.pop()
            if len(group.inputs) != 1:
                self._shim(slot)
            grown.append(slot)
        for slot in grown:
            for existing in [other for other in self.inputs if other.name == slot.name]:
                self.inputs.remove(existing)
                if slot.link is None:
                    slot.link = existing.link
        self._insert_grown(group, ordinal, grown)

    def _insert_grown(self, group: GrownSlots, ordinal: int, grown: list[INodeInputSlot]) -> None:
        place = len(self.inputs)
        if ordinal > 0:
            before = group.slot_names(ordinal - 1)[-1]
            for index in range(len(self.inputs) - 1, -1, -1):
                if self.inputs[index].name.startswith(before):
                    place = index + 1
                    break
        self.inputs[place:place] = grown

    def _shim(self, slot: INodeInputSlot) -> None:
        """Give a slot a widget in name only."""
        if slot.widget is None or all(widget.name != slot.widget for widget in self.widgets):
            self.widgets.append(shim(slot.name))
            slot.widget = slot.name


def _brought_by(name: str, brings: Mapping[str, Sequence[InputSpec]] | None) -> Callable[[str], bool]:
    """Whether a key brought an input of that name: by its prefix or, given `brings`, by that."""
    if brings is None:
        group = f"{name}."
        return lambda other: other.startswith(group)
    names = {spec.name for specs in brings.values() for spec in specs} - {name}
    return names.__contains__


def _unlink(graph: LGraph, slot: INodeInputSlot) -> None:
    """Remove the link of a slot that is gone; it stays if the node that it comes from is not filled yet."""
    link = graph.link(slot.link)
    origin = graph.by_key.get(link.origin_key) if link is not None else None
    if link is None or origin is None or not isinstance(link.origin_slot, int):
        return
    if 0 <= link.origin_slot < len(origin.outputs):
        links = origin.outputs[link.origin_slot].links
        if link.id in links:
            links.remove(link.id)
            del graph.links[link.id]


def shim(name: str) -> IWidget:
    """A widget that only holds a slot's place: it is sent without a value and never saved."""
    return IWidget(name, "shim", UNDEFINED, saved=False)


def _optional(entry: InputSchema, optional: bool) -> InputSchema:
    if not optional or not entry.required:
        return entry
    return InputSchema(entry.name, entry.type, False, entry.options, entry.legacy_combo, entry.legacy_choices)


def grow_where_linked(node: LGraphNode, shape: NodeShape) -> None:
    """Let the inputs of a node that was just filled grow behind each linked slot."""
    new = NewNode(shape, node)
    index = 0
    while index < len(node.inputs):
        slot = node.inputs[index]
        index += 1
        if slot.name.rpartition(".")[0] not in node.growing:
            continue
        if slot.widget is not None and node.widget(slot.widget) is None:
            new.widgets.append(shim(slot.name))
            slot.widget = slot.name
        new.grow_behind(slot)


def bring_inputs(node: LGraphNode, combo: IWidget) -> None:
    """Bring the inputs of what a node's combo now holds."""
    if node.shape is not None:
        NewNode(node.shape, node).choose(combo)


def set_option(node: LGraphNode, option: IWidget, value: Any) -> None:
    """Set one of CustomCombo's options; the last one that is filled brings an empty one more."""
    option.value = value
    if node.widgets[-1] is option:
        if truthy(value):
            node.widgets.append(IWidget(f"option{len(node.widgets) - 1}", OPTION, ""))
    elif not truthy(value) and node.widgets[-2] is option and not truthy(node.widgets[-1].value):
        node.widgets.pop()
