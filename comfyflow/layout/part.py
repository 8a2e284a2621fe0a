"""Boxes that hang together, laid out in columns from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..graph.canvas import Point, Size
from .columns import ItemColumns
from .heights import heights
from .ordering import Order, crossings, inversions, ordered, swapped
from .ranks import forward, ranks
from .wire import Wire, disorder

_JUDGED: Final = 150
"""The number of wires up to which layouts are judged by what one sees; beyond, by the crossings between
columns.
"""
_TRIED: Final = ((800, 4), (2500, 2))
"""How many orders are tried, by the number of items; beyond, one."""
_LONG: Final = 4.7
"""The ratio of width to height from which a part is broken into rows."""
_WIDE: Final = 5000.0
"""What is narrower stays one row, whatever its shape."""
_ROW_ASPECT: Final = 2.0
_ROW_GAP: Final = 100.0
_FEW: Final = 2
"""The most slots that may pass where a row is broken."""


@dataclass(frozen=True)
class Gaps:
    """What is free: beside a box, below it, and between parts."""

    beside: float
    below: float
    between: float


@dataclass(frozen=True)
class Surroundings:
    """What is known about the picture that boxes will be in.

    Attributes:
        hints: How far down each box is in another layout of the whole.
        outer: The wires that leave: the box, the height of its slot, whether it is an output, and how
            far down the other end is.
    """

    hints: Sequence[float]
    outer: Sequence[tuple[int, float, bool, float]] = ()

    def of(self, boxes: Sequence[int]) -> Surroundings:
        """The same for some of the boxes, numbered again."""
        number = {box: index for index, box in enumerate(boxes)}
        outer = [(number[box], slot, out, end) for box, slot, out, end in self.outer if box in number]
        return Surroundings([self.hints[box] for box in boxes], outer)

    def crossed(self, places: Sequence[Point]) -> int:
        """How many pairs of the wires that leave on one side cross."""
        count = 0
        for is_output in (False, True):
            ends = [(places[box][1] + slot, end) for box, slot, out, end in self.outer if out is is_output]
            count += inversions(end for _, end in sorted(ends))
        return count


def arrange_part(
    sizes: Sequence[Size], wires: Sequence[Wire], gaps: Gaps, around: Surroundings | None = None
) -> list[Point]:
    """Where boxes are that hang together; the upper left corner of it all is at (0, 0).

    Args:
        sizes: How large they are.
        wires: The wires between them.
        gaps: What is free.
        around: What is known about the picture.
    """
    if len(sizes) == 1:
        return [(0.0, 0.0)]
    ahead = forward(len(sizes), wires)
    columns = ItemColumns(sizes, ahead, ranks(sizes, ahead, (gaps.beside, gaps.below)))
    edges = _rows(columns, sizes, gaps)
    best: tuple[float, list[Point]] | None = None
    for order in _orders(columns, around):
        tops = heights(columns, order, gaps.below)
        places = _places(columns, sizes, tops, edges)
        crossed = around.crossed(places) if around is not None else 0
        if len(ahead) <= _JUDGED:
            cost = disorder(sizes, ahead, places) + crossed
        else:
            cost = float(crossings(columns, order) + crossed)
        if best is None or cost < best[0]:
            best = cost, places
    assert best is not None  # noqa: S101  # there are always two orders
    return best[1]


def _orders(columns: ItemColumns, around: Surroundings | None) -> list[Order]:
    """What is likely to be good: nothing orders all graphs best."""
    count, deep = columns.count, columns.depth_first()
    lanes_last = [sorted(column, key=lambda item: item >= count) for column in deep]
    lanes_first = [sorted(column, key=lambda item: item < count) for column in deep]
    starts = [columns.members, lanes_first, lanes_last, deep]
    items = len(columns.heights)
    tried = next((count for most, count in _TRIED if items <= most), 1)
    found = [ordered(columns, start) for start in starts[-tried:]]
    if around is not None:
        given = columns.by_height(around.hints)
        found += (
            [swapped(columns, given)] if tried == 1 else [ordered(columns, given), swapped(columns, given)]
        )
    return [order for index, order in enumerate(found) if order not in found[:index]]


def _rows(columns: ItemColumns, sizes: Sequence[Size], gaps: Gaps) -> list[tuple[float, float]]:
    """The left edge and the width of each column, as if all was in one row."""
    edges: list[tuple[float, float]] = []
    left = 0.0
    for column in columns.members:
        width = max((sizes[item][0] for item in column if item < columns.count), default=0.0)
        edges.append((left, width))
        left += width + gaps.beside
    return edges


def _places(
    columns: ItemColumns,
    sizes: Sequence[Size],
    tops: Sequence[float],
    edges: Sequence[tuple[float, float]],
) -> list[Point]:
    boxes = range(columns.count)
    first = min(tops[box] for box in boxes)
    deep = max(tops[box] + sizes[box][1] for box in boxes) - first
    wide = edges[-1][0] + edges[-1][1]
    starts = [0]
    if wide > _WIDE and wide > _LONG * deep:
        starts = _breaks(columns, edges, (wide * (deep + _ROW_GAP) * _ROW_ASPECT) ** 0.5)
    shifts: list[Point] = []
    down = 0.0
    for start, end in zip(starts, [*starts[1:], len(edges)], strict=True):
        row = [item for column in columns.members[start:end] for item in column if item < columns.count]
        top = min(tops[box] for box in row)
        shifts += [(edges[start][0], top - down)] * (end - start)
        down += max(tops[box] + sizes[box][1] for box in row) - top + _ROW_GAP
    places: list[Point] = []
    for box in boxes:
        rank = columns.ranks[box]
        # What has more going out than coming in is at the right edge, beside its users.
        hangs = len({slot for _, slot, _ in columns.right[box]}) > len(columns.left[box])
        room = edges[rank][1] - sizes[box][0] if hangs else 0.0
        left, top = shifts[rank]
        places.append((edges[rank][0] + room - left, tops[box] - top))
    return places


def _breaks(columns: ItemColumns, edges: Sequence[tuple[float, float]], width: float) -> list[int]:
    """The columns that begin a row: where few wires pass, near the width that a row is to have."""
    passing = [0] * len(edges)
    for rank, column in enumerate(columns.members):
        passing[rank] = len({(item, slot) for item in column for _, slot, _ in columns.right[item]})
    starts = [0]
    for rank in range(1, len(edges)):
        begun = edges[starts[-1]][0]
        too_wide = edges[rank][0] + edges[rank][1] - begun > width * 1.2
        if passing[rank - 1] <= _FEW and (too_wide or edges[rank][0] - begun > width * 0.9):
            starts.append(rank)
    return starts
