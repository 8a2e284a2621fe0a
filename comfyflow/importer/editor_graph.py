"""What the editor knows of a workflow beyond the prompt: places, titles, groups, notes, subgraphs.

A prompt is flat. To write a workflow as readable code one wants to know which of its nodes stand
in one subgraph, what goes in and out of that, what the author's groups are called, and what the
notes say. Everything here is text and numbers of a stranger's file: show it, do not run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_number, is_object, object_or_empty
from .javascript import json_value
from .link_resolver import LinkError, Place, Scope, Source
from .live_graph import Graph, Node, Widget
from .prompt_writer import Instance, PromptWriter
from .subgraph_host import promoted_value

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Link = tuple[str, int]
"""The id of a node in the prompt, and its output."""

MAX_GROUPS: Final = 1000
"""How many groups of one canvas are told, the largest first. Real ones have some 30."""

_NOWHERE: Final[Point] = (0.0, 0.0)
_CANVAS: Final = 1e12


@dataclass(frozen=True)
class EditorGroup:
    """A group: a box on the canvas with a title.

    Attributes:
        title: What it is called.
        box: Left, top, width and height, in the editor's pixels.
    """

    title: str
    box: Box

    def holds(self, position: Point) -> bool:
        """Whether a point lies in it."""
        left, top, width, height = self.box
        return left <= position[0] <= left + width and top <= position[1] <= top + height


@dataclass(frozen=True)
class EditorNote:
    """A note.

    Attributes:
        text: What it says.
        title: Its own title, or None.
        position: Where its upper left corner stands.
        markdown: Whether the text is Markdown.
        groups: The titles of the groups that it stands in, the largest first.
    """

    text: str
    title: str | None
    position: Point
    markdown: bool
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditorNode:
    """A node of the prompt as the editor shows it.

    Attributes:
        node_id: Its id in the prompt.
        class_type: Its class.
        title: The title that its author gave it, or None.
        position: Where its upper left corner stands.
        hosts: The ids of the subgraph nodes that it stands in, outermost first.
        groups: The titles of the groups around it, in its own graph, the largest first.
    """

    node_id: str
    class_type: str
    title: str | None
    position: Point
    hosts: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class SubgraphInput:
    """An input of one use of a subgraph.

    Attributes:
        name: Its name.
        label: What the editor shows instead, or None.
        type: Its type.
        source: What feeds it from outside, or None.
        has_value: Whether nothing feeds it and it has a value of its own instead.
        value: That value.
        targets: Which inputs in the prompt take what comes in: node id and input name.
    """

    name: str
    label: str | None
    type: Any
    source: Link | None = None
    has_value: bool = False
    value: Any = None
    targets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SubgraphOutput:
    """An output of one use of a subgraph: its name, label and type, and what it gives, or None."""

    name: str
    label: str | None
    type: Any
    source: Link | None = None


@dataclass(frozen=True)
class SubgraphUse:
    """One node that stands for a subgraph.

    Attributes:
        host_id: Its id: ``12``, or ``12:5`` inside another subgraph.
        definition_id: Which subgraph; several uses may share one.
        title: The title of the node, or the name of the subgraph.
        position: Where the node stands.
        inputs: What goes in.
        outputs: What comes out.
        node_ids: The nodes of the prompt that stand directly in it.
        host_ids: The subgraph nodes that stand directly in it.
        groups: The titles of the groups around the node, the largest first.
    """

    host_id: str
    definition_id: str
    title: str
    position: Point
    inputs: tuple[SubgraphInput, ...]
    outputs: tuple[SubgraphOutput, ...]
    node_ids: tuple[str, ...]
    host_ids: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class SubgraphDefinition:
    """A subgraph.

    Attributes:
        definition_id: Its id.
        name: Its name.
        groups: The groups in it.
        notes: The notes in it.
        host_ids: The nodes that stand for it.
    """

    definition_id: str
    name: str
    groups: tuple[EditorGroup, ...]
    notes: tuple[EditorNote, ...]
    host_ids: tuple[str, ...]


@dataclass(frozen=True)
class EditorGraph:
    """The editor's view of a prompt.

    Attributes:
        nodes: The nodes by id in the prompt.
        groups: The groups on the canvas.
        notes: The notes on the canvas.
        definitions: The subgraphs that are used, by id.
        uses: The subgraph nodes that are expanded in the prompt, by their id.
    """

    nodes: Mapping[str, EditorNode] = field(default_factory=dict[str, EditorNode])
    groups: tuple[EditorGroup, ...] = ()
    notes: tuple[EditorNote, ...] = ()
    definitions: Mapping[str, SubgraphDefinition] = field(default_factory=dict[str, SubgraphDefinition])
    uses: Mapping[str, SubgraphUse] = field(default_factory=dict[str, SubgraphUse])


def editor_graph(writer: PromptWriter, prompt: Mapping[str, Any]) -> EditorGraph:
    """Put the editor's view of a prompt together.

    Args:
        writer: What wrote the prompt.
        prompt: The prompt: nodes that are not in it are left out.
    """
    instances = writer.instances()
    crossings = _crossings(writer, instances, prompt)
    groups: dict[int, tuple[EditorGroup, ...]] = {}
    nodes: dict[str, EditorNode] = {}
    hosts: list[Instance] = []
    inside: dict[str, list[str]] = {}
    hosts_inside: dict[str, list[str]] = {}
    hosts_of: Hosts = {}
    for instance in instances:
        host_id = instance.scope.prefix[:-1]
        if instance.node.role == "host":
            if _is_expanded(writer, instance):
                hosts.append(instance)
                hosts_inside.setdefault(host_id, []).append(instance.key)
        elif instance.key in prompt:
            nodes[instance.key] = _editor_node(instance, _groups(instance.scope.graph, groups), hosts_of)
            inside.setdefault(host_id, []).append(instance.key)
    uses = {
        instance.key: _use(writer, instance, crossings, inside, hosts_inside, groups) for instance in hosts
    }
    root = writer.scope.graph
    return EditorGraph(nodes, _groups(root, groups), _notes(root, groups), _definitions(hosts, groups), uses)


def _is_expanded(writer: PromptWriter, instance: Instance) -> bool:
    inactive = instance.node.mode in (2, 4)
    return not (inactive and instance.scope.depth == 0 and writer.rules.inactive_hosts_vanish)


def _groups(graph: Graph, known: dict[int, tuple[EditorGroup, ...]]) -> tuple[EditorGroup, ...]:
    if id(graph) not in known:
        found = [_group(entry) for entry in array_or_empty(graph.raw.get("groups")) if is_object(entry)]
        known[id(graph)] = tuple(sorted(found, key=lambda group: -group.box[2] * group.box[3]))[:MAX_GROUPS]
    return known[id(graph)]


def _group(entry: Mapping[str, Any]) -> EditorGroup:
    numbers = [_pixels(number) for number in array_or_empty(entry.get("bounding"))[:4]]
    left, top, width, height = [*numbers, 0.0, 0.0, 0.0, 0.0][:4]
    title = entry.get("title")
    return EditorGroup(title if isinstance(title, str) else "", (left, top, width, height))


def _around(position: Point, groups: tuple[EditorGroup, ...]) -> tuple[str, ...]:
    return tuple(group.title for group in groups if group.holds(position))


def _position(node: Node) -> Point:
    """Where a node stands; old files have ``{"0": x, "1": y}``."""
    saved = node.raw.get("pos")
    pair = (
        [saved.get("0"), saved.get("1")] if is_object(saved) else list(saved[:2]) if is_array(saved) else []
    )
    return (_pixels(pair[0]), _pixels(pair[1])) if len(pair) == 2 else _NOWHERE


def _pixels(value: Any) -> float:
    """A place on the canvas; 0 for what is none."""
    return float(value) if is_number(value) and abs(value) <= _CANVAS else 0.0


def _own_title(node: Node) -> str | None:
    title = node.raw.get("title")
    return title if isinstance(title, str) and title else None


Hosts = dict[str, tuple[str, ...]]
"""The hosts around what stands in a scope, by the scope's prefix: nodes side by side share them."""


