"""Laws of conversion: any JSON at all ends in a prompt or in the project's own error."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.errors import ConversionError
from comfyflow.importer import Conversion, convert_workflow
from tests.editor_json import SCHEMA, boundary, node, outputs, subgraph, with_subgraphs

EDITORS = ("1.45", "1.27")
MANY = settings(max_examples=5 * settings().max_examples)

numbers = st.one_of(
    st.integers(-30, 30),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [2**53 + 1, 10**400, -(10**400), 1e308, float("nan"), float("inf"), -10, -20, True, False]
    ),
)
WORDS = """
    1 -10 Latent outer inner Reroute PrimitiveNode SetNode GetNode * COMBO width seed text {a|{b NaN 1e5 0x10
    %Latent.width% workflow>Group workflow/Group __proto__ IMAGE,MASK precision min max
"""
KEYS = """
    id type mode inputs outputs links link widgets_values properties nodes widget name origin_id origin_slot
    target_id target_slot extra pos title definitions subgraphs groups bounding linkIds version last_node_id
    proxyWidgets index state lastNodeId options step
"""
words = st.one_of(st.text(max_size=6), st.sampled_from([*WORDS.split(), "", "\ud800"]))
scalars = st.one_of(st.none(), numbers, words)
keys = st.one_of(words, st.sampled_from(KEYS.split()))
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)


def everything() -> dict[str, Any]:
    """A workflow with one of each: subgraphs, reroutes, primitives, packs, groups, notes, group nodes."""
    inner = subgraph(
        "inner",
        [node(7, "Latent", [64, 64], {"*width": 1}, outputs=outputs([2])), node(8, "Note", ["a note"])],
        [[1, -10, 0, 7, 0], [2, 7, 0, -20, 0]],
        [boundary("width", "INT", 1)],
        [boundary("latent", "LATENT", 2)],
    )
    outer = subgraph(
        "outer",
        [
            node(5, "inner", [5], {"*width": 1}, properties={"proxyWidgets": [["7", "height"]]}),
            node(6, "Encode", ["{a|b}"], {"*text": 3}),
        ],
        [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0], [3, -10, 1, 6, 0]],
        [boundary("width", "INT", 1), boundary("text", "STRING", 3)],
        [boundary("latent", "LATENT", 2)],
    )
    group = {
        "nodes": [
            {**node(-1, "LoadImage", ["x.png", "image"], outputs=outputs([], [])), "index": 0},
            {**node(-1, "Invert", [], {"image": None}, outputs=outputs([])), "index": 1},
        ],
        "links": [[0, 0, 1, 0, 5, "IMAGE"]],
        "external": [],
    }
    nodes = [
        node(1, "outer", [9, "t"], {"*width": 20, "*text": None}, outputs=outputs([11])),
        node(2, "PrimitiveNode", [64, "fixed"], outputs=outputs([12, 20])),
        node(3, "Latent", [640, 480], {"*width": 12}, outputs=outputs([13]), title="Size"),
        node(4, "Reroute", None, {"": 11}, outputs=outputs([14])),
        node(10, "Show", None, {"anything": 14}),
        node(11, "LoadImage", ["x.png", "image"], outputs=outputs([15, 18], [])),
        node(12, "SetNode", ["shared"], {"IMAGE": 15}, outputs=outputs([])),
        node(13, "GetNode", ["shared"], outputs=outputs([16])),
        node(14, "Blend", None, {"image": 16, "other": 18}, mode=4, outputs=outputs([17], [])),
        node(15, "SaveImage", ["%Size.width%_%date:yyyy%"], {"images": 17}),
        node(16, "Resize", ["factor", 2.0, 5, "fixed"], {"how.mask": None}),
        node(17, "Batch", None, {"images.image0": 19, "images.image4": None}),
        node(18, "workflow>Group", ["x.png", "image"], outputs=outputs([], [19])),
        node(19, "Missing", [1], {"x": None}),
        node(20, "Sampler", [1, "fixed", 20, 8.0, "euler"], {"latent_image": 13}),
        node(21, "Anything Everywhere", None, {"anything": None}),
    ]
    links = [
        [11, 1, 0, 4, 0], [12, 2, 0, 3, 0], [13, 3, 0, 20, 1], [14, 4, 0, 10, 0], [15, 11, 0, 12, 0],
        [16, 13, 0, 14, 0], [17, 14, 0, 15, 0], [18, 11, 0, 14, 1], [19, 18, 1, 17, 0], [20, 2, 0, 1, 0],
    ]  # fmt: skip
    return with_subgraphs(
        nodes,
        links,
        inner,
        outer,
        groups=[{"title": "All", "bounding": [-10, -10, 900, 900]}],
        reroutes=[{"id": 1, "pos": [0, 0], "linkIds": [11]}],
        extra={
            "groupNodes": {"Group": group},
            "ue_links": [{"downstream": 17, "downstream_slot": 1, "upstream": "11", "upstream_slot": 0}],
        },
    )


def places(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) pairs in a value."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            found.extend((current, key) for key in current)
            stack.extend(current.values())
        elif isinstance(current, list):
            found.extend((current, index) for index in range(len(current)))
            stack.extend(current)
    return found


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """The workflow with everything, with a few values replaced, copied from elsewhere, or lost."""
    made = everything()
    for _ in range(draw(st.integers(1, 6))):
        found = places(made)
        if not found:
            break
        container, key = found[draw(st.integers(0, len(found) - 1))]
        how = draw(st.sampled_from(["junk", "junk", "scalar", "scalar", "lose", "copy"]))
        if how == "lose":
            del container[key]
        elif how == "copy":
            other, place = found[draw(st.integers(0, len(found) - 1))]
            container[key] = copy.deepcopy(other[place])
        else:
            container[key] = draw(junk if how == "junk" else scalars)
    return made


def check(made: Any, editor: str, repair: bool) -> Conversion | None:
    """Convert, ask everything of the result, and see that the workflow was left alone."""
    before = pickle.dumps(made)
    try:
        conversion = convert_workflow(made, SCHEMA, editor=editor, repair=repair, seed=1)
    except ConversionError:
        return None
    finally:
        assert pickle.dumps(made) == before
    assert json.loads(json.dumps(conversion)) == json.loads(json.dumps(conversion.prompt))
    assert set(conversion.graph) == set(conversion)
    for node_id, entry in conversion.items():
        assert set(entry) == {"inputs", "class_type", "_meta"}
        shown = {origin.input_name for origin in conversion.explain(node_id)}
        assert shown >= set(entry["inputs"])
    for warning in conversion.warnings:
        assert warning.message
        assert warning.node_id is not None
    return conversion


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("repair", [False, True])
def test_the_whole_workflow_converts(editor: str, repair: bool) -> None:
    conversion = check(everything(), editor, repair)
    assert conversion is not None
    assert {"1:5:7", "1:6", "3", "10", "11", "15", "16", "17", "20"} <= set(conversion)


@MANY
@given(made=damaged(), editor=st.sampled_from(EDITORS), repair=st.booleans())
def test_a_damaged_workflow_converts_or_is_refused(made: dict[str, Any], editor: str, repair: bool) -> None:
    check(made, editor, repair)


@MANY
@given(
    made=st.one_of(
        junk,
        st.fixed_dictionaries(
            {"nodes": st.lists(st.dictionaries(keys, junk, max_size=6), max_size=4)},
            optional={"links": junk, "version": scalars, "definitions": junk, "extra": junk, "groups": junk},
        ),
    ),
    editor=st.sampled_from(EDITORS),
    repair=st.booleans(),
)
def test_any_json_converts_or_is_refused(made: Any, editor: str, repair: bool) -> None:
    check(made, editor, repair)


@given(made=damaged(), seed=st.integers(0, 2**63))
def test_the_seed_settles_the_prompt(made: dict[str, Any], seed: int) -> None:
    try:
        first = convert_workflow(made, SCHEMA, seed=seed)
    except ConversionError:
        return
    again = convert_workflow(copy.deepcopy(made), SCHEMA, seed=seed)
    assert json.dumps(first) == json.dumps(again)
    assert [warning.type for warning in first.warnings] == [warning.type for warning in again.warnings]
