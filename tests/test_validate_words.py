"""Reports as a reader meets them: each says what happened, where, and what to do; nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Report, Schema, validate_prompt
from tests.small_schema import CHOICE, RAW, Prompt, good, node, node_class, schema

NEW, OLD = schema("0.27.0"), schema("0.3.64")


def lines(prompt: object, against: Schema = NEW) -> list[str]:
    return [line.strip() for line in str(validate_prompt(prompt, against)).splitlines()]


def missing(kind: Any, **options: Any) -> str:
    raw = {"Want": node_class({"x": [kind, options]}, end=True)}
    return validate_prompt({"1": node("Want")}, Schema(raw, "0.27.0")).errors[0].suggestion or ""


@pytest.mark.parametrize(
    ("kind", "options", "suggestion"),
    [
        ("MODEL", {}, "It takes MODEL."),
        ("INT,FLOAT", {}, "It takes INT or FLOAT."),
        ("*", {}, "It takes anything."),
        ("INT", {"default": 20}, "It takes INT; the default is 20."),
        ("STRING", {"default": None}, "It takes STRING."),
        ("COMFY_MATCHTYPE_V3", {"template": {"allowed_types": "IMAGE,MASK"}}, "It takes IMAGE or MASK."),
        (["a", "b"], {}, "Choose from 'a', 'b'."),
        ([*"abcdefg"], {}, "Choose from 'a', 'b', 'c', 'd', 'e' and 2 more."),
        ("COMBO", {"options": []}, "It takes COMBO."),
        ("\x1b[2J", {}, "It takes '\\x1b[2J'."),
    ],
)
def test_what_a_missing_input_takes(kind: Any, options: dict[str, Any], suggestion: str) -> None:
    assert missing(kind, **options) == suggestion


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [("63.7", "64"), ("3.7", "16"), ("1e9", "128"), ("-inf", None), ("many", None)],
)
def test_the_nearest_whole_number_is_in_range(given: str, suggestion: str | None) -> None:
    prompt = {"1": node("Empty", width=given, tint=0), "2": node("Save", image=["1", 0])}
    said = f"The nearest valid value is {suggestion}." if suggestion else None
    assert validate_prompt(prompt, NEW).errors[0].suggestion == said


def test_a_file_that_is_not_there() -> None:
    def suggestion(name: str) -> str | None:
        prompt = {"1": node("LoadImage", image=name), "2": node("Save", image=["1", 0])}
        return validate_prompt(prompt, files).errors[0].suggestion

    files = Schema({**RAW, "LoadImage": {**RAW["LoadImage"], "python_module": "nodes"}}, "0.27.0")
    assert suggestion("heer.png") == "Did you mean 'here.png'?"
    assert suggestion("lighthouse.jpg") == "Upload it first."


def dropped(report: Report) -> list[tuple[str | None, str]]:
    notes = [note for note in report.warnings if note.type == "output_dropped"]
    return [(note.node_id, note.message.split(":")[0]) for note in notes]


def test_why_an_output_is_left_out() -> None:
    prompt = {**good(), "4": node("Empty", width=8, tint=0), "5": node("Blend", one=["4", 0], two=["4", 0])}
    prompt.update({"6": node("Save", image=["5", 0]), "7": node("Save"), "8": node("Save", image=["99", 0])})
    assert dropped(validate_prompt(prompt, NEW)) == [
        ("6", "is left out for the errors of node '4'"),
        ("7", "is left out for its own errors"),
        ("8", "is left out for its own errors"),
    ]


def test_why_an_output_is_left_out_is_found_in_one_go() -> None:
    prompt: Prompt = {**good(), "0": node("Empty", width=8, tint=0)}
    for index in range(700):
        before = f"b{index - 1}" if index else "0"
        prompt[f"b{index}"] = node("Blend", one=[before, 0], two=[before, 0])
        prompt[f"s{index}"] = node("Save", image=[f"b{index}", 0])
    reasons = dropped(validate_prompt(prompt, NEW))
    assert len(reasons) == 700
    assert {reason for _, reason in reasons} == {"is left out for the errors of node '0'"}


def circle() -> Prompt:
    around = {"1": node("Blend", one=["2", 0], two=["2", 0]), "2": node("Blend", one=["1", 0], two=["1", 0])}
    return {**around, "3": node("Save", image=["2", 0])}


def test_a_circle_is_named_where_the_server_says_nothing() -> None:
    report = validate_prompt(circle(), OLD)
    assert (report.error, dict(report.node_errors)) == ("prompt_outputs_failed_validation", {})
    top, problem = report.errors
    assert (top.type, top.node_id) == ("prompt_outputs_failed_validation", None)
    assert (problem.type, problem.node_id) == ("dependency_cycle", "1")
    assert problem.message == "is part of a cycle: 1 (Blend) -> 2 (Blend) -> 1 (Blend)"
    assert {each.type for each in validate_prompt(circle(), NEW).errors} == {"dependency_cycle"}


def test_what_the_server_notices_is_no_mismatch_that_it_does_not() -> None:
    prompt = {"1": node("Empty", width=64, tint=0), "2": node("Switch", yes=["1", 0], no=["1", 0])}
    prompt["3"] = node("Blend", one=["1", 1], two=["2", 0])
    prompt["4"] = node("Save", image=["3", 0])
    report = validate_prompt(prompt, NEW)
    assert [(problem.type, problem.input_name) for problem in report.problems] == [
        ("return_type_mismatch", "one")
    ]


def test_a_class_is_not_said_to_be_missing_that_is_given() -> None:
    prompt: Prompt = {"1": {"class_type": "Nope", "inputs": {}, "_meta": None}}
    report = validate_prompt(prompt, NEW)
    assert report.status == 500
    assert "Node 'Nope' not found" in str(report)
    assert "no class_type" not in str(report)


def test_one_more_node() -> None:
    prompt = good()
    for index in range(3):
        assert ("and 1 more node of this class" in str(validate_prompt(prompt, NEW))) is (index == 2)
        prompt[f"o{index}"] = node("Old", image=["1", 0])
        prompt[f"s{index}"] = node("Save", image=[f"o{index}", 0])
    assert "and 2 more nodes of this class" in str(validate_prompt(prompt, NEW))


def choosing(**inputs: Any) -> Prompt:
    return {"1": {"class_type": "Choose", "inputs": inputs}, "2": node("Save", image=["1", 0])}


def test_an_unknown_key_is_told_once_and_with_the_choices() -> None:
    (line,) = lines(choosing(**{"how": "zzz", "how.width": 8}))[2:-1]
    assert line == (
        "warning: how is 'zzz', which is not one of its choices ('plain', 'grown', 'deep'); "
        "the node will fail [dynamic_key_unknown]"
    )
    (line,) = lines(choosing(**{"how.width": 8}))[2:-1]
    assert "how is missing; it needs a choice ('plain', 'grown', 'deep'), or" in line
    many = {**CHOICE, "options": [{"key": f"k{index}", "inputs": {}} for index in range(9)]}
    raw = {
        **RAW,
        "Choose": {**RAW["Choose"], "input": {"required": {"how": ["COMFY_DYNAMICCOMBO_V3", many]}}},
    }
    assert "('k0', 'k1', 'k2', 'k3', 'k4', …)" in str(validate_prompt(choosing(), Schema(raw, "0.27.0")))


@pytest.mark.parametrize(
    ("class_type", "name"), [("SaveGLB", "image"), ("Preview3D", "image"), ("PreviewAny", "preview")]
)
def test_viewers_that_the_editor_adds_are_no_unknown_inputs(class_type: str, name: str) -> None:
    raw = {class_type: node_class({}, end=True)}
    for given, kinds in ((name, []), (f"{name}s", ["unknown_input"])):
        prompt = {"1": {"class_type": class_type, "inputs": {given: ""}}}
        report = validate_prompt(prompt, Schema(raw, "0.27.0"))
        assert [note.type for note in report.warnings] == kinds
