"""Which node of one graph is which node of the other, and what that leaves as differences.

Nodes that are alike in a way in which no others are come first. Each way is a signature: most tell first.
After an edit, what is not downstream of it still has the same sources all the way up, what is not upstream
of it the same users all the way down, and what is far from it the same surroundings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from .value import value_key
from .wiring import Neighbours, Wiring

NONE: Final = -1
"""In place of a node: there is none."""

_FEW_LINKS: Final = 64
"""What has more links is paired by its signatures only: it would be looked at once for each of them."""

Input: TypeAlias = "str | tuple[int, int] | None"
"""An input, to be compared: a value's normal form, a link as (source, slot), None for neither."""


class Cost(NamedTuple):
    """How much two graphs differ under a pairing; less is a better explanation.

    Attributes:
        changes: Nodes without a partner, with each of their inputs, and inputs that differ.
        titles: Pairs whose titles differ.
        ids: Pairs whose ids differ.
    """

    changes: int
    titles: int
    ids: int


class Pairing:
    """Pairs of nodes of two graphs.

    Args:
        wiring: Both graphs; the nodes of the first come first.

    Attributes:
        wiring: The same.
        split: The first node of the second graph.
        partner: For each node its partner in the other graph, or `NONE`.
        exact: Whether all parts that are equal are surely paired. Where they are too symmetric,
            that may not be found out.
    """

    __slots__ = ("_counts", "_values", "exact", "partner", "split", "wiring")

    def __init__(self, wiring: Wiring) -> None:
        self.wiring: Wiring = wiring
        self.split: Final = wiring.starts[1]
        self.partner: list[int] = [NONE] * len(wiring)
        self.exact: bool = True
        self._values: list[dict[str, Input]] = [{} for _ in wiring.nodes]
        self._counts: dict[int, int] = {}

    def pair(self, ours: int, theirs: int) -> None:
        """Make a node of the first graph and one of the second partners."""
        self.partner[ours] = theirs
        self.partner[theirs] = ours

    def part(self, node: int) -> None:
        """Take a node's partner away."""
        other = self.partner[node]
        self.partner[node] = self.partner[other] = NONE

    def copy(self) -> Pairing:
        """Another pairing with the same pairs."""
        other = Pairing(self.wiring)
        other.partner = self.partner.copy()
        other.exact = self.exact
        other._values = self._values
        other._counts = self._counts
        return other

    def unpaired(self) -> tuple[list[int], list[int]]:
        """The nodes without a partner, of each graph."""
        left = [node for node, other in enumerate(self.partner) if other == NONE]
        return [node for node in left if node < self.split], [node for node in left if node >= self.split]

    def cost(self, nodes: Iterable[int] | None = None) -> Cost:
        """What some nodes cost, or all: a pair counts at its member in the first graph."""
        changes = titles = ids = 0
        known, partner, split = self.wiring.nodes, self.partner, self.split
        for node in range(len(partner)) if nodes is None else nodes:
            other = partner[node]
            if other == NONE:
                changes += 1 + len(known[node].inputs)
            elif node < split:
                changes += len(self.differing_inputs(node, other))
                titles += known[node].title != known[other].title
                ids += known[node].node_id != known[other].node_id
        return Cost(changes, titles, ids)

    def differing_inputs(self, ours: int, theirs: int) -> list[str]:
        """The names of the inputs in which two nodes differ, links taken through the pairing."""
        ours_inputs, theirs_inputs = self.inputs(ours), self.inputs(theirs)
        if self.wiring.contents[ours] == self.wiring.contents[theirs]:
            return [
                name
                for name, value in ours_inputs.items()
                if type(value) is tuple and not self._agree(value, theirs_inputs.get(name))
            ]
        names = list({**ours_inputs, **theirs_inputs})
        return [name for name in names if not self._agree(ours_inputs.get(name), theirs_inputs.get(name))]

    def equal_values(self, ours: int, theirs: int) -> int:
        """How many inputs of two nodes have equal values, links apart."""
        content = self.wiring.contents[ours]
        if content == self.wiring.contents[theirs]:
            count = self._counts.get(content)
            if count is None:
                count = self._counts[content] = len(self.value_keys(ours))
            return count
        inputs = self.inputs(theirs)
        ours_inputs = self.inputs(ours).items()
        return sum(1 for name, value in ours_inputs if type(value) is str and inputs.get(name) == value)

    def value_keys(self, node: int) -> list[tuple[str, str]]:
        """The names and normal forms of a node's values, links apart."""
        return [(name, value) for name, value in self.inputs(node).items() if isinstance(value, str)]

    def inputs(self, node: int) -> dict[str, Input]:
        """A node's inputs: a link as (source, slot), anything else as its normal form."""
        known = self._values[node]
        if not known:
            wiring = self.wiring
            entry = wiring.nodes[node]
            for label, source in wiring.sources[node]:
                name, slot = wiring.labels[label]
                known[name] = source, slot
            dangling = {name: f"dangling {link.slot}" for name, link in entry.links if name not in known}
            for name, value in entry.inputs.items():
                if name not in known:
                    known[name] = dangling.get(name) or value_key(value)
        return known

    def _agree(self, ours: Input, theirs: Input) -> bool:
        if isinstance(ours, tuple) and isinstance(theirs, tuple):
            return self.partner[ours[0]] == theirs[0] and ours[1] == theirs[1]
        return ours == theirs


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
    found: list[int] = []
    while fresh := _pair_by(pairing, ways):
        # What a later way has paired may leave a node alone in an earlier one.
        found += fresh
    _spread(pairing, found)
    return bool(found)


