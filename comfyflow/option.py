"""Options that are given by keyword: each is shown, and one that does not exist is an error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from .nearest import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])


def refuse_unknown(function: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise as Python does for a keyword that a function does not take.

    No value is shown: it may be a secret.

    Args:
        function: What was called, as people write it: ``Client.run``.
        given: The keywords that it got.
        known: The keywords that it takes.

    Raises:
        TypeError: One of them is unknown.
    """
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known, f"valid arguments: {', '.join(sorted(known))}")
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")


def read_texts(given: Iterable[str], name: str, what: str = "strings") -> list[str]:
    """The strings in a list. A single string is iterable too, but its letters are never meant.

    Args:
        given: What was given.
        name: The parameter.
        what: What it takes: ``ids``.

    Raises:
        TypeError: It is a single string, or something in it is not a string.
    """
    if isinstance(given, str):
        raise TypeError(f"{name} must be a list of {what}, not a string: write [{given!r:.100}]")
    if not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list of {what}, not {given!r:.100}")
    found = list(given)
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"{name} must be a list of {what}: {each!r:.100} is not a string")
    return found


def refuse_strangers(function: str, options: Mapping[str, Any], kind: type, *more: str) -> None:
    """`refuse_unknown` for options that a TypedDict describes.

    Args:
        function: What was called, as people write it: ``Client.run``.
        options: What it got as ``**options``.
        kind: The TypedDict.
        more: Further keywords that it takes.

    Raises:
        TypeError: There is an option that is not in the TypedDict.
    """
    if options:
        refuse_unknown(function, options, {*_keys(kind), *more})


def spelled(kind: type, settings: type) -> Callable[[F], F]:
    """Have ``help()`` show the options of a function or class one by one; a decorator.

    ``**options: Unpack[Kind]`` informs type checkers, but not people. The function's
    signature then has each option with its default, and its documentation what each is for, in place
    of the line ``options:``.

    Args:
        kind: The TypedDict of its ``**options``, which describes each under ``Attributes:``.
        settings: The dataclass with the default of each.
    """

    def decorate(function: F) -> F:
        import inspect
        from dataclasses import fields

        defaults = {field.name: field.default for field in fields(settings)}
        given: Any = function
        called: Any = vars(given)["__init__"] if isinstance(given, type) else given
        signature = inspect.signature(called)
        plain = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=said)
            for name, said in _annotations(kind).items()
        ]
        called.__signature__ = signature.replace(parameters=[*plain, *options])
        function.__doc__ = _with_attributes(function.__doc__ or "", kind)
        return function

    return decorate


def _keys(kind: type) -> frozenset[str]:
    """The keys of a TypedDict."""
    return frozenset(vars(kind)["__optional_keys__"] | vars(kind)["__required_keys__"])


def _annotations(kind: type) -> dict[str, str]:
    """The types of a TypedDict's keys, as they are written."""
    return {
        name: getattr(said, "__forward_arg__", None) or str(said)
        for name, said in kind.__annotations__.items()
    }


def _with_attributes(text: str, kind: type) -> str:
    """A documentation with what a TypedDict says about its keys in place of the line ``options:``."""
    import inspect

    lines = inspect.cleandoc(text).splitlines()
    for at, line in enumerate(lines):
        if line.strip().startswith("options:"):
            lines[at : at + 1] = _attributes(kind)
            break
    return "\n".join(lines)


def _attributes(kind: type) -> list[str]:
    """What a TypedDict says about its keys, and before that what its bases say about theirs."""
    import inspect

    said: list[str] = []
    for base in vars(kind).get("__orig_bases__", ()):
        if isinstance(base, type) and base.__doc__ and "Attributes:" in base.__doc__:
            said += _attributes(base)
    _, _, described = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    return said + described.rstrip().splitlines()
