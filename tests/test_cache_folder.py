"""What is kept between runs, on disks and beside processes of every kind."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Self

from comfyflow.cache_folder import CacheFolder, cache_folder, folder_in_force


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path)
    cache.keep("a", "tag", b"content")
    kept = cache.find("a")
    assert kept is not None
    assert (kept.tag, kept.size) == ("tag", 7)
    assert cache.read("a", "tag", 7) == b"content"
    assert cache.read("a", "another", 7) is None
    assert cache.read("a", "tag", 6) is None
    assert cache.find("b") is None
    cache.drop("a")
    assert cache.find("a") is None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    CacheFolder(tmp_path / "cache").keep("a", "", b"content")
    if os.name == "posix":
        assert [path.stat().st_mode & 0o077 for path in entries(tmp_path)] == [0]
        assert (tmp_path / "cache" / "v1").stat().st_mode & 0o077 == 0


@given(st.binary(max_size=40), st.integers(0, 400), st.booleans())
def test_no_damage_gives_another_content(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = CacheFolder(folder)
    cache.keep("a", "tag", b"content of some length")
    (path,) = entries(folder)
    data = path.read_bytes()
    path.write_bytes(data[:place] + noise + (b"" if cut else data[place + len(noise) :]))
    kept = cache.find("a")
    found = cache.read("a", kept.tag, 1000) if kept is not None else None
    assert found in (None, b"content of some length")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_takes_nothing_keeps_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = CacheFolder(tmp_path)
    cache.keep("a", "old", b"old")

    class FullFile:
        def __init__(self, handle: int) -> None:
            self._handle = handle

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            os.close(self._handle)

        def write(self, data: bytes) -> int:
            os.write(self._handle, data[:3])
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fdopen", lambda handle, _mode: FullFile(handle))
    cache.keep("a", "new", b"new")
    cache.keep("b", "new", b"new")
    monkeypatch.undo()
    assert cache.read("a", "old", 10) == b"old"
    assert cache.find("b") is None
    assert len(entries(tmp_path)) == 1


def test_a_disk_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> tuple[int, str]:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    cache = CacheFolder(tmp_path)
    cache.keep("a", "", b"content")
    monkeypatch.setattr("comfyflow.cache_folder.tempfile.mkstemp", refuse)
    cache.keep("b", "", b"content")
    assert cache.find("b") is None
    assert cache.read("a", "", 10) == b"content"


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = CacheFolder(tmp_path / "file" / "folder")
    cache.keep("a", "", b"content")
    cache.drop("a")
    assert cache.find("a") is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path)
    cache.keep("a", "", b"content")
    (tmp_path / "v1").chmod(0o500)
    cache.keep("b", "", b"content")
    assert cache.find("b") is None
    assert cache.read("a", "", 10) == b"content"


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path, most=1000)
    for age, name in enumerate("abc"):
        cache.keep(name, "", name.encode() * 100)
        os.utime(entries(tmp_path)[-1], (1000 + age, 1000 + age))
    for path, age in zip(
        sorted(entries(tmp_path), key=lambda each: each.read_bytes()[-1:]), (1, 2, 3), strict=True
    ):
        os.utime(path, (age, age))
    assert cache.read("a", "", 100) is not None  # used now: no longer the oldest
    cache.keep("d", "", b"d" * 500)
    assert [name for name in "abcd" if cache.find(name) is not None] == ["a", "d"]
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= 1000


def test_what_is_larger_than_the_folder_is_not_kept(tmp_path: Path) -> None:
    CacheFolder(tmp_path, most=1000).keep("a", "", bytes(1000))
    CacheFolder(tmp_path).keep("a", "t" * 20_000, b"")
    assert entries(tmp_path) == []


def test_what_somebody_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path)
    cache.keep("a", "", b"")
    for age, name in ((0, "new.part"), (7200, "old.part"), (7200, "somebody's.txt")):
        path = tmp_path / "v1" / name
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    cache.keep("b", "", b"")
    assert {path.name for path in entries(tmp_path)} >= {"new.part", "somebody's.txt"}
    assert "old.part" not in {path.name for path in entries(tmp_path)}


def test_entries_of_another_form_are_left_alone(tmp_path: Path) -> None:
    newer = tmp_path / "v2" / "x.entry"
    newer.parent.mkdir()
    newer.write_bytes(bytes(2000))
    CacheFolder(tmp_path, most=1000).keep("a", "", b"content")
    assert newer.exists()


WRITER = """
import sys
from pathlib import Path
from comfyflow.cache_folder import CacheFolder
cache = CacheFolder(Path(sys.argv[1]), most=60_000)
mark = sys.argv[2].encode()
for turn in range(150):
    for name in "abc":
        cache.keep(name, sys.argv[2], mark * 10_000)
        kept = cache.find(name)
        content = cache.read(name, kept.tag, 20_000) if kept is not None else None
        assert content in (None, kept.tag.encode() * 10_000)
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), mark], stderr=subprocess.PIPE)
        for mark in "xy"
    ]
    assert [writer.communicate()[1].decode() for writer in writers] == ["", ""]
    assert not [path for path in entries(tmp_path) if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"COMFYFLOW_CACHE": "/somewhere"}, Path("/somewhere")),
        ({"COMFYFLOW_CACHE": " OFF "}, None),
        ({"COMFYFLOW_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, Path("/xdg/comfyflow")),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/somebody"}, Path("/home/somebody/.cache/comfyflow")),
    ],
)
def test_where_it_is(
    environment: dict[str, str], folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("COMFYFLOW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert folder_in_force() == folder


def test_none_is_kept_where_that_is_not_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_CACHE", str(tmp_path))
    cache_folder(used=False).keep("a", "", b"")
    assert entries(tmp_path) == []
    cache_folder().keep("a", "", b"")
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize(
    "head",
    [b"", b"[]", b"{}", b'{"name":"a","tag":1,"size":1}', b'{"name":"a","tag":"","size":true}', b"[" * 9000],
)
def test_a_head_that_is_none(head: bytes, tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path)
    cache.keep("a", "", b"")
    (path,) = entries(tmp_path)
    path.write_bytes(head + b"\n" + b"x")
    assert cache.find("a") is None
    said: Any = {"name": "a", "tag": "", "size": 1 << 60, "sha256": ""}
    path.write_bytes(json.dumps(said).encode() + b"\n")
    assert cache.read("a", "", 1 << 62) is None
