from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comfyflow import read_workflow, to_workflow
from comfyflow.errors import ComfyflowError, ExportError
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.importer import convert_workflow
from tests.editor_json import (
    SCHEMA,
    Json,
    boundary,
    convert,
    node,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)

FILE = workflow(
    [
        node(1, "Loader", ["b.safetensors"], outputs=outputs([], [1], []), pos=[10, 20], color="#222"),
        node(2, "Encode", ["a {b}", "kept"], {"clip": 1}, outputs=outputs([2]), title="Mine", pos=[400, 20]),
        node(3, "Reroute", None, {"": 2}, outputs=outputs([3])),
        node(4, "Show", None, {"anything": 3}, pos=[900, 20], flags={"collapsed": True}),
        node(5, "Invert", None, {"image": None}, outputs=outputs([]), mode=4),
        node(6, "Note", ["look"], pos=[0, -300], color="#432"),
        node(7, "Quiet", [5, "randomize"], outputs=outputs([]), properties={"cnr_id": "comfy-core"}),
    ],
    [[1, 1, 1, 2, 0], [2, 2, 0, 3, 0], [3, 3, 0, 4, 0]],
    groups=[{"title": "All", "bounding": [0, 0, 900, 900], "color": "#abc"}],
    extra={"mine": [1, 2]},
    last_link_id=3,
)


def graph_of(made: Json, editor: str = "1.45") -> Graph:
    return convert_workflow(made, SCHEMA, editor=editor, seed=0).graph


def changed(graph: Graph, node_id: str, **inputs: Any) -> Graph:
    return graph.with_nodes(
        one.with_inputs({**one.inputs, **inputs}) if one.node_id == node_id else one for one in graph.values()
    )


def nodes_of(made: Json) -> dict[Any, Json]:
    return {one["id"]: one for one in made["nodes"]}


def test_what_is_not_different_is_the_file_itself() -> None:
    before = copy.deepcopy(FILE)
    assert to_workflow(graph_of(FILE), SCHEMA) == FILE
    assert to_workflow(FILE, SCHEMA) == FILE
    assert before == FILE


def test_nodes_are_known_whatever_their_ids_are_now() -> None:
    names = {"1": "30", "2": "x", "4": "1", "7": "2"}
    renamed = [
        GraphNode(
            names[key],
            one.class_type,
            {
                name: Link(names[value.node_id], value.slot) if type(value) is Link else value
                for name, value in one.inputs.items()
            },
            one.title,
        )
        for key, one in graph_of(FILE).items()
    ]
    assert to_workflow(Graph(renamed), SCHEMA, like=FILE) == FILE


def test_a_value_is_put_in_its_place() -> None:
    made = to_workflow(changed(graph_of(FILE), "2", text="{new}"), SCHEMA)
    expected = copy.deepcopy(FILE)
    expected["nodes"][1]["widgets_values"][0] = "\\{new\\}"
    assert made == expected
    assert convert(made)["2"]["inputs"]["text"] == "{new}"


def test_a_link_that_leads_elsewhere_is_the_only_one_that_changes() -> None:
    graph = graph_of(FILE)
    added = GraphNode("new", "Encode", {"text": "x", "clip": Link("1", 1)}, "Text")
    graph = graph.with_nodes([*changed(graph, "4", anything=Link("new", 0)).values(), added])
    made = to_workflow(graph, SCHEMA)
    assert made.warnings == []
    nodes = nodes_of(made)
    assert list(nodes) == [1, 2, 3, 4, 5, 6, 7, 8]
    for number in (2, 3, 5, 6, 7):
        kept = {name: held for name, held in FILE["nodes"][number - 1].items() if name != "outputs"}
        assert {name: held for name, held in nodes[number].items() if name != "outputs"} == kept
    assert (nodes[4]["pos"], nodes[4]["flags"]) == ([900, 20], {"collapsed": True})
    assert (nodes[8]["type"], nodes[8]["title"]) == ("Encode", "Text")
    assert nodes[8]["pos"][1] > 20
    assert (made["groups"], made["extra"]) == (FILE["groups"], FILE["extra"])
    assert (made["last_node_id"], made["last_link_id"]) == (8, 5)
    back = convert(made)
    assert back["4"]["inputs"] == {"anything": ["8", 0]}
    assert back["8"]["inputs"] == {"text": "x", "clip": ["1", 1]}


