"""Drawn workflows do what workflows do: they run, and they go through every door and come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from comfyflow import Client, Schema, read_prompt, to_prompt, validate_prompt
from comfyflow.diff import canonical_hash, diff
from comfyflow.errors import ExecutionError
from comfyflow.schema import NodeSchema
from comfyflow.simulator import Simulator
from comfyflow.testing.session import stubs_schema
from comfyflow.testing.strategies import prompts, workflows

RUNS = settings(
    max_examples=150,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return stubs_schema("comfynodes")


@pytest.fixture(scope="module")
def client(schema: Schema) -> Iterator[Client]:
    with Simulator(schema) as server, Client(server.url) as made:
        yield made


def needs_no_upload(node: NodeSchema) -> bool:
    return not any(entry.upload for entry in node.inputs)


def test_drawn_workflows_run_on_the_simulator(client: Client) -> None:
    ended: Counter[str] = Counter()

    @RUNS
    @given(prompts(client.schema(), max_nodes=8, largest=8, choose=needs_no_upload))
    def run(prompt: dict[str, Any]) -> None:
        try:
            result = client.run(prompt, timeout=60)
        except ExecutionError as error:  # a node may refuse a value when it runs: a text as a number
            ended[error.exception_type] += 1
        else:
            ended["well"] += 1
            assert set(result.outcome.outputs) <= set(prompt)

    run()
    print(f"\n{ended.total()} drawn workflows ran on the simulator: {dict(ended)}")
    assert ended["well"] >= 0.8 * ended.total()


def test_the_schema_of_a_generated_package_names_models_by_itself(schema: Schema) -> None:
    names: set[str] = set()

    @settings(RUNS, max_examples=200)
    @given(prompts(schema, choose=lambda node: node.python_module == "nodes"))
    def collect(prompt: dict[str, Any]) -> None:
        names.update(
            node["inputs"]["ckpt_name"]
            for node in prompt.values()
            if node["class_type"] == "CheckpointLoaderSimple"
        )
        assert validate_prompt(prompt, schema).ok

    collect()
    assert names <= {"model.safetensors", "other.safetensors"}
    assert names


@settings(RUNS, max_examples=100)
@given(prompts(stubs_schema("comfynodes"), max_nodes=10))
def test_graphs_and_prompts_are_the_same_thing(prompt: dict[str, Any]) -> None:
    graph = read_prompt(prompt)
    assert to_prompt(graph) == prompt
    again = read_prompt(to_prompt(graph))
    assert diff(graph, again).empty
    assert canonical_hash(graph) == canonical_hash(again)


@settings(RUNS, max_examples=60)
@given(workflows(stubs_schema("comfynodes"), max_nodes=10))
def test_drawn_workflows_compile_to_what_was_drawn(workflow: Any) -> None:
    prompt = workflow.to_prompt()
    assert workflow.validate(stubs_schema("comfynodes")).ok
    assert to_prompt(read_prompt(prompt)) == prompt
    assert workflow.to_prompt() == prompt
