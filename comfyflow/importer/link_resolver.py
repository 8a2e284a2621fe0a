"""From an input of a node to the output that feeds it: through reroutes, bypassed nodes and subgraphs."""

from __future__ import annotations

from typing import Any, Final

from ..bounds import NESTING
from ..errors import ConversionError
from ..graph.bypass import handed_on
from .editor_rules import EditorRules
from .group_node import GroupNode, group_output
from .javascript import shown_json
from .live_graph import (
    BYPASSED,
    MUTED,
    NOTHING_RAISED,
    SUBGRAPH_INPUT,
    INodeInputSlot,
    IWidget,
    LGraph,
    LGraphNode,
    LLink,
    slots_connect,
)
from .subgraph_host import promoted_value
from .virtual_nodes import set_name, setters

LONG_WAY: Final = 64
"""From this many steps on, what a link resolves to is remembered for all that join it."""


class HostScope:
    """The canvas, or one use of a subgraph.

    Attributes:
        graph: Its nodes and links.
        prefix: What is in front of its nodes' ids in the prompt.
        host: The node that stands for it outside, or None for the canvas.
        parent: Where that node is, or None for the canvas.
        depth: How many subgraphs it is in.
    """

    __slots__ = ("_children", "depth", "graph", "host", "parent", "prefix")

    def __init__(
        self, graph: LGraph, host: LGraphNode | None = None, parent: HostScope | None = None
    ) -> None:
        self.graph: LGraph = graph
        self.host: LGraphNode | None = host
        self.parent: HostScope | None = parent
        self.prefix: str = f"{parent.prefix}{host.key}:" if parent is not None and host is not None else ""
        self.depth: int = parent.depth + 1 if parent is not None else 0
        self._children: dict[int, HostScope] = {}

    def inside(self, host: LGraphNode) -> HostScope:
        """The use of the subgraph that a node of this scope stands for.

        Raises:
            ConversionError: Subgraphs contain one another in a cycle, or are nested too deep.
        """
        known = self._children.get(id(host))
        if known is not None:
            return known
        if host.definition is None:
            raise ConversionError(f"node {self.prefix}{host.key} is not a subgraph")
        scope: HostScope | None = self
        while scope is not None:
            if scope.graph is host.definition:
                raise ConversionError(
                    f"subgraph {shown_json(host.definition.name)} contains itself"
                    f" (by node {self.prefix}{host.key})"
                )
            scope = scope.parent
        if self.depth >= NESTING:
            raise ConversionError(f"subgraphs are nested more than {NESTING} deep")
        made = HostScope(host.definition, host, self)
        self._children[id(host)] = made
        return made


class ResolvedInput:
    """What feeds an input: the output of a node, or the value of a widget.

    Attributes:
        key: The id of the node in the prompt, or None for a value.
        slot: The output.
        widget: The promoted widget that gives the value, or None for an output.
    """

    __slots__ = ("key", "slot", "widget")

    def __init__(self, key: str | None, slot: int, widget: IWidget | None = None) -> None:
        self.key: str | None = key
        self.slot: int = slot
        self.widget: IWidget | None = widget


class LinkError(ConversionError):
    """A link at which the editor itself fails."""


class LinkEnd:
    """Where one is on the way from an input to its source: at an input or output of a node.

    Attributes:
        at_input: Which of both.
        scope: Where the node is.
        node: The node.
        slot: The input or output.
        type: The type that the input at the start takes, once it is known.
    """

    __slots__ = ("at_input", "node", "scope", "slot", "type")

    def __init__(self, at_input: bool, scope: HostScope, node: LGraphNode, slot: Any, type_: Any) -> None:
        self.at_input: bool = at_input
        self.scope: HostScope = scope
        self.node: LGraphNode = node
        self.slot: Any = slot
        self.type: Any = type_


