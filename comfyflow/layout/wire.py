"""Wires between boxes: what is laid out, and how well it lies, by plain geometry.

Boxes are numbered. A box is a node with its title bar, or a group with all that is in it; the height
of a slot is counted from the upper edge of its box. An output is at the right edge, an input at
the left one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..graph.canvas import Point, Size

Segment = tuple[float, float, float, float]
"""A straight line: from where to where."""

_THROUGH: Final = 0.5
"""What a wire costs that runs through a box, beside one that crosses another."""
_LENGTH: Final = 0.6
"""What wires cost that together are as long as a box is wide."""


class Wire(NamedTuple):
    """A link: from a slot of a box to a slot of another."""

    source: int
    source_y: float
    target: int
    target_y: float


def segments(sizes: Sequence[Size], wires: Sequence[Wire], places: Sequence[Point]) -> list[Segment]:
    """The straight line of each wire."""
    return [
        (
            places[wire.source][0] + sizes[wire.source][0],
            places[wire.source][1] + wire.source_y,
            places[wire.target][0],
            places[wire.target][1] + wire.target_y,
        )
        for wire in wires
    ]


def disorder(sizes: Sequence[Size], wires: Sequence[Wire], places: Sequence[Point]) -> float:
    """How confusing a picture is: wires that cross, wires through boxes, and long wires.

    Args:
        sizes: How large the boxes are.
        wires: The wires.
        places: Where the boxes are.
    """
    lines = segments(sizes, wires, places)
    width = sum(size[0] for size in sizes) or 1.0
    cost = crossing_count(lines) + _LENGTH * total_length(lines) * len(sizes) / width
    boxes = [(*place, *size) for place, size in zip(places, sizes, strict=True)]
    for line, wire in zip(lines, wires, strict=True):
        for number, box in enumerate(boxes):
            if number != wire.source and number != wire.target and cuts(line, box):
                cost += _THROUGH
    return cost


def total_length(lines: Sequence[Segment]) -> float:
    """How long lines are together."""
    return sum(math.hypot(line[2] - line[0], line[3] - line[1]) for line in lines)


def crossing_count(lines: Sequence[Segment]) -> int:
    """How many pairs of lines cross. Lines that share an end do not."""
    ordered = sorted((min(line[0], line[2]), max(line[0], line[2]), line) for line in lines)
    count = 0
    for number, (_, right, line) in enumerate(ordered):
        for other in range(number + 1, len(ordered)):
            left, _, second = ordered[other]
            if left > right:
                break
            count += cross(line, second)
    return count


def cross(first: Segment, second: Segment) -> bool:
    """Whether two lines cross, other than by a common end."""
    x1, y1, x2, y2 = first
    x3, y3, x4, y4 = second
    if (x1 == x3 and y1 == y3) or (x2 == x4 and y2 == y4):
        return False
    if max(y1, y2) < min(y3, y4) or max(y3, y4) < min(y1, y2):
        return False
    dx, dy, ex, ey = x2 - x1, y2 - y1, x4 - x3, y4 - y3
    sides = (ex * (y1 - y3) - ey * (x1 - x3)) * (ex * (y2 - y3) - ey * (x2 - x3))
    return sides < 0 and (dx * (y3 - y1) - dy * (x3 - x1)) * (dx * (y4 - y1) - dy * (x4 - x1)) < 0


def cuts(line: Segment, box: tuple[float, float, float, float]) -> bool:
    """Whether a line runs through the inside of a box (left, top, width, height)."""
    x1, y1, x2, y2 = line
    left, top, width, height = box
    if (
        max(x1, x2) <= left
        or min(x1, x2) >= left + width
        or max(y1, y2) <= top
        or min(y1, y2) >= top + height
    ):
        return False
    enters, leaves = 0.0, 1.0
    for step, room in (
        (x1 - x2, x1 - left),
        (x2 - x1, left + width - x1),
        (y1 - y2, y1 - top),
        (y2 - y1, top + height - y1),
    ):
        if step == 0:
            if room <= 0:
                return False
        elif step < 0:
            enters = max(enters, room / step)
        else:
            leaves = min(leaves, room / step)
    return leaves - enters > 1e-9
