from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow import Client
from comfyflow import workflow as workflow_of
from comfyflow.cli.open import sidebar_name
from comfyflow.errors import NodeUsageError
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.editor_json import node, outputs, workflow

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
    assert [node["type"] for node in made["nodes"]] == ["EmptyImage", "SaveImage", "MarkdownNote"]
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
    assert "not an editor version" in run.err


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Simulator() as simulator:
        yield simulator.url


def listed(address: str) -> list[str]:
    with Client(address) as client:
        return client.list_userdata("workflows")


def test_a_workflow_is_put_where_the_sidebar_lists_it(command: Command, script: str, address: str) -> None:
    run = command("open", script, "--server", address, "--width", "24")
    assert run.code == 0
    assert run.out.startswith(f"{address} has it as workflows/picture.json")
    assert listed(address) == ["picture.json"]
    with Client(address) as client:
        made = json.loads(client.get_userdata("workflows/picture.json"))
    assert made["nodes"][0]["widgets_values"][0] == 24


def test_nothing_is_overwritten_unless_it_is_asked_for(command: Command, script: str, address: str) -> None:
    words = ("open", script, "--server", address, "--name", "mine")
    assert command(*words).code == 0
    again = command(*words, "--width", "99")
    assert again.code == 2
    assert "already: --force overwrites it" in again.err
    with Client(address) as client:
        assert b"99" not in client.get_userdata("workflows/mine.json")
        assert command(*words, "--width", "99", "--force").code == 0
        assert b"99" in client.get_userdata("workflows/mine.json")


@pytest.mark.parametrize("name", ["../../evil", "a/b\\c", "..", "<b>\u2028", "x" * 500, "", ".json"])
def test_no_name_leaves_the_folder(name: str) -> None:
    made = sidebar_name(name)
    assert made == Path(made).name
    assert made.strip(" .") == made
    assert not set(made) & set("/\\<>\u2028")
    assert 0 < len(made) < 200


def test_what_is_piped_is_called_workflow(
    command: Command, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = b'{"1": {"class_type": "EmptyImage", "inputs": {"width": 8}}}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(prompt)))
    assert command("open", "-", "--server", address).code == 0
    assert "workflow.json" in listed(address)


SAVED = workflow(
    [
        node(7, "EmptyImage", [8, 8, 1, 0], outputs=outputs([1]), pos=[10, 20], color="#222"),
        node(9, "SaveImage", ["mine"], {"images": 1}, pos=[400, 20], title="Keep", flags={"collapsed": True}),
        node(12, "Note", ["look here"], pos=[0, -300]),
    ],
    [[1, 7, 0, 9, 0]],
    groups=[{"title": "All", "bounding": [0, 0, 900, 900], "color": "#abc"}],
    extra={"mine": [1, 2]},
    last_link_id=1,
)


@pytest.mark.parametrize("kept", ["saved.json", "programs/mine.workflow.json"])
def test_a_program_that_keeps_its_canvas_becomes_the_file_again(
    kept: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "programs").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("saved.json").write_text(json.dumps(SAVED))
    run = command("to-python", "saved.json", "-o", "programs/mine.py", "--canvas", kept)
    assert run.code == 0, run.err
    assert json.loads(Path("saved.json").read_text()) == json.loads(Path(kept).read_text()) == SAVED
    monkeypatch.chdir(tmp_path / "programs")
    assert json.loads(command("to-workflow", "mine.py").out) == SAVED
    wider = json.loads(command("to-workflow", "mine.py", "--width", "16").out)
    assert wider.pop("nodes")[0]["widgets_values"] == [16, 8, 1, 0]
    assert wider == {key: value for key, value in SAVED.items() if key != "nodes"}


def test_what_cannot_be_kept_is_told(command: Command, tmp_path: Path, script: str) -> None:
    prompt, program = str(tmp_path / "prompt.json"), tmp_path / "made.py"
    command("compile", script, "-o", prompt)
    run = command("to-python", prompt, "-o", str(program), "--canvas", str(tmp_path / "x.json"))
    assert (run.code, "prompt.json is not an editor workflow" in run.err) == (2, True)
    assert not program.exists()

    program.write_text(PYTHON.replace("@workflow", '@workflow(canvas="none.json")'))
    run = command("to-workflow", str(program), "--stubs", "comfynodes")
    assert (run.code, f"{tmp_path / 'none.json'}: file not found" in run.err) == (2, True)
    other = tmp_path / "other.py"
    other.write_text(PYTHON.replace("@workflow", '@workflow(canvas="prompt.json")'))
    run = command("to-workflow", str(other), "--stubs", "comfynodes")
    assert (run.code, "that is a prompt" in run.err) == (2, True)
    assert command("compile", str(other)).code == 0


def test_a_canvas_is_a_path_and_what_is_decorated_a_function() -> None:
    made: Any = workflow_of
    with pytest.raises(NodeUsageError, match="canvas must be a path, not int"):
        made(canvas=5)
    with pytest.raises(NodeUsageError, match="decorates a function, not str; pass an editor file as canvas="):
        made("picture.json")


def test_classes_of_no_package_are_those_of_the_reference(
    command: Command, tmp_path: Path, script: str
) -> None:
    run = command("to-workflow", script)
    assert (run.code, [node["type"] for node in json.loads(run.out)["nodes"]][:2]) == (
        0,
        ["EmptyImage", "SaveImage"],
    )
    assert command("graph", script, "-o", str(tmp_path / "x.svg")).code == 0


def test_what_reading_and_writing_warn_of_is_told_once(command: Command, tmp_path: Path) -> None:
    saved = {**SAVED, "extra": {"frontendVersion": "99.1.1"}}
    (tmp_path / "new.json").write_text(json.dumps(saved))
    run = command("to-workflow", str(tmp_path / "new.json"))
    assert (run.code, run.err.count("editor 99.1 saved the workflow")) == (0, 1)
