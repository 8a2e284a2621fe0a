"""The checks that ComfyUI's own classes make in their own Python, on the classes of 0.27.0."""

from __future__ import annotations

from functools import cache
from typing import Any

import comfynodes  # noqa: F401  (so that its schema is found)
import pytest

from comfyflow import Report, Schema, validate_prompt
from comfyflow.schema.package import package_schema
from comfyflow.validate import coerce_prompt

STILL = dict.fromkeys(["horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom"], 0) | {
    "camera_control_type": "simple"
}
FIVE = "'horizontal_movement', 'vertical_movement', 'tilt', 'roll', and 'zoom'"
ULTRA = {"prompt": "x", "prompt_upsampling": False, "seed": 0, "aspect_ratio": "16:9", "raw": False}
PICTURE = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}}
KLING = {
    "input": {
        "required": {
            "camera_control_type": ["COMBO", {"multiselect": False, "options": ["simple", "down_back"]}],
            **{
                name: ["FLOAT", {"default": 0.0, "max": 10.0, "min": -10.0, "step": 0.25}]
                for name in STILL
                if name != "camera_control_type"
            },
        }
    },
    "output": ["CAMERA_CONTROL"],
    "output_name": ["camera_control"],
    "output_is_list": [False],
    **dict.fromkeys(["deprecated", "experimental", "api_node"], False),
    "python_module": "comfy_api_nodes.nodes_kling",
    "output_node": False,
}
"""KlingCameraControls of 0.27.0; 0.33.0 has it no more."""
PLACED = {"image": {}, "width": 64, "height": 64}


@cache
def reference(version: str = "0.27.0") -> Schema:
    return Schema({**package_schema({"comfynodes"}).raw, "KlingCameraControls": KLING}, version)


