"""What is drawn: sheets under one another, with everything on them at its place.

All texts are untrusted. Here they are only cut to what can be shown; what writes them escapes
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..graph import ROOT, Canvas, Graph, Note
from ..graph.canvas import Point, Size
from ..layout import NodeAppearance, Sheet, SheetLink, layout, read_sheets
from ..layout.appearance import TITLE_HEIGHT, Widget
from ..layout.canvas_layout import box_of
from ..problem import Problem
from ..record import replace
from .text import BOLD, drawable, place_text, shortened, text_width, wrapped_lines
from .theme import type_colour

if TYPE_CHECKING:
    from ..schema import Schema

_LINE: Final = 17.0
_MARGIN: Final = 60.0
_HEADING: Final = 50.0
_BETWEEN: Final = 90.0


@dataclass(frozen=True)
class PlacedText:
    """A string at a place."""

    x: float
    y: float
    text: str
    style: str
    at_end: bool = False


@dataclass(frozen=True)
class Dot:
    """A slot."""

    x: float
    y: float
    colour: str


@dataclass
class Figure:
    """A node.

    Attributes:
        number: Its number in the picture.
        name: Its id.
        box: Left, top, width and height, its title bar included.
        tooltip: What a tooltip shows.
        words: What one finds it by.
        mark: What else it is: ``added``, ``removed``, ``changed``, or ``""``.
        severity: ``error`` or ``warning`` where something is wrong with it, or ``""``.
        dots: Its slots.
        fields: The boxes of its widgets.
        texts: Its texts.
        inner: For one that stands for a scope: the numbers of the nodes in there.
    """

    number: int
    name: str
    box: tuple[float, float, float, float]
    tooltip: str
    words: str
    mark: str = ""
    severity: str = ""
    dots: list[Dot] = field(default_factory=list[Dot])
    fields: list[tuple[float, float, float, float]] = field(
        default_factory=list[tuple[float, float, float, float]]
    )
    texts: list[PlacedText] = field(default_factory=list[PlacedText])
    inner: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """A link: its way, its colour, and the numbers of the nodes that it joins."""

    way: str
    colour: str
    source: int
    target: int


@dataclass
class Panel:
    """One canvas: its frame and heading, groups, notes, links and nodes, and what leads in and out."""

    heading: str
    box: tuple[float, float, float, float]
    groups: list[tuple[tuple[float, float, float, float], str]]
    notes: list[tuple[tuple[float, float, float, float], list[PlacedText]]]
    lines: list[Line]
    figures: list[Figure]
    doors: list[Figure]


@dataclass(frozen=True)
class Drawing:
    """A whole picture: its size, its panels, and which nodes need which, by number."""

    size: Size
    panels: tuple[Panel, ...]
    needs: tuple[tuple[int, int], ...]
    title: str


def draw(
    graph: Graph,
    schema: Schema | None = None,
    problems: Iterable[Problem] = (),
    marks: Mapping[str, str] | None = None,
    title: str = "",
) -> Drawing:
    """Put a picture together.

    Args:
        graph: What is drawn. What its canvas does not say is laid out.
        schema: The classes of its nodes.
        problems: What is wrong with nodes.
        marks: For nodes by id: ``added``, ``removed`` or ``changed``.
        title: What the picture is called.
    """
    return _Drawer(graph, schema, problems, marks or {}).drawing(title)


class _Drawer:
    def __init__(
        self, graph: Graph, schema: Schema | None, problems: Iterable[Problem], marks: Mapping[str, str]
    ) -> None:
        self.graph = graph
        self.sheets = read_sheets(graph, schema)
        self.closed: AbstractSet[str] = graph.canvas.collapsed
        self.canvas: Canvas = _drawn_sizes(layout(graph, schema), self.sheets, self.closed)
        self.marks = marks
        self.problems: dict[str, list[Problem]] = {}
        for problem in problems:
            if problem.node_id is not None and problem.severity != "note":
                self.problems.setdefault(problem.node_id, []).append(problem)
        ids = [key for sheet in self.sheets.values() for key in sheet.shapes]
        self.numbers = {key: number for number, key in enumerate(ids)}

    def drawing(self, title: str) -> Drawing:
        panels: list[Panel] = []
        top = wide = 0.0
        for scope_id, sheet in self.sheets.items():
            if scope_id == ROOT or sheet.shapes:
                panel, size = self._panel(scope_id, sheet, top)
                panels.append(panel)
                wide, top = max(wide, size[0]), top + size[1] + _BETWEEN
        needs = {
            (self.numbers[link.node_id], self.numbers[node_id])
            for node_id, node in self.graph.items()
            for _, link in node.links
            if link.node_id in self.numbers
        }
        return Drawing((wide, max(top - _BETWEEN, 0.0)), tuple(panels), tuple(sorted(needs)), drawable(title))

    def _panel(self, scope_id: str, sheet: Sheet, top: float) -> tuple[Panel, Size]:
        canvas = self.canvas
        boxes = [box_of(canvas.positions[key], canvas.sizes[key]) for key in sheet.shapes]
        notes = canvas.notes.get(scope_id, ())
        groups = canvas.groups.get(scope_id, ())
        covered = [*boxes, *(box_of(note.position, note.size or _NOTE) for note in notes)]
        covered += [group.box for group in groups]
        doors = self._doors(scope_id, sheet, covered) if scope_id != ROOT else []
        covered += [door.box for door in doors]
        left = min((box[0] for box in covered), default=0.0) - _MARGIN
        heading = self._heading(scope_id)
        above = min((box[1] for box in covered), default=0.0) - _MARGIN - (_HEADING if heading else 0.0)
        size = (
            max((box[0] + box[2] for box in covered), default=0.0) - left + _MARGIN,
            max((box[1] + box[3] for box in covered), default=0.0) - above + _MARGIN,
        )
        shift = (-left, top - above)
        figures = [
            self._figure(key, shape, _moved(box, shift))
            for (key, shape), box in zip(sheet.shapes.items(), boxes, strict=True)
        ]
        panel = Panel(
            heading,
            (0.0, top, *size),
            [(_moved(group.box, shift), drawable(group.title)) for group in groups],
            [_note(note, shift) for note in notes],
            [*self._lines(sheet, shift), *self._door_lines(scope_id, sheet, doors, shift)],
            figures,
            [door.figure(self.numbers[scope_id], shift) for door in doors],
        )
        return panel, size

    def _heading(self, scope_id: str) -> str:
        if scope_id == ROOT:
            return ""
        scope = self.graph.scopes[scope_id]
        return drawable(scope.title or scope.name or f"#{scope_id}")

    def _doors(
        self, scope_id: str, sheet: Sheet, covered: list[tuple[float, float, float, float]]
    ) -> list[_Door]:
        """What leads into a scope, left of all that is in it, and what leads out, right of it."""
        host = self.sheets[self.graph.scopes[scope_id].outer].shapes[scope_id]
        left = min((box[0] for box in covered), default=0.0)
        right = max((box[0] + box[2] for box in covered), default=0.0)
        ways: tuple[dict[str, tuple[str, list[float]]], ...] = ({}, {})
        for link in sheet.doors:
            if not link.source:
                name = host.inputs[link.slot].name if link.slot < len(host.inputs) else link.name
                end = self._input(sheet, link)[1]
            else:
                name = link.name
                end = self._output(sheet, link)[1]
            ways[bool(link.source)].setdefault(name, (link.type, []))[1].append(end)
        found: list[_Door] = []
        for is_exit, slots in enumerate(ways):
            if slots:
                ends = [end for _, each in slots.values() for end in each]
                height = TITLE_HEIGHT + 20.0 * len(slots) + 10
                place = right + _DOOR_GAP if is_exit else left - _DOOR_GAP - _DOOR
                top = round(sum(ends) / len(ends) - height / 2)
                kinds = {name: kind for name, (kind, _) in slots.items()}
                found.append(_Door((place, float(top), _DOOR, height), kinds, bool(is_exit)))
        return found

    def _door_lines(
        self, scope_id: str, sheet: Sheet, doors: Iterable[_Door], shift: Point
    ) -> Iterator[Line]:
        host = self.sheets[self.graph.scopes[scope_id].outer].shapes[scope_id] if scope_id != ROOT else None
        by_side = {door.is_exit: door for door in doors}
        for link in sheet.doors if host is not None else ():
            door = by_side[bool(link.source)]
            if not link.source:
                name = host.inputs[link.slot].name if host and link.slot < len(host.inputs) else link.name
                start, end, other = door.slot(name), self._input(sheet, link), link.target
            else:
                start, end, other = self._output(sheet, link), door.slot(link.name), link.source
            numbers = (self.numbers[scope_id], self.numbers[other])
            yield Line(
                _way(start, end, shift), type_colour(link.type), *numbers[:: -1 if door.is_exit else 1]
            )

    def _lines(self, sheet: Sheet, shift: Point) -> Iterator[Line]:
        for link in sheet.links:
            start, end = self._output(sheet, link), self._input(sheet, link)
            numbers = (self.numbers[link.source], self.numbers[link.target])
            yield Line(_way(start, end, shift), type_colour(link.type), *numbers)

    def _output(self, sheet: Sheet, link: SheetLink) -> Point:
        """Where a link starts: at the output, or at the middle of a collapsed node's title bar."""
        place, size = self.canvas.positions[link.source], self.canvas.sizes[link.source]
        if link.source in self.closed:
            return place[0] + size[0], place[1] - TITLE_HEIGHT / 2
        return place[0] + size[0], place[1] + sheet.shapes[link.source].output_height(link.slot)

    def _input(self, sheet: Sheet, link: SheetLink) -> Point:
        """Where a link ends, likewise."""
        place = self.canvas.positions[link.target]
        if link.target in self.closed:
            return place[0], place[1] - TITLE_HEIGHT / 2
        return place[0], place[1] + sheet.shapes[link.target].input_height(link.name)

    def _figure(self, key: str, shape: NodeAppearance, box: tuple[float, float, float, float]) -> Figure:
        left, top, width, height = box
        title = drawable(shape.title)
        found = self._problems(key)
        figure = Figure(
            self.numbers[key],
            drawable(key),
            box,
            self._tooltip(key, shape, found),
            " ".join([title, drawable(shape.class_type), drawable(key)]).lower(),
            self.marks.get(key, ""),
            _severity(found),
        )
        number = f"#{drawable(key)}"
        room = width - 24
        if text_width(title) / BOLD <= room < text_width(title) / BOLD + text_width(number):
            number = ""  # the title matters more; the tooltip has the id
        figure.texts.append(
            PlacedText(left + 12, top + 20, shortened(title, (room - text_width(number)) * BOLD), "cf-title")
        )
        figure.texts.append(
            PlacedText(left + width - 10, top + 20, shortened(number, room / 2), "cf-label", at_end=True)
        )
        if key in self.closed:
            middle = top + TITLE_HEIGHT / 2
            figure.dots += [Dot(left, middle, type_colour("*"))] if shape.inputs else []
            figure.dots += [Dot(left + width, middle, type_colour("*"))] if shape.outputs else []
        else:
            self._slots(figure, shape, found)
            self._widgets(figure, shape, found, top + height)
        if found:
            first = drawable(found[0].message)
            more = f" (+{len(found) - 1})" if len(found) > 1 else ""
            style = f"cf-{figure.severity}-text"
            figure.texts.append(
                PlacedText(left, top + height + 15, shortened(first, width - text_width(more)) + more, style)
            )
        if key in self.graph.scopes:
            prefix = f"{key}:"
            figure.inner = tuple(
                self.numbers[node_id]
                for node_id, node in self.graph.items()
                if node.scope == key or node.scope.startswith(prefix)
            )
        return figure

    @staticmethod
    def _slots(figure: Figure, shape: NodeAppearance, found: list[Problem]) -> None:
        left, top, width, _ = figure.box
        body = top + TITLE_HEIGHT
        for index, slot in enumerate(shape.inputs):
            y = body + shape.input_height(slot.name) if index == 0 else body + 20 * index + 14
            figure.dots.append(Dot(left, y, type_colour(slot.type)))
            style = _styled("cf-label", found, slot.name)
            figure.texts.append(
                PlacedText(
                    left + 12, y + 4, shortened(drawable(slot.label or slot.name), width / 2 - 16), style
                )
            )
        for index, slot in enumerate(shape.outputs):
            y = body + shape.output_height(index)
            figure.dots.append(Dot(left + width, y, type_colour(slot.type)))
            label = shortened(drawable(slot.label or slot.name), width / 2 - 16)
            figure.texts.append(PlacedText(left + width - 12, y + 4, label, "cf-label", at_end=True))

    def _widgets(self, figure: Figure, shape: NodeAppearance, found: list[Problem], bottom: float) -> None:
        left, top, width, _ = figure.box
        widgets = list(shape.widget_tops())
        free = (
            bottom - (top + TITLE_HEIGHT) - (widgets[-1][1] + widgets[-1][0].height if widgets else 0.0) - 6
        )
        tall = sum(_is_tall(widget) for widget, _ in widgets)
        extra = max(free, 0.0) / tall if tall else 0.0
        shift = 0.0
        for widget, offset in widgets:
            y = top + TITLE_HEIGHT + offset + shift
            height = widget.height + (extra if _is_tall(widget) else 0.0)
            shift += height - widget.height
            if y + height > bottom + 1:
                return
            if widget.linked:
                figure.dots.append(Dot(left, y + 12, type_colour(widget.type)))
            figure.fields.append((left + 12, y + 1, width - 24, height - 4))
            label, style = drawable(widget.label or widget.name), _styled("cf-label", found, widget.name)
            if _is_tall(widget):
                self._lines_of(figure, widget, (left + 20, y, width - 40, height))
                continue
            value = "" if widget.value is None else drawable(widget.value)
            half = (width - 44) / 2
            room = max(half, width - 44 - text_width(label) - 12)
            figure.texts.append(
                PlacedText(left + 20, y + 16, shortened(label, width - 44 if not value else half), style)
            )
            if value:
                figure.texts.append(
                    PlacedText(left + width - 20, y + 16, shortened(value, room), "cf-text", at_end=True)
                )

    @staticmethod
    def _lines_of(figure: Figure, widget: Widget, box: tuple[float, float, float, float]) -> None:
        left, top, width, height = box
        rows = max(1, int((height - 8) / _LINE))
        for row, line in enumerate(wrapped_lines(drawable(widget.value), width, rows)):
            figure.texts.append(PlacedText(left, top + 18 + row * _LINE, line, "cf-text"))

    def _problems(self, key: str) -> list[Problem]:
        if key not in self.graph.scopes:
            return self.problems.get(key, [])
        prefix = f"{key}:"
        return [
            one for node_id, found in self.problems.items() if node_id.startswith(prefix) for one in found
        ]

    def _tooltip(self, key: str, shape: NodeAppearance, found: Iterable[Problem]) -> str:
        lines = [f"{drawable(shape.class_type) or drawable(shape.title)} #{drawable(key)}"]
        node = self.graph.get(key)
        if node is not None and node.place is not None:
            lines += [drawable(place_text(node.place)), drawable(node.place.source)]
        lines += [
            drawable(f"{one.severity}: {one.input_name}: {one.message} {one.suggestion or ''}")
            for one in found
        ]
        return "\n".join(line for line in lines if line)


