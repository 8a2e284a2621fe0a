"""What we say beyond the server: warnings, refusals, the nearest right value."""

from __future__ import annotations

from typing import Any

import pytest
from comfynodes import EmptyImage, LoadImage, PreviewImage, SaveImage

from comfyflow import Schema, Workflow, validate_prompt
from comfyflow.nearest import nearest
from tests.small_schema import MODELS, RAW, Prompt, good, node, schema

NEW = schema()


def notes(prompt: object, against: Schema = NEW) -> list[tuple[str, str | None, str]]:
    report = validate_prompt(prompt, against)
    assert report.valid, report
    assert report.errors == ()
    return [(note.type, note.node_id, note.input_name) for note in report.problems]


def with_input(name: str, value: Any, node_id: str = "1") -> Prompt:
    prompt = good()
    prompt[node_id]["inputs"][name] = value
    return prompt


@pytest.mark.parametrize(
    ("name", "value", "severity", "says"),
    [
        ("width", 64.5, "warning", "64.5; the server turns it into 64"),
        ("width", "64", "note", "'64'; the server turns it into 64"),
        ("tint", True, "note", "True; the server turns it into 1.0"),
        ("tint", "0.5", "note", "'0.5'; the server turns it into 0.5"),
        ("on", "false", "warning", "'false'; the server turns it into True"),
        ("on", "disabled", "warning", "'disabled'; the server turns it into True"),
        ("on", "True", "note", "'True'; the server turns it into True"),
        ("on", "", "note", "''; the server turns it into False"),
        ("on", " ", "warning", "' '; the server turns it into True"),
        ("on", None, "warning", "None; the server turns it into False"),
        ("on", 2, "warning", "2; the server turns it into True"),
        ("text", None, "warning", "None; the server turns it into 'None'"),
        ("text", 5, "note", "5; the server turns it into '5'"),
        ("text", {"__value__": [1]}, "warning", "[1]; the server turns it into '[1]'"),
    ],
)
def test_what_the_server_quietly_changes(name: str, value: Any, severity: str, says: str) -> None:
    prompt = with_input(name, value)
    assert notes(prompt) == [("value_converted", "1", name)]
    report = validate_prompt(prompt, NEW)
    assert [problem.severity for problem in report.problems] == [severity]
    assert says in str(report)


@pytest.mark.parametrize(
    ("name", "value"), [("width", 64.0), ("tint", 1), ("on", 0), ("on", True), ("text", {"__value__": "x"})]
)
def test_what_stays_as_it_is_meant(name: str, value: Any) -> None:
    assert notes(with_input(name, value)) == []


@pytest.mark.parametrize("value", [float("nan"), {"__value__": float("nan")}, "NaN"])
def test_no_number(value: Any) -> None:
    assert notes(with_input("tint", value)) == [("not_finite", "1", "tint")]


@pytest.mark.parametrize("value", ["picture", None, 5, {"a": 1}, {"__value__": [1, 2]}])
def test_a_constant_for_a_socket(value: Any) -> None:
    assert notes(with_input("mask", value, "2")) == [("constant_for_socket", "2", "mask")]


def test_widgets_of_other_types_take_constants() -> None:
    assert notes({"1": node("Color", color="#000"), "2": node("Save", image=["1", 0])}) == []
    assert notes({"1": node("Either", value=3), "2": node("Show", value=["1", 0])}) == []
    assert notes({"2": node("Show", value={"any": "thing"})}) == []


def test_unknown_constants() -> None:
    assert notes(with_input("zzz", 1)) == [("unknown_input", "1", "zzz")]
    assert notes(with_input("prompt", {}, "3")) == [("unknown_input", "3", "prompt")]
    report = validate_prompt(with_input("txt", "x"), NEW)
    assert report.warnings[0].suggestion == "Did you mean 'text'?"


def test_unknown_links() -> None:
    assert notes(with_input("zzz", ["1", 0], "2")) == [("unknown_link", "2", "zzz")]
    assert notes(with_input("zzz", ["1", 9], "2")) == [("unknown_link", "2", "zzz")]
    assert notes(with_input("zzz", ["99", "0"], "2")) == [("unknown_input", "2", "zzz")]


def test_an_unknown_link_to_a_missing_node_kills_the_worker() -> None:
    prompt = with_input("zzz", ["99", 0], "2")
    report = validate_prompt(prompt, NEW)
    assert (report.valid, report.ok) == (True, False)
    assert [(note.type, note.node_id, note.input_name) for note in report.refusals] == [
        ("stray_link", "2", "zzz")
    ]
    unused = {**good(), "9": node("Number", value=1, zzz=["99", 0])}
    assert [kind for kind, *_ in notes(unused)] == ["stray_link", "reaches_no_output"]
    assert validate_prompt(unused, NEW).ok


