"""Pieces of Python source that are known to be safe.

A schema is someone else's text. It reaches generated source in two ways only: as a
`PythonName`, or as a literal that `literal` has written. Templates refuse whatever is neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ..json_types import is_array, is_object

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_LITERAL_DEPTH: Final = 16
"""How deep a default may be nested. Real ones reach 4."""

MAX_INTEGER: Final = 2**64
"""Numbers beyond this are not values of any ComfyUI input, and Python may refuse to print them."""


class Code(str):
    """Python source that this package wrote itself."""

    __slots__ = ()


class NoLiteralError(ValueError):
    """A value that cannot be written as a literal; never leaves this package."""


def literal(value: Any) -> Code:
    """A JSON value as Python source, in ASCII, on one line. The keys of objects are sorted.

    Raises:
        NoLiteralError: It is nested too deep, a number that is too large, no finite one, or no JSON.
    """
    return Code(_literal(value, MAX_LITERAL_DEPTH))


def literal_or_none(value: Any) -> Code | None:
    """As `literal`, but None if there is none."""
    try:
        return literal(value)
    except NoLiteralError:
        return None


def texts(values: Iterable[str]) -> Code:
    """A tuple of texts as Python source."""
    written = [text(value) for value in values]
    return Code(f"({', '.join(written)}{',' if len(written) == 1 else ''})")


@lru_cache(maxsize=16384)
def text(value: str) -> Code:
    """A string as a literal in double quotes, in ASCII: lone surrogates and null bytes too."""
    written = ascii(value)
    if written[0] == "'" and '"' not in written:
        written = '"' + written[1:-1].replace("\\'", "'") + '"'
    return Code(written)


Types = tuple[str, ...]
"""The members of a union, as source."""


def union(types: Iterable[str]) -> Code:
    """Types joined by ``|``, each once, in order."""
    return Code(" | ".join(dict.fromkeys(types)))


class LiteralType(Code):
    """A ``Literal[...]`` of texts, each once, in order.

    Args:
        values: The texts.
    """

    __slots__ = ("values",)

    values: tuple[Code, ...]

    def __new__(cls, values: Iterable[str]) -> Self:  # noqa: D102
        written = tuple(map(text, dict.fromkeys(values)))
        literal_type = super().__new__(cls, f"Literal[{', '.join(written)}]")
        literal_type.values = written
        return literal_type


def _literal(value: Any, depth: int) -> str:
    if depth == 0:
        raise NoLiteralError("nested too deep")
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise NoLiteralError("a number that is too large")
        return repr(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NoLiteralError("a number that is not finite")
        return repr(float(value))
    if is_array(value):
        return f"[{', '.join(_literal(item, depth - 1) for item in value)}]"
    if is_object(value):
        members = (f"{text(key)}: {_literal(value[key], depth - 1)}" for key in sorted(map(_key, value)))
        return f"{{{', '.join(members)}}}"
    raise NoLiteralError(f"not a JSON value but {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise NoLiteralError("an object whose keys are not strings")
    return key
