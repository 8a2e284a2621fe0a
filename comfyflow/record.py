"""Values that are what their fields say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: D103  # it says something to type checkers only
        return lambda kind: kind


R = TypeVar("R", bound="Record")


class _OfDataclass:
    """What makes a class a dataclass, made when someone asks for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, record: object, owner: Any) -> Any:
        import dataclasses
        from inspect import Parameter, signature

        field: Any = dataclasses.field
        fields: list[Any] = []
        parameters = signature(owner.__init__).parameters
        for name in owner._names:
            default, kind = parameters[name].default, _annotation(owner, name)
            made = default is None and "None" not in kind  # the class puts an empty mapping there
            fields.append(
                (
                    name,
                    kind,
                    field(
                        default=dataclasses.MISSING if made or default is Parameter.empty else default,
                        default_factory=dict if made else dataclasses.MISSING,
                        compare=name not in owner._uncompared,
                        repr=name not in owner._unshown,
                    ),
                )
            )
        twin: Any = dataclasses.make_dataclass(owner.__name__, fields, frozen=True)
        owner.__dataclass_fields__ = twin.__dataclass_fields__
        owner.__dataclass_params__ = twin.__dataclass_params__
        return getattr(owner, self._name)


def _annotation(owner: type[Any], name: str) -> str:
    return next(str(kind.__annotations__[name]) for kind in owner.__mro__ if name in kind.__annotations__)


@dataclass_transform(frozen_default=True)
class Record:
    """A value that is compared, hashed and shown by its fields, and is not changed.

    A frozen dataclass is the same. But importing `dataclasses`, which imports `inspect`, and writing the
    methods of each class would take a fourth of the time in which a program makes and checks a workflow.
    A class names its fields in ``_names``, and its ``__init__`` puts them into ``__dict__``. To
    `dataclasses` and pydantic it is a frozen dataclass.
    """

    _names: ClassVar[tuple[str, ...]] = ()
    _uncompared: ClassVar[frozenset[str]] = frozenset()
    _unshown: ClassVar[frozenset[str]] = frozenset()

    if not TYPE_CHECKING:

        def __init_subclass__(cls):
            if "_names" in vars(cls):
                cls.__match_args__ = cls._names
                cls.__dataclass_fields__ = _OfDataclass("__dataclass_fields__")
                cls.__dataclass_params__ = _OfDataclass("__dataclass_params__")

    def __replace__(self, **changes: Any) -> Self:
        return type(self)(**{**{name: self.__dict__[name] for name in self._names}, **changes})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def __repr__(self) -> str:
        fields = (name for name in self._names if name not in self._unshown)
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def _compared(self) -> tuple[object, ...]:
        held = self.__dict__
        return tuple([held[name] for name in self._names if name not in self._uncompared])


def replace(record: R, **changes: Any) -> R:
    """A record with other fields; `copy.replace` does the same since Python 3.13.

    Args:
        record: The record.
        changes: Values by name.
    """
    return record.__replace__(**changes)