def test_what_only_an_unknown_link_reaches_is_run_without_a_check() -> None:
    prompt = with_input("zzz", ["4", 0], "2")
    prompt["4"] = node("Blend", one=["99", 0], two=["1", 0])
    report = validate_prompt(prompt, NEW)
    assert (report.valid, report.ok, report.node_errors) == (True, False, {})
    assert [(note.type, note.node_id, note.input_name) for note in report.refusals] == [
        ("stray_link", "4", "one")
    ]
    unused = {**good(), "4": node("Blend", one=["99", 0], two=["1", 0])}
    assert [kind for kind, *_ in notes(unused)] == ["reaches_no_output"]


def test_a_wrapped_value_that_looks_like_a_link_once_unwrapped() -> None:
    prompt = {"2": node("Show", value={"__value__": ["99", 0]})}
    assert [note.type for note in validate_prompt(prompt, NEW).refusals] == ["stray_link"]
    prompt = {**good(), "4": node("Show", value={"__value__": ["1", 0]})}
    assert notes(prompt) == [("unknown_link", "4", "value")]


@pytest.mark.parametrize("version", ["0.27.0", "0.3.64"])
def test_nodes_without_inputs_kill_the_worker(version: str) -> None:
    for prompt in ({**good(), "9": {"class_type": "Number"}}, {**good(), "9": {"class_type": "Empty"}}):
        report = validate_prompt(prompt, schema(version))
        assert (report.valid, report.ok) == (True, False)
        assert [(note.type, note.node_id) for note in report.refusals] == [("node_without_inputs", "9")]


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"__value__": [value]} if depth % 2 else {"k": value}
    return value


@pytest.mark.parametrize(
    ("depth", "ok", "status"), [(200, True, 200), (450, True, 200), (600, False, 200), (100_000, False, 500)]
)
def test_deep_constants_kill_the_worker(depth: int, ok: bool, status: int) -> None:
    prompts: list[Prompt] = [
        {"1": node("Show", value=nested(depth))},
        {**good(), "9": node("Number", value=1, z=nested(depth))},
        {"1": {**node("Show", value=1), "_meta": {"title": nested(depth - 2)}}},
    ]
    for prompt in prompts:
        report = validate_prompt(prompt, NEW)
        assert (report.ok, report.status) == (ok, status)
        assert [note.type for note in report.refusals] == ([] if ok else ["nested_too_deep"])


def test_what_is_no_json() -> None:
    circular: list[Any] = []
    circular.append({"again": circular})
    for value, kind in (
        ({1, 2}, "not_json"),
        ({"a": object()}, "not_json"),
        ({"a": circular}, "nested_too_deep"),
    ):
        report = validate_prompt({"1": node("Show", value=value)}, NEW)
        assert [note.type for note in report.refusals] == [kind]


def test_a_tuple_is_a_list_to_json() -> None:
    prompt = good()
    prompt["3"]["inputs"]["image"] = ("2", 0)
    assert notes(prompt) == []


def choosing(**inputs: Any) -> Prompt:
    return {"1": {"class_type": "Choose", "inputs": inputs}, "2": node("Save", image=["1", 0])}


def test_dynamic_combos_that_no_server_checks() -> None:
    assert notes(choosing()) == [("dynamic_key_missing", "1", "how")]
    assert notes(choosing(how="grwon")) == [("dynamic_key_unknown", "1", "how")]
    assert notes(choosing(how={"__value__": "plain"})) == [("dynamic_key_unknown", "1", "how")]
    assert notes(choosing()) == [("dynamic_key_missing", "1", "how")], "also after an unknown one"
    assert notes(choosing(how="deep")) == [("dynamic_key_missing", "1", "how.more")]
    assert notes(choosing(**{"how": "plain", "how.width": 8})) == [("unknown_input", "1", "how.width")]
    report = validate_prompt(choosing(how="grwon"), NEW)
    assert report.warnings[0].suggestion == "Did you mean 'grown'?"


def test_an_option_whose_input_may_stand_beside_it_lacks_nothing() -> None:
    """``SaveVideo`` of 0.33.0 asks for ``format.codec``, and runs with the ``codec`` of older prompts."""
    codec = {"options": [{"key": "h264", "inputs": {"required": {}}}]}
    inner = {"required": {"codec": ["COMFY_DYNAMICCOMBO_V3", codec]}}
    formats = ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "mp4", "inputs": inner}]}]
    beside: dict[str, Any] = {"codec": ["COMFY_DYNAMICCOMBO_V3", {**codec, "hidden": True}]}
    save: dict[str, Any] = {
        "input": {"required": {"format": formats}, "optional": beside},
        "input_order": {"required": ["format"], "optional": ["codec"]},
        "output": [],
        "output_node": True,
        "python_module": "nodes",
    }
    for given in ({"format": "mp4"}, {"format": "mp4", "codec": "h264"}):
        prompt = {"1": {"class_type": "Film", "inputs": given}}
        assert notes(prompt, Schema({"Film": save}, "0.33.0")) == []
        beside["codec"][1]["hidden"] = False
        missing = notes(prompt, Schema({"Film": save}, "0.33.0"))
        assert missing == [("dynamic_key_missing", "1", "format.codec")]
        beside["codec"][1]["hidden"] = True


