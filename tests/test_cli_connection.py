"""Which server commands talk to, with which credentials; and that these are printed nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyflow import load_schema
from comfyflow.errors import SchemaError
from tests.command import Command
from tests.guarded_server import Guarded, basic, guarded

PASSWORD = "hunter-2200"
TOKEN = "tok-3f9a7c"
PROMPT = {"1": {"class_type": "Save", "inputs": {}}}
TARGET = "TARGET"


@pytest.fixture
def server() -> Iterator[Guarded]:
    with guarded(
        wanted_query={"token": TOKEN}, wanted_headers={"authorization": basic("ada", PASSWORD)}
    ) as state:
        yield state


@pytest.fixture
def prompt_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(PROMPT))
    return path


COMMANDS = [
    ["gen-stubs", "--out", "made"],
    ["nodes", "old"],
    ["nodes", "nothing-of-the-kind"],
    ["validate", TARGET],
    ["compile", TARGET],
    ["convert", TARGET],
    ["to-python", TARGET],
    ["diff", TARGET, TARGET],
    ["hash", TARGET],
    ["lock", TARGET, "-o", "made.lock"],
    ["check", TARGET],
    ["check", TARGET, "--format", "json"],
    ["status"],
    ["status", "--json"],
    ["queue"],
    ["history"],
    ["models"],
    ["models", "nothing-of-the-kind"],
    ["view", "gone.png"],
    ["run", TARGET, "--timeout", "0.2"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_what_an_address_holds(
    words: list[str],
    server: Guarded,
    command: Command,
    prompt_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The credentials are sent with every request; they are in no output, no file and no log."""
    caplog.set_level(logging.DEBUG)
    url = f"http://ada:{PASSWORD}@127.0.0.1:{server.port}/?token={TOKEN}"
    ran = command(*[str(prompt_file) if word == TARGET else word for word in words], "--server", url)
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    for text in [ran.out, ran.err, *written, *(record.getMessage() for record in caplog.records)]:
        assert PASSWORD not in text
        assert TOKEN not in text
    assert "credentials" not in ran.err
    for path, query, headers in server.seen:
        assert query.get("token") == TOKEN, path
        assert headers["authorization"] == basic("ada", PASSWORD)


def test_a_schema_of_such_an_address(server: Guarded) -> None:
    schema = load_schema(f"http://ada:{PASSWORD}@127.0.0.1:{server.port}/?token={TOKEN}")
    assert list(schema) == ["Old", "Save"]
    assert schema.source == server.url
    assert PASSWORD not in repr(schema)


def test_a_schema_with_options_of_a_client(server: Guarded) -> None:
    assert load_schema(server.url, basic=("ada", PASSWORD), token=TOKEN).version == (0, 27, 0)
    with pytest.raises(SchemaError, match="gave 401"):
        load_schema(server.url, token=TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:hunter-2200@127.0.0.1:9/?token=tok-3f9a7c",
        "http://ada:hunter-2200/x@host",
        "http://ada:hunter-2200?x@host",
        "http://ada:hunter-2200#x@host",
        "http://host:port/?token=tok-3f9a7c&next=a@b",
        "ada:hunter-2200@host:port",
        "http//ada:hunter-2200@host",
        "http:/ada:hunter-2200@host",
        "ftp://ada:hunter-2200@host/?token=tok-3f9a7c",
    ],
)
@pytest.mark.parametrize("words", [["gen-stubs"], ["status"], ["nodes", "x"]], ids=" ".join)
def test_an_address_that_does_not_work_is_shown_without_them(
    words: list[str], url: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = command(*words, "--server", url)
    assert ran.code == 2
    assert ran.err
    for text in (ran.out, ran.err):
        assert "hunter-2200" not in text
        assert TOKEN not in text
    with pytest.raises(SchemaError) as caught:
        load_schema(url if "://" in url and not url.startswith("ftp") else f"http://{url}")
    assert "hunter-2200" not in str(caught.value)
    assert TOKEN not in str(caught.value)
