"""The canvas of a workflow: every node gets a place, and what has one keeps it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..collector import collector_paused
from ..graph import ROOT, Canvas, Graph, Group, Note
from ..graph.canvas import Point, Size
from ..schema import Schema
from .appearance import TITLE_HEIGHT
from .boundary import BoundaryNodes
from .groups import ABOVE, SIDE, arrange
from .placing import Box, Placing
from .sheet import Sheet, read_sheets
from .wire import Wire

_NOTE_WIDTHS: Final = ((120, 220.0), (600, 320.0), (math.inf, 430.0))
"""How wide a note is, by how long its text is."""
_NOTE_HEIGHTS: Final = (70.0, 700.0)
_CHARACTER: Final = 7.2
_LINE: Final = 19.0
_BESIDE: Final = 60.0
_BELOW: Final = 30.0
_JUDGED: Final = 150
"""The number of wires up to which the order inside a scope is also tried with those that lead in and out."""


@dataclass(frozen=True)
class Section:
    """Nodes that belong together: a group is drawn around them.

    Attributes:
        title: What it is called.
        members: The ids of the nodes, and of scopes that are in it as one node; those of the sections
            in it too.
        scope: The id of the scope on whose canvas it is.
        notes: What is written in it; the place of a note is computed.
    """

    title: str
    members: Collection[str]
    scope: str = ROOT
    notes: tuple[Note, ...] = ()


def layout(
    graph: Graph,
    schema: Schema | None = None,
    *,
    sizes: Mapping[str, Size] | None = None,
    sections: Sequence[Section] = (),
    notes: Mapping[str, Sequence[Note]] | None = None,
    afresh: bool = False,
) -> Canvas:
    """Lay a workflow out as people do: left to right, no node over another, each scope by itself.

    A canvas on which nodes have places keeps them, with its groups and notes; only what is new there is
    placed, beside what it is linked to. Any other is laid out as a whole. The same graph always gets the
    same layout.

    Args:
        graph: The graph.
        schema: The classes of its nodes: how large they are follows from their inputs and outputs.
        sizes: How large nodes are, by id, where someone knows better.
        sections: What belongs together. They become groups of canvases that are laid out as a whole.
        notes: New notes by the id of the scope; they are left of everything.
        afresh: Forget the places that the graph's canvas has. Its groups then keep their members.

    Returns:
        A place and a size for every node and for every node that stands for a scope; the groups, the
        largest first; and the notes.
    """
    known = graph.canvas
    positions: dict[str, Point] = {}
    found: dict[str, Size] = {}
    groups: dict[str, tuple[Group, ...]] = {}
    written: dict[str, tuple[Note, ...]] = {}
    ends: dict[str, tuple[Point, Point]] = {}
    with collector_paused():
        sheets = read_sheets(graph, schema)
        for scope_id, sheet in sheets.items():
            for node_id, shape in sheet.shapes.items():
                given = (sizes or {}).get(node_id) or known.sizes.get(node_id)
                found[node_id] = given if given is not None else shape.size
            kept = (
                {}
                if afresh
                else {key: known.positions[key] for key in sheet.shapes if key in known.positions}
            )
            own = tuple(section for section in sections if section.scope == scope_id)
            old_notes = known.notes.get(scope_id, ())
            new_notes = tuple((notes or {}).get(scope_id, ()))
            if kept or (not sheet.shapes and not afresh):
                drawn = known.groups.get(scope_id, ())
                places = _beside(sheet, found, kept, drawn, old_notes)
                stand = old_notes
            else:
                if afresh:
                    drawn_before, loose = _sections(graph.canvas, scope_id, sheet, found)
                    own, new_notes = (*drawn_before, *own), (*loose, *new_notes)
                places, drawn, stand = _whole(sheet, found, own, _outputs(graph, sheets, scope_id))
            positions.update(places)
            if scope_id != ROOT and places:
                ends[scope_id] = _ends(sheet, found, places, _outputs(graph, sheets, scope_id))
            boxes = [box_of(places[key], found[key]) for key in sheet.shapes]
            boxes += [box_of(note.position, _note_size(note)) for note in stand]
            boxes += [group.box for group in drawn]
            stand = (*stand, *_left_of(boxes, new_notes))
            if drawn:
                groups[scope_id] = drawn
            if stand:
                written[scope_id] = stand
    return Canvas(positions, groups, written, found, ends)


def box_of(place: Point, size: Size) -> Box:
    """What a node or a note covers, its title bar too.

    Args:
        place: Where it stands: the corner below the title bar.
        size: How large it is without the title bar.
    """
    return place[0], place[1] - TITLE_HEIGHT, size[0], size[1] + TITLE_HEIGHT


def _wires(sheet: Sheet, number: Mapping[str, int]) -> list[Wire]:
    """The wires between those of a sheet's nodes that have a number."""
    return [
        Wire(
            number[link.source],
            TITLE_HEIGHT + sheet.shapes[link.source].output_height(link.slot),
            number[link.target],
            TITLE_HEIGHT + sheet.shapes[link.target].input_height(link.name),
        )
        for link in sheet.links
        if link.source in number and link.target in number
    ]


