"""Texts from untrusted files, cut to what can be shown of them. What writes them escapes them."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Final

from ..bounds import PICTURE_TEXT
from ..problem import Place

_CHARACTER: Final = 7.6
"""How wide a character is, on average."""
BOLD: Final = 0.84
"""How many bold characters there is room for where one would be another."""
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
"""What XML does not allow, what ends a line in a script, and what turns the direction of a string round."""


def shown(value: object) -> str:
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


def wrapped(text: str, width: float, rows: int) -> list[str]:
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
