"""Which node classes a workflow of the editor is converted with before it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.client import Client
from comfyflow.schema.load import load_schema
from comfyflow.simulator import NodeResult, Simulator
from tests.command import Command

PACK = "custom_nodes.shade-pack"


def pack_class(widgets: dict[str, Any]) -> dict[str, Any]:
    """A class of a pack that gives a picture to nobody: it is an output itself."""
    return {
        "input": {"required": widgets, "optional": {"image": ["IMAGE"]}},
        "output": [],
        "output_is_list": [],
        "output_name": [],
        "output_node": True,
        "python_module": PACK,
    }


CLASSES = {
    "Shade Panel": pack_class({"amount": ["FLOAT", {"default": 0.5}], "tone": ["STRING", {}]}),
    # the reference package has another class of this name, without these inputs
    "SaveAnimatedPNG": pack_class({"label": ["STRING", {}], "size": ["INT", {"default": 3}]}),
}


def editor_workflow(class_type: str, values: list[Any]) -> dict[str, Any]:
    node = {"id": 1, "type": class_type, "mode": 0, "inputs": [], "outputs": [], "widgets_values": values}
    return {"version": 0.4, "nodes": [node], "links": []}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        raw = {**load_schema(simulator.url).raw, **CLASSES}
    with Simulator(object_info=raw) as simulator:
        for class_type in CLASSES:
            simulator.simulate(class_type, lambda **_inputs: NodeResult(ui={"text": ["done"]}))
        yield simulator


WORKFLOWS = [
    ("Shade Panel", [0.25, "warm"], {"amount": 0.25, "tone": "warm"}),
    ("SaveAnimatedPNG", ["here", 7], {"label": "here", "size": 7}),
]


def sent(server: Simulator) -> Any:
    return server.prompts[-1].prompt["1"]["inputs"]


@pytest.mark.parametrize(("class_type", "values", "inputs"), WORKFLOWS)
def test_run_converts_with_the_servers_own_classes(
    command: Command, server: Simulator, tmp_path: Path, class_type: str, values: list[Any], inputs: Any
) -> None:
    file = tmp_path / "saved.json"
    file.write_text(json.dumps(editor_workflow(class_type, values)))
    run = command("run", str(file), "--server", server.url, "--out", str(tmp_path / "out"))
    assert run.code == 0, run.err
    assert sent(server) == inputs
    assert "warning" not in run.err


@pytest.mark.parametrize(("class_type", "values", "inputs"), WORKFLOWS)
def test_a_client_converts_with_the_servers_own_classes(
    server: Simulator, class_type: str, values: list[Any], inputs: Any
) -> None:
    with Client(server.url) as client:
        result = client.run(editor_workflow(class_type, values))
    assert sent(server) == inputs
    assert result["1"].text == "done"


def test_a_file_of_many_classes_asks_for_the_catalogue_once(server: Simulator) -> None:
    editor = editor_workflow("Shade Panel", [0.25, "warm"])
    editor["nodes"] += [
        {"id": number, "type": f"Note {number}", "mode": 2, "inputs": [], "outputs": []}
        for number in range(2, 300)
    ]
    with Client(server.url) as client:
        client.run(editor)
        assert sent(server) == {"amount": 0.25, "tone": "warm"}
        assert len(client._core.node_classes) < 100


def test_seed_is_set_where_the_servers_class_has_one(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    """A pack's seed may have any name; `control_after_generate` tells that it is one."""
    dice = pack_class({"throw": ["INT", {"default": 0, "max": 99, "control_after_generate": True}]})
    raw = {**server.schema.raw, "Dice": dice}
    with Simulator(object_info=raw) as other:
        other.simulate("Dice", lambda **_inputs: NodeResult(ui={"text": ["done"]}))
        file = tmp_path / "prompt.json"
        file.write_text(json.dumps({"1": {"class_type": "Dice", "inputs": {"throw": 4}}}))
        run = command("run", str(file), "--server", other.url, "--seed", "23", "--out", str(tmp_path / "out"))
        assert run.code == 0, run.err
        assert sent(other) == {"throw": 23}
