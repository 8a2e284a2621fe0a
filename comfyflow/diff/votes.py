"""Pairs what anchors leave over: nodes whose neighbours say that they belong together.

A pair of nodes is worth what speaks for it: equal inputs, sources and users that are partners,
an equal title. The surest pair is made first, and each new pair lets its neighbours vote again.
Where several partners are worth the same, the one with the same id is taken, then the one that
is at the same place.

Around a pair, next to nothing is in doubt: an input is linked from one node only. Where all that could speak
for another node is less than what speaks for the neighbour, the votes need not be counted.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from .pairing import NONE, Cones, Pairing
from .wiring import Neighbours

WINDOW: Final = 4
"""Of many nodes that all might be it, how many around the like-placed one are looked at."""

VOTERS: Final = 8
"""How many users of a node vote; a loader may have thousands."""

_ANY: Final = -(10**9)
"""Less than any pair is worth."""

PARTNERS_WORTH: Final = 3
STRANGERS_WORTH: Final = -2
CONE_WORTH: Final = 4
TITLE_WORTH: Final = 2


class _Nomination(NamedTuple):
    """A pair on the waiting list; the least is made first."""

    unsure: bool
    worth: int
    other_id: bool
    distance: int
    node: int
    partner: int
    version: int


class _Alike:
    """Unpaired nodes of both graphs that have something in common, in their order."""

    def __init__(self, split: int) -> None:
        self._split = split
        self._members: defaultdict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        self._rank: dict[tuple[Hashable, int], int] = {}

    def add(self, key: Hashable, node: int) -> None:
        """Put a node into a group."""
        members = self._members[key][node >= self._split]
        self._rank[key, node] = len(members)
        members.append(node)

    def like(self, key: Hashable, node: int) -> list[int]:
        """The nodes of the other graph in the same group, those around the same place."""
        rank = self._rank.get((key, node))
        if rank is None:
            return []
        others = self._members[key][node < self._split]
        return others[max(0, min(rank, len(others)) - WINDOW) : rank + WINDOW + 1]

    def few(self, key: Hashable, node: int) -> list[int]:
        """The nodes of the other graph in the same group, if they are not many."""
        if key not in self._members:
            return []
        others = self._members[key][node < self._split]
        return others if len(others) <= 2 * WINDOW else []


class Votes:
    """The voting over the unpaired nodes of a pairing.

    Args:
        pairing: What is paired so far; it is added to.
        cones: What is above and below each node.
    """

    def __init__(self, pairing: Pairing, cones: Cones) -> None:
        self._pairing = pairing
        self._wiring = pairing.wiring
        self._cones = cones
        self._groups = _Alike(pairing.split)
        self._waiting: list[_Nomination] = []
        self._least = 0
        self._version = [0] * len(self._wiring)
        self._numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
        for place, node in enumerate(self._wiring.nodes):
            self._numbers[place >= pairing.split][node.node_id] = place

    def run(self) -> None:
        """Pair until nothing speaks for another pair; then whatever is left of one class."""
        self._run()
        self._least = _ANY
        while self._of_one_class():  # of many that are alike, a run looks at those near its place
            self._run()

    def _of_one_class(self) -> bool:
        """Whether nodes of both graphs are left that could be partners."""
        ours, theirs = (
            {self._wiring.nodes[node].class_type for node in left} for left in self._pairing.unpaired()
        )
        return not ours.isdisjoint(theirs)

    def _run(self) -> None:
        ours, theirs = self._pairing.unpaired()
        unpaired = [*ours, *theirs]
        self._groups = _Alike(self._pairing.split)
        for node in unpaired:
            self._group(node)
        for node in unpaired:
            self._nominate(node)
        while self._waiting:
            first = heapq.heappop(self._waiting)
            if first.version == self._version[first.node]:
                self._decide(first)

    def _group(self, node: int) -> None:
        name = self._wiring.nodes[node].class_type
        groups = self._groups
        groups.add(("above", self._cones.above[node]), node)
        groups.add(("below", self._cones.below[node]), node)
        groups.add(("content", self._wiring.contents[node]), node)
        groups.add(name, node)
        for key in self._pairing.value_keys(node):
            groups.add((name, *key), node)
        for label, source in self._wiring.sources[node]:
            if self._pairing.partner[source] != NONE:
                groups.add((self._first(source), label, name), node)

    def _first(self, node: int) -> int:
        """The member of a node's pair that is in the first graph."""
        return min(node, self._pairing.partner[node])

    def _decide(self, first: _Nomination) -> None:
        node, other = first.node, first.partner
        partner = self._pairing.partner
        if partner[node] != NONE:
            return
        if partner[other] != NONE:
            self._nominate(node)
            return
        if not first.unsure:
            rival = self._best(other)
            if rival is None or rival.partner != node or rival.unsure:
                heapq.heappush(self._waiting, first._replace(unsure=True))
                return
        self._pairing.pair(min(node, other), max(node, other))
        self._hear(node)
        self._hear(other)

    def _hear(self, node: int) -> None:
        """A node has got its partner: its unpaired neighbours are asked again."""
        wiring, partner = self._wiring, self._pairing.partner
        for label, user in wiring.users[node]:
            if partner[user] == NONE:
                self._groups.add((self._first(node), label, wiring.nodes[user].class_type), user)
        for _, neighbour in (*wiring.users[node], *wiring.sources[node]):
            if partner[neighbour] == NONE:
                self._nominate(neighbour)

    def _nominate(self, node: int) -> None:
        self._version[node] += 1
        best = self._best(node)
        if best is not None:
            heapq.heappush(self._waiting, best)

    def _best(self, node: int) -> _Nomination | None:
        """The best partner that a node could have; unsure if another one is worth as much."""
        nodes, split, worth_of = self._wiring.nodes, self._pairing.split, self._worth
        node_id, is_ours = nodes[node].node_id, node < split
        most = self._least
        best: list[int] = []
        for other in self._candidates(node):
            worth = worth_of(node, other) if is_ours else worth_of(other, node)
            if worth > most:
                most, best = worth, [other]
            elif worth == most and best:
                best.append(other)
        if not best:
            return None
        other_id, distance, other = min(
            (nodes[other].node_id != node_id, abs(abs(node - other) - split), other) for other in best
        )
        return _Nomination(len(best) > 1, -most, other_id, distance, node, other, self._version[node])

    def _candidates(self, node: int) -> Iterable[int]:
        partner, nodes = self._pairing.partner, self._wiring.nodes
        name = nodes[node].class_type
        found = dict.fromkeys(self._proposed(node))
        return [other for other in found if partner[other] == NONE and nodes[other].class_type == name]

    def _proposed(self, node: int) -> Iterator[int]:
        wiring, partner = self._wiring, self._pairing.partner
        same_id = self._numbers[node < self._pairing.split].get(wiring.nodes[node].node_id)
        if same_id is not None:
            yield same_id
        name = wiring.nodes[node].class_type
        for label, source in wiring.sources[node]:
            if partner[source] != NONE:
                yield from self._groups.like((self._first(source), label, name), node)
        for label, user in islice(wiring.users[node], VOTERS):
            if partner[user] != NONE:
                yield from (source for other, source in wiring.sources[partner[user]] if other == label)
        yield from self._groups.like(("above", self._cones.above[node]), node)
        yield from self._groups.like(("below", self._cones.below[node]), node)
        yield from self._groups.like(("content", wiring.contents[node]), node)
        for key in self._pairing.value_keys(node):
            yield from self._groups.few((name, *key), node)
        yield from self._groups.like(name, node)

    def _worth(self, ours: int, theirs: int) -> int:
        """What speaks for a pair, less what speaks against it."""
        wiring, cones, partner = self._wiring, self._cones, self._pairing.partner
        contents, title = wiring.contents, wiring.nodes[ours].title
        worth = 1 + self._pairing.equal_values(ours, theirs)
        if title is not None and title == wiring.nodes[theirs].title:
            worth += TITLE_WORTH
        if cones.above[ours] == cones.above[theirs]:
            worth += CONE_WORTH
        if cones.below[ours] == cones.below[theirs]:
            worth += CONE_WORTH
        sources = dict(wiring.sources[theirs])
        for label, source in wiring.sources[ours]:
            other = sources.get(label, NONE)
            if other == NONE:
                continue
            if partner[source] == other:
                worth += PARTNERS_WORTH
            elif partner[source] != NONE or partner[other] != NONE:
                worth += STRANGERS_WORTH
            elif contents[source] == contents[other]:
                worth += 1
        return worth + self._user_votes(ours, theirs) + self._user_votes(theirs, ours)

    def _user_votes(self, node: int, other: int) -> int:
        wiring, partner = self._wiring, self._pairing.partner
        votes = 0
        for label, user in wiring.users[node][:VOTERS]:
            match = partner[user]
            if match != NONE:
                votes += PARTNERS_WORTH if (label, other) in wiring.sources[match] else STRANGERS_WORTH
        return votes


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
