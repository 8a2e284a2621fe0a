"""What is different between a node class then and now, for the nodes of one workflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..bounds import DYNAMIC_NESTING
from ..diff.value import ABSENT, MAX_TEXT, brief, printable_name, value_key
from ..dynamic import GrowthTemplate, is_wild
from ..schema import MISSING, InputSchema, NodeSchema
from .lock_file import FILES, LOOKS, is_file_list

Nodes: TypeAlias = "Mapping[str, Mapping[str, Any]]"
"""Nodes of one class in a prompt: their inputs by node id."""

Inputs: TypeAlias = "Iterable[InputSchema]"

_APART: Final = LOOKS | {"default", "min", "max", "step", "round", "options", "inputs", "template", FILES}
"""Options that are compared in their own way, or not at all."""

_LISTED: Final = 8
"""How many choices are named."""

_RANGE: Final = ("min", "max", "step", "round")


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Attributes:
        type: What kind of thing: ``input_added``, ``range_changed``, …
        message: What happened, in one clause.
        nodes: The ids of the nodes that have it.
        input_name: The input, by its dotted name, or None.
        slot: The output, or None.
        old: What was: a definition, a value, a list of choices.
        new: What is.
    """

    type: str
    message: str
    nodes: tuple[str, ...]
    input_name: str | None = None
    slot: int | None = None
    old: Any = None
    new: Any = None


def node_differences(old: NodeSchema, new: NodeSchema, nodes: Nodes) -> Iterator[Difference]:
    """The differences of a class that some nodes use.

    Inputs inside dynamic ones are compared only where a node has them. Lists of installed
    files are not: which files there are is no part of a class.

    Args:
        old: The class then.
        new: The class now.
        nodes: The nodes of that class.
    """
    yield from _class_differences(old, new, tuple(nodes))
    yield from _output_differences(old, new, tuple(nodes))
    yield from _input_differences(old.inputs, new.inputs, nodes, "", 0)


def _class_differences(old: NodeSchema, new: NodeSchema, ids: tuple[str, ...]) -> Iterator[Difference]:
    if old.python_module != new.python_module:
        message = f"comes from {_named(new.python_module)}, no longer from {_named(old.python_module)}"
        yield Difference("module_changed", message, ids, old=old.python_module, new=new.python_module)
    flags = (
        ("output_node_changed", old.is_output_node, new.is_output_node, "an output node"),
        ("deprecated_changed", old.deprecated, new.deprecated, "deprecated"),
        ("api_node_changed", old.api_node, new.api_node, "a paid API node"),
        ("input_list_changed", old.is_input_list, new.is_input_list, "executed once over whole lists"),
    )
    for kind, was, now, what in flags:
        if was != now:
            message = f"is now {what}" if now else f"is no longer {what}"
            yield Difference(kind, message, ids, old=was, new=now)


def _output_differences(old: NodeSchema, new: NodeSchema, ids: tuple[str, ...]) -> Iterator[Difference]:
    for was, now in zip(old.outputs, new.outputs, strict=False):
        told = f"output {was.index} ({_named(was.name)})"
        if _types(was.type) != _types(now.type):
            message = f"{told} was {_named(was.type)}, is {_named(now.type)}"
            yield Difference("output_type_changed", message, ids, slot=was.index, old=was.type, new=now.type)
        if was.is_list != now.is_list:
            message = f"{told} is {'now' if now.is_list else 'no longer'} a list"
            yield Difference(
                "output_list_changed", message, ids, slot=was.index, old=was.is_list, new=now.is_list
            )
        if was.name != now.name:
            message = f"{told} is now called {_named(now.name)}"
            yield Difference("output_renamed", message, ids, slot=was.index, old=was.name, new=now.name)
    for out in old.outputs[len(new.outputs) :]:
        message = f"output {out.index} ({_named(out.name)}, {_named(out.type)}) is gone"
        yield Difference("output_gone", message, ids, slot=out.index, old=out.type)
    for out in new.outputs[len(old.outputs) :]:
        message = f"has a new output {out.index} ({_named(out.name)}, {_named(out.type)})"
        yield Difference("output_added", message, ids, slot=out.index, new=out.type)


def _input_differences(
    old: Inputs, new: Inputs, nodes: Nodes, prefix: str, depth: int
) -> Iterator[Difference]:
    before = {entry.name: entry for entry in old}
    after = {entry.name: entry for entry in new}
    for name in {**before, **after}:
        was, now, full = before.get(name), after.get(name), prefix + name
        if was is None and now is not None:
            message = f"is a new {'required' if now.required else 'optional'} input ({type_and_default(now)})"
            yield Difference("input_added", message, tuple(nodes), full, new=definition(now))
        elif now is None and was is not None:
            message = f"is gone ({type_and_default(was)})"
            yield Difference("input_gone", message, tuple(nodes), full, old=definition(was))
        elif was is not None and now is not None:
            yield from _one_input(was, now, nodes, full)
            if depth < DYNAMIC_NESTING:
                yield from _inner_differences(was, now, nodes, full, depth + 1)


