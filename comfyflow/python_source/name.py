"""Names for variables, parameters and functions, from titles, links and types."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from typing import Final

MAX_LENGTH: Final = 40
"""The longest name that is taken from a title."""

_WORDS: Final = re.compile(
    r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+(?:[0-9]+[a-z]+)*[0-9]*|[0-9]+[A-Za-z](?![A-Za-z])|[0-9]+[a-z]*"
)
_IN_BRACKETS: Final = re.compile(r"[(\uff08]([^()\uff08\uff09]+)[)\uff09]\s*$")
_BARE: Final = frozenset({"optional", "deprecated", "beta", "legacy", "advanced"})
_LEADING: Final = frozenset({"a", "load", "node", "the"})
_AMBIGUOUS: Final = frozenset({"l", "o", "i"})
_SECRET: Final = re.compile(r"(?<![^_])(passphrase|pass+wo?r?d|pass|pwd|secrete?|token)(?![^_])")
"""Words that linters take for the name of a secret; their plurals are not."""

NEVER: Final = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
"""Names that no variable gets."""


class NameScope:
    """The names of one function.

    Args:
        taken: Names that mean something else in it.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def claim(self, *wanted: str) -> str:
        """A name that nothing else in the scope has: the first free of these, else the first
        with a number.
        """
        names = [_legal(name) for name in wanted if name] or ["value"]
        found = next((name for name in names if name not in self._taken), None)
        if found is None:
            number = self._numbers.get(names[0], 2)
            while f"{names[0]}_{number}" in self._taken:
                number += 1
            self._numbers[names[0]] = number
            found = f"{names[0]}_{number}"
        self._taken.add(found)
        return found


def snake(text: str) -> str:
    """Text as a name: its ASCII words, in lower case, or ``""`` where it has none."""
    words: list[str] = []
    length = -1
    for found in _WORDS.finditer(text.replace("LoRA", "Lora")):
        length += 1 + len(found[0])
        if words and length > MAX_LENGTH:
            break
        words.append(found[0].lower())
    name = "_".join(words)[:MAX_LENGTH].rstrip("_")
    return name if any(character.isalpha() for character in name) else ""


def function_name(text: str) -> str:
    """Text as the name of a function; ``workflow_`` is before what is not a name alone."""
    name = snake(text)
    if not name.isidentifier():
        name = f"workflow_{name}".rstrip("_")
    return _legal(name)


def title_name(title: str | None, *usual: str) -> str:
    """The name that a title gives, or ``""`` where it says no more than the node's class does.

    Args:
        title: The node's title.
        usual: The node's name if it has no title.
    """
    if not title or title in usual:
        return ""
    bracketed = _IN_BRACKETS.search(title)
    if bracketed is not None and snake(bracketed[1]) not in _BARE:
        before = _plain(title[: bracketed.start()])
        if any(_plain(name).startswith(before) or before.startswith(_plain(name)) for name in usual):
            return _without_leading(snake(bracketed[1]))
    for name in usual:
        if title.startswith(name) and snake(title[len(name) :]):
            return snake(title[len(name) :])
    return "" if _plain(title) in map(_plain, usual) else _without_leading(snake(title))


def _without_leading(name: str) -> str:
    words = name.split("_")
    while len(words) > 1 and words[0] in _LEADING:
        del words[0]
    return "_".join(words)


def _legal(name: str) -> str:
    if not name.isidentifier():
        name = f"n_{name}"
    if name in NEVER or name in _AMBIGUOUS:
        return f"{name}_"
    return _SECRET.sub(lambda found: f"{found[0]}s", name)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
