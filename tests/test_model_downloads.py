"""Fetching model files from a server of the test's own: what breaks off, what lies, what is refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from comfyflow.bounds import Bounds
from comfyflow.errors import ModelFileError
from comfyflow.model_files.download import Downloads
from comfyflow.model_files.wanted import WantedModel
from tests.command import Command
from tests.web_server import web_server

CONTENT = bytes(range(256)) * 4096  # a MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOOPBACK = frozenset({"127.0.0.1"})


class Files(BaseHTTPRequestHandler):
    """Has ``/a``, with ranges; the other paths misbehave."""

    asked: ClassVar[list[tuple[str, str, str | None]]] = []
    etag: ClassVar[str] = '"v1"'
    cut_after: ClassVar[list[int]] = []
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        given = self.headers.get("Range")
        Files.asked.append((self.command, self.path, given))
        route = getattr(self, f"on_{self.path[1:].partition('/')[0]}", None)
        if route is not None and self.path != "/a":
            route(body)
        elif self.path == "/a":
            self.file(body, given)
        else:
            self.send(404, b"no")

    def file(self, body: bool, given: str | None) -> None:
        start = 0
        if given is not None and self.headers.get("If-Range") == Files.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", given)[1])  # type: ignore[index]
        if start >= len(CONTENT):
            self.send(416, b"", {"Content-Range": f"bytes */{len(CONTENT)}"})
            return
        headers = {"ETag": Files.etag, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        self.head(206 if start else 200, len(CONTENT) - start, headers)
        if not body:
            return
        if Files.cut_after:
            self.wfile.write(CONTENT[start : start + Files.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(CONTENT[start:])

    def head(self, status: int, length: int | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.close_connection = True
        self.end_headers()

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.head(status, len(content), headers or {})
        if self.command != "HEAD":
            self.wfile.write(content)

    def on_to(self, _body: bool) -> None:
        self.send(302, b"", {"Location": self.path.partition("?")[2]})

    def on_linked(self, _body: bool) -> None:
        self.send(302, b"", {"Location": "/a", "X-Linked-ETag": f'"{self.path.rpartition("/")[2]}"'})

    def on_round(self, _body: bool) -> None:
        self.send(302, b"", {"Location": "/round"})

    def on_page(self, _body: bool) -> None:
        self.send(200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"})

    def on_locked(self, _body: bool) -> None:
        self.send(401, b"")

    def on_huge(self, body: bool) -> None:
        self.head(200, 10**15, {})

    def on_headless(self, body: bool) -> None:
        if body:
            self.send(200, CONTENT)
        else:
            self.send(405, b"")

    def on_endless(self, body: bool) -> None:
        self.head(200, None, {})
        if body:
            for _ in range(64):
                self.wfile.write(CONTENT)

    def on_busy(self, _body: bool) -> None:
        self.send(503, b"")

    def on_shifted(self, body: bool) -> None:
        given = self.headers.get("Range")
        if given is None:
            self.head(200, len(CONTENT), {"ETag": '"v1"'})
            if body:
                self.wfile.write(CONTENT[:1000] if len(Files.asked) < 2 else CONTENT)
                self.close_connection = True
        else:
            self.head(206, 5, {"ETag": '"v1"', "Content-Range": f"bytes 0-4/{len(CONTENT)}"})
            self.wfile.write(CONTENT[:5])


@pytest.fixture
def server() -> Iterator[str]:
    Files.asked.clear()
    Files.cut_after.clear()
    Files.etag = '"v1"'
    with web_server(Files) as url:
        yield url


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    (tmp_path / "models").mkdir()
    return Downloads(tmp_path / "models", LOOPBACK, Bounds(file=32 * 1024**2), pause=0.0)


def file_at(url: str, **more: Any) -> WantedModel:
    return WantedModel("a.safetensors", "checkpoints", url, **more)


def left(downloads: Downloads) -> list[str]:
    return sorted(path.name for path in downloads.models.rglob("*") if path.is_file())


def test_a_file_is_fetched_and_its_hash_compared(server: str, downloads: Downloads) -> None:
    file = file_at(f"{server}/a", hash=SHA256.upper(), hash_type="SHA256")
    told: list[tuple[int, int | None]] = []
    assert downloads.size(file) == len(CONTENT)
    done = downloads.fetch(file, lambda so_far, size: told.append((so_far, size)))
    assert (done.path, done.size, done.checked) == (
        downloads.models / "checkpoints" / "a.safetensors",
        len(CONTENT),
        True,
    )
    assert done.path.read_bytes() == CONTENT
    assert left(downloads) == ["a.safetensors"]
    assert (told[0], told[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    with pytest.raises(ModelFileError, match="already exists and was not changed"):
        downloads.fetch(file)


def test_a_file_without_a_hash(server: str, downloads: Downloads) -> None:
    assert not downloads.fetch(file_at(f"{server}/a")).checked
    other = replace(file_at(f"{server}/a", hash="x" * 64, hash_type="AutoV3"), name="b.safetensors")
    assert not downloads.fetch(other).checked


def test_a_fetch_that_breaks_off_goes_on_where_it_ended(server: str, downloads: Downloads) -> None:
    Files.cut_after += [300_000, 200_000]
    assert downloads.fetch(file_at(f"{server}/a", hash=SHA256)).path.read_bytes() == CONTENT
    ranges = [given for method, _, given in Files.asked if method == "GET"]
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_so_does_the_next_command(server: str, downloads: Downloads) -> None:
    Files.cut_after += [300_000, *[0] * 5]
    file = file_at(f"{server}/a", hash=SHA256)
    with pytest.raises(
        ModelFileError,
        match=r"could not be downloaded: .*; 293\.0 KiB are kept; the next download resumes there",
    ):
        downloads.fetch(file)
    assert [name for name in left(downloads) if not name.startswith(".")] == []
    Files.asked.clear()
    assert downloads.fetch(file).path.read_bytes() == CONTENT
    assert Files.asked == [("GET", "/a", "bytes=300000-")]
    assert left(downloads) == ["a.safetensors"]


@pytest.mark.parametrize("etag", ['"v2"', 'W/"v1"', ""])
def test_another_version_of_it_is_fetched_from_the_start(
    server: str, downloads: Downloads, etag: str
) -> None:
    Files.etag = etag if etag != '"v2"' else '"v1"'
    Files.cut_after += [300_000, *[0] * 5]
    file = file_at(f"{server}/a", hash=SHA256)
    with pytest.raises(ModelFileError, match="could not be downloaded"):
        downloads.fetch(file)
    Files.etag = etag
    assert downloads.fetch(file).path.read_bytes() == CONTENT


def test_a_whole_file_that_only_lacks_its_name(server: str, downloads: Downloads) -> None:
    Files.cut_after += [300_000, *[0] * 5]
    file = file_at(f"{server}/a", hash=SHA256)
    with pytest.raises(ModelFileError):
        downloads.fetch(file)
    (partial,) = downloads.models.rglob(".*.part")
    partial.write_bytes(CONTENT)
    Files.asked.clear()
    assert downloads.fetch(file).checked
    assert Files.asked == [("GET", "/a", f"bytes={len(CONTENT)}-")]


@pytest.mark.parametrize(
    "state", ["", "[", "[]", '{"etag": 3}', '{"etag": "\\"v1\\"", "size": 7}', "[" * 99_999]
)
def test_what_is_noted_of_a_broken_fetch_may_be_anything(
    server: str, downloads: Downloads, state: str
) -> None:
    Files.cut_after += [300_000, *[0] * 5]
    file = file_at(f"{server}/a", hash=SHA256)
    with pytest.raises(ModelFileError):
        downloads.fetch(file)
    (note,) = downloads.models.rglob(".*.json")
    note.write_text(state)
    assert downloads.fetch(file).path.read_bytes() == CONTENT


def test_another_part_than_the_missing_one_is_not_taken(server: str, downloads: Downloads) -> None:
    assert downloads.fetch(file_at(f"{server}/shifted", hash=SHA256)).path.read_bytes() == CONTENT
    assert [given for _, _, given in Files.asked] == [None, "bytes=1000-", None]


def test_a_wrong_hash_leaves_nothing(server: str, downloads: Downloads) -> None:
    with pytest.raises(ModelFileError, match=f"arrived with the sha256 {SHA256}.*it was removed"):
        downloads.fetch(file_at(f"{server}/a", hash="0" * 64))
    assert left(downloads) == []
    Files.asked.clear()
    with pytest.raises(ModelFileError, match="is not a valid SHA256"):
        downloads.fetch(file_at(f"{server}/a", hash="0" * 63, hash_type="SHA256"))
    assert Files.asked == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none", "answered 404: file not found"),
        ("locked", "answered 401: you must log in or accept a licence"),
        ("page", "answered with a web page"),
        ("busy", "could not be downloaded: 127.0.0.1 answered 503"),
        ("huge", r"huge with .*|checkpoints/a.safetensors with .* is larger than 32 MiB"),
        ("endless", "is larger than 32 MiB"),
        ("round", "redirects more than 8 times"),
        ("to/?ftp://127.0.0.1/a", "is not an https address"),
        ("to/?file:///etc/passwd", "is not an https address"),
        ("to/?https://127.0.0.1/a", "redirects from http to https, which is not allowed"),
        ("to/?http://me:secret@127.0.0.1/a", "a user name or a password"),
        ("to/?http://10.0.0.1/a", "is not https"),
        ("to/?http://localhost:1/a", "is not https"),
        ("to/?//[", "is not https"),
    ],
)
def test_what_is_not_taken(server: str, downloads: Downloads, path: str, why: str) -> None:
    with pytest.raises(ModelFileError, match=why) as told:
        downloads.fetch(file_at(f"{server}/{path}"))
    assert "secret" not in str(told.value)
    assert [name for name in left(downloads) if not name.startswith(".")] == []


def test_two_commands_do_not_write_one_file(server: str, downloads: Downloads) -> None:
    file = file_at(f"{server}/a", hash=SHA256)
    seen: list[str] = []

    def another(_done: int, _size: int | None) -> None:
        if not seen:
            with pytest.raises(ModelFileError, match="is another command downloading it") as told:
                downloads.fetch(file)
            seen.append(str(told.value))

    assert downloads.fetch(file, another).path.read_bytes() == CONTENT
    assert len(seen) == 1
    assert left(downloads) == ["a.safetensors"]


def test_a_folder_that_cannot_be_written_is_one_error(
    server: str, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("sqlite3.connect", refused)
    with pytest.raises(ModelFileError, match="cannot be locked"):
        downloads.fetch(file_at(f"{server}/a"))


def test_redirects_are_followed(server: str, downloads: Downloads) -> None:
    assert downloads.fetch(file_at(f"{server}/to/?{server}/a", hash=SHA256)).checked
    assert downloads.size(file_at(f"{server}/to/?/a")) == len(CONTENT)


def test_the_hash_that_the_server_says_is_compared_where_the_workflow_has_none(
    server: str, downloads: Downloads
) -> None:
    with pytest.raises(ModelFileError, match=f"{SHA256}, and its server says {'0' * 64}; it was removed"):
        downloads.fetch(file_at(f"{server}/linked/{'0' * 64}"))
    assert left(downloads) == []
    other = file_at(f"{server}/linked/{'0' * 64}", hash=SHA256)  # the workflow's counts
    assert downloads.fetch(other).checked
    assert downloads.fetch(replace(file_at(f"{server}/linked/{SHA256}"), name="b.safetensors")).checked
    assert not downloads.fetch(replace(file_at(f"{server}/linked/no-hash"), name="c.safetensors")).checked


def test_ctrl_c_keeps_what_is_there(
    command: Command, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Downloads._received

    def interrupted(self: Downloads, *given: Any) -> None:
        Files.cut_after.append(300_000)
        with contextlib.suppress(Exception):
            real(self, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Downloads, "_received", interrupted)
    words = ("models", "--missing", target, "--download", "--into", str(tmp_path), "--yes")
    run = command(*words, "--allow-host", "127.0.0.1")
    assert run.code == 130
    assert "the partial checkpoints/a.safetensors was kept" in run.err
    assert len(list((tmp_path / "models").rglob(".*.part"))) == 1
    monkeypatch.setattr(Downloads, "_received", real)
    Files.cut_after.clear()
    assert command(*words, "--allow-host", "127.0.0.1").code == 0


def test_a_server_without_head_is_asked_otherwise(server: str, downloads: Downloads) -> None:
    assert downloads.size(file_at(f"{server}/headless")) == len(CONTENT)
    with pytest.raises(ModelFileError, match="answered 401"):
        downloads.size(file_at(f"{server}/locked"))


def test_a_full_disk_is_told_before_anything_is_written(
    server: str, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(ModelFileError, match=r"needs 1 MiB more, but .* has 1000 bytes"):
        downloads.fetch(file_at(f"{server}/a"))


def test_nothing_is_written_outside_the_folder_of_models(server: str, downloads: Downloads) -> None:
    for directory, name in (
        ("../../x", "a.safetensors"),
        ("checkpoints", "../../a.safetensors"),
        ("x", "a.py"),
    ):
        with pytest.raises(ModelFileError, match="was not downloaded"):
            downloads.fetch(WantedModel(name, directory, f"{server}/a"))
    assert Files.asked == []
    assert list(downloads.models.parent.rglob("*")) == [downloads.models]


@pytest.fixture
def target(tmp_path: Path, server: str) -> str:
    def loader(number: int, name: str, **more: Any) -> dict[str, Any]:
        said = {"name": name, "directory": "checkpoints", **more}
        return {
            "id": number,
            "type": "CheckpointLoaderSimple",
            "mode": 0,
            "inputs": [],
            "outputs": [{"name": "MODEL", "type": "MODEL", "links": [number]}],
            "properties": {"models": [said]},
            "widgets_values": [name],
        }

    nodes = [
        loader(1, "a.safetensors", url=f"{server}/a", hash=SHA256),
        loader(2, "b.ckpt", url=f"{server}/a"),
    ]
    merged = {"id": 3, "type": "ModelMergeSimple", "mode": 0, "widgets_values": [1.0], "outputs": []}
    merged["inputs"] = [{"name": f"model{number}", "type": "MODEL", "link": number} for number in (1, 2)]
    links = [[1, 1, 0, 3, 0, "MODEL"], [2, 2, 0, 3, 1, "MODEL"]]
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps({"version": 0.4, "nodes": [*nodes, merged], "links": links}))
    (tmp_path / "models").mkdir()
    return str(path)


@pytest.fixture(autouse=True)
def no_comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfyflow.configuration.DEFAULT_SERVER", "http://127.0.0.1:9")
    monkeypatch.delenv("COMFYFLOW_SERVER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))


def test_the_command_fetches_what_is_missing(command: Command, target: str, tmp_path: Path) -> None:
    words = ("models", "--missing", target, "--download", "--into", str(tmp_path))
    refused = command(*words, "--yes")
    assert refused.code == 2
    assert "is not https, so anyone in between could change the file" in refused.err
    assert "downloaded 0 of 2 missing" in refused.out
    unasked = command(*words, "--allow-host", "127.0.0.1")
    assert unasked.code == 2
    assert (
        "cannot ask before downloading 2 files, 2 MiB: standard input is not a terminal; add --yes"
        in unasked.err
    )
    assert list((tmp_path / "models").iterdir()) == []
    done = command(*words, "--allow-host", "127.0.0.1", "--yes")
    assert done.code == 0, done.err
    assert f"{tmp_path / 'models' / 'checkpoints' / 'a.safetensors'} (1 MiB, hash checked)" in done.out
    assert "(no hash to verify it; this format can run code when it is loaded)" in done.out
    assert done.out.endswith(f"downloaded 2 of 2 missing model files into {tmp_path / 'models'}\n")
    assert (tmp_path / "models" / "checkpoints" / "b.ckpt").read_bytes() == CONTENT
    again = command("models", "--missing", target, "--into", str(tmp_path))
    assert (again.code, again.out.splitlines()[-1]) == (0, "0 of 2 model files are missing")


@pytest.mark.parametrize(("said", "code", "count"), [("y\n", 0, 2), ("n\n", 1, 0)])
def test_it_asks_first(
    command: Command,
    target: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    code: int,
    count: int,
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> str:
            return said

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda *_: said.strip())
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda *_: said.strip())
    words = (
        "models",
        "--missing",
        target,
        "--download",
        "--into",
        str(tmp_path),
        "--allow-host",
        "127.0.0.1",
    )
    run = command(*words)
    assert run.code == code
    assert len(list((tmp_path / "models").rglob("*.*"))) == count
