from __future__ import annotations

import json
from typing import Any

import pytest

from comfyflow import Place, Report, validate_prompt
from comfyflow.errors import ComfyflowError, ValidationError
from comfyflow.validate import coerce_prompt
from tests.small_schema import MODELS, Prompt, good, node, schema

NEW = schema()
MISMATCH = "Output 1 of that node fits. [return_type_mismatch]"
PLACES = {"1": Place("flow.py", 11), "2": Place("flow.py", 12)}


def wrong() -> Prompt:
    prompt = good()
    prompt["1"]["_meta"] = {"title": "a picture"}
    prompt["1"]["inputs"]["width"] = 8
    prompt["2"]["inputs"]["mask"] = ["1", 0]
    prompt["2"]["inputs"]["zzz"] = 1
    return prompt


def test_it_prints_by_node_with_places_and_suggestions() -> None:
    report = validate_prompt(wrong(), NEW, places=PLACES)
    assert str(report).splitlines() == [
        "invalid (prompt_outputs_failed_validation): 2 errors, 1 warning",
        "Empty #1 ('a picture')  at flow.py:11",
        "  error: width is 8; the minimum is 16. The nearest valid value is 16. [value_smaller_than_min]",
        "Blend #2  at flow.py:12",
        f"  error: mask takes MASK, and output 0 of node '1' is IMAGE. {MISMATCH}",
        "  warning: zzz is not an input of Blend; the server ignores it [unknown_input]",
        "schema: 17 node classes of ComfyUI 0.27.0, from a dictionary",
    ]
    assert repr(report) == "<Report: invalid (prompt_outputs_failed_validation): 2 errors, 1 warning>"


def test_problems_know_their_place_and_title() -> None:
    first = validate_prompt(wrong(), NEW, places=PLACES).problems[0]
    assert (first.place, first.title, first.class_type) == (PLACES["1"], "a picture", "Empty")
    assert str(first).startswith("flow.py:11: error: Empty #1 ('a picture'), input 'width': is 8;")


def test_the_headline_of_a_prompt_that_is_accepted() -> None:
    assert str(validate_prompt(good(), NEW)).splitlines()[:-1] == ["valid"]
    deadly = {**good(), "9": {"class_type": "Number"}}
    assert str(validate_prompt(deadly, NEW)).startswith("refused (the server would accept it): 1 refusal")
    dropped = {**good(), "4": node("Save")}
    assert str(validate_prompt(dropped, NEW)).startswith("valid: 1 error, 1 warning")


def test_a_long_list_is_cut() -> None:
    prompt = {**good(), **{f"n{index}": node("Number", value=index) for index in range(500)}}
    lines = str(validate_prompt(prompt, NEW)).splitlines()
    assert lines[0] == "valid: 500 notes"
    assert lines[-2] == "… and 400 more"


def test_control_characters_do_not_reach_a_terminal() -> None:
    prompt: Prompt = {"\x1b[2J": node("Number\n", **{"\x07": 1}), **good()}
    prompt["\x1b[2J"]["_meta"] = {"title": "\x1b]0;x\x07"}
    assert all(line.isprintable() for line in str(validate_prompt(prompt, NEW)).splitlines())


def test_json() -> None:
    shown = validate_prompt(wrong(), NEW, places=PLACES).to_json()
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["valid"], shown["ok"], shown["error"], shown["outputs"]) == (
        False,
        False,
        "prompt_outputs_failed_validation",
        [],
    )
    assert shown["node_errors"]["1"] == [
        {
            "type": "value_smaller_than_min",
            "input_name": "width",
            "message": "is 8; the minimum is 16",
            "severity": "error",
            "details": "width",
            "suggestion": "The nearest valid value is 16.",
            "file": "flow.py",
            "line": 11,
        }
    ]
    assert [warning["node_id"] for warning in shown["warnings"]] == ["2"]
    assert shown["refusals"] == []


def test_raising() -> None:
    report = validate_prompt(wrong(), NEW)
    with pytest.raises(ValidationError, match="the minimum is 16") as caught:
        report.raise_for_problems()
    assert caught.value.report is report
    assert isinstance(caught.value, ComfyflowError)
    with pytest.raises(ValidationError):
        validate_prompt({**good(), "9": {"class_type": "Number"}}, NEW).raise_for_problems()


def test_a_server_s_answer_prints_the_same_way() -> None:
    mine = validate_prompt(wrong(), NEW, places=PLACES)
    body = json.loads(json.dumps(mine.to_server_json()))
    theirs = Report.from_server(body, 400, prompt=wrong(), places=PLACES, schema=NEW)
    assert (theirs.valid, theirs.error, theirs.status) == (False, mine.error, 400)
    assert theirs.node_errors == mine.node_errors
    assert theirs.to_server_json() == body
    assert [line for line in str(mine).splitlines() if "error:" in line] == [
        line for line in str(theirs).splitlines() if "error:" in line
    ]


