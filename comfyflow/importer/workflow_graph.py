"""Loading editor JSON: from the saved file to the graphs that the editor would hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ..bounds import MAX_NODE_ID, MAX_NODES
from ..errors import ConversionError
from ..json_types import array_or_empty, is_array, is_number, is_object
from .editor_rules import EditorRules
from .expansion import check_groups
from .group_node import fill_group_node, group_definitions
from .javascript import js_text
from .link_check import link_by_table, with_checked_links
from .live_graph import LGraph, LGraphNode, LLink, SubgraphSlot, saved_type
from .node_setup import fill_class_node, fill_unknown_node, fill_virtual_node
from .node_shape import NodeShapes
from .pack_set import PackSet
from .subgraph_host import fill_host, rebind_hosts
from .virtual_nodes import virtual_role

_OF_PACKS: Final = ("note", "set", "get", "reroute")
"""What nodes of packs may be that exist in the editor only."""

_FIELDS: Final = 5
"""What a link holds of use: its id, the node and output it comes from, the node and input it goes to."""

_MISSING: Final = (None,) * _FIELDS

_DROPPED_FROM_NAMES: Final = str.maketrans("", "", "&<>\"'`=")


class LoadedWorkflow:
    """The graphs of a workflow.

    Attributes:
        root: The canvas.
        definitions: The subgraph definitions by id.
        graphs: The definitions in the order in which the editor fills them, then the canvas.
        raw: The saved object.
    """

    def __init__(
        self, root: LGraph, definitions: dict[str, LGraph], graphs: list[LGraph], raw: Mapping[str, Any]
    ) -> None:
        self.root = root
        self.definitions = definitions
        self.graphs = graphs
        self.raw = raw

    def nodes(self) -> Iterator[LGraphNode]:
        """All nodes, inner ones first."""
        for graph in self.graphs:
            yield from graph.nodes


def load_editor_workflow(
    raw: Mapping[str, Any],
    shapes: NodeShapes,
    rules: EditorRules,
    packs: PackSet,
    *,
    any_links: bool,
    repair_groups: bool,
) -> LoadedWorkflow:
    """Load editor JSON, version 0.4 or 1.

    Args:
        raw: The object; links as arrays or objects.
        shapes: What the server's classes give their nodes.
        rules: The version of the editor.
        packs: What the code of packs does.
        any_links: Whether links are read in either form, whatever version the file says that it has.
        repair_groups: Whether legacy group nodes have all their widgets, whatever the version.

    Raises:
        ConversionError: It is not an editor workflow, or larger than any can be.
    """
    _check(raw)
    saved = list(_saved_definitions(raw))
    _check_size(raw, saved)
    if rules.checks_links:
        raw = with_checked_links(raw)
    renumbered = _renumbered(raw, saved) if rules.renumbers else {}
    loader = _Loader(shapes, rules, packs, max(_last_id(raw), *(ids.last for ids in renumbered.values()), 0))
    loader.group_lists_are_sockets = rules.group_lists_are_sockets and not repair_groups
    loader.groups = group_definitions(raw, shapes, loader.group_lists_are_sockets)
    reading = _LinkForm(any_links, rules.links_from_table)
    check_groups((node for graph in (raw, *saved) for node in _mappings(graph.get("nodes"))), loader.groups)
    root = LGraph(None, "", raw)
    definitions: dict[str, LGraph] = {}
    for index, definition in enumerate(saved):
        graph = LGraph(js_text(definition.get("id")), js_text(definition.get("name") or ""), definition)
        _add_links(graph, renumbered.get(index, _SAME_IDS).of_links, reading)
        _add_boundaries(graph)
        definitions[graph.id or ""] = graph
    loader.definitions = definitions
    _add_links(root, {}, reading)
    order = [*definitions.values()]
    if order and rules.inner_first:
        order = _leaves_first(definitions)
    places = {id(definition): index for index, definition in enumerate(saved)}
    for graph in order:
        new = renumbered.get(places[id(graph.raw)], _SAME_IDS)
        graph.new_ids = {js_text(old): now for old, now in new.of_links.items()}
        loader.add_nodes(graph, new.of_nodes)
        if rules.host_copies:
            rebind_hosts(graph, loader.hosts)
    loader.add_nodes(root, {})
    if rules.links_from_table:
        for graph in (*order, root):
            link_by_table(graph)
    return LoadedWorkflow(root, definitions, [*order, root], raw)


class _Loader:
    def __init__(self, shapes: NodeShapes, rules: EditorRules, packs: PackSet, last_id: int) -> None:
        self.shapes = shapes
        self.rules = rules
        self.packs = packs
        self.definitions: dict[str, LGraph] = {}
        self.hosts: list[LGraphNode] = []
        self.groups: dict[str, Mapping[str, Any]] = {}
        self.group_lists_are_sockets = False
        self._old_names = rules.old_names
        self._types: dict[str, tuple[str, str]] = {}
        self._last_id = last_id

    def add_nodes(self, graph: LGraph, ids: Mapping[int, int]) -> None:
        """Make the nodes of a graph, then fill them: hosts look at what is inside.

        Args:
            graph: The graph.
            ids: New ids, by the place of the node in the file.
        """
        for place, saved in enumerate(_mappings(graph.raw.get("nodes"))):
            node = self._node(graph, saved, ids.get(place))
            if graph.id is None and node.key in graph.by_key and self.rules.renumbers_canvas:
                self._last_id += 1
                node.id, node.key = self._last_id, js_text(self._last_id)
            graph.nodes.append(node)
            graph.by_key.setdefault(node.key, node)
        for node in graph.nodes:
            self._fill(node)

    def _node(self, graph: LGraph, saved: Mapping[str, Any], new_id: int | None) -> LGraphNode:
        id_ = saved.get("id") if new_id is None else new_id
        if id_ is None or id_ == -1:
            self._last_id += 1
            if id_ is None or self.rules.renumbers:
                id_ = self._last_id
        elif type(id_) is int:
            self._last_id = max(self._last_id, id_)
        written = saved.get("type")
        known = self._types.get(written) if isinstance(written, str) else None
        type_, role = known or self._type_and_role(js_text(written))
        node = LGraphNode(id_, js_text(id_), type_, role, graph, saved)
        mode = saved.get("mode")
        if mode and isinstance(mode, (int, float)):
            node.mode = mode
        properties = saved.get("properties")
        if is_object(properties):
            node.properties = properties
        if role in _OF_PACKS and (of_pack := self.packs.role(type_)) is not None:
            node.pack = of_pack[0].name
        return node

    def _keys_of_group(self, saved: Mapping[str, Any]) -> list[str]:
        """The ids of the nodes of a group that becomes a subgraph: theirs first, then its own [H]."""
        first = self._last_id + 1
        count = len(array_or_empty(saved.get("nodes")))
        self._last_id = first + count
        return [f"{self._last_id}:{first + index}" for index in range(count)]

    def _type_and_role(self, saved: str) -> tuple[str, str]:
        """What the editor calls a type now, and what nodes of it are."""
        known = self._types.get(saved)
        if known is None:
            type_ = self._old_names.get(saved, saved)
            role = self._role(type_)
            if role == "unknown":
                type_ = type_.translate(_DROPPED_FROM_NAMES)
                role = self._role(type_)
            known = self._types[saved] = (type_, role)
        return known

    def _role(self, type_: str) -> str:
        if type_ in self.definitions:
            return "host"
        if type_ in self.groups:
            return "group"
        role = self.shapes.roles.get(type_)
        if role is not None:
            return role
        role = virtual_role(type_)
        if role is None and self.shapes.get(type_) is not None:
            role = "class"
        if role is not None:
            self.shapes.roles[type_] = role
            return role
        of_pack = self.packs.role(type_)
        return of_pack[1] if of_pack is not None else "unknown"

    def _fill(self, node: LGraphNode) -> None:
        if node.role == "class":
            shape = self.shapes.get(node.type)
            if shape is not None:
                fill_class_node(node, shape, self.rules)
                if not shape.core:
                    self.packs.fill(node)
        elif node.role == "group":
            saved = self.groups[node.type]
            keys = self._keys_of_group(saved) if self.rules.groups_become_subgraphs else []
            node.group = fill_group_node(
                node, saved, self.shapes, self.rules, self.group_lists_are_sockets, keys, self.packs.fill
            )
        elif node.role == "host":
            node.definition = self.definitions[node.type]
            self.hosts.append(node)
            fill_host(node, self.rules)
        elif node.role == "unknown":
            fill_unknown_node(node, self.rules)
        else:
            fill_virtual_node(node)


def _check(raw: Mapping[str, Any]) -> None:
    if not is_object(raw):
        raise ConversionError(f"a workflow must be an object with nodes, not {type(raw).__name__}")
    if not is_array(raw.get("nodes")):
        hint = ""
        if any(is_object(node) and "class_type" in node for node in raw.values()):
            hint = ": it is already a prompt (API format) and needs no conversion"
        raise ConversionError(f"this is not an editor workflow: it has no list of nodes{hint}")


def _check_size(raw: Mapping[str, Any], saved: list[Mapping[str, Any]]) -> None:
    count = sum(len(graph["nodes"]) for graph in (raw, *saved) if is_array(graph.get("nodes")))
    if count > MAX_NODES:
        raise ConversionError(f"the workflow has {count} nodes; more than {MAX_NODES} are not converted")


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if is_object(value):
        value = list(value.values())
    if is_array(value):
        for item in value:
            if is_object(item):
                yield item


def _saved_definitions(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The definitions in the order of the file, then those that are inside definitions."""
    level = [raw]
    seen: set[int] = set()
    while level:
        following: list[Mapping[str, Any]] = []
        for holder in level:
            held = holder.get("definitions")
            for definition in _mappings(held.get("subgraphs") if is_object(held) else None):
                if id(definition) not in seen:
                    seen.add(id(definition))
                    following.append(definition)
                    yield definition
        level = following


