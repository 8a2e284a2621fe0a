"""Text that the editor rewrites on its way into the prompt: choices, comments, and file names."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n\r\u2028\u2029]*", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([{}|])")
_REPLACEMENT: Final = re.compile(r"%([^%]+)%")
_NOT_IN_FILE_NAMES: Final = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_DATE_PART: Final = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")

MAX_CHOICES: Final = 10_000
"""How many braces of one text are looked at. Real prompts have a few."""


def strip_comments(text: str) -> str:
    """The text without ``/* … */`` and ``// …``, which need not be meant as comments [10]."""
    return _COMMENT.sub("", text)


def choose(text: str, random_source: random.Random, *, keep: bool = False) -> str:
    r"""Rewrite a dynamic prompt [10].

    ``{a|b}`` becomes one of its parts, and that is rewritten again; ``{x}`` becomes ``x``;
    ``\{`` becomes ``{``; comments go.

    Args:
        text: The text as it was saved.
        random_source: Where the choices come from.
        keep: Leave comments, and braces without a ``|``, as they are: what the author meant.
    """
    if keep:
        return text if _is_json(text) else _choose_alternatives(text, random_source)
    pending: list[tuple[str, int, list[str]]] = []
    source, place, out = strip_comments(text), 0, list[str]()
    budget = MAX_CHOICES
    while True:
        while place < len(source):
            char = source[place]
            if char == "\\":
                out.append(source[place : place + 2] if place + 1 < len(source) else "\\undefined")
                place += 2
            elif char == "{" and budget > 0:
                budget -= 1
                parts, place = _parts(source, place + 1)
                pending.append((source, place, out))
                source, place, out = strip_comments(random_source.choice(parts)), 0, []
            else:
                out.append(char)
                place += 1
        done = _ESCAPED.sub(r"\1", "".join(out))
        if not pending:
            return done
        source, place, out = pending.pop()
        out.append(done)


def _parts(text: str, place: int) -> tuple[list[str], int]:
    """The alternatives of a block whose brace is at ``place - 1``, and where the text goes on."""
    parts: list[str] = []
    current: list[str] = []
    depth = 0
    while place < len(text):
        char = text[place]
        place += 1
        if char == "\\":
            current.append("\\" + (text[place] if place < len(text) else "undefined"))
            place += 1
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                break
            depth -= 1
        elif char == "|" and depth == 0:
            parts.append("".join(current))
            current = []
            continue
        current.append(char)
    parts.append("".join(current))
    return parts, place


_INNERMOST: Final = re.compile(r"(?<!\\)\{((?:[^{}\\]|\\.)*)(?<!\\)\}", re.DOTALL)


def _choose_alternatives(text: str, random_source: random.Random) -> str:
    """Choose among alternatives only; other braces and slashes stay."""
    shelved: list[str] = []

    def one(match: re.Match[str]) -> str:
        parts = re.split(r"(?<!\\)\|", match.group(1))
        if len(parts) > 1:
            return random_source.choice(parts)
        shelved.append(match.group(0))
        return f"\x00{len(shelved) - 1}\x01"

    for _ in range(MAX_CHOICES):
        changed = _INNERMOST.sub(one, text)
        if changed == text:
            break
        text = changed
    text = _ESCAPED.sub(r"\1", text)
    for index in range(len(shelved) - 1, -1, -1):
        text = text.replace(f"\x00{index}\x01", shelved[index])
    return text


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def has_choice(text: str) -> bool:
    """Whether a dynamic prompt has anything to choose."""
    return "{" in text and "|" in text


def replace_in_file_name(text: str, look_up: Callable[[str, str], str | None], now: datetime) -> str:
    """Replace ``%date:…%`` and ``%Node.widget%`` [11]; what is not known stays.

    Args:
        text: The file name prefix.
        look_up: Given a node's name and a widget's: its value as text, or None.
        now: The time.
    """

    def one(match: re.Match[str]) -> str:
        inner = match.group(1)
        parts = inner.split(".")
        if len(parts) != 2:
            if parts[0].startswith("date:"):
                return format_date(parts[0][5:], now)
            return match.group(0)
        value = look_up(parts[0], parts[1])
        return match.group(0) if value is None else _NOT_IN_FILE_NAMES.sub("_", value)

    return _REPLACEMENT.sub(one, text)


def format_date(pattern: str, now: datetime) -> str:
    """The editor's own date patterns: ``yyyy-MM-dd hh:mm:ss``."""
    amounts = {"d": now.day, "M": now.month, "h": now.hour, "m": now.minute, "s": now.second}

    def one(match: re.Match[str]) -> str:
        letters = match.group(0)
        if letters in ("yy", "yyyy"):
            return str(now.year)[4 - len(letters) :]
        if letters[0] not in amounts:
            return letters
        return f"{amounts[letters[0]]:0{len(letters)}d}"

    return _DATE_PART.sub(one, pattern)
