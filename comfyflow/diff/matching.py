"""Finds which node of one graph is which of another."""

from __future__ import annotations

from typing import Final

from .anchors import Cones, pair_anchors
from .cheapest import find_cheapest
from .equal_parts import pair_equal_parts
from .improvement import improve
from .pairing import Pairing
from .spreading import pair_neighbours
from .symmetry import SEARCH_LIMIT
from .votes import Votes
from .wiring import Wiring

FEW: Final = 100
"""The number of nodes with equal ids up to which all explanations are worked out."""

LESS: Final = 100_000
"""How much is done to tell whether parts are equal once it is known that the graphs are not."""


def match(wiring: Wiring) -> Pairing:
    """The pairing of two graphs that explains their differences best.

    Nodes are known by what they are and what is around them. Explanations are worked out that
    begin with parts that are equal, with equal ids in what is in none of these parts, and with equal
    ids everywhere; ids win only where they explain no worse. Where few nodes are concerned, all
    other explanations are looked at too.

    Args:
        wiring: The two graphs.
    """
    pairing = Pairing(wiring)
    pairing.exact = pair_equal_parts(pairing, SEARCH_LIMIT)
    if not all(pairing.unpaired()):
        return pairing
    equal = pairing.copy()
    cones = Cones(wiring)
    by_structure, by_ids, all_by_ids = pairing, pairing.copy(), Pairing(wiring)
    all_by_ids.exact = pairing.exact
    _complete(by_structure, cones)
    found = _better(by_structure, by_ids, cones)
    find_cheapest(found, equal)
    best = _better(found, all_by_ids, cones)
    if best is all_by_ids:
        find_cheapest(best, equal)
    return best


def _better(found: Pairing, begun: Pairing, cones: Cones) -> Pairing:
    """An explanation, or another one that keeps the ids of what is unpaired, if it is not a worse."""
    cost = found.cost()
    kept = _pair_ids(begun) if cost.ids else []
    if not kept or (len(kept) > FEW and _differing(begun, kept) > cost.changes):
        return found
    _complete(begun, cones)
    return begun if begun.cost() <= cost else found


def _complete(pairing: Pairing, cones: Cones) -> None:
    """Pair what is left, the surest first."""
    while pair_anchors(pairing, cones):
        pair_equal_parts(pairing, LESS)
    pair_neighbours(pairing, cones)
    Votes(pairing, cones).run()
    improve(pairing, cones)


def _pair_ids(pairing: Pairing) -> list[int]:
    """Pair unpaired nodes with the same id and class; those of the first graph."""
    nodes = pairing.wiring.nodes
    ours, theirs = pairing.unpaired()
    known = {nodes[node].node_id: node for node in theirs}
    kept: list[int] = []
    for node in ours:
        other = known.get(nodes[node].node_id)
        if other is not None and nodes[other].class_type == nodes[node].class_type:
            pairing.pair(node, other)
            kept.append(node)
    return kept


def _differing(pairing: Pairing, nodes: list[int]) -> int:
    """How many pairs have values that differ: the least number of changes if they stay pairs."""
    contents, partner = pairing.wiring.contents, pairing.partner
    return sum(contents[node] != contents[partner[node]] for node in nodes)