def _pair_by(pairing: Pairing, ways: Sequence[Signatures]) -> list[int]:
    """Pair in one way after the other; the nodes of the first graph that were paired."""
    ours, theirs = pairing.unpaired()
    found: list[int] = []
    for signatures in ways:
        fresh = _pair_unique(pairing, signatures, ours, theirs)
        if fresh:
            found += fresh
            ours, theirs = pairing.unpaired()
    return found


def _spread(pairing: Pairing, pairs: Iterable[int]) -> None:
    """Pair what is next to pairs, from one to the next, while what is around it leaves no choice.

    The next look at all nodes would find the same, but only so far around the pairs that there are: for a
    chain there would be as many of these looks as it has nodes.
    """
    wiring, partner = pairing.wiring, pairing.partner
    waiting = deque(pairs)
    while waiting:
        one = waiting.popleft()
        for links in (wiring.sources, wiring.users):
            mine, yours = _around(pairing, links[one]), _around(pairing, links[partner[one]])
            for key, node in mine.items():
                other = yours.get(key, NONE)
                if node != NONE and other != NONE:
                    pairing.pair(node, other)
                    waiting.append(node)


def _around(pairing: Pairing, links: Neighbours) -> dict[Hashable, int]:
    """The unpaired nodes that links lead to, by what they are and what is around them, as `_single`."""
    wiring, partner = pairing.wiring, pairing.partner
    known: dict[Hashable, int] = {}
    for node in {node for _, node in links if partner[node] == NONE}:
        sources, users = wiring.sources[node], wiring.users[node]
        if len(sources) + len(users) <= _FEW_LINKS:
            shown = {
                near: wiring.contents[near] if partner[near] == NONE else -1 - min(near, partner[near])
                for _, near in (*sources, *users)
            }
            key = wiring.contents[node], _shown(sources, shown), _shown(users, shown)
            known[key] = NONE if key in known else node
    return known


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


def _pair_unique(pairing: Pairing, signatures: Signatures, ours: list[int], theirs: list[int]) -> list[int]:
    mine, yours = _single(ours, signatures), _single(theirs, signatures)
    found = [
        (node, yours[key]) for key, node in mine.items() if node != NONE and yours.get(key, NONE) != NONE
    ]
    for one, other in found:
        pairing.pair(one, other)
    return [one for one, _ in found]


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


def _shown(links: Neighbours, numbers: Sequence[int] | Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """What links lead to, by numbers, in its own order."""
    if len(links) == 1:
        [(label, other)] = links
        return ((label, numbers[other]),)
    return tuple(sorted([(label, numbers[other]) for label, other in links]))
