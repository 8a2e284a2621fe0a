"""Makes a pairing cheaper where exchanging partners does so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from .anchors import Cones
from .pairing import NONE, Cost, Pairing

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
