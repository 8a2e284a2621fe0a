"""Finds which node of one graph is which of another."""

from __future__ import annotations

from typing import Final

from .anchors import Cones, pair_anchors
from .equal_parts import pair_equal_parts
from .improvement import improve
from .pairing import Pairing
from .votes import Votes
from .wiring import Wiring

FEW: Final = 100
"""Up to so many nodes with equal ids, both explanations are always worked out."""


def match(wiring: Wiring) -> Pairing:
    """The pairing of two graphs that explains their differences best.

    Nodes are known by what they are and what is around them. Two explanations are worked out,
    one that begins with nodes that are alike in structure and one that begins with equal ids;
    the ids win only where theirs is no worse.

    Args:
        wiring: The two graphs.
    """
    pairing = Pairing(wiring)
    pair_equal_parts(pairing)
    ours, theirs = pairing.unpaired()
    if not ours or not theirs:
        return pairing
    cones = Cones(wiring)
    by_ids = pairing.copy()
    kept = _pair_ids(by_ids, ours, theirs)
    _complete(pairing, cones)
    cost = pairing.cost()
    if not kept or (len(kept) > FEW and _differing(by_ids, kept) > cost.changes):
        return pairing
    _complete(by_ids, cones)
    return by_ids if by_ids.cost() <= cost else pairing


def _complete(pairing: Pairing, cones: Cones) -> None:
    """Pair what is left, the surest first."""
    while pair_anchors(pairing, cones):
        pair_equal_parts(pairing)
    Votes(pairing, cones).run()
    improve(pairing, cones)


def _pair_ids(pairing: Pairing, ours: list[int], theirs: list[int]) -> list[int]:
    """Pair nodes with the same id and class; those of the first graph."""
    nodes = pairing.wiring.nodes
    known = {nodes[node].node_id: node for node in theirs}
    kept: list[int] = []
    for node in ours:
        other = known.get(nodes[node].node_id)
        if other is not None and nodes[other].class_type == nodes[node].class_type:
            pairing.pair(node, other)
            kept.append(node)
    return kept


def _differing(pairing: Pairing, nodes: list[int]) -> int:
    """How many pairs have values that differ: so many changes at least, if they stay pairs."""
    contents, partner = pairing.wiring.contents, pairing.partner
    return sum(contents[node] != contents[partner[node]] for node in nodes)
