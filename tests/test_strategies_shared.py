"""Workflows drawn from the schemas of real servers: our validator and theirs accept them.

The real validators are asked where COMFYFLOW_VALIDATOR is a command that takes the version as its
last argument, reads prompts (``{"prompt": …}``, a line each) and writes what ``validate_prompt``
of that ComfyUI says (``{"valid", "error", "node_errors": {id: [[type, input_name], …]}}``).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from comfyflow import Schema, load_schema, read_prompt, to_prompt, validate_prompt
from comfyflow.testing.strategies import InvalidPrompt, graphs, invalid_prompts, workflow_of

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA") or Path(__file__).parents[2] / "shared" / "data")
VERSIONS = ("0.3.64", "0.27.0")
COUNT = 1000
TOP_LEVEL = {"missing_node_type", "invalid_prompt", "prompt_no_outputs"}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded schemas are not at {DATA}")


VALIDATOR = os.environ.get("COMFYFLOW_VALIDATOR", "")
needs_validator = pytest.mark.skipif(
    not VALIDATOR, reason="COMFYFLOW_VALIDATOR names no command that runs ComfyUI's own validation"
)


def schema_of(version: str) -> Schema:
    return load_schema(DATA / "object_info" / f"{version}.json.gz", version)


def drawn(strategy: Any, count: int = COUNT) -> list[Any]:
    """As many examples, the same on each run."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def verdicts(version: str, prompts: list[Any]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
    done = subprocess.run(
        [*shlex.split(VALIDATOR), version],
        input=lines,
        text=True,
        capture_output=True,
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("version", VERSIONS)
def test_drawn_workflows_validate_and_compile(version: str) -> None:
    schema = schema_of(version)
    examples = drawn(graphs(schema))
    classes: set[str] = set()
    for graph in examples:
        prompt = to_prompt(graph)
        report = validate_prompt(prompt, schema)
        assert report.ok, report
        assert not report.errors, report
        assert {problem.type for problem in report.warnings} <= {"no_file_named"}, report
        assert {problem.type for problem in report.notes} <= {
            "deprecated_node",
            "experimental_node",
            "paid_node",
        }, report
        assert to_prompt(read_prompt(prompt)) == prompt
        compiled = read_prompt(workflow_of(graph).to_prompt())
        assert {key: node.inputs for key, node in compiled.items()} == {
            key: node.inputs for key, node in graph.items()
        }
        classes.update(node.class_type for node in graph.values())
    print(f"\n{version}: {len(examples)} drawn, all valid; {len(classes)} of {len(schema)} classes")
    assert len(examples) >= COUNT
    assert len(classes) > len(schema) / 2


@pytest.mark.parametrize("version", VERSIONS)
def test_invalid_prompts_have_the_problem_that_they_say(version: str) -> None:
    schema = schema_of(version)
    examples: list[InvalidPrompt] = drawn(invalid_prompts(schema), 400)
    for example in examples:
        report = validate_prompt(example.prompt, schema)
        assert not report.valid
        if example.type in TOP_LEVEL:
            assert report.error == example.type, report
        else:
            found = {(each.type, each.input_name) for each in report.node_errors[example.node_id or ""]}
            assert (example.type, example.input_name or "") in found, report
            assert {each.type for problems in report.node_errors.values() for each in problems} == {
                example.type
            }
    kinds = {example.type for example in examples}
    print(f"\n{version}: {len(examples)} drawn, all invalid as said; {len(kinds)} kinds of problem")
    assert len(kinds) >= 10


@needs_validator
@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_server_accepts_drawn_workflows(version: str) -> None:
    prompts = [to_prompt(graph) for graph in drawn(graphs(schema_of(version)))]
    answers = verdicts(version, prompts)
    refused = [
        (prompt, answer)
        for prompt, answer in zip(prompts, answers, strict=True)
        if not answer["valid"] or answer["node_errors"]
    ]
    print(f"\n{version}: ComfyUI accepts {len(prompts) - len(refused)} of {len(prompts)} drawn workflows")
    assert not refused


@needs_validator
@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_server_refuses_invalid_prompts_for_that_reason(version: str) -> None:
    examples = drawn(invalid_prompts(schema_of(version)))
    answers = verdicts(version, [example.prompt for example in examples])
    other = [
        (example, answer)
        for example, answer in zip(examples, answers, strict=True)
        if answer["valid"] is not False or not said(example, answer)
    ]
    print(f"\n{version}: ComfyUI refuses {len(examples) - len(other)} of {len(examples)} as said")
    assert not other


def said(example: InvalidPrompt, answer: dict[str, Any]) -> bool:
    if example.type in TOP_LEVEL:
        return bool(answer["error"] == example.type)
    return [example.type, example.input_name or ""] in answer["node_errors"].get(example.node_id, [])
