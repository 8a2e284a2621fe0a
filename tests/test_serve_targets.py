"""``comfyflow serve``: what can be served, what needs to be allowed, and what is refused."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, RecraftCreativeUpscaleNode, SaveImage

from comfyflow import Schema
from comfyflow.cli.options import reference_schema
from comfyflow.errors import CommandError
from comfyflow.named_inputs import NamedInput
from comfyflow.serve.served_workflow import ServedWorkflow
from comfyflow.serve.target import served_function, served_source
from comfyflow.simulator import Simulator
from comfyflow.source import Source
from comfyflow.workflows import workflow
from tests.command import Command
from tests.serving import plain, serving
from tests.simulated import node_class


@workflow
def paid() -> SaveImage:
    image = EmptyImage(width=8, height=8, batch_size=1, color=1)
    return SaveImage(images=RecraftCreativeUpscaleNode(image=image), filename_prefix="paid")


def of_prompt(name: str, prompt: dict[str, Any], folder: Path, *named: NamedInput) -> ServedWorkflow:
    return served_source(name, Source.of(prompt), named, reference_schema(), folder)


def test_a_paid_node_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    with Simulator() as simulator:
        with serving(tmp_path / "out", simulator, functions=[paid]) as served:
            answer = served.job("paid", {})
            assert answer.status_code == 422
            assert "RecraftCreativeUpscaleNode calls a paid service" in answer.json()["detail"]
        with serving(tmp_path / "out", simulator, functions=[paid], allow_paid=True) as served:
            assert served.job("paid", {}).status_code == 202
    assert len(simulator.prompts) <= 1


@pytest.mark.parametrize("allowed", [False, True])
def test_a_paid_node_of_which_only_the_server_knows(tmp_path: Path, allowed: bool) -> None:
    classes = {"Costly": node_class({"text": ["STRING", {}]}, output_node=True, api_node=True)}
    prompt = {"1": {"class_type": "Costly", "inputs": {"text": "x"}}}
    made = of_prompt("costly", prompt, tmp_path)
    with (
        Simulator(Schema(classes)) as simulator,
        serving(tmp_path / "out", simulator, others=[made], allow_paid=allowed) as served,
    ):
        job = served.done("costly", {})
        if allowed:
            assert job["state"] != "invalid", job
        else:
            assert job["failure"]["message"].startswith("Costly calls a paid service")
    assert len(simulator.prompts) == allowed


def test_a_prompt_is_served_with_the_parameters_that_were_chosen(tmp_path: Path) -> None:
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    wide = NamedInput("wide", (("1", "width"), ("1", "height")), "How large.")
    made = of_prompt("square", prompt, tmp_path, wide)
    with (
        Simulator() as simulator,
        serving(tmp_path / "out", simulator, others=[made]) as served,
    ):
        assert served.done("square", {"wide": 5})["state"] == "completed"
        assert simulator.prompts[0].prompt["1"]["inputs"]["height"] == 5
        assert served.job("square", {"wide": 0}).json()["problems"][0]["limit"]["minimum"] == 1
        refused = served.job("square", {"1.color": 5}).json()
        assert refused["problems"][0]["message"].startswith("1.color is not a parameter")


def test_a_name_that_cannot_stand_in_an_address(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be part of an address"):
        of_prompt("a/b", {"1": {"class_type": "EmptyImage", "inputs": {}}}, tmp_path)


def test_a_file_that_the_workflow_itself_names_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.new("RGB", (3, 3), "red").save(tmp_path / "own.png")
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": str(tmp_path / "own.png")}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    for folder, state in ((tmp_path, "completed"), (tmp_path / "elsewhere", "invalid")):
        made = of_prompt("own", prompt, folder)
        with (
            Simulator() as simulator,
            serving(tmp_path / f"out{state}", simulator, others=[made]) as served,
        ):
            assert served.done("own", {})["state"] == state


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "192.0.2.1"), "lets other machines in"),
        (("--keys", "x.toml", "--no-keys"), "not both"),
        (("--keys", "none.toml"), "cannot read none.toml"),
        (("--server", "x", "--simulate"), "not both"),
        (("--webhook-secret", "short"), "16 characters"),
        (("--webhook-secret", "@none"), "cannot read none"),
        (("--host", "no.such.name.invalid", "--no-keys"), "cannot listen on"),
        (("flow.py",), "two workflows are called 'flow'"),
    ],
    ids=str,
)
def test_what_the_command_refuses(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMFYFLOW_SERVE_KEY", raising=False)
    write_flow(tmp_path)
    run = command("serve", "flow.py", "--port", "0", *words)
    assert run.code == 2
    assert said in run.err


def test_a_port_that_is_taken(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_flow(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = command("serve", "flow.py", "--port", str(taken.getsockname()[1]))
    assert run.code == 2
    assert "choose another --port" in run.err


def write_flow(folder: Path) -> None:
    (folder / "flow.py").write_text(
        "from comfyflow import workflow\nfrom comfynodes import EmptyImage, SaveImage\n\n\n@workflow\n"
        "def flow(color: int = 0) -> SaveImage:\n"
        "    image = EmptyImage(width=8, height=8, batch_size=1, color=color)\n"
        "    return SaveImage(images=image, filename_prefix='flow')\n"
    )


def test_an_example_of_every_parameter_fits_its_schema() -> None:
    made = served_function(plain)
    values, problems = made.check(made.example())
    assert (values, problems) == ({"width": 8, "height": 8, "color": 0}, [])
    assert json.dumps(made.schema)
