"""What we have to say beyond the server: warnings and refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..problem import Severity


class Remark(NamedTuple):
    """One remark. It becomes a `Problem` when somebody asks for it.

    Attributes:
        type: Our word for it.
        message: One sentence.
        node_id: The node, or None.
        input_name: The input, or None.
        severity: ``warning``, ``refusal``, ``note`` where nothing is known to go wrong, or ``error``
            for what the server would say once something before it is repaired.
        near: What was given, and what would have been right: the nearest is suggested.
    """

    type: str
    message: str
    node_id: str | None = None
    input_name: str | None = None
    severity: Severity = "warning"
    near: tuple[str, Iterable[str]] | None = None


def shown(value: object, width: int = 60) -> str:
    """A value for a message: short, and whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= width else f"{text[: width - 1]}…"
