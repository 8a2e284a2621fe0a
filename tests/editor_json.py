"""Small workflows of the editor, made by hand, and a small server to convert them for."""

from __future__ import annotations

from typing import Any

from comfyflow.importer import Conversion, convert_workflow
from comfyflow.schema import Schema

Json = dict[str, Any]


def classes() -> Json:
    """An /object_info of the classes that the tests need; nothing in it is a server's own text."""
    image, mask = ["IMAGE", {}], ["MASK", {}]
    made: Json = {
        "Sampler": _class(
            {
                "model": ["MODEL"],
                "latent": ["LATENT"],
                "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}],
                "steps": ["INT", {"default": 20, "min": 1, "max": 10000}],
                "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}],
                "sampler": [["euler", "ddim"]],
            },
            ["LATENT"],
        ),
        "Noise": _class(
            {"noise_seed": ["INT", {"default": 3}], "scale": ["FLOAT", {"default": 1.0}]}, ["NOISE"]
        ),
        "Quiet": _class({"seed": ["INT", {"default": 1, "control_after_generate": False}]}, ["INT"]),
        "Picker": _class(
            {
                "mode": ["COMBO", {"options": ["a", "b"], "control_after_generate": True}],
                "size": ["INT", {"default": 5}],
            },
            ["IMAGE"],
        ),
        "Encode": _class(
            {"text": ["STRING", {"multiline": True, "dynamicPrompts": True}], "clip": ["CLIP"]},
            ["CONDITIONING"],
        ),
        "Note8": _class({"text": ["STRING", {"multiline": True}]}, ["STRING"]),
        "Loader": _class({"name": [["a.safetensors", "b.safetensors"]]}, ["MODEL", "CLIP", "VAE"]),
        "Latent": _class(
            {
                "width": ["INT", {"default": 512, "min": 16, "max": 16384, "step": 8}],
                "height": ["INT", {"default": 512, "min": 16, "max": 16384, "step": 8}],
            },
            ["LATENT"],
        ),
        "Blend": _class({"image": image, "other": image, "mask": mask}, ["IMAGE", "MASK"]),
        "Invert": _class({"image": image}, ["IMAGE"]),
        "Decode": _class({"samples": ["LATENT"], "vae": ["VAE"]}, ["IMAGE"]),
        "LoadImage": _class({"image": [["x.png", "y.png"], {"image_upload": True}]}, ["IMAGE", "MASK"]),
        "LoadAudio": _class({"audio": ["COMBO", {"options": ["a.mp3"], "audio_upload": True}]}, ["AUDIO"]),
        "SaveImage": _class(
            {"images": image, "filename_prefix": ["STRING", {"default": "out"}]}, [], output=True
        ),
        "CheckpointSave": _class(
            {"model": ["MODEL"], "filename_prefix": ["STRING", {"default": "out"}]}, [], output=True
        ),
        "Show": _class({"anything": ["*", {}]}, ["STRING"], output=True),
        "Pure": _class(
            {"a": ["INT", {"forceInput": True}], "b": ["INT", {"default": 1}]},
            ["INT"],
            optional={"c": ["INT", {"default": 2, "defaultInput": True}], "d": ["MASK", {"default": None}]},
        ),
        "Path": _class({"file": ["FILE_3D,STRING", {"widgetType": "STRING", "default": "p"}]}, []),
        "Resize": _class(
            {
                "how": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {
                        "options": [
                            {"key": "size", "inputs": {"required": {"width": ["INT", {"default": 64}],
                                                                    "mask": ["MASK", {}]}}},
                            {"key": "factor", "inputs": {"required": {"by": ["FLOAT", {"default": 2.0}]}}},
                        ]
                    },
                ],
                "seed": ["INT", {"default": 9}],
            },
            ["IMAGE"],
        ),
        "Batch": _class(
            {"images": ["COMFY_AUTOGROW_V3",
                        {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image",
                                      "min": 2, "max": 10}}]},
            ["IMAGE"],
        ),
        "Texts": _class(
            {"texts": ["COMFY_AUTOGROW_V3",
                       {"template": {"input": {"required": {"text": ["STRING", {"multiline": True}]}},
                                     "prefix": "t", "min": 1, "max": 5}}],
             "after": ["INT", {"default": 3}]},
            ["STRING"],
        ),
        "Switch": {
            **_class(
                {"on": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "*"}}],
                 "really": ["BOOLEAN", {"default": True}]},
                ["COMFY_MATCHTYPE_V3"],
            ),
            "output_matchtypes": ["t"],
        },
        "Former": _class(
            {"seed": ["INT", {"default": 1, "control_after_generate": True}],
             "scale": ["FLOAT", {"default": 1.0}],
             "old": ["INT", {"forceInput": True}]},
            ["INT"],
        ),
    }  # fmt: skip
    return {name: {"name": name, **described} for name, described in made.items()}


