"""Which node of one graph is which node of the other, and what that leaves as differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from .value import value_key
from .wiring import Wiring

NONE: Final = -1
"""In place of a node: there is none."""

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
