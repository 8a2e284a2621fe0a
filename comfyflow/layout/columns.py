"""The columns of a part: its boxes, and the lanes of the wires that pass between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..bounds import LANES_PER_BOX
from ..graph.canvas import Size
from .wire import Wire

LANE: Final = 14.0
"""How high a lane is."""
_FREE_LANES: Final = 1000


class ItemColumns:
    """Items in columns. The first `count` items are boxes, all others are lanes.

    Each slot of an output has one lane through the columns that its wires pass, whatever their number.

    Args:
        sizes: How large the boxes are.
        wires: The wires, without circles.
        ranks: The column of each box.

    Attributes:
        count: How many boxes there are.
        heights: How high each item is.
        ranks: The column of each item.
        left: For each item what it is wired to on the left: that item, the height of the own slot,
            and that of the other one's.
        right: The same on the right.
        left_ends: For each item what it is wired to on the left: that item, and how far down it the slot
            is, as a share of its height.
        right_ends: The same on the right.
        paths: For each wire that has one, the items that it goes along.
        members: The items of each column, in their first order.
    """

    def __init__(self, sizes: Sequence[Size], wires: Sequence[Wire], ranks: Sequence[int]) -> None:
        self.count: Final = len(sizes)
        self.heights: Final = [size[1] for size in sizes]
        self.ranks: Final = [*ranks]
        self.left: list[list[tuple[int, float, float]]] = [[] for _ in sizes]
        self.right: list[list[tuple[int, float, float]]] = [[] for _ in sizes]
        self.paths: dict[int, list[int]] = {}
        self._joined: set[tuple[int, float, int, float]] = set()
        slots: dict[tuple[int, float], list[int]] = {}
        for number, wire in enumerate(wires):
            slots.setdefault((wire.source, wire.source_y), []).append(number)
        self._lay(wires, slots)
        self.left_ends: Final = self._ends(self.left)
        self.right_ends: Final = self._ends(self.right)
        self.members: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
        for item, rank in enumerate(self.ranks):
            self.members[rank].append(item)

    def share(self, item: int, slot: float) -> float:
        """How far down an item a slot is, less than 1."""
        return slot / (self.heights[item] + 1)

    def _ends(self, near: Sequence[Sequence[tuple[int, float, float]]]) -> list[list[tuple[int, float]]]:
        return [[(item, self.share(item, slot)) for item, _, slot in each] for each in near]

    def _lay(self, wires: Sequence[Wire], slots: dict[tuple[int, float], list[int]]) -> None:
        """The shortest first: where there are too many, the longest have no lane."""
        ranks = self.ranks
        reach = {slot: max(ranks[wires[number].target] for number in given) for slot, given in slots.items()}
        free = _FREE_LANES + LANES_PER_BOX * self.count
        for slot in sorted(slots, key=lambda slot: reach[slot] - ranks[slot[0]]):
            free -= reach[slot] - ranks[slot[0]] - 1
            if free < 0:
                return
            first = ranks[slot[0]]
            along = [slot]
            for rank in range(first + 1, reach[slot]):
                along.append((self._lane(rank), LANE / 2))
                self._join(along[-2], along[-1])
            for number in slots[slot]:
                wire = wires[number]
                steps = ranks[wire.target] - first
                self._join(along[steps - 1], (wire.target, wire.target_y))
                self.paths[number] = [item for item, _ in along[:steps]] + [wire.target]

    def _lane(self, rank: int) -> int:
        self.heights.append(LANE)
        self.ranks.append(rank)
        self.left.append([])
        self.right.append([])
        return len(self.heights) - 1

    def _join(self, source: tuple[int, float], target: tuple[int, float]) -> None:
        if (*source, *target) in self._joined:
            return
        self._joined.add((*source, *target))
        self.right[source[0]].append((target[0], source[1], target[1]))
        self.left[target[0]].append((source[0], target[1], source[1]))

    def depth_first(self) -> list[list[int]]:
        """The columns in the order in which one comes by the items from the outputs, the deepest first."""
        seen: set[int] = set()
        found: list[list[int]] = [[] for _ in self.members]
        ends = [item for item in range(self.count) if not self.right[item]]
        for end in sorted(ends, key=lambda item: (-self.ranks[item], item)):
            waiting = [end]
            while waiting:
                item = waiting.pop()
                if item not in seen:
                    seen.add(item)
                    found[self.ranks[item]].append(item)
                    waiting += [near[0] for near in sorted(self.left[item], key=lambda near: -near[1])]
        for item, rank in enumerate(self.ranks):
            if item not in seen:
                found[rank].append(item)
        return found

    def by_height(self, places: Sequence[float]) -> list[list[int]]:
        """The columns in the order of given heights of the boxes; a lane is between its ends."""
        at: dict[int, float] = dict(enumerate(places))
        for path in self.paths.values():
            first, last = places[path[0]], places[path[-1]]
            for step, item in enumerate(path[1:-1], 1):
                at.setdefault(item, first + (last - first) * step / (len(path) - 1))
        return [sorted(column, key=lambda item: at[item]) for column in self.members]
