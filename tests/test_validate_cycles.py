"""Circles, and graphs that are deep: what servers make of them."""

from __future__ import annotations

import pytest

from comfyflow import Schema, validate_prompt
from tests.small_schema import Prompt, node, schema
from tests.test_validate_server import NEW, OLD, found


def circle() -> Prompt:
    return {
        "1": node("Blend", one=["2", 0], two=["5", 0]),
        "2": node("Blend", one=["1", 0], two=["5", 1]),
        "5": node("Empty", width=64, tint=0),
        "3": node("Save", image=["1", 0]),
        "4": node("Save", image=["5", 0]),
    }


def test_a_circle_is_named_from_0_20_on() -> None:
    report = validate_prompt(circle(), NEW)
    assert (report.valid, report.outputs) == (True, ("4",))
    assert found(report) == {
        "1": [("dependency_cycle", "")],
        "2": [("dependency_cycle", ""), ("return_type_mismatch", "two")],
    }
    details = report.to_server_json()["node_errors"]["1"]["errors"][0]
    assert details["details"] == "1 (Blend) -> 2 (Blend) -> 1 (Blend)"
    assert details["extra_info"] == {"node_id": "1", "cycle_nodes": ["1", "2"]}


def test_before_a_circle_leaves_nothing_in_the_answer() -> None:
    report = validate_prompt(circle(), schema("0.19.0"))
    assert (report.valid, report.outputs) == (True, ("4",))
    assert found(report) == {"2": [("return_type_mismatch", "two")]}
    del (prompt := circle())["4"]
    prompt["2"]["inputs"]["two"] = ["5", 0]
    alone = validate_prompt(prompt, OLD)
    assert (alone.error, alone.error_details, alone.node_errors) == (
        "prompt_outputs_failed_validation",
        "",
        {},
    )


def test_a_node_linked_to_itself() -> None:
    prompt = {"1": node("Blend", one=["1", 0], two=["1", 0]), "3": node("Save", image=["1", 0])}
    assert found(validate_prompt(prompt, NEW)) == {"1": [("dependency_cycle", "")]}


@pytest.mark.parametrize("server", [NEW, schema("0.19.0")])
def test_circles_that_the_server_would_come_to_later_are_told_at_once(server: Schema) -> None:
    prompt = {
        "1": node("Blend", one=["2", 0], two=["4", 0]),
        "2": node("Blend", one=["1", 0], two=["3", 0]),
        "3": node("Blend", one=["2", 0], two=["2", 0]),
        "4": node("Blend", one=["4", 0], two=["4", 0]),
        "5": node("Blend", one=["5", 0], two=["5", 0]),
        "6": node("Save", image=["1", 0]),
    }
    report = validate_prompt(prompt, server)
    told = [problem for problem in report.errors if problem.type == "dependency_cycle"]
    ways = {problem.details or problem.message.removeprefix("is part of a cycle: ") for problem in told}
    assert ways == {
        "1 (Blend) -> 2 (Blend) -> 1 (Blend)",
        "2 (Blend) -> 3 (Blend) -> 2 (Blend)",
        "4 (Blend) -> 4 (Blend)",
    }


def chain(length: int) -> Prompt:
    prompt = {"0": node("Empty", width=64, tint=0.0)}
    for index in range(1, length):
        prompt[str(index)] = node("Blend", one=[str(index - 1), 0], two=[str(index - 1), 0])
    prompt["end"] = node("Save", image=[str(length - 1), 0])
    return prompt


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("length", "valid", "ok"), [(900, True, True), (970, True, False), (1500, False, False)]
)
def test_deep_chains(length: int, valid: bool, ok: bool, backwards: bool) -> None:
    prompt = chain(length)
    if backwards:
        prompt = dict(reversed(prompt.items()))
    report = validate_prompt(prompt, NEW)
    assert (report.valid, report.ok) == (valid, ok)
    assert [problem.type for problem in report.refusals] == ([] if ok else ["too_deep"])


def test_the_recursion_error_of_the_server_is_filed_under_one_inner_node() -> None:
    report = validate_prompt(chain(1500), NEW)
    ((node_id, (problem,)),) = report.node_errors.items()
    assert problem.type == "exception_during_inner_validation"
    assert problem.extra_info["exception_type"] == "RecursionError"
    assert 500 < int(node_id) < 540


def test_a_hundred_thousand_nodes_in_a_row() -> None:
    report = validate_prompt(dict(reversed(chain(100_000).items())), NEW)
    assert not report.ok
    assert report.refusals[0].type == "too_deep"
    assert "100001 nodes" in report.refusals[0].message
