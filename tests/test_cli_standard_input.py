"""``-`` in place of a file, for each command that takes a workflow."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comfyflow.importer import workflow_file
from tests.command import Command, Run
from tests.test_read_workflow import png

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "p"}},
}
EDITOR: dict[str, Any] = {
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
DATA = json.dumps(PROMPT).encode()
PICTURE = png((b"tEXt", b"prompt\0" + DATA), (b"tEXt", b"workflow\0" + json.dumps(EDITOR).encode()))

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


@pytest.mark.parametrize("data", [json.dumps(EDITOR).encode(), PICTURE])
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
