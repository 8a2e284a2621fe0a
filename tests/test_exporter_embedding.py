from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, SaveImage

from comfyflow import Client, Workflow, convert_workflow, raw_node, read_workflow, workflow
from comfyflow.errors import ClientError
from comfyflow.exporter.writing import embedded_workflow
from comfyflow.importer.workflow_file import WorkflowFile
from comfyflow.simulator import Simulator
from comfyflow.source import Source
from tests.command import Command


@workflow
def picture(width: int = 16) -> SaveImage:
    """A plain picture."""
    return SaveImage(
        images=EmptyImage(width=width, height=16, batch_size=1, color=0), filename_prefix="embedded"
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Simulator() as simulator, Client(simulator.url) as made:
        yield made


def saved(client: Client, made: Workflow[Any] | WorkflowFile, folder: Path, **options: Any) -> Any:
    """What the picture that a workflow saves carries."""
    (file,) = client.run(made, timeout=60, **options).files
    return read_workflow(file.save(folder / "picture.png"))


def test_a_picture_made_by_python_opens_in_the_editor(client: Client, tmp_path: Path) -> None:
    found = saved(client, picture(width=24), tmp_path)
    assert [node["type"] for node in found.workflow["nodes"]] == ["EmptyImage", "SaveImage", "MarkdownNote"]
    back = convert_workflow(found.workflow, picture().schema(), editor="1.45", seed=0)
    assert {key: node["inputs"] for key, node in back.items()} == {
        key: node["inputs"] for key, node in found.prompt.items()
    }


def test_it_is_left_out_where_it_is_not_wanted(client: Client, tmp_path: Path) -> None:
    assert saved(client, picture(), tmp_path, workflow=False).workflow is None


def test_what_is_given_goes_along_as_it_is(client: Client, tmp_path: Path) -> None:
    given = {"nodes": [{"id": 1, "type": "Note"}], "links": [], "version": 0.4, "mine": True}
    assert saved(client, picture(width=40), tmp_path, editor_workflow=given).workflow == given


def test_what_was_read_from_a_picture_is_run_as_it_is(client: Client, tmp_path: Path) -> None:
    read = saved(client, picture(width=32), tmp_path)
    again = saved(client, read, tmp_path)
    assert again.prompt == read.prompt
    assert again.workflow == read.workflow
    (tmp_path / "editor.json").write_text(json.dumps(read.workflow))
    converted = saved(client, read_workflow(tmp_path / "editor.json"), tmp_path)
    assert converted.prompt["1"]["inputs"] == read.prompt["1"]["inputs"]
    assert converted.workflow == read.workflow


@pytest.mark.parametrize("given", ["flow.json", 3, []])
def test_what_is_no_workflow_of_the_editor_is_not_embedded(client: Client, given: Any) -> None:
    with pytest.raises(
        ClientError, match=r"editor_workflow must be the editor's JSON, not .*: read_workflow\(FILE"
    ):
        client.submit(picture(), editor_workflow=given)


def test_a_picture_gives_the_program_back(command: Command, client: Client, tmp_path: Path) -> None:
    saved(client, picture(width=24), tmp_path)
    run = command("to-python", str(tmp_path / "picture.png"), "--stubs", "comfynodes", "--params", "none")
    assert run.code == 0
    assert "EmptyImage(" in run.out
    assert "width=24" in run.out


def test_nothing_is_embedded_that_the_editor_could_not_read_as_well_as_the_prompt() -> None:
    schema = picture().schema()
    assert embedded_workflow(Source.of(Workflow(raw_node("Mystery", {"a": 1}))), schema) is None
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    prompt = {"1": {"class_type": "EmptyImage", "inputs": {"width": deep}}}
    assert embedded_workflow(Source(prompt), schema) is None


def test_a_large_graph_is_embedded_as_fast_as_it_is_sent() -> None:
    inputs = {"width": 8, "height": 8, "batch_size": 1, "color": 0}
    prompt = {str(number): {"class_type": "EmptyImage", "inputs": inputs} for number in range(400)}
    made = embedded_workflow(Source(prompt), picture().schema())
    assert made is not None
    assert len({json.dumps(node["pos"]) for node in made["nodes"]}) == 400
