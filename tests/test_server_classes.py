"""A server's classes as commands ask for them: those that are used, and what is true of them now."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from comfyflow.bounds import Bounds
from comfyflow.client.server_classes import asked_schema
from comfyflow.errors import SchemaError
from comfyflow.schema import Schema
from comfyflow.validate import validate_prompt
from tests.command import Command
from tests.simulated import NODES, SAVE
from tests.test_catalogue import NODES as REFERENCE
from tests.test_catalogue import PROMPT
from tests.web_server import web_server

BALLAST = {f"Other {number}": NODES["SaveImage"] for number in range(300)}


@dataclass
class Server:
    """A server whose classes can change, and what it was asked for.

    Attributes:
        classes: Its classes.
        tells_singly: Whether it knows the route of single classes.
        version: What it says of itself; None for nothing.
        tagged: Whether it gives its answers an ETag.
        asked: The routes, in order.
        sent: The bytes of all answers.
        failing: Classes of which it answers 500.
    """

    classes: dict[str, Any]
    tells_singly: bool = True
    version: str | None = "0.33.0"
    tagged: bool = False
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    failing: set[str] = field(default_factory=set)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, tag: str | None) -> tuple[int, bytes, str]:
        route = path.removeprefix("/api")
        with self._lock:
            self.asked.append(route)
        if route == "/system_stats" and self.version is not None:
            return 200, json.dumps({"system": {"comfyui_version": self.version}}).encode(), ""
        name = unquote(route.removeprefix("/object_info/"))
        if route == "/object_info":
            said: Any = {key: value for key, value in self.classes.items() if key not in self.failing}
        elif not route.startswith("/object_info/") or not self.tells_singly:
            return 404, b"404: Not Found", ""
        elif name in self.failing:
            return 500, b"500 Internal Server Error", ""
        else:
            said = {name: self.classes[name]} if name in self.classes else {}
        body = json.dumps(said).encode()
        own = f'"{hash(body)}"' if self.tagged else ""
        return (304, b"", own) if own and tag == own else (200, body, own)

    @property
    def whole(self) -> int:
        """How often it was asked for all classes."""
        return self.asked.count("/object_info")


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, tag = server.answer(self.path, self.headers.get("If-None-Match"))
            self.send_response(status)
            if tag:
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # Before the answer: whoever has it may look at once.
            with server._lock:
                server.sent += len(body)
            self.wfile.write(body)

    with web_server(Answers) as server.url:
        yield server


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server({**NODES, **BALLAST})) as running:
        yield running


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("COMFYFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def prompt_file(tmp_path: Path, prompt: Any = SAVE) -> str:
    (tmp_path / "prompt.json").write_text(json.dumps(prompt))
    return str(tmp_path / "prompt.json")


def used(prompt: Any = SAVE) -> set[str]:
    return {node["class_type"] for node in prompt.values()}


def wrong(name: str) -> Any:
    """A prompt with a class that no server has."""
    return {**SAVE, "9": {"class_type": name, "inputs": {"images": ["1", 0], "filename_prefix": "a"}}}


def shown(schema: Schema, prompt: Any) -> Any:
    """A report, without which schema it is of."""
    return {**validate_prompt(prompt, schema).to_json(), "schema": None}


@pytest.mark.parametrize("words", [["validate"], ["hash"], ["compile"]])
def test_a_command_asks_for_the_classes_in_use(
    words: list[str], command: Command, server: Server, tmp_path: Path
) -> None:
    run = command(*words, prompt_file(tmp_path), "--server", server.url)
    assert run.code == 0, run.err
    asked = {unquote(route.rpartition("/")[2]) for route in server.asked if "/object_info/" in route}
    assert asked <= used()
    assert server.whole == 0
    if words == ["validate"]:
        assert asked == used()
        assert f"schema: ComfyUI 0.33.0, from {server.url}" in run.out


def test_a_report_is_what_it_is_against_all_classes(server: Server) -> None:
    broken = {**SAVE, "1": {"class_type": "EmptyImage", "inputs": {"width": "x", "strange": 1}}}
    for prompt in (SAVE, broken, wrong("SaveImge"), wrong("nothing similar"), {"1": {}}):
        asked = asked_schema(server.url)
        assert shown(asked, prompt) == shown(Schema(server.classes, "0.33.0"), prompt)


def test_the_nearest_name_needs_all_names_once(server: Server, kept: Path) -> None:
    for whole in (1, 1):
        report = validate_prompt(wrong("SaveImge"), asked_schema(server.url))
        assert [problem.suggestion for problem in report.errors] == ["Did you mean 'SaveImage'?"]
        assert server.whole == whole


def test_a_kept_name_is_told_only_while_the_server_has_the_class(server: Server, kept: Path) -> None:
    validate_prompt(wrong("SaveImge"), asked_schema(server.url))
    del server.classes["SaveImage"]
    server.classes["Save Imgee"] = NODES["SaveImage"]
    report = validate_prompt(wrong("SaveImge"), asked_schema(server.url))
    assert report.to_json()["problems"][0]["suggestion"] == "Did you mean 'Save Imgee'?"


def test_a_class_that_came_is_there_although_its_name_was_not_kept(server: Server, kept: Path) -> None:
    validate_prompt(wrong("SaveImge"), asked_schema(server.url))
    server.classes["SaveImge"] = NODES["SaveImage"]
    assert validate_prompt(wrong("SaveImge"), asked_schema(server.url)).ok


@pytest.mark.parametrize("tagged", [False, True])
def test_what_changed_on_the_server_is_seen_by_the_next_run(
    tagged: bool, command: Command, server: Server, kept: Path, tmp_path: Path
) -> None:
    server.tagged = tagged
    words = ("validate", prompt_file(tmp_path), "--server", server.url)
    assert command(*words).code == 0
    del server.classes["SaveImage"]
    assert command(*words).code == 1
    server.classes["SaveImage"] = NODES["SaveImage"]
    assert command(*words).code == 0


def test_an_answer_with_an_etag_is_sent_once(
    command: Command, server: Server, kept: Path, tmp_path: Path
) -> None:
    server.tagged = True
    words = ("validate", prompt_file(tmp_path), "--server", server.url)
    assert command(*words).code == 0
    server.sent = 0
    assert command(*words).code == 0
    assert server.sent < 100
    assert command(*words, "--no-cache").code == 0
    assert server.sent > 500


def test_a_damaged_answer_is_asked_for_anew(
    command: Command, server: Server, kept: Path, tmp_path: Path
) -> None:
    server.tagged = True
    words = ("validate", prompt_file(tmp_path), "--server", server.url)
    assert command(*words).code == 0
    for entry in kept.rglob("*.entry"):
        entry.write_bytes(entry.read_bytes().replace(b"IMAGE", b"IMAGF"))
    run = command(*words)
    assert run.code == 0, run.out


def test_nothing_is_kept_where_that_is_not_wanted(
    command: Command, server: Server, kept: Path, tmp_path: Path
) -> None:
    server.tagged = True
    words = ("validate", prompt_file(tmp_path, wrong("SaveImge")), "--server", server.url)
    command(*words, "--no-cache")
    assert not kept.exists()
    command(*words)
    assert list(kept.rglob("*.entry"))


@pytest.mark.parametrize(
    "server_of", [{"tells_singly": False}, {"version": None}, {"failing": {"SaveImage"}}]
)
def test_a_server_that_does_not_tell_of_single_classes_is_asked_for_all(
    server_of: dict[str, Any], tmp_path: Path
) -> None:
    with serving(Server({**NODES}, **server_of)) as server:
        ok = validate_prompt(SAVE, asked_schema(server.url)).ok
    assert ok == ("SaveImage" not in server.failing)
    assert server.whole == 1


def test_many_classes_are_asked_for_as_one(server: Server) -> None:
    schema = asked_schema(server.url)
    schema.expect(BALLAST)
    assert [len(schema.raw), server.whole, len(server.asked)] == [len(server.classes), 1, 2]


def test_names_of_every_kind(server: Server) -> None:
    names = ["a/b", "..", "Größe +1", "100%", "a?b#c", "x\ny", "\ud800"]
    server.classes.update(dict.fromkeys(names, NODES["SaveImage"]))
    schema = asked_schema(server.url)
    schema.expect(names)
    assert all(name in schema for name in names)


def test_an_answer_for_another_class_is_none(server: Server) -> None:
    server.classes["Liar"] = NODES["SaveImage"]
    answer = server.answer
    server.answer = lambda path, tag: answer(path.replace("SaveImage", "Liar"), tag)  # type: ignore[method-assign]
    assert "SaveImage" in asked_schema(server.url)
    assert server.whole == 1


def test_all_answers_together_are_bounded(server: Server) -> None:
    # No single one is too large, nor is the first.
    schema = asked_schema(server.url, bounds=Bounds(json=len(json.dumps(NODES)) // 2))
    with pytest.raises(SchemaError, match="larger than"):
        schema.expect(NODES)


def test_a_server_that_goes_away_is_no_unknown_class() -> None:
    with serving(Server({**NODES})) as server:
        schema = asked_schema(server.url)
    with pytest.raises(SchemaError, match="no ComfyUI server answers"):
        validate_prompt(SAVE, schema)


@pytest.mark.parametrize(("change", "whole"), [({}, 0), ({"strange": ["INT", {"default": 1}]}, 1)])
def test_python_has_the_names_of_the_package_that_is_here(
    change: dict[str, Any], whole: int, command: Command, tmp_path: Path
) -> None:
    sampler = REFERENCE["KSampler"]
    inputs = {**sampler["input"], "required": {**sampler["input"]["required"], **change}}
    few = {name: REFERENCE[name] for name in used(json.loads(PROMPT.read_bytes()))}
    nodes = {**few, "KSampler": {**sampler, "input": inputs}, "KSampler ": sampler}
    with serving(Server(nodes)) as server:
        run = command("to-python", str(PROMPT), "--server", server.url)
    assert run.code == 0, run.err
    assert server.whole == whole
    assert run.out == command("to-python", str(PROMPT)).out or whole
