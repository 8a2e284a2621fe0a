"""Prompts in which one thing is broken: what the editor sent, and something of it changed."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .canvas import Json

_VALUES: Final[tuple[tuple[str, Any], ...]] = (
    ("null", None),
    ("word", "several"),
    ("digits", "12"),
    ("fraction", 2.5),
    ("below", -(10**9)),
    ("above", 10**12),
    ("bool", True),
    ("bool_word", "false"),
    ("list", [1, 2, 3]),
    ("empty_list", []),
    ("object", {"a": 1}),
    ("wrapped", {"__value__": [1, 2]}),
    ("to_nothing", ["999", 0]),
    ("far_slot", ["1", 50]),
    ("slot_below", ["1", -1]),
    ("slot_word", ["1", "0"]),
    ("id_number", [1, 0]),
)


def broken(prompts: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Each way to break a prompt, at an input of each prompt that is drawn by chance.

    Yields:
        What was done, and the prompt.
    """
    chance = random.Random(7)
    for prompt in prompts:
        inputs = [(key, name) for key, node in prompt.items() for name in node["inputs"]]
        if not inputs:
            continue
        for kind, value in _VALUES:
            yield kind, _with(prompt, *chance.choice(inputs), value)
        for change in (_drop, _more, _own, _swap):
            yield change.__name__.strip("_"), change(prompt, *chance.choice(inputs))
        yield "unknown_class", _changed(prompt, chance.choice(inputs)[0], class_type="NobodyHasThis")
        yield "no_class", _changed(prompt, chance.choice(inputs)[0], class_type=None)
        for end in chance.sample(sorted(prompt), 1):
            yield "without_a_node", {key: node for key, node in prompt.items() if key != end}


def _with(prompt: Json, key: str, name: str, value: Any) -> Json:
    made = copy.deepcopy(prompt)
    made[key]["inputs"][name] = value
    return made


def _drop(prompt: Json, key: str, name: str) -> Json:
    made = copy.deepcopy(prompt)
    del made[key]["inputs"][name]
    return made


def _more(prompt: Json, key: str, name: str) -> Json:
    return _with(prompt, key, f"{name}_", 1)


def _own(prompt: Json, key: str, name: str) -> Json:
    return _with(prompt, key, name, [key, 0])


def _swap(prompt: Json, key: str, name: str) -> Json:
    """Link it to the last node, whatever that gives."""
    return _with(prompt, key, name, [max(prompt), 0])


def _changed(prompt: Json, key: str, **more: Any) -> Json:
    made = copy.deepcopy(prompt)
    made[key].update(more)
    return made
