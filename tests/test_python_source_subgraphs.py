"""Subgraphs as functions of Python, and what stands around their nodes."""

from __future__ import annotations

from typing import Any

from comfyflow.importer import convert_workflow
from comfyflow.python_source import to_python
from comfyflow.schema import Schema
from tests.python_sources import difference, graph, graph_of, workflow_in
from tests.test_python_source import SAVED, TXT2IMG, image, schema

__all__ = ["schema"]


def subgraphs(count: int, **values: list[Any]) -> dict[str, Any]:
    """A picture that goes through some uses of one subgraph, one behind the other."""
    nodes: dict[str, Any] = {"n1": image()}
    before: tuple[str, int] = ("1", 0)
    for index in range(count):
        host = 20 + index
        given = {name: held[index] for name, held in values.items()}
        size = {"upscale_method": "area", "width": 64, "height": 64, "crop": "center", **given}
        nodes[f"n{host}__3"] = ("ImageScale", {"image": before, **size})
        nodes[f"n{host}__4"] = ("ImageInvert", {"image": (f"{host}:3", 0)})
        before = (f"{host}:4", 0)
    nodes["n9"] = ("SaveImage", {"images": before, "filename_prefix": "a"})
    return nodes


def test_a_subgraph_is_a_function_that_is_called_as_often_as_it_is_used(schema: Schema) -> None:
    made = graph(**subgraphs(3))
    source = to_python(made, schema)
    assert source.count("def ") == 2
    assert "def subgraph_20(image: Output[IMAGE]) -> Output[IMAGE]:" in source
    assert source.count("= subgraph_20(image=") == 3
    assert difference(made, source, schema) == ""
    flat = to_python(made, schema, flat=True)
    assert flat.count("def ") == 1
    assert difference(made, flat, schema) == ""


def test_values_that_differ_between_the_uses_are_arguments(schema: Schema) -> None:
    made = graph(**subgraphs(2, width=[64, 32], crop=["center", "disabled"]))
    source = to_python(made, schema)
    assert "def subgraph_20(image: Output[IMAGE], crop: Crop, width: int) -> Output[IMAGE]:" in source
    assert 'subgraph_20(image=inverted, crop="disabled", width=32)' in source
    assert difference(made, source, schema) == ""


def test_values_of_several_types_make_an_argument_of_any(schema: Schema) -> None:
    made = graph(**subgraphs(2, width=[64, "a string"], crop=["center", "no such choice"]))
    source = to_python(made, schema)
    assert "crop: Any, width: Any) -> Output[" in source
    assert difference(made, source, schema) == ""


def test_a_subgraph_with_something_between_its_nodes_is_written_where_it_is_used(schema: Schema) -> None:
    made = graph(
        n1=image(),
        n20__3=("ImageInvert", {"image": ("1", 0)}),
        n5=("ImageInvert", {"image": ("20:3", 0)}),
        n20__4=("ImageInvert", {"image": ("5", 0)}),
        n9=("SaveImage", {"images": ("20:4", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert source.count("def ") == 1
    assert difference(made, source, schema) == ""


def test_subgraphs_in_subgraphs_are_functions_that_call_functions(schema: Schema) -> None:
    made = graph(
        n1=image(),
        n7__8__3=("ImageInvert", {"image": ("1", 0)}),
        n7__8__4=("SaveImage", {"images": ("7:8:3", 0), "filename_prefix": "inner"}),
        n7__5=("ImageInvert", {"image": ("7:8:3", 0)}),
        n7__9__3=("ImageInvert", {"image": ("7:5", 0)}),
        n7__9__4=("SaveImage", {"images": ("7:9:3", 0), "filename_prefix": "outer"}),
        n9=("SaveImage", {"images": ("7:9:3", 0), "filename_prefix": "a"}),
    )
    source = to_python(made, schema)
    assert source.count("def ") == 3
    assert 'inverted, saved_image = subgraph_7_8(image=image, filename_prefix="inner")' in source
    assert "def subgraph_7(image: Output[IMAGE]) -> tuple[Output[IMAGE], SaveImage, SaveImage]:" in source
    assert len(graph_of(source)) == 7
    assert difference(made, source, schema) == ""


def test_parameters_go_through_to_the_nodes_inside_subgraphs(schema: Schema) -> None:
    made = graph(
        n7__3=("EmptyImage", {**image()[1], "width": 640}),
        n7__4=("ImageInvert", {"image": ("7:3", 0)}),
        n8__3=("EmptyImage", {**image()[1], "width": 320}),
        n8__4=("ImageInvert", {"image": ("8:3", 0)}),
        n9=("BatchImagesNode", {"images.image0": ("7:4", 0), "images.image1": ("8:4", 0)}),
    )
    source = to_python(made, schema)
    assert workflow_in(source).parameters.keys() == {"width", "height", "width_2", "height_2"}
    assert "= subgraph_7(width=width_2, height=height_2)" in source
    assert difference(made, source, schema) == ""
    widths = [node.inputs.get("width") for node in workflow_in(source)(width=1, width_2=2).graph.values()]
    assert widths == [1, None, 2, None, None]


def test_inputs_that_the_class_does_not_have_are_added_to_it(schema: Schema) -> None:
    made = graph(
        n1=image(extra="", other=("2", 0)),
        n2=image(color=1),
        n9=("SaveImage", {**SAVED[1], "audioUI": ""}, "Mine"),
    )
    source = to_python(made, schema, params=[])
    assert 'with_inputs(EmptyImage(), {"extra": "", "other": EmptyImage(color=1)})' in source
    assert 'titled(with_inputs(SaveImage(images=image), {"audioUI": ""}), "Mine")' in source
    assert difference(made, source, schema) == ""


def test_a_type_that_is_called_like_a_class_of_the_module_is_any(schema: Schema) -> None:
    sampler = {**TXT2IMG["3"]["inputs"], "add_noise": "enable", "noise_seed": 1, "start_at_step": 0,
               "end_at_step": 9, "return_with_leftover_noise": "disable"}  # fmt: skip
    del sampler["seed"], sampler["denoise"]
    prompt = {**TXT2IMG, "3": {"class_type": "KSamplerAdvanced", "inputs": sampler}}
    alone = to_python(prompt, schema, params=["3.add_noise"])
    assert "from comfynodes.choices import AddNoise\n" in alone
    assert "(add_noise: AddNoise = " in alone
    both = {**prompt, "20": {"class_type": "AddNoise", "inputs": {}}}
    assert "(add_noise: Any = " in to_python(both, schema, params=["3.add_noise"])
    assert "# No output needs these: AddNoise.\n" in to_python(both, schema)


def test_comments_show_all_that_they_hold(schema: Schema) -> None:
    said = "soft\xadhyphen \u202edirection \x1b[31mcolour \u200bjoined"
    nodes = [
        {"id": 1, "type": "EmptyImage", "inputs": [], "widgets_values": [8, 8, 1, 0]},
        {"id": 2, "type": "Note", "title": said, "inputs": [], "widgets_values": [said]},
    ]
    source = to_python(convert_workflow({"nodes": nodes, "links": [], "version": 0.4}, schema), schema)
    assert source.count("softhyphen direction") == 2
    assert source.replace("\n", "").isprintable()
