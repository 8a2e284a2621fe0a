"""The nearest right name to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import comfyflow
from comfyflow.nearest import did_you_mean, nearest, nearest_names

NAMES = st.lists(st.text(max_size=20), max_size=150)


@given(st.text(max_size=20), NAMES)
def test_what_is_found_is_one_of_the_names(wanted: str, names: list[str]) -> None:
    found = nearest_names(wanted, names)
    assert len(found) <= 3
    assert set(found) <= set(names)
    assert nearest(wanted, names) == (found[0] if found else None)


@given(NAMES, st.data())
def test_a_name_in_another_case_is_found(names: list[str], data: st.DataObject) -> None:
    known = [name for name in names if name and "/" not in name and "\\" not in name]
    if not known:
        return
    wanted = data.draw(st.sampled_from(known))
    found = nearest(wanted.upper(), known)
    assert found is not None
    assert found.upper().casefold() == wanted.upper().casefold() or nearest(wanted, known) is not None


def test_as_good_as_difflib_where_there_are_few() -> None:
    words = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "uni_pc", "lcm"]
    for word in words:
        for at in range(len(word)):
            wrong = word[:at] + word[at + 1 :]
            theirs = difflib.get_close_matches(wrong, words, n=1)
            assert nearest(wrong, words) == (theirs[0] if theirs else None)


def test_each_of_thousands_is_found_by_a_word_with_a_slip() -> None:
    names = [f"folder{number % 40}/model-{number * 7919:08}.safetensors" for number in range(5000)]
    for name in names[::250]:
        slip = name.rpartition("/")[2].replace("model", "modle", 1)
        assert nearest(slip, names) == name


def test_few_of_many_names_are_compared_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    real: Any = difflib.get_close_matches

    def counting(word: str, names: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
        known = list(names)
        compared.append(len(known))
        found: list[str] = real(word, known, n, cutoff)
        return found

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    assert nearest("model-4999.safetensor", [f"model-{number:04}.safetensors" for number in range(5000)])
    assert compared == [30]


def test_names_without_end_are_not_read_to_the_end() -> None:
    def endless() -> Iterator[str]:
        return (f"name{number}" for number in count())

    assert nearest("nam1", endless()) == "name1"


def test_a_hint_says_what_there_is_where_nothing_is_near() -> None:
    assert did_you_mean("eulr", ["euler", "heun"], "choose one") == "did you mean 'euler'?"
    assert did_you_mean("zzz", ["euler", "heun"], "choose one") == "choose one"


def test_nothing_else_looks_for_the_nearest_name() -> None:
    folder = Path(comfyflow.__file__ or "").parent
    sources = {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    users = [name for name, text in sources.items() if "get_close_matches" in text]
    assert users == ["nearest.py"]
