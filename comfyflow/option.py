"""Options that are given by keyword: one that does not exist is an error with the nearest that does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .nearest import did_you_mean


def refuse_unknown(function: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise as Python does for a keyword that a function does not take.

    No value is shown: it may be a secret.

    Args:
        function: What was called, as people write it: ``Client.run``.
        given: The keywords that it got.
        known: The keywords that it takes.

    Raises:
        TypeError: One of them is unknown.
    """
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known, f"it takes {', '.join(sorted(known))}")
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")


def refuse_strangers(function: str, options: Mapping[str, Any], kind: type, *more: str) -> None:
    """`refuse_unknown` for options that a TypedDict describes.

    Args:
        function: What was called, as people write it: ``Client.run``.
        options: What it got as ``**options``.
        kind: The TypedDict.
        more: Further keywords that it takes.

    Raises:
        TypeError: There is an option that is not in the TypedDict.
    """
    if options:
        keys: frozenset[str] = vars(kind)["__optional_keys__"] | vars(kind)["__required_keys__"]
        refuse_unknown(function, options, {*keys, *more})
