from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from comfyflow import Workflow, raw_node, read_prompt, titled, to_workflow
from comfyflow.errors import ClientError, ConversionError, ExportError
from comfyflow.exporter.board import can_be_escaped, escaped
from comfyflow.graph import Graph, GraphNode
from comfyflow.importer import convert_workflow
from comfyflow.importer.prompt_text import chosen_text
from comfyflow.schema import Schema
from comfyflow.testing.strategies import graphs
from tests.drawn_schema import SCHEMA as DRAWN
from tests.editor_json import classes

SERVER = Schema(classes())
EDITORS = ("1.27", "1.45", "1.49", "1.58")

Json = dict[str, Any]


def node(class_type: str, **inputs: Any) -> Json:
    return {"class_type": class_type, "inputs": inputs}


def back(prompt: Json, schema: Schema = SERVER, editor: str = "1.45") -> Json:
    """What the editor makes of what is written of a prompt, without `_meta`."""
    made = to_workflow(prompt, schema, frontend=editor)
    found = convert_workflow(json.loads(json.dumps(made)), schema, editor=editor, seed=0)
    return {key: {"class_type": one["class_type"], "inputs": one["inputs"]} for key, one in found.items()}


SAMPLE = {
    "1": node("Loader", name="b.safetensors"),
    "2": node("Encode", text="a {b|c} // d", clip=["1", 1]),
    "3": node("Latent", width=640, height=["9", 0]),
    "4": node("Sampler", model=["1", 0], latent=["3", 0], seed=7, steps=3, cfg=1.5, sampler="ddim"),
    "9": node("Quiet", seed=5),
    "abc": node("Decode", samples=["4", 0], vae=["1", 2]),
}


@pytest.mark.parametrize("editor", EDITORS)
def test_a_prompt_comes_back_from_the_editor(editor: str) -> None:
    assert back(SAMPLE, editor=editor) == SAMPLE


def test_the_file_has_what_editors_ask_of_one() -> None:
    made = to_workflow(SAMPLE, SERVER)
    assert made.warnings == []
    assert made["version"] == 0.4
    assert made["last_node_id"] == 9
    assert made["last_link_id"] == len(made["links"]) == 6
    nodes = {one["id"]: one for one in made["nodes"]}
    assert list(nodes) == [1, 2, 3, 4, 9, "abc"]
    assert nodes[4]["widgets_values"] == [7, "fixed", 3, 1.5, "ddim"]
    assert nodes[2]["widgets_values"] == ["a \\{b|c\\} /{/} d"]
    assert [slot["name"] for slot in nodes[3]["inputs"]] == ["height"]
    assert nodes[3]["inputs"][0]["widget"] == {"name": "height"}
    for link_id, origin, origin_slot, target, target_slot, type_ in made["links"]:
        assert nodes[target]["inputs"][target_slot]["link"] == link_id
        assert link_id in nodes[origin]["outputs"][origin_slot]["links"]
        assert isinstance(type_, str)
    assert made == to_workflow(SAMPLE, SERVER)


@pytest.mark.parametrize("node_id", ["007", "1e3", "-3", "12:", ":5", "a:b", "123456789012345678901", "é"])
def test_ids_come_back_as_they_are(node_id: str) -> None:
    prompt = {node_id: node("Loader", name="a.safetensors"), "1": node("Encode", text="", clip=[node_id, 1])}
    assert back(prompt) == prompt


@pytest.mark.parametrize("node_id", ["", "__proto__"])
def test_ids_that_the_editor_cannot_have_are_told(node_id: str) -> None:
    made = to_workflow({node_id: node("Loader", name="a.safetensors")}, SERVER)
    assert [one["id"] for one in made["nodes"]] == [1]
    assert [(one.type, one.node_id) for one in made.warnings] == [("node_lost", node_id)]


