"""How objects are copied and pickled that belong to something that cannot be: code, or a client.

Only the standard library is imported here, as in `node`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .problem import Place

if TYPE_CHECKING:
    from typing_extensions import Self

_ANY_CODE = (lambda: None).__code__


class Copied:
    """An object that says what of it copies have in common, and what a pickle has in its place."""

    __slots__ = ()

    _shared: ClassVar[frozenset[str]] = frozenset()
    """The fields that deep copies have in common with it."""

    def _pickled(self) -> Mapping[str, Any]:
        """What of its fields is pickled as something else."""
        return {}

    def __copy__(self) -> Self:
        made = type(self).__new__(type(self))
        made.__setstate__(_fields(self))
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from copy import deepcopy

        made = memo[id(self)] = type(self).__new__(type(self))
        fields = _fields(self).items()
        made.__setstate__(
            {name: held if name in self._shared else deepcopy(held, memo) for name, held in fields}
        )
        return made

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return _new, (type(self),), {**_fields(self), **self._pickled()}

    def __setstate__(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self, name, value)


class Located(Copied):
    """An object with the code that made it, which copies keep, and of which a pickle keeps the line."""

    __slots__ = ()


class PassedOn(NamedTuple):
    """What a file has in place of its client once it was pickled.

    Attributes:
        url: The server's address, without credentials.
        file_url: The file's.
    """

    url: str
    file_url: str

    def url_of(self, _: object) -> str:
        """The file's address."""
        return self.file_url


def _fields(value: object) -> dict[str, Any]:
    """What an object holds, in its slots and in its dictionary."""
    state: Any = object.__reduce_ex__(value, 2)[2]
    parts: list[dict[str, Any] | None] = [*state] if type(state) is tuple else [state]
    return {name: held for part in parts for name, held in (part or {}).items()}


def _new(kind: Any) -> Any:
    """An object that has nothing yet."""
    return kind.__new__(kind)


def code_at(place: Place) -> CodeType:
    """Code that is said to begin at a line; see `Place.of`.

    Args:
        place: The line.
    """
    return _ANY_CODE.replace(co_filename=place.file, co_firstlineno=place.line)