class _LinkForm(NamedTuple):
    """How links are read.

    Attributes:
        any_form: Lists and objects, whatever version the file says that it has.
        table_counts: Ids are numbers, and where one is given twice the first link keeps it [a].
    """

    any_form: bool
    table_counts: bool


def _add_links(graph: LGraph, ids: Mapping[Any, int], reading: _LinkForm) -> None:
    """Read the links: lists in version 0.4, objects in any other; the editor reads no others [18]."""
    any_form, table_counts = reading
    held = graph.links
    highest = 0
    saved = graph.raw.get("links")
    if is_object(saved) and any_form:
        saved = list(saved.values())
    lists = graph.raw.get("version") == 0.4
    for entry in saved if is_array(saved) else ():
        if is_array(entry) and (lists or any_form):
            fields = entry[:5] if len(entry) >= _FIELDS else [*entry, *_MISSING][:_FIELDS]
            id_, origin, origin_slot, target, target_slot = fields
        elif is_object(entry) and (not lists or any_form):
            id_, origin, origin_slot = entry.get("id"), entry.get("origin_id"), entry.get("origin_slot")
            target, target_slot = entry.get("target_id"), entry.get("target_slot")
        else:
            graph.unread_links += 1
            continue
        if isinstance(id_, (list, dict)):
            continue
        if table_counts:
            if not is_number(id_) or (id_ in held and graph.id is None):
                continue
            if id_ in held:
                id_ = highest + 1
            highest = max(highest, _whole(id_))
        if ids:
            origin = ids.get(origin, origin) if type(origin) is int else origin
            target = ids.get(target, target) if type(target) is int else target
        held[id_] = LLink(id_, origin, _slot(origin_slot), target, _slot(target_slot))


