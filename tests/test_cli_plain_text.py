"""What a file or a server says is shown on a terminal, and not obeyed by it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from comfyflow.cli.plain_text import plain
from comfyflow.client import AsyncClient, SystemStats
from comfyflow.simulator import Simulator
from tests.command import Command

EVIL = "\x1b[31mred\x1b]0;x\x07\x9b1m"
STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

PROMPT: dict[str, Any] = {
    "1": {
        "class_type": f"Empty{EVIL}",
        "inputs": {f"width{EVIL}": f"value{EVIL}", "image": ["2", 0]},
        "_meta": {"title": f"title{EVIL}"},
    },
    "2": {
        "class_type": "KSampler",
        "inputs": {"sampler_name": EVIL, f"x{EVIL}": 1},
        "_meta": {"title": EVIL},
    },
    f"3{EVIL}": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": EVIL}},
}
SOUND: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8}, "_meta": {"title": f"title{EVIL}"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": f"p{EVIL}"}},
}
EDITOR: dict[str, Any] = {
    "version": 0.4,
    "nodes": [
        {
            "id": 1,
            "type": "EmptyImage",
            "title": f"title{EVIL}",
            "inputs": [{"name": f"input{EVIL}", "type": EVIL, "link": None}],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
            "widgets_values": [f"value{EVIL}", 8, 1, EVIL],
        },
        {"id": 2, "type": f"Save{EVIL}", "title": EVIL, "widgets_values": [f"{{a|b{EVIL}}}"]},
        {
            "id": 3,
            "type": "SaveImage",
            "title": EVIL,
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
            "outputs": [],
            "widgets_values": [f"{{a|b{EVIL}}}%date:{EVIL}%%{EVIL}.x%"],
        },
    ],
    "links": [[1, 1, 0, 3, 0, f"IMAGE{EVIL}"]],
}
OBJECT_INFO: dict[str, Any] = {
    f"Empty{EVIL}": {
        "input": {
            "required": {
                f"width{EVIL}": [f"INT{EVIL}", {"default": EVIL, "tooltip": EVIL}],
                "choice": [[f"a{EVIL}", "b"], {}],
            }
        },
        "output": [f"IMAGE{EVIL}"],
        "output_is_list": [False],
        "output_name": [f"out{EVIL}"],
        "name": f"Empty{EVIL}",
        "display_name": f"Display{EVIL}",
        "description": f"described{EVIL}",
        "python_module": f"module{EVIL}",
        "category": f"category{EVIL}",
        "output_node": False,
    },
    f"Broken{EVIL}": {"input": 3, "output": EVIL},
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile files in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("prompt.json", PROMPT),
        ("sound.json", SOUND),
        ("editor.json", EDITOR),
        ("info.json", OBJECT_INFO),
        ("broken.json", {**EDITOR, "links": [[1, 99, 0, 3, 0, EVIL]]}),
    ):
        Path(name).write_text(json.dumps(value))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("server", ["", " --object-info info.json"])
@pytest.mark.parametrize("file", ["prompt.json", "sound.json", "editor.json", "broken.json"])
@pytest.mark.parametrize(
    "words",
    [
        "convert FILE -o out.json",
        "convert FILE --explain",
        "validate FILE",
        "to-python FILE -o out.py",
        "diff FILE sound.json",
        "diff prompt.json FILE",
        "compile FILE -o out.json",
        "hash FILE",
        "lock FILE -o out.lock",
        "check FILE --lock comfyflow.lock",
    ],
)
def test_a_workflow_steers_no_terminal(command: Command, words: str, file: str, server: str) -> None:
    command("lock", "sound.json")
    run = command(*f"{words.replace('FILE', file)}{server}".split())
    assert run.code in (0, 1, 2)
    assert not STEERS.search(run.out + run.err)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "words",
    [
        ("nodes",),
        ("nodes", "empty"),
        ("nodes", f"Empty{EVIL}"),
        ("nodes", f"Emptyy{EVIL}"),
        ("gen-stubs", "--out", "package"),
        ("gen-stubs", "--out", "package", "--verbose"),
    ],
)
def test_a_server_steers_no_terminal(command: Command, words: tuple[str, ...]) -> None:
    run = command(*words, "--object-info", "info.json")
    assert run.code in (0, 1)
    assert "Empty" in run.out + run.err or "generated" in run.out
    assert not STEERS.search(run.out + run.err)


@pytest.mark.usefixtures("files")
def test_what_a_program_reads_is_as_it_is(command: Command) -> None:
    assert json.loads(command("compile", "sound.json").out) == SOUND
    report = json.loads(command("validate", "prompt.json", "--format", "json").out)
    assert report["problems"][0]["class_type"] == f"Empty{EVIL}"


def test_a_server_that_runs_steers_no_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"system": {"comfyui_version": EVIL}, "devices": [{"name": EVIL}]}

    async def told(_self: AsyncClient) -> SystemStats:
        return SystemStats(stats)

    monkeypatch.setattr(AsyncClient, "system_stats", told)
    with Simulator() as server:
        run = command("status", "--server", server.url)
    assert run.out.count("red") == 2
    assert not STEERS.search(run.out + run.err)


def test_words_and_lines_stay() -> None:
    assert plain(f"a\tb\r\nc {EVIL}") == "a\tb\nc red\ufffd1m"