def _outputs(graph: Graph, sheets: Mapping[str, Sheet], scope_id: str) -> list[str]:
    """The names of a scope's outputs, in their order."""
    if scope_id == ROOT:
        return []
    return [slot.name for slot in sheets[graph.scopes[scope_id].outer].shapes[scope_id].outputs]


def _ends(
    sheet: Sheet, sizes: Mapping[str, Size], places: Mapping[str, Point], outputs: Sequence[str]
) -> tuple[Point, Point]:
    """Where the boundary nodes of a scope are."""
    number = {node_id: index for index, node_id in enumerate(sheet.shapes)}
    boxes = [box_of(places[key], sizes[key]) for key in sheet.shapes]
    boundary = BoundaryNodes(sheet, number, len(boxes), outputs)
    return boundary.beside([box[2:] for box in boxes], [box[:2] for box in boxes])


def _whole(
    sheet: Sheet, sizes: Mapping[str, Size], sections: Sequence[Section], outputs: Sequence[str]
) -> tuple[dict[str, Point], tuple[Group, ...], tuple[Note, ...]]:
    """Lay a sheet out as a whole; the upper left corner is at (0, 0)."""
    number = {node_id: index for index, node_id in enumerate(sheet.shapes)}
    boxes = [(sizes[key][0], sizes[key][1] + TITLE_HEIGHT) for key in sheet.shapes]
    nodes_in = [frozenset(number[key] for key in section.members if key in number) for section in sections]
    members = [sorted(inside) for inside in nodes_in]
    notes: list[Note] = []
    for index, section in enumerate(sections):
        around = [other for other in range(len(sections)) if _stands_in(nodes_in, index, other)]
        for note in section.notes:
            for other in around:
                members[other].append(len(boxes))
            size = _note_size(note)
            boxes.append((size[0], size[1] + TITLE_HEIGHT))
            notes.append(note._replace(size=size))
    below = range(len(number), len(boxes))
    wires = _wires(sheet, number)
    found = arrange(boxes, wires, members, below)
    boundary = BoundaryNodes(sheet, number, len(boxes), outputs)
    if boundary.wires and len(wires) + len(boundary.wires) <= _JUDGED:
        with_ends = arrange([*boxes, *boundary.sizes], [*wires, *boundary.wires], members, below)
        tried = _from_corner(with_ends[: len(boxes)])
        if boundary.disorder(boxes, wires, tried) < boundary.disorder(boxes, wires, found):
            found = tried
    places = [_whole_pixels(place) for place in found]
    nodes = {key: (places[index][0], places[index][1] + TITLE_HEIGHT) for key, index in number.items()}
    covered = [(*place, *size) for place, size in zip(places, boxes, strict=True)]
    placed = tuple(
        note._replace(position=(place[0], place[1] + TITLE_HEIGHT))
        for note, place in zip(notes, places[len(number) :], strict=True)
    )
    return nodes, _around(sections, members, covered), placed


def _stands_in(nodes: Sequence[frozenset[int]], inner: int, outer: int) -> bool:
    """Whether a section is another, or is in it: of two with the same nodes the later one does."""
    if inner == outer:
        return True
    return (
        bool(nodes[inner]) and nodes[inner] <= nodes[outer] and (nodes[inner] < nodes[outer] or inner > outer)
    )


def _from_corner(places: Sequence[Point]) -> list[Point]:
    """The same places, with the upper left corner of it all at (0, 0)."""
    left, top = min(place[0] for place in places), min(place[1] for place in places)
    return [(place[0] - left, place[1] - top) for place in places]


