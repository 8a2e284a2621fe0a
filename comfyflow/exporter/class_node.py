"""A node of the server's classes as the editor saves it: slots and values in the editor's order.

The editor reads values strictly by place, and values and links change which places there are: a dynamic
combo brings its option's widgets, an Autogrow input grows behind each link. So a node is filled here
widget by widget, as the editor will do it, and each widget is given what the prompt says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from ..graph import GraphNode, Link
from ..graph.prompt import unwrapped
from ..importer.editor_rules import EditorRules
from ..importer.frontend_widgets import (
    COMBO,
    CURVE,
    KEY,
    VIEWPORT,
)
from ..importer.javascript import json_value, loses_digits
from ..importer.live_graph import INodeInputSlot, IWidget, LGraph, LGraphNode, LLink, is_native
from ..importer.node_setup import set_value, start_class_node
from ..importer.node_shape import NodeShape
from ..importer.prompt_writer import is_dynamic_prompt
from ..json_types import is_object
from .board import DraftInput, DraftNode, can_be_escaped, escaped
from .comparison import made_in_shape

SEARCH_NAME: Final = "Node name for S&R"
"""The property under which the editor finds a node by its class."""


def write_class_node(
    node: GraphNode,
    shape: NodeShape,
    rules: EditorRules,
    fed: AbstractSet[str] = frozenset(),
    *,
    by_name: bool = False,
) -> DraftNode:
    """Write a node of a class that the server knows.

    Args:
        node: The node.
        shape: What its class gives it in the editor.
        rules: The release of the editor that it is for.
        fed: The inputs that an unlinked input of the subgraph feeds: their slots are saved, and the editor
            sends their texts as they are.
        by_name: Save the values by name, as the code of some packs does.
    """
    shape = _with_pack_widgets(node, shape)
    live = _live_node(node, shape, fed)
    filling = _Filling(node, live, rules, fed)
    values = filling.values()
    if rules.short_audio_values and node.class_type == "SaveAudioAdvanced" and len(values) == 3:
        values.append("")
    if shape.forced is not None and shape.forced_count == len(values):
        values.append("")  # else the editor takes some for values of inputs that were widgets once
    own = node.title is not None and node.title != shape.title
    return DraftNode(
        node.node_id,
        shape.class_type,
        list(_slots(node, live, fed)),
        list(shape.outputs),
        _by_name(node, live, values) if by_name else _for_pack(node, shape, live, values),
        {SEARCH_NAME: shape.class_type, **filling.properties},
        node.title if own else None,
        _strays(node, live, shape),
    )


def write_unknown_node(node: GraphNode) -> DraftNode:
    """Write a node of a class that the server does not know: its links by name, its values in their order."""
    inputs = [DraftInput(name, "*", link) for name, link in node.links]
    constants = [value for value in node.inputs.values() if type(value) is not Link]
    return DraftNode(
        node.node_id,
        node.class_type,
        inputs,
        [],
        [saved_value(value) for value in constants],
        {SEARCH_NAME: node.class_type},
        node.title if node.title != node.class_type else None,
    )


def saved_value(value: Any) -> Any:
    """A value of a prompt as the editor saves it: lists bare, integers that JavaScript rounds as text."""
    held = unwrapped(value)
    return str(held) if loses_digits(held) else held


class _Filling:
    """Fills a live node with what the prompt says, one widget after the other."""

    def __init__(self, node: GraphNode, live: LGraphNode, rules: EditorRules, fed: AbstractSet[str]) -> None:
        self._node = node
        self._live = live
        self._rules = rules
        self._fed = fed
        self.properties: dict[str, Any] = {}

    def values(self) -> list[Any]:
        """What is saved for the widgets, by place."""
        values: list[Any] = []
        index = 0
        named: set[str] = set()
        while index < len(self._live.widgets):
            widget = self._live.widgets[index]
            index += 1
            if not widget.saved:
                continue
            value = self._value(widget, named)
            named.add(widget.name)
            set_value(self._live, widget, value, self._rules, None)
            values.append(json_value(value, exact=True))
        return values

    def _value(self, widget: IWidget, named: set[str]) -> Any:
        given = self._node.inputs.get(widget.name, _ABSENT) if widget.sent else _ABSENT
        if given is _ABSENT or type(given) is Link or widget.name in named:
            return self._default(widget)
        if widget.kind == CURVE and is_object(given) and "__type__" in given:
            return unwrapped(given)
        if widget.kind == VIEWPORT:
            self._keep_camera(given)
            return ""
        value = saved_value(given)
        if isinstance(value, str) and widget.name not in self._fed and is_dynamic_prompt(widget):
            return escaped(value) if can_be_escaped(value) else value
        return value

    def _default(self, widget: IWidget) -> Any:
        if not widget.sent and widget.kind == COMBO:
            return "fixed"
        if widget.kind == KEY and widget.spec is not None:
            return self._option(widget)
        return widget.value

    def _option(self, combo: IWidget) -> Any:
        """The option of a linked dynamic combo that brings most of the inputs that are there."""
        brings = combo.spec.brings if combo.spec is not None else {}
        names = self._node.inputs.keys()
        best = max(
            brings, key=lambda key: sum(_is_given(spec.name, names) for spec in brings[key]), default=None
        )
        return combo.value if best is None else best

    def _keep_camera(self, state: Any) -> None:
        camera = state.get("camera_info") if is_object(state) else None
        if is_object(camera):
            self.properties["Camera Config"] = {
                "cameraType": camera.get("cameraType", "perspective"),
                "fov": camera.get("fov", 35),
                "state": dict(camera),
            }


_ABSENT: Final = object()


def _is_given(name: str, names: Any) -> bool:
    return name in names or any(given.startswith(f"{name}.") for given in names)


def _live_node(node: GraphNode, shape: NodeShape, fed: AbstractSet[str]) -> LGraphNode:
    """The node as the editor makes it, with its links, before the values are put in."""
    graph = LGraph(None, "", {})
    names = [*dict(node.links), *fed]
    saved = [{"name": name, "type": "*", "link": number} for number, name in enumerate(names, 1)]
    live = LGraphNode(node.node_id, node.node_id, shape.class_type, "class", graph, {"inputs": saved})
    graph.nodes.append(live)
    graph.by_key[node.node_id] = live
    for number in range(1, len(saved) + 1):
        graph.links[number] = LLink(number, None, 0, node.node_id, 0)
    start_class_node(live, shape)
    return live


def _slots(node: GraphNode, live: LGraphNode, fed: AbstractSet[str]) -> Iterator[DraftInput]:
    """The slots to save: all sockets, and the inputs of widgets that are linked.

    Sockets come first, and what a dynamic combo brings is in front of it: 1.58 finds slots by place.
    """
    linked = dict(node.links)
    specs = live.shape.specs if live.shape is not None else {}
    for slot in _ordered(live.inputs):
        source = linked.pop(slot.name, None)
        if source is not None or slot.widget is None or slot.name in fed:
            spec = specs.get(slot.name)
            yield DraftInput(slot.name, slot.type, source, slot.widget, spec is None or not spec.required)
    for name, source in linked.items():  # unknown to the class; the editor sends the link anyway
        yield DraftInput(name, "*", source, optional=True)


def _ordered(slots: list[INodeInputSlot]) -> Iterator[INodeInputSlot]:
    names = {slot.name for slot in slots}
    held: dict[str, list[INodeInputSlot]] = {}
    sockets: list[INodeInputSlot] = []
    widgets: list[INodeInputSlot] = []
    for slot in slots:
        owner = next((name for name in _owners(slot.name) if name in names), None)
        if owner is not None:
            held.setdefault(owner, []).append(slot)
        else:
            (sockets if slot.widget is None else widgets).append(slot)
    return _with_brought([*sockets, *widgets], held)


def _owners(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _with_brought(
    slots: list[INodeInputSlot], held: Mapping[str, list[INodeInputSlot]]
) -> Iterator[INodeInputSlot]:
    waiting: list[tuple[INodeInputSlot, bool]] = [(slot, False) for slot in reversed(slots)]
    while waiting:
        slot, done = waiting.pop()
        brought = held.get(slot.name, [])
        if done or not brought:
            yield slot
        else:
            waiting.append((slot, True))
            waiting.extend((inner, False) for inner in reversed(brought))


def _with_pack_widgets(node: GraphNode, shape: NodeShape) -> NodeShape:
    """The shape with widgets for constants at inputs of types that only a pack knows [C3b]."""
    if shape.core or shape.dynamic:
        return shape
    names = tuple(
        spec.name
        for spec in shape.specs.values()
        if not spec.widgets
        and not spec.force_input
        and not is_native(spec.type)
        and spec.name in node.inputs
        and type(node.inputs[spec.name]) is not Link
    )
    return shape.with_widgets(names) if names else shape


def _for_pack(node: GraphNode, shape: NodeShape, live: LGraphNode, values: list[Any]) -> Any:
    """The values with those behind them that only the code of a pack has widgets for."""
    if shape.core:
        return values
    known = {widget.name for widget in live.widgets} | {slot.name for slot in live.inputs}
    more = [
        saved_value(value)
        for name, value in node.inputs.items()
        if type(value) is not Link and name not in known
    ]
    return [*values, *more]


def _by_name(node: GraphNode, live: LGraphNode, values: list[Any]) -> dict[str, Any]:
    named = dict(zip((widget.name for widget in live.widgets if widget.saved), values, strict=False))
    given = {name: saved_value(value) for name, value in node.inputs.items() if type(value) is not Link}
    return {**given, **named}


def _strays(node: GraphNode, live: LGraphNode, shape: NodeShape) -> tuple[str, ...]:
    known = {widget.name for widget in live.widgets if widget.sent and widget.kind != "shim"}
    known |= made_in_shape(shape)  # the value is the editor's own, also where another release sent it
    if not shape.core:  # its code may have a widget for what the server does not describe
        sockets = {spec.name for spec in shape.specs.values() if not spec.widgets}
        known.update(name for name in node.inputs if name not in sockets)
    return tuple(name for name, value in node.inputs.items() if type(value) is not Link and name not in known)