def _one_input(was: InputSchema, now: InputSchema, nodes: Nodes, name: str) -> Iterator[Difference]:
    ids = tuple(nodes)

    def difference(kind: str, message: str, old: Any, new: Any) -> Difference:
        return Difference(kind, message, ids, name, None, old, new)

    if was.required != now.required:
        message = "is now required" if now.required else "is now optional"
        yield difference("input_required_changed", message, was.required, now.required)
    if _input_types(was) != _input_types(now):
        message = f"was {_named(_type_shown(was))}, is {_named(_type_shown(now))}"
        yield difference("input_type_changed", message, _type_shown(was), _type_shown(now))
    if not _same(was.default, now.default) and not (_nothing(was.default) and _nothing(now.default)):
        message = f"default was {_told(was.default)}, is {_told(now.default)}"
        yield difference("default_changed", message, _plain(was.default), _plain(now.default))
    before, after = _range(was), _range(now)
    if not _same(before, after):
        message = f"range was {_range_shown(before)}, is {_range_shown(after)}"
        yield difference("range_changed", message, before, after)
    if not (is_file_list(was) or is_file_list(now)):
        yield from _choice_differences(was, now, ids, name)
    yield from _option_differences(was, now, ids, name)


def _range(entry: InputSchema) -> dict[str, Any]:
    """The limits of a value, as far as there are any (``round`` may be false)."""
    limits = {key: entry.options.get(key) for key in _RANGE}
    return {key: limit for key, limit in limits.items() if limit is not None and limit is not False}


def _range_shown(limits: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {brief(limit)}" for key, limit in limits.items()) or "open"


def _listed(choices: list[Any]) -> str:
    rest = len(choices) - _LISTED
    told = ", ".join(brief(choice) for choice in choices[:_LISTED])
    return f"{told} and {rest} more" if rest > 0 else told


def _choice_differences(
    was: InputSchema, now: InputSchema, ids: tuple[str, ...], name: str
) -> Iterator[Difference]:
    before = {value_key(choice): choice for choice in _choices(was)}
    after = {value_key(choice): choice for choice in _choices(now)}
    gone = [choice for key, choice in before.items() if key not in after]
    added = [choice for key, choice in after.items() if key not in before]
    if gone and now.is_choice:
        yield Difference("choices_gone", f"no longer offers {_listed(gone)}", ids, name, None, gone)
    if added and was.is_choice:
        yield Difference("choices_added", f"now offers {_listed(added)}", ids, name, None, None, added)


def _option_differences(
    was: InputSchema, now: InputSchema, ids: tuple[str, ...], name: str
) -> Iterator[Difference]:
    before, after = _other_options(was), _other_options(now)
    for key in sorted({*before, *after}):
        old, new = before.get(key, MISSING), after.get(key, MISSING)
        if not _same(old, new):
            message = f"option {_named(key)} was {_told(old)}, is {_told(new)}"
            yield Difference(
                "option_changed", message, ids, name, None, {key: _plain(old)}, {key: _plain(new)}
            )


def _inner_differences(
    was: InputSchema, now: InputSchema, nodes: Nodes, name: str, depth: int
) -> Iterator[Difference]:
    """The differences of what is inside a dynamic input, for the nodes that have it."""
    if was.dynamic is None or now.dynamic is None or was.type != now.type:
        return
    for part in was.dynamic.counterparts(now.dynamic, name):
        chosen = {node: given for node, given in nodes.items() if part.concerns(given)}
        if chosen:
            yield from _input_differences(part.was, part.now, chosen, part.prefix, depth)
    if was.autogrow is not None and now.autogrow is not None:
        yield from _growth_differences(was.autogrow, now.autogrow, nodes, name)


def _growth_differences(
    was: GrowthTemplate, now: GrowthTemplate, nodes: Nodes, name: str
) -> Iterator[Difference]:
    before, after = (was.minimum, was.names), (now.minimum, now.names)
    if before != after:
        message = f"took {_slots_shown(was)}, takes {_slots_shown(now)}"
        yield Difference("slots_changed", message, tuple(nodes), name, None, list(before), list(after))
    if was.input.name == now.input.name or was.input.type != now.input.type:
        yield from _one_input(was.input, now.input, nodes, f"{name}.*")


def _slots_shown(grown: GrowthTemplate) -> str:
    names = grown.names if len(grown.names) < 4 else (grown.names[0], "…", grown.names[-1])
    return f"{grown.minimum} to {len(grown.names)} of {_named(', '.join(names))}"


def _other_options(entry: InputSchema) -> dict[str, Any]:
    """The options that are left, without those that say no more than their absence."""
    return {
        key: value
        for key, value in entry.options.items()
        if key not in _APART and value is not None and value is not False
    }


def _input_types(entry: InputSchema) -> frozenset[str]:
    return _types(entry.match_types) | {entry.type} if is_wild(entry.type) else entry.types


def _types(kind: str) -> frozenset[str]:
    return frozenset(part.strip() for part in kind.split(","))


def _type_shown(entry: InputSchema) -> str:
    return f"{entry.type} of {entry.match_types}" if is_wild(entry.type) else entry.type


def _choices(entry: InputSchema) -> tuple[Any, ...]:
    return entry.offered or ()


def _same(old: Any, new: Any) -> bool:
    if old is MISSING or new is MISSING:
        return old is new
    return value_key(old) == value_key(new)


def _nothing(value: Any) -> bool:
    return value is None or value is MISSING


def _named(name: str) -> str:
    """A name or type of the server's, fit for a line."""
    return printable_name(name) if len(name) <= MAX_TEXT else brief(name)


def _told(value: Any) -> str:
    return brief(ABSENT if value is MISSING else value)


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def definition(entry: InputSchema) -> list[Any]:
    """An input's definition as /object_info has it, without looks."""
    options = {key: value for key, value in entry.options.items() if key not in LOOKS and key != FILES}
    return [list(entry.legacy_choices) if entry.legacy_combo else entry.type, options]


def type_and_default(entry: InputSchema) -> str:
    """An input's type and default in a few words."""
    default = "" if _nothing(entry.default) else f", default {brief(entry.default)}"
    return f"{_named(_type_shown(entry))}{default}"
