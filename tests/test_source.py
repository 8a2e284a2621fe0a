"""One adaptor: whatever is handed over becomes a graph, with its prompt and its places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, SaveImage
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import Schema, convert_workflow, validate_prompt, workflow
from comfyflow.errors import ClientError, PromptError, WorkflowFileError
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.graph.prompt import read_nodes, to_prompt
from comfyflow.lock import check, make_lock
from comfyflow.problem import Place
from comfyflow.schema.package import reference_schema
from comfyflow.source import Converting, Source
from tests import editor_json


@workflow
def picture(width: int, height: int = 8) -> SaveImage:
    """A picture."""
    return SaveImage(images=EmptyImage(width=width, height=height))


PROMPT = picture(16).to_prompt()


def forms(folder: Path) -> dict[str, Any]:
    """The same workflow in every form that is no workflow of the editor."""
    file = folder / "picture.json"
    file.write_text(json.dumps(PROMPT))
    made = picture(16)
    return {
        "workflow": made,
        "node": made.root,
        "graph": made.graph,
        "prompt": PROMPT,
        "body": {"prompt": PROMPT, "client_id": "x"},
        "text": json.dumps(PROMPT),
        "bytes": json.dumps(PROMPT).encode(),
        "path": file,
        "name of a file": str(file),
    }


def test_every_form_is_the_same_graph(tmp_path: Path) -> None:
    for form, each in forms(tmp_path).items():
        source = Source.of(each)
        assert source.prompt == PROMPT == to_prompt(source.graph), form
        assert source.graph["2"].inputs["images"] == Link("1", 0), form
        assert Source.of(source) is source
        has_places = form in ("workflow", "node", "graph")
        assert set(source.places) == (set(PROMPT) if has_places else set()), form
        assert (source.own_schema() is not None) == (form in ("workflow", "node")), form


def test_a_function_is_called_with_its_arguments() -> None:
    source = Source.of(picture, arguments={"width": 16})
    assert (source.prompt, source.name) == (PROMPT, "picture")
    with pytest.raises(TypeError, match="width"):
        Source.of(picture, arguments={})
    with pytest.raises(ClientError, match="call the function"):
        Source.of(picture)


def test_another_value_leaves_what_it_was_made_of_as_it_is() -> None:
    for made in (Source.of(picture(16)), Source.of(picture(16).graph), Source.of(PROMPT)):
        changed = made.with_input("1", "width", 32).with_input("1", "height", [1, 2])
        assert changed.prompt["1"]["inputs"]["width"] == changed.graph["1"].inputs["width"] == 32
        assert changed.graph["1"].inputs["height"] == {"__value__": [1, 2]}
        assert to_prompt(changed.graph) == changed.prompt
        assert made.graph["1"].inputs["width"] == 16
        assert changed.graph["1"].place == made.graph["1"].place


def test_a_conversion_keeps_its_scopes_and_canvas_when_a_value_is_set() -> None:
    inner = [editor_json.node(1, "Quiet", [1])]
    made = editor_json.with_subgraphs(
        [editor_json.node(7, "inner-id", title="Inner")], [], editor_json.subgraph("inner-id", inner, [])
    )
    conversion = convert_workflow(made, editor_json.SCHEMA)
    source = Source.of(conversion)
    (node_id,) = conversion
    name = next(iter(conversion[node_id]["inputs"]))
    changed = source.with_input(node_id, name, 5)
    assert list(changed.graph.scopes) == list(source.graph.scopes) == ["7"]
    assert changed.graph[node_id].scope == "7"
    assert changed.graph.canvas == source.graph.canvas
    assert changed.graph[node_id].inputs[name] == 5
    assert Source.of(made, editor_json.SCHEMA).prompt == dict(conversion)


def test_how_to_convert_is_asked_for_once() -> None:
    asked: list[set[str]] = []

    def classes(names: Any) -> Schema:
        asked.append(set(names))
        return editor_json.SCHEMA

    made = editor_json.workflow([editor_json.node(1, "Quiet", [1])])
    source = Source.of(made, converting=Converting(editor="1.45", classes=classes))
    assert asked == [{"Quiet"}]
    assert source.editor == made


def test_a_broken_prompt_is_a_source_but_no_graph(tmp_path: Path) -> None:
    broken = {"1": {"inputs": {}}}
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken))
    for given_form in (broken, file, json.dumps(broken)):
        source = Source.of(given_form)
        assert source.prompt == broken
        with pytest.raises(PromptError, match="has no class_type"):
            _ = source.graph
    file.write_text('{"a": 1}')
    with pytest.raises(WorkflowFileError, match="nor a prompt"):
        Source.of(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["1", "2", "class_type", "inputs", "_meta", "title"]), inner, max_size=4
        )
    ),
)


@given(JSON)
def test_whatever_it_is_has_nodes_that_can_be_read(prompt: Any) -> None:
    graph = read_nodes(prompt)
    assert set(graph) == (set(prompt) if isinstance(prompt, dict) else set())
    assert all(isinstance(node.class_type, str) for node in graph.values())


def test_a_graph_is_checked_and_locked_with_its_places() -> None:
    place = Place("flow.py", 3)
    graph = Graph(
        [
            GraphNode(
                "1", "EmptyImage", {"width": 0, "height": 8, "batch_size": 1, "color": 0}, origin=place
            ),
            GraphNode("2", "SaveImage", {"images": Link("1", 0), "filename_prefix": "x"}),
        ]
    )
    schema = reference_schema()
    report = validate_prompt(graph, schema)
    assert [(problem.type, problem.place) for problem in report.errors] == [("value_smaller_than_min", place)]
    assert report.to_json() == validate_prompt(to_prompt(graph), schema, places={"1": place}).to_json()
    lock = make_lock({"a": graph}, schema)
    assert lock == make_lock({"a": to_prompt(graph)}, schema)
    drifts = check(graph, lock)
    assert [(drift.type, drift.place, drift.node_id) for drift in drifts] == [
        ("value_smaller_than_min", place, "1")
    ]
    assert drifts == check(to_prompt(graph), lock, places={"1": place})
