"""What was found about one thing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

State: TypeAlias = Literal["ok", "warning", "problem"]
"""``problem``: something fails until it is cured. ``warning``: something that may be wanted does not work."""

_INDENT: Final = 9


@dataclass(frozen=True)
class Diagnosis:
    """What was found about one thing.

    Attributes:
        name: The thing: ``Python``, ``extra media``, ``server``.
        state: How it is.
        message: What was found.
        cure: What to do; empty where it is ok.
    """

    name: str
    state: State
    message: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<{_INDENT}}{self.name}: {self.message}"
        return f"{line}\n{'':<{_INDENT}}cure: {self.cure}" if self.cure else line

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)
