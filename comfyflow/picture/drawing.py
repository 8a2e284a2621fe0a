"""What is drawn: sheets under one another, with everything on them at its place.

All texts come from strangers. Here they are only cut to what can be shown; what writes them escapes
them.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..bounds import PICTURE_TEXT
from ..graph import ROOT, Canvas, Graph, Note
from ..graph.canvas import Point, Size
from ..layout import NodeShape, Sheet, layout, read_sheets
from ..layout.node_shape import TITLE_HEIGHT, Widget
from ..problem import Place, Problem
from .theme import type_colour

if TYPE_CHECKING:
    from ..schema import Schema

_CHARACTER: Final = 7.0
"""How wide a character is, on average."""
_BOLD: Final = 0.84
"""How many bold characters there is room for where one would be another."""
_LINE: Final = 17.0
_MARGIN: Final = 60.0
_HEADING: Final = 50.0
_BETWEEN: Final = 90.0
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
"""What XML does not allow, what ends a line in a script, and what turns the direction of a text round."""


@dataclass(frozen=True)
class Text:
    """A text at a place."""

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
        tooltip: What is told where the pointer is on it.
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
    texts: list[Text] = field(default_factory=list[Text])
    inner: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """A link: its way, its colour, and the numbers of the nodes that it joins."""

    way: str
    colour: str
    source: int
    target: int


@dataclass
class Board:
    """One canvas: its frame and heading, groups, notes, links and nodes."""

    heading: str
    box: tuple[float, float, float, float]
    groups: list[tuple[tuple[float, float, float, float], str]]
    notes: list[tuple[tuple[float, float, float, float], list[Text]]]
    lines: list[Line]
    figures: list[Figure]


@dataclass(frozen=True)
class Drawing:
    """A whole picture: its size, its boards, and which nodes need which, by number."""

    size: Size
    boards: tuple[Board, ...]
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
        graph: What is drawn. What its canvas does not tell is laid out.
        schema: The classes of its nodes.
        problems: What is wrong with nodes.
        marks: For nodes by id: ``added``, ``removed`` or ``changed``.
        title: What the picture is called.
    """
    return _Drawer(graph, schema, problems, marks or {}).drawing(title)


def shown(value: object) -> str:
    """A text of a stranger, as far as it is shown: no control characters, and not without end."""
    text = value if isinstance(value, str) else _json(value)
    return _UNPRINTABLE.sub("\ufffd", text[:PICTURE_TEXT])


def shortened(text: str, width: float) -> str:
    """The first line of a text, as far as there is room."""
    first, separator, _ = text.partition("\n")
    room = max(1, int(width / _CHARACTER))
    if not separator and _columns(first) <= room:
        return first
    return first[: _fitting(first, room - 1)].rstrip() + "…"


def wrapped(text: str, width: float, rows: int) -> list[str]:
    """A text in lines."""
    room = max(4, int(width / _CHARACTER))
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        rest = line
        while len(lines) <= rows and (end := _fitting(rest, room)) < len(rest):
            cut = rest.rfind(" ", 1, end + 1)
            cut = cut if cut > 0 else max(end, 1)
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        lines.append(rest)
        if len(lines) > rows:
            kept = lines[: max(rows, 1)]
            kept[-1] = kept[-1][: _fitting(kept[-1], room - 1)] + "…"
            return kept
    return lines


def _columns(text: str) -> int:
    """How many characters a text is wide; those of East Asia count two."""
    return len(text) if text.isascii() else sum(map(_is_wide, text)) + len(text)


def _fitting(text: str, columns: int) -> int:
    """How many characters of a text fit into so many columns."""
    if text.isascii():
        return min(len(text), columns)
    for index, sign in enumerate(text):
        columns -= 1 + _is_wide(sign)
        if columns < 0:
            return index
    return len(text)


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in ("W", "F")


def place_text(place: Place) -> str:
    """Where the user's source made a node: from the current folder on, else only the file's name."""
    path = Path(place.file)
    try:
        file = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        file = path.name
    return f"{file}:{place.line}"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"


