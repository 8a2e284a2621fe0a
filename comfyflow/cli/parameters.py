"""A workflow function's parameters, given on the command line: ``--prompt "a cat" --seed 7``."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from ..annotation import FEW_CHOICES, Annotation, element_types, field_names, has_parse
from ..errors import CommandError, ParameterError
from ..nearest import nearest
from ..parameters import Parameter, Parameters

_ALIKE: Final = 0.8
"""From when on a word is taken for a misspelt option: --image is not one of --simulate."""


def read_parameters(words: Sequence[str], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The arguments for a function that these words give; `Parameters.call` calls it with them.

    ``--name VALUE``, ``--name=VALUE``; a flag is ``--name`` or ``--no-name``; an option given
    several times makes a list. Hyphens and underscores in names are the same. What the texts
    become is reported in `comfyflow.parameters`.

    Args:
        words: What is on the command line behind the target.
        parameters: The function's.

    Raises:
        CommandError: An unknown name, a value of the wrong kind, a required one missing.
    """
    known = Parameters(parameters)
    given: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        name, separator, attached = _option(rest.pop(0))
        entry, negated = _parameter(name, known)
        if entry.annotation.is_flag and not separator:
            given[entry.name] = not negated
            texts.pop(entry.name, None)
            continue
        if not separator:
            texts.setdefault(entry.name, []).extend(_values(name, rest, entry))
        else:
            texts.setdefault(entry.name, []).append(attached)
        given[entry.name] = None
    for name, each in texts.items():
        entry, _ = _parameter(name, known)
        try:
            given[name] = entry.from_texts(each)
        except ParameterError as error:
            raise CommandError(f"{_spelled(name)} {error.reason}") from error
    missing = known.missing(given)
    if missing:
        raise CommandError(f"missing {', '.join(map(_spelled, missing))}; parameters: {_in_a_line(known)}")
    return given


def share_words(
    words: Sequence[str], parameters: Mapping[str, Mapping[str, inspect.Parameter]]
) -> dict[str, list[str]]:
    """Which of the words on a command line are for which workflow: a parameter for those that have it.

    Args:
        words: See `read_parameters`.
        parameters: The parameters of each workflow, by its target.

    Raises:
        CommandError: A word is not a parameter of any of them.
    """
    shared: dict[str, list[str]] = {target: [] for target in parameters}
    workflows = {target: Parameters(own) for target, own in parameters.items()}
    known = {name: entry for own in reversed([*parameters.values()]) for name, entry in own.items()}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, separator, _ = _option(word)
        _parameter(name, Parameters(known))
        takers = {target: found[0] for target, own in workflows.items() if (found := _find(name, own))}
        taken = [word]
        flags = {entry.annotation.is_flag for entry in takers.values()}
        if not separator and flags == {True, False}:
            raise CommandError(
                f"--{name} is a flag in one workflow and takes a value in another; write --{name}=VALUE"
            )
        if not separator and flags == {False}:
            longest = max(takers.values(), key=lambda entry: entry.annotation.length or 1)
            taken += _values(name, rest, longest)
        for target in takers:
            shared[target] += taken
    return shared


def _values(name: str, rest: list[str], entry: Parameter) -> list[str]:
    """The values behind an option, taken out of the words: one, or as many as a tuple has.

    Raises:
        CommandError: There is none.
    """
    if not rest:
        raise CommandError(f"--{name} needs a value")
    values = [rest.pop(0)]
    if not values[0].lstrip().startswith("["):
        while len(values) < (entry.annotation.length or 1) and rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
    return values


def split_targets(targets: Sequence[str], extra: Sequence[str]) -> tuple[list[str], list[str]]:
    """Targets and the parameters behind them, where both are among the targets.

    Args:
        targets: What was taken for targets: unknown options are among them.
        extra: What had no place there.
    """
    words = [*targets, *extra]
    first = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
    return words[:first], words[first:]


def describe_parameters(parameters: Mapping[str, inspect.Parameter]) -> str:
    """The parameters in a line, as one would write them."""
    return _in_a_line(Parameters(parameters))


