"""Pairs nodes that are alike in a way in which no others are.

Each way is a signature: most tell first. After an edit, what is not downstream of it still has
the same sources all the way up, what is not upstream of it the same users all the way down, and
what is far from it the same surroundings.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, TypeAlias

from .pairing import NONE, Pairing
from .wiring import Neighbours, Wiring

Signatures: TypeAlias = "Sequence[Hashable]"


class _Numbers(dict[Hashable, int]):
    """A number for each distinct thing, given when it is first seen."""

    def __missing__(self, key: Hashable) -> int:
        number = self[key] = len(self)
        return number


class Cones:
    """For each node, numbers that are equal where what is above it, or below it, is equal.

    Attributes:
        above: Of a node and all that it depends on.
        below: Of a node and all that depends on it (but not what else that depends on).
    """

    __slots__ = ("above", "below")

    def __init__(self, wiring: Wiring) -> None:
        self.above: Final = _cones(wiring.contents, wiring.sources, wiring.users)
        self.below: Final = _cones(wiring.contents, wiring.users, wiring.sources)


def pair_anchors(pairing: Pairing, cones: Cones) -> bool:
    """Pair every node that has a signature that no other unpaired node of its graph has.

    Returns:
        Whether there was one.
    """
    ways = _ways(pairing, cones)
    found = False
    while _pair_by(pairing, ways):
        # What a later way has paired may leave a node alone in an earlier one.
        found = True
    return found


def _pair_by(pairing: Pairing, ways: Sequence[Signatures]) -> bool:
    """Pair in one way after the other; whether a node was paired."""
    ours, theirs = pairing.unpaired()
    found = False
    for signatures in ways:
        if _pair_unique(pairing, signatures, ours, theirs):
            found = True
            ours, theirs = pairing.unpaired()
    return found


def _ways(pairing: Pairing, cones: Cones) -> list[Signatures]:
    near = [list(pairing.wiring.contents)]
    for _ in range(3):
        near.append(_wider(near[-1], pairing))
    return [
        list(zip(cones.above, cones.below, strict=True)),
        list(zip(cones.above, near[3], strict=True)),
        list(zip(cones.below, near[3], strict=True)),
        near[3],
        cones.above,
        cones.below,
        near[2],
        near[1],
        [node.class_type for node in pairing.wiring.nodes],
    ]


def _pair_unique(pairing: Pairing, signatures: Signatures, ours: list[int], theirs: list[int]) -> bool:
    mine, yours = _single(ours, signatures), _single(theirs, signatures)
    found = [
        (node, yours[key]) for key, node in mine.items() if node != NONE and yours.get(key, NONE) != NONE
    ]
    for one, other in found:
        pairing.pair(one, other)
    return bool(found)


def _single(nodes: list[int], signatures: Signatures) -> dict[Hashable, int]:
    """The node of each signature; `NONE` where several have it."""
    known: dict[Hashable, int] = {}
    for node in nodes:
        key = signatures[node]
        known[key] = NONE if key in known else node
    return known


def _cones(contents: Sequence[int], sources: Sequence[Neighbours], users: Sequence[Neighbours]) -> list[int]:
    """Numbers from the sources up. Nodes of a cycle get one from their own content only."""
    numbers = _Numbers()
    cones = [NONE] * len(contents)
    missing = [len(linked) for linked in sources]
    ready = [node for node, count in enumerate(missing) if not count]
    for node in ready:
        above = _shown(sources[node], cones)
        cones[node] = numbers[contents[node], above]
        for _, user in users[node]:
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    for node, number in enumerate(cones):
        if number == NONE:
            cones[node] = numbers["cycle", contents[node]]
    return cones


def _wider(near: Sequence[int], pairing: Pairing) -> list[int]:
    """Numbers of what is one link further around each node. The members of a pair count as the
    same, whatever is behind them.
    """
    wiring, partner = pairing.wiring, pairing.partner
    numbers = _Numbers()
    shown = [near[node] if other == NONE else -1 - min(node, other) for node, other in enumerate(partner)]
    return [
        numbers[
            shown[node],
            _shown(wiring.sources[node], shown),
            _shown(wiring.users[node], shown),
        ]
        if partner[node] == NONE
        else NONE
        for node in range(len(wiring))
    ]


def _shown(links: Neighbours, numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """What links lead to, by numbers, in its own order."""
    if len(links) == 1:
        [(label, other)] = links
        return ((label, numbers[other]),)
    return tuple(sorted([(label, numbers[other]) for label, other in links]))
