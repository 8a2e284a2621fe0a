"""The parameters of a workflow function, set from outside Python: as strings or as JSON.

A command line provides strings; a table of rows or an HTTP request provides JSON. Both become what the
function's annotations say, and pydantic does it: it is imported when a first value is converted.
"""

from __future__ import annotations

import inspect
import json
import os
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from .annotation import (
    Annotation,
    bare,
    choices_of,
    element_types,
    has_parse,
    is_structured,
    is_typed_dict,
    is_union,
    takes_list,
    typed_dict_fields,
)
from .errors import ComfyflowError, ParameterError
from .nearest import did_you_mean

_SHOWN: Final = 200
_REASONS: Final = 3
"""How many problems of a value are reported."""
_SELF_EVIDENT: Final = frozenset(
    {
        "arguments_type",
        "bool_parsing",
        "enum",
        "float_parsing",
        "greater_than",
        "greater_than_equal",
        "int_parsing",
        "less_than",
        "less_than_equal",
        "literal_error",
        "multiple_of",
        "none_required",
        "string_type",
    }
)
"""Errors of pydantic that only name the expected type."""
_PYTHON_ONLY: Final = frozenset({"callable_type", "is_instance_of", "is_subclass_of", "needs_python_object"})
"""Errors of pydantic about values that no text and no JSON can stand for."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a workflow function.

    Attributes:
        name: Its name.
        kind: How Python takes it; see `inspect.Parameter`.
        default: What it is if it is not given; `inspect.Parameter.empty` if there is no default.
        annotation: What it takes.
    """

    name: str
    kind: Any
    default: Any
    annotation: Annotation

    @classmethod
    def of(cls, parameter: inspect.Parameter) -> Parameter:
        """A parameter of a Python function, its annotation evaluated where it can be."""
        annotation = Annotation.of(parameter)
        if parameter.kind is parameter.VAR_POSITIONAL:
            annotation = Annotation(list[annotation.whole])  # type: ignore[name-defined]
        return cls(parameter.name, parameter.kind, parameter.default, annotation)

    @property
    def is_required(self) -> bool:
        """Whether the function cannot be called without it."""
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return self.default is inspect.Parameter.empty and self.kind not in variable

    def from_texts(self, texts: Sequence[str]) -> Any:
        """The value that people wrote.

        A string is taken for what the annotation says. What has parts, such as a dict, a dataclass or
        a model, is written as JSON. A list is several texts, or one that is a JSON array.

        Args:
            texts: One, or several for a parameter that `collects`; of a parameter that takes one
                value, the last.

        Raises:
            ParameterError: The value is not valid.
        """
        if self.annotation.is_any_text:
            return texts[-1]
        return self._converted(_Several(texts), lambda: self._of_texts(texts))

    def from_json(self, value: Any) -> Any:
        """The value in someone's JSON; null is the default if that is None.

        Args:
            value: Decoded JSON.

        Raises:
            ParameterError: The value is not valid.
        """
        if value is None and self.default is None:
            return None
        return self._converted(value, lambda: self._json_adapter.validate_python(value))

    def check(self) -> None:
        """See whether pydantic can make anything of the annotation.

        Raises:
            ParameterError: It cannot.
        """
        _ = self._json_adapter

    def _of_texts(self, texts: Sequence[str]) -> Any:
        from pydantic import ValidationError

        text, as_json = texts[-1], None
        if text.lstrip()[:1] in ("[", "{") and (len(texts) == 1 or not self.annotation.collects):
            try:
                return self._json_adapter.validate_json(text)
            except ValidationError as error:
                as_json = error
        try:
            if self.annotation.collects and (len(texts) > 1 or not self.annotation.is_single):
                return self._text_adapter.validate_python(self._elements(texts))
            return self._text_adapter.validate_strings(text)
        except ValidationError:
            if text == "null":
                return self._json_adapter.validate_json(text)
            if as_json is not None and self._has_parts:
                whole = text.lstrip()[:1] == "[" or not self.annotation.collects
                if whole or _is_no_json(as_json):
                    raise as_json from None
            raise

    @property
    def _has_parts(self) -> bool:
        return any(map(is_structured, self.annotation.members))

    def _elements(self, texts: Sequence[str]) -> list[Any]:
        """The elements of a list; those that have parts are JSON."""
        kinds = (Annotation(each) for member in self.annotation.members for each in element_types(member))
        if not any(is_structured(member) for kind in kinds for member in kind.members):
            return list(texts)
        return [_decoded(text) if text.lstrip()[:1] in ("[", "{") else text for text in texts]

    @cached_property
    def _json_adapter(self) -> Any:
        return self._adapter(as_text=False)

    @cached_property
    def _text_adapter(self) -> Any:
        return self._adapter(as_text=True)

    def _adapter(self, *, as_text: bool) -> Any:
        from pydantic import ConfigDict, PydanticUserError, TypeAdapter

        try:
            fitted = _fitted(self.annotation.whole, as_text=as_text)
            try:
                return TypeAdapter(fitted, config=ConfigDict(arbitrary_types_allowed=True))
            except PydanticUserError as error:
                if error.code != "type-adapter-config-unused":
                    raise
                return TypeAdapter(fitted)
        except Exception as error:  # an annotation is the user's own code, and may be anything
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ParameterError:
        reason = f"expects {self.annotation.needs}, which can only be passed from Python: {error}"
        return ParameterError(self.name, reason.partition("\n")[0])

    def _converted(self, given: Any, convert: Callable[[], Any]) -> Any:
        from pydantic import PydanticUserError, ValidationError

        try:
            return convert()
        except ComfyflowError:
            raise
        except PydanticUserError as error:
            raise self._unreadable(error) from error
        except ValidationError as error:
            raise ParameterError(self.name, self._reason(given, error)) from None
        except Exception as error:  # a type's own code may raise anything
            reason = f"got {_shown(given)}: {type(error).__name__}: {error}"
            raise ParameterError(self.name, reason) from error

    def _reason(self, given: Any, error: Any) -> str:
        """What to say about a value that pydantic does not take."""
        shown, needs = _shown(given), self.annotation.needs
        errors: list[Mapping[str, Any]] = error.errors(include_url=False, include_context=False)
        if all(each["type"] in _PYTHON_ONLY for each in errors):
            return f"expects {needs}, which can only be passed from Python"
        if self.annotation.choices and not self.annotation.bounds and not self.annotation.collects:
            words = self.annotation.choices
            return f"got {shown}; {did_you_mean(str(_only(given)), words, f'choose {needs}')}"
        if self.annotation.collects and all(_is_of_one(each) for each in errors):
            wrong = _Several(each["input"] for each in errors)
            return f"expects {needs}, not {_shown(wrong if isinstance(given, (list, tuple)) else given)}"
        told = [text for each in errors if (text := _told(each, self.annotation))]
        more = f", and {len(told) - _REASONS} more" if len(told) > _REASONS else ""
        why = f": {'; '.join(told[:_REASONS])}{more}" if told else ""
        return f"expects {needs}, not {shown}{why}"