class _Drawer:
    def __init__(
        self, graph: Graph, schema: Schema | None, problems: Iterable[Problem], marks: Mapping[str, str]
    ) -> None:
        self.graph = graph
        self.sheets = read_sheets(graph, schema)
        self.canvas: Canvas = layout(graph, schema)
        self.marks = marks
        self.problems: dict[str, list[Problem]] = {}
        for problem in problems:
            if problem.node_id is not None and problem.severity != "note":
                self.problems.setdefault(problem.node_id, []).append(problem)
        ids = [key for sheet in self.sheets.values() for key in sheet.shapes]
        self.numbers = {key: number for number, key in enumerate(ids)}

    def drawing(self, title: str) -> Drawing:
        boards: list[Board] = []
        top = wide = 0.0
        for scope_id, sheet in self.sheets.items():
            if scope_id == ROOT or sheet.shapes:
                board, size = self._board(scope_id, sheet, top)
                boards.append(board)
                wide, top = max(wide, size[0]), top + size[1] + _BETWEEN
        needs = {
            (self.numbers[link.node_id], self.numbers[node_id])
            for node_id, node in self.graph.items()
            for _, link in node.links
            if link.node_id in self.numbers
        }
        return Drawing((wide, max(top - _BETWEEN, 0.0)), tuple(boards), tuple(sorted(needs)), shown(title))

    def _board(self, scope_id: str, sheet: Sheet, top: float) -> tuple[Board, Size]:
        canvas = self.canvas
        boxes = [_box(canvas.positions[key], canvas.sizes[key]) for key in sheet.shapes]
        notes = canvas.notes.get(scope_id, ())
        groups = canvas.groups.get(scope_id, ())
        covered = [*boxes, *(_box(note.position, note.size or _NOTE) for note in notes)]
        covered += [group.box for group in groups]
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
        board = Board(
            heading,
            (0.0, top, *size),
            [(_moved(group.box, shift), shown(group.title)) for group in groups],
            [_note(note, shift) for note in notes],
            list(self._lines(sheet, shift)),
            figures,
        )
        return board, size

    def _heading(self, scope_id: str) -> str:
        if scope_id == ROOT:
            return ""
        scope = self.graph.scopes[scope_id]
        return shown(scope.title or scope.name or f"#{scope_id}")

    def _lines(self, sheet: Sheet, shift: Point) -> Iterator[Line]:
        positions, sizes = self.canvas.positions, self.canvas.sizes
        for link in sheet.links:
            source, target = sheet.shapes[link.source], sheet.shapes[link.target]
            x1 = positions[link.source][0] + sizes[link.source][0] + shift[0]
            y1 = positions[link.source][1] + source.output_height(link.slot) + shift[1]
            x2 = positions[link.target][0] + shift[0]
            y2 = positions[link.target][1] + target.input_height(link.name) + shift[1]
            bend = min(max(abs(x2 - x1) / 2, 25.0), 0.25 * math.hypot(x2 - x1, y2 - y1) + 25.0)
            way = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
            yield Line(way, type_colour(link.type), self.numbers[link.source], self.numbers[link.target])

    def _figure(self, key: str, shape: NodeShape, box: tuple[float, float, float, float]) -> Figure:
        left, top, width, height = box
        body = top + TITLE_HEIGHT
        title = shown(shape.title)
        found = self._problems(key)
        figure = Figure(
            self.numbers[key],
            shown(key),
            box,
            self._tooltip(key, shape, found),
            " ".join([title, shown(shape.class_type), shown(key)]).lower(),
            self.marks.get(key, ""),
            _severity(found),
        )
        number = f"#{shown(key)}"
        room = width - 30
        figure.texts.append(
            Text(left + 12, top + 20, shortened(title, (room - _width(number)) * _BOLD), "cf-title")
        )
        figure.texts.append(
            Text(left + width - 10, top + 20, shortened(number, room / 2), "cf-label", at_end=True)
        )
        for index, slot in enumerate(shape.inputs):
            y = body + shape.input_height(slot.name) if index == 0 else body + 20 * index + 14
            figure.dots.append(Dot(left, y, type_colour(slot.type)))
            style = _styled("cf-label", found, slot.name)
            figure.texts.append(
                Text(left + 12, y + 4, shortened(shown(slot.label or slot.name), width / 2 - 16), style)
            )
        for index, slot in enumerate(shape.outputs):
            y = body + shape.output_height(index)
            figure.dots.append(Dot(left + width, y, type_colour(slot.type)))
            label = shortened(shown(slot.label or slot.name), width / 2 - 16)
            figure.texts.append(Text(left + width - 12, y + 4, label, "cf-label", at_end=True))
        self._widgets(figure, shape, found, top + height)
        if found:
            first = shown(found[0].message)
            more = f" (+{len(found) - 1})" if len(found) > 1 else ""
            style = f"cf-{figure.severity}-text"
            figure.texts.append(
                Text(left, top + height + 15, shortened(first, width - _width(more)) + more, style)
            )
        if key in self.graph.scopes:
            prefix = f"{key}:"
            figure.inner = tuple(
                self.numbers[node_id]
                for node_id, node in self.graph.items()
                if node.scope == key or node.scope.startswith(prefix)
            )
        return figure

    def _widgets(self, figure: Figure, shape: NodeShape, found: list[Problem], bottom: float) -> None:
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
            label, style = shown(widget.label or widget.name), _styled("cf-label", found, widget.name)
            if _is_tall(widget):
                self._lines_of(figure, widget, (left + 20, y, width - 40, height))
                continue
            value = "" if widget.value is None else shown(widget.value)
            half = (width - 44) / 2
            room = max(half, width - 44 - _width(label) - 12)
            figure.texts.append(
                Text(left + 20, y + 16, shortened(label, width - 44 if not value else half), style)
            )
            if value:
                figure.texts.append(
                    Text(left + width - 20, y + 16, shortened(value, room), "cf-text", at_end=True)
                )

    @staticmethod
    def _lines_of(figure: Figure, widget: Widget, box: tuple[float, float, float, float]) -> None:
        left, top, width, height = box
        rows = max(1, int((height - 8) / _LINE))
        for row, line in enumerate(wrapped(shown(widget.value), width, rows)):
            figure.texts.append(Text(left, top + 18 + row * _LINE, line, "cf-text"))

    def _problems(self, key: str) -> list[Problem]:
        if key not in self.graph.scopes:
            return self.problems.get(key, [])
        prefix = f"{key}:"
        return [
            one for node_id, found in self.problems.items() if node_id.startswith(prefix) for one in found
        ]

    def _tooltip(self, key: str, shape: NodeShape, found: Iterable[Problem]) -> str:
        lines = [f"{shown(shape.class_type) or shown(shape.title)} #{shown(key)}"]
        node = self.graph.get(key)
        if node is not None and node.place is not None:
            lines += [shown(place_text(node.place)), shown(node.place.source)]
        lines += [
            shown(f"{one.severity}: {one.input_name}: {one.message} {one.suggestion or ''}") for one in found
        ]
        return "\n".join(line for line in lines if line)


