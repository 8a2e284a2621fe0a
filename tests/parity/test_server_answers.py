"""The answers of real servers to ``POST /prompt``, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow import Report, validate_prompt
from tests.parity.data import VERSIONS, needs_data, recorded_schema
from tests.recordings import exchanges, scenarios, steps

pytestmark = needs_data

SCENARIOS = (
    "s10_validation",
    "s10b_node_replacement",
    "s23_malformed",
    "s25_partial_targets",
    "l02_unknown_link_to_missing_node",
    "l03_unreachable_without_inputs",
    "l04_unreachable_cycle",
    "l05_unreachable_dangling",
    "l05b_invalid_output_with_dangling_link_dropped",
    "l05c_invalid_output_cycle_dropped",
    "l05d_invalid_output_without_inputs_dropped",
)
OTHER_MODELS = ("checkpoint_missing", "value_not_in_list_over_20_options", "T2IAdapterLoader_with_meta")
"""Asked of a server with other model files than those of the recorded schema."""

NOT_OF_THE_PROMPT = ("latin1", "bom", "deep_nesting")
"""Answered with a 500 because of the bytes of the request."""


def asked(scenario: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for step in exchanges(scenario, "POST", "/prompt"):
        try:
            body = step["json_body"] if "json_body" in step else json.loads(step.get("raw_body", ""))
        except ValueError:
            continue
        if not isinstance(body, dict) or not {"prompt", "client_id", "partial_execution_targets"} >= set(
            body
        ):
            continue
        label = step.get("label") or ""
        if "prompt" in body and label not in (*OTHER_MODELS, *NOT_OF_THE_PROMPT) and "status" in step:
            yield label, body, step


def answer_of(step: dict[str, Any]) -> dict[str, Any]:
    """What is to be compared of a recorded answer."""
    return comparable(step.get("json") or {})


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Errors without their order, tracebacks, and the outputs, which a server over-reports."""
    top = answer.get("error")
    if isinstance(top, dict):
        top = {**top, "details": sorted(top["details"].split("\n"))}
    node_errors = answer.get("node_errors") or {}
    by_node = {
        node_id: {
            "class_type": entry["class_type"],
            "errors": sorted(
                json.dumps(
                    {**error, "extra_info": {**error["extra_info"], "traceback": None}}, sort_keys=True
                )
                for error in entry["errors"]
            ),
        }
        for node_id, entry in node_errors.items()
    }
    return {"error": top, "node_errors": by_node}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_answer_is_the_server_s_word_for_word(version: str) -> None:
    schema = recorded_schema(version, models=False)
    compared = 0
    for name in SCENARIOS:
        for scenario in scenarios(name):
            if scenario.parent.name != version:
                continue
            for label, body, step in asked(scenario):
                targets = body.get("partial_execution_targets")
                report = validate_prompt(body["prompt"], schema, partial_execution_targets=targets)
                where = f"{name}: {label}: {json.dumps(body)[:300]}"
                assert report.status == step["status"], where
                if report.status != 500:
                    assert comparable(report.to_server_json()) == answer_of(step), where
                compared += 1
    if not compared:
        pytest.skip("no recordings")
    assert compared > 90


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_rejection_reads_like_ours(version: str) -> None:
    schema = recorded_schema(version, models=False)
    for scenario in scenarios("s10_validation"):
        if scenario.parent.name != version:
            continue
        for label, body, step in asked(scenario):
            if step["status"] == 400:
                ours = validate_prompt(body["prompt"], schema)
                theirs = Report.from_server(step["json"], 400, prompt=body["prompt"], schema=schema)
                assert {(p.type, p.node_id, p.input_name) for p in theirs.problems} <= {
                    (p.type, p.node_id, p.input_name) for p in ours.problems
                }, label
                assert theirs.error == ours.error


@pytest.mark.parametrize("version", VERSIONS)
def test_what_killed_a_worker_is_refused_and_what_did_not_is_not(version: str) -> None:
    schema = recorded_schema(version, models=False)
    fates: dict[str, bool] = {}
    for scenario in scenarios("l0[2-5]*"):
        if scenario.parent.name != version:
            continue
        ends = [step["text"] for step in steps(scenario) if step["kind"] == "note"]
        alive = any("after: worker alive" in text for text in ends)
        assert alive != any("after: WORKER DEAD" in text for text in ends)
        bodies = [body for label, body, _ in asked(scenario) if label != "alive_probe"]
        reports = [validate_prompt(body["prompt"], schema) for body in bodies]
        assert all(report.valid for report in reports), scenario.stem
        assert all(report.ok for report in reports) is alive, scenario.stem
        fates[scenario.stem] = alive
    if not fates:
        pytest.skip("no recordings")
    assert set(fates.values()) == {True, False}
