"""Text that the editor rewrites on its way into the prompt: choices, comments, and file names.

Texts are untrusted, and may be as long as a file: each is read once, however its braces nest.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ..errors import ConversionError

_COMMENT_START: Final = re.compile(r"/\*|//[^\n\r\u2028\u2029]*")
_LINE_COMMENT: Final = re.compile(r"//[^\n\r\u2028\u2029]*")
_MARK: Final = re.compile(r"\\.|[{}|]", re.DOTALL)
"""A backslash with what it escapes, or a sign that can part alternatives."""
_REPLACEMENT: Final = re.compile(r"%([^%]+)%")
_NOT_IN_FILE_NAMES: Final = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_DATE_PART: Final = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")

MAX_REPLACED: Final = 10_000_000
"""How many characters may take the place of names such as ``%Node.widget%`` in all texts of a
workflow. File names have a few hundred."""


def strip_comments(text: str) -> str:
    """The text without ``/* … */`` and ``// …``, which need not be meant as comments [10].

    What is left has no comment in it, nor has any part of it.
    """
    if "//" not in text and "/*" not in text:
        return text
    kept: list[str] = []
    start, copied, at = _COMMENT_START, 0, 0
    while (found := start.search(text, at)) is not None:
        end = found.end()
        if found[0] == "/*":
            end = text.find("*/", end) + 2
            if end < 2:  # nothing closes this one, nor any other behind it
                start, at = _LINE_COMMENT, found.start() + 1
                continue
        kept.append(text[copied : found.start()])
        copied = at = end
    return "".join([*kept, text[copied:]])


def chosen_text(text: str, random_source: random.Random, *, keep: bool = False) -> str:
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
    text = strip_comments(text)
    if _ends_escaping(text):
        text += "undefined"  # what JavaScript has behind the end of a string
    ends = _alternatives(text)
    out = _Unescaped()
    pending: list[tuple[int, int]] = []
    place, end = 0, len(text)
    while True:
        mark = _MARK.search(text, place, end)
        out.text(text[place : mark.start() if mark is not None else end])
        if mark is None:
            if not pending:
                return out.finished()
            place, end = pending.pop()
            out.leave(len(pending))
        elif mark[0] == "{":
            parts = ends[mark.start()]
            chosen = random_source.choice(range(len(parts)))
            pending.append((min(parts[-1] + 1, end), end))
            place = (parts[chosen - 1] if chosen else mark.start()) + 1
            end = parts[chosen]
        else:
            out.mark(mark[0], len(pending))
            place = mark.end()


class _Unescaped:
    r"""A string that grows, in which ``\{`` becomes ``{`` as often as the editor looks for it.

    The editor does so to each chosen alternative and then to all that it is put into, so that a
    brace loses one backslash for each block that both are in, while it has any. Here each
    backslash is looked at once: those that end the text wait for what follows, with the number
    of blocks that both will be in.
    """

    def __init__(self) -> None:
        self._out: list[str] = []
        self._waiting: list[tuple[int, int]] = []
        """Backslashes at the end of the text: in how many blocks, and how many of them. The
        first number only grows from the left to the right."""

    def text(self, text: str) -> None:
        """Add text without backslashes and signs."""
        if text:
            self._keep(0)
            self._out.append(text)

    def mark(self, mark: str, depth: int) -> None:
        """Add a sign, or a backslash with what it escapes, that is inside that many blocks."""
        escaped = mark[-1]
        if mark[0] == "\\":
            if escaped not in "\\{}|":
                self.text(mark)
                return
            self._wait(depth, len(mark) if escaped == "\\" else 1)
        if escaped != "\\":
            self._keep(self._lost())
            self._out.append(escaped)

    def leave(self, depth: int) -> None:
        """A block has ended; its surroundings are inside that many."""
        inside = 0
        while self._waiting and self._waiting[-1][0] > depth:
            inside += self._waiting.pop()[1]
        if inside:
            self._wait(depth, inside)

    def finished(self) -> str:
        """The whole text."""
        self._keep(0)
        return "".join(self._out)

    def _wait(self, depth: int, count: int) -> None:
        if self._waiting and self._waiting[-1][0] == depth:
            count += self._waiting.pop()[1]
        self._waiting.append((depth, count))

    def _lost(self) -> int:
        """How many of the waiting backslashes the sign behind them takes away."""
        lost, left = 0, len(self._waiting) and self._waiting[-1][0] + 1
        for depth, count in reversed(self._waiting):
            left = min(left, depth + 1)
            taken = min(count, left)
            lost, left = lost + taken, left - taken
            if left == 0:
                break
        return lost

    def _keep(self, lost: int) -> None:
        count = sum(count for _, count in self._waiting) - lost
        if count:
            self._out.append("\\" * count)
        self._waiting.clear()


def _alternatives(text: str, *, closed: bool = False) -> dict[int, list[int]]:
    """Where the alternatives of each block end, by the place of its opening brace.

    Args:
        text: The text.
        closed: Leave out braces that nothing closes; else they reach to the end.
    """
    ends: dict[int, list[int]] = {}
    opened: list[int] = []
    for mark in _MARK.finditer(text):
        if mark[0] == "{":
            opened.append(mark.start())
            ends[mark.start()] = []
        elif opened and mark[0] in "|}":
            ends[opened[-1]].append(mark.start())
            if mark[0] == "}":
                opened.pop()
    for place in opened:
        if closed:
            del ends[place]
        else:
            ends[place].append(len(text))
    return ends


def _choose_alternatives(text: str, random_source: random.Random) -> str:
    """Choose among alternatives only; other braces stay, with all that is escaped in them."""
    ends = _alternatives(text, closed=True)
    out: list[str] = []
    pending: list[tuple[int, int, bool]] = []
    place, end, stays = 0, len(text), False
    while True:
        mark = _MARK.search(text, place, end)
        out.append(text[place : mark.start() if mark is not None else end])
        if mark is None:
            if not pending:
                return "".join(out)
            place, end, stays = pending.pop()
            continue
        parts = ends.get(mark.start(), [])
        if len(parts) > 1:
            chosen = random_source.choice(range(len(parts)))
            pending.append((parts[-1] + 1, end, stays))
            place = (parts[chosen - 1] if chosen else mark.start()) + 1
            end = parts[chosen]
            continue
        escape = mark[0][0] == "\\" and mark[0][1] in "{}|" and not stays
        out.append(mark[0][1:] if escape else mark[0])
        place = mark.end()
        if parts:
            pending.append((parts[0], end, stays))
            end, stays = parts[0], True


def _ends_escaping(text: str) -> bool:
    """Whether the last character is a backslash that would escape another one."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def has_choice(text: str, *, keep: bool = False) -> bool:
    """Whether a dynamic prompt has anything to choose; with `keep`, where only that is done."""
    ends = _alternatives(text if keep else strip_comments(text), closed=keep)
    return any(len(parts) > 1 for parts in ends.values())


def loses_text(text: str) -> bool:
    """Whether more of a dynamic prompt is lost or added than a choice among its alternatives."""
    if "//" in text or "/*" in text or _ends_escaping(text):
        return True
    return any(len(parts) == 1 for parts in _alternatives(text).values())


class Replacement:
    """Replaces ``%date:…%`` and ``%Node.widget%`` in the texts of one conversion [11].

    A name is short and what it stands for may be long, so what is put in is counted.

    Args:
        now: The time.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._left = MAX_REPLACED

    def replace(self, text: str, look_up: Callable[[str, str], str | None]) -> str:
        """The text with all names replaced that are known; others stay.

        Args:
            text: The text.
            look_up: Given a node's name and a widget's: its value as text, or None.

        Raises:
            ConversionError: It would become too long.
        """

        def one(match: re.Match[str]) -> str:
            inner = match.group(1)
            parts = inner.split(".")
            if len(parts) != 2:
                if parts[0].startswith("date:"):
                    return format_date(parts[0][5:], self._now)
                return match.group(0)
            value = look_up(parts[0], parts[1])
            if value is None:
                return match.group(0)
            self._left -= len(value)
            if self._left < 0:
                raise ConversionError(
                    f"the names in the workflow's text, such as %{inner:.60}%, expand to more than"
                    f" {MAX_REPLACED} characters, which is not converted"
                )
            return _NOT_IN_FILE_NAMES.sub("_", value)

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