def _class(required: Json, outputs: list[str], *, optional: Json | None = None, output: bool = False) -> Json:
    return {
        "input": {"required": required, "optional": optional or {}},
        "input_order": {"required": list(required), "optional": list(optional or {})},
        "output": outputs,
        "output_name": outputs,
        "output_is_list": [False] * len(outputs),
        "output_node": output,
        "python_module": "nodes",
        "display_name": "",
        "category": "",
    }


SCHEMA = Schema(classes(), "0.27.0")


def node(id_: Any, type_: str, values: Any = None, links: Json | None = None, **saved: Any) -> Json:
    """A node as the editor saves it.

    Args:
        id_: Its id.
        type_: Its class.
        values: Its ``widgets_values``, or None to leave them out.
        links: Input name to link id. A name with ``*`` in front is a widget's.
        saved: What else was saved: mode, title, properties, outputs, …
    """
    inputs: list[Json] = []
    for name, link in (links or {}).items():
        plain = name.removeprefix("*")
        slot: Json = {"name": plain, "type": "*", "link": link}
        if name.startswith("*"):
            slot["widget"] = {"name": plain}
        inputs.append(slot)
    made: Json = {
        "id": id_,
        "type": type_,
        "mode": 0,
        "pos": [0, 0],
        "inputs": inputs,
        "outputs": [],
        **saved,
    }
    if values is not None:
        made["widgets_values"] = values
    return made


def outputs(*links: list[int]) -> list[Json]:
    """Output slots, each with the ids of the links that start there."""
    return [{"name": f"out{index}", "type": "*", "links": ids} for index, ids in enumerate(links)]


def workflow(nodes: list[Json], links: list[list[Any]] | None = None, **saved: Any) -> Json:
    """A workflow of version 0.4. Links are ``[id, from, output, to, input]``."""
    ids = [entry["id"] for entry in nodes if isinstance(entry["id"], int)]
    return {
        "version": 0.4,
        "last_node_id": max(ids, default=0),
        "nodes": nodes,
        "links": [[*link, "*"] for link in links or []],
        **saved,
    }


def subgraph(
    id_: str,
    nodes: list[Json],
    links: list[list[Any]],
    inputs: list[Json] | None = None,
    outs: list[Json] | None = None,
) -> Json:
    """A definition. -10 is its inside of the inputs, -20 that of the outputs."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": id_,
        "version": 1,
        "name": f"subgraph {id_}",
        "inputNode": {"id": -10, "bounding": [0, 0, 100, 100]},
        "outputNode": {"id": -20, "bounding": [900, 0, 100, 100]},
        "nodes": nodes,
        "links": [dict(zip(keys, link, strict=True), type="*") for link in links],
        "inputs": inputs or [],
        "outputs": outs or [],
    }


def boundary(name: str, type_: str, *link_ids: int) -> Json:
    """An input or output of a definition."""
    return {"id": f"{name}-id", "name": name, "type": type_, "linkIds": list(link_ids)}


def with_subgraphs(nodes: list[Json], links: list[list[Any]], *definitions: Json, **saved: Any) -> Json:
    return workflow(nodes, links, definitions={"subgraphs": list(definitions)}, **saved)


def convert(made: Json, editor: str = "1.45", **options: Any) -> Conversion:
    """Convert for the small server; the seed is fixed unless given."""
    return convert_workflow(made, SCHEMA, editor=editor, **{"seed": 1, **options})


def inputs_of(made: Json, key: str, editor: str = "1.45", **options: Any) -> Json:
    """The inputs of one node of the prompt."""
    return convert(made, editor, **options)[key]["inputs"]


def only(type_: str, values: Any, editor: str = "1.45", **saved: Any) -> Json:
    """The inputs that a single node sends."""
    return inputs_of(workflow([node(1, type_, values, **saved)]), "1", editor)
