"""What the server says: its rules, its words, its versions."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Report, Schema, validate_prompt
from comfyflow.schema import Version
from comfyflow.validate.rules import ServerRules, types_match
from tests.small_schema import MODELS, RAW, Prompt, good, node, schema

NEW = schema("0.27.0")
OLD = schema("0.3.64")
Found = dict[str, list[tuple[str, str]]]


def found(report: Report) -> Found:
    return {
        node_id: [(problem.type, problem.input_name) for problem in problems]
        for node_id, problems in report.node_errors.items()
    }


def with_input(name: str, value: Any, node_id: str = "1") -> Prompt:
    prompt = good()
    prompt[node_id]["inputs"][name] = value
    return prompt


def only_error(prompt: object, against: Schema = NEW) -> dict[str, Any]:
    """The one error that the server sends."""
    answer = validate_prompt(prompt, against).to_server_json()
    (entry,) = answer["node_errors"].values()
    (error,) = entry["errors"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("against", [NEW, OLD])
def test_a_good_prompt_is_valid_and_nothing_is_said(against: Schema) -> None:
    report = validate_prompt(good(), against)
    assert (report.valid, report.ok, report.error, report.outputs) == (True, True, None, ("3",))
    assert report.problems == ()
    assert report.to_server_json() == {"error": None, "node_errors": {}}
    report.raise_for_problems()


@pytest.mark.parametrize(
    ("name", "value", "type_name"),
    [
        ("width", 8, "value_smaller_than_min"),
        ("width", 500, "value_bigger_than_max"),
        ("width", "abc", "invalid_input_type"),
        ("width", "3.7", "invalid_input_type"),
        ("width", None, "invalid_input_type"),
        ("width", {"a": 1}, "invalid_input_type"),
        ("width", float("nan"), "invalid_input_type"),
        ("width", float("inf"), "invalid_input_type"),
        ("width", {"__value__": [64]}, "invalid_input_type"),
        ("width", [], "bad_linked_input"),
        ("width", ["1"], "bad_linked_input"),
        ("width", ["1", 0, 0], "bad_linked_input"),
        ("width", ["1", 0], "return_type_mismatch"),
        ("tint", "x", "invalid_input_type"),
        ("tint", 1.5, "value_bigger_than_max"),
        ("tint", float("inf"), "value_bigger_than_max"),
        ("text", ["2", 0], "return_type_mismatch"),
    ],
)
@pytest.mark.parametrize("against", [NEW, OLD])
def test_a_wrong_value_is_an_error_of_its_node(
    name: str, value: Any, type_name: str, against: Schema
) -> None:
    report = validate_prompt(with_input(name, value), against)
    assert (report.valid, report.error) == (False, "prompt_outputs_failed_validation")
    assert found(report) == {"1": [(type_name, name)]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", "64"),
        ("width", " 64 "),
        ("width", 64.9),
        ("width", {"__value__": 64}),
        ("tint", 1),
        ("tint", "0.5"),
        ("tint", True),
        ("tint", float("nan")),
        ("text", None),
        ("text", {"a": [1]}),
        ("text", 5),
        ("on", "false"),
        ("on", None),
    ],
)
def test_what_the_server_converts_is_valid(name: str, value: Any) -> None:
    assert validate_prompt(with_input(name, value), NEW).valid


def test_a_great_whole_number_is_rounded_before_it_is_compared() -> None:
    top = 2**63 - 1
    raw = {**RAW, "Float": {"input": {"required": {"v": ["FLOAT", {"max": top}]}}, "output": ["IMAGE"]}}
    prompt = {"1": node("Float", v=top), "2": node("Save", image=["1", 0])}
    assert found(validate_prompt(prompt, Schema(raw, "0.27.0"))) == {"1": [("value_bigger_than_max", "v")]}


def test_seeds_reach_to_64_bits_exactly() -> None:
    top = 2**64 - 1
    raw = {**RAW, "Seed": {"input": {"required": {"v": ["INT", {"max": top}]}}, "output": ["IMAGE"]}}
    for value, valid in ((top, True), (top + 1, False)):
        prompt = {"1": node("Seed", v=value), "2": node("Save", image=["1", 0])}
        assert validate_prompt(prompt, Schema(raw, "0.27.0")).valid is valid


def test_the_server_s_own_words() -> None:
    assert only_error(with_input("width", 8)) == {
        "type": "value_smaller_than_min",
        "message": "Value 8 smaller than min of 16",
        "details": "width",
        "extra_info": {
            "input_name": "width",
            "input_config": ["INT", {"default": 64, "min": 16, "max": 128}],
            "received_value": 8,
        },
    }
    assert only_error(with_input("width", "abc"))["details"] == (
        "width, abc, invalid literal for int() with base 10: 'abc'"
    )
    mismatch = only_error(with_input("mask", ["1", 0], "2"))
    assert mismatch["details"] == "mask, received_type(IMAGE) mismatch input_type(MASK)"
    assert mismatch["extra_info"]["linked_node"] == ["1", 0]


def test_the_top_level_details_tell_of_outputs_only() -> None:
    upstream = validate_prompt(with_input("width", 8), NEW)
    assert (upstream.error_message, upstream.error_details) == ("Prompt outputs failed validation", "")
    itself = validate_prompt(with_input("image", ["1", 1], "3"), NEW)
    assert itself.error_details == (
        "Return type mismatch between linked nodes: image, received_type(MASK) mismatch input_type(IMAGE)"
    )


def test_a_required_input_that_is_missing() -> None:
    prompt = {"1": node("Empty", width=64), "2": node("Save", image=["1", 0]), "3": node("Save")}
    report = validate_prompt(prompt, NEW)
    assert found(report) == {
        "1": [("required_input_missing", "tint")],
        "3": [("required_input_missing", "image")],
    }
    assert report.error_details == "Required input is missing: image"


def choosing(value: Any, class_type: str = "Load", name: str = "mode") -> Prompt:
    given = {"name": MODELS[0], "mode": "fast"} if class_type == "Load" else {}
    return {"1": node(class_type, **{**given, name: value}), "2": node("Show", value=["1", 0])}


@pytest.mark.parametrize("value", ["fast", 3, 3.0])
def test_a_choice_is_compared_as_python_does(value: Any) -> None:
    assert validate_prompt(choosing(value), NEW).valid


@pytest.mark.parametrize("value", ["Fast", None, 4, True, {"a": 1}, {"__value__": ["fast"]}])
def test_what_is_not_in_the_list(value: Any) -> None:
    assert found(validate_prompt(choosing(value), NEW)) == {"1": [("value_not_in_list", "mode")]}


def test_the_words_about_choices_changed() -> None:
    assert only_error(choosing(4), NEW)["details"] == "mode: 4 not in ['fast', 'slow', 3]"
    assert only_error(choosing(4), OLD)["details"] == "mode: '4' not in ['fast', 'slow', 3]"
    long = only_error(choosing("x", name="name"), NEW)
    assert long["details"] == "name: 'x' not in (list of length 300)"
    assert long["extra_info"]["input_config"] is None


def test_a_number_that_no_error_can_show_makes_the_check_fail() -> None:
    prompt = good()
    prompt["1"]["inputs"]["tint"] = 10**5000
    (problem,) = validate_prompt(prompt, NEW).errors
    assert problem.type == "exception_during_inner_validation"
    assert problem.extra_info is not None
    assert problem.extra_info["exception_type"] == "ValueError"
    assert "Exceeds the limit (4300 digits)" in problem.message


@pytest.mark.parametrize("count", [20, 21])
def test_as_many_choices_as_the_server_shows(count: int) -> None:
    choices = [f"c{number}" for number in range(count)]
    many = Schema({"Many": {**RAW["Load"], "input": {"required": {"name": [choices]}}}, **RAW}, "0.27.0")
    prompt = {"1": node("Many", name="x"), "2": node("Show", value=["1", 0])}
    shown = only_error(prompt, many)
    listed = f"(list of length {count})" if count > 20 else str(choices)
    assert shown["details"] == f"name: 'x' not in {listed}"
    assert (shown["extra_info"]["input_config"] is None) is (count > 20)


def test_v3_combos_are_checked_from_0_8_on() -> None:
    prompt = choosing("c", "LoadV3", "name")
    assert not validate_prompt(prompt, NEW).valid
    report = validate_prompt(prompt, OLD)
    assert report.valid
    assert [(note.type, note.input_name) for note in report.warnings] == [("value_not_in_list", "name")]


@pytest.mark.parametrize(
    ("value", "version", "valid"),
    [
        ({"__value__": ["a"]}, "0.27.0", True),
        ({"__value__": []}, "0.27.0", True),
        ({"__value__": ["a", "c"]}, "0.27.0", False),
        ({"__value__": ["a"]}, "0.13.0", False),
        ("a", "0.27.0", True),
        (["a", "b"], "0.27.0", False),
    ],
)
def test_several_choices(value: Any, version: str, valid: bool) -> None:
    assert validate_prompt(choosing(value, "Pick", "tags"), schema(version)).valid is valid


@pytest.mark.parametrize(
    ("received", "wanted", "old", "new"),
    [
        ("IMAGE", "IMAGE", True, True),
        ("IMAGE", "MASK", False, False),
        ("INT", "FLOAT", False, False),
        ("INT", "FLOAT,INT", True, True),
        ("FLOAT,STRING", "INT, FLOAT", True, True),
        ("*", "IMAGE", True, True),
        ("IMAGE", "*", True, True),
        ("A,*", "B", False, True),
        (["a"], "COMBO", False, True),
        (["a"], ["a"], True, True),
        (["a"], ["b"], False, False),
        ("STRING", ["a"], False, False),
        ("*", ["a"], True, True),
        ("COMFY_MATCHTYPE_V3", "IMAGE", False, True),
        ("IMAGE", "COMFY_MATCHTYPE_V3", False, True),
    ],
)
def test_types_of_links(received: Any, wanted: Any, old: bool, new: bool) -> None:
    assert types_match(received, wanted, ServerRules(Version(0, 3, 64))) is old
    assert types_match(received, wanted, ServerRules(Version(0, 27, 0))) is new


@pytest.mark.parametrize(
    ("link", "error", "details"),
    [
        (["99", 0], "KeyError", "'99'"),
        ([1, 0], "KeyError", "1"),
        ([None, None], "KeyError", "None"),
        ([["1", 0], 0], "TypeError", "unhashable type: 'list'"),
        (["1", 7], "IndexError", "tuple index out of range"),
        (["1", -3], "IndexError", "tuple index out of range"),
        (["1", "0"], "TypeError", "tuple indices must be integers or slices, not str"),
        (["1", 0.0], "TypeError", "tuple indices must be integers or slices, not float"),
    ],
)
def test_links_to_nothing_make_the_server_s_check_fail(link: Any, error: str, details: str) -> None:
    inner = only_error(with_input("one", link, "2"))
    assert (inner["type"], inner["details"]) == ("exception_during_inner_validation", details)
    assert inner["extra_info"]["exception_type"] == error
    assert inner["extra_info"]["input_name"] == "image"  # the consumer's
    output = only_error({"1": node("Empty", width=64, tint=0), "3": node("Save", image=link)})
    assert (output["type"], output["details"]) == ("exception_during_validation", details)
    assert "input_name" not in output["extra_info"]


@pytest.mark.parametrize("slot", [-2, False])
def test_slots_that_python_takes(slot: Any) -> None:
    report = validate_prompt(with_input("one", ["1", slot], "2"), NEW)
    assert report.valid
    assert [note.type for note in report.warnings] == ["odd_slot"]


def test_comparing_text_with_a_number_fails_in_the_server_too() -> None:
    prompt = {"1": node("Either", value="x"), "2": node("Show", value=["1", 0])}
    error = only_error(prompt)
    assert error["extra_info"]["exception_type"] == "TypeError"
    assert validate_prompt({**prompt, "1": node("Either", value=-1)}, NEW).node_errors


@pytest.mark.parametrize(
    ("prompt", "error", "status"),
    [
        ({}, "prompt_no_outputs", 400),
        ({"1": node("Empty", width=64, tint=0)}, "prompt_no_outputs", 400),
        ({"1": {"inputs": {}}}, "missing_node_type", 400),
        ({"1": node("Nope")}, "missing_node_type", 400),
        ({"1": {"class_type": None, "inputs": {}}}, "missing_node_type", 400),
        ({"1": {"class_type": [], "inputs": {}}}, "internal_server_error", 500),
        ({"1": {"class_type": "Save", "inputs": []}}, "internal_server_error", 500),
        ({"1": {"class_type": "Nope", "inputs": {}, "_meta": None}}, "internal_server_error", 500),
        ({"1": None}, "internal_server_error", 500),
        ({"1": "text"}, "internal_server_error", 500),
        (None, "internal_server_error", 500),
        ([], "internal_server_error", 500),
        ("", "internal_server_error", 500),
        (5, "internal_server_error", 500),
    ],
)
def test_prompts_that_fail_as_a_whole(prompt: object, error: str, status: int) -> None:
    report = validate_prompt(prompt, NEW)
    assert (report.valid, report.error, report.status) == (False, error, status)
    assert report.node_errors == {}
    assert report.problems


@pytest.mark.parametrize(
    ("prompt", "error", "status"),
    [
        ([], "prompt_no_outputs", 400),
        ("", "prompt_no_outputs", 400),
        ("x", "internal_server_error", 500),
        ({"1": "text"}, "invalid_prompt", 400),
        ({"1": ["class_type"]}, "internal_server_error", 500),
        ({"1": {"class_type": "Nope", "inputs": {}, "_meta": None}}, "invalid_prompt", 400),
        ({"1": {"class_type": 5}}, "invalid_prompt", 400),
        ({"1": {"class_type": "Save", "inputs": []}}, "prompt_outputs_failed_validation", 400),
        ({"1": {"class_type": "Save", "inputs": "image"}}, "prompt_outputs_failed_validation", 400),
    ],
)
def test_such_prompts_in_0_3_64(prompt: object, error: str, status: int) -> None:
    report = validate_prompt(prompt, OLD)
    assert (report.valid, report.error, report.status) == (False, error, status)


@pytest.mark.parametrize("against", [NEW, OLD])
def test_targets_are_looked_at_where_an_output_comes_before_an_unknown_class(against: Schema) -> None:
    after, before = {**good(), "9": node("Nope")}, {"9": node("Nope"), **good()}
    for prompt, status in ((after, 500), (before, 400)):
        assert validate_prompt(prompt, against, partial_execution_targets=5).status == status  # type: ignore[arg-type]


def test_the_words_about_classes() -> None:
    prompt = {"7": {**node("Nope"), "_meta": {"title": "mine"}}}
    new, old = (validate_prompt(prompt, against).to_server_json()["error"] for against in (NEW, OLD))
    assert new["message"] == "Node 'mine' not found. The custom node may not be installed."
    assert new["extra_info"] == {"node_id": "7", "class_type": "Nope", "node_title": "mine"}
    assert old["message"] == "Cannot execute because node Nope does not exist."
    assert (old["details"], old["extra_info"]) == ("Node ID '#7'", {})


def test_a_class_whose_description_cannot_be_read_exists_all_the_same() -> None:
    report = validate_prompt({"1": node("Broken", x=1)}, NEW)
    assert (report.valid, report.outputs) == (True, ("1",))
    assert [note.type for note in report.notes] == ["unreadable_class"]


def test_only_the_outputs_that_are_wrong_are_left_out() -> None:
    prompt = {**good(), "4": node("Empty", width=8, tint=0), "5": node("Save", image=["4", 0])}
    prompt["6"] = node("Save", image=["4", 0])
    report = validate_prompt(prompt, NEW)
    assert (report.valid, report.error, report.outputs) == (True, None, ("3",))
    assert report.to_server_json()["node_errors"]["4"]["dependent_outputs"] == ["5", "6"]
    assert [note.node_id for note in report.warnings if note.type == "output_dropped"] == ["5", "6"]


def test_nodes_that_no_output_needs_are_not_checked() -> None:
    report = validate_prompt({**good(), "4": node("Empty", width="x")}, NEW)
    assert report.valid
    assert report.node_errors == {}


@pytest.mark.parametrize(
    ("targets", "outputs", "error"),
    [
        (None, ("3", "4"), None),
        (["4"], ("4",), None),
        (["4", "4"], ("4",), None),
        ([], (), "prompt_no_outputs"),
        (["1"], (), "prompt_no_outputs"),
        ([4], (), "prompt_no_outputs"),
        ("34", ("3", "4"), None),
        ({"3": 1}, ("3",), None),
        (5, (), "internal_server_error"),
    ],
)
def test_partial_targets(targets: Any, outputs: tuple[str, ...], error: str | None) -> None:
    prompt = {**good(), "4": node("Save", image=["1", 0])}
    report = validate_prompt(prompt, NEW, partial_execution_targets=targets)
    assert (report.outputs, report.error) == (outputs, error)


def test_dynamic_combos() -> None:
    def given(**inputs: Any) -> Prompt:
        return {
            "1": {
                "class_type": "Choose",
                "inputs": {name.replace("__", "."): v for name, v in inputs.items()},
            },
            "2": node("Save", image=["1", 0]),
        }

    assert validate_prompt(given(how="plain"), NEW).ok
    assert validate_prompt(given(how="grown", how__width=8), NEW).ok
    assert validate_prompt(given(how="deep", how__more="a", how__more__image=["1", 9]), NEW).node_errors
    missing = only_error(given(how="grown"))
    assert (missing["details"], missing["extra_info"]["input_name"]) == ("width", "how.width")
    small = only_error(given(how="grown", how__width=7))
    assert (small["details"], small["type"]) == ("how.width", "value_smaller_than_min")


def test_autogrow() -> None:
    def given(*slots: int) -> Prompt:
        return {
            "0": node("Empty", width=64, tint=0),
            "1": {"class_type": "Batch", "inputs": {f"images.image{slot}": ["0", 0] for slot in slots}},
            "2": node("Save", image=["1", 0]),
        }

    assert validate_prompt(given(0), NEW).ok
    assert validate_prompt(given(0, 2), NEW).ok
    assert found(validate_prompt(given(1), NEW)) == {"1": [("required_input_missing", "images.image0")]}
    beyond = validate_prompt(given(0, 3), NEW)
    assert beyond.valid
    assert [(note.type, note.input_name) for note in beyond.warnings] == [("unknown_link", "images.image3")]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("here.png", None),
        ("here.png [input]", None),
        ("./here.png", None),
        ("", None),
        ("sub/x.png", None),
        ("gone.png", "custom_validation_failed"),
        ("../x.png", "custom_validation_failed"),
        ("x.png [output]", "custom_validation_failed"),
        (5, "exception_during_inner_validation"),
        (None, "exception_during_inner_validation"),
    ],
)
def test_loaders_look_for_files_themselves(given: Any, error: str | None) -> None:
    prompt = {"1": node("LoadImage", image=given), "2": node("Save", image=["1", 0])}
    report = validate_prompt(prompt, NEW)
    assert [problem.type for problems in report.node_errors.values() for problem in problems] == (
        [] if error is None else [error]
    )
    assert report.rests_on_files is (error == "custom_validation_failed")


def test_somebody_else_may_know_the_files() -> None:
    prompt = {"1": node("LoadImage", image="x.png [output]"), "2": node("Save", image=["1", 0])}
    assert validate_prompt(prompt, NEW, file_exists=lambda name: name == "x.png [output]").ok
    unsure = validate_prompt(prompt, NEW, file_exists=lambda _: None)
    assert unsure.ok
    assert [note.type for note in unsure.notes] == ["file_not_checked"]


def test_a_loader_without_its_file_fails_in_python() -> None:
    prompt = {"1": node("LoadImage"), "2": node("Save", image=["1", 0])}
    details = only_error(prompt)["details"]
    assert details == "LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"


def test_an_exception_hides_the_other_errors_of_its_node_and_we_tell_them() -> None:
    prompt = good()
    prompt["2"]["inputs"].update(one=["99", 0], two=["1", 1])
    report = validate_prompt(prompt, NEW)
    assert found(report) == {"2": [("exception_during_inner_validation", "image")]}
    assert [(problem.type, problem.input_name) for problem in report.errors] == [
        ("exception_during_inner_validation", "image"),
        ("return_type_mismatch", "two"),
    ]


def test_all_is_told_although_the_server_stops_at_an_unknown_class() -> None:
    prompt = with_input("width", 8)
    prompt.update({"8": node("Lode"), "9": node("Savve")})
    report = validate_prompt(prompt, NEW)
    assert (report.error, report.node_errors) == ("missing_node_type", {})
    assert [(problem.type, problem.node_id) for problem in report.errors] == [
        ("missing_node_type", "8"),
        ("missing_node_type", "9"),
        ("value_smaller_than_min", "1"),
    ]
    assert "'Load'" in (report.errors[0].suggestion or "")