def test_classes_are_told_once() -> None:
    prompt = good()
    prompt["2"] = node("Old", image=["1", 0])
    prompt["4"] = node("Old", image=["2", 0])
    prompt["3"]["inputs"]["image"] = ["4", 0]
    report = validate_prompt(prompt, NEW)
    assert [note.type for note in report.notes] == ["deprecated_node", "experimental_node", "paid_node"]
    assert "1 more" in report.notes[0].message
    assert (report.ok, report.warnings) == (True, ())


def test_nodes_that_reach_no_output() -> None:
    prompt = {**good(), "4": node("Number", value=1), "5": node("Either", value=["4", 0])}
    assert notes(prompt) == [("reaches_no_output", "4", ""), ("reaches_no_output", "5", "")]
    assert validate_prompt(prompt, NEW).warnings == ()
    around = {**good(), "8": node("Blend", one=["9", 0], two=["9", 0]), "9": node("Old", image=["8", 0])}
    assert [kind for kind, *_ in notes(around)][:2] == ["reaches_no_output", "reaches_no_output"]


def test_saved_fingerprints() -> None:
    prompt = good()
    prompt["1"]["is_changed"] = ["fixed"]
    assert notes(prompt) == [("is_changed_given", "1", "")]


def test_targets_that_are_no_outputs() -> None:
    report = validate_prompt(good(), NEW, partial_execution_targets=["3", "1", "77"])
    assert [(note.type, note.node_id) for note in report.warnings] == [
        ("target_without_output", "1"),
        ("target_without_output", None),
    ]


def switching(yes: Any, no: Any, **after: Any) -> Prompt:
    prompt = {"1": node("Empty", width=64, tint=0), "2": node("Number", value=1), "3": node("Any", value=1)}
    prompt["4"] = node("Switch", yes=yes, no=no)
    return {**prompt, **after, "9": node("Show", value=["4", 0])}


def mismatches(prompt: Prompt) -> list[tuple[str | None, str]]:
    report = validate_prompt(prompt, NEW)
    assert report.valid
    return [(note.node_id, note.input_name) for note in report.warnings if note.type == "match_type_mismatch"]


def test_match_types() -> None:
    assert mismatches(switching(["1", 0], ["1", 0])) == []
    assert mismatches(switching(["1", 0], ["3", 0])) == []
    assert mismatches(switching(["1", 0], ["1", 1])) == [("4", "no")]
    assert mismatches(switching(["2", 0], ["1", 1])) == [("4", "yes")]


def test_what_flows_out_of_match_types() -> None:
    save = {"5": node("Switch", yes=["4", 0], no=["4", 0]), "6": node("Save", image=["5", 0])}
    assert mismatches(switching(["1", 0], ["1", 0], **save)) == []
    assert mismatches(switching(["1", 1], ["1", 1], **save)) == [("6", "image")]
    around = {"4": node("Switch", yes=["5", 0], no=["5", 0]), "5": node("Switch", yes=["4", 0], no=["4", 0])}
    assert not validate_prompt({**around, "6": node("Save", image=["4", 0])}, NEW).valid


def test_many_match_types_in_a_row_take_no_square() -> None:
    prompt: Prompt = {"0": node("Empty", width=64, tint=0)}
    for index in range(1, 900):
        prompt[str(index)] = node("Switch", yes=[str(index - 1), 1], no=[str(index - 1), 1])
    prompt["1"] = node("Switch", yes=["0", 1], no=["0", 1])
    for index in range(2, 900):
        prompt[str(index)]["inputs"] = {"yes": [str(index - 1), 0], "no": [str(index - 1), 0]}
    prompt["end"] = node("Save", image=["899", 0])
    assert mismatches(prompt) == [("end", "image")]


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("fst", "Did you mean 'fast'?"),
        ("FAST", "Did you mean 'fast'?"),
        ("quick", "Choose from 'fast', 'slow', 3."),
    ],
)
def test_the_nearest_choice(value: str, suggestion: str) -> None:
    prompt = {"1": node("Load", name=MODELS[0], mode=value), "2": node("Show", value=["1", 0])}
    assert validate_prompt(prompt, NEW).errors[0].suggestion == suggestion


