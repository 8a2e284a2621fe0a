"""Legacy group nodes (``workflow>Name``): several nodes that old editors showed as one [17].

The file keeps the grouped nodes in ``extra.groupNodes``. The group's own widgets are all widgets
inside that are not linked, in the order of the nodes; its inputs and outputs are what is not
linked inside. Editor 1.27 sends the nodes inside as ``id:index``; later editors do not know
group nodes any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object, object_or_empty
from ..schema import InputSchema, NodeSchema, OutputSchema
from .editor_rules import EditorRules
from .javascript import js_text
from .live_graph import BYPASSED, Input, Node
from .node_setup import fill_class_node, set_value
from .node_shape import NodeShape, NodeShapes

PREFIXES: Final = ("workflow>", "workflow/")
_SEEDS: Final = ("seed", "noise_seed")


class GroupNode:
    """What stands behind one group node.

    Attributes:
        inner: The grouped nodes; None for one that does not reach the prompt.
        inputs: For each grouped node and input: the group's input that feeds it.
        links: For each grouped node and input: the grouped node and output that feed it.
        outputs: For each output of the group: the grouped node and its output.
    """

    def __init__(self) -> None:
        self.inner: list[Node | None] = []
        self.inputs: dict[tuple[int, int], int] = {}
        self.links: dict[tuple[int, int], tuple[int, int]] = {}
        self.outputs: list[tuple[int, int]] = []


class _Plan:
    """The group's class as the editor works it out from the grouped nodes."""

    def __init__(self, saved: Mapping[str, Any], shapes: NodeShapes) -> None:
        self.nodes = [object_or_empty(node) for node in array_or_empty(saved.get("nodes"))]
        self.config = object_or_empty(saved.get("config"))
        self.group = GroupNode()
        self.entries: dict[str, InputSchema] = {}
        self.outputs: list[OutputSchema] = []
        self.widgets: dict[str, tuple[int, str]] = {}
        self._seen: dict[str, int] = {}
        self._count = 0
        self._external: set[tuple[int, int]] = set()
        self._read_links(saved)
        shown = [shapes.get(js_text(node.get("type"))) for node in self.nodes]
        waiting = [self._plan_node(index, shape) for index, shape in enumerate(shown) if shape is not None]
        for index, slots, converted in waiting:
            self._plan_converted(index, slots, converted)

    def _read_links(self, saved: Mapping[str, Any]) -> None:
        for entry in array_or_empty(saved.get("external")):
            if (
                is_array(entry)
                and len(entry) >= 2
                and isinstance(entry[0], int)
                and isinstance(entry[1], int)
            ):
                self._external.add((entry[0], entry[1]))
        for entry in array_or_empty(saved.get("links")):
            if is_array(entry) and len(entry) >= 4 and all(isinstance(part, int) for part in entry[:4]):
                self.group.links[(entry[2], entry[3])] = (entry[0], entry[1])

    def _plan_node(self, index: int, shape: NodeShape) -> tuple[int, list[str], list[str]]:
        slots: list[str] = []
        converted: list[tuple[int, str]] = []
        saved = [object_or_empty(slot) for slot in array_or_empty(self.nodes[index].get("inputs"))]
        for entry in shape.entries:
            if not shape.specs[entry.name].widgets:
                slots.append(entry.name)
                continue
            place = _converted_place(saved, entry.name)
            if place is not None:
                converted.append((place, entry.name))
                continue
            name = self._name(index, entry.name)
            self.entries[name] = self._entry(entry, name)
            self.widgets[name] = (index, entry.name)
        by_name = {entry.name: entry for entry in shape.entries}
        for place, name in enumerate(slots):
            self._plan_input(index, place, by_name[name], name)
        self._plan_outputs(index, shape)
        return index, slots, [name for _, name in sorted(converted, key=lambda item: str(item[0]))]

    def _plan_input(self, index: int, place: int, entry: InputSchema, name: str) -> None:
        if (index, place) in self.group.links:
            return
        own = self._name(index, name)
        if self._option(index, "input", name).get("visible") is False:
            return
        self.entries[own] = replace(entry, name=own)
        self.group.inputs[(index, place)] = self._count
        self._count += 1

    def _plan_converted(self, index: int, slots: list[str], converted: list[str]) -> None:
        for offset, name in enumerate(converted):
            place = len(slots) + offset
            if (index, place) in self.group.links:
                continue
            own = self._name(index, name)
            self.entries[own] = InputSchema(own, "*", True, {"forceInput": True})
            self.group.inputs[(index, place)] = self._count
            self._count += 1

    def _plan_outputs(self, index: int, shape: NodeShape) -> None:
        linked = set(self.group.links.values())
        for slot, (name, type_) in enumerate(shape.outputs):
            visible = self._option(index, "output", js_text(slot)).get("visible")
            if visible is None:
                visible = (index, slot) not in linked or (index, slot) in self._external
            if visible:
                self.outputs.append(OutputSchema(len(self.outputs), name, type_))
                self.group.outputs.append((index, slot))

    def _option(self, index: int, side: str, name: str) -> Mapping[str, Any]:
        own = object_or_empty(self.config.get(js_text(index)))
        return object_or_empty(object_or_empty(own.get(side)).get(name))

    def _name(self, index: int, input_name: str) -> str:
        """The group's name for an input: its own, with the node's title where it is taken."""
        node = self.nodes[index]
        name = self._option(index, "input", input_name).get("name") or input_name
        key = name
        if name in self._seen:
            prefix = f"{node.get('title') or node.get('type')} "
            key = name = f"{prefix}{input_name}"
            if name in self._seen:
                name = f"{prefix}{self._seen[name]} {input_name}"
        self._seen[key] = self._seen.get(key, 1) + 1
        return name

    def _entry(self, entry: InputSchema, name: str) -> InputSchema:
        options = dict(entry.options)
        if entry.name in _SEEDS:
            options["control_after_generate"] = "control_after_generate"
        return replace(entry, name=name, required=True, options=options)


