"""The nearest right name to a wrong one: quick also where there are thousands to choose from.

Everything that asks "did you mean …?" asks here. Only the standard library is used, because the
classes that `gen-stubs` writes import it too; difflib itself is imported when a name is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

_CLOSE: Final = 0.6
_FEW: Final = 100
_CANDIDATES: Final = 30
_LONGEST: Final = 200
_MOST: Final = 50_000
"""Names that are looked at, and no more: a hostile server may list any number."""


def nearest(given: str, names: Iterable[str], *, cutoff: float = _CLOSE) -> str | None:
    """The name most like the one given, or None if none is near.

    Case and the folder in front count for little: ``euler`` is near ``Euler``, and
    ``model.safetensors`` near ``sdxl/model.safetensors``.

    Args:
        given: What someone wrote.
        names: What there is.
        cutoff: From which likeness on a name is near: 0 is any, 1 only the same.
    """
    found = nearest_names(given, names, most=1, cutoff=cutoff)
    return found[0] if found else None


def nearest_names(given: str, names: Iterable[str], *, most: int = 3, cutoff: float = _CLOSE) -> list[str]:
    """The names most like the one given, the nearest first; none if none is near.

    Args:
        given: See `nearest`.
        names: See `nearest`.
        most: How many there may be.
        cutoff: See `nearest`.
    """
    from difflib import get_close_matches

    known = [name for name in islice(names, _MOST) if name]
    if not given or not known:
        return []
    wanted = _folded(given)
    if len(known) > _FEW:
        known = _sharing(wanted, known)
    by_folded: dict[str, str] = {}
    for name in known:
        by_folded.setdefault(_folded(name), name)
    return [by_folded[name] for name in get_close_matches(wanted, by_folded, n=most, cutoff=cutoff)]


def did_you_mean(given: str, names: Iterable[str], otherwise: str = "") -> str:
    """The end of a message: ``did you mean 'euler'?``.

    Args:
        given: See `nearest`.
        names: See `nearest`.
        otherwise: What to say where no name is near.
    """
    near = nearest(given, names)
    return f"did you mean {near!r}?" if near is not None else otherwise


def _folded(name: str) -> str:
    return name[-_LONGEST:].replace("\\", "/").rsplit("/", 1)[-1].casefold()


def _sharing(wanted: str, names: list[str]) -> list[str]:
    """The few names that share most pairs of letters with what is wanted."""
    pairs = {wanted[index : index + 2] for index in range(len(wanted) - 1)} or {wanted}
    scored: list[tuple[float, int]] = []
    for index, name in enumerate(names):
        theirs = _folded(name)
        common = sum(pair in theirs for pair in pairs)
        if common:
            scored.append((common / (len(pairs) + len(theirs)), -index))
    scored.sort(reverse=True)
    return [names[-index] for _, index in scored[:_CANDIDATES]]
