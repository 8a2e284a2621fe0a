"""How a workflow lies in the editor: where nodes are, the groups around them, the notes beside them.

All of it is text and numbers of an untrusted file: show it, do not run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from ..record import Record

Point: TypeAlias = "tuple[float, float]"
"""A place on a canvas, in the editor's pixels, to the right and down."""

Size: TypeAlias = "tuple[float, float]"
"""A width and a height, in the editor's pixels; the title bar of a node is above its height."""

NOWHERE: Final[Point] = (0.0, 0.0)


class Group(NamedTuple):
    """A group: a box on a canvas with a title.

    Attributes:
        title: What it is called.
        box: Left, top, width and height, in the editor's pixels.
    """

    title: str
    box: tuple[float, float, float, float]

    def holds(self, position: Point) -> bool:
        """Whether a point is inside it."""
        left, top, width, height = self.box
        return left <= position[0] <= left + width and top <= position[1] <= top + height


class Note(NamedTuple):
    """A note.

    Attributes:
        text: What it says.
        title: Its own title, or None.
        position: Where its upper left corner is.
        markdown: Whether the text is Markdown.
        size: Its size, or None if unknown.
    """

    text: str
    title: str | None
    position: Point
    markdown: bool
    size: Size | None = None


class Canvas(Record):
    """The canvases of a workflow: its own, and that of each scope.

    Attributes:
        positions: Where the upper left corner of a node is, by its id; and of the node that is
            for a scope, by the id of the scope. A place is one on the canvas that the node is on.
        groups: The groups on the canvas of each scope, the largest first, by the id of the scope.
        notes: The notes on the canvas of each scope, by the id of the scope.
        sizes: How large nodes are, by the same ids as the positions; of some it may not be known.
        ends: Where the two boundary nodes of a scope are, by its id: what its inputs come from, and what
            its outputs go to. Only a layout says it.
        collapsed: Nodes of which only the title bar is shown, by the same ids.
        document: The file of the editor that all of it was read from, with all else that it says; or None.
    """

    positions: Mapping[str, Point]
    groups: Mapping[str, tuple[Group, ...]]
    notes: Mapping[str, tuple[Note, ...]]
    sizes: Mapping[str, Size]
    ends: Mapping[str, tuple[Point, Point]]
    collapsed: AbstractSet[str]
    document: Mapping[str, Any] | None

    _names: ClassVar[tuple[str, ...]] = (
        "positions",
        "groups",
        "notes",
        "sizes",
        "ends",
        "collapsed",
        "document",
    )
    _uncompared: ClassVar[frozenset[str]] = frozenset({"document"})
    _unshown: ClassVar[frozenset[str]] = frozenset({"document"})

    def __init__(
        self,
        positions: Mapping[str, Point] | None = None,
        groups: Mapping[str, tuple[Group, ...]] | None = None,
        notes: Mapping[str, tuple[Note, ...]] | None = None,
        sizes: Mapping[str, Size] | None = None,
        ends: Mapping[str, tuple[Point, Point]] | None = None,
        collapsed: AbstractSet[str] = frozenset(),
        document: Mapping[str, Any] | None = None,
    ) -> None:
        self.__dict__.update(
            positions={} if positions is None else positions,
            groups={} if groups is None else groups,
            notes={} if notes is None else notes,
            sizes={} if sizes is None else sizes,
            ends={} if ends is None else ends,
            collapsed=collapsed,
            document=document,
        )

    def groups_around(self, scope_id: str, position: Point) -> Iterator[tuple[int, Group]]:
        """The groups around a place, the smallest first, each with its number on its canvas.

        Args:
            scope_id: The scope whose canvas it is on.
            position: The place.
        """
        found = list(enumerate(self.groups.get(scope_id, ())))
        return ((number, group) for number, group in reversed(found) if group.holds(position))


NO_CANVAS: Final = Canvas()
"""Where no editor has seen a workflow."""
