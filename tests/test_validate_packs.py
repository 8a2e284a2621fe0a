"""What is said of inputs that a pack's class takes although its /object_info does not list them."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Report, Schema, validate_prompt
from tests.small_schema import node, node_class

PACK = "custom_nodes.some-pack"
FORMATS = {"formats": {"video/a": [["crf", "INT", {"default": 19}], ["pix_fmt", ["x", "y"]], 5, ["bad"]]}}
SERVER = Schema(
    {
        "Image": node_class({}, ("IMAGE",)),
        "Show": node_class({"image": ["IMAGE"]}, end=True),
        "Switch": node_class({}, ("*",), python_module=PACK),
        "Any Switch (rgthree)": node_class({}, ("*",), python_module=PACK),
        "Batch": node_class({"image1": ["IMAGE"], "width1": ["INT"]}, ("IMAGE",), python_module=PACK),
        "Counted": node_class(
            {"inputcount": ["INT"], "image_1": ["IMAGE"]},
            ("IMAGE",),
            optional={"image_2": ["IMAGE"]},
            python_module=PACK,
        ),
        "Combine": node_class(
            {"images": ["IMAGE"], "format": [["video/a", "image/gif"], FORMATS]},
            end=True,
            python_module=PACK,
        ),
        "Loop": {
            **node_class({"strength": ["FLOAT"]}, ("IMAGE",), python_module=PACK),
            "input": {
                "required": {"strength": ["FLOAT"]},
                "hidden": {"start": ["*"], "tile": "INT", "me": "UNIQUE_ID", "all": ["PROMPT"]},
            },
        },
        "Own": node_class({"track": ["TRACK"], "image": ["IMAGE"]}, ("IMAGE", "TRACK"), python_module=PACK),
        "ImpactInversedSwitch": node_class({"input": ["*"]}, ("*",), python_module=PACK),
        "easy imageRemBg": node_class({"rem_mode": [["a", "b"]]}, ("IMAGE",), python_module=PACK),
        "ImpactCore": node_class({}, ("IMAGE",)),
        "ADE_LoadCameraPosesFromPath": node_class(
            {}, ("IMAGE",), optional={"file_path": ["STRING"]}, python_module=PACK
        ),
        "VHS_LoadAudio": node_class(
            {"audio_file": ["STRING"]}, ("IMAGE",), optional={"seconds": [["1", "2"]]}, python_module=PACK
        ),
        "VHS_LoadImages": node_class({"directory": [["a"]]}, ("IMAGE",), python_module=PACK),
    },
    "0.27.0",
)


def report_on(class_type: str, **inputs: Any) -> Report:
    prompt = {
        "1": node("Image"),
        "2": node(class_type, **inputs),
        "3": node("Show", image=["1", 0]),
        "4": node("Show", image=["2", 0]),
    }
    return validate_prompt(prompt, SERVER)


@pytest.mark.parametrize("value", [["1", 0], 5, {"on": True, "lora": "x", "strength": 1}])
def test_what_a_pack_may_take_is_no_warning(value: Any) -> None:
    report = report_on("Switch", whatever=value)
    assert (report.ok, report.warnings) == (True, ())
    (note,) = report.notes
    assert (note.severity, note.type, note.input_name) == ("note", "unlisted_input", "whatever")
    assert "ignore" not in note.message
    assert "fail" not in note.message
    assert report.to_json()["notes"][0]["input_name"] == "whatever"


def test_a_slip_of_the_pen_is_told_with_the_nearest_name() -> None:
    report = report_on("Counted", inputcount=2, image_1=["1", 0], imgae_2=["1", 0])
    assert report.warnings == ()
    assert [(note.input_name, note.suggestion) for note in report.notes] == [
        ("imgae_2", "Did you mean 'image_2'?")
    ]


def test_of_a_class_of_comfyui_it_is_known() -> None:
    assert [problem.type for problem in report_on("ImpactCore", zzz=1).warnings] == ["unknown_input"]
    assert [problem.type for problem in report_on("ImpactCore", zzz=["1", 0]).warnings] == ["unknown_link"]


@pytest.mark.parametrize(
    ("class_type", "names"),
    [
        ("Any Switch (rgthree)", {"any_01": ["1", 0], "any_12": ["1", 0]}),
        ("Batch", {"image1": ["1", 0], "width1": 1, "image2": ["1", 0], "image13": ["1", 0]}),
        ("Counted", {"inputcount": 3, "image_1": ["1", 0], "image_2": ["1", 0], "image_3": ["1", 0]}),
        ("Combine", {"images": ["1", 0], "format": "video/a", "crf": 10, "pix_fmt": "y"}),
        ("Loop", {"strength": 1.0, "start": ["1", 0], "tile": 5}),
    ],
)
def test_what_a_pack_is_known_to_add_needs_no_word(class_type: str, names: dict[str, Any]) -> None:
    prompt = {"1": node("Image"), "2": node(class_type, **names), "3": node("Show", image=["1", 0])}
    if class_type != "Combine":
        prompt["3"]["inputs"]["image"] = ["2", 0]
    report = validate_prompt(prompt, SERVER)
    assert [problem for problem in report.problems if problem.type != "reaches_no_output"] == []


@pytest.mark.parametrize("name", ["image0", "image03", "width2", "images2", "imagex"])
def test_names_beyond_the_pattern_are_not_known(name: str) -> None:
    report = report_on("Batch", image1=["1", 0], width1=1, **{name: ["1", 0]})
    assert [note.input_name for note in report.notes] == [name]


@pytest.mark.parametrize("name", ["me", "all"])
def test_what_the_server_fills_it_fills_for_packs_too(name: str) -> None:
    report = report_on("Loop", strength=1.0, **{name: 5})
    assert [(problem.type, problem.input_name) for problem in report.warnings] == [("unknown_input", name)]


def test_a_constant_for_a_type_that_only_a_pack_knows_is_not_called_failing() -> None:
    report = report_on("Own", track={"points": []}, image="x")
    assert [(problem.type, problem.input_name) for problem in report.warnings] == [
        ("constant_for_socket", "image")
    ]
    assert [(problem.type, problem.input_name) for problem in report.notes] == [
        ("constant_for_socket", "track")
    ]


def test_a_class_with_endless_outputs_is_linked_from_any_slot() -> None:
    prompt = {
        "1": node("Image"),
        "2": node("ImpactInversedSwitch", input=["1", 0]),
        "3": node("Show", image=["2", 7]),
    }
    assert validate_prompt(prompt, SERVER).problems == ()
    prompt["3"]["inputs"]["image"] = ["2", -5]
    assert not validate_prompt(prompt, SERVER).valid


def test_choices_that_the_server_does_not_check_are_no_error() -> None:
    report = report_on("easy imageRemBg", rem_mode="c")
    assert (report.valid, report.errors) == (True, ())


def errors(report: Report) -> list[str]:
    return [problem.type for problem in report.errors]


def test_a_path_on_the_servers_disk_counts_as_there_and_what_its_class_takes_is_left_to_it() -> None:
    assert report_on("VHS_LoadAudio", audio_file="/any/file", seconds="7").ok
    assert report_on("VHS_LoadImages", directory="no choice").ok


def test_a_check_of_its_own_that_is_given_no_path_raises() -> None:
    assert report_on("ADE_LoadCameraPosesFromPath", file_path="/any/file").ok
    assert errors(report_on("ADE_LoadCameraPosesFromPath")) == ["exception_during_inner_validation"]
    assert errors(report_on("VHS_LoadImages", directory=5)) == ["exception_during_inner_validation"]