def _slot(value: Any) -> Any:
    """A slot's index: old files have it as text, too."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.isdecimal() and len(digits) < 10 else None
    return None


def _add_boundaries(graph: LGraph) -> None:
    for side, boundaries in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        for entry in _mappings(graph.raw.get(side)):
            links, label = entry.get("linkIds"), entry.get("label")
            boundaries.append(
                SubgraphSlot(
                    js_text(entry.get("name", "")),
                    saved_type(entry),
                    [link for link in links if not isinstance(link, (list, dict))] if is_array(links) else [],
                    label if isinstance(label, str) else None,
                )
            )


class _NewIds:
    """The new ids of one definition: of its nodes by place, and by old id what its links say now.

    They differ where an id repeats within the definition: its first node keeps it, but all links
    go to the last one. After them `last` is the last id that was given out.
    """

    def __init__(self) -> None:
        self.of_nodes: dict[int, int] = {}
        self.of_links: dict[Any, int] = {}
        self.last = 0


_SAME_IDS: Final = _NewIds()


def _renumbered(raw: Mapping[str, Any], saved: list[Mapping[str, Any]]) -> dict[int, _NewIds]:
    """New ids for nodes inside subgraphs whose ids are taken, by place of the definition [19].

    Ids of the canvas stay. Then definition by definition, node by node in the order of the file:
    an id that is free is taken, one that is not becomes the next free one.
    """
    if not saved:
        return {}
    taken = {node.get("id") for node in _mappings(raw.get("nodes")) if is_number(node.get("id"))}
    last = _last_id(raw)
    own = raw.get("definitions")
    top = sum(1 for _ in _mappings(own.get("subgraphs") if is_object(own) else None))
    renumbered: dict[int, _NewIds] = {}
    for index, definition in enumerate(saved[:top]):
        ids = _NewIds()
        for place, node in enumerate(_mappings(definition.get("nodes"))):
            id_ = node.get("id")
            if not is_number(id_):
                continue
            if id_ not in taken:
                taken.add(id_)
                last = max(last, _whole(id_))
                continue
            last += 1
            while last in taken:
                last += 1
            if last > MAX_NODE_ID:
                raise ConversionError("the workflow has no free node id left: its last_node_id is too high")
            ids.of_nodes[place] = last
            ids.of_links[id_] = last
            taken.add(last)
        ids.last = last
        renumbered[index] = ids
    return renumbered


def _last_id(raw: Mapping[str, Any]) -> int:
    last = raw.get("last_node_id")
    if is_number(last):
        return _whole(last)
    state = raw.get("state")
    if raw.get("version") != 0.4 and is_object(state) and is_number(state.get("lastNodeId")):
        return _whole(state["lastNodeId"])
    return 0


def _whole(value: float) -> int:
    try:
        return int(value)
    except (OverflowError, ValueError):
        return 0


def _leaves_first(definitions: dict[str, LGraph]) -> list[LGraph]:
    """The definitions, those that use no other first.

    In file order where they use one another in cycles; and also where one uses another twice: the
    editor counts a use like that twice, but takes it off once.
    """
    users: dict[str, list[str]] = {key: [] for key in definitions}
    waiting = dict.fromkeys(definitions, 0)
    for key, graph in definitions.items():
        for node in _mappings(graph.raw.get("nodes")):
            type_ = js_text(node.get("type"))
            if type_ in definitions:
                waiting[key] += 1
                if key not in users[type_][-1:]:
                    users[type_].append(key)
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:
        for user in users[key]:
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    return (
        [definitions[key] for key in ready] if len(ready) == len(definitions) else list(definitions.values())
    )
