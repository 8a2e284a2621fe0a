"""What a parameter's annotation means for values from outside Python.

Only the standard library is used: which options a function has, which of them are flags and what
its help says is known before any value is converted.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import os
import sys
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

_ARRAYS: Final = (
    list,
    tuple,
    set,
    frozenset,
    collections.deque,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Iterable,
    collections.abc.Set,
    collections.abc.MutableSet,
)
_OBJECTS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_WORDS: Final = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
_NAMES: Final = {typing.Any: "TEXT", object: "TEXT", os.PathLike: "PATH"}
_BOUNDS: Final = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "min_length": "a length of at least {}",
    "max_length": "a length of at most {}",
    "pattern": "of the form {}",
}
_SHORT: Final = 3
"""The most types to show as the placeholder of a value."""
FEW_CHOICES: Final = 6
"""The most choices to show as the placeholder of a value."""


@dataclass(frozen=True)
class Annotation:
    """What an annotation takes, read off its parts.

    Attributes:
        whole: The annotation itself.
    """

    whole: Any

    @classmethod
    def of(cls, parameter: inspect.Parameter) -> Annotation:
        """The annotation of a parameter; the type of its default where it has none to go by.

        Args:
            parameter: A function's. Its annotation may be a string that could not be evaluated.
        """
        annotation: Any = parameter.annotation
        if annotation is not parameter.empty and not isinstance(annotation, str):
            return cls(annotation)
        default = _type_of(parameter.default)
        usual = default in (bool, int, float, list, tuple, set, dict) or issubclass(
            default, (enum.Enum, Path)
        )
        return cls(default if usual or has_parse(default) else str)

    @cached_property
    def members(self) -> tuple[Any, ...]:
        """The types that a value may have, without None."""
        return tuple(member for member in _members(self.whole) if member is not type(None))

    @cached_property
    def is_any_text(self) -> bool:
        """Whether it accepts any string unchanged."""
        inner, notes = bare(self.whole)
        return inner is str and all(isinstance(note, str) or is_hint(note) for note in notes)

    @property
    def is_flag(self) -> bool:
        """Whether it is true or false and nothing else."""
        return bool(self.members) and all(member is bool for member in self.members)

    @property
    def collects(self) -> bool:
        """Whether it takes several values, one after another."""
        return any(takes_list(member) for member in self.members)

    @property
    def is_single(self) -> bool:
        """Whether one value alone can be what it takes."""
        return any(not takes_list(member) for member in self.members)

    @property
    def length(self) -> int | None:
        """How many values a tuple takes; None if that is not fixed, or where it is not a tuple."""
        elements = [element_types(member) for member in self.members]
        if len(elements) != 1 or typing.get_origin(self.members[0]) is not tuple or Ellipsis in elements[0]:
            return None
        return len(elements[0]) or None

    @cached_property
    def choices(self) -> Mapping[str, Any]:
        """The words that it takes, if it takes no others, and what each stands for."""
        if not self.members or not all(choices_of(member) for member in self.members):
            return {}
        return {word: value for member in self.members for word, value in choices_of(member).items()}

    @property
    def value_name(self) -> str:
        """What stands for a value in a line of help: ``INT``, or the choices where they are few."""
        if self.choices:
            return "|".join(self.choices) if len(self.choices) <= FEW_CHOICES else "CHOICE"
        names = list(dict.fromkeys(map(_value_name, self.members))) or ["TEXT"]
        return "|".join(names if len(names) <= _SHORT else [*names[:_SHORT], "…"])

    @property
    def needs(self) -> str:
        """The expected value in words: ``an integer, at least 1``."""
        return ", ".join([" or ".join(dict.fromkeys(map(_needs, self.members))) or "a string", *self.bounds])

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """What ``Annotated`` asks of a value: ``at least 1``."""
        found: list[str] = []
        for note in _notes(self.whole):
            if isinstance(note, (str, bytes, type)):
                continue
            for name, words in _BOUNDS.items():
                value = getattr(note, name, None)
                if value is not None and not callable(value):
                    found.append(words.format(value))
        return tuple(dict.fromkeys(found))

    @property
    def largest(self) -> float | None:
        """The largest number that it takes; None if that is not said."""
        return min(self._limits(("le", 0), ("lt", -1)), default=None)

    @property
    def smallest(self) -> float | None:
        """The smallest number that it takes; None if that is not said."""
        return max(self._limits(("ge", 0), ("gt", 1)), default=None)

    def _limits(self, *names: tuple[str, int]) -> Iterator[float]:
        for note in _notes(self.whole):
            for name, inside in names:
                limit = getattr(note, name, None)
                if isinstance(limit, (int, float)):
                    yield limit + inside

    @property
    def about(self) -> Iterator[str]:
        """The descriptions in ``Annotated``: strings, and those of pydantic's ``Field``."""
        for note in _notes(self.whole):
            text = note if isinstance(note, str) else getattr(note, "description", None)
            if isinstance(text, str) and text.strip():
                yield text.strip()


def _type_of(value: object) -> type[Any]:
    return type(value)


def bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type in ``Annotated``, ``NewType`` or a type alias, and what ``Annotated`` adds to it."""
    notes: tuple[Any, ...] = ()
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            notes = (*annotation.__metadata__, *notes)
            annotation = annotation.__origin__
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation, notes


def is_hint(note: Any) -> bool:
    """Whether metadata in ``Annotated`` is only for forms and rejects nothing; it declares that itself."""
    return getattr(note, "refuses", True) is False


def is_union(annotation: Any) -> bool:
    """Whether it is ``Union[…]``, ``Optional[…]`` or ``… | …``."""
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def takes_list(member: Any) -> bool:
    """Whether it is a list, or something that a list can be given for."""
    return (typing.get_origin(member) or member) in _ARRAYS


def is_structured(member: Any) -> bool:
    """Whether one value of it has parts, so that it is given as JSON."""
    origin = typing.get_origin(member) or member
    if has_parse(origin):
        return False
    return origin in (*_ARRAYS, *_OBJECTS) or bool(field_names(origin))


def element_types(member: Any) -> tuple[Any, ...]:
    """The types of the elements of an array, with ``...`` where the last one is repeated."""
    return typing.get_args(member) if takes_list(member) else ()


def field_names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass, a TypedDict, a named tuple or a pydantic model; none otherwise."""
    if not isinstance(kind, type):
        return ()
    if dataclasses.is_dataclass(kind):
        return tuple(entry.name for entry in dataclasses.fields(kind) if entry.init)
    if is_typed_dict(kind):
        return tuple(typed_dict_fields(kind))
    names = _names_of_fields(kind)
    return tuple(map(str, typing.cast("Collection[Any]", names))) if isinstance(names, (dict, tuple)) else ()


def _names_of_fields(kind: Any) -> Any:
    return getattr(kind, "_fields" if issubclass(kind, tuple) else "model_fields", None)


def typed_dict_fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The keys of a TypedDict: the type of each, and whether it has to be there.

    A class body whose annotations are texts (``from __future__ import annotations``) does not know
    its ``NotRequired`` yet, so that is read here.
    """
    fields: dict[str, tuple[Any, bool]] = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        required, inner = name in kind.__required_keys__, hint
        while (mark := getattr(typing.get_origin(inner), "_name", "")) in (
            "Required",
            "NotRequired",
            "ReadOnly",
        ):
            required = mark == "Required" if mark != "ReadOnly" else required
            inner = typing.get_args(inner)[0]
        fields[name] = inner, required
    return fields


def is_typed_dict(kind: Any) -> bool:
    """Whether it is a TypedDict, of `typing` or of typing_extensions."""
    # A program that has one of typing_extensions has imported it, which takes a while.
    extensions = sys.modules.get("typing_extensions")
    return typing.is_typeddict(kind) or (extensions is not None and extensions.is_typeddict(kind))


def has_parse(kind: Any) -> bool:
    """Whether a class defines how it is read from a string, by a method ``parse``."""
    return isinstance(kind, type) and callable(getattr(kind, "parse", None))


def choices_of(member: Any) -> dict[str, Any]:
    """The words that a Literal or an Enum takes, and what each stands for; none for another type."""
    if typing.get_origin(member) is typing.Literal:
        return {_word(choice): choice for choice in typing.get_args(member)}
    if isinstance(member, type) and issubclass(member, enum.Enum):
        return {entry.name: entry for entry in member}
    return {}


def _word(choice: Any) -> str:
    if isinstance(choice, enum.Enum):
        return choice.name
    return str(choice).lower() if choice is None or isinstance(choice, bool) else str(choice)


def _members(annotation: Any) -> Iterator[Any]:
    annotation, _ = bare(annotation)
    if is_union(annotation):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _notes(annotation: Any) -> Iterator[Any]:
    """What ``Annotated`` adds, to the whole or to a member; what is in a ``Field`` by itself."""
    inner, notes = bare(annotation)
    for note in notes:
        yield note
        yield from getattr(note, "metadata", None) or ()
    if is_union(inner):
        for member in typing.get_args(inner):
            yield from _notes(member)


def _value_name(member: Any) -> str:
    if choices_of(member):
        return "CHOICE"
    if takes_list(member):
        kinds = [Annotation(each) for each in element_types(member) if each is not Ellipsis]
        names = dict.fromkeys(kind.value_name for kind in kinds if not any(map(is_structured, kind.members)))
        return "|".join(names) if kinds and names else "TEXT" if not kinds else "JSON"
    origin = typing.get_origin(member) or member
    if is_structured(member):
        return "JSON"
    return _NAMES.get(origin) or str(getattr(origin, "__name__", origin)).upper()


def _needs(member: Any) -> str:
    words = choices_of(member)
    if words:
        return f"one of {', '.join(words)}"
    origin: Any = typing.get_origin(member) or member
    if takes_list(member):
        return _needs_of_array(member)
    fields = field_names(origin)
    if is_structured(member):
        return f"a JSON object with {', '.join(fields)}" if fields else "a JSON object"
    if origin is os.PathLike or (
        isinstance(origin, type) and Path in typing.cast("type[Any]", origin).__mro__
    ):
        return "a path"
    name = getattr(origin, "__name__", str(origin))
    return _WORDS.get(origin) or (
        "anything" if origin in (typing.Any, object) else f"{_article(name)} {name}"
    )


def _needs_of_array(member: Any) -> str:
    elements = element_types(member)
    if typing.get_origin(member) is tuple and elements and Ellipsis not in elements:
        kinds = dict.fromkeys(map(_needs_of_element, elements))
        count = f"{len(elements)} value{'s' if len(elements) > 1 else ''}"
        return f"{count}, {'each ' if len(kinds) == 1 and len(elements) > 1 else ''}{', '.join(kinds)}"
    inner = _needs_of_element(elements[0]) if elements else "anything"
    return f"any number of values, each {inner}"


def _needs_of_element(element: Any) -> str:
    kind = Annotation(element)
    return "a list" if any(map(takes_list, kind.members)) else kind.needs


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"
