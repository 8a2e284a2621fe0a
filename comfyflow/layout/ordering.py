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
        ends = columns.left_ends if rightwards else columns.right_ends
        for rank in range(len(order)) if rightwards else range(len(order) - 1, -1, -1):
            order[rank] = _by_mean(order[rank], ends, places)
            for place, item in enumerate(order[rank]):
                places[item] = place
        count = crossings(columns, order)
        if count < fewest:
            fewest, best = count, [[*column] for column in order]
    return swapped(columns, best)


def swapped(columns: ItemColumns, start: Sequence[Sequence[int]]) -> Order:
    """Swap neighbours as long as fewer wires cross for it.

    A column is looked at again only if it or one beside it has changed since.
    """
    order = [[*column] for column in start]
    places = _places(columns, order)
    waiting = [True] * len(order)
    for _ in range(_SWAPS):
        if not any(waiting):
            break
        for rank, column in enumerate(order):
            if waiting[rank]:
                waiting[rank] = False
                if _swap(columns, column, places):
                    for near in range(max(rank - 1, 0), min(rank + 2, len(order))):
                        waiting[near] = True
    return order


def _swap(columns: ItemColumns, column: list[int], places: list[int]) -> bool:
    """Swap neighbours of one column, from above; whether any were."""
    # No wire stays in a column: what its items are wired to keeps its place meanwhile.
    left = [_slots(columns.left_ends[item], places) for item in column]
    right = [_slots(columns.right_ends[item], places) for item in column]
    changed = False
    for upper in range(len(column) - 1):
        lower = upper + 1
        if _crossed(left[upper], left[lower]) + _crossed(right[upper], right[lower]) > 0:
            column[upper], column[lower] = column[lower], column[upper]
            left[upper], left[lower] = left[lower], left[upper]
            right[upper], right[lower] = right[lower], right[upper]
            places[column[upper]], places[column[lower]] = upper, lower
            changed = True
    return changed


def crossings(columns: ItemColumns, order: Sequence[Sequence[int]]) -> int:
    """How many pairs of wires cross between columns."""
    places = _places(columns, order)
    count = 0
    for column in order:
        ends: list[tuple[float, float]] = []
        for item in column:
            for (_, slot, _), (other, share) in zip(
                columns.right[item], columns.right_ends[item], strict=True
            ):
                ends.append((places[item] + columns.share(item, slot), places[other] + share))
        ends.sort()
        count += inversions(end for _, end in ends)
    return count


def inversions(values: Iterable[float]) -> int:
    """How many pairs of values are in the wrong order."""
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


def _by_mean(
    column: Sequence[int], ends: Sequence[Sequence[tuple[int, float]]], places: Sequence[int]
) -> list[int]:
    """What has no neighbours keeps its place."""
    wanted: dict[int, float] = {}
    for item in column:
        if ends[item]:
            total = sum([places[other] + share for other, share in ends[item]])
            wanted[item] = total / len(ends[item])
    movable = iter(sorted(wanted, key=lambda item: (wanted[item], places[item])))
    return [next(movable) if item in wanted else item for item in column]


def _slots(ends: Sequence[tuple[int, float]], places: Sequence[int]) -> list[float]:
    """How far down the slots are that an item is wired to."""
    return sorted([places[item] + share for item, share in ends])


def _crossed(upper: Sequence[float], lower: Sequence[float]) -> int:
    """How many crossings fewer there are if two items are swapped."""
    if not upper or not lower or upper[-1] < lower[0]:
        return -len(upper) * len(lower)
    total = len(lower)
    return sum([bisect_left(lower, each) - (total - bisect_right(lower, each)) for each in upper])