def test_the_nearest_of_many_files() -> None:
    for value, suggestion in (
        ("model-0123.safetensor", "Did you mean 'folder/model-0123.safetensors'?"),
        ("FOLDER\\MODEL-0123.SAFETENSORS", "Did you mean 'folder/model-0123.safetensors'?"),
        ("qqq", "Choose from 'folder/model-0000.safetensors', "),
    ):
        prompt = {"1": node("Load", name=value, mode="fast"), "2": node("Show", value=["1", 0])}
        assert (validate_prompt(prompt, NEW).errors[0].suggestion or "").startswith(suggestion)


def test_other_suggestions() -> None:
    def suggestion(prompt: Prompt) -> str | None:
        return validate_prompt(prompt, NEW).errors[0].suggestion

    assert suggestion(with_input("width", 8)) == "The nearest valid value is 16."
    assert suggestion(with_input("width", 800)) == "The nearest valid value is 128."
    assert suggestion(with_input("width", "63.7")) == "The nearest valid value is 64."
    assert suggestion(with_input("mask", ["1", 0], "2")) == "Output 1 of that node fits."
    misspelt = {"1": node("Empty", widht=64, tint=0), "2": node("Save", image=["1", 0])}
    assert suggestion(misspelt) == "The prompt has 'widht', which is not an input of this node."
    raw = {**RAW, "Load": {**RAW["Load"], "input": {"required": {"name": [[], {}]}}}}
    prompt = {"1": node("Load", name="x"), "2": node("Show", value=["1", 0])}
    nothing = validate_prompt(prompt, Schema(raw, "0.27.0")).errors[0]
    assert nothing.suggestion == "This server offers no choices."


@pytest.mark.parametrize(
    ("given", "names", "found"),
    [
        ("euler", [], None),
        ("", ["a"], None),
        ("eulr", ["heun", "euler"], "euler"),
        ("x", ["heun"], None),
        ("a" * 5000, ["b", "a" * 4999], "a" * 4999),
        ("\ud800x", ["\ud800y", "\ud800xx"], "\ud800xx"),
    ],
)
def test_nearest(given: str, names: list[str], found: str | None) -> None:
    assert nearest(given, names) == found


def test_suggestions_end_where_there_are_too_many() -> None:
    prompt: Prompt = {}
    for index in range(3000):
        prompt[f"l{index}"] = node("Load", name=f"model-{index}.safetensor", mode="fast")
        prompt[f"s{index}"] = node("Show", value=[f"l{index}", 0])
    report = validate_prompt(prompt, NEW)
    suggested = [problem.suggestion for problem in report.errors if "Did you" in (problem.suggestion or "")]
    assert len(report.errors) == 3000
    assert 100 < len(suggested) < 1000


@pytest.mark.parametrize(
    ("prefix", "right"),
    [
        ("take1..", "take1"),
        ("a/b..c", "a/b.c"),
        ("..", "ComfyUI"),
        ("a../b", None),
        ("a.", None),
        ("a/..", None),
    ],
)
def test_a_prefix_whose_files_no_server_shows(prefix: str, right: str | None) -> None:
    for _ in range(2):  # the first look at a class is closer than those that follow
        image = EmptyImage(width=8, height=8, batch_size=1, color=0)
        warnings = Workflow(SaveImage(images=image, filename_prefix=prefix)).validate().warnings
        told = [(note.type, note.node_id, note.input_name) for note in warnings]
        assert told == ([("file_not_shown", "2", "filename_prefix")] if right else [])
        assert right is None or f"; '{right}' can" in warnings[0].message


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [("../x", "x"), ("a/../../b/c", "a/b/c"), ("/srv/x", "srv/x"), ("../..", "ComfyUI"), ("a/../b", None)],
)
def test_a_prefix_that_leads_out_of_the_output_folder(prefix: str, inside: str | None) -> None:
    for _ in range(2):
        image = EmptyImage(width=8, height=8, batch_size=1, color=0)
        warnings = Workflow(SaveImage(images=image, filename_prefix=prefix)).validate().warnings
        told = [(note.type, note.node_id, note.input_name) for note in warnings]
        assert told == ([("file_outside", "2", "filename_prefix")] if inside else [])
        assert inside is None or f"'{inside}' stays inside" in warnings[0].message


@pytest.mark.parametrize(
    ("name", "warned"),
    [("", True), (".", True), ("a/", True), (" [output]", True), ("./", True), ("a.png", False)],
)
def test_a_file_without_a_name(name: str, warned: bool) -> None:
    """A loader's own check finds the folder there, and takes it for the file."""
    workflow = Workflow(PreviewImage(images=LoadImage(image=name).IMAGE))
    report = validate_prompt(workflow.to_prompt(), workflow.schema(), file_exists=lambda _: True)
    told = [(note.type, note.node_id, note.input_name) for note in report.warnings]
    assert told == ([("no_file_named", "1", "image")] if warned else [])
