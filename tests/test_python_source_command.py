from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import comfyflow.python_source
from tests.command import Command
from tests.test_python_source import AS_PYTHON, TXT2IMG


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "first try.json"
    file.write_text(json.dumps(TXT2IMG))
    return file


def test_a_prompt_is_written_as_python_and_proven(prompt: Path, command: Command) -> None:
    out = prompt.parent / "first_try.py"
    run = command("to-python", str(prompt), "-o", str(out))
    assert (run.code, run.out) == (0, "")
    assert run.err == f"{out}: proven to give the same 7 nodes\n"
    assert out.read_text() == AS_PYTHON
    again = command("to-python", str(out))
    assert again.code == 0
    assert "Make the graph" in again.out


def test_without_a_file_the_source_goes_to_the_screen(prompt: Path, command: Command) -> None:
    assert command("to-python", str(prompt)).out == AS_PYTHON
    flat = command("to-python", str(prompt), "--flat", "--params", "seeds,3.cfg", "--name", "draw it").out
    assert "def draw_it(cfg: float = 7.5, seed: int = 18446744073709551615) -> SaveImage:" in flat
    assert "def first_try() -> SaveImage:" in command("to-python", str(prompt), "--params", "none").out


def test_a_schema_that_is_given_is_generated_for_the_proof(
    prompt: Path, tmp_path: Path, command: Command
) -> None:
    info: dict[str, Any] = {
        "SaveImage": {
            "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "x"}]}},
            "output": [],
            "output_node": True,
            "python_module": "nodes",
        }
    }
    schema = tmp_path / "info.json"
    schema.write_text(json.dumps(info))
    run = command("to-python", str(prompt), "--object-info", str(schema), "--package", "my.nodes")
    assert run.code == 0
    assert "from my.nodes import SaveImage\n" in run.out
    assert 'raw_node(\n        "KSampler",' in run.out


def test_a_difference_is_told_and_nothing_written(
    prompt: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        comfyflow.python_source, "to_python", lambda *_args, **_more: AS_PYTHON.replace("7.5", "8.0")
    )
    out = prompt.parent / "out.py"
    run = command("to-python", str(prompt), "-o", str(out))
    assert run.code == 1
    assert run.err.startswith("the Python does not give the same graph, and was not written:\n")
    assert "cfg: 7.5 -> 8.0" in run.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--params", "none,seeds"], "--params none stands alone"),
        (["--params", "seed"], "there is no kind of parameter 'seed'"),
        (["--package", "no_such_package"], "there is no package 'no_such_package' of node classes"),
    ],
)
def test_what_cannot_be_done_is_one_line(prompt: Path, command: Command, words: list[str], told: str) -> None:
    run = command("to-python", str(prompt), *words)
    assert run.code == 2
    assert told in run.err
    assert run.err.count("\n") == 1
