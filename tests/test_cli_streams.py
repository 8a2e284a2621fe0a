"""Texts on a terminal, and ``-`` in place of a file."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comfyflow.cli.streams import plain
from comfyflow.client import AsyncClient, SystemStats
from comfyflow.importer import workflow_file
from comfyflow.simulator import Simulator
from tests.command import Command, Run
from tests.test_read_workflow import png

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


PIPED_PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}},
}
PIPED_EDITOR: dict[str, Any] = {
    "version": 0.4,
    "nodes": [
        {
            "id": 1,
            "type": "EmptyImage",
            "inputs": [],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
            "widgets_values": [8, 8, 1, 0],
        },
        {
            "id": 2,
            "type": "SaveImage",
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
            "outputs": [],
            "widgets_values": ["p"],
        },
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
}
DATA = json.dumps(PIPED_PROMPT).encode()
PICTURE = png((b"tEXt", b"prompt\0" + DATA), (b"tEXt", b"workflow\0" + json.dumps(PIPED_EDITOR).encode()))

Piped = Callable[..., Run]


@pytest.fixture
def piped(command: Command, monkeypatch: pytest.MonkeyPatch) -> Piped:
    """Run ``comfyflow`` with some bytes to read and some words."""

    def run(data: bytes, *words: str) -> Run:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "ascii"))
        return command(*words)

    return run


@pytest.mark.parametrize(("data", "suffix"), [(DATA, "json"), (PICTURE, "png")])
def test_it_is_what_the_file_would_be(piped: Piped, tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"stdin.{suffix}"
    path.write_bytes(data)
    for words in (("compile",), ("to-python", "--name", "made"), ("validate", "--format", "json")):
        from_file, from_pipe = piped(b"", words[0], str(path), *words[1:]), piped(data, *words, "-")
        assert (from_pipe.code, from_file.code) == (0, 0)
        assert from_pipe.out == from_file.out
    digest, name = piped(data, "hash", "-").out.split()
    assert name == "-"
    assert piped(b"", "hash", str(path)).out.split()[0] == digest
    for pair in (("-", str(path)), (str(path), "-")):
        same = piped(data, "diff", *pair)
        assert (same.code, same.out, same.err) == (0, "", "")


@pytest.mark.parametrize("data", [json.dumps(PIPED_EDITOR).encode(), PICTURE])
def test_convert_reads_it(piped: Piped, data: bytes) -> None:
    run = piped(data, "convert", "-")
    assert (run.code, run.err) == (0, "")
    assert {node["class_type"] for node in json.loads(run.out).values()} == {"EmptyImage", "SaveImage"}


def test_messages_call_it_stdin(piped: Piped) -> None:
    assert piped(DATA, "validate", "-").out.startswith("<stdin>: valid")
    broken = piped(b'{"1": {"inputs": {}}}', "validate", "-")
    assert broken.code == 1
    assert broken.out.startswith("<stdin>: invalid")
    assert "comfyflow: <stdin> holds a prompt, not an editor workflow" in piped(DATA, "convert", "-").err


def test_python_of_it_is_named_by_where_it_is_written(piped: Piped, tmp_path: Path) -> None:
    assert "def flow(" in piped(DATA, "to-python", "-").out
    out = tmp_path / "two pictures.py"
    assert piped(DATA, "to-python", "-", "-o", str(out)).code == 0
    assert "def two_pictures(" in out.read_text()


@pytest.mark.parametrize(
    "words", ["convert -", "to-python -", "validate -", "diff - -", "hash -", "compile -"]
)
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "<stdin> is empty"),
        (b'{"1": ', "<stdin> is not valid JSON"),
        (b"\x00\xff\xfe", "<stdin> holds no workflow"),
        (b"from comfyflow import workflow", "<stdin> holds no workflow"),
    ],
)
def test_what_it_is_not_is_said(piped: Piped, words: str, data: bytes, why: str) -> None:
    run = piped(data, *words.split())
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"comfyflow: {why}")
    assert ("a Python workflow is named by its file" in run.err) == (words != "convert -")


@pytest.mark.parametrize("name", ["compile", "to-python"])
def test_the_same_sign_is_standard_output(
    name: str, piped: Piped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = piped(DATA, name, "-")
    assert shown.code == 0
    assert piped(DATA, name, "-", "-o", "-").out == shown.out != ""
    assert list(tmp_path.iterdir()) == []


def test_it_has_no_parameters(piped: Piped) -> None:
    run = piped(DATA, "compile", "-", "--width", "3")
    assert run.code == 2
    assert "<stdin> is not a Python workflow and takes no parameters: --width 3" in run.err
    run = piped(DATA, "run", "-", "--image", "a.png")
    assert run.err == "comfyflow: <stdin> is not a Python workflow and takes no parameters: --image a.png\n"


def test_its_size_is_bounded_as_that_of_a_file(
    piped: Piped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(DATA)
    for name in ("LARGEST", "LARGEST_JSON"):
        monkeypatch.setattr(workflow_file, name, len(DATA) - 1)
    for words in (("hash", "-"), ("convert", "-"), ("hash", str(path)), ("convert", str(path))):
        run = piped(DATA, *words)
        assert run.code == 2
        assert f"is larger than {len(DATA) - 1} bytes" in run.err
    for name in ("LARGEST", "LARGEST_JSON"):
        monkeypatch.setattr(workflow_file, name, len(DATA))
    assert piped(DATA, "hash", "-").code == 0


def test_a_file_of_that_name_has_its_folder(
    piped: Piped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(DATA)
    assert piped(b"", "hash", "./-").code == 0
    assert piped(b"", "hash", "-").code == 2


@pytest.mark.parametrize(
    "display",
    [
        "from comfyflow.cli.progress import display; display(1, as_json=False, quiet=True)",
        "from comfyflow.cli.batch_display import batch_display as on; on(None, as_json=False, quiet=True)",
    ],
)
def test_what_is_displayed_is_not_printed_by_the_log_too(display: str) -> None:
    warned = f"import logging; {display}; logging.getLogger('comfyflow.client').warning('away')"
    told = subprocess.run([sys.executable, "-c", warned], capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
