"""A small server with a class for each kind of input, for what draws workflows."""

from __future__ import annotations

from typing import Any

import comfynodes  # noqa: F401  (so that its schema is found)

from comfyflow import Schema


def node(
    inputs: dict[str, Any] | None = None, outputs: tuple[Any, ...] = (), end: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "input": inputs or {},
        "output": list(outputs),
        "output_node": end,
        "has_intermediate_output": False,
        **more,
    }


def template(name: str, allowed: str = "*") -> list[Any]:
    return ["COMFY_MATCHTYPE_V3", {"template": {"template_id": name, "allowed_types": allowed}}]


SCHEMA = Schema(
    {
        "Make": node({"required": {"width": ["INT", {"default": 64, "min": 16, "max": 128}]}}, ("IMAGE",)),
        "Sound": node({"required": {"rate": ["FLOAT", {"min": 0.5}]}}, ("AUDIO",)),
        "Model": node({"required": {"name": [["a", "b"], {"default": "gone"}]}}, ("MODEL", "VAE")),
        "Number": node({"required": {"value": ["INT", {}]}}, ("INT",)),
        "Blend": node(
            {
                "required": {"a": ["IMAGE"], "b": ["IMAGE"]},
                "optional": {"mask": ["MASK"], "on": ["BOOLEAN", {}]},
            },
            ("IMAGE",),
        ),
        "Mask": node({"required": {"of": ["IMAGE", {}]}}, ("MASK",)),
        "Decode": node({"required": {"vae": ["VAE"], "model": ["MODEL"]}}, ("IMAGE",)),
        "Switch": node(
            {"required": {"on": template("T"), "off": template("T"), "flag": ["BOOLEAN", {}]}},
            ("COMFY_MATCHTYPE_V3",),
            output_matchtypes=["T"],
        ),
        "Batch": node(
            {
                "required": {
                    "images": [
                        "COMFY_AUTOGROW_V3",
                        {
                            "template": {
                                "input": {"required": {"image": ["IMAGE", {}]}},
                                "prefix": "image",
                                "min": 2,
                                "max": 9,
                            }
                        },
                    ]
                }
            },
            ("IMAGE",),
        ),
        "Resize": node(
            {
                "required": {
                    "how": [
                        "COMFY_DYNAMICCOMBO_V3",
                        {
                            "options": [
                                {
                                    "key": "to",
                                    "inputs": {"required": {"size": ["INT", {"min": 1, "max": 9}]}},
                                },
                                {
                                    "key": "like",
                                    "inputs": {
                                        "required": {
                                            "other": ["IMAGE", {}],
                                            "more": [
                                                "COMFY_DYNAMICCOMBO_V3",
                                                {
                                                    "options": [
                                                        {
                                                            "key": "x",
                                                            "inputs": {"optional": {"y": ["AUDIO", {}]}},
                                                        }
                                                    ]
                                                },
                                            ],
                                        }
                                    },
                                },
                            ]
                        },
                    ]
                }
            },
            ("IMAGE",),
        ),
        "Slot": node(
            {
                "optional": {
                    "slot": [
                        "COMFY_DYNAMICSLOT_V3",
                        {
                            "slotType": "AUDIO",
                            "inputs": {"required": {"gain": ["FLOAT", {"min": -1, "max": 1}]}},
                        },
                    ]
                }
            },
            ("AUDIO",),
        ),
        "Rows": node(
            {
                "required": {
                    "rows": [
                        "COMFY_DYNAMICGROUP_V3",
                        {
                            "template": {"input": {"required": {"text": ["STRING", {}], "of": ["MASK"]}}},
                            "min": 1,
                            "max": 4,
                        },
                    ]
                }
            },
            ("AUDIO",),
        ),
        "Either": node({"required": {"one": ["IMAGE,AUDIO", {}], "any": ["*", {}]}}, ("LATENT,AUDIO",)),
        "Save": node({"required": {"what": ["IMAGE", {}]}}, end=True),
        "Hear": node({"required": {"what": ["AUDIO", {}]}}, end=True),
        "NoFiles": node({"required": {"name": [[], {}]}}, ("IMAGE",)),
        "NoSource": node({"required": {"what": ["WEBCAM", {}]}}, ("IMAGE",)),
        "NoRange": node(
            {"required": {"what": ["INT", {"min": 2, "max": 1, "socketless": True}]}}, ("IMAGE",)
        ),
        "NeedsNoFiles": node({"required": {"what": ["ONLY_LOST", {}]}}, end=True),
        "Lost": node({"required": {"what": ["WEBCAM", {}]}}, ("ONLY_LOST",)),
    },
    "0.27.0",
)
