"""Docstrings of generated classes.

Packs write their descriptions as HTML, which the editor shows and a docstring does not: it becomes text. What
they say comes from the schema, so each line is escaped until it can hold nothing but text: only letters,
digits, signs and spaces that Unicode 3.2 knows stay as they are. What is invisible and what steers a terminal
or the direction of a line is left out: `help` prints docstrings.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from ..schema import InputSchema, NodeSchema
from .code import Code
from .name import PythonName

MAX_CHARACTERS: Final = 1200
"""What one text of a server may add to a docstring; the rest is cut off."""

_LONGEST_READ: Final = 50_000
_IS_HTML: Final = re.compile(
    r"</?(?:a|b|br|code|div|em|h[1-6]|i|img|li|ol|p|span|strong|table|td|tr|ul)\b[^<>]*>", re.IGNORECASE
)
_UNSHOWN: Final = re.compile(r"<(script|style)\b[^<>]*>[^<]*(?=<)|<!--[^<>]*-->", re.IGNORECASE)
_INLINE: Final = re.compile(r"</?(?:a|b|code|em|font|i|small|span|strong|sub|sup|u)\b[^<>]*>", re.IGNORECASE)
_BLOCK: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_SAYS_SOMETHING: Final = re.compile(r"[^\W_]")


def plain_lines(text: str) -> list[str]:
    """The lines of a string, without HTML and not too many of them.

    Args:
        text: What the server says.
    """
    if _IS_HTML.search(text, 0, _LONGEST_READ):
        text = _without_html(text[:_LONGEST_READ])
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS].rpartition(' ')[0] or text[:MAX_CHARACTERS]}…"
    return [line.strip() for line in text.strip().replace("\r\n", "\n").split("\n")]


def _without_html(text: str) -> str:
    """What a browser would show: every block begins a line, and lines of mere signs are left out."""
    text = _BLOCK.sub("\n", _INLINE.sub("", _UNSHOWN.sub("", text)))
    lines = (" ".join(line.split()) for line in html.unescape(text).split("\n"))
    return "\n".join(line for line in lines if _SAYS_SOMETHING.search(line))


MAX_LENGTH: Final = 2900
"""How many characters a docstring has; lines beyond are left out, and that is said."""

_SHOWN: Final = frozenset("LMNPS")

_UNSEEN: Final = re.compile(
    "[\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What every Unicode calls a format character or shows nothing for: soft hyphens, joiners, marks of
direction, variation selectors, fillers, tags. Written out, for Pythons know different Unicodes.
"""

_CONTROL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SPACE: Final = re.compile(r"[^\S ]")


def docstring(lines: Iterable[str], pad: str) -> Code:
    """Lines of text as a docstring.

    Args:
        lines: The text; a line may hold any character but is one line in the result.
        pad: The indentation of the class's body.
    """
    written = _bounded([_escaped(line) for line in lines])
    while len(written) > 1 and not written[-1]:
        written.pop()
    if len(written) == 1:
        return Code(f'"""{written[0]}"""')
    rest = "\n".join(f"{pad}{line}" if line else "" for line in written[1:])
    return Code(f'"""{written[0]}\n{rest}\n{pad}"""')


def _bounded(lines: list[str]) -> list[str]:
    length = 0
    for index, line in enumerate(lines):
        length += len(line) + 1
        if length > MAX_LENGTH and index:
            return [*lines[:index], _escaped("…")]
    return lines


def node_lines(
    node: NodeSchema, arguments: Iterable[tuple[PythonName, InputSchema]], docs: bool
) -> Iterator[str]:
    """The docstring of a node class: what it is called and where it is in the menu, what
    numbers it takes, and with docs all that the server says.
    """
    category = f" ({node.category})" if node.category else ""
    yield f"{node.display_name}{category}."
    marks = [
        word
        for word, applies in (
            ("Deprecated.", node.deprecated),
            ("Experimental.", node.experimental),
            ("Calls a paid service.", node.api_node),
        )
        if applies
    ]
    if marks:
        yield ""
        yield " ".join(marks)
    if docs and node.description:
        yield ""
        yield from plain_lines(node.description)
    yield from argument_lines(arguments, docs)
    told = [output for output in node.outputs if output.tooltip] if docs else []
    if told:
        yield ""
        yield "Outputs:"
        for output in told:
            yield from _entry(output.name, output.tooltip)


def argument_lines(arguments: Iterable[tuple[PythonName, InputSchema]], docs: bool) -> Iterator[str]:
    """The ``Args:`` of a docstring: those inputs of which there is something to say."""
    said = [(name, _about(entry, docs)) for name, entry in arguments]
    if any(about for _, about in said):
        yield ""
        yield "Args:"
        for name, about in said:
            if about:
                yield from _entry(name, about)


def _about(entry: InputSchema, docs: bool) -> str:
    parts = [entry.tooltip.strip()] if docs and entry.tooltip.strip() else []
    if parts and parts[0][-1] not in ".!?":
        parts[0] += "."
    least, most = entry.minimum, entry.maximum
    if least is not None and most is not None:
        parts.append(f"{least!s} to {most!s}.")
    elif least is not None or most is not None:
        parts.append(f"At {'least' if most is None else 'most'} {least if most is None else most!s}.")
    return " ".join(parts)


def _entry(name: str, about: str) -> Iterator[str]:
    first, *rest = plain_lines(about)
    yield f"    {name}: {first}"
    for line in rest:
        yield f"        {line}" if line else ""


def _escaped(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line.replace("\\", "\\\\").replace('"', '\\"') if "\\" in line or '"' in line else line
    line = _SPACE.sub(" ", _UNSEEN.sub("", _CONTROL.sub("", line)))
    return "".join(map(_character, line))


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    if "\ud800" <= character <= "\udfff":
        return "\\ufffd"  # no class can have a lone surrogate in its docstring
    if character == " " or unicodedata.ucd_3_2_0.category(character)[0] in _SHOWN:
        return character
    return character.encode("unicode_escape").decode("ascii")