class LinkResolver:
    """Follows links, step by step: a way may be as long as the file is large.

    Args:
        rules: The version of the editor.
        tolerant: Whether a subgraph may be used twice on one way. The editor takes that for a
            cycle and fails.
    """

    def __init__(self, rules: EditorRules, tolerant: bool = False) -> None:
        self._rules = rules
        self._tolerant = tolerant
        self._known: dict[tuple[int, int, Any, Any], ResolvedInput | None] = {}
        self._setters: dict[int, dict[str, list[LGraphNode]]] = {}

    def resolve(
        self, scope: HostScope, node: LGraphNode, slot: int, way: list[LinkEnd] | None = None
    ) -> ResolvedInput | None:
        """What feeds an input, or None if nothing does.

        Args:
            scope: Where the node is.
            node: The node.
            slot: The place of the input.
            way: A list that is given the places on the way, or None.

        Raises:
            LinkError: The editor fails at this link: it or its origin is missing, or it forms a
                cycle.
        """
        link_id = node.inputs[slot].link
        if link_id is None:
            return None
        if way is None:  # nearly all links come straight from a node that runs
            link = scope.graph.link(link_id)
            origin = scope.graph.by_key.get(link.origin_key) if link is not None else None
            if link is not None and origin is not None and _just_runs(origin):
                return ResolvedInput(f"{scope.prefix}{origin.key}", link.origin_slot)
        return self._follow(LinkEnd(True, scope, node, slot, None), way)

    def resolve_output(self, scope: HostScope, node: LGraphNode, slot: int) -> ResolvedInput | None:
        """What is behind an output of a node.

        Raises:
            LinkError: See `resolve`.
        """
        return self._follow(LinkEnd(False, scope, node, slot, "*"), None)

    def _follow(self, place: LinkEnd, way: list[LinkEnd] | None) -> ResolvedInput | None:
        visited: set[tuple[object, str, bool, Any]] = set()
        passed: list[tuple[int, int, Any, Any]] = []
        while True:
            self._visit(place, visited)
            reached = self._from_input(place) if place.at_input else self._from_output(place)
            if not isinstance(reached, LinkEnd):
                break
            place = reached
            if way is not None:
                way.append(place)
            elif not place.at_input:
                step = (id(place.scope), id(place.node), place.slot, place.type)
                if _hashable(place.type):
                    if step in self._known:
                        reached = self._known[step]
                        break
                    passed.append(step)
        if len(passed) > LONG_WAY:
            self._known.update(dict.fromkeys(passed, reached))
        return reached

    def _visit(self, place: LinkEnd, visited: set[tuple[object, str, bool, Any]]) -> None:
        """Note a place; the editor knows places by subgraph definition, not by each use of it."""
        where = id(place.scope) if self._tolerant else place.scope.graph.id
        mark = (where, place.node.key, place.at_input, place.slot)
        if mark in visited:
            raise LinkError(f"the link to node {place.scope.prefix}{place.node.key} forms a cycle")
        visited.add(mark)

    def _from_input(self, place: LinkEnd) -> LinkEnd | ResolvedInput | None:
        scope, node = place.scope, place.node
        slot = _at(node.inputs, place.slot)
        if slot is None:
            raise LinkError(f"node {scope.prefix}{node.key} has no input {shown_json(place.slot)}")
        if slot.link is None:
            return None
        link = scope.graph.link(slot.link)
        if link is None:
            raise LinkError(
                f"input {shown_json(slot.name)} of node {scope.prefix}{node.key} has link "
                f"{shown_json(slot.link)}, which does not exist{scope.graph.unread_hint()}"
            )
        if link.origin == SUBGRAPH_INPUT and scope.host is not None and scope.parent is not None:
            return _outside(scope, scope.host, scope.parent, link)
        origin = scope.graph.by_key.get(link.origin_key)
        if origin is None:
            raise LinkError(
                f"input {shown_json(slot.name)} of node {scope.prefix}{node.key} is linked to node"
                f" {shown_json(link.origin)}, which does not exist"
            )
        return LinkEnd(
            False, scope, origin, link.origin_slot, slot.type if place.type is None else place.type
        )

    def _from_output(self, place: LinkEnd) -> LinkEnd | ResolvedInput | None:
        scope, node = place.scope, place.node
        if node.mode == MUTED and self._rules.mute_cuts:
            return None
        if (
            node.role == "host"
            and node.mode == MUTED
            and scope.depth == 0
            and self._rules.muted_hosts_fail
            and not self._tolerant
        ):
            raise LinkError(
                f"a node is linked to muted subgraph {node.key}; this version of the editor fails on that"
            )
        if node.group is not None:
            if self._rules.groups_become_subgraphs and not _fits(node, place):
                return None  # the link is made again, and only to what takes the type
            return _from_group(place, node.group)
        if node.mode == BYPASSED:
            index = bypass_input(node, place.slot, place.type)
            return None if index is None else LinkEnd(True, scope, node, index, None)
        if node.role == "host":
            return _inside(scope, node, place)
        if node.role == "get":
            return self._from_get(place)
        if node.is_virtual:
            slot = place.slot
            if isinstance(slot, int) and 0 <= slot < len(node.inputs) and node.inputs[slot].link is not None:
                return LinkEnd(True, scope, node, slot, place.type)
            return None
        return ResolvedInput(f"{scope.prefix}{node.key}", place.slot)

    def _from_get(self, place: LinkEnd) -> LinkEnd | None:
        """From a Get node to what feeds the Set node of its name, here or further outside.

        Further outside the name must be the only one: of two, the pack's code takes neither.
        """
        name = set_name(place.node)
        scope: HostScope | None = place.scope
        found: list[tuple[HostScope, LGraphNode]] = []
        while name is not None and scope is not None:
            graph = scope.graph
            if id(graph) not in self._setters:
                self._setters[id(graph)] = setters(graph)
            found.extend((scope, setter) for setter in self._setters[id(graph)].get(name, [])[:2])
            if found and scope is place.scope:
                break
            scope = scope.parent
        if not found or (found[0][0] is not place.scope and len(found) > 1):
            return None
        scope, setter = found[0]
        return LinkEnd(True, scope, setter, 0, place.type) if setter.inputs else None