def test_a_node_that_is_gone_takes_its_links_along() -> None:
    graph = graph_of(FILE)
    made = to_workflow(graph.with_nodes(one for one in graph.values() if one.node_id in ("1", "7")), SCHEMA)
    assert list(nodes_of(made)) == [1, 3, 5, 6, 7]
    assert made["links"] == []
    assert convert(made).keys() == {"1", "7"}


HOSTED = with_subgraphs(
    [
        node(1, "Latent", [64, 64], outputs=outputs([1]), pos=[1, 2]),
        node(2, "d", [33], {"latent": 1}, outputs=outputs([2]), pos=[3, 4], color="#123"),
        node(3, "Show", None, {"anything": 2}),
    ],
    [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]],
    subgraph(
        "d",
        [
            node(
                5,
                "Sampler",
                [1, "fixed", 20, 8.0, "euler"],
                {"model": 13, "latent": 10, "*steps": 11},
                outputs=outputs([12]),
            ),
            node(6, "Loader", ["a.safetensors"], outputs=outputs([13], [], [])),
        ],
        [[10, -10, 0, 5, 1], [11, -10, 1, 5, 3], [12, 5, 0, -20, 0], [13, 6, 0, 5, 0]],
        [boundary("latent", "LATENT", 10), boundary("steps", "INT", 11)],
        [boundary("LATENT", "LATENT", 12)],
    ),
)


@pytest.mark.parametrize(
    ("editor", "held_by"), [("1.45", "inside"), ("1.49", "outside"), ("1.58", "outside")]
)
def test_a_value_shown_outside_a_subgraph_is_put_where_the_editor_reads_it(editor: str, held_by: str) -> None:
    graph = graph_of(HOSTED, editor)
    assert to_workflow(graph, SCHEMA, frontend=editor) == HOSTED
    made = to_workflow(changed(graph, "2:5", steps=44), SCHEMA, frontend=editor)
    assert convert(made, editor)["2:5"]["inputs"]["steps"] == 44
    inside = made["definitions"]["subgraphs"][0]["nodes"][0]["widgets_values"]
    outside = nodes_of(made)[2]["widgets_values"]
    assert (inside[2], outside) == ((44, [33]) if held_by == "inside" else (20, [44]))


def test_where_more_is_different_than_can_be_put_in_place_looks_are_kept() -> None:
    graph = graph_of(HOSTED)
    made = to_workflow(changed(graph, "2:5", sampler=Link("1", 0)), SCHEMA)
    assert convert(made)["2:5"]["inputs"]["sampler"] == ["1", 0]
    nodes = nodes_of(made)
    assert (nodes[1]["pos"], nodes[2]["pos"]) == ([1, 2], [3, 4])


def test_what_it_is_to_be_like_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(FILE))
    made = convert_workflow(FILE, SCHEMA, seed=0)
    for like in (path, path.read_text(), path.read_bytes(), read_workflow(path), made, made.graph):
        assert to_workflow(Graph(graph_of(FILE).values()), SCHEMA, like=like) == FILE
    assert to_workflow(read_workflow(path), SCHEMA) == FILE
    with pytest.raises(ExportError, match="like must be an editor workflow, but this is a prompt"):
        to_workflow(FILE, SCHEMA, like={"1": {"class_type": "Latent", "inputs": {}}})


def test_a_file_that_has_nothing_in_common_is_no_likeness() -> None:
    graph = Graph([GraphNode("1", "Picker", {"mode": "a", "size": 5})])
    assert [one["type"] for one in to_workflow(graph, SCHEMA, like=FILE)["nodes"]] == ["Picker"]


KEYS = st.sampled_from(["id", "link", "links", "type", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
PARTS = ["inputs", "outputs", "widgets_values", "properties", "pos", "id", "title"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_files_of_strangers_give_a_workflow_or_an_error(data: st.DataObject) -> None:
    made = copy.deepcopy(FILE)
    spot = data.draw(st.sampled_from(["links", "nodes", "groups", "last_node_id", "version", "state"]))
    node_of = data.draw(st.sampled_from(made["nodes"]))
    part = data.draw(st.sampled_from(PARTS))
    node_of[part] = data.draw(JSON)
    if data.draw(st.booleans()):
        made[spot] = data.draw(JSON)
    graph = graph_of(FILE)
    graph = changed(graph, "4", anything=Link("7", 0))
    try:
        to_workflow(Graph(graph.values()), SCHEMA, like=made)
    except ComfyflowError:
        return
