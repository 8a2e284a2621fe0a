"""Values that are what their fields say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

R = TypeVar("R", bound="Record")


class Record:
    """A value that is compared, hashed and shown by its fields, and is not changed.

    A frozen dataclass is the same. But importing `dataclasses`, which imports `inspect`, and writing the
    methods of each class would take a fourth of the time in which a program makes and checks a workflow.
    A class names its fields in ``__match_args__``, and its ``__init__`` puts them into ``__dict__``.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _uncompared: ClassVar[frozenset[str]] = frozenset()
    _unshown: ClassVar[frozenset[str]] = frozenset()

    def __replace__(self, **changes: Any) -> Self:
        return type(self)(**{**{name: self.__dict__[name] for name in self.__match_args__}, **changes})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def __repr__(self) -> str:
        fields = (name for name in self.__match_args__ if name not in self._unshown)
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def _compared(self) -> tuple[object, ...]:
        held = self.__dict__
        return tuple([held[name] for name in self.__match_args__ if name not in self._uncompared])


def replace(record: R, **changes: Any) -> R:
    """A record with other fields; `copy.replace` does the same since Python 3.13.

    Args:
        record: The record.
        changes: Values by name.
    """
    return record.__replace__(**changes)
