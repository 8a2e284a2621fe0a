"""Values of a prompt, to be compared and to be shown.

In their normal form they are equal exactly where a server takes them for the same. 1 and 1.0 are the
same number, true is not a number, and ``{"__value__": x}`` is x: the server unwraps it once. Only around
a list it makes a difference, because a bare list would be a link.

What comes from a file is shown in one line, and so that it cannot disturb a terminal: whatever is not
printable is escaped, what is long or deep is cut.
"""

from __future__ import annotations

import math
import reprlib
from typing import Any, Final

from ..errors import PromptError
from ..graph import Graph, GraphNode, Link
from ..graph.prompt import is_wrapped, unwrapped
from ..json_types import is_array, is_object


class _Literal(str):
    """A piece of a key that is written as it is."""

    __slots__ = ()


def value_key(value: Any) -> str:
    """The normal form of an input's value, as a string.

    Args:
        value: A value as it is in a prompt; no `Link`.

    Raises:
        PromptError: It is nothing that JSON can hold.
    """
    if type(value) is str:
        return f"s{len(value)}:{value}"
    if is_wrapped(value):
        inner = unwrapped(value)
        return f"w{_nested(inner)}" if is_array(inner) else value_key_unwrapped(inner)
    return value_key_unwrapped(value)


def value_key_unwrapped(value: Any) -> str:
    """The normal form of a value that is inside another, where nothing is unwrapped."""
    return _nested(value) if is_array(value) or is_object(value) else _scalar(value)


def _nested(value: Any) -> str:
    """The key of a list or an object; without recursion, whatever its depth."""
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is _Literal:
            parts.append(item)
        elif is_array(item):
            parts.append(f"[{len(item)}:")
            waiting.extend(reversed(item))
        elif is_object(item):
            parts.append(f"{{{len(item)}:")
            for key in sorted(item, reverse=True):
                waiting.append(item[key])
                waiting.append(_Literal(_scalar(key)))
        else:
            parts.append(_scalar(item))
    return "".join(parts)


def _scalar(value: Any) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return f"i{value:x};"
    if isinstance(value, float):
        if math.isfinite(value):
            return f"i{int(value):x};" if value.is_integer() else f"d{value.hex()};"
        return f"d{value};"
    if isinstance(value, str):
        return f"s{len(value)}:{value}"
    raise PromptError(f"{value!r:.60} ({type(value).__name__}) cannot be held by a prompt")


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
    line = f"{printable_name(node.class_type)} #{printable_name(node.node_id)}"
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
        return f"#{printable_name(value.node_id)} (missing) [{value.slot}]"
    return f"{printable_name(source.class_type)} #{printable_name(source.node_id)} [{value.slot}]"


def shown_change(old: Any, before: Graph, new: Any, after: Graph) -> str:
    """A value and what it becomes; of long texts the piece that differs."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > MAX_TEXT:
        old, new = _differing(old, new)
    return f"{shown_value(old, before)} -> {shown_value(new, after)}"


def printable_name(text: str) -> str:
    """A name as it is if it can be printed on a line, else escaped."""
    return text if text.isprintable() else _cut(text)


def _differing(old: str, new: str) -> tuple[str, str]:
    """Two texts without what both begin and end with, except for some context."""
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
