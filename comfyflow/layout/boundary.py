"""The two nodes at the boundary of a subgraph: its inputs come from one, its outputs go to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from ..graph.canvas import Point, Size
from .appearance import TITLE_HEIGHT
from .sheet import Sheet
from .wire import Wire, disorder

BESIDE: Final = 120.0
"""What is free between a boundary node and all else."""
WIDTH: Final = 128.0
_FIRST: Final = 30.0
_ROW: Final = 20.0


def boundary_size(slots: int) -> Size:
    """How large the editor draws a boundary node with that many slots."""
    return WIDTH, _ROW * (slots + 1) + 20.0


class BoundaryNodes:
    """The boundary nodes of a scope's sheet, as two more boxes: the first and the last column.

    Args:
        sheet: The sheet.
        number: The number of each of its nodes, as a box.
        first: The number of the first of the two boxes.
        outputs: The names of the scope's outputs, in their order.
    """

    def __init__(self, sheet: Sheet, number: Mapping[str, int], first: int, outputs: Sequence[str]) -> None:
        self.wires: list[Wire] = []
        """The wires that lead through the boundary."""
        self._first = first
        entries = 0
        for link in sheet.doors:
            if link.target:
                entries = max(entries, link.slot + 1)
                end = TITLE_HEIGHT + sheet.shapes[link.target].input_height(link.name)
                self.wires.append(Wire(first, _FIRST + _ROW * link.slot, number[link.target], end))
            elif link.name in outputs:
                begin = TITLE_HEIGHT + sheet.shapes[link.source].output_height(link.slot)
                slot = outputs.index(link.name)
                self.wires.append(Wire(number[link.source], begin, first + 1, _FIRST + _ROW * slot))
        self.sizes: tuple[Size, Size] = boundary_size(entries), boundary_size(len(outputs))
        """How large the two are."""

    def beside(self, sizes: Sequence[Size], places: Sequence[Point]) -> tuple[Point, Point]:
        """Where the two are: left and right of all else, as high as what they are wired to.

        Args:
            sizes: How large the other boxes are.
            places: Where these are.
        """
        left = min(place[0] for place in places)
        right = max(place[0] + size[0] for place, size in zip(places, sizes, strict=True))
        top = min(place[1] for place in places)
        into = [places[end][1] + low - high for begin, high, end, low in self.wires if begin == self._first]
        out = [places[begin][1] + high - low for begin, high, end, low in self.wires if end > self._first]
        return (
            (left - BESIDE - WIDTH, float(round(median(into))) if into else top),
            (right + BESIDE, float(round(median(out))) if out else top),
        )

    def disorder(self, sizes: Sequence[Size], wires: Sequence[Wire], places: Sequence[Point]) -> float:
        """How confusing the sheet is, with what leads through the boundary.

        Args:
            sizes: How large the other boxes are.
            wires: The wires between them.
            places: Where they are.
        """
        all_places = [*places, *self.beside(sizes, places)]
        return disorder([*sizes, *self.sizes], [*wires, *self.wires], all_places)
