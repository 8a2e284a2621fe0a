"""What real editors send, and what a real server says: the ground truth that this repository ships.

`tests/ground_truth/README.md` says how it was made. There is more of it in `tests/parity`, for who has
the recordings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any, Final

import pytest

from comfyflow import Report, Schema, convert_workflow, validate_prompt
from comfyflow.errors import ConversionError
from tests import shipped_truth
from tests.shipped_truth import FOLDER, rows

MADE_UP: Final = {"audioUI"}
"""What the editor makes up: the address of what its player plays."""

INPUT_FILES: Final = {"example.png"}
"""What was in the server's input folder."""

Json = dict[str, Any]


@cache
def schema() -> Schema:
    """Made once for all."""
    return shipped_truth.schema()


WORKFLOWS: Final = rows("workflows.jsonl")
VERDICTS: Final = rows("verdicts.jsonl")
ASKED: Final = [
    pytest.param(row["workflow"], version, prompt, id=f"{row['name']}-{version}")
    for row in WORKFLOWS
    for versions, prompt in row["answers"]
    for version in versions
]


def comparable(prompt: Json) -> Json:
    """Class and inputs of each node. Numbers are compared as JSON has them: 1 is 1.0, but not true."""
    return {
        key: [
            node["class_type"],
            {name: marked(value) for name, value in node["inputs"].items() if name not in MADE_UP},
        ]
        for key, node in prompt.items()
    }


def marked(value: Any) -> Any:
    if isinstance(value, bool):
        return ["a boolean", value]
    if isinstance(value, list):
        return [marked(each) for each in value]
    return {key: marked(each) for key, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("workflow", "version", "sent"), ASKED)
def test_a_workflow_becomes_the_prompt_that_the_editor_sends(
    workflow: Json, version: str, sent: Json | None
) -> None:
    if sent is None:
        with pytest.raises(ConversionError):
            convert_workflow(workflow, schema(), editor=version, seed=0)
        return
    ours = json.loads(json.dumps(convert_workflow(workflow, schema(), editor=version, seed=0)))
    assert comparable(ours) == comparable(sent)


def our_verdict(report: Report) -> Json:
    return {
        "valid": report.valid,
        "error": report.error,
        "outputs": sorted(report.outputs),
        "node_errors": {
            node_id: sorted([problem.type, problem.input_name or ""] for problem in problems)
            for node_id, problems in report.node_errors.items()
        },
    }


@pytest.mark.parametrize(("prompt", "verdict"), [(row["prompt"], row["verdict"]) for row in VERDICTS],
                         ids=[row["id"] for row in VERDICTS])  # fmt: skip
def test_a_prompt_gets_the_verdict_of_the_server(prompt: Json, verdict: Json) -> None:
    report = validate_prompt(prompt, schema(), file_exists=INPUT_FILES.__contains__)
    assert our_verdict(report) == verdict


def test_a_comparison_can_fail() -> None:
    prompt: Json = {"1": {"class_type": "A", "inputs": {"x": 1, "y": ["2", 0]}}}
    assert comparable(prompt) == comparable({"1": {"class_type": "A", "inputs": {"x": 1.0, "y": ["2", 0]}}})
    for name, value in [("x", True), ("x", "1"), ("y", ["2", False]), ("z", None)]:
        other = {"1": {"class_type": "A", "inputs": {**prompt["1"]["inputs"], name: value}}}
        assert comparable(other) != comparable(prompt)


def test_there_are_examples_of_everything() -> None:
    assert len(WORKFLOWS) >= 60
    assert len(VERDICTS) == 300
    assert {version for row in WORKFLOWS for versions, _ in row["answers"] for version in versions} == {
        "1.45.20",
        "1.49.6",
        "1.58.1",
    }
    assert sum(len(row["answers"]) > 1 for row in WORKFLOWS) >= 10, "workflows that editors differ about"
    types: Counter[str] = Counter()
    for row in VERDICTS:
        verdict = row["verdict"]
        found = [kind for errors in verdict["node_errors"].values() for kind, _ in errors]
        types.update({verdict["error"] or "valid", *found})
    assert set(types) == {
        "valid",
        "missing_node_type",
        "prompt_no_outputs",
        "prompt_outputs_failed_validation",
        "required_input_missing",
        "bad_linked_input",
        "return_type_mismatch",
        "invalid_input_type",
        "value_smaller_than_min",
        "value_bigger_than_max",
        "value_not_in_list",
        "custom_validation_failed",
        "exception_during_inner_validation",
        "exception_during_validation",
        "dependency_cycle",
    }
    assert min(types.values()) >= 2
    assert types["valid"] >= 30


def test_it_is_small_and_says_nothing_of_others() -> None:
    files = sorted(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) < 400_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!example\.com|127\.0\.0\.1)", text), path.name
