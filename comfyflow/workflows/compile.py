"""From nodes in Python to a `Graph`: order, ids, links, bypasses, values.

Only what the roots depend on is written. Ids count from 1 in the order in which the server
could run the nodes (sources first, inputs in their order), so the same program gives the same
prompt on every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from ..errors import CompileError
from ..graph import Graph, GraphNode, Link
from ..graph.walk import reachable, sources_first
from ..node import Node, is_output, place_of, slot_of
from ..problem import Place
from .value import wire_value

Ids: TypeAlias = "dict[Node, str]"
"""The id of each node that is written; sources are before what uses them."""


_EXACT = frozenset({str, int, bool})
"""Types of values that are in a prompt as they are."""

_PLAIN = _EXACT | {float, type(None)}
"""Types of values that are not outputs; asking for them first is faster than asking for those."""


def reachable_nodes(roots: Iterable[Node]) -> list[Node]:
    """The nodes that the roots depend on, and the roots, sources first; no bypassed ones.

    Raises:
        CompileError: A node depends on itself.
    """

    def refuse(node: Node) -> None:
        raise CompileError(f"{node._class_type} depends on itself", place_of(node))

    return sources_first((root for root in roots if not is_bypassed(root)), _sources, refuse)


def module_names(roots: Iterable[Node]) -> set[str]:
    """The modules of the classes of these nodes, which are walked in any order.

    Args:
        roots: As for `reachable_nodes`.
    """
    nodes = reachable((root for root in roots if not is_bypassed(root)), _sources)
    return {kind.__module__ for kind in set(map(type, nodes))}


def number_nodes(nodes: Iterable[Node]) -> Ids:
    """Give each node its id: its own, else the next free number.

    Raises:
        CompileError: Two nodes were given the same id.
    """
    written = list(nodes)
    owners = _given_ids(written)
    if not owners:
        return {node: str(number) for number, node in enumerate(written, 1)}
    ids = {node: node_id for node_id, node in owners.items()}
    free = (str(number) for number in range(1, len(written) + len(owners) + 1) if str(number) not in owners)
    return {node: ids.get(node) or next(free) for node in written}


def build_graph(ids: Ids) -> Graph:
    """The graph of numbered nodes.

    Raises:
        CompileError: A value is one that no prompt can hold; the message says at which node.
    """
    return Graph(graph_nodes(ids))


def graph_nodes(ids: Ids) -> Iterator[GraphNode]:
    """The nodes of that graph, one by one. Their inputs belong to them alone.

    Raises:
        CompileError: See `build_graph`.
    """
    return (_graph_node(node, node_id, ids) for node, node_id in ids.items())


class NodePlaces(Mapping[str, Place]):
    """Where the user created numbered nodes, by id; computed on demand.

    Args:
        ids: The nodes.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    @cached_property
    def _nodes(self) -> Mapping[str, Node]:
        return {node_id: node for node, node_id in self._ids.items()}

    def __getitem__(self, node_id: str) -> Place:
        return place_of(self._nodes[node_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._ids)


def is_bypassed(node: Node) -> bool:
    """Whether a node must be left out of the prompt."""
    return node._marks is not None and node._marks.bypassed


def _sources(node: Node) -> list[Node]:
    found: list[Node] = []
    for name, value in node._inputs.items():
        if value.__class__ not in _PLAIN and is_output(value):
            source, slot = slot_of(value)
            if source._marks is None or not source._marks.bypassed:
                found.append(source)
            elif (behind := _behind_bypassed((source, slot), node, name)) is not None:
                found.append(behind[0])
    return found


def _given_ids(nodes: Iterable[Node]) -> dict[str, Node]:
    owners: dict[str, Node] = {}
    for node in nodes:
        if node._marks is None or node._marks.node_id is None:
            continue
        other = owners.setdefault(node._marks.node_id, node)
        if other is not node:
            message = f"the id {node._marks.node_id!r} is also that of the node made at {place_of(other)}"
            raise CompileError(message, place_of(node))
    return owners


def _graph_node(node: Node, node_id: str, ids: Ids) -> GraphNode:
    # Most values stay as they are: copying all and replacing some is the fastest way.
    inputs = node._inputs.copy()
    unlinked: list[str] = []
    for name, value in inputs.items():
        kind = value.__class__
        if kind in _EXACT:
            continue
        if is_output(value):
            source, slot = slot_of(value)
            if source._marks is None or not source._marks.bypassed:
                inputs[name] = Link(ids[source], slot)
            elif (behind := _behind_bypassed((source, slot), node, name)) is not None:
                inputs[name] = Link(ids[behind[0]], behind[1])
            else:
                unlinked.append(name)
        elif kind is not float or value * 0 != 0:
            inputs[name] = wire_value(value, node, name)
    for name in unlinked:
        del inputs[name]
    marks = node._marks
    title = (marks.title if marks is not None else None) or node._display_name or node._class_type
    return GraphNode(node_id, node._class_type, inputs, title, (node._code, node._instruction))


def _behind_bypassed(source: tuple[Node, int], user: Node, name: str) -> tuple[Node, int] | None:
    """The node and slot that an output of a bypassed node stands for, once these nodes are left out.

    Args:
        source: The bypassed node and the slot.
        user: The node that takes the output.
        name: By which input.
    """
    from ..graph.bypass import handed_on
    from .slots import slots_of, type_of  # takes a schema: few graphs need it

    wanted = slots_of(user)[name]
    passed: set[tuple[Node, int]] = set()
    while is_bypassed(source[0]):
        node, slot = source
        if source in passed:
            raise CompileError(f"{node._class_type} is bypassed and passes on its own output", place_of(node))
        passed.add(source)
        slots = slots_of(node)
        index = handed_on([*slots.values()], type_of(node, slot), slot, wanted)
        name = [*slots][index] if index is not None and slots else ""
        value = node._inputs.get(name)
        if not is_output(value):
            return None
        source, wanted = slot_of(value), slots[name]
    return source
