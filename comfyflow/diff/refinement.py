"""Colour refinement: nodes get different colours as soon as their surroundings differ.

Nodes that begin with one colour and have differently coloured neighbours part, until nothing
parts any more (the one-dimensional Weisfeiler-Leman colouring). Each time, the largest part of
a colour keeps it, and only the neighbours of the others are looked at again: some
``links * log(nodes)`` steps in all, however far news must travel. Colours are numbered by what
the nodes are, never by their order, so two equal graphs get equal colours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from .wiring import Neighbours


class Colouring:
    """Colours of some nodes, and who has each.

    Args:
        colours: The first colour of each node, from 0 on.
        neighbours: For each node, its links in both directions: (label, other node). The
            label says the direction too.

    Attributes:
        colour: The colour of each node.
        members: The nodes of each colour.
        fresh: The next colour that nobody has yet.
        looked_at: How many links have been looked at: what the work was.
    """

    __slots__ = ("_neighbours", "colour", "fresh", "looked_at", "members")

    def __init__(self, colours: dict[int, int], neighbours: Sequence[Neighbours]) -> None:
        self.colour: dict[int, int] = colours
        self.members: dict[int, set[int]] = defaultdict(set)
        for node, colour in colours.items():
            self.members[colour].add(node)
        self._neighbours = neighbours
        self.fresh: int = max(self.members, default=-1) + 1
        self.looked_at: int = 0

    def refine(self, changed: Iterable[int] | None = None) -> None:
        """Part the colours until all nodes of a colour have equally coloured neighbours.

        Args:
            changed: The nodes whose colour is new since the last time; None for all.
        """
        recoloured: list[int] = list(self.colour if changed is None else changed)
        while recoloured:
            news = self._news(recoloured)
            touched: defaultdict[int, list[int]] = defaultdict(list)
            for node in news:
                touched[self.colour[node]].append(node)
            recoloured.clear()
            for colour in sorted(touched):
                if len(self.members[colour]) > 1:
                    recoloured += self._part(colour, touched[colour], news)

    def single_out(self, nodes: Iterable[int]) -> None:
        """Give these nodes of one colour a separate new one, and refine."""
        chosen = list(nodes)
        self._recolour(self.colour[chosen[0]], chosen)
        self.refine(chosen)

    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Each colour and how many nodes have it: the same for every order of the nodes."""
        return tuple(sorted((colour, len(nodes)) for colour, nodes in self.members.items() if nodes))

    def _news(self, recoloured: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
        news: dict[int, list[tuple[int, int]]] = {}
        colour = self.colour
        for node in recoloured:
            shown = colour[node]
            self.looked_at += len(self._neighbours[node])
            for label, other in self._neighbours[node]:
                if other in colour:
                    news.setdefault(other, []).append((label, shown))
        return news

    def _part(self, colour: int, touched: list[int], news: dict[int, list[tuple[int, int]]]) -> list[int]:
        """Part the nodes of one colour by their news; the ones that get a new colour."""
        parts: defaultdict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
        for node in touched:
            parts[tuple(sorted(news[node]))].append(node)
        rest = len(self.members[colour]) - len(touched)
        if len(parts) == 1 and not rest:
            return []
        largest = min(parts, key=lambda part: (-len(parts[part]), part))
        if rest < len(parts[largest]):
            if rest:
                parts[()] = list(self.members[colour].difference(touched))
        else:
            largest = ()
        moved: list[int] = []
        for part in sorted(parts):
            if part != largest:
                self._recolour(colour, parts[part])
                moved += parts[part]
        return moved

    def _recolour(self, colour: int, nodes: list[int]) -> None:
        fresh = self.fresh
        self.fresh += 1
        self.members[colour].difference_update(nodes)
        self.members[fresh] = set(nodes)
        for node in nodes:
            self.colour[node] = fresh
