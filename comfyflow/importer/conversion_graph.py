"""The graph of a conversion: beside nodes and links its scopes, and how it all lies in the editor.

Everything here is text and numbers of an untrusted file: show it, do not run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..bounds import MAX_GROUPS
from ..graph import ROOT, Canvas, Graph, Group, Link, Note, Scope, ScopeInput, ScopeOutput
from ..graph.canvas import NOWHERE, Point, Size
from ..graph.prompt import read_prompt, with_class_names
from ..json_types import array_or_empty, is_array, is_number, is_object, object_or_empty
from .javascript import json_value
from .link_resolver import LinkEnd, LinkError, ResolvedInput
from .live_graph import IWidget, LGraph, LGraphNode
from .prompt_writer import ExecutableNode, PromptWriter
from .subgraph_host import promoted_value

_CANVAS: Final = 1e12


def conversion_graph(writer: PromptWriter, prompt: Mapping[str, Any], classes: Mapping[str, str]) -> Graph:
    """Put the graph of a conversion together.

    Args:
        writer: What wrote the prompt.
        prompt: The prompt: nodes that are not in it are left out.
        classes: The classes that the server does not know, by node: the editor writes null for them.

    Raises:
        PromptError: Someone changed the prompt, and it is not a prompt any longer.
    """
    instances = writer.instances()
    crossings = _crossings(writer, instances, prompt)
    scopes = [_scope(writer, one, crossings) for one in instances if _is_expanded(writer, one)]
    canvas = _canvas(writer, instances, scopes, prompt)
    scope_of = {one.key: one.scope.prefix[:-1] for one in instances}
    nodes = read_prompt(with_class_names(prompt, classes))
    known = dict(nodes.scopes) | {scope.scope_id: scope for scope in scopes}
    return Graph(
        (
            node.within(scope_of[node_id]) if scope_of.get(node_id) in known else node
            for node_id, node in nodes.items()
        ),
        known.values(),
        canvas,
    )


def _canvas(
    writer: PromptWriter, instances: list[ExecutableNode], scopes: list[Scope], prompt: Mapping[str, Any]
) -> Canvas:
    shown = {scope.scope_id for scope in scopes}
    graphs = {ROOT: writer.scope.graph}
    positions: dict[str, Point] = {}
    sizes: dict[str, Size] = {}
    collapsed: set[str] = set()
    for one in instances:
        if one.key in prompt or one.key in shown:
            if object_or_empty(one.node.raw.get("flags")).get("collapsed") is True:
                collapsed.add(one.key)
            positions[one.key] = _position(one.node)
            if (size := _size(one.node)) is not None:
                sizes[one.key] = size
        if one.key in shown and one.node.definition is not None:
            graphs[one.key] = one.node.definition
    read: dict[int, tuple[tuple[Group, ...], tuple[Note, ...]]] = {}
    for graph in graphs.values():
        if id(graph) not in read:
            read[id(graph)] = _groups(graph), tuple(_notes(graph))
    groups = {scope_id: read[id(graph)][0] for scope_id, graph in graphs.items()}
    notes = {scope_id: read[id(graph)][1] for scope_id, graph in graphs.items()}
    return Canvas(positions, groups, notes, sizes, collapsed=collapsed, document=writer.scope.graph.raw)


def _is_expanded(writer: PromptWriter, instance: ExecutableNode) -> bool:
    if instance.node.role != "host":
        return False
    inactive = instance.node.mode in (2, 4)
    return not (inactive and instance.scope.depth == 0 and writer.rules.inactive_hosts_vanish)


def _groups(graph: LGraph) -> tuple[Group, ...]:
    found = [_group(entry) for entry in array_or_empty(graph.raw.get("groups")) if is_object(entry)]
    return tuple(sorted(found, key=lambda group: -group.box[2] * group.box[3]))[:MAX_GROUPS]


def _group(entry: Mapping[str, Any]) -> Group:
    numbers = [_pixels(number) for number in array_or_empty(entry.get("bounding"))[:4]]
    left, top, width, height = [*numbers, 0.0, 0.0, 0.0, 0.0][:4]
    title = entry.get("title")
    return Group(title if isinstance(title, str) else "", (left, top, width, height))


def _position(node: LGraphNode) -> Point:
    """Where a node is; old files have ``{"0": x, "1": y}``."""
    return _pair(node.raw.get("pos")) or NOWHERE


def _size(node: LGraphNode) -> Size | None:
    """How large a node was saved, or None."""
    size = _pair(node.raw.get("size"))
    return size if size is not None and min(size) > 0 else None


def _pair(saved: object) -> Point | None:
    pair = (
        [saved.get("0"), saved.get("1")] if is_object(saved) else list(saved[:2]) if is_array(saved) else []
    )
    return (_pixels(pair[0]), _pixels(pair[1])) if len(pair) == 2 else None


def _pixels(value: Any) -> float:
    """A place on the canvas; 0 for what is not one."""
    return float(value) if is_number(value) and abs(value) <= _CANVAS else 0.0


def _own_title(node: LGraphNode) -> str | None:
    title = node.raw.get("title")
    return title if isinstance(title, str) and title else None


def _notes(graph: LGraph) -> Iterator[Note]:
    for node in graph.nodes:
        foreign = node.role == "note" and node.pack is None
        if not foreign and node.type not in ("Note", "MarkdownNote"):
            continue
        values = array_or_empty(node.raw.get("widgets_values"))
        if foreign:  # which of its values is the text, only its pack knows
            values = [value for value in values if isinstance(value, str)]
        text = values[0] if values else object_or_empty(node.raw.get("properties")).get("text")
        if isinstance(text, str) and text.strip():
            yield Note(text, _own_title(node), _position(node), node.type == "MarkdownNote", _size(node))


Crossings = dict[tuple[str, int], list[tuple[str, str]]]


def _crossings(writer: PromptWriter, instances: list[ExecutableNode], prompt: Mapping[str, Any]) -> Crossings:
    """For each input of each subgraph node: which inputs in the prompt take what comes in there."""
    found: Crossings = {}
    for instance in instances:
        if instance.key not in prompt or instance.group is not None:
            continue
        for index, slot in enumerate(instance.node.inputs):
            if slot.link is None:
                continue
            way: list[LinkEnd] = []
            _source(writer, instance, index, way)
            for place in way:
                if place.at_input and place.node.role == "host" and isinstance(place.slot, int):
                    key = (f"{place.scope.prefix}{place.node.key}", place.slot)
                    found.setdefault(key, []).append((instance.key, slot.name))
            literal = _literal_input(instance, slot.link)
            if literal is not None:
                found.setdefault(literal, []).append((instance.key, slot.name))
    return found


def _literal_input(instance: ExecutableNode, link_id: Any) -> tuple[str, int] | None:
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


def _scope(writer: PromptWriter, instance: ExecutableNode, crossings: Crossings) -> Scope:
    node, graph = instance.node, instance.node.definition
    return Scope(
        instance.key,
        instance.scope.prefix[:-1],
        graph.name if graph is not None else "",
        node.title,
        (graph.id or "") if graph is not None else "",
        tuple(_input(writer, instance, index, crossings) for index in range(len(node.inputs))),
        tuple(_output(writer, instance, index) for index in range(len(node.outputs))),
    )


def _input(writer: PromptWriter, instance: ExecutableNode, index: int, crossings: Crossings) -> ScopeInput:
    slot, graph = instance.node.inputs[index], instance.node.definition
    label = graph.inputs[slot.boundary].label if graph is not None and slot.boundary is not None else None
    source = _source(writer, instance, index)
    widget: IWidget | None = source.widget if source is not None else None
    if slot.link is None and graph is not None:
        widget = promoted_value(slot, graph)
    return ScopeInput(
        slot.name,
        label,
        slot.type,
        _link(source),
        widget is not None,
        json_value(widget.value) if widget is not None else None,
        tuple(crossings.get((instance.key, index), ())),
    )


def _output(writer: PromptWriter, instance: ExecutableNode, index: int) -> ScopeOutput:
    output, graph = instance.node.outputs[index], instance.node.definition
    label = graph.outputs[index].label if graph is not None and index < len(graph.outputs) else None
    source = writer.output_source(instance, index)
    return ScopeOutput(output.name, label, output.type, _link(source))


def _source(
    writer: PromptWriter, instance: ExecutableNode, index: int, way: list[LinkEnd] | None = None
) -> ResolvedInput | None:
    """What feeds an input; nothing where its link is broken."""
    try:
        return writer.resolver.resolve(instance.scope, instance.node, index, way)
    except LinkError:
        return None


def _link(source: ResolvedInput | None) -> Link | None:
    return Link(source.key, source.slot) if source is not None and source.key is not None else None
