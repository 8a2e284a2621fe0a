from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from comfyflow import Schema
from comfyflow.lock import Checked, check, make_lock, to_github, to_junit, to_sarif, would_run
from tests.test_lock import CLASSES as LOCKED
from tests.test_lock import PROMPT

CLASSES = {
    **LOCKED,
    "Picture": {
        "input": {"required": {"image": [["a.png", "b.png"], {"image_upload": True}]}},
        "output": ["IMAGE"],
        "output_node": True,
    },
    "Rows": {
        "input": {
            "required": {
                "rows": [
                    "COMFY_DYNAMICGROUP_V3",
                    {"template": {"input": {"required": {"n": ["INT", {"max": 9}]}}}},
                ],
                "slot": [
                    "COMFY_DYNAMICSLOT_V3",
                    {"slotType": "MODEL", "inputs": {"required": {"m": ["INT", {}]}}},
                ],
            },
            "optional": {
                "any": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "T", "allowed_types": "A,B"}}]
            },
        },
        "output": [],
        "output_node": True,
    },
}
OLD = Schema(CLASSES, "0.27.0")

FULL = {
    **PROMPT,
    "4": {"class_type": "Picture", "inputs": {"image": "a.png"}},
    "5": {"class_type": "Rows", "inputs": {"rows.0.n": 5, "slot": ["1", 0], "slot.m": 1}},
}

Change = Callable[[Any], object]


def changed(change: Change) -> Schema:
    classes = copy.deepcopy(CLASSES)
    change(classes)
    return Schema(classes, "0.27.0")


def required(classes: Any, name: str) -> Any:
    return classes[name]["input"]["required"]


def optional(classes: Any, name: str) -> Any:
    return classes[name]["input"].setdefault("optional", {})


def option(classes: Any, key: int) -> Any:
    return required(classes, "Sampler")["kind"][1]["options"][key]["inputs"]["required"]


def template(classes: Any) -> Any:
    return required(classes, "Sampler")["images"][1]["template"]


