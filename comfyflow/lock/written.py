"""JSON for people: short values on a line, long ones an element a line."""

from __future__ import annotations

import json
from typing import Any, Final

from ..json_types import is_array, is_object

WIDTH: Final = 110
MAX_DEPTH: Final = 150


def depth_of(value: Any) -> int:
    """How deep a value is nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for held in level
            for inner in (held.values() if is_object(held) else held if is_array(held) else ())
        ]
    return depth


def written(value: Any, indent: int = 0, start: int = 0) -> str:
    """A value that is not deeper than `MAX_DEPTH`, as text.

    Args:
        value: Plain JSON values.
        indent: How far its lines are indented.
        start: How much stands before it on its first line.
    """
    line = _line(value)
    if len(line) + indent + start <= WIDTH or not value or not (is_object(value) or is_array(value)):
        return line
    inner = indent + 2
    pad, end = "\n" + " " * inner, "\n" + " " * indent
    if is_object(value):
        keys = [_line(key) for key in value]
        items = [
            f"{key}: {written(held, inner, len(key) + 2)}"
            for key, held in zip(keys, value.values(), strict=True)
        ]
        return f"{{{pad}{f',{pad}'.join(items)}{end}}}"
    return f"[{pad}{f',{pad}'.join(written(held, inner) for held in value)}{end}]"


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # A lone surrogate can only be written escaped.
    return json.dumps(value) if any("\ud800" <= character <= "\udfff" for character in text) else text
