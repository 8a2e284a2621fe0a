from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import read_prompt, to_prompt
from comfyflow.errors import PromptError
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.prompt import is_link

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
links = st.tuples(st.text(), st.integers(-2, 9)).map(list)
nodes = st.fixed_dictionaries(
    {"class_type": st.text(), "inputs": st.dictionaries(st.text(), links | values, max_size=5)},
    optional={
        "_meta": values | st.fixed_dictionaries({"title": st.text()}),
        "is_changed": values,
        "other": values,
    },
)
prompts = st.dictionaries(st.text(), nodes, max_size=6)


@given(prompts)
def test_prompt_to_graph_to_prompt_is_the_identity(prompt: dict[str, Any]) -> None:
    assert to_prompt(read_prompt(prompt)) == prompt


@given(values)
def test_reading_never_raises_anything_but_its_own_error(value: Any) -> None:
    try:
        read_prompt(value)
    except PromptError:
        return


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ([], "not a list"),
        (None, "not null"),
        ({"1": 5}, "node '1' is no object"),
        ({"1": {"inputs": {}}}, "node '1' has no class_type"),
        ({"1": {"class_type": "A"}}, "has no object of inputs"),
    ],
)
def test_what_is_no_prompt_is_said_plainly(prompt: Any, why: str) -> None:
    with pytest.raises(PromptError, match=why):
        read_prompt(prompt)


@pytest.mark.parametrize(
    ("value", "link"),
    [
        (["1", 0], True),
        (["1", -1], True),
        (["1", True], False),
        (["1", "0"], False),
        ([1, 0], False),
        (["1", 0, 0], False),
        ("10", False),
    ],
)
def test_what_a_server_takes_for_a_link(value: Any, link: bool) -> None:
    assert is_link(value) is link


def test_a_graph_is_a_mapping_of_its_nodes() -> None:
    graph = Graph(
        [GraphNode("1", "A", {}), GraphNode("2", "B", {"x": Link("1", 0), "y": Link("9", 0), "z": 1})]
    )
    assert list(graph) == ["1", "2"]
    assert dict(graph["2"].links) == {"x": Link("1", 0), "y": Link("9", 0)}
    assert graph.upstream(["2"]) == {"1", "2"}
    assert graph.upstream(["1", "no such"]) == {"1"}
    assert list(graph.network().edges(keys=True, data=True)) == [("1", "2", "x", {"slot": 0})]
    with pytest.raises(ValueError, match="two nodes have the id '1'"):
        Graph([GraphNode("1", "A", {}), GraphNode("1", "B", {})])