def shown(class_type: str, inputs: dict[str, Any], version: str = "0.27.0") -> Report:
    prompt = {
        "1": {"class_type": class_type, "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        "3": PICTURE,
    }
    return validate_prompt(prompt, reference(version))


def errors(report: Report) -> list[tuple[str, str]]:
    return [(p.type, p.details) for problems in report.node_errors.values() for p in problems]


@pytest.mark.parametrize(
    ("class_type", "inputs"),
    [
        ("KlingCameraControls", {**STILL, "pan": 0.5}),
        ("KlingCameraControls", {**STILL, "pan": 1e9}),
        ("FluxProUltraImageNode", ULTRA),
        ("FluxProUltraImageNode", {**ULTRA, "aspect_ratio": " 4 : 1 "}),
        ("CustomCombo", {"choice": "anything", "option1": "more", "index": "x"}),
        ("SelectModelDevice", {"model": None, "device": "gpu:7"}),
        ("Load3D", {**PLACED, "model_file": "none", "width": 10**9}),
        ("Load3D", {**PLACED, "model_file": "3d/somewhere.glb"}),
        ("LoadAudio", {"audio": ""}),
    ],
)
def test_what_the_class_itself_takes(class_type: str, inputs: dict[str, Any]) -> None:
    report = shown(class_type, inputs)
    assert report.valid, report


@pytest.mark.parametrize(
    ("class_type", "inputs", "kind", "details", "count"),
    [
        (
            "KlingCameraControls",
            STILL,
            "custom_validation_failed",
            "pan - Invalid camera control configs: at least one of the values must be non-zero",
            6,
        ),
        (
            "KlingCameraControls",
            {**STILL, "horizontal_movement": ["3", 0]},
            "exception_during_inner_validation",
            "must be real number, not NoneType",
            1,
        ),
        (
            "KlingCameraControls",
            {"camera_control_type": "simple", "pan": 1},
            "exception_during_inner_validation",
            f"KlingCameraControls.validate_inputs() missing 5 required positional arguments: {FIVE}",
            1,
        ),
        (
            "FluxProUltraImageNode",
            {**ULTRA, "aspect_ratio": "50:1"},
            "exception_during_inner_validation",
            "Aspect ratio `50` must be ≤ 4.",
            1,
        ),
        (
            "FluxProUltraImageNode",
            {**ULTRA, "aspect_ratio": "1:50"},
            "exception_during_inner_validation",
            "Aspect ratio `0.02` must be ≤ 0.25.",
            1,
        ),
        (
            "FluxProUltraImageNode",
            {**ULTRA, "aspect_ratio": "wide"},
            "exception_during_inner_validation",
            "Aspect ratio must be 'X:Y' (e.g., 16:9), got 'wide'.",
            1,
        ),
        (
            "CustomCombo",
            {},
            "exception_during_inner_validation",
            "CustomComboNode.validate_inputs() missing 1 required positional argument: 'choice'",
            1,
        ),
        (
            "Load3D",
            {**PLACED, "model_file": "gone.png"},
            "custom_validation_failed",
            "height - Invalid 3D model file: gone.png",
            4,
        ),
        (
            "LoadVideo",
            {"file": {"a": 1}},
            "exception_during_inner_validation",
            "'dict' object has no attribute 'endswith'",
            1,
        ),
    ],
)
def test_what_it_refuses(
    class_type: str, inputs: dict[str, Any], kind: str, details: str, count: int
) -> None:
    found = errors(shown(class_type, inputs))
    assert (kind, details) in found
    assert len(found) == count


def test_what_it_raises_was_once_what_it_answered() -> None:
    wrong = {**ULTRA, "aspect_ratio": "50:1"}
    text = "Aspect ratio cannot reduce to any greater than 4:1 (4.0), but was 50:1 (50.0)."
    assert errors(shown("FluxProUltraImageNode", wrong, "0.3.64")) == [
        ("custom_validation_failed", f"aspect_ratio - {text}")
    ]
    for ratio in ("wide", "a:b", "1:0", "1:50"):
        found = errors(shown("FluxProUltraImageNode", {**ULTRA, "aspect_ratio": ratio}, "0.3.64"))
        assert [kind for kind, _ in found] == ["custom_validation_failed"], ratio


def test_a_class_that_looks_at_the_types_of_its_links() -> None:
    def convert(source: Any) -> list[tuple[str, str]]:
        inputs = {"original_model_task_id": source, "format": "GLTF"}
        prompt = {
            "1": {"class_type": "TripoConversionNode", "inputs": inputs},
            "3": {
                "class_type": "EmptyImage",
                "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0},
            },
        }
        report = validate_prompt(prompt, reference())
        return [error for error in errors(report) if error[0] != "required_input_missing"]

    wrong = "input_types - original_model_task_id must be MODEL_TASK_ID, RIG_TASK_ID or RETARGET_TASK_ID type"
    assert convert(["3", 0]) == [("custom_validation_failed", wrong)]
    assert convert("x") == [("exception_during_validation", "'original_model_task_id'")]


def test_a_class_of_the_same_name_from_elsewhere_is_checked_like_any_other() -> None:
    raw = {**reference().raw}
    raw["KlingCameraControls"] = {**raw["KlingCameraControls"], "python_module": "custom_nodes.mine"}
    prompt = {
        "1": {"class_type": "KlingCameraControls", "inputs": {**STILL, "pan": 11}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    assert errors(validate_prompt(prompt, Schema(raw, "0.27.0"))) == [("value_bigger_than_max", "pan")]


def old_loader(version: str = "0.27.0", **more: Any) -> Report:
    prompt = {
        "1": {"class_type": "T2IAdapterLoader", "inputs": {"t2i_adapter_name": "a", "left": 1}, **more},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    return validate_prompt(prompt, reference(version))


def test_old_classes_are_replaced_by_the_server() -> None:
    report = old_loader(_meta={"title": "T"})
    assert errors(report) == [("value_not_in_list", "control_net_name: 'a' not in []")]
    note = next(note for note in report.warnings if note.type == "replaced_node")
    assert note.message == "is replaced by ControlNetLoader, without 'left'; use that class instead"


def test_what_is_stored_of_an_old_class_is_the_new_one_with_its_inputs_converted() -> None:
    old = {"class_type": "T2IAdapterLoader", "inputs": {"t2i_adapter_name": 5, "left": 1}}
    prompt = {
        "1": {**old, "_meta": {"title": "T"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    stored = coerce_prompt(prompt, reference())
    assert stored["1"]["class_type"] == "ControlNetLoader"
    assert stored["1"]["inputs"] == {"control_net_name": 5}
    assert stored["2"] == prompt["2"]
    assert prompt["1"]["class_type"] == "T2IAdapterLoader"


def test_a_node_without_meta_cannot_be_replaced() -> None:
    assert (old_loader().status, old_loader().error) == (500, "internal_server_error")
    assert old_loader("0.13.0").error == "missing_node_type"


@pytest.mark.parametrize(("meta", "status"), [({}, 400), ([], 400), (None, 500), ("title", 500)])
def test_what_stands_in_meta_is_only_copied(meta: Any, status: int) -> None:
    assert old_loader(_meta=meta).status == status


@pytest.mark.parametrize(("version", "owner"), [("0.20.1", "LoadImageMask"), ("0.21.0", "LoadImage")])
def test_whose_check_a_class_has(version: str, owner: str) -> None:
    text = f"{owner}.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"
    assert ("exception_during_inner_validation", text) in errors(
        shown("LoadImageMask", {"channel": "red"}, version)
    )


@pytest.mark.parametrize(
    ("inputs", "details"),
    [
        ("", "LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"),
        ([], "LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"),
        ("text", "string indices must be integers, not 'str'"),
        (["text"], "list indices must be integers or slices, not str"),
    ],
)
def test_the_check_of_a_class_without_inputs_in_0_3_64(inputs: Any, details: str) -> None:
    assert errors(shown("LoadImage", inputs, "0.3.64")) == [("exception_during_inner_validation", details)]


def test_an_attention_backend_that_is_not_offered_is_taken() -> None:
    """0.33.0: the class falls back on PyTorch's, so that a workflow from another machine runs."""
    raw = package_schema({"comfynodes"}).raw
    prompt = {
        "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "x", "weight_dtype": "default"}},
        "2": {
            "class_type": "ModelAttentionBackend",
            "inputs": {"model": ["1", 0], "attention": "comfy kitchen attention"},
        },
        "3": {"class_type": "ModelSave", "inputs": {"model": ["2", 0], "filename_prefix": "m"}},
    }
    report = validate_prompt(prompt, Schema(raw, "0.33.0", files_known=False))
    assert report.valid, report
    prompt["2"]["inputs"]["attention"] = 3
    assert validate_prompt(prompt, Schema(raw, "0.33.0", files_known=False)).valid
