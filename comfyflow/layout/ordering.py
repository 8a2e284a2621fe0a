"""The order in each column: so that few wires cross."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from .columns import ItemColumns

_SWEEPS: Final = 8
_SWAPS: Final = 6

Order = list[list[int]]
"""The items of each column, from above."""


def ordered(columns: ItemColumns, start: Sequence[Sequence[int]]) -> Order:
    """Order the columns: by the mean height of the slots that an item is wired to, then by swaps.

    Args:
        columns: The columns.
        start: The order to begin with.
    """
    order = [[*column] for column in start]
    places = _places(columns, order)
    fewest = crossings(columns, order)
    best = [[*column] for column in order]
    last: list[int] = []
    for sweep in range(_SWEEPS):
        rightwards = sweep % 2 == 0
        if not fewest or (rightwards and places == last):
            break
        last = places.copy() if rightwards else last
        near = columns.left if rightwards else columns.right
        for rank in range(len(order)) if rightwards else range(len(order) - 1, -1, -1):
            order[rank] = _by_mean(columns, order[rank], near, places)
            for place, item in enumerate(order[rank]):
                places[item] = place
        count = crossings(columns, order)
        if count < fewest:
            fewest, best = count, [[*column] for column in order]
    return swapped(columns, best)


def swapped(columns: ItemColumns, start: Sequence[Sequence[int]]) -> Order:
    """Swap neighbours as long as fewer wires cross for it."""
    order = [[*column] for column in start]
    places = _places(columns, order)

    def slots(near: Iterable[tuple[int, float, float]]) -> list[float]:
        return sorted([places[item] + _share(columns, item, slot) for item, _, slot in near])

    for _ in range(_SWAPS):
        changed = False
        for column in order:
            for index in range(len(column) - 1):
                upper, lower = column[index], column[index + 1]
                gain = 0
                for near in (columns.left, columns.right):
                    if near[upper] and near[lower]:
                        gain += _crossed(slots(near[upper]), slots(near[lower]))
                if gain > 0:
                    column[index], column[index + 1] = lower, upper
                    places[upper], places[lower] = index + 1, index
                    changed = True
        if not changed:
            break
    return order


def crossings(columns: ItemColumns, order: Sequence[Sequence[int]]) -> int:
    """How many pairs of wires cross between columns."""
    places = _places(columns, order)
    count = 0
    for column in order:
        ends: list[tuple[float, float]] = []
        for item in column:
            for other, slot, far in columns.right[item]:
                begin = places[item] + _share(columns, item, slot)
                ends.append((begin, places[other] + _share(columns, other, far)))
        ends.sort()
        count += inversions(end for _, end in ends)
    return count


def inversions(values: Iterable[float]) -> int:
    """How many pairs of values stand in the wrong order."""
    seen: list[float] = []
    count = 0
    for value in values:
        index = bisect_right(seen, value)
        count += len(seen) - index
        seen.insert(index, value)
    return count


def _places(columns: ItemColumns, order: Sequence[Sequence[int]]) -> list[int]:
    places = [0] * len(columns.heights)
    for column in order:
        for place, item in enumerate(column):
            places[item] = place
    return places


def _share(columns: ItemColumns, item: int, slot: float) -> float:
    """How far down an item a slot is, less than 1."""
    return slot / (columns.heights[item] + 1)


def _by_mean(
    columns: ItemColumns,
    column: Sequence[int],
    near: Sequence[Sequence[tuple[int, float, float]]],
    places: Sequence[int],
) -> list[int]:
    """What has no neighbours keeps its place."""
    wanted: dict[int, float] = {}
    for item in column:
        if near[item]:
            total = sum(places[other] + _share(columns, other, slot) for other, _, slot in near[item])
            wanted[item] = total / len(near[item])
    movable = iter(sorted(wanted, key=lambda item: (wanted[item], places[item])))
    return [next(movable) if item in wanted else item for item in column]


def _crossed(upper: Sequence[float], lower: Sequence[float]) -> int:
    """How many crossings fewer there are if two items are swapped."""
    total = len(lower)
    return sum(bisect_left(lower, each) - (total - bisect_right(lower, each)) for each in upper)
