"""From nodes in Python to a `Graph`: order, ids, links, bypasses, values.

Only what the roots depend on is written. Ids count from 1 in the order in which the server
could run the nodes (sources first, inputs in their order), so the same program gives the same
prompt on every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from ..errors import CompileError
from ..graph import Graph, GraphNode, Link
from ..node import Node, Output, _Slot, is_output, place_of, slot_of
from .value import wire_value

Ids: TypeAlias = "dict[Node, str]"
"""The id of each node that is written; sources stand before what uses them."""


_EXACT = frozenset({str, int, bool})
"""Types of values that stand in a prompt as they are."""


def reachable_nodes(roots: Iterable[Node]) -> list[Node]:
    """The nodes that the roots depend on, and the roots, sources first; bypassed ones too.

    It does not recurse: graphs may be deep.

    Raises:
        CompileError: A node depends on itself.
    """
    finished: dict[Node, bool] = {}
    order: list[Node] = []
    for root in roots:
        if root in finished:
            continue
        finished[root] = False
        stack = [(root, _sources(root))]
        while stack:
            node, sources = stack[-1]
            for source in sources:
                state = finished.get(source)
                if state is None:
                    finished[source] = False
                    stack.append((source, _sources(source)))
                    break
                if not state:
                    raise CompileError(f"{source._class_type} depends on itself", place_of(source))
            else:
                stack.pop()
                finished[node] = True
                order.append(node)
    return order


def number_nodes(nodes: Iterable[Node]) -> Ids:
    """Give each node that is not bypassed its id: its own, else the next free number.

    Raises:
        CompileError: Two nodes were given the same id.
    """
    written = [node for node in nodes if node._marks is None or not node._marks.bypassed]
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


def _sources(node: Node) -> Iterator[Node]:
    found: list[Node] = []
    for value in node._inputs.values():
        if type(value) is _Slot:
            found.append(value._node)
        elif isinstance(value, Node):
            found.append(value)
    return iter(found)


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
    inputs: dict[str, Any] = {}
    for name, value in node._inputs.items():
        if value.__class__ in _EXACT:
            inputs[name] = value
        elif is_output(value):
            link = _link(value, ids)
            if link is not None:
                inputs[name] = link
        else:
            inputs[name] = wire_value(value, node, name)
    marks = node._marks
    title = (marks.title if marks is not None else None) or node._display_name or node._class_type
    return GraphNode(node_id, node._class_type, inputs, title, (node._code, node._instruction))


def _link(output: Output[Any], ids: Ids) -> Link | None:
    """What an output is linked from, bypassed nodes left out; None for nothing."""
    while True:
        node, slot = slot_of(output)
        node_id = ids.get(node)
        if node_id is not None:
            return Link(node_id, slot)
        passed = _passed(node, slot)
        if passed is None:
            return None
        output = passed


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