def test_links_into_and_out_of_scopes_go_through_subgraphs() -> None:
    prompt = {
        "1": node("Loader", name="a.safetensors"),
        "5:2": node("Encode", text="x", clip=["1", 1]),
        "5:3:7": node("Latent", width=8, height=16),
        "5:4": node("Sampler", model=["1", 0], latent=["5:3:7", 0], seed=1, steps=1, cfg=1, sampler="euler"),
        "6": node("Decode", samples=["5:4", 0], vae=["1", 2]),
    }
    made = to_workflow(prompt, SERVER)
    assert [one["id"] for one in made["nodes"]] == [1, 6, 5]
    assert len(made["definitions"]["subgraphs"]) == 2
    for editor in EDITORS[1:]:
        assert back(prompt, editor=editor) == prompt


def test_scopes_that_the_editor_would_number_anew_are_written_flat() -> None:
    prompt = {
        "2": node("Loader", name="a.safetensors"),
        "5:2": node("Encode", text="x", clip=["2", 1]),
    }
    made = to_workflow(prompt, SERVER)
    assert [one["id"] for one in made["nodes"]] == [2, "5:2"]
    assert back(prompt) == prompt


def test_what_the_editor_cannot_send_is_told() -> None:
    prompt = {
        "1": node("Mystery", a=1, b=["2", 0]),
        "2": node("Latent", width=8),
        "3": node("Invert", image=["99", 0]),
        "4": node("Encode", text="ends with \\", clip=["1", 0]),
        "5": node("Invert", image="a word"),
        "6": node("Quiet", seed=2**53 + 1),
    }
    made = to_workflow(prompt, SERVER)
    told = {(one.node_id, one.type, one.severity) for one in made.warnings}
    assert told == {
        ("1", "unknown_class", "warning"),
        ("2", "defaults_added", "note"),
        ("3", "link_to_nothing", "warning"),
        ("4", "value_changed", "warning"),
        ("5", "input_lost", "warning"),
    }
    nodes = {one["id"]: one for one in made["nodes"]}
    assert nodes[1]["widgets_values"] == [1]
    assert nodes[6]["widgets_values"] == [str(2**53 + 1)]


def test_a_constant_at_a_socket_is_given_by_a_node_of_its_own() -> None:
    import comfynodes  # noqa: F401  (so that its schema is found)

    at_root = {"1": node("PreviewAny", source=1024)}
    made = to_workflow(at_root)
    assert [one.type for one in made.warnings] == ["value_in_node"]
    assert [(one["type"], one["widgets_values"]) for one in made["nodes"]][1][0] == "PrimitiveInt"
    inside = {"7:1": node("PreviewAny", source=1024)}
    assert to_workflow(inside).warnings == []


@pytest.mark.parametrize("class_type", ["SaveAudio", "SaveAudioAdvanced"])
@pytest.mark.parametrize("editor", ["1.44", "1.46", "1.47", "1.58"])
def test_the_audio_player_of_another_release_is_no_constant(class_type: str, editor: str) -> None:
    known = {
        name: {**classes()["Loader"], "name": name, "input": {"required": required}, "output": ["STRING"]}
        for name, required in [
            (class_type, {"filename_prefix": ["STRING", {"default": "x"}]}),
            ("PrimitiveString", {"value": ["STRING", {}]}),
        ]
    }
    server = Schema(known)
    made = to_workflow({"1": node(class_type, filename_prefix="a", audioUI="")}, server, frontend=editor)
    assert [one["type"] for one in made["nodes"]] == [class_type]
    assert (made["links"], made.warnings) == ([], [])


def test_titles_are_kept_where_they_are_own() -> None:
    loader = titled(raw_node("Loader", {"name": "a.safetensors"}), "</script><b>Mine")
    made = to_workflow(Workflow(raw_node("Encode", {"text": "", "clip": loader[1]})), SERVER)
    assert [one.get("title") for one in made["nodes"]] == ["</script><b>Mine", None]


