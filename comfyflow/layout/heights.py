"""How far down each item is: wires as straight as the order and the room allow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from .columns import ItemColumns

_SWEEPS: Final = 6
_FIRM: Final = 1e6
"""The weight of what the spine says."""
_PULL: Final = 150.0
"""So far a box is moved to make one wire straight."""
_LANE_GAP: Final = 8.0
_BESIDE_LANE: Final = 12.0


def heights(columns: ItemColumns, order: Sequence[Sequence[int]], gap: float) -> list[float]:
    """The upper edge of each item.

    The spine, the longest chain back from the deepest output, is pulled straight; straightening every
    wire would tear the picture apart. All else goes where its wires are shortest.

    Args:
        columns: The columns.
        order: The order in each of them.
        gap: What is free between two boxes.
    """
    return _Placing(columns, order, gap).placed()


def isotonic(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising values that are nearest to the wanted ones, by weighted least squares.

    Neighbours that would fall are pooled (the pool-adjacent-violators algorithm).
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        pool = (value * weight, weight, 1)
        while pools and pools[-1][0] / pools[-1][1] >= pool[0] / pool[1]:
            last = pools.pop()
            pool = (last[0] + pool[0], last[1] + pool[1], last[2] + pool[2])
        pools.append(pool)
    return [total / weight for total, weight, count in pools for _ in range(count)]


class _Placing:
    def __init__(self, columns: ItemColumns, order: Sequence[Sequence[int]], gap: float) -> None:
        self.columns = columns
        self.order = order
        self.gap = gap
        self.least = [0.0] * len(columns.heights)
        """How far below the first of its column each item is at least."""
        for column in order:
            for upper, lower in itertools.pairwise(column):
                self.least[lower] = self.least[upper] + columns.heights[upper] + self._between(upper, lower)
        self.tops = [*self.least]
        self.firm = self._spine()
        for item, top in self.firm.items():
            self.tops[item] = top

    def placed(self) -> list[float]:
        columns, order = self.columns, self.order
        both = (columns.left, columns.right)
        for sweep in range(_SWEEPS):
            rightwards = sweep % 2 == 0
            sides = both if sweep >= _SWEEPS - 2 else both[:1] if rightwards else both[1:]
            for column in order if rightwards else reversed(order):
                self._settle(column, sides)
        straight = set(self.firm)
        for column in (*order, *reversed(order)):
            self._straighten(column, straight)
        return self.tops

    def _between(self, upper: int, lower: int) -> float:
        boxes = (upper < self.columns.count) + (lower < self.columns.count)
        return self.gap if boxes == 2 else _BESIDE_LANE if boxes else _LANE_GAP

    def _spine(self) -> dict[int, float]:
        """Where the items of the longest chain are, so that its wires are straight."""
        columns = self.columns
        length = [0.0] * len(columns.heights)
        before: list[tuple[int, float, float] | None] = [None] * len(columns.heights)
        for column in columns.members:
            for item in column:
                for near in columns.left[item]:
                    reached = length[near[0]] + (1.0 if near[0] < columns.count else 0.5)
                    if reached > length[item]:
                        length[item], before[item] = reached, near
        ends = [item for item in range(columns.count) if not columns.right[item]]
        end = max(ends, key=lambda item: (columns.ranks[item], length[item], -item))
        firm = {end: 0.0}
        while (step := before[end]) is not None:
            source, own, other = step
            firm[source] = firm[end] + own - other
            end = source
        return firm

    def _settle(
        self, column: Sequence[int], sides: Sequence[Sequence[Sequence[tuple[int, float, float]]]]
    ) -> None:
        count, tops = self.columns.count, self.tops
        wanted: list[float] = []
        weights: list[float] = []
        for item in column:
            top, weight = 0.0, 0.0
            if item in self.firm:
                top, weight = self.firm[item] * _FIRM, _FIRM
            else:
                for near in sides:
                    for other, own, far in near[item]:
                        pull = (
                            1.0 if item < count and other < count else 4.0 if item >= count <= other else 2.0
                        )
                        top += (tops[other] + far - own) * pull
                        weight += pull
            if not weight:
                top, weight = tops[item] * 0.01, 0.01
            wanted.append(top / weight - self.least[item])
            weights.append(weight)
        for item, top in zip(column, isotonic(wanted, weights), strict=True):
            tops[item] = top + self.least[item]

    def _straighten(self, column: Sequence[int], straight: set[int]) -> None:
        """Move boxes within the room that they have, so that one of their wires is straight."""
        columns, tops = self.columns, self.tops
        for index, item in enumerate(column):
            if item >= columns.count or item in straight:
                continue
            low, high = tops[item] - _PULL, tops[item] + _PULL
            if index:
                upper = column[index - 1]
                low = max(low, tops[upper] + columns.heights[upper] + self._between(upper, item))
            if index + 1 < len(column):
                lower = column[index + 1]
                high = min(high, tops[lower] - columns.heights[item] - self._between(item, lower))
            near = (*columns.left[item], *columns.right[item])
            found = [top for other, own, far in near if low <= (top := tops[other] + far - own) <= high]
            if found:
                tops[item] = min(found, key=lambda top: (-found.count(top), abs(top - tops[item])))
                straight.add(item)
