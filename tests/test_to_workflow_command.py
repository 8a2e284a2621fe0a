from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command

PYTHON = """
from comfyflow import raw_node, workflow

@workflow
def picture(width: int = 8):
    \"\"\"A plain picture.\"\"\"
    return raw_node("SaveImage", {"images": raw_node("EmptyImage", {"width": width})[0]})
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "picture.py"
    path.write_text(PYTHON)
    return str(path)


def test_a_workflow_in_python_is_written_for_the_editor(
    command: Command, script: str, tmp_path: Path
) -> None:
    out = tmp_path / "picture.json"
    run = command("to-workflow", script, "--width", "16", "--stubs", "comfynodes", "-o", str(out))
    assert run.code == 0
    assert "defaults" in run.err
    made = json.loads(out.read_text())
    assert [node["type"] for node in made["nodes"]] == ["EmptyImage", "SaveImage"]
    back = command("convert", str(out), "--stubs", "comfynodes")
    assert json.loads(back.out)["1"]["inputs"]["width"] == 16


def test_a_prompt_and_what_was_written_of_it_are_taken_too(
    command: Command, script: str, tmp_path: Path
) -> None:
    prompt, first, second = (str(tmp_path / name) for name in ("prompt.json", "first.json", "second.json"))
    command("compile", script, "-o", prompt)
    words = ("--stubs", "comfynodes", "--frontend", "1.58", "-o")
    assert command("to-workflow", prompt, *words, first).code == 0
    again = command("to-workflow", first, *words, second)
    assert (again.code, again.err) == (0, "")
    made, remade = (json.loads(Path(name).read_text()) for name in (first, second))
    assert {**made, "id": ""} == {**remade, "id": ""}


def test_a_frontend_that_is_none_is_refused(command: Command, script: str) -> None:
    run = command("to-workflow", script, "--stubs", "comfynodes", "--frontend", "newest")
    assert run.code == 2
    assert "no version of the editor" in run.err
