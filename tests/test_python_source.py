from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import PythonSourceError
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.importer import convert_workflow
from comfyflow.python_source import prove, to_python
from comfyflow.schema import Schema
from tests.python_sources import difference, graph, graph_of, workflow_in

TXT2IMG: dict[str, Any] = {
    "4": {
        "class_type": "CheckpointLoaderSimple",
        "inputs": {"ckpt_name": "sd15.safetensors"},
        "_meta": {"title": "Load Checkpoint"},
    },
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
    "7": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "", "clip": ["4", 1]},
        "_meta": {"title": "What I do not want"},
    },
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["4", 0],
            "seed": 18446744073709551615,
            "steps": 20,
            "cfg": 7.5,
            "sampler_name": "euler",
            "scheduler": "normal",
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
            "denoise": 1,
        },
    },
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "ComfyUI"}},
}

AS_PYTHON = '''"""The workflow first try, from ComfyUI."""

from comfyflow import titled, workflow

# isort: split
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)


@workflow
def first_try(
    prompt: str = "a lighthouse",
    negative_prompt: str = "",
    seed: int = 18446744073709551615,
    width: int = 512,
    height: int = 768,
    ckpt_name: str = "sd15.safetensors",
) -> SaveImage:
    """Build the graph; the defaults are the saved values."""
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=ckpt_name)
    positive = CLIPTextEncode(text=prompt, clip=clip)
    negative = titled(
        CLIPTextEncode(text=negative_prompt, clip=clip),
        "What I do not want",
    )
    latent = KSampler(
        model=model,
        seed=seed,
        cfg=7.5,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=EmptyLatentImage(width=width, height=height),
    )
    image = VAEDecode(samples=latent, vae=vae)
    return SaveImage(images=image)
'''


@pytest.fixture(scope="module")
def schema() -> Schema:
    import comfynodes

    from comfyflow.schema.package import package_schema

    return package_schema({comfynodes.__name__})


def test_a_prompt_becomes_python_that_reads_well(schema: Schema) -> None:
    source = to_python(TXT2IMG, schema, name="first try")
    assert source == AS_PYTHON
    assert difference(TXT2IMG, source, schema) == ""


def test_the_parameters_change_what_they_name(schema: Schema) -> None:
    made = workflow_in(to_python(TXT2IMG, schema))
    assert list(made.parameters) == ["prompt", "negative_prompt", "seed", "width", "height", "ckpt_name"]
    prompt = made(prompt="a ship", seed=7).to_prompt()
    values = {name: value for node in prompt.values() for name, value in node["inputs"].items()}
    assert values["seed"] == 7
    assert any(node["inputs"].get("text") == "a ship" for node in prompt.values())


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ([], []),
        (["seeds"], ["seed"]),
        (["sizes", "prompts"], ["prompt", "negative_prompt", "width", "height"]),
        (["3.steps", "3.sampler_name", "models"], ["steps", "sampler_name", "ckpt_name"]),
        (["3.cfg"], ["cfg"]),
    ],
)
def test_the_caller_chooses_the_parameters(schema: Schema, params: list[str], names: list[str]) -> None:
    source = to_python(TXT2IMG, schema, params=params)
    assert list(workflow_in(source).parameters) == names
    assert difference(TXT2IMG, source, schema) == ""


def test_a_parameter_of_fixed_choices_is_of_their_type(schema: Schema) -> None:
    source = to_python(TXT2IMG, schema, params=["3.sampler_name"])
    assert "from comfynodes.choices import SamplerName\n" in source
    assert 'sampler_name: SamplerName = "euler"' in source


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sampler", "unknown kind of parameter 'sampler'; choose prompts, files, seeds, sizes, models"),
        ("99.seed", "unknown node '99'"),
        ("3.sede", "KSampler #3 has no value 'sede'; its values: seed, steps"),
        ("3.model", "has no value 'model'"),
    ],
)
def test_a_parameter_that_is_not_there_is_refused(schema: Schema, word: str, told: str) -> None:
    with pytest.raises(PythonSourceError, match=told):
        to_python(TXT2IMG, schema, params=[word])


def image(**inputs: Any) -> tuple[str, dict[str, Any]]:
    return "EmptyImage", {"width": 512, "height": 512, "batch_size": 1, "color": 0, **inputs}