def _in_a_line(parameters: Parameters) -> str:
    shown: list[str] = []
    for entry in parameters.values():
        option, annotation = _spelled(entry.name), entry.annotation
        text = option if annotation.is_flag else f"{option} {_value_names(annotation)}"
        text += " …" if annotation.collects and annotation.length is None else ""
        shown.append(text if entry.is_required else f"[{text}]")
    if parameters.rest is not None:
        shown.append(f"[--NAME {parameters.rest.annotation.value_name} …]")
    return " ".join(shown) or "none"


def parameter_rows(parameters: Mapping[str, inspect.Parameter]) -> list[tuple[str, str]]:
    """Each parameter as an option, and what it is if it is not given."""
    rows: list[tuple[str, str]] = []
    known = Parameters(parameters)
    for entry in known.values():
        option, annotation = _spelled(entry.name), entry.annotation
        flag = f"{option} / --no-{option[2:]}"
        rows.append(
            (
                flag if annotation.is_flag else f"{option} {_value_names(annotation)}",
                " ".join([*_notes(annotation), _default(entry)]).strip(),
            )
        )
    if known.rest is not None:
        value = known.rest.annotation
        rows.append((f"--NAME {_value_names(value)}", " ".join(["Any other name.", *_notes(value)])))
    return rows


def _notes(annotation: Annotation) -> Iterator[str]:
    """What help says about a parameter besides its type."""
    yield from (f"{text.rstrip('.')}." for text in annotation.about)
    if annotation.collects and annotation.length is None:
        yield "Can be repeated."
    if annotation.bounds:
        yield f"{annotation.bounds[0].capitalize()}{''.join(f', {more}' for more in annotation.bounds[1:])}."
    if len(annotation.choices) > FEW_CHOICES:
        yield f"One of {len(annotation.choices)}: {', '.join(annotation.choices)}."
    for member in annotation.members:
        kinds = [each for part in element_types(member) for each in Annotation(part).members] or [member]
        for kind in kinds:
            if has_parse(kind):
                yield (inspect.getdoc(kind.parse) or "").partition("\n")[0].replace("``", "")
            elif fields := field_names(kind):
                yield f"JSON: an object with {', '.join(fields)}."


def _default(entry: Parameter) -> str:
    if entry.is_required:
        return "[required]"
    default = entry.default
    if default is inspect.Parameter.empty:
        return ""
    shown = default.name if isinstance(default, enum.Enum) else f"{default!r:.200}"
    return f"[default: {shown}]"


def _value_names(annotation: Annotation) -> str:
    """What stands for the values behind an option: ``INT``, ``INT INT`` for a tuple of two."""
    if annotation.length is None:
        return annotation.value_name
    return " ".join(Annotation(each).value_name for each in element_types(annotation.members[0]))


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option(word: str) -> tuple[str, str, str]:
    """The name in ``--name=VALUE``, the ``=`` if it is there, and the value.

    Raises:
        CommandError: It is not an option.
    """
    if not word.startswith("--"):
        raise CommandError(f"unexpected argument {word!r}; pass parameters as --name VALUE")
    return word[2:].partition("=")


def _find(name: str, parameters: Parameters) -> tuple[Parameter, bool] | None:
    """The parameter that an option means, and whether it is its ``--no-``; None if there is none."""
    key = name.replace("-", "_")
    if key not in parameters and key.startswith("no_"):
        entry = parameters.find(key[3:])
        if entry is not None and entry.annotation.is_flag:
            return entry, True
    found = parameters.find(key)
    return None if found is None else (found, False)


def _parameter(name: str, parameters: Parameters) -> tuple[Parameter, bool]:
    found = _find(name, parameters)
    if found is not None:
        return found
    near = nearest(name.replace("-", "_"), parameters)
    if near is not None:
        hint = f"did you mean {_spelled(near)}?"
    else:
        hint = option_like(f"--{name}") or f"parameters: {_in_a_line(parameters)}"
    raise CommandError(f"unknown parameter --{name}; {hint}")


def option_like(name: str) -> str:
    """A question for the option of the running command that is most like a word; empty where none is.

    Args:
        name: The word, with its dashes.
    """
    context = click.get_current_context(silent=True)
    params = context.command.params if context is not None else []
    known = [option for each in params for option in each.opts if option.startswith("--")]
    near = nearest(name, known, cutoff=_ALIKE)
    return f"did you mean {near}?" if near else ""
