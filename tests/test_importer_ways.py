"""Conversion: the ways that links take, where they are long, cut, or lead through what is muted."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from tests.editor_json import boundary, convert, inputs_of, node, outputs, subgraph, with_subgraphs, workflow


def reroute(id_: int, link: int | None, *links: int) -> dict[str, Any]:
    made = node(id_, "Reroute", links={"": link}, outputs=outputs(list(links)))
    return {**made, "outputs": [{"name": "", "type": "*", "links": list(links)}]}


def test_two_long_ways_lead_to_two_sources() -> None:
    """What a long way leads to is remembered for each of its nodes, and for no other."""
    nodes = [node(1, "LoadImage", ["x.png"], outputs=outputs([100])),
             node(2, "LoadImage", ["y.png"], outputs=outputs([200]))]  # fmt: skip
    links: list[list[Any]] = []
    for source, first in ((1, 100), (2, 200)):
        before = source
        for number in range(first, first + 80):
            nodes.append(reroute(number, number, number + 1))
            links.append([number, before, 0, number, 0])
            before = number
        nodes.append(node(source + 2, "Invert", links={"image": first + 80}))
        links.append([first + 80, before, 0, source + 2, 0])
    prompt = convert(workflow(nodes, links))
    assert {key: prompt[key]["inputs"]["image"] for key in ("3", "4")} == {"3": ["1", 0], "4": ["2", 0]}


def test_links_behind_a_cut_one_move_up() -> None:
    """A reroute drops a link that does not fit; in an input that grows, no gap is left."""
    nodes = [
        node(1, "LoadImage", outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [1, 3]},
                                      {"name": "MASK", "type": "MASK", "links": [4]}]),
        reroute(2, 4, 2),
        node(3, "Batch", None, {"images.image0": 1, "images.image1": 2, "images.image2": 3}),
    ]  # fmt: skip
    for slot in nodes[2]["inputs"]:
        slot["type"] = "IMAGE"
    links = [[1, 1, 0, 3, 0], [2, 2, 0, 3, 1], [3, 1, 0, 3, 2], [4, 1, 1, 2, 0]]
    assert inputs_of(workflow(nodes, links), "3") == {
        "images.image0": ["1", 0],
        "images.image1": ["1", 0],
    }


@pytest.mark.parametrize("editor", ["1.27", "1.40", "1.45"])
def test_bypassed_nodes_on_the_canvas_hand_on_in_every_release(editor: str) -> None:
    nodes = [
        node(1, "LoadImage", outputs=outputs([1])),
        node(2, "Invert", None, {"image": 1}, mode=4, outputs=outputs([2])),
        node(3, "Invert", None, {"image": 2}),
    ]
    made = workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]])
    assert inputs_of(made, "3", editor) == {"image": ["1", 0]}


@pytest.mark.parametrize("editor", ["1.40", "1.45"])
def test_a_subgraph_that_runs_hands_on_its_output(editor: str) -> None:
    inside = subgraph(
        "d",
        [node(5, "LoadImage", outputs=outputs([1]))],
        [[1, 5, 0, -20, 0]],
        outs=[boundary("IMAGE", "IMAGE", 1)],
    )
    nodes = [node(1, "d", outputs=outputs([2])), node(2, "Invert", None, {"image": 2})]
    made = with_subgraphs(nodes, [[2, 1, 0, 2, 0]], inside)
    assert inputs_of(made, "2", editor) == {"image": ["1:5", 0]}


def test_a_link_from_an_input_that_a_subgraph_does_not_have_is_told() -> None:
    inside = subgraph("d", [node(5, "Invert", None, {"image": 1})], [[1, -10, 3, 5, 0]])
    with pytest.raises(ConversionError, match="has no input 3, but links inside start from it"):
        convert(with_subgraphs([node(1, "d")], [], inside))


def test_a_node_comes_once_all_its_links_are_served_each_once() -> None:
    """A link that an output has twice serves its end once: who waits for another link goes on waiting."""
    nodes = [
        node(1, "LoadImage", ["x.png"], outputs=outputs([1, 1, 3])),
        node(3, "Blend", None, {"image": 1, "other": 2}),
        node(4, "Invert", None, {"image": 3}),
        node(2, "LoadImage", ["y.png"], outputs=outputs([2])),
    ]
    made = workflow(nodes, [[1, 1, 0, 3, 0], [2, 2, 0, 3, 1], [3, 1, 0, 4, 0]])
    assert [*convert(made)] == ["1", "2", "4", "3"]


@pytest.mark.parametrize("slot", [1, 2, -2, "x"])
def test_a_slot_that_a_subgraph_does_not_have_is_an_error(slot: Any) -> None:
    """The last one is at the number of slots less one."""
    shown = None if slot == "x" else slot
    inner = subgraph(
        "d",
        [node(5, "Invert", None, {"image": 6}, outputs=outputs([7]))],
        [[6, -10, slot, 5, 0], [7, 5, 0, -20, 0]],
        [boundary("image", "IMAGE", 6)],
        [boundary("out", "IMAGE", 7)],
    )
    nodes = [node(1, "LoadImage", ["x.png"], outputs=outputs([1])), node(2, "d", None, {"image": 1})]
    with pytest.raises(ConversionError, match=f"has no input {shown}, but links inside start from it"):
        convert(with_subgraphs(nodes, [[1, 1, 0, 2, 0]], inner))
    nodes = [node(2, "d", outputs=outputs([2])), node(3, "Invert", None, {"image": 2})]
    inner["links"][0]["origin_slot"] = 0
    with pytest.raises(ConversionError, match=f"node 2 has no output {shown}"):
        convert(with_subgraphs(nodes, [[2, 2, slot, 3, 0]], inner))


@pytest.mark.parametrize("slot", [1, 2, -1, "x"])
def test_an_output_that_a_bypassed_node_does_not_have_is_an_error(slot: Any) -> None:
    nodes = [
        node(1, "LoadImage", ["x.png"], outputs=outputs([1])),
        node(2, "Invert", None, {"image": 1}, mode=4, outputs=outputs([2])),
        node(3, "Invert", None, {"image": 2}),
    ]
    with pytest.raises(ConversionError, match="bypassed node 2 has no output"):
        convert(workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, slot, 3, 0]]))
