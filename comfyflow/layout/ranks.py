"""Which column each box is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from ..graph.canvas import Size
from ..graph.walk import sources_first
from .wire import Wire

if TYPE_CHECKING:
    import networkx as nx

_TALL: Final = 2.5
"""How many times as tall a column may be as one of a picture twice as wide as high."""
_ROUNDS: Final = 8


def parts(count: int, wires: Sequence[Wire]) -> list[list[int]]:
    """The boxes that hang together, part by part, in their order."""
    import networkx as nx

    network: nx.Graph[int] = nx.Graph()
    network.add_nodes_from(range(count))
    network.add_edges_from((wire.source, wire.target) for wire in wires)
    return [sorted(part) for part in nx.connected_components(network)]


def forward(count: int, wires: Sequence[Wire]) -> list[Wire]:
    """The wires without circles: in one, those are turned round that lead back in the order of the boxes.

    A wire is there once, and one from a box to itself is left out.

    Args:
        count: How many boxes there are.
        wires: The wires.
    """
    import networkx as nx

    network = _network(count, wires)
    circle = [0] * count
    for number, component in enumerate(nx.strongly_connected_components(network)):
        for box in component:
            circle[box] = number
    turned = (
        Wire(wire.target, wire.target_y, wire.source, wire.source_y)
        if circle[wire.source] == circle[wire.target] and wire.target < wire.source
        else wire
        for wire in wires
        if wire.source != wire.target
    )
    return list(dict.fromkeys(turned))


def ranks(sizes: Sequence[Size], wires: Sequence[Wire], gaps: tuple[float, float]) -> list[int]:
    """The column of each box, from 0; every wire leads to the right.

    What has more going out than coming in is right before its first user, all else right behind
    the last that it needs. Columns that would be far too tall are divided, in the one of two ways
    in which wires pass fewer columns.

    Args:
        sizes: How large the boxes are.
        wires: The wires, without circles.
        gaps: What is free beside and below a box.
    """
    import networkx as nx

    count = len(sizes)
    order: list[int] = []
    found = [0] * count
    for rank, generation in enumerate(nx.topological_generations(_network(count, wires))):
        for box in generation:
            found[box] = rank
            order.append(box)
    near = _Neighbours(count, wires)
    for _ in range(_ROUNDS):
        if not _tightened(near, order, found):
            break
    found = _close_gaps(found)
    heights = [height + gaps[1] for _, height in sizes]
    area = sum((width + gaps[0]) * height for (width, _), height in zip(sizes, heights, strict=True))
    limit = max(_TALL * (area / 2) ** 0.5, 2 * max(heights))
    divided = [*found]
    _Divider(near, heights, limit).divide(divided)
    divided = _close_gaps(divided)
    if divided == found:
        return found
    filled = _close_gaps(_filled(near, heights, limit))
    return min(divided, filled, key=lambda columns: _passed(wires, columns))


class _Neighbours:
    """What each box needs and what needs it, and from how many of its slots."""

    def __init__(self, count: int, wires: Sequence[Wire]) -> None:
        self.before: list[list[int]] = [[] for _ in range(count)]
        self.behind: list[list[int]] = [[] for _ in range(count)]
        slots: list[set[float]] = [set() for _ in range(count)]
        for wire in wires:
            self.before[wire.target].append(wire.source)
            self.behind[wire.source].append(wire.target)
            slots[wire.source].add(wire.source_y)
        self.slots = [len(each) for each in slots]

    def hangs_on_users(self, box: int) -> bool:
        return not self.before[box] or self.slots[box] > len(self.before[box])


def _network(count: int, wires: Sequence[Wire]) -> nx.DiGraph[int]:
    import networkx as nx

    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_nodes_from(range(count))
    network.add_edges_from((wire.source, wire.target) for wire in wires)
    return network


def _tightened(near: _Neighbours, order: Sequence[int], found: list[int]) -> bool:
    moved = False
    for box in reversed(order):
        if near.behind[box] and near.hangs_on_users(box):
            rank = min(found[user] for user in near.behind[box]) - 1
            moved = moved or rank != found[box]
            found[box] = rank
    for box in order:
        if near.before[box] and near.slots[box] < len(near.before[box]):
            rank = max(found[source] for source in near.before[box]) + 1
            moved = moved or rank != found[box]
            found[box] = rank
    return moved


class _Divider:
    """Divides columns that are far too tall: what hangs on its users goes left, all else right."""

    def __init__(self, near: _Neighbours, heights: Sequence[float], limit: float) -> None:
        self.near = near
        self.heights = heights
        self.limit = limit

    def divide(self, found: list[int]) -> None:
        columns: dict[int, dict[int, None]] = {}
        for box, rank in enumerate(found):
            columns.setdefault(rank, {})[box] = None
        rank = max(columns)
        while rank in columns:
            self._pull(columns, rank, found)
            rank -= 1
        rank = min(columns)
        while rank in columns:
            self._push(columns, rank, found)
            rank += 1

    def _pull(self, columns: dict[int, dict[int, None]], rank: int, found: list[int]) -> None:
        near, column = self.near, columns[rank]
        room = sum(self.heights[box] for box in column)
        if room <= self.limit:
            return
        movable = [box for box in column if near.hangs_on_users(box) and near.behind[box]]
        for box in sorted(movable, key=lambda box: (len(near.before[box]), len(near.behind[box]), -box)):
            if room > self.limit and all(found[source] < rank - 1 for source in near.before[box]):
                room -= self.heights[box]
                _move(columns, box, rank - 1, found)

    def _push(self, columns: dict[int, dict[int, None]], rank: int, found: list[int]) -> None:
        """Move what is too much in a column, and all behind it, to the right."""
        near, column = self.near, columns[rank]
        if sum(self.heights[box] for box in column) <= self.limit:
            return
        room = 0.0
        for number, box in enumerate(sorted(column, key=lambda box: (not near.behind[box], box))):
            room += self.heights[box]
            if room <= self.limit or number == 0 or not near.before[box]:
                continue
            waiting = [(box, rank + 1)]
            while waiting:
                pushed, least = waiting.pop()
                if found[pushed] < least:
                    _move(columns, pushed, least, found)
                    waiting += [(user, least + 1) for user in near.behind[pushed]]


def _move(columns: dict[int, dict[int, None]], box: int, rank: int, found: list[int]) -> None:
    del columns[found[box]][box]
    columns.setdefault(rank, {})[box] = None
    found[box] = rank


def _filled(near: _Neighbours, heights: Sequence[float], limit: float) -> list[int]:
    """Columns that are filled one after the other: what belongs together stays together.

    Boxes come in a depth-first order, sources first. Each is right behind its sources; if there is no
    room, it is in the first of the columns that were begun last; if there is none either, it begins new
    columns, behind all others. What hangs on its users comes with the first of them, right before it.
    """
    order = sources_first(range(len(heights)), near.before.__getitem__)
    turn = {box: number for number, box in enumerate(order)}
    found: dict[int, int] = {}
    least = [0] * len(heights)
    filled: list[float] = []
    begun = 0
    for box in order:
        least[box] = max([found.get(source, least[source]) + 1 for source in near.before[box]], default=0)
        if near.behind[box] and near.hangs_on_users(box):
            continue
        steps = _waiting(near, box, found, turn)
        needed = [0.0] * (max(steps.values()) + 1)
        for other, step in steps.items():
            needed[step] += heights[other]
        rank = least[box]
        if not _fits(filled, rank, needed, limit):
            rank = max(rank, begun)
        if not _fits(filled, rank, needed, limit):
            begun = len(filled)
            rank = begun + len(needed) - 1
        filled += [0.0] * (rank + 1 - len(filled))
        for other, step in steps.items():
            found[other] = rank - step
            filled[rank - step] += heights[other]
    return [found[box] for box in range(len(heights))]


def _fits(filled: Sequence[float], rank: int, needed: Sequence[float], limit: float) -> bool:
    """Whether columns have room for what is needed in one and in those before it; an empty one always has."""
    columns = range(rank, rank - len(needed), -1)
    return all(
        column >= len(filled) or not filled[column] or filled[column] + height <= limit
        for column, height in zip(columns, needed, strict=True)
    )


def _waiting(
    near: _Neighbours, box: int, found: Mapping[int, int], turn: Mapping[int, int]
) -> dict[int, int]:
    """A box and what waits for it to have a column, each with how many columns before it that must be."""
    steps = {box: 0}
    waiting = [(-turn[box], box)]
    while waiting:
        here = heappop(waiting)[1]  # after all that need it
        for source in near.before[here]:
            if source not in found:
                if source not in steps:
                    heappush(waiting, (-turn[source], source))
                steps[source] = max(steps.get(source, 0), steps[here] + 1)
    return steps


def _passed(wires: Sequence[Wire], found: Sequence[int]) -> int:
    """How many columns the wires pass, those of one slot together."""
    reach: dict[tuple[int, float], int] = {}
    for source, slot, target, _ in wires:
        reach[source, slot] = max(reach.get((source, slot), 0), found[target])
    return sum(last - found[source] - 1 for (source, _), last in reach.items())


def _close_gaps(found: Sequence[int]) -> list[int]:
    used = {rank: number for number, rank in enumerate(sorted(set(found)))}
    return [used[rank] for rank in found]