_NOTE: Final = (300.0, 120.0)


def _box(place: Point, size: Size) -> tuple[float, float, float, float]:
    return place[0], place[1] - TITLE_HEIGHT, size[0], size[1] + TITLE_HEIGHT


def _moved(box: tuple[float, float, float, float], shift: Point) -> tuple[float, float, float, float]:
    return box[0] + shift[0], box[1] + shift[1], box[2], box[3]


def _note(note: Note, shift: Point) -> tuple[tuple[float, float, float, float], list[Text]]:
    left, top, width, height = box = _moved(_box(note.position, note.size or _NOTE), shift)
    texts = [Text(left + 12, top + 20, shortened(shown(note.title or "Note"), width - 24), "cf-title")]
    rows = max(1, int((height - TITLE_HEIGHT - 10) / _LINE))
    for row, line in enumerate(wrapped(shown(note.text), width - 24, rows)):
        texts.append(Text(left + 12, top + TITLE_HEIGHT + 16 + row * _LINE, line, "cf-text"))
    return box, texts


def _is_tall(widget: Widget) -> bool:
    return widget.height > 30 and not widget.linked and isinstance(widget.value, str)


def _width(text: str) -> float:
    return _columns(text) * _CHARACTER


def _severity(problems: Iterable[Problem]) -> str:
    kinds = {one.severity for one in problems}
    return "" if not kinds else "error" if kinds & {"error", "refusal"} else "warning"


def _styled(style: str, problems: Iterable[Problem], name: str) -> str:
    found = [one for one in problems if one.input_name == name and name]
    return f"cf-{_severity(found)}-text" if found else style
