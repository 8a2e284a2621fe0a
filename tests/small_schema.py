"""A few node classes for tests of validation: one of each kind of input."""

from __future__ import annotations

from typing import Any

from comfyflow import Schema

Prompt = dict[str, dict[str, Any]]

V3 = {"api_node": None, "deprecated": None, "experimental": None}


def node_class(
    required: dict[str, Any] | None = None,
    outputs: tuple[Any, ...] = (),
    *,
    optional: dict[str, Any] | None = None,
    end: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """The entry of a node class in an /object_info."""
    inputs = {"required": required or {}, "optional": optional or {}}
    return {"input": inputs, "output": list(outputs), "output_node": end, **more}


MODELS = [f"folder/model-{number:04}.safetensors" for number in range(300)]
CHOICE: dict[str, Any] = {
    "options": [
        {"key": "plain", "inputs": {"required": {}}},
        {"key": "grown", "inputs": {"required": {"width": ["INT", {"min": 8, "max": 64}]}}},
        {
            "key": "deep",
            "inputs": {
                "required": {
                    "more": [
                        "COMFY_DYNAMICCOMBO_V3",
                        {"options": [{"key": "a", "inputs": {"optional": {"image": ["IMAGE", {}]}}}]},
                    ]
                }
            },
        },
    ]
}
GROWN = {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 3}}
MATCH = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "T", "allowed_types": "IMAGE,MASK"}}]

RAW: dict[str, Any] = {
    "Empty": node_class(
        {
            "width": ["INT", {"default": 64, "min": 16, "max": 128}],
            "tint": ["FLOAT", {"min": 0.0, "max": 1.0}],
        },
        ("IMAGE", "MASK"),
        optional={"text": ["STRING", {"multiline": True}], "on": ["BOOLEAN", {}]},
    ),
    "Load": node_class({"name": [MODELS, {}], "mode": [["fast", "slow", 3], {}]}, ("MODEL",)),
    "LoadV3": node_class({"name": ["COMBO", {"options": ["a", "b", 3]}]}, ("MODEL",), **V3),
    "Pick": node_class(
        {"tags": ["COMBO", {"options": ["a", "b"], "multiselect": True}]}, (["a", "b"],), **V3
    ),
    "Blend": node_class({"one": ["IMAGE"], "two": ["IMAGE", {}]}, ("IMAGE",), optional={"mask": ["MASK"]}),
    "Number": node_class({"value": ["INT", {}]}, ("INT",)),
    "Either": node_class({"value": ["INT,FLOAT", {"min": 0}]}, ("FLOAT,INT",)),
    "Any": node_class({"value": ["*", {}]}, ("*",)),
    "Color": node_class({"color": ["COLOR", {"default": "#fff"}]}, ("IMAGE",)),
    "Choose": node_class(
        {"how": ["COMFY_DYNAMICCOMBO_V3", CHOICE]}, ("IMAGE",), output_matchtypes=None, **V3
    ),
    "Batch": node_class({"images": ["COMFY_AUTOGROW_V3", GROWN]}, ("IMAGE",), **V3),
    "Switch": node_class({"yes": MATCH, "no": MATCH}, ("COMFY_MATCHTYPE_V3",), output_matchtypes=["T"], **V3),
    "Save": node_class(
        {"image": ["IMAGE"]}, end=True, optional={"name": ["STRING", {}]}, hidden={"prompt": "PROMPT"}
    ),
    "Show": node_class({"value": ["*", {}]}, end=True),
    "Old": node_class({"image": ["IMAGE"]}, ("IMAGE",), deprecated=True, experimental=True, api_node=True),
    "LoadImage": node_class({"image": [["here.png"], {"image_upload": True}]}, ("IMAGE", "MASK")),
    "Broken": {"input": {"required": {"x": 5}}, "output": ["IMAGE"], "output_node": True},
}
RAW["Save"]["input"]["hidden"] = {"prompt": "PROMPT"}


def schema(version: str = "0.27.0") -> Schema:
    """The schema of a server of some version that has these classes."""
    return Schema(RAW, version)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """A node of a prompt."""
    return {"class_type": class_type, "inputs": inputs}


def good() -> Prompt:
    """A prompt with which nothing is wrong."""
    return {
        "1": node("Empty", width=64, tint=0.5),
        "2": node("Blend", one=["1", 0], two=["1", 0], mask=["1", 1]),
        "3": node("Save", image=["2", 0]),
    }