SAVED: tuple[str, dict[str, Any]] = ("SaveImage", {"images": ("1", 0), "filename_prefix": "ComfyUI"})


SIZE = {"width": 8, "height": 8}


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (("Made up class", {"any name": 1, "": None}), "the class is unknown"),
        (image(width="512"), "a text is no number"),
        (image(width=None), "null is no number"),
        (image(width=512.5), "a fraction is no whole number"),
        (("EmptyImage", {"width": 512}), "the class would send the defaults of the others"),
        (("ImageInvert", {"image": "no link"}), "a constant where only a link can be"),
        (("ImageInvert", {}), "what must be given is not"),
        (
            ("ImageScale", {**SIZE, "upscale_method": "none"}),
            "no such choice",
        ),
        (("ResizeImageMaskNode", {"input": ("2", 0), "resize_type": "no such option"}), "no such option"),
        (("BatchImagesNode", {"images.image0": ("2", 0), "images.image2": ("2", 0)}), "a gap in the slots"),
        (("BatchImagesNode", {"images.image0": ("3", 0)}), "an output of another type"),
    ],
)
def test_what_no_class_can_say_is_a_raw_node(
    schema: Schema, node: tuple[str, dict[str, Any]], why: str
) -> None:
    made = graph(n1=node, n2=image(), n3=("SolidMask", {"value": 1.0, "width": 8, "height": 8}), n9=SAVED)
    source = to_python(made, schema)
    assert f'raw_node("{node[0]}"' in source.replace("\n", "").replace("    ", ""), why
    assert difference(made, source, schema) == ""


def test_an_output_beyond_those_of_the_class_makes_it_a_raw_node(schema: Schema) -> None:
    made = graph(n1=("PreviewAny", {"source": ("2", 3)}), n2=image())
    source = to_python(made, schema)
    assert 'raw_node(\n        "EmptyImage",\n        {' in source
    assert difference(made, source, schema) == ""


def test_a_whole_number_may_be_written_with_a_fraction(schema: Schema) -> None:
    made = graph(n1=image(width=640.0), n9=SAVED)
    source = to_python(made, schema, params=[])
    assert "EmptyImage(width=640)" in source
    assert difference(made, source, schema) == ""


