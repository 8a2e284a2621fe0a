"""The canonical hash: one word for what a graph runs, however it is written.

Nodes are written in an order that depends on nothing but what they are and how they are linked;
see `symmetry`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from ..collector import collector_paused
from ..errors import SymmetryError
from ..graph import Graph
from ..graph.graph import check_graph
from ..schema import Schema
from .symmetry import SEARCH_LIMIT, Colouring, canonical_order
from .wiring import Wiring

_FORMAT: Final = b"comfyflow graph 1\n"


def canonical_hash(graph: Graph, schema: Schema | None = None) -> str:
    """A hash of what would run.

    Two graphs have the same hash exactly when they are the same up to ids, titles, the order of
    nodes and inputs, and unused nodes. 1 equals 1.0, and ``{"__value__": 1}`` equals 1.

    Args:
        graph: Any graph.
        schema: Says which nodes are outputs: nodes that none of them depends on do not run. A
            node of an unknown class counts as an output if no node uses it. Without a schema that holds for
            all nodes, and none is unused.

    Returns:
        64 hexadecimal digits.

    Raises:
        PromptError: A value cannot be written as JSON.
        SymmetryError: Hundreds of nodes differ only in the pattern of their links, and
            ordering them would take too long.
        TypeError: It is not a graph.
    """
    with collector_paused():
        used = used_nodes(graph, schema)
        wiring = Wiring([Graph(node for node_id, node in graph.items() if node_id in used)])
        neighbours = wiring.neighbours
        colouring = Colouring(dict(enumerate(wiring.contents)), neighbours)
        colouring.refine()
        ordered = canonical_order(range(len(wiring)), colouring.colour, neighbours, SEARCH_LIMIT)
        if not ordered.exact:
            raise SymmetryError(
                f"a graph of {len(wiring)} nodes that look too much alike: no canonical order was found in "
                "bounded time; give the nodes values that tell them apart"
            )
        digest = hashlib.sha256(_FORMAT)
        places = {node: place for place, node in enumerate(ordered.nodes)}
        for line in sorted(_line(wiring, node, places) for node in ordered.nodes):
            digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def used_nodes(graph: Graph, schema: Schema | None = None) -> set[str]:
    """The ids of the nodes that an output depends on; see `canonical_hash`.

    Raises:
        TypeError: It is not a graph.
    """
    check_graph(graph)
    if schema is None:
        return set(graph)  # whatever is not a sink leads to one, or round and round
    known = {node_id: schema.get(node.class_type) for node_id, node in graph.items()}
    ends = _ends(graph) if any(node is None for node in known.values()) else set[str]()
    return graph.upstream(
        node_id
        for node_id, node in known.items()
        if (node_id in ends if node is None else node.is_output_node)
    )


def _ends(graph: Graph) -> set[str]:
    """The ids of the nodes that no other node uses; those of a cycle count as one."""
    ends = {node_id for node_id, users in graph.users.items() if not users}
    if len(graph.upstream(ends)) < len(graph):
        import networkx as nx

        network = graph.network()
        for cycle in nx.strongly_connected_components(network):
            if all(user in cycle for node_id in cycle for user in network.successors(node_id)):
                ends |= cycle
    return ends


def _line(wiring: Wiring, node: int, names: Mapping[int, int]) -> str:
    """One node as the hash takes it: its name, its content, its sources by input."""
    linked = ",".join(str(names[source]) for _, source in sorted(wiring.sources[node]))
    content = wiring.keys[wiring.contents[node]]
    return f"{names[node]} {len(content)}:{content} {linked}\n"