def test_nodes_that_an_editor_has_placed_stay_where_they_are() -> None:
    first = to_workflow(SAMPLE, SERVER)
    moved = json.loads(json.dumps(first))
    for number, one in enumerate(moved["nodes"]):
        one["pos"], one["size"] = [number * 1000, -number], [400, 300]
    moved["groups"] = [{"title": "All", "bounding": [0, 0, 9000, 900], "color": "#fff"}]
    graph = convert_workflow(moved, SERVER, editor="1.45").graph
    added = Graph(
        [*graph.values(), GraphNode("77", "Quiet", {"seed": 1})], graph.scopes.values(), graph.canvas
    )
    again = to_workflow(added, SERVER)
    places = {one["id"]: (one["pos"], one["size"]) for one in again["nodes"]}
    for one in moved["nodes"]:
        assert places[one["id"]] == (one["pos"], one["size"])
    assert places[77][0][1] > 300
    assert [group["title"] for group in again["groups"]] == ["All"]


def test_what_is_no_workflow_and_no_version_is_refused() -> None:
    with pytest.raises(ClientError, match="expected a workflow"):
        to_workflow("no such file", SERVER)
    with pytest.raises(ConversionError, match="'newest' is not an editor version"):
        to_workflow(SAMPLE, SERVER, frontend="newest")


@pytest.mark.parametrize("asked", ["1.2", "99.0"])
def test_a_release_that_is_not_known_is_told(asked: str) -> None:
    made = to_workflow(SAMPLE, SERVER, frontend=asked)
    unknown = [one for one in made.warnings if one.type == "editor_unknown"]
    assert [one.message.partition(",")[0] for one in unknown] == [f"editor {asked}"]
    assert f"converting like the nearest, {made.frontend}" in unknown[0].message
    assert made["extra"]["frontendVersion"] == f"{made.frontend}.0"
    assert "editor_unknown" not in {one.type for one in to_workflow(SAMPLE, SERVER).warnings}


def test_arguments_of_another_type_are_named(tmp_path: Path) -> None:
    wrong: Any = "object_info.json"
    with pytest.raises(ExportError, match="schema must be a Schema, not str: load_schema reads one"):
        to_workflow(SAMPLE, wrong)
    wrong = 7
    with pytest.raises(ExportError, match="name must be a string, not int"):
        to_workflow(SAMPLE, SERVER, name=wrong)
    prompt = tmp_path / "mine.json"
    prompt.write_text(json.dumps(SAMPLE))
    with pytest.raises(ExportError, match=r"like must be an editor workflow, but .*mine\.json holds a p"):
        to_workflow(SAMPLE, SERVER, like=prompt)
    with pytest.raises(ExportError, match="but this is a prompt"):
        to_workflow(SAMPLE, SERVER, like=prompt.read_text())


@settings(max_examples=300)
@given(st.text(alphabet="ab{}|\\/*\n", max_size=12))
@example("\\\\{")
@example("///*")
def test_escaped_texts_are_sent_as_they_were(text: str) -> None:
    import random

    if can_be_escaped(text):
        assert chosen_text(escaped(text), random.Random(0)) == text


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(DRAWN), st.sampled_from(EDITORS[1:]))
def test_drawn_graphs_come_back_but_for_what_is_told(graph: Graph, editor: str) -> None:
    made = to_workflow(graph, DRAWN, frontend=editor)
    assert {one.type for one in made.warnings} <= {"input_lost", "defaults_added"}
    lost = {(one.node_id, one.input_name) for one in made.warnings if one.type == "input_lost"}
    found = read_prompt(convert_workflow(made, DRAWN, editor=editor, seed=0))
    assert list(found.keys() - graph.keys()) == []
    for node_id, one in graph.items():
        kept = {name for name in one.inputs if (node_id, name) not in lost}
        assert kept <= found[node_id].inputs.keys()
        assert dict(one.links) == dict(found[node_id].links)
