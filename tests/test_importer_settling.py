"""What a workflow settles to, and how it is written: values of old releases, types along links, what feeds
an input, what cannot be sent as it is."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import (
    Json,
    boundary,
    classes,
    convert,
    node,
    only,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)


def server(**inputs: Json) -> Schema:
    """The small server, and classes of which only the required inputs are of interest."""
    known = classes()
    bare = {**known["Invert"], "output_node": True}
    for name, given in inputs.items():
        known[name] = {**bare, "input": {"required": given}, "input_order": {"required": list(given)}}
    return Schema(known, "0.27.0")


SAMPLED: Json = {
    "sampler_name": ["COMBO", {"options": ["euler", "sample_free"]}],
    "scheduler": ["COMBO", {"options": ["normal"]}],
}


@pytest.mark.parametrize(
    ("class_type", "sent"),
    [("KSampler", "euler"), ("KSamplerAdvanced", "euler"), ("KSamplerSelect", "sample_euler")],
)
def test_samplers_of_the_first_releases_lose_the_word_in_front(class_type: str, sent: str) -> None:
    known = server(**{class_type: SAMPLED})
    made = convert_workflow(
        workflow([node(1, class_type, ["sample_euler", "sample_normal"])]), known, editor="1.45"
    )
    assert made["1"]["inputs"] == {"sampler_name": sent, "scheduler": "sample_normal"}


def chain(count: int, sink: str, name: str) -> Json:
    """A picture, nodes that pass on whatever they get, and what takes it; the last one stands first."""
    nodes = [node(1, "Picture", outputs=outputs([1]))]
    nodes += [node(i, "Switch", [True], {"on": i - 1}, outputs=outputs([i])) for i in range(2, count + 2)]
    nodes.append(node(count + 2, sink, None, {name: count + 1}))
    return workflow(nodes[::-1], [[i, i, 0, i + 1, 0] for i in range(1, count + 2)])


@pytest.mark.parametrize("count", [1, 5, 200])
@pytest.mark.parametrize(("sink", "name", "fits"), [("Shows", "image", True), ("Masks", "mask", False)])
def test_a_type_goes_along_nodes_of_matching_types_however_many(
    count: int, sink: str, name: str, fits: bool
) -> None:
    known = server(Picture={}, Shows={"image": ["IMAGE", {}]}, Masks={"mask": ["MASK", {}]})
    prompt = convert_workflow(chain(count, sink, name), known, editor="1.45")
    sent: dict[str, Any] = prompt[str(count + 2)]["inputs"]
    assert sent == ({name: [str(count + 1), 0]} if fits else {})


@pytest.mark.parametrize("output", [0, 1])
def test_what_takes_anything_gets_the_first_input_of_a_bypassed_node_with_fewer_inputs(output: int) -> None:
    known = classes()
    known["Split"] = {**known["LoadImage"], "input": {"required": {"image": ["IMAGE", {}]}}}
    known["Anything"] = {**known["SaveImage"], "input": {"required": {"source": ["*", {}]}}}
    ways: list[list[int]] = [[], []]
    ways[output] = [2]
    made = workflow(
        [
            node(1, "LoadImage", ["x.png"], outputs=outputs([1], [])),
            node(2, "Split", None, {"image": 1}, mode=4, outputs=outputs(*ways)),
            node(3, "Anything", None, {"source": 2}),
        ],
        [[1, 1, 0, 2, 0], [2, 2, output, 3, 0]],
    )
    assert convert_workflow(made, Schema(known, "0.27.0"), editor="1.45")["3"]["inputs"] == {
        "source": ["1", 0]
    }


@pytest.mark.parametrize(("origin", "said"), [(-10, "straight from an input"), (99, "from node 99")])
def test_a_subgraph_s_output_that_no_node_in_it_feeds_is_an_error_that_says_what_does(
    origin: int, said: str
) -> None:
    inner = subgraph(
        "d",
        [node(5, "Invert", None, {"image": 6}, outputs=outputs([]))],
        [[6, -10, 0, 5, 0], [7, origin, 0, -20, 0]],
        [boundary("image", "IMAGE", 6)],
        [boundary("out", "IMAGE", 7)],
    )
    nodes = [
        node(1, "LoadImage", ["x.png"], outputs=outputs([1])),
        node(2, "d", None, {"image": 1}, outputs=outputs([2])),
        node(3, "SaveImage", ["p"], {"images": 2}),
    ]
    with pytest.raises(
        ConversionError, match=f"output 'out' of node 2 comes {said}, not from a node in the sub"
    ):
        convert(with_subgraphs(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]], inner))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("either\\|or", "either|or"),
        ("open\\}", "open}"),
        ("10\\% off", "10\\% off"),
        ("end\\", "end\\undefined"),
    ],
)
def test_a_text_with_a_backslash_alone_is_read_as_the_editor_reads_it(text: str, sent: str) -> None:
    assert only("Encode", [text]) == {"text": sent}


@pytest.mark.parametrize(
    ("value", "told"), [(2**53 - 1, False), (2**53, False), (2**53 + 1, True), (-(2**53) - 1, True)]
)
def test_an_integer_that_loses_digits_is_told(value: int, told: bool) -> None:
    made = workflow([node(1, "Sampler", [value, "fixed"])])
    warned = [warning.type for warning in convert(made).warnings]
    assert ("integer_loses_digits" in warned) is told
    assert "integer_loses_digits" not in [warning.type for warning in convert(made, repair=True).warnings]
