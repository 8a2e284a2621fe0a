"""Nodes and values in one line, for people.

What comes from a file is shown so that it cannot disturb a terminal: whatever is not printable
is escaped, what is long or deep is cut.
"""

from __future__ import annotations

import reprlib
from typing import Any, Final

from ..graph import Graph, GraphNode, Link

MAX_TEXT: Final = 60
"""How many characters of a string are shown."""

_CONTEXT: Final = 12


class Absent:
    """The value of an input that does not exist. `None` can itself be a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "nothing"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()
"""In place of an input's value: the node does not have that input."""


def node_line(node: GraphNode) -> str:
    """A node in a few words: class, id, title if it says more, place in the user's source."""
    line = f"{plain(node.class_type)} #{plain(node.node_id)}"
    if node.title and node.title != node.class_type:
        line += f" {_cut(node.title)}"
    return f"{line} at {node.place}" if node.place is not None else line


def brief(value: Any) -> str:
    """Any value on a line of bounded length."""
    return _cut(value) if isinstance(value, str) else _SHORT.repr(value)


def shown_value(value: Any, graph: Graph) -> str:
    """An input's value, or what it is linked to in its graph."""
    if type(value) is not Link:
        return brief(value)
    source = graph.get(value.node_id)
    if source is None:
        return f"#{plain(value.node_id)} (missing) [{value.slot}]"
    return f"{plain(source.class_type)} #{plain(source.node_id)} [{value.slot}]"


def shown_change(old: Any, before: Graph, new: Any, after: Graph) -> str:
    """A value and what it becomes; of long texts the piece that differs."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > MAX_TEXT:
        old, new = _differing(old, new)
    return f"{shown_value(old, before)} -> {shown_value(new, after)}"


def plain(text: str) -> str:
    """A name as it is if it can be printed on a line, else escaped."""
    return text if text.isprintable() else _cut(text)


def _differing(old: str, new: str) -> tuple[str, str]:
    """Two texts without what both begin and end with, but for some context."""
    shortest = min(len(old), len(new))
    start = next((place for place in range(shortest) if old[place] != new[place]), shortest)
    rest = shortest - start
    end = next((count for count in range(rest) if old[-1 - count] != new[-1 - count]), rest)
    start, end = max(0, start - _CONTEXT), max(0, end - _CONTEXT)

    def piece(text: str) -> str:
        return f"{'…' * (start > 0)}{text[start : len(text) - end]}{'…' * (end > 0)}"

    return piece(old), piece(new)


def _cut(text: str) -> str:
    return repr(text) if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]!r}…"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = MAX_TEXT
        self.maxdict = self.maxlist = self.maxtuple = 8


_SHORT: Final = _Short()
