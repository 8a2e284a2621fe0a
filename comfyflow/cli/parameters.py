"""A workflow function's parameters, given on the command line: ``--prompt "a cat" --seed 7``."""

from __future__ import annotations

import difflib
import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from ..errors import CommandError

_ALIKE: Final = 0.8
"""From when on a word is taken for a misspelt option: --image is none of --simulate."""
_FEW: Final = 6
"""So many choices of a parameter are written out in its place."""


def read_parameters(words: Sequence[str], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The arguments for a function that these words give.

    ``--name VALUE``, ``--name=VALUE``; a flag is ``--name`` or ``--no-name``; an option given
    several times makes a list. Hyphens and underscores in names are the same.

    Args:
        words: What stands on the command line behind the target.
        parameters: The function's.

    Raises:
        CommandError: An unknown name, a value of the wrong kind, a required one missing.
    """
    given: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, separator, attached = _option(word)
        key, negated = _parameter(name, parameters)
        kind, many = _kind(parameters[key])
        if kind is bool and not separator:
            given[key] = not negated
            continue
        if not separator and not rest:
            raise CommandError(f"--{name} needs a value")
        value = _converted(attached if separator else rest.pop(0), kind, name)
        given[key] = [*given.get(key, []), value] if many else value
    missing = [
        f"--{name.replace('_', '-')}"
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and name not in given
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    if missing:
        raise CommandError(f"missing {', '.join(missing)}; parameters: {describe_parameters(parameters)}")
    return given


def share_words(
    words: Sequence[str], parameters: Mapping[str, Mapping[str, inspect.Parameter]]
) -> dict[str, list[str]]:
    """Which of the words on a command line are for which workflow: a parameter for those that have it.

    Args:
        words: See `read_parameters`.
        parameters: The parameters of each workflow, by its target.

    Raises:
        CommandError: A word is no parameter of any of them.
    """
    shared: dict[str, list[str]] = {target: [] for target in parameters}
    known = {name: entry for own in reversed([*parameters.values()]) for name, entry in own.items()}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, separator, _ = _option(word)
        _parameter(name, known)
        takers = {target: found for target, own in parameters.items() if (found := _find(name, own))}
        flags = {_kind(parameters[target][key])[0] is bool for target, (key, _) in takers.items()}
        taken = [word]
        if not separator and flags == {True, False}:
            raise CommandError(
                f"--{name} is a flag of one workflow and has a value in another; write --{name}=VALUE"
            )
        if not separator and flags == {False}:
            if not rest:
                raise CommandError(f"--{name} needs a value")
            taken.append(rest.pop(0))
        for target in takers:
            shared[target] += taken
    return shared


def split_targets(targets: Sequence[str], extra: Sequence[str]) -> tuple[list[str], list[str]]:
    """Targets and the parameters behind them, where both stand among the targets.

    Args:
        targets: What was taken for targets: unknown options stand among them.
        extra: What had no place there.
    """
    words = [*targets, *extra]
    first = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
    return words[:first], words[first:]


def describe_parameters(parameters: Mapping[str, inspect.Parameter]) -> str:
    """The parameters in a line, as one would write them."""
    shown: list[str] = []
    for name, parameter in parameters.items():
        kind, many = _kind(parameter)
        option = f"--{name.replace('_', '-')}"
        text = option if kind is bool else f"{option} {_value_name(kind)}"
        text += " …" if many else ""
        shown.append(text if parameter.default is parameter.empty else f"[{text}]")
    return " ".join(shown) or "none"


def parameter_rows(parameters: Mapping[str, inspect.Parameter]) -> list[tuple[str, str]]:
    """Each parameter as an option, and what it is if it is not given."""
    rows: list[tuple[str, str]] = []
    for name, parameter in parameters.items():
        kind, many = _kind(parameter)
        option = f"--{name.replace('_', '-')}"
        shown = f"{option} / --no-{option[2:]}" if kind is bool else f"{option} {_value_name(kind)}"
        needed = parameter.default is parameter.empty
        about = "[required]" if needed else f"[default: {parameter.default!r:.200}]"
        notes = ["Any number of times."] if many else []
        choices = _choices(kind)
        if len(choices) > _FEW:
            notes.append(f"One of {len(choices)}: {', '.join(choices)}.")
        parse: Any = getattr(kind, "parse", None)
        if parse is not None:
            notes.append((inspect.getdoc(parse) or "").partition("\n")[0].replace("``", ""))
        rows.append((shown, " ".join([*notes, about])))
    return rows


def _option(word: str) -> tuple[str, str, str]:
    """The name in ``--name=VALUE``, the ``=`` if it is there, and the value.

    Raises:
        CommandError: It is no option.
    """
    if not word.startswith("--"):
        raise CommandError(f"unexpected argument {word!r}; parameters are given as --name VALUE")
    return word[2:].partition("=")


def _find(name: str, parameters: Mapping[str, inspect.Parameter]) -> tuple[str, bool] | None:
    """The parameter that an option means, and whether it is its ``--no-``; None where there is none."""
    key = name.replace("-", "_")
    if key in parameters:
        return key, False
    if key.startswith("no_") and _is_flag(parameters.get(key[3:])):
        return key[3:], True
    return None


def _parameter(name: str, parameters: Mapping[str, inspect.Parameter]) -> tuple[str, bool]:
    found = _find(name, parameters)
    if found is not None:
        return found
    near = difflib.get_close_matches(name.replace("-", "_"), parameters, n=1)
    if near:
        hint = f"did you mean --{near[0].replace('_', '-')}?"
    else:
        hint = option_like(f"--{name}") or f"parameters: {describe_parameters(parameters)}"
    raise CommandError(f"there is no parameter --{name}; {hint}")


def option_like(name: str) -> str:
    """A question for the option of the running command that is most like a word; empty where none is.

    Args:
        name: The word, with its dashes.
    """
    context = click.get_current_context(silent=True)
    params = context.command.params if context is not None else []
    known = [option for each in params for option in each.opts if option.startswith("--")]
    near = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
    return f"did you mean {near[0]}?" if near else ""


def _is_flag(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and _kind(parameter)[0] is bool


def _kind(parameter: inspect.Parameter) -> tuple[Any, bool]:
    """What one value of a parameter is (a type or a Literal), and whether it takes several."""
    annotation: Any = parameter.annotation
    if annotation is parameter.empty or isinstance(annotation, str):
        default: Any = parameter.default
        known = default is not parameter.empty and default is not None
        annotation = default.__class__ if known else str
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        annotation = members[0] if members else str
    if typing.get_origin(annotation) in (list, tuple, Sequence) or annotation in (list, tuple):
        inner = [member for member in typing.get_args(annotation) if member is not Ellipsis]
        return (inner[0] if inner else str), True
    return annotation, False


def _choices(kind: Any) -> dict[str, Any]:
    """The words that a parameter takes, where they are given, and what each stands for."""
    if typing.get_origin(kind) is typing.Literal:
        return {str(choice): choice for choice in typing.get_args(kind)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {member.name: member for member in kind}
    return {}


def _value_name(kind: Any) -> str:
    """What stands for a value of this kind: ``INT``, or the choices where they are few."""
    choices = _choices(kind)
    if choices:
        return "|".join(choices) if len(choices) <= _FEW else "CHOICE"
    return str(getattr(kind, "__name__", kind)).upper()


def _converted(text: str, kind: Any, name: str) -> Any:
    choices = _choices(kind)
    if kind is bool:
        choices = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        text = text.lower()
    elif not choices:
        return _plain(text, kind, name)
    if text in choices:
        return choices[text]
    near = difflib.get_close_matches(text, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(choices)}"
    raise CommandError(f"--{name} got {text!r}; {hint}")


def _plain(text: str, kind: Any, name: str) -> Any:
    parse = getattr(kind, "parse", None)
    if parse is not None:
        return parse(text)
    if kind not in (int, float, Path):
        return text
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise CommandError(f"--{name} takes {wanted}, not {text!r}") from None
