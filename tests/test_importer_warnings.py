"""Conversion: what the warnings and the explanation say, and that they do not say too much."""

from __future__ import annotations

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import boundary, convert, node, outputs, subgraph, with_subgraphs, workflow


def test_a_text_that_a_subgraph_input_replaces_is_not_reported_as_rewritten() -> None:
    text = 'see http://x {"a": 1}'
    inside = subgraph(
        "d", [node(5, "Encode", [text], {"*text": 1})], [[1, -10, 0, 5, 0]], [boundary("text", "STRING", 1)]
    )
    conversion = convert(with_subgraphs([node(1, "d")], [], inside))
    assert conversion["1:5"]["inputs"]["text"] == text
    assert conversion.warnings == []


def test_a_value_that_a_link_replaces_is_not_reported() -> None:
    nodes = [node(1, "Note8", ["x"]), node(2, "Encode", ["a // b"], {"*text": 1})]
    assert convert(workflow(nodes, [[1, 1, 0, 2, 0]])).warnings == []
    alone = convert(workflow([node(2, "Encode", ["a // b"])]))
    assert [warning.type for warning in alone.warnings] == ["text_rewritten"]


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"cnr_id": "comfy-core", "ver": "0.33.0"}, "comes with ComfyUI ('0.33.0' saved it)"),
        ({"cnr_id": "some-pack"}, "comes with the pack 'some-pack'"),
        ({}, "only in its pack's JavaScript"),
        ({"cnr_id": 5}, "only in its pack's JavaScript"),
    ],
)
def test_an_unknown_class_is_reported_with_where_it_comes_from(
    properties: dict[str, object], says: str
) -> None:
    (warning,) = convert(workflow([node(1, "Missing", [1], properties=properties)])).warnings
    assert says in warning.message


def test_a_subgraph_is_not_called_by_its_id() -> None:
    inner = subgraph("inner-id", [node(7, "Latent", [64, 64])], [])
    outer = subgraph("outer-id", [node(6, "inner-id", mode=4)], [])
    (warning,) = convert(with_subgraphs([node(1, "outer-id")], [], outer, inner)).warnings
    assert str(warning).startswith("warning: subgraph #1:6 ('subgraph inner-id'): this subgraph is bypassed")


def test_the_explanation_of_a_link_says_only_where_it_comes_from() -> None:
    nodes = [node(1, "LoadImage", outputs=outputs([1])), node(2, "Invert", None, {"image": 1})]
    (origin,) = convert(workflow(nodes, [[1, 1, 0, 2, 0]])).explain("2")
    assert str(origin) == "image: linked to output 0 of node 1"


def _pack_class(inputs: dict[str, object], *, output_node: bool = False) -> Schema:
    described = {
        "input": {"required": inputs},
        "output": [],
        "output_node": output_node,
        "python_module": "custom_nodes.some-pack",
    }
    return Schema({"Thing": described}, "0.33.0")


FORCED = ["INT", {"forceInput": True}]
PLAIN = ["INT", {"default": 1}]


@pytest.mark.parametrize(
    ("inputs", "output_node", "values", "says"),
    [
        ({"text": ["STRING", {"forceInput": True}]}, True, ["what it showed"], None),
        ({"any": ["*"]}, True, ["what it showed"], None),
        ({"number": FORCED}, False, [7], None),
        ({"number": FORCED, "size": PLAIN}, False, [7, 8], None),
        ({"number": FORCED, "size": PLAIN}, False, [8], None),
        ({"any": ["*"]}, False, [7], "1 value was saved, but the class has no widgets"),
        ({"any": ["*"]}, False, [7, 8], "2 values were saved, but the class has no widgets"),
        ({"size": PLAIN}, True, [7, 8], "2 values were saved, but the class has 1 widget:"),
        ({"size": PLAIN, "other": PLAIN}, False, [7], "1 value was saved, but the class has 2 widgets"),
    ],
)
def test_only_values_that_may_be_lost_or_misplaced_are_reported(
    inputs: dict[str, object], output_node: bool, values: list[object], says: str | None
) -> None:
    """A node that shows something saves what it showed; an input with forceInput was a widget once."""
    made = convert_workflow(
        workflow([node(1, "Thing", values)]), _pack_class(inputs, output_node=output_node)
    )
    told = [warning.message for warning in made.warnings]
    assert len(told) == (0 if says is None else 1), told
    if says is not None:
        assert says in told[0]
        assert ("wrong inputs" in told[0]) == ("no widgets" not in told[0])
