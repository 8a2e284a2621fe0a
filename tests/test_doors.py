"""The doors of the package: `tests/doors.txt` has every public name, and one that is new is written there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

NAMES = [line.rpartition(".") for line in (Path(__file__).parent / "doors.txt").read_text().split()]
DOORS = sorted({door for door, _, _ in NAMES})


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_these_names_and_no_others(door: str) -> None:
    module = importlib.import_module(door)
    wanted = [name for of, _, name in NAMES if of == door]
    assert sorted(module.__all__) == wanted
    assert [name for name in wanted if not hasattr(module, name)] == []
