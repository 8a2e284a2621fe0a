"""Conversion: node ids and links of every form, the ways that links take, and the graph that comes out."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.graph import ROOT, Graph, Link, to_prompt
from comfyflow.importer import Conversion
from tests.editor_json import boundary, convert, inputs_of, node, outputs, subgraph, with_subgraphs, workflow

BOTH = pytest.mark.parametrize("editor", ["1.45", "1.27"])


@BOTH
def test_rule_18_links_lead_to_the_first_node_of_an_id(editor: str) -> None:
    nodes = [
        node(1, "Latent", [64, 64], outputs=outputs([1])),
        node(2, "Decode", None, {"samples": 1}),
        node(2, "Latent", [8, 8]),
    ]
    prompt = convert(workflow(nodes, [[1, 1, 0, 2, 0]]), editor)
    assert prompt["2"]["class_type"] == "Decode"
    assert prompt["2"]["inputs"] == {"samples": ["1", 0]}


def test_rule_19_an_id_that_repeats_inside_a_subgraph_is_kept_by_the_first_node_only() -> None:
    inside = subgraph("d", [node(5, "Latent", [8, 8]), node(5, "Latent", [16, 16])], [])
    prompt = convert(with_subgraphs([node(1, "d")], [], inside, last_node_id=9))
    assert {key: value["inputs"]["width"] for key, value in prompt.items()} == {"1:5": 8, "1:10": 16}


@pytest.mark.parametrize("id_", [None, -1])
def test_a_node_without_an_id_gets_the_next_one(id_: Any) -> None:
    made = workflow([node(id_, "Latent"), node(3, "Latent")], last_node_id=40)
    assert set(convert(made)) == {"41", "3"}


def test_1_27_keeps_an_id_of_minus_one() -> None:
    assert set(convert(workflow([node(-1, "Latent")]), "1.27")) == {"-1"}


def linked(links: Any, **saved: Any) -> dict[str, Any]:
    nodes = [node(1, "LoadImage", outputs=outputs([1])), node(2, "Invert", None, {"image": 1})]
    return {**workflow(nodes), "links": links, **saved}


LIST = [1, 1, 0, 2, 0, "IMAGE"]
OBJECT = {"id": 1, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "IMAGE"}


@BOTH
@pytest.mark.parametrize(
    ("links", "version"),
    [([LIST], 1), ([LIST], None), ([LIST], "0.4"), ([OBJECT], 0.4), ({"1": OBJECT}, 1)],
)
def test_rule_18_links_are_lists_in_version_0_4_and_objects_in_others(
    links: Any, version: Any, editor: str
) -> None:
    made = linked(links, version=version)
    with pytest.raises(ConversionError, match="node 2 has link 1, which does not exist"):
        convert(made, editor)
    assert convert(made, editor, repair=True)["2"]["inputs"] == {"image": ["1", 0]}


def test_an_error_about_a_link_says_why_it_was_not_read() -> None:
    with pytest.raises(ConversionError, match=r"the workflow has no version, in which .* lists; repair"):
        convert(linked([LIST], version=None))
    with pytest.raises(ConversionError, match=r"has version 0\.4, in which .* objects; repair"):
        convert(linked([OBJECT]))


@BOTH
def test_rule_18_a_link_may_be_cut_short(editor: str) -> None:
    assert inputs_of(linked([LIST[:4]]), "2", editor) == {"image": ["1", 0]}


@BOTH
def test_rule_16_a_circle_of_reroutes_is_cut(editor: str) -> None:
    nodes = [
        node(1, "Reroute", None, {"": 2}, outputs=outputs([1])),
        node(2, "Reroute", None, {"": 1}, outputs=outputs([2, 3])),
        node(3, "Invert", None, {"image": 3}),
        node(4, "Reroute", None, {"": 4}, outputs=outputs([4, 5])),
        node(5, "Invert", None, {"image": 5}),
    ]
    links = [[1, 1, 0, 2, 0], [2, 2, 0, 1, 0], [3, 2, 0, 3, 0], [4, 4, 0, 4, 0], [5, 4, 0, 5, 0]]
    prompt = convert(workflow(nodes, links), editor)
    assert {key: value["inputs"] for key, value in prompt.items()} == {"3": {}, "5": {}}


def test_a_reroute_stops_dropping_links_at_a_slot_that_is_not_there() -> None:
    def rerouted(missing: int) -> dict[str, Any]:
        nodes = [
            node(1, "LoadImage", outputs=outputs([1], [])),
            node(2, "Reroute", None, {"": 1}, outputs=outputs([2, 3, 4])),
            node(3, "Decode", None, {"samples": 2}),
            node(4, "Invert", None, {"image": 3}),
            node(5, "Decode", None, {"samples": 4}),
        ]
        nodes[3]["inputs"] = []
        links = [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0], [3, 2, 0, 4, missing], [4, 2, 0, 5, 0]]
        return workflow(nodes, links)

    assert inputs_of(rerouted(0), "5") == {}
    assert inputs_of(rerouted(7), "5") == {"samples": ["1", 0]}
    assert inputs_of(rerouted(7), "3") == {}


def saved_whole(made: dict[str, Any]) -> dict[str, Any]:
    """The workflow with all that an editor saves; only then does 1.27 check the links."""
    whole = {"size": [1, 1], "flags": {}, "order": 0, "properties": {}}
    return {**made, "last_link_id": 9, "nodes": [{**whole, **entry} for entry in made["nodes"]]}


def test_1_27_takes_a_link_out_that_neither_side_names_where_the_table_says() -> None:
    nodes = [
        node(1, "LoadImage", outputs=outputs([1, 2], [])),
        node(2, "Blend", None, {"mask": None, "image": 1, "other": 2}),
    ]
    made = saved_whole(workflow(nodes, [[1, 1, 0, 2, 0], [2, 1, 0, 2, 1]]))
    whole = {"image": ["1", 0], "other": ["1", 0]}
    assert inputs_of(made, "2") == whole
    with pytest.raises(ConversionError, match="has link 2, which does not exist"):
        convert(made, "1.27")
    assert inputs_of({**made, "id": "no uuid"}, "2", "1.27") == whole


def test_1_27_gives_a_link_back_to_the_output_that_does_not_name_it() -> None:
    nodes = [
        node(1, "PrimitiveNode", [256, "fixed"], outputs=outputs([])),
        node(2, "Latent", [64, 64], {"*width": 1}),
    ]
    made = saved_whole(workflow(nodes, [[1, 1, 0, 2, 0]]))
    assert inputs_of(made, "2")["width"] == 64
    assert inputs_of(made, "2", "1.27")["width"] == 256
    assert made["nodes"][0]["outputs"][0]["links"] == []


def test_1_27_gives_up_the_check_where_an_origin_is_missing() -> None:
    made = saved_whole(workflow([node(2, "Invert", None, {"image": 1})], [[1, 99, 0, 2, 0]]))
    with pytest.raises(ConversionError, match="node 99, which does not exist"):
        convert(made, "1.27")


def test_a_number_of_any_size_is_refused_or_read() -> None:
    made = saved_whole(workflow([node(2, "Invert", None, {"image": None})], [[1, 1, 10**400, 2, -(10**400)]]))
    assert inputs_of(made, "2", "1.27") == {}


@pytest.mark.parametrize("uses", [2, 3, 4])
def test_a_subgraph_may_be_used_several_times_on_one_way_where_that_is_repaired(uses: int) -> None:
    """The editor knows places by subgraph, not by each use, and takes the second one for a circle."""
    inside = subgraph(
        "d",
        [node(5, "Invert", None, {"image": 1}, mode=4, outputs=outputs([2]))],
        [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]],
        [boundary("image", "IMAGE", 1)],
        [boundary("IMAGE", "IMAGE", 2)],
    )
    numbers = range(1, uses + 1)
    nodes = [
        node(10, "LoadImage", ["x.png"], outputs=outputs([1], [])),
        *(node(number, "d", None, {"image": number}, outputs=outputs([number + 1])) for number in numbers),
        node(11, "SaveImage", ["out"], {"images": uses + 1}),
    ]
    ids = [10, *numbers, 11]
    links = [[index + 1, ids[index], 0, ids[index + 1], 0] for index in range(len(ids) - 1)]
    made = with_subgraphs(nodes, links, inside)
    assert convert(made, repair=True)["11"]["inputs"]["images"] == ["10", 0]
    with pytest.raises(ConversionError, match=r"the link to node \S+ forms a cycle"):
        convert(made)


def test_what_a_scope_gives_comes_through_the_input_of_the_same_place() -> None:
    """A bypassed node with an output that may go anywhere hands on the input beside it, of any type."""
    blend = node(5, "Blend", None, {"image": 1, "other": 2, "mask": 3}, mode=4, outputs=outputs([], [4]))
    inside = subgraph(
        "d",
        [
            blend,
            node(6, "LoadImage", ["x.png"], outputs=outputs([1], [3])),
            node(7, "Invert", None, {"image": None}, outputs=outputs([2])),
        ],
        [[1, 6, 0, 5, 0], [2, 7, 0, 5, 1], [3, 6, 1, 5, 2], [4, 5, 1, -20, 0]],
        [],
        [boundary("MASK", "MASK", 4)],
    )
    nodes = [node(2, "d", None, {}, outputs=outputs([3])), node(4, "Show", None, {"anything": 3})]
    conversion = convert(with_subgraphs(nodes, [[3, 2, 0, 4, 0]], inside))
    (scope,) = conversion.graph.scopes.values()
    assert [given.source for given in scope.outputs] == [Link("2:7", 0)]
    assert conversion["4"]["inputs"]["anything"] == ["2:7", 0]


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


INVERT = subgraph(
    "d",
    [
        node(5, "Invert", links={"image": 1}, outputs=outputs([2]), pos=[10, 20]),
        node(6, "Note", ["look"], pos=[500, 500], size=[200, 90]),
    ],
    [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]],
    [boundary("image", "IMAGE", 1)],
    [boundary("IMAGE", "IMAGE", 2)],
)
INVERT["groups"] = [{"title": "inside", "bounding": [0, 0, 100, 100]}]


def hosted() -> Conversion:
    """A picture that a subgraph inverts, in a group, and a class that nobody knows."""
    return convert(
        with_subgraphs(
            [
                node(1, "LoadImage", ["x.png"], outputs=outputs([1], []), pos=[0, 0]),
                node(
                    2,
                    "d",
                    links={"image": 1},
                    outputs=outputs([2]),
                    title="Upside down",
                    pos={"0": 300, "1": 40},
                    size={"0": 210, "1": 60},
                ),
                node(3, "SaveImage", ["out"], {"images": 2}, pos=[600, 0], size=[-1, 40]),
                node(4, "Mystery", outputs=outputs([])),
            ],
            [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]],
            INVERT,
            groups=[
                {"title": "small", "bounding": [290, 30, 50, 50]},
                {"title": "large", "bounding": [-10, -10, 900, 900]},
                {"bounding": "none"},
            ],
        )
    )


def test_the_graph_of_a_conversion_is_its_prompt() -> None:
    conversion = hosted()
    graph = conversion.graph
    assert list(graph) == list(conversion)
    prompt = to_prompt(graph)
    assert prompt.pop("4") == {**conversion["4"], "class_type": "Mystery"}
    assert prompt == {node_id: entry for node_id, entry in conversion.items() if node_id != "4"}


def test_a_scope_says_what_goes_in_and_out() -> None:
    graph = hosted().graph
    (scope,) = graph.scopes.values()
    assert graph.around("2:5") == [scope]
    assert graph["2:5"].scope == scope.scope_id == "2"
    assert (scope.outer, scope.name, scope.title, scope.definition) == (
        ROOT,
        "subgraph d",
        "Upside down",
        "d",
    )
    (entry,) = scope.inputs
    assert (entry.name, entry.source, entry.targets) == ("image", Link("1", 0), (("2:5", "image"),))
    (given,) = scope.outputs
    assert given.source == Link("2:5", 0)


def test_a_canvas_says_where_things_stand_and_what_is_around_them() -> None:
    canvas = hosted().graph.canvas
    assert canvas.positions["2"] == (300.0, 40.0)
    assert canvas.positions["2:5"] == (10.0, 20.0)
    assert [group.title for group in canvas.groups[ROOT]] == ["large", "small", ""]
    assert [group.title for _, group in canvas.groups_around(ROOT, canvas.positions["2"])] == [
        "small",
        "large",
    ]
    assert [group.title for _, group in canvas.groups_around("2", canvas.positions["2:5"])] == ["inside"]
    assert [(note.text, note.size) for note in canvas.notes["2"]] == [("look", (200.0, 90.0))]
    assert canvas.sizes == {"2": (210.0, 60.0)}


def test_a_graph_is_of_the_prompt_as_it_is_now() -> None:
    conversion = convert(workflow([node(1, "LoadImage", ["x.png"])]))
    conversion["1"]["inputs"]["image"] = "y.png"
    graph: Graph = conversion.graph
    assert graph["1"].inputs["image"] == "y.png"
