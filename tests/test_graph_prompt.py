from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import comfyflow
from comfyflow import read_prompt, to_prompt
from comfyflow.errors import PromptError
from comfyflow.graph import Link, is_link
from comfyflow.graph.prompt import (
    is_wrapped,
    linked_inputs,
    meta_of,
    node_json,
    read_link,
    read_links,
    read_nodes,
    sendable,
    sources_of,
    title_of,
    unwrapped,
    with_class_names,
    wrapped,
    wrapped_list,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
links = st.tuples(st.text(), st.integers(-2, 9) | st.booleans() | st.floats(-1, 3)).map(list)
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
        ({"1": 5}, "node '1' must be an object"),
        ({"1": {"inputs": {}}}, "node '1' has no class_type"),
        ({"1": {"class_type": "A"}}, "has no inputs object"),
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
        (["1", True], True),
        (["1", 0.0], True),
        (["1", 0.5], True),
        (("1", 0), False),
        (["1", "0"], False),
        ([1, 0], False),
        (["1", 0, 0], False),
        ("10", False),
    ],
)
def test_what_a_server_takes_for_a_link(value: Any, link: bool) -> None:
    assert is_link(value) is link


@pytest.mark.parametrize(("slot", "read"), [(2, 2), (True, 1), (1.0, 1), (-1, -1)])
def test_a_link_has_a_whole_number_as_slot(slot: Any, read: int) -> None:
    link = read_link(["1", slot])
    assert link == Link("1", read)
    assert link is not None
    assert type(link.slot) is int
    assert list(read_links({"a": ["1", slot], "b": 5})) == [("a", link)]


@pytest.mark.parametrize("slot", [0.5, math.inf, math.nan])
def test_a_slot_that_is_no_whole_number_makes_no_link(slot: float) -> None:
    assert read_link(["1", slot]) is None
    graph = read_prompt({"1": {"class_type": "A", "inputs": {"x": ["1", slot]}}})
    assert graph["1"].inputs["x"] == ["1", slot]


@given(values)
def test_what_is_wrapped_is_unwrapped_again(value: Any) -> None:
    assert unwrapped(wrapped(value)) == value or is_wrapped(value)
    assert is_wrapped(wrapped(value)) == (isinstance(value, list) or is_wrapped(value))
    assert wrapped_list(wrapped(value)) == (value if isinstance(value, list) else wrapped_list(value))


@given(values)
def test_the_title_of_anything_is_a_text_or_nothing(value: Any) -> None:
    assert title_of(value) is None or isinstance(title_of(value), str)


def test_a_title_stands_in_the_meta_of_a_node() -> None:
    node = node_json("A", {"x": 1}, {"title": "One", "more": 2})
    assert list(node) == ["inputs", "class_type", "_meta"]
    assert (title_of(node), meta_of(node)["more"]) == ("One", 2)
    assert meta_of({}, "absent") == "absent"


def test_the_nodes_of_a_prompt_have_their_titles() -> None:
    prompt = {"1": node_json("A", {"x": ["2", 0]}, {"title": "One"}), "2": {"class_type": "B", "inputs": {}}}
    for read in (read_prompt, read_nodes):
        one, two = read(prompt).values()
        assert (one.class_type, one.title, two.class_type, two.title) == ("A", "One", "B", None)
        assert one.inputs == {"x": Link("2", 0)}
        assert one.extra is None, "a title alone is nothing more"


@pytest.mark.parametrize("value", [None, 5, [], {}, {"class_type": 5, "inputs": []}, "A"])
def test_what_is_no_node_is_read_as_one_without_class_and_inputs(value: Any) -> None:
    (node,) = read_nodes({"1": value}).values()
    assert (node.node_id, node.class_type, dict(node.inputs), node.title) == ("1", "", {}, None)


def test_a_class_that_the_editor_did_not_know_gets_its_name() -> None:
    prompt: dict[str, Any] = {
        "1": {"class_type": None, "inputs": {"x": 1}},
        "2": {"class_type": "B", "inputs": {}},
        "3": {"class_type": None, "inputs": {}},
        "4": {"inputs": {}},
        "5": [],
    }
    named = with_class_names(prompt, {"1": "Mystery", "2": "Other", "4": "Other", "5": "Other"})
    assert named["1"] == {"class_type": "Mystery", "inputs": {"x": 1}}
    assert named["3"] == {"class_type": "", "inputs": {}}
    assert {key: named[key] for key in ("2", "4", "5")} == {key: prompt[key] for key in ("2", "4", "5")}
    assert prompt["1"]["class_type"] is None


def test_a_prompt_is_sent_with_a_title_and_without_what_makes_results_stale() -> None:
    prompt = {
        "1": {"class_type": "A", "inputs": {}, "is_changed": [1]},
        "2": {"class_type": "B", "inputs": {}},
    }
    assert sendable(prompt) == {
        "1": {"class_type": "A", "inputs": {}, "_meta": {"title": "A"}},
        "2": {"class_type": "B", "inputs": {}, "_meta": {"title": "B"}},
    }


@pytest.mark.parametrize("note", ["is_changed", "_loop_body", "_loop_end"])
def test_what_servers_write_into_nodes_is_not_sent_and_all_else_is(note: str) -> None:
    node = {"class_type": "A", "inputs": {"a": 1}, "_meta": {"title": "T", "more": 1}, "own": 5}
    assert sendable({"1": {**node, note: [1]}}) == {"1": node}
    kept = {"1": {**node, f"{note}s": [1]}, "2": None}
    assert sendable(kept) == kept
    assert sendable({"1": {"inputs": {}}}) == {"1": {"inputs": {}, "_meta": {"title": ""}}}


@pytest.mark.parametrize(
    ("extra", "title"),
    [
        ({}, None),
        ({"_meta": {"title": "T"}}, "T"),
        ({"_meta": {"title": "T", "more": 1}}, "T"),
        ({"_meta": {"title": 5}}, None),
        ({"_meta": None}, None),
        ({"own": 1}, None),
        ({"_meta": {"title": "T"}, "own": 1}, "T"),
    ],
)
def test_what_stands_beside_class_and_inputs_is_kept(extra: dict[str, Any], title: str | None) -> None:
    prompt = {"1": {"inputs": {}, "class_type": "A", **extra}}
    graph = read_prompt(prompt)
    assert graph["1"].title == title
    assert (graph["1"].extra is None) is (extra in ({}, {"_meta": {"title": "T"}}))
    assert to_prompt(graph) == prompt


WORDS = ("_meta", "__value__")


def said(path: Path) -> set[str]:
    """The words of a prompt's form in the texts of a module, its docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    texts = [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in prose
    ]
    return {word for word in WORDS for text in texts if word in re.findall(r"\w+", text)}


def test_one_module_knows_how_a_prompt_is_written() -> None:
    package = Path(comfyflow.__file__).parent
    saying = {path for path in package.rglob("*.py") if said(path)}
    assert saying == {package / "graph" / "prompt.py"}


def test_a_server_follows_a_link_to_a_slot_that_no_output_has() -> None:
    inputs = {"a": ["1", 0.5], "b": ["2", -1], "c": ("3", 0), "d": [4, 0], "e": ["5", "0"], "f": ["6", 0, 0]}
    assert list(linked_inputs(inputs)) == [("a", "1", 0.5), ("b", "2", -1), ("c", "3", 0)]
    assert sources_of({"inputs": inputs}) == ["1", "2", "3"]
    assert sources_of({"inputs": inputs}, {"b"}) == ["2"]
    assert sources_of({"inputs": None}) == sources_of(None) == sources_of({}) == []