CASES: list[tuple[Change, str, str, str]] = [
    (lambda c: c.pop("Save"), "node_gone", "error", "Save #3: node class not found any more"),
    (
        lambda c: required(c, "Loader").update(extra=["INT", {"default": 1}]),
        "input_added",
        "error",
        "Loader #1, input extra: is a new required input (INT, default 1); here it is required and missing",
    ),
    (
        lambda c: optional(c, "Loader").update(extra=["INT", {}]),
        "input_added",
        "note",
        "Loader #1, input extra: is a new optional input (INT)",
    ),
    (
        lambda c: required(c, "Loader").pop("mode"),
        "input_gone",
        "warning",
        "Loader #1, input mode: is gone (COMBO, default 'fast')",
    ),
    (
        lambda c: optional(c, "Sampler").pop("note"),
        "input_gone",
        "note",
        "Sampler #2 ('The sampler'), input note:",
    ),
    (
        lambda c: required(c, "Sampler").update(note=optional(c, "Sampler").pop("note")),
        "input_required_changed",
        "error",
        "input note: is now required; here it is required and missing",
    ),
    (
        lambda c: optional(c, "Loader").update(mode=required(c, "Loader").pop("mode")),
        "input_required_changed",
        "note",
        "Loader #1, input mode: is now optional",
    ),
    (
        lambda c: required(c, "Save").update(latent=["IMAGE"]),
        "input_type_changed",
        "error",
        "Save #3, input latent: was LATENT, is IMAGE; here it takes IMAGE, and output 0 of node '2'",
    ),
    (
        lambda c: required(c, "Save").update(latent=["IMAGE,LATENT"]),
        "input_type_changed",
        "note",
        "Save #3, input latent: was LATENT, is IMAGE,LATENT",
    ),
    (
        lambda c: required(c, "Sampler").update(steps=["STRING", {"default": 20}]),
        "input_type_changed",
        "warning",
        "input steps: was INT, is STRING",
    ),
    (
        lambda c: required(c, "Sampler")["steps"][1].update(max=10),
        "range_changed",
        "error",
        "range was min 1, max 100, is min 1, max 10; here it is 20",
    ),
    (
        lambda c: required(c, "Sampler")["steps"][1].update(min=0, step=2),
        "range_changed",
        "note",
        "range was min 1, max 100, is min 0, max 100, step 2",
    ),
    (
        lambda c: required(c, "Sampler")["steps"][1].update(default=30),
        "default_changed",
        "note",
        "input steps: default was 20, is 30",
    ),
    (
        lambda c: optional(c, "Sampler")["note"][1].update(default="new"),
        "default_changed",
        "warning",
        "input note: default was '', is 'new'",
    ),
    (
        lambda c: required(c, "Loader")["mode"][0].remove("fast"),
        "choices_gone",
        "error",
        "Loader #1, input mode: no longer offers 'fast'; here it is 'fast', which is not one of its choices",
    ),
    (
        lambda c: required(c, "Loader")["mode"][0].remove("exact"),
        "choices_gone",
        "note",
        "Loader #1, input mode: no longer offers 'exact'",
    ),
    (
        lambda c: required(c, "Loader")["mode"][0].append("new"),
        "choices_added",
        "note",
        "Loader #1, input mode: now offers 'new'",
    ),
    (
        lambda c: required(c, "Loader")["mode"][1].update(lazy=True),
        "option_changed",
        "note",
        "input mode: option lazy was nothing, is True",
    ),
    (
        lambda c: required(c, "Loader")["ckpt_name"][0].remove("b.safetensors"),
        "model_not_installed",
        "error",
        "Loader #1, input ckpt_name: 'b.safetensors' is not installed. Did you mean 'c.safetensors'?",
    ),
    (
        lambda c: required(c, "Picture")["image"][0].remove("a.png"),
        "file_missing",
        "warning",
        "Picture #4, input image: file 'a.png' is not on the server yet",
    ),
    (
        lambda c: option(c, 1)["lora_name"][1]["options"].remove("x.pt"),
        "model_not_installed",
        "error",
        "input kind.lora_name: 'x.pt' is not installed",
    ),
    (
        lambda c: option(c, 1).update(strength=["FLOAT"]),
        "input_added",
        "error",
        "input kind.strength: is a new required input (FLOAT)",
    ),
    (
        lambda c: required(c, "Sampler")["kind"][1]["options"].pop(0),
        "choices_gone",
        "note",
        "input kind: no longer offers 'plain'",
    ),
    (
        lambda c: template(c).update(max=5),
        "slots_changed",
        "warning",
        "took 0 to 3 of image0, image1, image2, takes 0 to 5",
    ),
    (
        lambda c: template(c)["input"]["required"].update(image=["MASK"]),
        "input_type_changed",
        "note",
        "input images.*: was IMAGE, is MASK",
    ),
    (
        lambda c: required(c, "Rows")["rows"][1]["template"]["input"]["required"]["n"][1].update(max=4),
        "range_changed",
        "error",
        "Rows #5, input rows.*.n: range was max 9, is max 4",
    ),
    (
        lambda c: required(c, "Rows")["slot"][1]["inputs"]["required"]["m"][1].update(default=3),
        "default_changed",
        "note",
        "Rows #5, input slot.m: default was nothing, is 3",
    ),
    (
        lambda c: optional(c, "Rows")["any"][1]["template"].update(allowed_types="A"),
        "input_type_changed",
        "note",
        "input any: was COMFY_MATCHTYPE_V3 of A,B, is COMFY_MATCHTYPE_V3 of A",
    ),
    (
        lambda c: c["Loader"].update(output=["CLIP", "CLIP"]),
        "output_type_changed",
        "error",
        "Loader #1: output 0 (MODEL) was MODEL, is CLIP; here it takes MODEL, and output 0 of node '1'",
    ),
    (
        lambda c: c["Loader"].update(output=["MODEL", "VAE"]),
        "output_type_changed",
        "note",
        "Loader #1: output 1 (CLIP) was CLIP, is VAE, which the workflow does not use",
    ),
    (
        lambda c: c["Loader"].update(output=["MODEL"]),
        "output_gone",
        "note",
        "Loader #1: output 1 (CLIP, CLIP) is gone, which the workflow does not use",
    ),
    (
        lambda c: c["Loader"].update(output=[]),
        "output_gone",
        "error",
        "Loader #1: output 0 (MODEL, MODEL) is gone; here",
    ),
    (
        lambda c: c["Save"].update(output=["LATENT"]),
        "output_added",
        "note",
        "Save #3: has a new output 0 (LATENT, LATENT)",
    ),
    (
        lambda c: c["Loader"].update(output_name=["model", "CLIP"]),
        "output_renamed",
        "note",
        "Loader #1: output 0 (MODEL) is now called model",
    ),
    (
        lambda c: c["Sampler"].update(output_is_list=[False]),
        "output_list_changed",
        "warning",
        "output 0 (LATENT) is no longer a list",
    ),
    (
        lambda c: c["Save"].update(output_node=False),
        "output_node_changed",
        "warning",
        "Save #3: is no longer an output node",
    ),
    (
        lambda c: c["Loader"].update(deprecated=True),
        "deprecated_changed",
        "warning",
        "Loader #1: is now deprecated",
    ),
    (
        lambda c: c["Save"].pop("api_node"),
        "api_node_changed",
        "note",
        "Save #3: is no longer a paid API node",
    ),
    (
        lambda c: c["Loader"].update(api_node=True),
        "api_node_changed",
        "warning",
        "Loader #1: is now a paid API node",
    ),
    (
        lambda c: c["Loader"].update(is_input_list=True),
        "input_list_changed",
        "warning",
        "Loader #1: is now executed once over whole lists",
    ),
    (
        lambda c: c["Loader"].update(python_module="nodes_loader"),
        "module_changed",
        "note",
        "Loader #1: comes from nodes_loader, no longer from nodes",
    ),
    (
        lambda c: c["Loader"].update(python_module="custom_nodes.other"),
        "module_changed",
        "warning",
        "Loader #1: comes from custom_nodes.other",
    ),
]


