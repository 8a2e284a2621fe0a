"""Values and other people's text in Python source: as syntax trees, as string literals, in comments.

A prompt, a title, a note may hold anything. In source it can be nothing but a string or a
comment: what does not print is escaped in strings and left out of comments, and a comment can
be no directive to Python or to a tool (``# type: ignore``, ``# noqa``, ``# coding: …``).
"""

from __future__ import annotations

import ast
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ..bounds import MAX_NOTE_LINES
from ..input_file import ForeignPath, foreign_path
from ..json_types import is_array, is_object

QUOTE: Final = "> "
"""What is before each line of other people's text in a comment. No directive and no Python
code starts so."""

_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IN_DOCSTRINGS: Final = frozenset(string.ascii_letters + string.digits + " .+,-_=/&")
_HASH: Final = re.compile(r"#+(?!\d)")
_HEADING: Final = re.compile(r"^\s*#+\s")
_NOTE: Final = re.compile(r"^\s*(markdown\s*)?notes?\b[\s:-]*", re.IGNORECASE)
_BULLETS: Final = frozenset({"-", "*", "+", "•"})
_WORDS: Final = re.compile(r"\S*\s+|\S+")
_BREAKS: Final = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def width(text: str) -> int:
    """How many columns a string takes: wide characters of East Asia two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def string_literal(text: str) -> str:
    """A string as a string literal on one line, in the quotes that need fewer backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escaped(character, quote) for character in text)}{quote}"


def string_pieces(text: str, columns: int) -> list[str]:
    """A string as string literals that, one behind the other, give it: broken behind its line
    ends, and at words so that each fits into a number of columns.
    """
    alone = string_literal(text)
    if width(alone) <= columns:
        return [alone]
    return [string_literal(piece) for piece in _pieces(text, max(columns - 2, 16))]


def comment_lines(text: str, columns: int, quote: str = QUOTE) -> Iterator[str]:
    """Other people's text as lines of comments, ``# `` before each.

    Args:
        text: Any text; Markdown keeps its marks, except the hashes of headings.
        columns: How wide a comment may be.
        quote: What is before each line of the text, and keeps it from being code.
    """
    shown = _BREAKS.sub("\n", text).strip("\n").split("\n")
    empty = False
    for line in shown[:MAX_NOTE_LINES]:
        kept = _harmless(_HEADING.sub("", line)).rstrip(" \\")
        if kept or not empty:
            for part in _wrapped(kept, columns - len(quote) - 2):
                yield f"# {quote}{part}".rstrip(" \\")
        empty = not kept
    if len(shown) > MAX_NOTE_LINES:
        yield f"# ({len(shown) - MAX_NOTE_LINES} more lines)"


def note_lines(title: str, text: str, columns: int) -> Iterator[str]:
    """A note as lines of comments, under its title if it has one that says something."""
    shown = _NOTE.sub("", comment_text(title))
    if shown:
        yield heading(f"Note: {shown}", columns)
    yield from comment_lines(text, columns)


def heading(title: str, columns: int) -> str:
    """A comment that says what follows. The dashes keep it from being code or a directive."""
    return f"# --- {_beginning(comment_text(title), columns - 10).rstrip()} ---"


def comment_text(text: str) -> str:
    """A string for the inside of a comment, on one line, with one space between words."""
    return " ".join(_harmless(text).split())


def _harmless(text: str) -> str:
    """Text without what does not print, and without the start of another comment: some tools
    look for their directives behind any hash.
    """
    printable = "".join(map(_printed, text))
    return _HASH.sub(lambda found: f"({found[0]})", printable)


def _printed(character: str) -> str:
    """A character; nothing for one that shows nothing (a soft hyphen, a mark of direction), else a space."""
    if character.isprintable():
        return character
    return "" if unicodedata.category(character) == "Cf" else " "


def docstring_text(text: str) -> str:
    """The ASCII part of a string, for the inside of a docstring of one line."""
    return "".join(character for character in comment_text(text[:60]) if character in _IN_DOCSTRINGS).strip()


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(character: str, quote: str) -> str:
    if character == quote:
        return f"\\{quote}"
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _beginning(text: str, columns: int) -> str:
    """As much of a string as is not too wide."""
    return next(_parts(text, columns, _columns, 0), "")


