"""What a workflow settles to before it becomes a prompt: values of old releases, types along links."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import Json, classes, node, outputs, workflow


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
    made = convert_workflow(workflow([node(1, class_type, ["sample_euler", "sample_normal"])]), known)
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
    prompt = convert_workflow(chain(count, sink, name), known)
    sent: dict[str, Any] = prompt[str(count + 2)]["inputs"]
    assert sent == ({name: [str(count + 1), 0]} if fits else {})
