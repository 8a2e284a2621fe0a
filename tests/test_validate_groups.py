"""DynamicGroups as servers after 0.36 check them: rows, their indices and their number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.schema import Schema
from comfyflow.validate import Report, validate_prompt
from comfyflow.validate.own_check import OwnCheck
from comfyflow.validate.plan import SchemaPlans
from tests.simulated import node_class

ROWS: list[Any] = [
    "COMFY_DYNAMICGROUP_V3",
    {
        "template": {
            "required": {"name": ["COMBO", {"options": ["a", "b"]}]},
            "optional": {"strength": ["FLOAT", {"default": 1.0, "max": 2.0}]},
        },
        "min": 1,
        "max": 3,
        "group_name": "Row",
    },
]
CLASSES: dict[str, Any] = {
    "Rows": node_class({"rows": ROWS}, [], True),
    "Any": node_class({"rows": [ROWS[0], {"template": ROWS[1]["template"]}]}, [], True),
    "Chosen": node_class(
        {
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {"options": [{"key": "on", "inputs": {"required": {"rows": ROWS}}}]},
            ]
        },
        [],
        True,
    ),
    "Linked": node_class({"source": ["*", {}], "rows": ROWS}, [], True),
}
SCHEMA = Schema(CLASSES, "0.37.0")


def check(inputs: dict[str, Any], class_type: str = "Rows") -> Report:
    return validate_prompt({"1": {"class_type": class_type, "inputs": inputs}}, SCHEMA)


def errors(inputs: dict[str, Any], class_type: str = "Rows") -> list[dict[str, Any]]:
    entry = check(inputs, class_type).to_server_json()["node_errors"].get("1", {"errors": []})
    found: list[dict[str, Any]] = entry["errors"]
    return found


@pytest.mark.parametrize(
    "inputs",
    [
        {"rows.0.name": "a"},
        {"rows.0.name": "a", "rows.0.strength": 2.0},
        {"rows.2.name": "b"},
        {"rows.0.name": "a", "rows.1.name": "b", "rows.2.name": "a"},
    ],
)
def test_rows_are_right(inputs: dict[str, Any]) -> None:
    assert check(inputs).ok
    assert not check(inputs).notes


@pytest.mark.parametrize(
    ("inputs", "name", "details"),
    [
        ({}, "rows", "received 0 rows; expected between 1 and 3"),
        ({"rows.0.other": 1}, "rows.0.other", "Invalid DynamicGroup input key"),
        ({"rows.0": 1}, "rows.0", "Invalid DynamicGroup input key"),
        ({"rows.first.name": "a"}, "rows.first.name", "expected 'rows.<index>.<template field>'"),
        ({"rows.00.name": "a"}, "rows.00.name", "Invalid DynamicGroup input key"),
        ({"rows.-1.name": "a"}, "rows.-1.name", "Invalid DynamicGroup input key"),
        ({"rows.².name": "a"}, "rows.².name", "Invalid DynamicGroup input key"),
        ({"rows.0.name.x": "a"}, "rows.0.name.x", "Invalid DynamicGroup input key"),
        ({"rows.3.name": "a"}, "rows.3.name", "exceeds the index limit of 2 (max=3)"),
        ({"rows.0.name": "a", f"rows.{'9' * 5000}.name": "a"}, f"rows.{'9' * 5000}.name", "exceeds"),
    ],
)
def test_what_is_wrong_with_rows_ends_the_check_of_the_node(
    inputs: dict[str, Any], name: str, details: str
) -> None:
    (error,) = errors({**inputs, "rows.1.strength": 99} if inputs and name != "rows" else inputs)
    assert (error["type"], error["message"]) == ("invalid_dynamic_input", "Invalid dynamic input")
    assert error["extra_info"] == {"input_name": name}
    assert details in error["details"]


def test_a_wrong_row_hides_a_link_to_nowhere() -> None:
    (error,) = errors({"source": ["9", 0], "rows.9.name": "a"}, "Linked")
    assert error["type"] == "invalid_dynamic_input"


def test_the_fields_of_a_row_are_checked_as_inputs() -> None:
    found = errors({"rows.0.name": "c", "rows.1.strength": 9})
    assert {(error["type"], error["extra_info"]["input_name"]) for error in found} == {
        ("value_not_in_list", "rows.0.name"),
        ("required_input_missing", "rows.1.name"),
        ("value_bigger_than_max", "rows.1.strength"),
    }
    missing = next(error for error in found if error["type"] == "required_input_missing")
    assert missing["details"] == "name"


def test_without_bounds_there_are_up_to_20_rows() -> None:
    assert check({}, "Any").valid
    assert check({f"rows.{index}.name": "a" for index in range(20)}, "Any").valid
    (error,) = errors({"rows.20.name": "a"}, "Any")
    assert "index limit of 19 (max=20)" in error["details"]


def test_rows_within_an_option_of_a_combo() -> None:
    assert check({"mode": "on", "mode.rows.0.name": "a"}, "Chosen").valid
    (error,) = errors({"mode": "on"}, "Chosen")
    assert error["extra_info"] == {"input_name": "mode.rows"}
    (error,) = errors({"mode": "on", "mode.rows.7.name": "a"}, "Chosen")
    assert error["extra_info"] == {"input_name": "mode.rows.7.name"}


def test_a_problem_with_rows_names_the_input() -> None:
    (problem,) = check({"rows.3.name": "a"}).errors
    assert (problem.node_id, problem.input_name) == ("1", "rows.3.name")
    assert "not a valid row of a group" in problem.message


@given(st.sets(st.integers(0, 4)))
def test_rows_are_counted_whatever_their_indices(indices: set[int]) -> None:
    valid = check({f"rows.{index}.name": "a" for index in sorted(indices)}).valid
    assert valid == (1 <= len(indices) <= 3 and max(indices, default=0) < 3)


@pytest.mark.parametrize(("version", "valid"), [("0.33.0", True), ("0.37.0", False)])
def test_an_own_check_without_inputs_is_told_under_no_name(version: str, valid: bool) -> None:
    schema = Schema({"Own": node_class({}, [], True, optional={"value": ["FLOAT", {}]})}, version)
    plan = SchemaPlans.of(schema).get("Own")
    assert plan is not None
    plan.own = OwnCheck("Own", lambda *_: "never", takes_all=True)
    report = validate_prompt({"1": {"class_type": "Own", "inputs": {}}}, schema)
    assert report.valid is valid
    if not valid:
        (error,) = report.to_server_json()["node_errors"]["1"]["errors"]
        assert (error["details"], error["extra_info"]) == ("never", {})
        assert "rejected by the node's own check: never" in str(report)
