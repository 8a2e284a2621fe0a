"""Names under which a server's files are written here."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.saved_file import SavedFile, clean_name, numbered


def test_two_writers_get_two_names(tmp_path: Path) -> None:
    """Also where both begin before either ends."""
    with SavedFile.at(tmp_path, "a.png") as first, SavedFile.at(tmp_path, "a.png") as second:
        first.partial.write_text("first")
        second.partial.write_text("second")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.png": "second",
        "a (1).png": "first",
    }
    assert (first.path.name, second.path.name) == ("a (1).png", "a.png")


def test_a_writer_that_is_killed_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done last: the name has all bytes, or nothing has the name."""
    seen: list[str | None] = []

    def look() -> None:
        try:
            with open(tmp_path / "a.png") as file:  # noqa: PTH123  # Path.open is looked at itself
                seen.append(file.read())
        except FileNotFoundError:
            seen.append(None)

    def looked_at(act: Callable[..., object]) -> Callable[..., object]:
        def done(*arguments: Any, **options: Any) -> object:
            look()
            try:
                return act(*arguments, **options)
            finally:
                look()

        return done

    monkeypatch.setattr(os, "link", looked_at(os.link))
    for name in ("open", "replace", "unlink"):
        monkeypatch.setattr(Path, name, looked_at(getattr(Path, name)))
    with SavedFile(tmp_path / "a.png", overwrite=False, renamed=True) as saved:
        os.write(handle := os.open(saved.partial, os.O_WRONLY | os.O_CREAT), b"whole")
        os.close(handle)
    assert set(seen) == {None, "whole"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a.png").write_text("old")
    with SavedFile(tmp_path / "a.png", overwrite=False, renamed=True) as saved:
        saved.partial.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.png": "old",
        "a (1).png": "new",
    }


def test_numbers(tmp_path: Path) -> None:
    assert [path.name for path in islice(numbered(tmp_path / "a.b.png"), 3)] == [
        "a.b.png",
        "a.b (1).png",
        "a.b (2).png",
    ]


@given(st.text() | st.text(alphabet="./\\:con \0aux1", max_size=12))
def test_a_cleaned_name_is_one_name_in_the_folder(name: str) -> None:
    cleaned = clean_name(name)
    assert cleaned not in ("", ".", "..")
    assert not set(cleaned) & set('/\\:\0<>"|?*\x9b\u202e\ud800')
    assert Path(cleaned).name == cleaned
    assert len(cleaned.encode()) <= 255
    assert cleaned[-1] not in " ."
    assert cleaned.split(".")[0].strip().upper() not in ("CON", "AUX", "NUL", "PRN", "COM1", "LPT9", "CONIN$")
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize(
    "name", ["ComfyUI_00001_.png", "a b (1).webp", "ü.png", "x" * 100 + ".png", ".hidden"]
)
def test_ordinary_names_stay(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("CON .txt", "_CON .txt"),
        ("com¹.png", "_com¹.png"),
        ("a. .", "a"),
        ("\ud800.png", "_.png"),
        ("a\x9b31m.png", "a_31m.png"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("x" * 5000 + ".png", "x" * 40 + ".png"),
        ("é" * 5000, "é" * 48),
        ("\\\\server\\share\\a.png", "a.png"),
        ("a.png:stream", "a.png_stream"),
    ],
)
def test_names_that_no_system_takes_or_shows(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
