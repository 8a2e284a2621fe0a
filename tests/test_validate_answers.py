"""Servers' answers, of which every part may be missing: what is made of what is there."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Report, Schema, validate_prompt
from comfyflow.problem import Place
from comfyflow.validate.server_error import ErrorEntry
from tests.small_schema import good, node, node_class, schema

NEW, OLD = schema("0.27.0"), schema("0.3.64")


def told(kind: str, info: Any = None, details: str = "said in detail") -> str:
    """The sentence about an error of a server that says so much of it."""
    error = {"type": kind, "message": "Said", "details": details, "extra_info": info}
    body = {"error": {"type": "rejected"}, "node_errors": {"2": {"errors": [error], "class_type": "Blend"}}}
    (problem,) = Report.from_server(body, 400, prompt=good(), schema=NEW).errors
    assert (problem.type, problem.node_id, problem.details) == (kind, "2", details)
    return problem.message


ALL = "Said: said in detail"
"""What is said where the server gives nothing to say it better with."""


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({"input_config": ["MASK", {}], "received_type": "IMAGE", "linked_node": ["1", 0]},
         "takes MASK, and output 0 of node '1' is IMAGE"),
        ({"input_config": ["MASK"], "received_type": "IMAGE", "linked_node": ["1"]},
         "takes MASK, and output ? of node '1' is IMAGE"),
        ({"input_config": ["MASK"], "received_type": ["a"], "linked_node": []},
         "takes MASK, and output ? is a choice"),
        ({"input_config": [["a", "b"]], "received_type": "IMAGE"}, "takes a choice, and output ? is IMAGE"),
        ({"input_config": ["MASK"], "linked_node": ["1", 0]}, ALL),
        ({"input_config": [], "received_type": "IMAGE"}, ALL),
        ({"received_type": "IMAGE"}, ALL),
        ({"input_config": "MASK", "received_type": "IMAGE"}, ALL),
        ({}, ALL),
        (None, ALL),
    ],
)  # fmt: skip
def test_a_mismatch(info: Any, says: str) -> None:
    assert told("return_type_mismatch", info) == says


@pytest.mark.parametrize(("kind", "name", "says"), [
    ("value_smaller_than_min", "min", "the minimum is 3"),
    ("value_bigger_than_max", "max", "the maximum is 3"),
])  # fmt: skip
def test_a_value_out_of_range(kind: str, name: str, says: str) -> None:
    config = ["INT", {name: 3}]
    assert told(kind, {"input_config": config, "received_value": 9}) == f"is 9; {says}"
    for info in (
        {"input_config": config},
        {"input_config": ["INT", {}], "received_value": 9},
        {"input_config": ["INT"], "received_value": 9},
        {"input_config": ["INT", [name]], "received_value": 9},
        {"received_value": 9},
    ):
        assert told(kind, info) == ALL


@pytest.mark.parametrize(
    ("kind", "info", "says"),
    [
        ("required_input_missing", {}, "is required and missing"),
        ("bad_linked_input", {"received_value": [1]},
         "is [1]; a link is [node id, slot], and a list is written {\"__value__\": [...]}"),
        ("bad_linked_input", {}, ALL),
        ("invalid_input_type", {"input_config": ["INT"], "received_value": "x"}, "is 'x', which is not INT"),
        ("invalid_input_type", {"input_config": ["INT", {}]}, ALL),
        ("invalid_input_type", {"received_value": "x"}, ALL),
        ("value_not_in_list", {"received_value": "x"}, "is 'x', which is not one of its choices"),
        ("value_not_in_list", {}, ALL),
        ("dependency_cycle", {}, "is part of a cycle: said in detail"),
        ("exception_during_validation", {}, "makes the server's own check crash: said in detail"),
        ("exception_during_inner_validation", {}, "makes the server's own check crash: said in detail"),
        ("invalid_dynamic_input", {}, "is not a valid row of a group: said in detail"),
        ("custom_validation_failed", {}, "is rejected by the node's own check: said in detail"),
        ("custom_validation_failed", {"loop_error_type": "x"},
         "belongs to a loop that the server cannot run: said in detail"),
        ("of_a_pack", {}, ALL),
    ],
)  # fmt: skip
def test_each_kind_of_error(kind: str, info: Any, says: str) -> None:
    assert told(kind, info) == says


def test_what_an_own_check_says_without_the_name_of_the_input() -> None:
    info = {"input_name": "pan"}
    assert (
        told("custom_validation_failed", info, "pan - too far")
        == "is rejected by the node's own check: too far"
    )
    for empty in ("pan", ""):
        assert told("custom_validation_failed", info, empty) == ": ".join(
            part for part in ("Said", empty) if part
        )


def test_a_server_that_says_nothing_at_all() -> None:
    body = {"error": {"type": ""}, "node_errors": {"2": {"errors": [{}]}}}
    report = Report.from_server(body, 400, prompt=good())
    assert [(each.type, each.message) for each in report.node_errors["2"]] == [
        ("unknown", "the server gives no details")
    ]
    assert report.error == "unknown"


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ({"error": "no credits"}, "rejected", "no credits"),
        ({"code": "payment", "message": "no credits"}, "payment", "no credits"),
        ({"code": 5, "message": 5}, "rejected", "the server answered 402"),
        ({}, "rejected", "the server answered 402"),
        (None, "rejected", "the server answered 402"),
        ({"error": {"type": "t", "message": "m", "details": "d"}}, "t", "m"),
    ],
)
def test_an_answer_that_tells_of_no_node(body: Any, error: str, message: str) -> None:
    report = Report.from_server(body, 402)
    assert (report.valid, report.ok, report.status) == (False, False, 402)
    assert (report.error, report.error_message) == (error, message)
    assert [each.type for each in report.problems] == [error]


@pytest.mark.parametrize(
    ("status", "valid"), [(199, False), (200, True), (299, True), (399, True), (400, False)]
)
def test_which_answers_accept_a_prompt(status: int, valid: bool) -> None:
    report = Report.from_server({}, status)
    assert (report.valid, report.ok, report.error is None) == (valid, valid, valid)
    assert not Report.from_server({"error": "no"}, status).valid


def test_outputs_that_are_left_out_are_told_once_and_in_order() -> None:
    errors = [{"type": "t", "message": "m"}]
    nodes = {
        "9": {"errors": errors, "dependent_outputs": ["3", "1"]},
        "8": {"errors": errors, "dependent_outputs": ["1", 5, None]},
        "7": {"errors": [], "dependent_outputs": ["4"]},
    }
    report = Report.from_server({"node_errors": nodes}, 200)
    assert [note.node_id for note in report.warnings] == ["1", "3"]
    assert Report.from_server({"error": "no", "node_errors": nodes}, 400).warnings == ()
    assert list(report.node_errors) == ["9", "8"]


# What we say as the server does


UNKNOWN: Any = {"class_type": "Nope", "inputs": {}, "_meta": {"title": "My node"}}
NAMELESS: Any = {"inputs": {}}


@pytest.mark.parametrize(
    ("against", "wrong", "error"),
    [
        (NEW, UNKNOWN, {
            "type": "missing_node_type",
            "message": "Node 'My node' not found. The custom node may not be installed.",
            "details": "Node ID '#7'",
            "extra_info": {"node_id": "7", "class_type": "Nope", "node_title": "My node"},
        }),
        (NEW, {"class_type": "Nope", "inputs": {}}, {
            "type": "missing_node_type",
            "message": "Node 'Nope' not found. The custom node may not be installed.",
            "details": "Node ID '#7'",
            "extra_info": {"node_id": "7", "class_type": "Nope", "node_title": "Nope"},
        }),
        (NEW, {**NAMELESS, "_meta": {"title": "My node"}}, {
            "type": "missing_node_type",
            "message": "Node 'My node' has no class_type. "
                       "The workflow may be corrupted or a custom node is missing.",
            "details": "Node ID '#7'",
            "extra_info": {"node_id": "7", "class_type": None, "node_title": "My node"},
        }),
        (NEW, NAMELESS, {
            "type": "missing_node_type",
            "message": "Node 'ID #7' has no class_type. "
                       "The workflow may be corrupted or a custom node is missing.",
            "details": "Node ID '#7'",
            "extra_info": {"node_id": "7", "class_type": None, "node_title": None},
        }),
        (OLD, UNKNOWN, {
            "type": "invalid_prompt",
            "message": "Cannot execute because node Nope does not exist.",
            "details": "Node ID '#7'",
            "extra_info": {},
        }),
        (OLD, NAMELESS, {
            "type": "invalid_prompt",
            "message": "Cannot execute because a node is missing the class_type property.",
            "details": "Node ID '#7'",
            "extra_info": {},
        }),
    ],
)  # fmt: skip
def test_the_whole_answer_to_a_node_without_a_class(against: Schema, wrong: Any, error: Any) -> None:
    report = validate_prompt({**good(), "7": wrong}, against)
    assert report.to_server_json() == {"error": error, "node_errors": {}}
    assert report.status == 400
    (problem,) = [each for each in report.errors if each.type == error["type"]]
    assert problem.node_id == "7"


def test_the_whole_answer_to_links_that_lead_to_nothing() -> None:
    """An inner node's exception stands under that node, with its user's input."""
    prompt = good()
    prompt["2"]["inputs"]["one"] = ["1", 7]
    body = validate_prompt(prompt, NEW).to_server_json()
    assert body["node_errors"] == {
        "2": {
            "errors": [
                {
                    "type": "exception_during_inner_validation",
                    "message": "Exception when validating inner node",
                    "details": "tuple index out of range",
                    "extra_info": {
                        "input_name": "image",
                        "input_config": ["IMAGE", {}],
                        "exception_message": "tuple index out of range",
                        "exception_type": "IndexError",
                        "traceback": [],
                        "linked_node": ["2", 0],
                    },
                }
            ],
            "dependent_outputs": ["3"],
            "class_type": "Blend",
        }
    }
    prompt["3"]["inputs"]["image"] = ["1", 7]
    errors = validate_prompt(prompt, NEW).to_server_json()["node_errors"]["3"]["errors"]
    assert errors == [
        {
            "type": "exception_during_validation",
            "message": "Exception when validating node",
            "details": "tuple index out of range",
            "extra_info": {"exception_type": "IndexError", "traceback": []},
        }
    ]


def test_required_inputs_come_before_optional_ones_however_they_are_declared() -> None:
    """So does the server look at them; an option's own inputs stand with the others of their kind."""
    option = {"key": "a", "inputs": {"optional": {"free": ["INT", {}]}, "required": {"must": ["INT", {}]}}}
    raw = {
        "Take": node_class(
            {"how": ["COMFY_DYNAMICCOMBO_V3", {"options": [option]}], "last": ["INT", {}]}, end=True
        )
    }
    prompt = {"1": node("Take", **{"how": "a", "how.free": "x", "how.must": "y", "last": "z"})}
    errors = validate_prompt(prompt, Schema(raw, "0.27.0")).node_errors["1"]
    assert [error.input_name for error in errors] == ["how.must", "last", "how.free"]