class Parameters(Mapping[str, Parameter]):
    """The parameters of a workflow function, by name.

    Args:
        signature: The function's own, by name.

    Attributes:
        rest: What takes all further names, ``**options``; or None.
    """

    def __init__(self, signature: Mapping[str, inspect.Parameter]) -> None:
        found = [Parameter.of(entry) for parameter in signature.values() for entry in _unpacked(parameter)]
        self.rest: Final = next(
            (entry for entry in found if entry.kind is inspect.Parameter.VAR_KEYWORD), None
        )
        self._entries = {entry.name: entry for entry in found if entry is not self.rest}

    def find(self, name: str) -> Parameter | None:
        """The parameter of that name; ``**options`` take every other name."""
        found = self._entries.get(name)
        if found is None and self.rest is not None and name.isidentifier():
            rest = self.rest
            return Parameter(name, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty, rest.annotation)
        return found

    def missing(self, given: Iterable[str]) -> list[str]:
        """The names of those that have to be given and are not."""
        names = set(given)
        return [
            entry.name for entry in self._entries.values() if entry.is_required and entry.name not in names
        ]

    def from_json(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments in an object of JSON, such as a request's or a row's.

        Args:
            values: Decoded JSON by the name of the parameter.

        Raises:
            ParameterError: A name is unknown, a value is of the wrong kind, or one is missing.
        """
        made, wrong = self.read_json(values)
        if wrong:
            raise wrong[0]
        return made

    def read_json(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[ParameterError]]:
        """The arguments in an object of JSON that fit, and all that is wrong with the others.

        Args:
            values: Decoded JSON by the name of the parameter.
        """
        made: dict[str, Any] = {}
        wrong: list[ParameterError] = []
        for name, value in values.items():
            entry = self.find(name)
            if entry is None:
                hint = did_you_mean(
                    name, self._entries, f"valid parameters: {', '.join(self._entries) or 'none'}"
                )
                wrong.append(ParameterError(name, f"is not a parameter; {hint}"))
                continue
            try:
                made[name] = entry.from_json(value)
            except ParameterError as error:
                wrong.append(error)
        wrong += [
            ParameterError(name, f"is missing; it expects {self[name].annotation.needs}")
            for name in self.missing(values)
        ]
        return made, wrong

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call a function with these arguments, each in the way in which it takes it.

        Args:
            function: The function that has these parameters, or what stands for it.
            arguments: Values by the parameter's name.
        """
        positional: list[Any] = []
        named = dict(arguments)
        rest = [entry for entry in self._entries.values() if entry.kind is inspect.Parameter.VAR_POSITIONAL]
        in_order = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        behind = [*named.pop(rest[0].name, ())] if rest else []
        for entry in self._entries.values():
            if entry.kind not in in_order:
                continue
            if not behind and entry.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                continue
            positional.append(named.pop(entry.name, entry.default))
        return function(*positional, *behind, **named)

    def __getitem__(self, name: str) -> Parameter:
        return self._entries[name]

    def __iter__(self) -> Any:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _unpacked(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The parameters in ``**options: Unpack[Options]``; any other is itself."""
    annotation: Any = parameter.annotation
    kind = next(iter(typing.get_args(annotation)), None)
    if parameter.kind is not parameter.VAR_KEYWORD or not is_typed_dict(kind):
        return [parameter]
    import typing_extensions

    if typing.get_origin(annotation) is not typing_extensions.Unpack:
        return [parameter]
    return [
        inspect.Parameter(
            name,
            parameter.KEYWORD_ONLY,
            default=parameter.empty if required else None,
            annotation=annotation,
        )
        for name, (annotation, required) in typed_dict_fields(kind).items()
    ]


def _fitted(annotation: Any, *, as_text: bool, seen: frozenset[Any] = frozenset()) -> Any:
    """An annotation as pydantic is to read it.

    A class with a method ``parse`` is read by it, an enum by its names too, and `os.PathLike` is a
    path. In a string an ``int | str`` is the first of them that fits: in JSON the types tell.
    """
    from pydantic import BeforeValidator, Field

    inner, notes = bare(annotation)
    origin, arguments = typing.get_origin(inner), typing.get_args(inner)

    def fitted(part: Any) -> Any:
        return part if part is Ellipsis else _fitted(part, as_text=as_text, seen=seen)

    if is_union(inner):
        made: Any = typing.Union[tuple(fitted(each) for each in arguments if each is not type(None))]  # noqa: UP007
        if as_text and is_union(made) and not any(getattr(note, "discriminator", None) for note in notes):
            made = typing.Annotated[made, Field(union_mode="left_to_right")]
        if type(None) in arguments:
            made = typing.Optional[made]  # noqa: UP045
    elif choices_of(inner):
        made = typing.Annotated[inner, BeforeValidator(_chooser(inner, as_text=as_text))]
    elif inner is os.PathLike or origin is os.PathLike:
        made = Path
    elif has_parse(inner):
        made = typing.Annotated[inner, BeforeValidator(_parser(inner))]
    elif (origin or inner) in (Iterable, Collection):
        made = list[fitted(arguments[0] if arguments else Any)]  # type: ignore[misc]
    elif origin is not None and arguments and _is_collection(inner):
        made = origin[tuple(map(fitted, arguments))]
    elif is_typed_dict(inner):
        made = _typed_dict(inner, seen, as_text=as_text)
    elif getattr(inner, "_is_protocol", False) and not getattr(inner, "_is_runtime_protocol", False):
        made = typing.Annotated[Any, BeforeValidator(_refused)]
    else:
        return annotation
    return typing.Annotated[(made, *notes)] if notes else made


def fitted_annotation(annotation: Any) -> Any:
    """An annotation as pydantic is to read it for values of JSON.

    Args:
        annotation: A parameter's.
    """
    return _fitted(annotation, as_text=False)


def _is_collection(annotation: Any) -> bool:
    """Whether it is an array or a mapping of other types."""
    return takes_list(annotation) or is_structured(annotation)


def _typed_dict(kind: Any, seen: frozenset[Any], *, as_text: bool) -> Any:
    """A TypedDict whose keys have fitted types.

    It is one of typing_extensions: before Python 3.12 pydantic cannot find out which keys of one of `typing`
    are required.
    """
    if kind in seen:
        return kind
    import typing_extensions

    fields: dict[str, Any] = {}
    for name, (annotation, required) in typed_dict_fields(kind).items():
        fitted = _fitted(annotation, as_text=as_text, seen=seen | {kind})
        mark: Any = typing_extensions.Required if required else typing_extensions.NotRequired
        fields[name] = mark[fitted]
    typed_dict: Any = typing_extensions.TypedDict
    made = typed_dict(kind.__name__, fields)
    for name in ("__doc__", "__pydantic_config__"):
        if hasattr(kind, name):
            setattr(made, name, getattr(kind, name))
    return made


def _chooser(kind: Any, *, as_text: bool) -> Callable[[Any], Any]:
    words = choices_of(kind)
    named = isinstance(kind, type)

    def choose(value: Any) -> Any:
        if not isinstance(value, str) or not (as_text or named):
            return value
        if value in words:
            return words[value]
        by_value = {str(entry.value): entry for entry in words.values()} if named and as_text else {}
        return by_value.get(value, value)

    return choose


def _parser(kind: Any) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        return kind.parse(value) if isinstance(value, str) and not isinstance(value, kind) else value

    return parse


def _refused(_value: Any) -> Any:
    from pydantic_core import PydanticCustomError

    raise PydanticCustomError("needs_python_object", "it can only be passed from Python")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_no_json(error: Any) -> bool:
    return any(each["type"] == "json_invalid" for each in error.errors(include_url=False))


def _told(error: Mapping[str, Any], annotation: Annotation) -> str:
    """One error of pydantic: where in the value, and what; empty where that is said already."""
    where = ".".join(map(str, error["loc"])) if any(map(_is_collection, annotation.members)) else ""
    counted = error["type"] in ("missing", "too_long", "too_short")
    if counted and (annotation.length is not None or (not where and annotation.bounds)):
        return ""  # how many there must be is said
    message = str(error["msg"])
    message = message[:1].lower() + message[1:]
    if where:
        return f"{where}: {message}"
    return "" if error["type"] in _SELF_EVIDENT else message


def _is_of_one(error: Mapping[str, Any]) -> bool:
    """Whether it says about one element of a list no more than what the elements must be."""
    return len(error["loc"]) == 1 and isinstance(error["loc"][0], int) and error["type"] in _SELF_EVIDENT


class _Several(tuple[Any, ...]):
    """Values that were given one after another, as on a command line."""

    __slots__ = ()


def _only(given: Any) -> Any:
    return given[-1] if isinstance(given, _Several) and given else given


def _shown(given: Any) -> str:
    """A given value as messages show it."""
    if isinstance(given, _Several):
        more = " …" if len(given) > _REASONS else ""
        return " ".join(f"{each!r:.{_SHOWN}}" for each in given[:_REASONS]) + more
    return f"{given!r:.{_SHOWN}}"