def test_alike_nodes_stay_as_many_as_they_are(schema: Schema) -> None:
    made = graph(
        n1=image(),
        n2=image(),
        n3=("ImageInvert", {"image": ("1", 0)}),
        n4=("ImageInvert", {"image": ("1", 0)}),
        n5=(
            "BatchImagesNode",
            {"images.image0": ("3", 0), "images.image1": ("4", 0), "images.image2": ("2", 0)},
        ),
        n6=("SaveImage", {"images": ("5", 0), "filename_prefix": "a"}),
        n7=("SaveImage", {"images": ("5", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert len(graph_of(source)) == 7
    assert difference(made, source, schema) == ""


def test_dynamic_inputs_are_written_as_their_classes_take_them(schema: Schema) -> None:
    made = graph(
        n1=image(),
        n2=(
            "ResizeImageMaskNode",
            {
                "input": ("1", 0),
                "resize_type": "scale width",
                "resize_type.width": 64,
                "scale_method": "area",
            },
        ),
        n3=(
            "ResizeImageMaskNode",
            {
                "input": ("2", 0),
                "resize_type": "scale width",
                "resize_type.width": 512,
                "scale_method": "area",
            },
        ),
        n4=("BatchImagesNode", {"images.image0": ("3", 0), "images.image1": ("1", 0)}),
        n5=("ComfyMathExpression", {"expression": "b - a", "values.b": 3, "values.a": 1.5}),
        n6=("ComfyMathExpression", {"expression": "b", "values.b": ("5", 1)}),
        n7=("SaveImage", {"images": ("4", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert "resize_type=ResizeImageMaskNode.ResizeType.scale_width(width=64)" in source
    assert 'resize_type="scale width"' in source
    assert "images=[resized_image, image]" in source
    assert "values=[1.5, 3]" in source
    assert 'values={"b": ' in source
    assert "raw_node" not in source
    assert difference(made, source, schema) == ""


def test_outputs_are_named_by_titles_links_and_types(schema: Schema) -> None:
    made = graph(
        n1=("LoadImage", {"image": "cat.png"}, "Load Style Image"),
        n2=("LoadImage", {"image": "dog.png"}, "Load Image (Face)"),
        n3=(
            "ImageScale",
            {"image": ("1", 0), "upscale_method": "area", "width": 8, "height": 8, "crop": "center"},
        ),
        n4=(
            "ImageCompositeMasked",
            {
                "destination": ("3", 0),
                "source": ("2", 0),
                "mask": ("2", 1),
                "x": 0,
                "y": 0,
                "resize_source": False,
            },
        ),
        n5=("SaveImage", {"images": ("4", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert 'style_image = titled(LoadImage(image=style_image_file), "Load Style Image").IMAGE' in source
    assert "face_image, face_mask = titled(" in source
    assert "scaled = ImageScale(" in source
    assert "composited = ImageCompositeMasked(" in source
    assert difference(made, source, schema) == ""


def test_a_model_that_something_is_added_to_is_named_by_it(schema: Schema) -> None:
    lora = {"lora_name": "a.safetensors", "strength_model": 1.0}
    made = graph(
        n1=("CheckpointLoaderSimple", {"ckpt_name": "a.safetensors"}),
        n2=("LoraLoader", {"model": ("1", 0), "clip": ("1", 1), **lora, "strength_clip": 1.0}),
        n3=("DifferentialDiffusion", {"model": ("2", 0), "strength": 0.5}),
        n4=("ModelSave", {"model": ("3", 0), "filename_prefix": "a"}),
        n5=("CLIPSave", {"clip": ("2", 1), "filename_prefix": "a"}),
        n6=("ModelSave", {"model": ("2", 0), "filename_prefix": "b"}),
    )
    source = to_python(made, schema)
    assert "model, clip, _ = CheckpointLoaderSimple(" in source
    assert "model_with_lora, clip_with_lora = LoraLoader(" in source
    assert "model_with_differential_diffusion = DifferentialDiffusion(" in source
    assert difference(made, source, schema) == ""


def test_nodes_that_lead_to_nothing_are_returned_too(schema: Schema) -> None:
    made = graph(n1=image(), n2=image(color=1), n3=("ImageInvert", {"image": ("1", 0)}), n9=SAVED)
    source = to_python(made, schema)
    assert "-> tuple[EmptyImage, ImageInvert, SaveImage]:" in source
    assert difference(made, source, schema) == ""


SWITCH: dict[str, Any] = {"switch": True, "on_false": ("1", 0)}


@pytest.mark.parametrize(
    ("inputs", "typed"),
    [
        ({**SWITCH, "on_true": ("2", 0)}, True),
        (SWITCH, False),
        ({**SWITCH, "on_true": ("3", 0)}, True),
        ({"switch": True}, False),
        ({**SWITCH, "on_true": "text"}, False),
    ],
)
def test_a_node_that_passes_types_on_is_typed_where_one_can_tell(
    schema: Schema, inputs: dict[str, Any], typed: bool
) -> None:
    made = graph(
        n1=image(),
        n2=image(color=1),
        n3=("SolidMask", {"value": 1.0, "width": 8, "height": 8}),
        n4=("ComfySwitchNode", inputs),
        n9=("SaveImage", {"images": ("4", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert ("ComfySwitchNode(" in source) is typed
    assert difference(made, source, schema) == ""


def test_values_that_are_lists_and_objects(schema: Schema) -> None:
    values = {
        "list": {"__value__": [1, [2.5, None], {"a": True}]},
        "object": {"x": -1, "nested": {"": []}},
        "wrapped": {"__value__": "text"},
        "both": {"__value__": [1], "other": 2},
        "zero": -0.0,
        "large": 10**30,
        "small": 1e-300,
    }
    made = graph(n1=("Some class", values))
    assert difference(made, to_python(made, schema), schema) == ""


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ({}, "there are no nodes"),
        ({"n1": ("A", {"x": ("2", 0)})}, "input 'x' of 'A' #1 is linked to node '2', which does not exist"),
        ({"n1": ("A", {"x": ("1", 0)})}, "nodes depend on themselves, in a cycle: A #1 -> A #1"),
        ({"n1": ("A", {"x": ("2", 0)}), "n2": ("B", {"x": ("1", 0)})}, "in a cycle"),
        ({"n1": ("A", {"x": [1, 2, 3]})}, "a bare list"),
        ({"n1": ("A", {}), "n2": ("A", {"x": ("1", -1)})}, "output -1"),
        ({"n1": ("A", {"x": {1: 2}})}, "keys are not strings"),
        ({"n1": ("A", {"x": {"a": object()}})}, "holds a object"),
        ({"n1": ("A", {"x": 1 << 5000})}, "a number that is too large"),
    ],
)
def test_what_no_program_can_make_is_refused(schema: Schema, nodes: dict[str, Any], told: str) -> None:
    with pytest.raises(PythonSourceError, match=told):
        to_python(graph(**nodes), schema)


def test_deep_values_are_refused_and_deep_graphs_are_not(schema: Schema) -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(PythonSourceError, match="nested more than 50 levels"):
        to_python(Graph([GraphNode("1", "A", {"x": deep})]), schema)
    chain = [GraphNode("0", "EmptyImage", {})]
    chain += [GraphNode(str(n), "ImageInvert", {"image": Link(str(n - 1), 0)}) for n in range(1, 3000)]
    source = to_python(Graph(chain), schema)
    assert len(graph_of(source)) == 3000


def test_not_a_number_is_null_as_in_a_browser(schema: Schema) -> None:
    made = graph(n1=("Some class", {"x": float("nan"), "y": {"z": float("inf")}}))
    assert graph_of(to_python(made, schema))["1"].inputs == {"x": None, "y": {"z": None}}


def test_a_class_that_a_conversion_did_not_know_has_its_name(schema: Schema) -> None:
    slot = {"name": "x", "type": "*", "link": None}
    nodes = [{"id": 1, "type": "Their node", "inputs": [slot], "widgets_values": [3]}]
    made = convert_workflow({"nodes": nodes, "links": [], "version": 0.4}, schema)
    assert made["1"]["class_type"] is None
    assert 'raw_node("Their node", {"UNKNOWN": 3})' in to_python(made, schema)
    assert 'raw_node("", {"UNKNOWN": 3})' in to_python(made.prompt, schema)


def test_classes_that_are_called_like_what_is_imported_are_raw_nodes(schema: Schema) -> None:
    odd = Schema({**schema.raw, "workflow": schema.raw["EmptyImage"]}, schema.version)
    made = graph(n1=("workflow", image()[1]), n9=SAVED)
    source = to_python(made, odd)
    assert 'raw_node(\n        "workflow",' in source
    assert difference(made, source, odd) == ""


def test_the_package_and_the_width_of_lines_can_be_chosen(schema: Schema) -> None:
    source = to_python(TXT2IMG, schema, package="my.nodes", line_length=110)
    assert "from my.nodes import CheckpointLoaderSimple, CLIPTextEncode" in source
    assert "    negative = titled(CLIPTextEncode(text=negative_prompt, clip=clip), " in source
    with pytest.raises(PythonSourceError, match="is not a package name"):
        to_python(TXT2IMG, schema, package="os; import evil")


def test_the_proof_runs_the_source_and_compares(schema: Schema) -> None:
    source = to_python(TXT2IMG, schema)
    assert prove(source, TXT2IMG, schema).empty
    found = prove(source.replace("cfg=7.5", "cfg=7.4"), TXT2IMG, schema)
    assert not found.empty
    assert "cfg: 7.5 -> 7.4" in str(found)
    retitled = prove(source.replace("What I do not want", "What I want"), TXT2IMG, schema)
    assert [one.after.title for one in retitled.retitled] == ["What I want"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nothing_like_this", "does not run: ModuleNotFoundError"),
        ("x = 1", "does not run: ValueError"),
        ("def (", "does not run: SyntaxError"),
        ("while True: pass", "did not finish within 1 s"),
    ],
)
def test_source_that_does_not_run_is_no_proof(schema: Schema, source: str, told: str) -> None:
    with pytest.raises(PythonSourceError, match=told):
        prove(source, TXT2IMG, schema, timeout=1 if "while" in source else 60)


def test_the_proof_needs_the_package(schema: Schema) -> None:
    with pytest.raises(PythonSourceError, match="no package 'not_there' found"):
        prove(to_python(TXT2IMG, schema), TXT2IMG, schema, package="not_there")