_NOTE: Final = (300.0, 120.0)
_DOOR: Final = 150.0
_DOOR_GAP: Final = 75.0


@dataclass(frozen=True)
class _Door:
    """What leads into a scope, or out of it: a box with a slot for each way, by name, with its type."""

    box: tuple[float, float, float, float]
    kinds: Mapping[str, str]
    is_exit: bool

    def slot(self, name: str) -> Point:
        """Where a slot is."""
        left, top, width, _ = self.box
        index = list(self.kinds).index(name)
        return (left if self.is_exit else left + width), top + TITLE_HEIGHT + 14 + 20 * index

    def figure(self, number: int, shift: Point) -> Figure:
        """The box to be drawn."""
        box = _moved(self.box, shift)
        made = Figure(number, "", box, "", "")
        made.texts.append(
            PlacedText(box[0] + 12, box[1] + 20, "Outputs" if self.is_exit else "Inputs", "cf-title")
        )
        for name, kind in self.kinds.items():
            x, y = self.slot(name)
            x, y = x + shift[0], y + shift[1]
            made.dots.append(Dot(x, y, type_colour(kind)))
            label = shortened(drawable(name), _DOOR - 30)
            beside = x + 12 if self.is_exit else x - 12
            made.texts.append(PlacedText(beside, y + 4, label, "cf-label", at_end=not self.is_exit))
        return made