def _host_ids(scope: Scope, known: Hosts) -> tuple[str, ...]:
    """The ids of the hosts around what stands in a scope, outermost first."""
    found: tuple[str, ...] = ()
    missing: list[Scope] = []
    inner = scope
    while inner.parent is not None:
        if inner.prefix in known:
            found = known[inner.prefix]
            break
        missing.append(inner)
        inner = inner.parent
    for one in reversed(missing):
        known[one.prefix] = found = (*found, one.prefix[:-1])
    return found


def _editor_node(instance: Instance, groups: tuple[EditorGroup, ...], hosts: Hosts) -> EditorNode:
    node = instance.node
    position = _position(node)
    return EditorNode(
        instance.key,
        node.type,
        _own_title(node),
        position,
        _host_ids(instance.scope, hosts),
        _around(position, groups),
    )


def _notes(graph: Graph, known: dict[int, tuple[EditorGroup, ...]]) -> tuple[EditorNote, ...]:
    groups = _groups(graph, known)
    found: list[EditorNote] = []
    for node in graph.nodes:
        foreign = node.role == "note" and node.pack is None
        if not foreign and node.type not in ("Note", "MarkdownNote"):
            continue
        values = array_or_empty(node.raw.get("widgets_values"))
        if foreign:  # which of its values is the text, only its pack knows
            values = [value for value in values if isinstance(value, str)]
        text = values[0] if values else object_or_empty(node.raw.get("properties")).get("text")
        if isinstance(text, str) and text.strip():
            position = _position(node)
            markdown = node.type == "MarkdownNote"
            found.append(EditorNote(text, _own_title(node), position, markdown, _around(position, groups)))
    return tuple(found)