# Errors that a server which was asked will have


def test_errors_that_are_known_before_the_server_is_asked() -> None:
    entry = ErrorEntry(
        "custom_validation_failed", "m", "image - Invalid image file: a", {"input_name": "image"}
    )
    places = {"1": Place("job.py", 3)}
    report = validate_prompt(good(), NEW, places=places)
    assert report.with_errors({}) is report
    worse = report.with_errors({"1": [entry], "2": [entry, entry]})
    assert (worse.valid, worse.status, worse.error) == (False, 400, "prompt_outputs_failed_validation")
    assert {name: len(found) for name, found in worse.node_errors.items()} == {"1": 1, "2": 2}
    assert worse.to_server_json()["node_errors"]["2"] == {
        "errors": [entry.to_json()] * 2, "dependent_outputs": [], "class_type": "Blend",
    }  # fmt: skip
    assert worse.node_errors["1"][0].place == places["1"]
    prompt = good()
    prompt["1"]["inputs"]["width"] = 8
    both = validate_prompt(prompt, NEW).with_errors({"1": [entry]})
    assert [each.type for each in both.node_errors["1"]] == [
        "value_smaller_than_min",
        "custom_validation_failed",
    ]
    assert both.to_server_json()["node_errors"]["1"]["dependent_outputs"] == ["3"]


def test_only_files_that_are_not_known_are_doubts_that_a_server_can_settle() -> None:
    raw = {"LoadImage": node_class({"image": [["a.png"]]}, ("IMAGE",), python_module="nodes")}
    raw["Save"] = node_class({"image": ["IMAGE"], "size": ["INT", {"min": 1}]}, end=True)
    against = Schema(raw, "0.27.0")

    def report(image: str, size: int) -> Report:
        return validate_prompt(
            {"1": node("LoadImage", image=image), "2": node("Save", image=["1", 0], size=size)}, against
        )

    found = {
        (image, size): report(image, size).rests_on_files for image in ("a.png", "b.png") for size in (0, 1)
    }
    assert found == {("a.png", 0): False, ("a.png", 1): False, ("b.png", 0): False, ("b.png", 1): True}
