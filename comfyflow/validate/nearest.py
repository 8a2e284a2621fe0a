"""The nearest right name: quick also where there are thousands to choose from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_CLOSE: Final = 0.6
_FEW: Final = 100
_CANDIDATES: Final = 30
_LONGEST: Final = 200


def nearest(given: str, names: Iterable[str]) -> str | None:
    """The name most like the one given, or None where none is near.

    Case and the folder in front count for little: ``euler`` is near ``Euler``, and
    ``model.safetensors`` near ``sdxl/model.safetensors``.

    Args:
        given: What somebody wrote.
        names: What there is.
    """
    known = [name for name in names if name]
    if not given or not known:
        return None
    wanted = _folded(given)
    if len(known) > _FEW:
        known = _sharing(wanted, known)
    by_folded: dict[str, str] = {}
    for name in known:
        by_folded.setdefault(_folded(name), name)
    if wanted in by_folded:
        return by_folded[wanted]
    close = difflib.get_close_matches(wanted, by_folded, n=1, cutoff=_CLOSE)
    return by_folded[close[0]] if close else None


def _folded(name: str) -> str:
    return name[-_LONGEST:].replace("\\", "/").rsplit("/", 1)[-1].casefold()


def _sharing(wanted: str, names: list[str]) -> list[str]:
    """The few names that share most pairs of letters with what is wanted."""
    pairs = _pairs(wanted)
    scored: list[tuple[float, int]] = []
    for index, name in enumerate(names):
        theirs = _pairs(_folded(name))
        common = len(pairs & theirs)
        if common:
            scored.append((common / (len(pairs) + len(theirs)), -index))
    scored.sort(reverse=True)
    return [names[-index] for _, index in scored[:_CANDIDATES]]


def _pairs(text: str) -> set[str]:
    return {text[index : index + 2] for index in range(len(text) - 1)} or {text}