def _definitions(
    hosts: list[Instance], groups: dict[int, tuple[EditorGroup, ...]]
) -> dict[str, SubgraphDefinition]:
    users: dict[str, list[str]] = {}
    graphs: dict[str, Graph] = {}
    for instance in hosts:
        graph = instance.node.definition
        if graph is not None and graph.id is not None:
            users.setdefault(graph.id, []).append(instance.key)
            graphs[graph.id] = graph
    return {
        id_: SubgraphDefinition(
            id_, graph.name, _groups(graph, groups), _notes(graph, groups), tuple(users[id_])
        )
        for id_, graph in graphs.items()
    }


Crossings = dict[tuple[str, int], list[tuple[str, str]]]


def _crossings(writer: PromptWriter, instances: list[Instance], prompt: Mapping[str, Any]) -> Crossings:
    """For each input of each subgraph node: which inputs in the prompt take what comes in there."""
    found: Crossings = {}
    for instance in instances:
        if instance.key not in prompt or instance.group is not None:
            continue
        for index, slot in enumerate(instance.node.inputs):
            if slot.link is None:
                continue
            way: list[Place] = []
            _source(writer, instance, index, way)
            for place in way:
                if place.at_input and place.node.role == "host" and isinstance(place.slot, int):
                    key = (f"{place.scope.prefix}{place.node.key}", place.slot)
                    found.setdefault(key, []).append((instance.key, slot.name))
            literal = _literal_input(instance, slot.link)
            if literal is not None:
                found.setdefault(literal, []).append((instance.key, slot.name))
    return found


def _literal_input(instance: Instance, link_id: Any) -> tuple[str, int] | None:
    """The unlinked input of the subgraph's own node that an inner link starts at."""
    scope = instance.scope
    link = scope.graph.link(link_id)
    if link is None or link.origin != -10 or scope.host is None or scope.parent is None:
        return None
    slot = link.origin_slot
    if not isinstance(slot, int) or not 0 <= slot < len(scope.host.inputs):
        return None
    if scope.host.inputs[slot].link is not None:
        return None
    return scope.prefix[:-1], slot


def _use(
    writer: PromptWriter,
    instance: Instance,
    crossings: Crossings,
    inside: Mapping[str, list[str]],
    hosts_inside: Mapping[str, list[str]],
    groups: dict[int, tuple[EditorGroup, ...]],
) -> SubgraphUse:
    node, graph = instance.node, instance.node.definition
    position = _position(node)
    return SubgraphUse(
        instance.key,
        graph.id or "" if graph is not None else "",
        node.title,
        position,
        tuple(_input(writer, instance, index, crossings) for index in range(len(node.inputs))),
        tuple(_output(writer, instance, index) for index in range(len(node.outputs))),
        tuple(inside.get(instance.key, ())),
        tuple(hosts_inside.get(instance.key, ())),
        _around(position, _groups(instance.scope.graph, groups)),
    )


def _input(writer: PromptWriter, instance: Instance, index: int, crossings: Crossings) -> SubgraphInput:
    slot, graph = instance.node.inputs[index], instance.node.definition
    label = graph.inputs[slot.boundary].label if graph is not None and slot.boundary is not None else None
    source = _source(writer, instance, index)
    widget: Widget | None = source.widget if source is not None else None
    if slot.link is None and graph is not None:
        widget = promoted_value(slot, graph)
    return SubgraphInput(
        slot.name,
        label,
        slot.type,
        _link(source),
        widget is not None,
        json_value(widget.value) if widget is not None else None,
        tuple(crossings.get((instance.key, index), ())),
    )


def _output(writer: PromptWriter, instance: Instance, index: int) -> SubgraphOutput:
    output, graph = instance.node.outputs[index], instance.node.definition
    label = graph.outputs[index].label if graph is not None and index < len(graph.outputs) else None
    source = writer.output_source(instance, index)
    return SubgraphOutput(output.name, label, output.type, _link(source))


def _source(
    writer: PromptWriter, instance: Instance, index: int, way: list[Place] | None = None
) -> Source | None:
    """What feeds an input; nothing where its link is broken."""
    try:
        return writer.resolver.resolve(instance.scope, instance.node, index, way)
    except LinkError:
        return None


def _link(source: Source | None) -> Link | None:
    return (source.key, source.slot) if source is not None and source.key is not None else None
