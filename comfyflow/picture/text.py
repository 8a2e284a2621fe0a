"""Texts from untrusted files, cut to what can be shown of them; and graphs as text: Mermaid and Graphviz.

What writes these texts escapes them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..bounds import PICTURE_TEXT
from ..graph import ROOT, Graph
from ..layout import SheetLink, read_sheets
from ..problem import Place
from .theme import type_colour

if TYPE_CHECKING:
    from ..schema import Schema


_CHARACTER: Final = 7.6
"""How wide a character is, on average."""
BOLD: Final = 0.84
"""How many bold characters there is room for where one would be another."""
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
"""What XML does not allow, what ends a line in a script, and what turns the direction of a string round."""


def drawable(value: object) -> str:
    """Untrusted text, as far as it is shown: no control characters, and of limited length."""
    text = value if isinstance(value, str) else _json(value)
    return _UNPRINTABLE.sub("\ufffd", text[:PICTURE_TEXT])


def shortened(text: str, width: float) -> str:
    """The first line of a string, as far as there is room."""
    first, separator, _ = text.partition("\n")
    room = max(1, int(width / _CHARACTER))
    if not separator and _columns(first) <= room:
        return first
    return first[: _fitting(first, room - 1)].rstrip() + "…"


def wrapped_lines(text: str, width: float, rows: int) -> list[str]:
    """A string in lines."""
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
    """How many characters a string is wide; those of East Asia count two."""
    return len(text) if text.isascii() else sum(map(_is_wide, text)) + len(text)


def _fitting(text: str, columns: int) -> int:
    """How many characters of a string fit into a number of columns."""
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


def text_width(text: str) -> float:
    """About how wide a string is."""
    return _columns(text) * _CHARACTER


_MERMAID: Final = str.maketrans(
    {sign: f"#{ord(sign)};" for sign in "\"#&<>'`\\|()[]{};:%@*_~$^=!"} | {"\n": " ", "\r": " ", "\t": " "}
)
"""Mermaid knows characters by their numbers; whatever it might read as its own is written so."""
_DOT: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": " ", "\r": " ", "\t": " "})
_WIDE: Final = 420.0


def mermaid_text(graph: Graph, schema: Schema | None = None) -> str:
    """A graph for Mermaid, a flowchart from left to right; scopes are subgraphs.

    Args:
        graph: The graph.
        schema: The classes of its nodes.
    """
    return "\n".join(["flowchart LR", *_Mermaid(graph, schema).lines()]) + "\n"


def dot_text(graph: Graph, schema: Schema | None = None) -> str:
    """A graph for Graphviz, from left to right; scopes are clusters.

    Args:
        graph: The graph.
        schema: The classes of its nodes.
    """
    head = ["digraph workflow {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    return "\n".join([*head, *_Dot(graph, schema).lines(), "}"]) + "\n"


class _Form(ABC):
    def __init__(self, graph: Graph, schema: Schema | None) -> None:
        self.graph = graph
        self.sheets = read_sheets(graph, schema)
        ids = [key for sheet in self.sheets.values() for key in sheet.shapes]
        self.names = {key: f"n{number}" for number, key in enumerate(ids)}

    def label(self, scope_id: str, key: str) -> str:
        title = drawable(self.sheets[scope_id].shapes[key].title)
        return f"{shortened(title, _WIDE)} #{shortened(drawable(key), _WIDE)}"

    def lines(self) -> Iterator[str]:
        """Nodes, scope in scope, then the links of the nodes, whatever scopes they are in."""
        yield from self._nodes()
        for key, node in self.graph.items():
            for name, link in node.links:
                if link.node_id in self.graph:
                    source = self.sheets[self.graph[link.node_id].scope].shapes[link.node_id]
                    kind = source.outputs[link.slot].type if 0 <= link.slot < len(source.outputs) else "*"
                    yield self.arrow(SheetLink(link.node_id, link.slot, key, name, kind))

    def _nodes(self) -> Iterator[str]:
        waiting: list[tuple[str, Iterator[str]]] = [(ROOT, iter(self.sheets[ROOT].shapes))]
        while waiting:
            scope_id, keys = waiting[-1]
            key = next(keys, None)
            indent = "  " * len(waiting)
            if key is None:
                waiting.pop()
                if waiting:
                    yield "  " * len(waiting) + self.closing
            elif key in self.graph.scopes:
                yield indent + self.opening(self.names[key], self.label(scope_id, key))
                waiting.append((key, iter(self.sheets[key].shapes)))
            else:
                yield indent + self.node(self.names[key], self.label(scope_id, key))

    closing = ""

    @abstractmethod
    def opening(self, name: str, label: str) -> str: ...

    @abstractmethod
    def node(self, name: str, label: str) -> str: ...

    @abstractmethod
    def arrow(self, link: SheetLink) -> str: ...


class _Mermaid(_Form):
    closing = "end"

    def opening(self, name: str, label: str) -> str:
        return f'subgraph {name}["{label.translate(_MERMAID)}"]'

    def node(self, name: str, label: str) -> str:
        return f'{name}["{label.translate(_MERMAID)}"]'

    def arrow(self, link: SheetLink) -> str:
        label = shortened(drawable(link.name), _WIDE).translate(_MERMAID)
        return f'  {self.names[link.source]} -->|"{label}"| {self.names[link.target]}'


class _Dot(_Form):
    closing = "}"

    def opening(self, name: str, label: str) -> str:
        return f'subgraph cluster_{name} {{ label="{label.translate(_DOT)}";'

    def node(self, name: str, label: str) -> str:
        return f'{name} [label="{label.translate(_DOT)}"];'

    def arrow(self, link: SheetLink) -> str:
        label = shortened(drawable(link.name), _WIDE).translate(_DOT)
        colour = type_colour(link.type)
        return (
            f'  {self.names[link.source]} -> {self.names[link.target]} [label="{label}", color="{colour}"];'
        )
