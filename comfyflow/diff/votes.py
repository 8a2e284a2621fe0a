"""Pairs what anchors leave over: nodes whose neighbours say that they belong together.

A pair of nodes is worth what speaks for it: equal inputs, sources and users that are partners,
an equal title. The surest pair is made first, and each new pair lets its neighbours vote again.
Where several partners are worth the same, the one with the same id is taken, then the one that
is at the same place.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from .anchors import Cones
from .pairing import NONE, Pairing

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
