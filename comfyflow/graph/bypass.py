"""Bypass: what a node passes on that is left out. Rule 12 of ``docs/editor-rules.md``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

ANYTHING: Final = "*"
_UNSAID: Final = frozenset({"", ANYTHING})


def connects(one: str, other: str) -> bool:
    """Whether the editor lets two slots of these types be linked.

    ``*`` and nothing go with everything; types are compared without regard to case; in a union
    (``A,B``) one common member is enough.
    """
    if one in _UNSAID or other in _UNSAID or one == other:
        return True
    left, right = one.lower(), other.lower()
    if "," not in left and "," not in right:
        return left == right
    ones, others = set(left.split(",")), set(right.split(","))
    return not (ones.isdisjoint(others) and _UNSAID.isdisjoint(ones | others))


def handed_on(
    inputs: Sequence[Any],
    output: Any,
    slot: int,
    wanted: Any,
    fits: Callable[[Any, Any], bool] = connects,
) -> int | None:
    """Which input a bypassed node passes on in place of one of its outputs.

    What is linked there comes out; where nothing is, nothing does: no other input is tried.

    Args:
        inputs: The types of its inputs, in the editor's order.
        output: The type of the output.
        slot: The place of the output.
        wanted: The type that its consumer takes.
        fits: Whether two types go together.

    Returns:
        The input of the same place if its type fits; else the first of exactly that type; else
        the first that fits; None if none does.
    """
    if wanted in (ANYTHING, ""):  # it may be anything that a file has
        return slot if len(inputs) > slot else 0
    if slot < len(inputs) and fits(inputs[slot], output) and fits(inputs[slot], wanted):
        return slot
    for index, kind in enumerate(inputs):
        if kind == wanted:
            return index
    for index, kind in enumerate(inputs):
        if fits(kind, output) and fits(kind, wanted):
            return index
    return None
