"""Whether a server will accept a prompt, and whether it should be sent to one.

A client needs only the words of a server's errors until it checks a prompt, so modules are imported when they
are used.
"""

from typing import TYPE_CHECKING

from ..lazy_import import lazily_imported

if TYPE_CHECKING:
    from .coerce import coerce_prompt as coerce_prompt
    from .report import Report as Report
    from .validation import validate_prompt as validate_prompt

_EXPORTS = {"Report": "report", "coerce_prompt": "coerce", "validate_prompt": "validation"}

__all__ = list(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, _EXPORTS, name)


def __dir__() -> list[str]:
    return sorted(_EXPORTS)
