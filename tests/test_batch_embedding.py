"""What goes along with the rows of a batch: the editor's workflow, with the values of the row, and a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, SaveImage

from comfyflow import workflow
from comfyflow.batch import arun
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.exporter import to_workflow
from comfyflow.importer import convert_workflow
from comfyflow.importer.workflow_file import read_workflow
from comfyflow.schema.package import reference_schema
from comfyflow.simulator import Simulator
from tests.batches import Texts, batch, numbered, records

NOTE = "what the editor alone knows"


@workflow
def square(color: int) -> SaveImage:
    return SaveImage(images=EmptyImage(width=8, height=8, color=color), filename_prefix="square")


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


def run(target: object, rows: list[dict[str, Any]], server: Simulator, out: Path, **options: Any) -> None:
    summary = asyncio.run(arun(target, rows, servers=server.url, out=out, options=options))
    assert summary.is_whole


def check_files(out: Path, column: str, schema: Any) -> list[dict[str, Any]]:
    """The workflows in the files of rows; each makes the prompt in the same file, which is the row's."""
    found: list[dict[str, Any]] = []
    for row in records(out):
        (file,) = row.files
        read = read_workflow(out / file.name)
        assert read.workflow is not None
        assert read.prompt is not None
        made = dict(convert_workflow(read.workflow, schema))
        assert {key: node["inputs"] for key, node in made.items()} == {
            key: node["inputs"] for key, node in read.prompt.items()
        }
        assert row.parameters[column] in [node["inputs"].get("color") for node in made.values()]
        found.append(dict(read.workflow))
    return found


def test_the_file_of_each_row_opens_in_the_editor_with_the_values_of_the_row(
    tmp_path: Path, server: Simulator
) -> None:
    run(square, [{"color": color} for color in (1, 2, 3, 4)], server, tmp_path)
    assert len(check_files(tmp_path, "color", reference_schema())) == 4


def test_a_file_of_the_editor_stays_what_it_was_but_for_the_values_of_the_row(
    tmp_path: Path, server: Simulator
) -> None:
    editor = dict(to_workflow(square(color=9)))
    note = {"id": 90, "type": "Note", "pos": [0, 0], "size": [99, 99], "widgets_values": [NOTE], "mode": 0}
    editor["nodes"] = [*editor["nodes"], note]
    (picture,) = [node["id"] for node in editor["nodes"] if node["type"] == "EmptyImage"]
    column = f"{picture}.color"
    run(editor, [{column: 1}, {column: 2}], server, tmp_path)
    written = check_files(tmp_path, column, reference_schema())
    for each in written:
        notes = [node for node in each["nodes"] if node["type"] == "Note"]
        assert [node["widgets_values"] for node in notes] == [[NOTE]]
    assert {node["id"] for node in written[0]["nodes"]} == {node["id"] for node in editor["nodes"]}


def test_a_row_without_a_node_that_takes_it_is_sent_without(tmp_path: Path, server: Simulator) -> None:
    asyncio.run(batch(Texts(), numbered(2), [server], tmp_path).run())
    assert len(server.prompts) == 2
    assert not any("extra_pnginfo" in each.body["extra_data"] for each in server.prompts)


def test_the_key_for_paid_nodes_goes_with_each_row_and_into_no_file(
    tmp_path: Path, server: Simulator
) -> None:
    sent: list[bytes] = []

    def look(request: Request, forward: Forward) -> Flow[Answer]:
        if request.label == "POST /api/prompt":
            sent.append(request.content or b"")
        return (yield from forward(request))

    rows = [{"color": 1}, {"color": 2}]
    run(square, rows, server, tmp_path, partner_api_key="key-901bbc", middleware=[look])
    assert [json.loads(each)["extra_data"]["api_key_comfy_org"] for each in sent] == ["key-901bbc"] * 2
    assert not any(b"key-901bbc" in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
