"""The doors of the package: `tests/doors.txt` has every public name, and one that is new is written there."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = [line.rpartition(".") for line in (Path(__file__).parent / "doors.txt").read_text().split()]
DOORS = sorted({door for door, _, _ in NAMES})


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_these_names_and_no_others(door: str) -> None:
    module = importlib.import_module(door)
    wanted = [name for of, _, name in NAMES if of == door]
    assert sorted(module.__all__) == wanted
    assert [name for name in wanted if not hasattr(module, name)] == []


ANY_KEYWORD = {
    "each": "the parameters that take a file",
    "assert_count": "the inputs of the nodes that are counted",
    "assert_every": "the inputs that every node must have",
    "assert_metadata": "the entries of a file",
    "find": "the inputs of the node that is looked for",
    "find_all": "the inputs of the nodes that are looked for",
    "grid": "the parameters that have the values",
    "keep": "what the values of a batch are kept under",
}
"""Functions whose keywords are the names of something that the user made, with what they are."""


def signatures(module: Any) -> Iterator[tuple[str, inspect.Signature]]:
    """What a door lets call: its functions, its classes and their public methods."""
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isfunction(found):
            yield name, inspect.signature(found)
        elif inspect.isclass(found):
            for method, value in inspect.getmembers(found, inspect.isroutine):
                named = not method.startswith("_") or method == "__init__"
                if named and (getattr(value, "__module__", None) or "").startswith("comfyflow"):
                    yield f"{name}.{method}", inspect.signature(value)


@pytest.mark.parametrize("door", DOORS)
def test_signatures_spell_their_keywords(door: str) -> None:
    """``**options`` tells nobody what there is."""
    module = importlib.import_module(door)
    found = [
        name
        for name, signature in signatures(module)
        if any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    ]
    assert [name for name in found if name.rpartition(".")[2] not in ANY_KEYWORD] == []