def _parts(text: str, columns: int, size: Callable[[str], int], least: int) -> Iterator[str]:
    """A string in parts that are not too wide.

    Args:
        text: The text.
        columns: How wide a part may be.
        size: How wide a character is.
        least: How many characters each part has, however wide they are.
    """
    start = used = 0
    for place, character in enumerate(text):
        used += size(character)
        if used > columns and place - start >= least:
            yield text[start:place]
            start, used = place, size(character)
    yield text[start:]


def _pieces(text: str, columns: int) -> Iterator[str]:
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        piece, used = list[str](), 0
        for word in _WORDS.findall(line):
            for part in _short(word, columns):
                size = _literal_width(part)
                if piece and used + size > columns:
                    yield "".join(piece)
                    piece, used = [], 0
                piece.append(part)
                used += size
        if piece:
            yield "".join(piece)


def _short(word: str, columns: int) -> Iterable[str]:
    """A word, in parts if it alone is too wide."""
    if _literal_width(word) <= columns:
        return [word]
    return _parts(word, columns, _literal_width, 0)


def _literal_width(text: str) -> int:
    return sum(width(_escaped(character, '"')) for character in text)


def _wrapped(line: str, columns: int) -> Iterator[str]:
    """A line in lines that are not too wide; what fits keeps its spaces."""
    if width(line) <= columns:
        yield line
        return
    part, used = list[str](), 0
    for word in _split_words(" ".join(line.split()), columns):
        size = width(word)
        if part and (len(part) > 1 or part[0] not in _BULLETS) and used + 1 + size > columns:
            yield " ".join(part)
            part, used = [], 0
        used += size + (1 if part else 0)
        part.append(word)
    yield " ".join(part)


def _split_words(line: str, columns: int) -> Iterator[str]:
    """The words of a line; one that is too wide is broken, if it is not an address."""
    for word in line.split(" "):
        if "://" in word or width(word) <= columns:
            yield word
        else:
            yield from _parts(word, columns, _columns, 1)


def name(text: str) -> ast.Name:
    """A variable."""
    return ast.Name(text, ast.Load())


def dotted(path: Iterable[str]) -> ast.expr:
    """``A.b.c``."""
    first, *rest = path
    found: ast.expr = name(first)
    for part in rest:
        found = attribute(found, part)
    return found


def attribute(value: ast.expr, attr: str) -> ast.expr:
    """``value.attr``."""
    return ast.Attribute(value, attr, ast.Load())


def item(value: ast.expr, index: int) -> ast.expr:
    """``value[index]``."""
    return ast.Subscript(value, ast.Constant(index), ast.Load())


def generic(outer: str, inner: Iterable[ast.expr]) -> ast.expr:
    """``outer[inner, ...]``."""
    parts = list(inner)
    index = parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())
    return ast.Subscript(name(outer), index, ast.Load())


def call_expression(
    function: ast.expr, arguments: Iterable[ast.expr] = (), named: Mapping[str, ast.expr] | None = None
) -> ast.Call:
    """``function(argument, named=value)``."""
    keywords = [ast.keyword(arg, value) for arg, value in (named or {}).items()]
    return ast.Call(function, list(arguments), keywords)


def dictionary(values: Mapping[str, ast.expr]) -> ast.Dict:
    """``{"key": value}``."""
    return ast.Dict([ast.Constant(key) for key in values], list(values.values()))


def listing(values: Iterable[ast.expr]) -> ast.List:
    """``[value, ...]``."""
    return ast.List(list(values), ast.Load())


def constant(value: Any) -> ast.expr:
    """A JSON value, which is not nested deeper than a prompt may be."""
    if is_array(value):
        return listing(map(constant, value))
    if is_object(value):
        return dictionary({key: constant(held) for key, held in value.items()})
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if isinstance(value, ForeignPath):
        return call_expression(name(foreign_path.__name__), [ast.Constant(str(value))])
    return ast.Constant(value)


def assignment(targets: Sequence[str], value: ast.expr) -> ast.Assign:
    """``target, target = value``."""
    names: list[ast.expr] = [ast.Name(target, ast.Store()) for target in targets]
    target = names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())
    return ast.Assign([target], value)
