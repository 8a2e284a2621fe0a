"""Boxes in groups: each group is laid out by itself, and is then one box among the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..graph.canvas import Point, Size
from .part import Gaps, Surroundings, arrange_part
from .ranks import parts
from .wire import Wire, disorder

SIDE: Final = 20.0
"""What a group leaves free beside and below what is in it."""
ABOVE: Final = 50.0
"""What it leaves free above the first title bar in it: its own title is there."""
GAPS: Final = Gaps(beside=75, below=30, between=45)
GAPS_IN_GROUPS: Final = Gaps(beside=60, below=30, between=45)
_ASPECT: Final = 2.0
_JUDGED: Final = 150
_PASSES: Final = 2
_REMEMBERED: Final = 300
"""Pictures of more boxes are not kept."""


def arrange(
    sizes: Sequence[Size],
    wires: Sequence[Wire],
    groups: Sequence[Collection[int]] = (),
    notes: Collection[int] = (),
) -> list[Point]:
    """Where boxes are, left to right and none over another.

    Args:
        sizes: How large they are, title bars included.
        wires: The wires between them.
        groups: The boxes of each group, those of the groups in it too. No other box will be in the
            rectangle around a group, unless groups overlap without one being in the other: then a box
            is in the smaller of its groups.
        notes: Boxes that have no wires and are below all else of their group.
    """
    if not sizes:
        return []
    if len(sizes) > _REMEMBERED:
        return _arranged(sizes, wires, groups, notes)
    return list(_remembered(tuple(sizes), tuple(wires), tuple(map(tuple, groups)), tuple(notes)))


@lru_cache(maxsize=64)
def _remembered(
    sizes: tuple[Size, ...],
    wires: tuple[Wire, ...],
    groups: tuple[tuple[int, ...], ...],
    notes: tuple[int, ...],
) -> tuple[Point, ...]:
    """The same for what was arranged before: the prompts of a sweep differ in values, not in boxes."""
    return tuple(_arranged(sizes, wires, groups, notes))


def _arranged(
    sizes: Sequence[Size],
    wires: Sequence[Wire],
    groups: Sequence[Collection[int]],
    notes: Collection[int],
) -> list[Point]:
    flat = _shelved(sizes, wires, GAPS)
    if not any(groups):
        return flat
    nested = _Nested(sizes, wires, groups, frozenset(notes))
    hints = [place[1] for place in flat]
    best: tuple[float, list[Point]] | None = None
    for _ in range(_PASSES if len(wires) <= _JUDGED else 1):
        places = nested.placed(hints)
        hints = [place[1] for place in places]
        cost = disorder(sizes, wires, places) if len(wires) <= _JUDGED else 0.0
        if best is None or cost < best[0]:
            best = cost, places
    return best[1] if best is not None else flat


def _shelved(
    sizes: Sequence[Size],
    wires: Sequence[Wire],
    gaps: Gaps,
    around: Surroundings | None = None,
    in_group: bool = False,
    notes: Collection[int] = (),
) -> list[Point]:
    """The parts of a picture on shelves; in a group, what is wired to nothing there is in one column."""
    number = [0] * len(sizes)
    found = parts(len(sizes), wires)
    for index, part in enumerate(found):
        for box in part:
            number[box] = index
    inner: list[list[Wire]] = [[] for _ in found]
    for wire in wires:
        inner[number[wire.source]].append(wire)
    laid: list[tuple[list[int], list[Point]]] = []
    for part, between in zip(found, inner, strict=True):
        own = {box: index for index, box in enumerate(part)}
        laid.append(
            (
                part,
                arrange_part(
                    [sizes[box] for box in part],
                    [Wire(own[a], y, own[b], z) for a, y, b, z in between],
                    gaps,
                    around.of(part) if around is not None else None,
                ),
            )
        )
    if len(notes) < len(sizes):
        laid = [one for one in laid if one[0][0] not in notes]
    if in_group:
        laid = _with_column(laid, sizes, gaps, around)
    if around is not None:
        laid.sort(key=lambda one: min(around.hints[box] for box in one[0]))
    extents = [extent([sizes[box] for box in part], places) for part, places in laid]
    result: list[Point] = [(0.0, 0.0)] * len(sizes)
    for (part, places), (left, top) in zip(laid, shelves(extents, gaps.between), strict=True):
        for box, place in zip(part, places, strict=True):
            result[box] = (place[0] + left, place[1] + top)
    if notes and len(notes) < len(sizes):
        _below(result, sizes, notes, gaps)
    return result


def _below(places: list[Point], sizes: Sequence[Size], notes: Collection[int], gaps: Gaps) -> None:
    """Put notes under all else, in rows no wider than that if they can be."""
    others = [box for box in range(len(sizes)) if box not in notes]
    width, height = extent([sizes[box] for box in others], [places[box] for box in others])
    left, top, tallest = 0.0, height + gaps.below, 0.0
    for box in notes:
        if left and left + sizes[box][0] > width:
            left, top, tallest = 0.0, top + tallest + gaps.below, 0.0
        places[box] = (left, top)
        left += sizes[box][0] + gaps.below
        tallest = max(tallest, sizes[box][1])


def _with_column(
    laid: list[tuple[list[int], list[Point]]],
    sizes: Sequence[Size],
    gaps: Gaps,
    around: Surroundings | None,
) -> list[tuple[list[int], list[Point]]]:
    single = [part[0] for part, _ in laid if len(part) == 1]
    if not single:
        return laid
    if around is not None:
        single.sort(key=lambda box: around.hints[box])
    column: list[Point] = []
    top = 0.0
    for box in single:
        column.append((0.0, top))
        top += sizes[box][1] + gaps.below
    return [(single, column), *(one for one in laid if len(one[0]) > 1)]


def extent(sizes: Sequence[Size], places: Sequence[Point]) -> Size:
    """How far boxes reach to the right and down."""
    return (
        max(place[0] + size[0] for place, size in zip(places, sizes, strict=True)),
        max(place[1] + size[1] for place, size in zip(places, sizes, strict=True)),
    )


def shelves(extents: Sequence[Size], gap: float) -> list[Point]:
    """Where rectangles are in rows, in their order, so that it all is about twice as wide as high."""
    area = sum((width + gap) * (height + gap) for width, height in extents)
    most = max(*(width for width, _ in extents), (area * _ASPECT) ** 0.5 * 1.05)
    places: list[Point] = []
    left = top = tallest = 0.0
    for width, height in extents:
        if left and left + width > most:
            left, top, tallest = 0.0, top + tallest + gap, 0.0
        places.append((left, top))
        left += width + gap
        tallest = max(tallest, height)
    return places


@dataclass(frozen=True)
class _Block:
    """A group that is laid out: where its boxes are in it, and how large it is."""

    places: dict[int, Point]
    size: Size


class _Nested:
    """Groups in groups, the smaller ones first."""

    def __init__(
        self,
        sizes: Sequence[Size],
        wires: Sequence[Wire],
        groups: Sequence[Collection[int]],
        notes: frozenset[int],
    ) -> None:
        self.notes = notes
        self.sizes = sizes
        self.wires = wires
        members = [frozenset(group) for group in groups]
        order = sorted(range(len(members)), key=lambda group: (len(members[group]), -group))
        self.order = [group for group in order if members[group]]
        self.outer: dict[int, int | None] = {}
        for place, group in enumerate(self.order):
            larger = (other for other in self.order[place + 1 :] if members[group] <= members[other])
            self.outer[group] = next(larger, None)
        self.home: list[int | None] = [None] * len(sizes)
        for group in reversed(self.order):
            for box in members[group]:
                self.home[box] = group
        self.first = {group: min(members[group]) for group in self.order}
        self.own: dict[int | None, list[int]] = {}
        for box, home in enumerate(self.home):
            self.own.setdefault(home, []).append(box)
        self.inner: dict[int | None, list[int]] = {}
        for group, around in self.outer.items():
            self.inner.setdefault(around, []).append(group)
        self.wired: list[list[int]] = [[] for _ in sizes]
        for number, wire in enumerate(wires):
            self.wired[wire.source].append(number)
            self.wired[wire.target].append(number)

    def placed(self, hints: Sequence[float]) -> list[Point]:
        blocks: dict[int, _Block] = {}
        for group in self.order:
            if (block := self._block(group, blocks, hints)) is not None:
                blocks[group] = block
        whole = self._block(None, blocks, hints)
        return [whole.places[box] if whole is not None else (0.0, 0.0) for box in range(len(self.sizes))]

    def _block(self, group: int | None, blocks: dict[int, _Block], hints: Sequence[float]) -> _Block | None:
        """Lay out what is in a group, or in none; nothing, if all of it is in smaller groups."""
        inner = sorted(
            [(box, None) for box in self.own.get(group, ())]
            + [(self.first[one], one) for one in self.inner.get(group, ()) if one in blocks],
            key=lambda item: item[0],
        )
        if not inner:
            return None
        sizes: list[Size] = []
        own_hints: list[float] = []
        where: dict[int, tuple[int, float, float]] = {}
        for number, (box, block) in enumerate(inner):
            if block is None:
                sizes.append(self.sizes[box])
                own_hints.append(hints[box])
                where[box] = (number, 0.0, 0.0)
            else:
                places = blocks[block].places
                sizes.append(blocks[block].size)
                own_hints.append(sum(hints[one] for one in places) / len(places))
                where.update({one: (number, *place) for one, place in places.items()})
        wires, outer = self._wires(where, hints)
        gaps = GAPS if group is None and not blocks else GAPS_IN_GROUPS
        below = [number for number, (box, block) in enumerate(inner) if block is None and box in self.notes]
        placed = _shelved(sizes, wires, gaps, Surroundings(own_hints, outer), group is not None, below)
        side, above = (SIDE, ABOVE) if group is not None else (0.0, 0.0)
        width, height = extent(sizes, placed)
        return _Block(
            {
                box: (placed[number][0] + left + side, placed[number][1] + top + above)
                for box, (number, left, top) in where.items()
            },
            (width + 2 * side, height + above + side),
        )

    def _wires(
        self, where: dict[int, tuple[int, float, float]], hints: Sequence[float]
    ) -> tuple[list[Wire], list[tuple[int, float, bool, float]]]:
        """The wires between what is in a group, and those that leave it."""
        inside: list[Wire] = []
        outer: list[tuple[int, float, bool, float]] = []
        for number in sorted({number for box in where for number in self.wired[box]}):
            source, source_y, target, target_y = self.wires[number]
            begin, end = where.get(source), where.get(target)
            if begin is not None and end is not None:
                if begin[0] != end[0]:
                    inside.append(Wire(begin[0], begin[2] + source_y, end[0], end[2] + target_y))
            elif begin is not None:
                outer.append((begin[0], begin[2] + source_y, True, hints[target] + target_y))
            elif end is not None:
                outer.append((end[0], end[2] + target_y, False, hints[source] + source_y))
        return inside, outer