def _whole_pixels(place: Point) -> Point:
    return float(round(place[0])), float(round(place[1]))


def _around(
    sections: Sequence[Section], members: Sequence[Sequence[int]], covered: Sequence[Box]
) -> tuple[Group, ...]:
    """The groups around the members of sections, and around the groups in them; the largest first."""
    boxes = [*covered]
    inside = [set(each) for each in members]
    drawn: list[tuple[int, Group]] = []
    for index in sorted(range(len(sections)), key=lambda index: (len(inside[index]), -index)):
        if not inside[index]:
            continue
        held = [boxes[member] for member in members[index]]
        held += [group.box for other, group in drawn if inside[other] <= inside[index]]
        left, top = min(box[0] for box in held) - SIDE, min(box[1] for box in held) - ABOVE
        right = max(box[0] + box[2] for box in held) + SIDE
        bottom = max(box[1] + box[3] for box in held) + SIDE
        drawn.append((index, Group(sections[index].title, (left, top, right - left, bottom - top))))
    return tuple(sorted((group for _, group in drawn), key=lambda group: -group.box[2] * group.box[3]))


def _sections(
    canvas: Canvas, scope_id: str, sheet: Sheet, sizes: Mapping[str, Size]
) -> tuple[list[Section], list[Note]]:
    """The groups of a canvas by what is in them, a node whose middle they hold; and the notes in none.

    A note goes with the smallest group that holds nodes, too.
    """
    middles = {
        key: _middle(box_of(canvas.positions[key], sizes[key]))
        for key in sheet.shapes
        if key in canvas.positions
    }
    drawn = canvas.groups.get(scope_id, ())
    members = [[key for key, middle in middles.items() if group.holds(middle)] for group in drawn]
    notes: list[list[Note]] = [[] for _ in drawn]
    loose: list[Note] = []
    for note in canvas.notes.get(scope_id, ()):
        around = canvas.groups_around(scope_id, _middle(box_of(note.position, _note_size(note))))
        number = next((number for number, _ in around if members[number]), None)
        (loose if number is None else notes[number]).append(note)
    found = [
        Section(group.title, inside, scope_id, tuple(written))
        for group, inside, written in zip(drawn, members, notes, strict=True)
    ]
    return found, loose


def _middle(box: Box) -> Point:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _beside(
    sheet: Sheet,
    sizes: Mapping[str, Size],
    kept: Mapping[str, Point],
    groups: Iterable[Group],
    notes: Iterable[Note],
) -> dict[str, Point]:
    """The places that are kept, and places for all else beside what it is linked to."""
    new = [key for key in sheet.shapes if key not in kept]
    if not new:
        return dict(kept)
    placing = Placing({key: box_of(kept[key], sizes[key]) for key in sheet.shapes if key in kept})
    placing.avoid(box_of(note.position, _note_size(note)) for note in notes)
    placing.keep_out(group.box for group in groups)
    number = {key: index for index, key in enumerate(new)}
    boxes = [(sizes[key][0], sizes[key][1] + TITLE_HEIGHT) for key in new]
    placing.place(new, boxes, _wires(sheet, number), [(link.source, link.target) for link in sheet.links])
    placed = {key: (left, top + TITLE_HEIGHT) for key, (left, top, _, _) in placing.boxes.items()}
    return {**placed, **kept}


def _note_size(note: Note) -> Size:
    """How large a note is: as it was saved, or so that its text can be read."""
    if note.size is not None:
        return note.size
    width = next(width for most, width in _NOTE_WIDTHS if len(note.text) <= most)
    in_line = max(1, int((width - 20) / _CHARACTER))
    lines = sum(max(1, math.ceil(len(line) / in_line)) for line in note.text.splitlines()) or 1
    return width, min(max(lines * _LINE + 30, _NOTE_HEIGHTS[0]), _NOTE_HEIGHTS[1])


def _left_of(boxes: Sequence[Box], notes: Iterable[Note]) -> list[Note]:
    """New notes in a column left of everything, the first at its top."""
    left = min((box[0] for box in boxes), default=0.0)
    top = min((box[1] for box in boxes), default=0.0)
    placed: list[Note] = []
    for note in notes:
        size = _note_size(note)
        at = float(round(left - _BESIDE - size[0])), float(round(top + TITLE_HEIGHT))
        placed.append(note._replace(position=at, size=size))
        top += TITLE_HEIGHT + size[1] + _BELOW
    return placed