def test_a_dangling_link_in_a_server_s_answer_is_traced() -> None:
    prompt = good()
    prompt["2"]["inputs"]["one"] = ["99", 0]
    body = json.loads(json.dumps(validate_prompt(prompt, NEW).to_server_json()))
    (problem,) = Report.from_server(body, 400, prompt=prompt).problems
    assert problem.message == "the input 'one' of this node links to node '99', which is not in the prompt"


def test_an_accepted_answer_with_errors() -> None:
    prompt = {**good(), "4": node("Save")}
    body = {"prompt_id": "x", "number": 1, **validate_prompt(prompt, NEW).to_server_json()}
    report = Report.from_server(body, 200, prompt=prompt, schema=NEW)
    assert (report.valid, report.ok) == (True, True)
    assert [(note.type, note.node_id) for note in report.warnings] == [("output_dropped", "4")]


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        5,
        {},
        {"error": "no credits"},
        {"error": 5, "node_errors": []},
        {"error": {"type": 5, "message": None, "details": [], "extra_info": "x"}},
        {"error": None, "node_errors": {"1": None, "2": {"errors": {}}, "3": {"errors": [None, {}, 5]}}},
        {"node_errors": {"1": {"errors": [{"type": "value_not_in_list", "extra_info": {}}]}}},
        {
            "node_errors": {
                "1": {"errors": [{"type": "return_type_mismatch", "extra_info": {"linked_node": []}}]}
            }
        },
        {
            "node_errors": {
                "1": {
                    "errors": [
                        {
                            "type": "value_smaller_than_min",
                            "extra_info": {"input_config": ["INT", {"min": []}]},
                        },
                        {"type": "value_not_in_list", "extra_info": {"input_config": [["a"], None]}},
                        {"type": "exception_during_inner_validation", "details": "'9'"},
                    ],
                    "dependent_outputs": [5, None, "3"],
                    "class_type": ["x"],
                }
            }
        },
        {"code": "payment", "message": "no credits"},
    ],
)
def test_odd_answers_are_read_as_far_as_they_go(body: Any, status: int) -> None:
    report = Report.from_server(body, status, prompt=good(), schema=NEW)
    assert report.valid == (status == 200 and not (isinstance(body, dict) and body.get("error")))
    assert isinstance(str(report), str)
    json.dumps(report.to_json())
    if not report.valid:
        assert report.errors


def test_what_the_server_stores() -> None:
    prompt = {
        "1": node("Empty", width="64", tint=1, text=None, on="false", other="5"),
        "2": node("Blend", one=["1", 0], two=["1", 0]),
        "3": node("Save", image=["2", 0], name={"__value__": 5}),
        "4": node("Load", name={"__value__": MODELS[0]}, mode={"__value__": {"__value__": 1}}),
        "5": node("Show", value=["4", 0]),
        "6": node("Number", value="7"),
        "7": node("Empty", width={"__value__": "x"}, tint=0),
        "8": node("Save", image=["7", 0]),
    }
    before = json.dumps(prompt)
    stored = coerce_prompt(prompt, NEW)
    assert json.dumps(prompt) == before
    assert stored["1"]["inputs"] == {"width": 64, "tint": 1.0, "text": "None", "on": True, "other": "5"}
    assert type(stored["1"]["inputs"]["tint"]) is float
    assert stored["3"]["inputs"] == {"image": ["2", 0], "name": "5"}
    assert stored["4"]["inputs"] == {"name": MODELS[0], "mode": {"__value__": 1}}
    assert stored["6"] == prompt["6"], "no output needs it, so it is not validated"
    assert stored["7"]["inputs"]["width"] == "x", "unwrapped before it cannot be converted"
    assert coerce_prompt(prompt, NEW, partial_execution_targets=["5"])["1"] == prompt["1"]


def test_what_only_an_unknown_input_is_linked_to_is_stored_as_it_is() -> None:
    prompt = {**good(), "4": node("Number", value="7")}
    prompt["2"]["inputs"]["zzz"] = ["4", 0]
    assert coerce_prompt(prompt, NEW)["4"] == prompt["4"]


@pytest.mark.parametrize("prompt", [{}, {"1": None}, {"1": {"class_type": "Save", "inputs": []}}, {"1": {}}])
def test_what_is_no_prompt_is_stored_as_it_is(prompt: Any) -> None:
    assert coerce_prompt(prompt, NEW) == prompt