def _just_runs(node: LGraphNode) -> bool:
    """Whether a link from a node comes from that very node."""
    return node.role == "class" and node.mode != MUTED and node.mode != BYPASSED


def _hashable(type_: Any) -> bool:
    return type_ is None or isinstance(type_, (str, int, float))


def _at(slots: list[Any], index: Any) -> Any:
    """The slot at an index; negative ones count from the end."""
    if not isinstance(index, int) or not -len(slots) <= index < len(slots):
        return None
    return slots[index]


def _outside(
    scope: HostScope, host: LGraphNode, parent: HostScope, link: LLink
) -> LinkEnd | ResolvedInput | None:
    """Go out of a subgraph, to what feeds its node outside; or take the promoted value."""
    slot: INodeInputSlot | None = _at(host.inputs, link.origin_slot)
    if slot is None:
        raise LinkError(
            f"{scope.graph.host_names()} has no input {shown_json(link.origin_slot)}, but links inside start "
            f"from it"
        )
    if slot.link is None:
        raised = parent.host.raised if parent.host is not None else NOTHING_RAISED
        widget = raised.get(id(slot)) or promoted_value(slot, scope.graph)
        return None if widget is None else ResolvedInput(None, -1, widget)
    outer = parent.graph.link(slot.link)
    if outer is None:
        raise LinkError(
            f"input {shown_json(slot.name)} of node {parent.prefix}{host.key} has link "
            f"{shown_json(slot.link)}, which does not exist{parent.graph.unread_hint()}"
        )
    return LinkEnd(True, parent, host, outer.target_slot, None)


def _fits(node: LGraphNode, place: LinkEnd) -> bool:
    output = _at(node.outputs, place.slot)
    return output is None or not place.type or slots_connect(output.type, place.type)


def _from_group(place: LinkEnd, group: GroupNode) -> LinkEnd | ResolvedInput | None:
    found = group_output(place.node, group, place.slot, place.type)
    if isinstance(found, int):
        return LinkEnd(True, place.scope, place.node, found, None)
    return ResolvedInput(f"{place.scope.prefix}{found[0]}", found[1]) if found is not None else None


def _inside(scope: HostScope, host: LGraphNode, place: LinkEnd) -> LinkEnd | None:
    """Go into a subgraph, to what feeds one of its outputs."""
    graph = host.definition
    boundary = _at(graph.outputs, place.slot) if graph is not None else None
    if graph is None or boundary is None:
        raise LinkError(f"node {scope.prefix}{host.key} has no output {shown_json(place.slot)}")
    link = next((graph.link(id_) for id_ in boundary.links if graph.link(id_) is not None), None)
    if link is None:
        return None
    inner = graph.by_key.get(link.origin_key)
    if inner is None:
        raise LinkError(
            f"output {shown_json(boundary.name)} of node {scope.prefix}{host.key} comes "
            + (
                "directly from an input"
                if link.origin == SUBGRAPH_INPUT
                else f"from node {shown_json(link.origin)}"
            )
            + ", not from a node in the subgraph"
        )
    return LinkEnd(False, scope.inside(host), inner, link.origin_slot, place.type)


def bypass_input(node: LGraphNode, output: Any, wanted: Any) -> int | None:
    """Which input a bypassed node passes on in place of one of its outputs [12].

    Args:
        node: The bypassed node.
        output: The output.
        wanted: The type that the consumer takes.

    Returns:
        See `handed_on`.
    """
    if not isinstance(output, int) or not 0 <= output < len(node.outputs):
        raise LinkError(f"bypassed node {node.key} has no output {shown_json(output)}")
    types = [entry.type for entry in node.inputs]
    return handed_on(types, node.outputs[output].type, output, wanted, slots_connect)
