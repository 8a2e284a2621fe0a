"""From nodes in Python to a `Graph`: order, ids, links, bypasses, values.

Only what the roots depend on is written. Ids count from 1 in the order in which the server
could run the nodes (sources first, inputs in their order), so the same program gives the same
prompt on every run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from ..errors import CompileError
from ..graph import Graph, GraphNode, Link
from ..graph.walk import sources_first
from ..node import Node, Output, is_output, place_of, slot_of
from .value import wire_value

Ids: TypeAlias = "dict[Node, str]"
"""The id of each node that is written; sources stand before what uses them."""


_EXACT = frozenset({str, int, bool})
"""Types of values that stand in a prompt as they are."""

_PLAIN = _EXACT | {float, type(None)}
"""Types of values that are no outputs; asking for them first is faster than asking for those."""


def reachable_nodes(roots: Iterable[Node]) -> list[Node]:
    """The nodes that the roots depend on, and the roots, sources first; no bypassed ones.

    Raises:
        CompileError: A node depends on itself.
    """

    def refuse(node: Node) -> None:
        raise CompileError(f"{node._class_type} depends on itself", place_of(node))

    return sources_first((root for root in roots if not is_bypassed(root)), _sources, refuse)


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
    return Graph(_graph_node(node, node_id, ids) for node, node_id in ids.items())


def is_bypassed(node: Node) -> bool:
    """Whether a node is to be left out of the prompt."""
    return node._marks is not None and node._marks.bypassed


def _sources(node: Node) -> list[Node]:
    found: list[Node] = []
    for value in node._inputs.values():
        if value.__class__ not in _PLAIN and is_output(value):
            source = _source(value)
            if source is not None:
                found.append(source[0])
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
        if value.__class__ in _EXACT:
            continue
        if is_output(value):
            source = _source(value)
            if source is None:
                unlinked.append(name)
            else:
                inputs[name] = Link(ids[source[0]], source[1])
        elif value.__class__ is not float or value * 0 != 0:
            inputs[name] = wire_value(value, node, name)
    for name in unlinked:
        del inputs[name]
    marks = node._marks
    title = (marks.title if marks is not None else None) or node._display_name or node._class_type
    return GraphNode(node_id, node._class_type, inputs, title, (node._code, node._instruction))


def _source(output: Output[Any]) -> tuple[Node, int] | None:
    """The node and slot that an output stands for once the bypassed nodes are left out."""
    source = slot_of(output)
    while source[0]._marks is not None and source[0]._marks.bypassed:
        passed = _passed(*source)
        if passed is None:
            return None
        source = slot_of(passed)
    return source


def _passed(node: Node, slot: int) -> Output[Any] | None:
    kind = _type_of(node, slot)
    same_index = list(node._inputs.values())[slot : slot + 1]
    for value in [*same_index, *node._inputs.values()]:
        if is_output(value) and (kind == "*" or _type_of(*slot_of(value)) in (kind, "*")):
            return value
    return None


def _type_of(node: Node, slot: int) -> str:
    types = node._output_types
    return types[slot] if slot < len(types) else "*"
