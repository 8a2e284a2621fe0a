"""Pairs the neighbours of pairs, as far as no other node could be worth as much to either.

What a pair is worth is said by `votes`. Around a pair, next to nothing is in doubt: an input is linked
from one node only. Where all that could speak for another node is less than what speaks for the
neighbour, the votes need not be counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .anchors import Cones
from .pairing import NONE, Pairing
from .votes import CONE_WORTH, PARTNERS_WORTH, STRANGERS_WORTH, TITLE_WORTH, VOTERS
from .wiring import Neighbours

_LEAD: Final = PARTNERS_WORTH - STRANGERS_WORTH
"""What a link between partners is worth more than one that leads elsewhere."""


def pair_neighbours(pairing: Pairing, cones: Cones) -> None:
    """Pair what is surely linked to a pair, and so on.

    Args:
        pairing: What is paired so far; it is added to.
        cones: What is above and below each node.
    """
    if not all(pairing.unpaired()):
        return
    spreading = _Spreading(pairing, cones)
    waiting = [node for node in range(pairing.split) if pairing.partner[node] != NONE]
    while waiting:
        for one, other in spreading.around(waiting.pop()):
            if pairing.partner[one] == NONE == pairing.partner[other] and spreading.lead(one, other) > 0:
                pairing.pair(one, other)
                waiting.append(one)


class _Spreading:
    def __init__(self, pairing: Pairing, cones: Cones) -> None:
        self._pairing = pairing
        self._wiring = pairing.wiring
        ours, theirs = pairing.unpaired()
        self._cones = [
            (numbers, {numbers[node] for node in ours}, {numbers[node] for node in theirs})
            for numbers in (cones.above, cones.below)
        ]

    def around(self, node: int) -> Iterator[tuple[int, int]]:
        """Nodes that are linked to a node of the first graph, and to its partner, alike."""
        wiring, other = self._wiring, self._pairing.partner[node]
        sources = dict(wiring.sources[other])
        for label, source in wiring.sources[node]:
            if label in sources:
                yield source, sources[label]
        ours, theirs = wiring.users[node], wiring.users[other]
        if len(ours) <= VOTERS and len(theirs) <= VOTERS:
            for label, user in ours:
                yield from ((user, match) for known, match in theirs if known == label)

    def lead(self, ours: int, theirs: int) -> int:
        """What a pair is worth at least beyond any other pair of one of the two."""
        wiring, pairing = self._wiring, self._pairing
        one, other = wiring.nodes[ours], wiring.nodes[theirs]
        if one.class_type != other.class_type:
            return 0
        lead = 0
        if wiring.contents[ours] != wiring.contents[theirs]:
            most = max(len(pairing.value_keys(ours)), len(pairing.value_keys(theirs)))
            lead += pairing.equal_values(ours, theirs) - most
        if one.title != other.title:
            lead -= TITLE_WORTH
        for numbers, of_ours, of_theirs in self._cones:
            if numbers[ours] != numbers[theirs] and (
                numbers[ours] in of_theirs or numbers[theirs] in of_ours
            ):
                lead -= CONE_WORTH
        return lead + self._lead_of_sources(ours, theirs) + self._lead_of_users(ours, theirs)

    def _lead_of_sources(self, ours: int, theirs: int) -> int:
        wiring, partner = self._wiring, self._pairing.partner
        lead, sources = 0, dict(wiring.sources[theirs])
        for label, source in wiring.sources[ours]:
            match = sources.pop(label, NONE)
            if match == NONE or (
                partner[source] != match and (partner[source] != NONE or partner[match] != NONE)
            ):
                lead -= _LEAD
            elif partner[source] == NONE:
                lead -= wiring.contents[source] != wiring.contents[match]
            elif self._is_only(wiring.users[source], label) and self._is_only(wiring.users[match], label):
                lead += _LEAD
        return lead - _LEAD * len(sources)

    def _lead_of_users(self, ours: int, theirs: int) -> int:
        wiring, partner = self._wiring, self._pairing.partner
        if len(wiring.users[ours]) > VOTERS or len(wiring.users[theirs]) > VOTERS:
            return -_LEAD * VOTERS
        lead = 0
        for node, other in ((ours, theirs), (theirs, ours)):
            for label, user in wiring.users[node]:
                if partner[user] != NONE:
                    lead += _LEAD if (label, other) in wiring.sources[partner[user]] else -_LEAD
        return lead

    def _is_only(self, users: Neighbours, label: int) -> bool:
        """Whether one user at most of a node, by some input, has no partner."""
        partner = self._pairing.partner
        if len(users) > VOTERS:
            return False
        return sum(known == label and partner[user] == NONE for known, user in users) <= 1