def _way(start: Point, end: Point, shift: Point) -> str:
    """The way of a link, bent as the editor bends it."""
    x1, y1, x2, y2 = start[0] + shift[0], start[1] + shift[1], end[0] + shift[0], end[1] + shift[1]
    bend = min(max(abs(x2 - x1) / 2, 25.0), 0.25 * math.hypot(x2 - x1, y2 - y1) + 25.0)
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"


def _drawn_sizes(canvas: Canvas, sheets: Mapping[str, Sheet], closed: AbstractSet[str]) -> Canvas:
    """A canvas whose nodes are as high as the editor makes them, where they were saved lower.

    Of a collapsed one only the title bar is left, as wide as the title.
    """
    sizes = dict(canvas.sizes)
    for sheet in sheets.values():
        for key, shape in sheet.shapes.items():
            width, height = sizes[key]
            if key in closed:
                sizes[key] = min(width, text_width(drawable(shape.title)) / BOLD + 2 * TITLE_HEIGHT), 0.0
            else:
                sizes[key] = width, max(height, shape.least[1])
    return replace(canvas, sizes=sizes)


def _moved(box: tuple[float, float, float, float], shift: Point) -> tuple[float, float, float, float]:
    return box[0] + shift[0], box[1] + shift[1], box[2], box[3]


def _note(note: Note, shift: Point) -> tuple[tuple[float, float, float, float], list[PlacedText]]:
    left, top, width, height = box = _moved(box_of(note.position, note.size or _NOTE), shift)
    texts = [
        PlacedText(left + 12, top + 20, shortened(drawable(note.title or "Note"), width - 24), "cf-title")
    ]
    rows = max(1, int((height - TITLE_HEIGHT - 10) / _LINE))
    for row, line in enumerate(wrapped_lines(drawable(note.text), width - 24, rows)):
        texts.append(PlacedText(left + 12, top + TITLE_HEIGHT + 16 + row * _LINE, line, "cf-text"))
    return box, texts


def _is_tall(widget: Widget) -> bool:
    return widget.height > 30 and not widget.linked and isinstance(widget.value, str)


def _severity(problems: Iterable[Problem]) -> str:
    kinds = {one.severity for one in problems}
    return "" if not kinds else "error" if kinds & {"error", "refusal"} else "warning"


def _styled(style: str, problems: Iterable[Problem], name: str) -> str:
    found = [one for one in problems if one.input_name == name and name]
    return f"cf-{_severity(found)}-text" if found else style
