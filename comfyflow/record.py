"""Values that are what their fields say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: D103  # it says something to type checkers only
        return lambda kind: kind


R = TypeVar("R", bound="Record")


@dataclass_transform(frozen_default=True)
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

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:
        """What pydantic takes for one: the record itself, or an object with its fields, as of a dataclass."""
        from dataclasses import MISSING, field, make_dataclass
        from inspect import Parameter, signature
        from typing import get_type_hints

        from pydantic_core import core_schema

        hints = get_type_hints(cls)
        defaults = {
            name: MISSING if parameter.default is Parameter.empty else parameter.default
            for name, parameter in signature(cls).parameters.items()
        }
        fields = [(name, hints[name], field(default=defaults[name])) for name in cls.__match_args__]
        given = handler.generate_schema(make_dataclass(cls.__name__, fields))
        read = core_schema.no_info_after_validator_function(lambda made: cls(**vars(made)), given)

        def shown(record: Record) -> dict[str, Any]:
            return {name: getattr(record, name) for name in record.__match_args__}

        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(shown),
        )

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
