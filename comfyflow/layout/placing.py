"""New boxes among others that stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..graph.canvas import Point, Size
from .groups import GAPS, arrange, extent
from .ranks import parts
from .wire import Wire

Box = tuple[float, float, float, float]
"""Left, top, width and height."""

_MOST_PARTS: Final = 200
"""The number of new parts that find their own place; beyond, all that is new is below everything."""


class Placing:
    """Boxes by key, none of which will be moved.

    Args:
        boxes: Those that are there already. They may lie over one another.
    """

    def __init__(self, boxes: Mapping[str, Box]) -> None:
        self.boxes: dict[str, Box] = dict(boxes)
        self._others: list[Box] = []
        self._fences: list[Box] = []

    def avoid(self, boxes: Iterable[Box]) -> None:
        """Nothing is put over these, either."""
        self._others += boxes

    def keep_out(self, fences: Iterable[Box]) -> None:
        """Nothing is put into these, unless what it is linked to is in there."""
        self._fences += fences

    def place(
        self,
        keys: Sequence[str],
        sizes: Sequence[Size],
        wires: Sequence[Wire],
        links: Sequence[tuple[str, str]],
    ) -> None:
        """Place new boxes: those that hang together as one part, right of what they need.

        Args:
            keys: Their keys.
            sizes: How large they are.
            wires: The wires between them, by number.
            links: All links, those to boxes that are there too: from key to key.
        """
        before: dict[str, list[str]] = {}
        behind: dict[str, list[str]] = {}
        for source, target in links:
            before.setdefault(target, []).append(source)
            behind.setdefault(source, []).append(target)
        found = parts(len(keys), wires)
        if len(found) > _MOST_PARTS:
            found = [[*range(len(keys))]]
        for part in found:
            own = {box: index for index, box in enumerate(part)}
            inside = [Wire(own[a], y, own[b], z) for a, y, b, z in wires if a in own and b in own]
            areas = [sizes[box] for box in part]
            places = arrange(areas, inside)
            named = [keys[box] for box in part]
            sources = self._placed(named, before)
            users = self._placed(named, behind)
            left, top = self._free(extent(areas, places), sources, users)
            self.boxes.update(
                (key, (round(left) + place[0], round(top) + place[1], *area))
                for key, place, area in zip(named, places, areas, strict=True)
            )

    def _placed(self, keys: Iterable[str], near: Mapping[str, Sequence[str]]) -> list[Box]:
        return [self.boxes[other] for key in keys for other in near.get(key, ()) if other in self.boxes]

    def _free(self, size: Size, sources: Sequence[Box], users: Sequence[Box]) -> Point:
        """The upper left corner of free room for a part."""
        neighbours = [*sources, *users]
        if not neighbours:
            everything = [*self.boxes.values(), *self._others, *self._fences]
            left = min((box[0] for box in everything), default=0.0)
            return left, max((box[1] + box[3] for box in everything), default=-GAPS.between) + GAPS.between
        if sources:
            left = max(box[0] + box[2] for box in sources) + GAPS.beside
        else:
            left = min(box[0] for box in users) - GAPS.beside - size[0]
        top = min(box[1] for box in neighbours)
        fences = (fence for fence in self._fences if not any(_inside(box, fence) for box in neighbours))
        in_way = [
            box
            for box in (*self.boxes.values(), *self._others, *fences)
            if box[0] < left + size[0] + GAPS.below and left < box[0] + box[2] + GAPS.below
        ]
        for box in sorted(in_way, key=lambda box: box[1]):
            if top + size[1] + GAPS.below <= box[1]:
                break
            top = max(top, box[1] + box[3] + GAPS.below)
        return left, top


def _inside(box: Box, fence: Box) -> bool:
    across, down = box[0] + box[2] / 2, box[1] + box[3] / 2
    return fence[0] <= across <= fence[0] + fence[2] and fence[1] <= down <= fence[1] + fence[3]
