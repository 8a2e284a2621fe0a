"""Loops as servers after 0.36 check them: which end closes which start, and each way to get it wrong."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.schema import Schema
from comfyflow.simulator.live_schema import LOOP_CLASSES
from comfyflow.validate import Report, coerce_prompt, validate_prompt
from comfyflow.validate.loops import Boundaries, LoopError, find_loops
from tests.simulated import node_class

Prompt = dict[str, Any]
ANY = ["*", {}]
CLASSES: dict[str, Any] = {
    **LOOP_CLASSES,
    "Body": node_class({"left": ANY}, ["*"], optional={"right": ANY}),
    "Source": node_class({}, ["*"]),
    "Output": node_class({"value": ANY}, [], True, optional={"bypass": ANY}),
    "Through": node_class({"value": ANY}, ["*"], True),
    "Labelled": node_class({"value": ANY, "label": ["STRING", {}]}, [], True),
}
SCHEMA = Schema(CLASSES, "0.37.0")


def start(**inputs: Any) -> dict[str, Any]:
    given = {"mode": "simple", "mode.num_iterations": 2, "cache_iterations": False, **inputs}
    return {"class_type": "StartLoop", "inputs": given}


def end(output: str | None = None, **inputs: Any) -> dict[str, Any]:
    given = {"accumulate": False, **({} if output is None else {"output_value": [output, 0]}), **inputs}
    return {"class_type": "EndLoop", "inputs": given}


def body(left: str, *right: str) -> dict[str, Any]:
    links = zip(("left", "right"), (left, *right), strict=False)
    return {"class_type": "Body", "inputs": {name: [source, 0] for name, source in links}}


def output(value: str, **more: str) -> dict[str, Any]:
    links = {"value": value, **more}
    return {"class_type": "Output", "inputs": {name: [source, 0] for name, source in links.items()}}


SOURCE = {"class_type": "Source", "inputs": {}}
SIMPLE: Prompt = {"start": start(), "body": body("start"), "end": end("body"), "output": output("end")}


def check(prompt: Prompt, **more: Any) -> Report:
    return validate_prompt(prompt, SCHEMA, **more)


def pairs(prompt: Prompt, outputs: Collection[str]) -> dict[str, str]:
    by_class = {
        kind: frozenset(name for name, node in prompt.items() if node["class_type"] == kind)
        for kind in ("StartLoop", "EndLoop")
    }
    boundaries = Boundaries(by_class["StartLoop"], by_class["EndLoop"])
    return {loop.start: loop.end for loop in find_loops(prompt, outputs, prompt, boundaries)}


def refusal(prompt: Prompt) -> dict[str, Any]:
    """What the server says of loops, which it says under every node that it names."""
    answer = check(prompt).to_server_json()
    told = [
        error
        for entry in answer["node_errors"].values()
        for error in entry["errors"]
        if "loop_error_type" in error["extra_info"]
    ]
    assert told
    assert all(error == told[0] for error in told)
    info: dict[str, Any] = told[0]["extra_info"]
    assert told[0]["type"] == "custom_validation_failed"
    assert info["input_name"] == "loop boundary"
    named = {
        name
        for name, entry in answer["node_errors"].items()
        if any(error in told for error in entry["errors"])
    }
    assert named == set(info["node_ids"])
    return info


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (SIMPLE, {"start": "end"}),
        (
            {
                **SIMPLE,
                "source": SOURCE,
                "other": body("start", "source"),
                "end": end("body", next_iteration_value=["other", 0]),
            },
            {"start": "end"},
        ),
        (
            {**SIMPLE, "source": SOURCE, "end": end("body", accumulate=["source", 0])},
            {"start": "end"},
        ),
        (
            {
                "outer": start(),
                "inner": start(parent_iteration=["outer", 0]),
                "work": body("outer", "inner"),
                "inner end": end("work"),
                "outer work": body("outer", "inner end"),
                "outer end": end("outer work"),
                "output": output("outer end"),
            },
            {"inner": "inner end", "outer": "outer end"},
        ),
        (
            {
                "outer": start(),
                "first": start(parent_iteration=["outer", 0]),
                "first end": end("first"),
                "second": start(initial_iteration_value=["first end", 0]),
                "work": body("outer", "second"),
                "second end": end("work"),
                "outer end": end("second end"),
                "output": output("outer end"),
            },
            {"first": "first end", "second": "second end", "outer": "outer end"},
        ),
    ],
    ids=["simple", "two branches", "accumulate from outside", "nested", "one after the other in a third"],
)
def test_ends_are_paired_with_their_starts(prompt: Prompt, expected: dict[str, str]) -> None:
    assert pairs(prompt, ["output"]) == expected
    assert check(prompt).valid
    assert check(prompt).outputs == ("output",)


REFUSED: dict[str, tuple[Prompt, str, list[str], list[str]]] = {
    "an end without a start": (
        {"source": SOURCE, "end": end("source"), "output": output("end")},
        "loop_end_without_start",
        ["end"],
        ["output"],
    ),
    "a start that was closed before": (
        {
            "start": start(),
            "end": end("start"),
            "second": end("end"),
            "output": output("second"),
        },
        "loop_end_without_start",
        ["second"],
        ["output"],
    ),
    "starts without ends": (
        {"a": start(), "b": start(), "output": output("a", bypass="b")},
        "loop_start_without_end",
        ["a", "b"],
        ["output"],
    ),
    "unrelated starts": (
        {
            "left": start(),
            "right": start(),
            "body": body("left", "right"),
            "end": end("body"),
            "output": output("end"),
        },
        "ambiguous_loop_nesting",
        ["end", "left", "right"],
        ["output"],
    ),
    "a way around the end": (
        {**SIMPLE, "output": output("end", bypass="body")},
        "loop_escape",
        ["end", "output", "start"],
        ["output"],
    ),
    "a second end": (
        {**SIMPLE, "other": end("body"), "output": output("end", bypass="other")},
        "loop_escape",
        ["end", "other", "start"],
        ["output"],
    ),
    "an inner body that goes to the outer end": (
        {
            "outer": start(),
            "inner": start(parent_iteration=["outer", 0]),
            "body": body("inner"),
            "inner end": end("body"),
            "outer end": end("inner end", next_iteration_value=["body", 0]),
            "output": output("outer end"),
        },
        "loop_escape",
        ["inner", "inner end", "outer end"],
        ["output"],
    ),
    "accumulate from the body": (
        {**SIMPLE, "end": end("body", accumulate=["body", 0])},
        "loop_accumulate_from_body",
        ["body", "end", "start"],
        ["output"],
    ),
    "accumulate from the start": (
        {**SIMPLE, "end": end("body", accumulate=["start", 1])},
        "loop_accumulate_from_body",
        ["end", "start"],
        ["output"],
    ),
}


@pytest.mark.parametrize(("prompt", "kind", "nodes", "outputs"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_told_of_all_nodes_of_the_loop(
    prompt: Prompt, kind: str, nodes: list[str], outputs: list[str]
) -> None:
    report = check(prompt)
    assert (report.valid, report.status, report.error) == (False, 400, "prompt_outputs_failed_validation")
    info = refusal(prompt)
    assert (info["loop_error_type"], info["node_ids"], info["output_ids"]) == (kind, nodes, outputs)
    told = [problem for problem in report.errors if problem.node_id in nodes]
    assert {problem.node_id for problem in told} == set(nodes)
    assert all(problem.suggestion for problem in told)
    assert not any(problem.input_name for problem in told)


def test_ends_in_a_circle_are_told_where_an_exception_hid_the_circle() -> None:
    """The output fails on a link to nowhere before the server comes to the circle."""
    prompt = {
        "a": end("b"),
        "b": end("a"),
        "output": {"class_type": "Output", "inputs": {"value": ["nowhere", 0]}},
        "through": {"class_type": "Through", "inputs": {"value": ["nowhere", 0]}},
    }
    prompt["a"]["inputs"]["terminations.termination0"] = ["through", 0]
    with pytest.raises(LoopError) as caught:
        pairs(prompt, ["output", "through"])
    assert caught.value.error.extra_info["loop_error_type"] == "loop_end_cycle"
    assert (caught.value.nodes, caught.value.outputs) == (["a", "b"], [])


def test_a_circle_is_told_and_loops_are_not_looked_at() -> None:
    prompt = {
        "start": start(initial_iteration_value=["end", 0]),
        "end": end("start"),
        "output": output("end"),
    }
    answer = check(prompt).to_server_json()
    kinds = {error["type"] for entry in answer["node_errors"].values() for error in entry["errors"]}
    assert kinds == {"dependency_cycle"}


def test_outputs_apart_from_the_loop_still_run() -> None:
    prompt, *_ = REFUSED["unrelated starts"]
    report = check({**prompt, "source": SOURCE, "apart": output("source")})
    assert (report.valid, report.outputs) == (True, ("apart",))
    answer = report.to_server_json()
    assert answer["error"] is None
    assert {name: entry["dependent_outputs"] for name, entry in answer["node_errors"].items()} == {
        name: ["output"] for name in ("left", "right", "end")
    }
    assert "output" in {problem.node_id for problem in report.warnings if problem.type == "output_dropped"}


def test_errors_of_loops_come_behind_those_of_inputs() -> None:
    prompt, *_ = REFUSED["unrelated starts"]
    ambiguous = "End Loop end can close multiple unrelated Start Loops: left, right"
    wrong = {**prompt, "output": {"class_type": "Labelled", "inputs": {"value": ["end", 0]}}}
    report = check(wrong)
    answer = report.to_server_json()
    assert [error["type"] for error in answer["node_errors"]["output"]["errors"]] == [
        "required_input_missing"
    ]
    assert answer["error"]["details"].splitlines() == [
        "Required input is missing: label",
        f"End Loop has ambiguous Start Loops: {ambiguous}",
    ]


def test_an_output_inside_a_loop_goes_on_to_its_end() -> None:
    prompt = {
        "start": start(),
        "body": body("start"),
        "carry": body("body", "start"),
        "output": {"class_type": "Through", "inputs": {"value": ["body", 0]}},
        "end": end("body", next_iteration_value=["carry", 0]),
    }
    prompt["end"]["inputs"]["terminations.termination0"] = ["output", 0]
    report = check(prompt)
    assert report.valid
    assert not report.warnings
    boundaries = Boundaries(frozenset({"start"}), frozenset({"end"}))
    (loop,) = find_loops(prompt, ["output"], {"output", "body", "start"}, boundaries)
    assert (loop.start, loop.end, loop.body) == ("start", "end", ["body", "carry", "output"])


def test_a_loop_that_no_wanted_output_needs_is_not_looked_at() -> None:
    prompt = {**SIMPLE, "stray": start(), "apart": output("stray")}
    assert check(prompt, partial_execution_targets=["output"]).valid
    assert not check(prompt, partial_execution_targets=["apart"]).valid


def test_an_error_that_drops_no_output_is_a_crash_of_the_server() -> None:
    prompt = {
        "source": SOURCE,
        "output": {"class_type": "Through", "inputs": {"value": ["source", 0]}},
        "end": end("output"),
    }
    report = check(prompt)
    assert report.status == 500
    assert not report.valid
    assert "End Loop end has no available Start Loop" in str(report)


def test_older_servers_and_packs_have_no_loops() -> None:
    prompt, *_ = REFUSED["an end without a start"]
    pack = {
        name: {**LOOP_CLASSES[name], "python_module": "custom_nodes.loops"}
        for name in ("StartLoop", "EndLoop")
    }
    assert validate_prompt(prompt, Schema({**CLASSES, **pack}, "0.33.0")).valid
    missing = {name: node for name, node in CLASSES.items() if name not in LOOP_CLASSES}
    report = validate_prompt(prompt, Schema(missing, "0.33.0"))
    assert report.error == "missing_node_type"


def test_the_schema_of_a_server_with_loops_is_told_as_such() -> None:
    assert Schema(CLASSES, None).version_text == "0.37 or newer"


@st.composite
def nested(draw: st.DrawFn) -> tuple[Prompt, dict[str, tuple[str, set[str]]]]:
    """A prompt of loops within loops and one after the other, and what pairs with what."""
    prompt: Prompt = {"source": SOURCE}
    loops: dict[str, tuple[str, set[str]]] = {}
    left = draw(st.integers(1, 8))

    def steps(before: str, inside: list[str]) -> str:
        nonlocal left
        for _ in range(draw(st.integers(0, 2))):
            name = f"n{len(prompt)}"
            prompt[name] = body(before, *draw(st.lists(st.sampled_from([before, *inside]), max_size=1)))
            before = name
        while left and draw(st.booleans()):
            left -= 1
            before = one_loop(before, inside)
        return before

    def one_loop(before: str, inside: list[str]) -> str:
        nonlocal left
        name, last = draw(st.permutations([f"a{len(prompt)}", f"z{len(prompt)}"]))
        known = set(prompt)
        prompt[name] = start(initial_iteration_value=[before, 0])
        within = {*prompt}
        stop = steps(name, [*inside, name])
        loops[name] = (last, set(prompt) - within)
        assert known <= within
        prompt[last] = end(stop)
        return last

    stop = steps("source", [])
    if not loops:
        stop = one_loop(stop, [])
    prompt["output"] = output(stop)
    order = draw(st.permutations(list(prompt)))
    return {name: prompt[name] for name in order}, loops


@given(nested())
def test_loops_are_found_however_they_are_nested(
    drawn: tuple[Prompt, dict[str, tuple[str, set[str]]]],
) -> None:
    prompt, loops = drawn
    boundaries = Boundaries(frozenset(loops), frozenset(end for end, _ in loops.values()))
    found = find_loops(prompt, ["output"], prompt, boundaries)
    assert {loop.start: (loop.end, set(loop.body)) for loop in found} == loops
    assert check(prompt).valid


@given(nested(), st.data())
def test_a_way_out_of_a_loop_is_never_missed(
    drawn: tuple[Prompt, dict[str, tuple[str, set[str]]]], data: st.DataObject
) -> None:
    prompt, loops = drawn
    inside = sorted({name for _, nodes in loops.values() for name in nodes} | set(loops))
    leak = data.draw(st.sampled_from(inside))
    prompt["output"]["inputs"]["bypass"] = [leak, 0]
    report = check(prompt)
    assert not report.valid
    kinds = {
        error["extra_info"]["loop_error_type"]
        for entry in report.to_server_json()["node_errors"].values()
        for error in entry["errors"]
    }
    assert kinds == {"loop_escape"}


def test_what_the_server_stores_of_loops() -> None:
    stored = coerce_prompt(SIMPLE, SCHEMA)
    assert stored["start"] == {**SIMPLE["start"], "_loop_body": ["body"], "_loop_end": "end"}
    assert {key: stored[key] for key in ("body", "end", "output")} == {
        key: SIMPLE[key] for key in ("body", "end", "output")
    }
    assert "_loop_body" not in SIMPLE["start"]


def test_of_loops_that_are_wrong_or_not_needed_the_server_stores_nothing() -> None:
    unclosed = {"start": start(), "body": body("start"), "output": output("body")}
    assert coerce_prompt(unclosed, SCHEMA) == unclosed
    beside = {**SIMPLE, "source": SOURCE, "other": output("source")}
    assert coerce_prompt(beside, SCHEMA, partial_execution_targets=["other"]) == beside
