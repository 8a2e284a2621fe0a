"""Dynamic inputs, unfolded: which inputs a node has depends on what it was given.

The rules are the server's (``get_finalized_class_inputs`` of 0.4 and later): an Autogrow input
stands for its slots, a DynamicCombo for itself and for the inputs of the chosen option, a
DynamicSlot for itself and its inputs once it is given; and each brings nothing otherwise. After
0.27.0 a DynamicSlot is there always, and may have inputs while nothing is linked to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .input_schema import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_GROUP, MAX_NESTING, InputSchema


def unfold_inputs(
    inputs: Iterable[InputSchema], given: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[InputSchema]:
    """The inputs that a node has for these values, under their full dotted names.

    Args:
        inputs: What the node class declares.
        given: The node's ``inputs`` in a prompt; only names, and the keys of DynamicCombos,
            matter.
        prefix: The dotted name in front, with its dot.
        depth: How many dynamic inputs this one stands in.
    """
    for entry in inputs:
        name = prefix + entry.name
        if not entry.is_dynamic:
            yield entry if not prefix else replace(entry, name=name)
        elif depth < MAX_NESTING:
            yield from _unfold(entry, name, given, depth + 1)


def _unfold(entry: InputSchema, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
    if entry.type == AUTOGROW:
        yield from _grow(entry, name)
    elif entry.type == DYNAMIC_GROUP:
        yield from _rows(entry, name, given, depth)
    elif name in given:
        if entry.type == DYNAMIC_COMBO:
            inner = _chosen(entry, given[name])
            if inner is None:
                return
        else:
            inner = entry.slot_inputs
        yield replace(entry, name=name)
        yield from unfold_inputs(inner, given, f"{name}.", depth)
    elif entry.slot_options:
        yield replace(entry, name=name)
        yield from unfold_inputs(entry.slot_inputs, given, f"{name}.", depth)


def _grow(entry: InputSchema, name: str) -> Iterator[InputSchema]:
    template = entry.autogrow
    if template is None:
        return
    for index, slot in enumerate(template.names):
        needed = template.input.required and index < template.minimum
        yield replace(template.input, name=f"{name}.{slot}", required=needed)


def _chosen(entry: InputSchema, key: object) -> tuple[InputSchema, ...] | None:
    for option in entry.dynamic_options:
        if option.key == key:
            return option.inputs
    return None


def _rows(entry: InputSchema, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
    start = f"{name}."
    rows = {key[len(start) :].split(".", 1)[0] for key in given if key.startswith(start)}
    for row in sorted((row for row in rows if row.isdecimal() and len(row) < 6), key=int):
        yield from unfold_inputs(entry.group, given, f"{start}{row}.", depth)
