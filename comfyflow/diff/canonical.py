"""The canonical form of a graph: one order of its nodes that every equal graph has too.

Colour refinement alone tells nearly all nodes apart. What it leaves alike falls into pieces once
the nodes with colours of their own are taken away; equal pieces are interchangeable, and in
what still hangs together each node of one colour in turn is singled out, and the least result
taken. That search is exact, and bounded: a piece that is too symmetric for `SEARCH_LIMIT` is
described by its colours alone, which still is the same for equal graphs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..graph import Graph
from ..schema import NodeSchema, Schema
from .refinement import Colouring
from .wiring import Neighbours, Wiring

SEARCH_LIMIT: Final = 100_000
"""How many nodes the search for the order of one symmetric piece looks at."""

_FORMAT: Final = b"comfyflow graph 1\n"


class Ordered(NamedTuple):
    """Nodes in their canonical order.

    Attributes:
        form: What they are and how they are linked to one another; equal for equal pieces.
        nodes: The nodes in that order.
        exact: Whether pieces with the same form are surely equal.
    """

    form: tuple[Any, ...]
    nodes: list[int]
    exact: bool


def canonical_hash(graph: Graph, schema: Schema | None = None) -> str:
    """A hash of what would run.

    Two graphs have the same hash exactly when they are the same up to ids, titles, the order of
    nodes and inputs, and unused nodes. 1 equals 1.0, and ``{"__value__": 1}`` equals 1. (Graphs
    in which hundreds of nodes are alike in every respect but the pattern of their links may
    share a hash although the patterns differ.)

    Args:
        graph: Any graph.
        schema: Tells which nodes are outputs: what none of them depends on does not run. A sink
            whose class it does not know counts as an output. Without a schema all sinks do.

    Returns:
        64 hexadecimal digits.

    Raises:
        PromptError: A value is nothing that JSON can hold.
    """
    used = used_nodes(graph, schema)
    wiring = Wiring([Graph(node for node_id, node in graph.items() if node_id in used)])
    neighbours = wiring.neighbours
    colouring = Colouring(dict(enumerate(wiring.contents)), neighbours)
    colouring.refine()
    ordered = canonical_order(range(len(wiring)), colouring.colour, neighbours)
    digest = hashlib.sha256(_FORMAT)
    places = {node: place for place, node in enumerate(ordered.nodes)} if ordered.exact else colouring.colour
    for line in sorted(_line(wiring, node, places) for node in ordered.nodes):
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def used_nodes(graph: Graph, schema: Schema | None = None) -> set[str]:
    """The ids of the nodes that an output depends on; see `canonical_hash`."""
    linked = {link.node_id for node in graph.values() for _, link in node.links}

    def is_output(node_id: str) -> bool:
        known: NodeSchema | None = schema.get(graph[node_id].class_type) if schema is not None else None
        return known.is_output_node if known is not None else node_id not in linked

    return graph.upstream(filter(is_output, graph))


def canonical_order(
    nodes: Iterable[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]
) -> Ordered:
    """Nodes in an order that depends on nothing but their colours and links.

    Args:
        nodes: The nodes.
        colour: The refined colour of each.
        neighbours: For each node, its links in both directions; those that leave `nodes` are
            passed over.
    """
    counts = Counter(colour[node] for node in nodes)
    alone = sorted((node for node in nodes if counts[colour[node]] == 1), key=colour.__getitem__)
    alike = [node for node in nodes if counts[colour[node]] > 1]
    pieces = [_order_piece(piece, colour, neighbours) for piece in connected(alike, neighbours)]
    pieces.sort(key=lambda piece: piece.form)
    order = [*alone, *(node for piece in pieces for node in piece.nodes)]
    exact = all(piece.exact for piece in pieces)
    form = _form(order, colour, neighbours) if exact else _vague_form(order, colour, neighbours)
    return Ordered(form, order, exact)


def connected(nodes: Iterable[int], neighbours: Sequence[Neighbours]) -> list[list[int]]:
    """The nodes in pieces that hang together by links among them."""
    left = dict.fromkeys(nodes)
    pieces: list[list[int]] = []
    while left:
        first, _ = left.popitem()
        piece = [first]
        for node in piece:
            for _, other in neighbours[node]:
                if other in left:
                    del left[other]
                    piece.append(other)
        pieces.append(piece)
    return pieces


class _Search:
    """How much of a search is left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = SEARCH_LIMIT


class _TooSymmetric(Exception):
    """The search has looked at `SEARCH_LIMIT` nodes."""


def _order_piece(piece: list[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]) -> Ordered:
    try:
        order = _searched(piece, colour, neighbours, _Search())
    except _TooSymmetric:
        order = sorted(piece, key=colour.__getitem__)
        return Ordered(_vague_form(order, colour, neighbours), order, False)
    return Ordered(_form(order, colour, neighbours), order, True)


def _searched(
    piece: list[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours], search: _Search
) -> list[int]:
    """The canonical order of nodes that hang together.

    It recurses once for each node that is singled out; every such step at least doubles the
    search, so the limit bounds the depth too.
    """
    counts = Counter(colour[node] for node in piece)
    least, chosen = min((count, shade) for shade, count in counts.items())
    if least == 1:
        alone = sorted((node for node in piece if counts[colour[node]] == 1), key=colour.__getitem__)
        alike = [node for node in piece if counts[colour[node]] > 1]
        orders = [_searched(part, colour, neighbours, search) for part in connected(alike, neighbours)]
        orders.sort(key=lambda order: _form(order, colour, neighbours))
        return [*alone, *(node for order in orders for node in order)]
    best: tuple[tuple[Any, ...], list[int]] | None = None
    for node in piece:
        if colour[node] == chosen:
            search.left -= len(piece)
            if search.left < 0:
                raise _TooSymmetric
            trial = Colouring({other: colour[other] for other in piece}, neighbours)
            trial.single_out([node])
            order = _searched(piece, trial.colour, neighbours, search)
            form = _form(order, colour, neighbours)
            if best is None or form < best[0]:
                best = form, order
    return best[1] if best is not None else []


def _form(
    order: Sequence[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]
) -> tuple[Any, ...]:
    """The nodes in this order, each with its colour and its links to the others as places."""
    places = {node: place for place, node in enumerate(order)}
    return (0, *(_described(node, colour, neighbours, places) for node in order))


def _vague_form(
    order: Sequence[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]
) -> tuple[Any, ...]:
    """The nodes' colours, and the colours that each is linked to."""
    own = {node: colour[node] for node in order}
    return (1, *sorted(_described(node, colour, neighbours, own) for node in order))


def _described(
    node: int, colour: Mapping[int, int], neighbours: Sequence[Neighbours], names: Mapping[int, int]
) -> tuple[int, tuple[tuple[int, int], ...]]:
    linked = sorted((label, names[other]) for label, other in neighbours[node] if other in names)
    return colour[node], tuple(linked)


def _line(wiring: Wiring, node: int, names: Mapping[int, int]) -> str:
    """One node as the hash takes it: its name, its content, its sources by input."""
    linked = ",".join(str(names[source]) for _, source in sorted(wiring.sources[node]))
    content = wiring.keys[wiring.contents[node]]
    return f"{names[node]} {len(content)}:{content} {linked}\n"