@pytest.mark.parametrize(("change", "kind", "severity", "text"), CASES)
def test_each_difference(change: Change, kind: str, severity: str, text: str) -> None:
    drifts = check(FULL, changed(change), OLD)
    assert next(drift.severity for drift in drifts if drift.type == kind) == severity
    drift = next(drift for drift in drifts if drift.type == kind)
    assert text in drift.text
    assert would_run(drifts) == (severity != "error")
    others = [drift for drift in drifts if drift.type != kind]
    assert all(drift.type.startswith(("output_", "input_gone", "range_")) for drift in others), others
    # A lock of the workflow stands for the server that it was made from.
    assert check(FULL, changed(change), make_lock({"x": FULL}, OLD)) == drifts


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("Unused"),
        lambda c: c.update(New=c["Unused"]),
        lambda c: c["Loader"].update(description="new", category="new", display_name="new"),
        lambda c: required(c, "Sampler")["steps"][1].update(tooltip="new", display="number", advanced=True),
        lambda c: required(c, "Loader")["ckpt_name"][0].append("new.safetensors"),
        lambda c: required(c, "Loader")["ckpt_name"][0].remove("a.safetensors"),
        lambda c: option(c, 0)["cfg"][1].update(max=1),
        lambda c: required(c, "Sampler")["kind"][1]["options"].reverse(),
        lambda c: required(c, "Loader")["mode"][0].reverse(),
        lambda c: required(c, "Loader").update(
            mode=["COMBO", {"options": ["fast", "exact"], "default": "fast"}]
        ),
        lambda c: required(c, "Loader")["mode"][1].update(multiselect=False),
        lambda c: required(c, "Save").update(latent=["LATENT", {}]),
        lambda c: required(c, "Sampler")["steps"][1].update(min=1.0, round=False),
        lambda c: c["Loader"].update(deprecated=False, is_input_list=None),
        lambda c: c["Loader"]["input"].update(hidden={"id": "UNIQUE_ID"}),
    ],
)
def test_what_does_not_touch_the_workflow_is_not_reported(change: Change) -> None:
    assert check(FULL, changed(change), OLD) == []


def test_of_several_nodes_those_are_named_that_it_hits_hardest() -> None:
    prompt = copy.deepcopy(PROMPT)
    for number in range(10, 20):
        prompt[str(number)] = {
            "class_type": "Loader",
            "inputs": {"ckpt_name": "b.safetensors", "mode": "exact"},
        }
    (drift,) = check(prompt, changed(lambda c: required(c, "Loader")["mode"][0].remove("fast")), OLD)
    assert (drift.severity, drift.node_ids) == ("error", ("1",))
    (drift,) = check(prompt, changed(lambda c: required(c, "Loader")["mode"][0].append("new")), OLD)
    assert (drift.severity, len(drift.node_ids)) == ("note", 11)
    assert drift.text.startswith("Loader #1, #10, #11, #12, #13, #14 and 5 more, input mode:")


