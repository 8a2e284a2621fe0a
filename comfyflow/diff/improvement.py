"""Makes a pairing cheaper: where exchanging partners does so, and where every pairing can be looked at.

Votes and exchanges explain nearly all edits as what they are. Where many nodes look alike, and
their ids tell nothing, they may miss it: if few nodes are concerned, every pairing is gone through that
could still be cheaper than theirs. What an input costs is known as soon as one of the nodes that it is
linked from has its partner, so most pairings are dropped after a few nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from .pairing import NONE, Cones, Cost, Pairing

_PASSES: Final = 4

_STEPS: Final = 60
"""How many nodes a pass may look at, for each node that there is."""

_NEAR: Final = 8
"""How many users of a node are looked at; a loader may have thousands."""


def improve(pairing: Pairing, cones: Cones) -> None:
    """Exchange partners as long as fewer differences remain; a few passes over all nodes.

    Tried is what a difference suggests: an input that is linked from a node and, on the other
    side, from another than its partner; nodes that keep their ids, or their titles; and nodes
    with other values, or without a partner, where one with their values is at their place.
    """
    wiring = pairing.wiring
    known = _Known(pairing, cones)
    for _ in range(_PASSES):
        tried: set[tuple[int, int]] = set()
        costly = _costly(pairing)
        better = False
        left = _STEPS * len(wiring)
        for one, other in _suggested(pairing, known):
            if (one, other) not in tried and left > 0:
                tried.add((one, other))
                left -= len(wiring.users[one]) + len(wiring.users[other])
                better = _exchange(pairing, one, other, costly) or better
        if not better:
            return


class _Known:
    """The nodes of the second graph by what they may have kept."""

    __slots__ = ("_above", "_ids", "_titles", "_wiring")

    def __init__(self, pairing: Pairing, cones: Cones) -> None:
        self._above = cones.above
        self._wiring = pairing.wiring
        self._ids: dict[str, int] = {}
        self._titles: dict[tuple[int, str | None], int] = {}
        for place in range(pairing.split, len(self._wiring)):
            node = self._wiring.nodes[place]
            self._ids[node.node_id] = place
            key = self._above[place], node.title
            if key not in self._titles or pairing.partner[place] == NONE:
                self._titles[key] = place

    def like(self, node: int, partner: int) -> Iterator[int]:
        """Those that have the id of a node, or its sources and a title that its partner lacks."""
        ours = self._wiring.nodes[node]
        if ours.node_id in self._ids:
            yield self._ids[ours.node_id]
        key = self._above[node], ours.title
        if key in self._titles and (partner == NONE or self._wiring.nodes[partner].title != ours.title):
            yield self._titles[key]


def _suggested(pairing: Pairing, known: _Known) -> Iterator[tuple[int, int]]:
    wiring, partner = pairing.wiring, pairing.partner
    for node in range(pairing.split):
        other = partner[node]
        if other != NONE:
            theirs = dict(wiring.sources[other])
            for label, source in wiring.sources[node]:
                if label in theirs and partner[source] != theirs[label]:
                    yield source, theirs[label]
        yield from ((node, kept) for kept in known.like(node, other) if kept != other)
    for node, other in enumerate(list(partner)):
        if other == NONE or wiring.contents[node] != wiring.contents[other]:
            yield from ((min(node, near), max(node, near)) for near in _at_its_place(pairing, node))


def _at_its_place(pairing: Pairing, node: int) -> Iterator[int]:
    """Nodes of the other graph that share a source or a user with a node, and its values."""
    wiring, partner = pairing.wiring, pairing.partner
    found: list[int] = []
    for label, source in wiring.sources[node]:
        if partner[source] != NONE:
            found += (user for other, user in islice(wiring.users[partner[source]], _NEAR) if other == label)
    for label, user in islice(wiring.users[node], _NEAR):
        if partner[user] != NONE:
            found += (source for other, source in wiring.sources[partner[user]] if other == label)
    return (other for other in found if wiring.contents[other] == wiring.contents[node])


def _costly(pairing: Pairing) -> set[int]:
    """The nodes that cost something, whatever their ids; those of a pair both."""
    nodes, found = pairing.wiring.nodes, set[int]()
    for node, other in enumerate(pairing.partner):
        if other == NONE:
            found.add(node)
        elif node < pairing.split and (
            nodes[node].title != nodes[other].title or pairing.differing_inputs(node, other)
        ):
            found.update((node, other))
    return found


def _exchange(pairing: Pairing, one: int, other: int, costly: set[int]) -> bool:
    """Pair these two, and the partners they had with each other, if that is cheaper.

    Args:
        pairing: It is changed.
        one: A node of the first graph.
        other: One of the second.
        costly: What may cost something, whatever its id; it is added to.
    """
    nodes, partner = pairing.wiring.nodes, pairing.partner
    had, has = partner[one], partner[other]
    if had == other or nodes[one].class_type != nodes[other].class_type:
        return False
    concerned = [node for node in (one, has, had, other) if node != NONE]
    around = {
        near for node in concerned for near in (node, *(user for _, user in pairing.wiring.users[node]))
    }
    if _differ(pairing, one, other, concerned) and costly.isdisjoint(around):
        return False  # it would cost something, and nothing costs anything now
    before = _cost_around(pairing, concerned)
    for node in (one, other):
        if partner[node] != NONE:
            pairing.part(node)
    pairing.pair(one, other)
    if had != NONE and has != NONE:
        pairing.pair(has, had)
    if _cost_around(pairing, concerned) < before:
        costly.update(around, (partner[node] for node in around if partner[node] != NONE))
        return True
    pairing.part(one)
    if had != NONE:
        pairing.pair(one, had)
    if has != NONE:
        pairing.pair(has, other)
    return False


def _differ(pairing: Pairing, ours: int, theirs: int, moved: list[int]) -> bool:
    """Whether two nodes would surely differ as a pair, when only these nodes get other partners."""
    wiring, partner = pairing.wiring, pairing.partner
    if wiring.contents[ours] != wiring.contents[theirs]:
        return True
    sources = dict(wiring.sources[theirs])
    return any(
        partner[source] != sources.get(label, NONE)
        for label, source in wiring.sources[ours]
        if source not in moved and sources.get(label) not in moved
    )


def _cost_around(pairing: Pairing, nodes: list[int]) -> Cost:
    """What these nodes and those that use them cost."""
    concerned: set[int] = set()
    for node in nodes:
        for near in (node, *(user for _, user in pairing.wiring.users[node])):
            match = pairing.partner[near]
            concerned.add(near if match == NONE else min(near, match))
    return pairing.cost(concerned)


MOST_NODES: Final = 120
"""The number of unpaired nodes from which the search is not started."""

MOST_CHANGES: Final = 20
"""The number of changes from which a cheaper explanation is out of reach."""

STEPS: Final = 10_000
"""How many pairs are weighed."""

_CHANGE: Final = 1 << 40
_TITLE: Final = 1 << 20
_ID: Final = 1


class _Pair(NamedTuple):
    """What a pair costs whatever else is paired, and what depends on that.

    Attributes:
        cost: Of values, titles and ids.
        sources: Of inputs that are linked on both sides: the two nodes that they are linked from.
    """

    cost: int
    sources: list[tuple[int, int]]


def find_cheapest(pairing: Pairing, equal: Pairing) -> None:
    """Pair nodes again if that costs less; the search is given up after `STEPS`.

    Args:
        pairing: A pairing of all nodes; it is changed if there is something better.
        equal: The pairs of equal parts. Where `pairing` has them too, they stay.
    """
    free = [
        node for node, other in enumerate(pairing.partner) if other == NONE or other != equal.partner[node]
    ]
    ours = [node for node in free if node < pairing.split]
    theirs = free[len(ours) :]
    few = 0 < len(ours) <= MOST_NODES and 0 < len(theirs) <= MOST_NODES
    if few and pairing.cost(free).changes <= MOST_CHANGES:
        _CheapestSearch(pairing, ours, theirs).run()


class _CheapestSearch:
    def __init__(self, pairing: Pairing, ours: Sequence[int], theirs: Sequence[int]) -> None:
        self._pairing = pairing
        self._wiring = pairing.wiring
        self._theirs = theirs
        self._steps = STEPS
        self._weighed: dict[tuple[int, int], _Pair] = {}
        self._like: defaultdict[str, list[int]] = defaultdict(list)
        for node in theirs:
            self._like[self._wiring.nodes[node].class_type].append(node)
        self._spare = Counter(self._wiring.nodes[node].class_type for node in ours)
        self._spare.subtract({name: len(nodes) for name, nodes in self._like.items()})
        self._surplus = sum(
            sum(sorted(self._single(node) for node in nodes)[: max(0, -self._spare[name])])
            for name, nodes in self._like.items()
        )
        self._order = self._in_order(ours)
        self._more: dict[str, int] = {}
        self._least = self._least_costs()
        free = {*ours, *theirs}
        self._partner = {node: other for node, other in enumerate(pairing.partner) if node not in free}
        self._added = sum(self._single(node) for node in theirs)
        users = {user for node in free for _, user in self._wiring.users[node]} - free
        self._around = {min(user, pairing.partner[user]) for user in users}
        cost = pairing.cost(free | self._around)
        self._best = cost.changes * _CHANGE + cost.titles * _TITLE + cost.ids
        self._found: dict[int, int] | None = None

    def run(self) -> None:
        """Search, and pair what was found."""
        self._try(0, sum(self._pair_cost(node, self._partner[node]) for node in self._around))
        if self._found is None:
            return
        for node in (*self._order, *self._theirs):
            if self._pairing.partner[node] != NONE:
                self._pairing.part(node)
        for node in self._order:
            if self._found[node] != NONE:
                self._pairing.pair(node, self._found[node])

    def _in_order(self, ours: Sequence[int]) -> list[int]:
        """Nodes with few candidates first, then their neighbours: what costs shows early."""

        def choices(node: int) -> tuple[int, int]:
            return len(self._like[self._wiring.nodes[node].class_type]), node

        order: dict[int, None] = {}
        left = set(ours)
        near: set[int] = set()
        while left:
            node = min(near or left, key=choices)
            order[node] = None
            left.discard(node)
            linked = (*self._wiring.sources[node], *self._wiring.users[node])
            near = (near | {other for _, other in linked}) & left
        return list(order)

    def _least_costs(self) -> list[int]:
        """What the nodes from each place of the order on cost at least."""
        least = [0]
        for node in reversed(self._order):
            candidates = self._like[self._wiring.nodes[node].class_type]
            costs = [self._weigh(node, other).cost for other in candidates]
            single, name = self._single(node), self._wiring.nodes[node].class_type
            cheap = min(costs, default=single)
            least.append(least[-1] + cheap)
            self._more[name] = min(self._more.get(name, single), max(0, single - cheap))
        return least[::-1]

    def _single(self, node: int) -> int:
        return (1 + len(self._wiring.nodes[node].inputs)) * _CHANGE

    def _weigh(self, node: int, other: int) -> _Pair:
        pair = self._weighed.get((node, other))
        if pair is None:
            ours, theirs = self._pairing.inputs(node), self._pairing.inputs(other)
            one, two = self._wiring.nodes[node], self._wiring.nodes[other]
            cost = _TITLE * (one.title != two.title) + _ID * (one.node_id != two.node_id)
            sources: list[tuple[int, int]] = []
            for name in ours.keys() | theirs.keys():
                left, right = ours.get(name), theirs.get(name)
                if isinstance(left, tuple) and isinstance(right, tuple) and left[1] == right[1]:
                    sources.append((left[0], right[0]))
                elif left != right:
                    cost += _CHANGE
            pair = self._weighed[node, other] = _Pair(cost, sources)
        return pair

    def _try(self, place: int, cost: int) -> None:
        """Pair the nodes from a place of the order on."""
        if place == len(self._order):
            total = cost + self._added
            if total < self._best:
                self._best, self._found = total, dict(self._partner)
            return
        node = self._order[place]
        name = self._wiring.nodes[node].class_type
        choices = [
            (cost + self._pair_cost(node, other) + self._cost_of_users(node, other), other)
            for other in self._like[name]
            if other not in self._partner
        ]
        if self._spare[name] > 0:
            choices.append((cost + self._single(node) + self._cost_of_users(node, NONE), NONE))
        self._steps -= len(choices)
        for total, other in sorted(choices):
            self._put(node, other, name, 1)
            if self._steps > 0 and total + self._least[place + 1] + self._left_over() < self._best:
                self._try(place + 1, total)
            self._put(node, other, name, -1)

    def _left_over(self) -> int:
        """What the nodes that will have no partner cost at least, beyond `_least`."""
        spare = self._spare
        return self._surplus + sum(spare[name] * more for name, more in self._more.items() if spare[name] > 0)

    def _put(self, node: int, other: int, name: str, sign: int) -> None:
        """Make a pair, or unmake it."""
        if other == NONE:
            self._spare[name] -= sign
        else:
            self._added -= sign * self._single(other)
        if sign > 0:
            self._partner[node] = other
            if other != NONE:
                self._partner[other] = node
        else:
            del self._partner[node]
            self._partner.pop(other, None)

    def _pair_cost(self, node: int, other: int) -> int:
        """What a pair costs, its open inputs apart."""
        pair, partner = self._weigh(node, other), self._partner
        changes = 0
        for source, theirs in pair.sources:
            if source == node or theirs == other:
                changes += (source == node) != (theirs == other)
            elif source in partner:
                changes += partner[source] != theirs
            else:
                changes += theirs in partner
        return pair.cost + changes * _CHANGE

    def _cost_of_users(self, node: int, other: int) -> int:
        """Inputs of pairs, linked from either of two nodes, that were open until now and now differ."""
        changes = 0
        for user in dict.fromkeys(user for _, user in self._wiring.users[node]):
            match = self._partner.get(user, NONE)
            if match != NONE:
                changes += sum(
                    source == node and theirs != other and theirs not in self._partner
                    for source, theirs in self._weigh(user, match).sources
                )
        if other != NONE:
            for user in dict.fromkeys(user for _, user in self._wiring.users[other]):
                match = self._partner.get(user, NONE)
                if match != NONE:
                    changes += sum(
                        theirs == other and source != node and source not in self._partner
                        for source, theirs in self._weigh(match, user).sources
                    )
        return changes * _CHANGE