def _converted_place(saved: list[Mapping[str, Any]], name: str) -> int | None:
    for place, slot in enumerate(saved):
        if slot.get("name") == name and object_or_empty(slot.get("widget")).get("name") == name:
            return place
    return None


def group_definitions(raw: Mapping[str, Any], shapes: NodeShapes) -> dict[str, Mapping[str, Any]]:
    """The groups of a workflow whose classes are all known, by the type of their nodes."""
    saved = object_or_empty(object_or_empty(raw.get("extra")).get("groupNodes"))
    found: dict[str, Mapping[str, Any]] = {}
    for name, group in saved.items():
        nodes = array_or_empty(object_or_empty(group).get("nodes"))
        if nodes and all(
            is_object(node) and shapes.get(js_text(node.get("type"))) is not None for node in nodes
        ):
            for prefix in PREFIXES:
                found[f"{prefix}{name}"] = group
    return found


def fill_group_node(
    node: Node, saved: Mapping[str, Any], shapes: NodeShapes, rules: EditorRules
) -> GroupNode:
    """Give a group node its slots and widgets, and make the nodes behind it.

    Args:
        node: The node on the canvas.
        saved: The group as the file keeps it.
        shapes: What the server's classes give their nodes.
        rules: The version of the editor.
    """
    plan = _Plan(saved, shapes)
    schema = NodeSchema(
        class_type=node.type,
        display_name=node.type,
        category="",
        python_module="",
        inputs=tuple(plan.entries.values()),
        outputs=tuple(plan.outputs),
        is_output_node=False,
        raw={"input_order": {}},
    )
    fill_class_node(node, NodeShape(schema, rules), rules)
    for index, inner_saved in enumerate(plan.nodes):
        plan.group.inner.append(_inner_node(node, index, inner_saved, shapes, rules))
    for name, (index, inner_name) in plan.widgets.items():
        inner, outer = plan.group.inner[index], node.widget(name)
        widget = inner.widget(inner_name) if inner is not None else None
        if inner is not None and widget is not None and outer is not None:
            set_value(inner, widget, outer.value, rules, f"group node {node.key}")
    return plan.group


def _inner_node(
    group: Node, index: int, saved: Mapping[str, Any], shapes: NodeShapes, rules: EditorRules
) -> Node | None:
    type_ = js_text(saved.get("type"))
    shape = shapes.get(type_)
    if shape is None:
        return None
    node = Node(f"{group.key}:{index}", f"{group.key}:{index}", type_, "class", group.graph, saved)
    node.mode = saved.get("mode") or 0
    fill_class_node(node, shape, rules)
    return node


def inner_links(group: Node, plan: GroupNode, index: int) -> Iterator[tuple[Input, str, Any]]:
    """What feeds the inputs of a grouped node: the input, the origin's id, and its output.

    Outside the group only the node at the other end of the link is looked at: reroutes and
    bypassed nodes there are not followed.
    """
    node = plan.inner[index]
    for place, slot in enumerate(node.inputs if node is not None else ()):
        outer = plan.inputs.get((index, place))
        if outer is not None:
            link = group.graph.link(group.inputs[outer].link) if outer < len(group.inputs) else None
            if link is not None:
                yield slot, js_text(link.origin), link.origin_slot
            continue
        source = plan.links.get((index, place))
        if source is not None:
            yield slot, f"{group.key}:{source[0]}", source[1]


def group_output(group: Node, plan: GroupNode, slot: Any, wanted: Any) -> tuple[str, int] | int | None:
    """What stands behind an output of a group node.

    Returns:
        The id and output of the grouped node; for a bypassed group, the input of the group that
        is handed on, or None.
    """
    if group.mode == BYPASSED:
        places = [slot, *range(len(group.inputs))]
        return next((p for p in places if p < len(group.inputs) and group.inputs[p].type == wanted), None)
    if not isinstance(slot, int) or not 0 <= slot < len(plan.outputs):
        return None
    index, inner_slot = plan.outputs[slot]
    return f"{group.key}:{index}", inner_slot