def test_without_a_baseline_only_what_keeps_it_from_running_is_said() -> None:
    new = changed(
        lambda c: [
            required(c, "Loader")["mode"][0].append("new"),
            required(c, "Sampler")["steps"][1].update(max=10),
            c.pop("Save"),
        ]
    )
    drifts = check(PROMPT, new)
    assert [drift.type for drift in drifts] == ["node_gone", "value_bigger_than_max"]
    assert drifts[0].message == "node class not found"
    assert not would_run(drifts)


def test_a_prompt_without_outputs_left() -> None:
    new = changed(lambda c: c["Save"].update(output_node=False))
    (drift,) = check(PROMPT, new, OLD)
    assert (drift.type, drift.severity) == ("output_node_changed", "error")
    (drift,) = check({}, OLD, OLD)
    assert (drift.type, drift.class_type, drift.node_ids) == ("prompt_no_outputs", None, ())


def test_a_class_that_the_server_replaces_is_no_error() -> None:
    """ComfyUI 0.14 and later put newer classes in the place of some old ones."""
    old_name, new_name = "SDV_img2vid_Conditioning", "SVD_img2vid_Conditioning"
    node = {"input": {}, "output": [], "output_node": True}
    prompt = {"1": {"class_type": old_name, "inputs": {}, "_meta": {"title": "old"}}}
    (drift,) = check(prompt, Schema({new_name: node}, "0.27.0"), Schema({old_name: node}, "0.3.64"))
    assert (drift.type, drift.severity) == ("node_gone", "warning")
    assert f"is replaced by {new_name}" in drift.text
    (drift,) = check(prompt, Schema({new_name: node}, "0.3.64"), Schema({old_name: node}, "0.3.64"))
    assert (drift.type, drift.severity) == ("node_gone", "error")


def test_what_the_baseline_does_not_know() -> None:
    fewer = changed(lambda c: c.pop("Loader"))
    (drift,) = check(PROMPT, OLD, fewer)
    assert (drift.type, drift.severity) == ("node_added", "note")
    lock = make_lock({"x": {"1": PROMPT["1"]}}, OLD)
    drifts = check(PROMPT, OLD, lock)
    assert [(drift.type, drift.severity, drift.class_type) for drift in drifts] == [
        ("not_locked", "warning", "Sampler"),
        ("not_locked", "warning", "Save"),
    ]


def test_against_a_lock_alone() -> None:
    lock = make_lock({"x": PROMPT}, OLD)
    assert check(PROMPT, lock) == []
    other = copy.deepcopy(PROMPT)
    other["1"]["inputs"]["ckpt_name"] = "c.safetensors"
    other["9"] = {"class_type": "Picture", "inputs": {"image": "a.png"}}
    assert {drift.type for drift in check(other, lock)} == {"model_not_installed", "node_gone"}


@pytest.mark.parametrize("prompt", [None, [], 7, {"1": 7}, {"1": {}}, {"1": {"class_type": 7, "inputs": 7}}])
def test_what_is_no_prompt_would_not_run(prompt: object) -> None:
    drifts = check(prompt, OLD, OLD)
    assert not would_run(drifts)
    assert all(drift.to_json()["input_name"] != "" for drift in drifts)


def test_names_cannot_disturb_a_terminal_or_a_report() -> None:
    wild = "\x1b[2J\n\x00\ud800"
    new = changed(
        lambda c: c.update({wild: {**c["Save"], "input": {"required": {wild: [wild, {wild: wild}]}}}})
    )
    new.raw[wild]["python_module"] = wild
    prompt = {**PROMPT, wild: {"class_type": wild, "inputs": {}, "_meta": {"title": wild}}}
    old = changed(lambda c: c.update({wild: c["Save"]}))
    drifts = check(prompt, new, old)
    assert len(drifts) > 2
    checked = Checked("x", None, tuple(drifts))
    assert all(line.isprintable() for line in str(checked).splitlines())
    assert len(str(checked).splitlines()) == len(drifts) + 1
    assert len(to_github([checked]).splitlines()) == len(drifts)
    ET.fromstring(to_junit([checked]))  # noqa: S314
    json.dumps(to_sarif([checked], "1"))
