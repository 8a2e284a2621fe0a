"""What holds for the diff of any two graphs, over graphs drawn at random."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.diff import canonical_hash, diff
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.testing.strategies import graphs
from tests.diff_edits import (
    EDITS,
    Edit,
    EditMaker,
    draw_graph,
    isomorphic,
    patched,
    plain_node,
    remove_node,
    renumbered,
    reordered,
    size,
    told,
)
from tests.drawn_schema import SCHEMA

DRAWN = 200

seeds = st.integers(0, 2**32)


def random_graph(rng: random.Random) -> Graph:
    return draw_graph(rng, rng.randint(1, 40), rng.randint(2, 10), rng.randint(2, 20))


def alike_graph(rng: random.Random) -> Graph:
    """A small graph most of whose nodes look the same."""
    return draw_graph(rng, rng.randint(1, 9), rng.randint(1, 3), rng.randint(1, 2))


def check_patch(before: Graph, after: Graph) -> None:
    """What a diff says is all there is; but for titles, where one graph has none at all."""
    made = patched(diff(before, after))
    expected = {node_id: plain_node(node) for node_id, node in after.items()}
    if any(all(node.title is None for node in graph.values()) for graph in (before, after)):
        made, expected = ({key: node[:2] for key, node in nodes.items()} for nodes in (made, expected))
    assert made == expected


@pytest.mark.parametrize("edit", EDITS)
def test_exactly_the_edit_is_reported(edit: EditMaker) -> None:
    """For 200 drawn graphs; where the edit undoes itself (a link to a twin), nothing is."""
    nothing = 0
    for seed in range(DRAWN):
        rng = random.Random(seed)
        graph = random_graph(rng)
        edited, done = edit(rng, graph)
        found = diff(graph, edited)
        if told(found) == _as_told(done):
            assert not found.renumbered
        else:
            less = size(told(found), graph, edited) < size(done, graph, edited)
            assert less, f"seed {seed}: {done} was told as\n{found}"
            nothing += 1
        assert found.runs_the_same == (canonical_hash(graph) == canonical_hash(edited))
        assert found.empty == (found.runs_the_same and done.kind != "retitle")
    assert nothing <= DRAWN // 20


def _as_told(edit: Edit) -> Edit:
    return Edit("told", edit.removed, edit.added, edit.changed, edit.rewired, edit.retitled)


def test_renumbering_and_reordering_report_nothing() -> None:
    for seed in range(DRAWN):
        rng = random.Random(seed)
        graph = random_graph(rng) if seed % 2 else alike_graph(rng)
        other, ids = renumbered(rng, reordered(rng, graph))
        found = diff(graph, other)
        assert found.empty, f"seed {seed}:\n{found}"
        assert canonical_hash(graph) == canonical_hash(other)
        assert set(found.renumbered) == {old for old, new in found.pairs.items() if old != new}
        assert diff(graph, reordered(rng, graph)).renumbered == {}
        check_patch(graph, other)
        assert len(ids) == len(found.pairs)


@pytest.mark.parametrize("edit", EDITS)
def test_the_edit_is_reported_under_other_ids_too(edit: EditMaker) -> None:
    for seed in range(DRAWN):
        rng = random.Random(seed)
        graph = draw_graph(rng, rng.randint(2, 40), 8, 20)
        edited, done = edit(rng, graph)
        other, ids = renumbered(rng, reordered(rng, edited))
        found = diff(graph, other)
        told_size = size(told(found), graph, other)
        assert told_size <= size(done, graph, edited), f"seed {seed}: {done} was told as\n{found}"
        assert len(found.retitled) <= len(done.retitled)
        assert ids
        check_patch(graph, other)


def few_kinds(rng: random.Random) -> Graph:
    """A small graph whose nodes are told apart by their links, or by nothing."""
    return draw_graph(rng, rng.randint(2, 12), rng.randint(1, 2), rng.randint(1, 2))


@pytest.mark.parametrize("edit", EDITS)
def test_the_edit_is_reported_where_nodes_look_alike(edit: EditMaker) -> None:
    for seed in range(DRAWN):
        rng = random.Random(seed)
        graph = few_kinds(rng)
        edited, done = edit(rng, graph)
        other, _ = renumbered(rng, reordered(rng, edited))
        kept, found = diff(graph, edited), diff(graph, other)
        if told(kept) != _as_told(done):
            assert size(told(kept), graph, edited) < size(done, graph, edited), f"seed {seed}: {done}\n{kept}"
        told_size = size(told(found), graph, other)
        assert told_size <= size(done, graph, edited), f"seed {seed}: {done} was told as\n{found}"
        assert found.runs_the_same == (canonical_hash(graph) == canonical_hash(other))


def test_no_node_is_removed_and_added_again() -> None:
    """Nodes of one class are partners as long as there are any, whatever else is different."""
    for seed in range(DRAWN // 10):
        rng = random.Random(seed)
        before, after = (draw_graph(rng, rng.randint(20, 120), 3, 3) for _ in range(2))
        found = diff(before, after)
        assert {node.class_type for node in found.removed}.isdisjoint(node.class_type for node in found.added)
        check_patch(before, after)


@pytest.mark.parametrize("count", [2, 5])
def test_several_edits_are_reported_as_no_more(count: int) -> None:
    for seed in range(DRAWN):
        rng = random.Random(seed)
        graph = draw_graph(rng, rng.randint(10, 40), 8, 20)
        edited, total = graph, 0
        for number in range(count):
            before = edited
            edited, done = rng.choice(EDITS)(rng, edited)
            total += size(done, before, edited)
            edited = _with_fresh_id(edited, f"fresh {number}")
        if seed % 2:
            edited, _ = renumbered(rng, edited)
        found = diff(graph, edited)
        assert size(told(found), graph, edited) <= total, f"seed {seed}:\n{found}"
        check_patch(graph, edited)


def _with_fresh_id(graph: Graph, fresh: str) -> Graph:
    """The node that was added last under an id of its own, so that another can be added."""

    def named(node_id: str) -> str:
        return fresh if node_id == "new" else node_id

    return Graph(
        GraphNode(
            named(node.node_id),
            node.class_type,
            {
                name: Link(named(value.node_id), value.slot) if type(value) is Link else value
                for name, value in node.inputs.items()
            },
            node.title,
        )
        for node in graph.values()
    )


@given(seeds, seeds)
def test_a_diff_says_all_that_turns_one_graph_into_another(one: int, other: int) -> None:
    before, after = alike_graph(random.Random(one)), alike_graph(random.Random(other))
    check_patch(before, after)


@settings(max_examples=300)
@given(seeds, st.booleans())
def test_hash_and_diff_agree_with_networkx(seed: int, edited: bool) -> None:
    rng = random.Random(seed)
    graph = alike_graph(rng)
    other = rng.choice(EDITS)(rng, graph)[0] if edited else alike_graph(rng)
    other, _ = renumbered(rng, other)
    same = isomorphic(graph, other)
    assert (canonical_hash(graph) == canonical_hash(other)) == same
    assert diff(graph, other).runs_the_same == same


@given(graphs(SCHEMA), seeds)
def test_workflows_of_a_schema(graph: Graph, seed: int) -> None:
    rng = random.Random(seed)
    other, _ = renumbered(rng, reordered(rng, graph))
    assert diff(graph, other).empty
    assert canonical_hash(graph, SCHEMA) == canonical_hash(other, SCHEMA)
    fewer, done = remove_node(rng, graph)
    if done.kind == "remove":
        assert len(diff(graph, fewer).removed) == 1


@given(graphs(SCHEMA))
def test_what_no_output_depends_on_is_not_hashed(graph: Graph) -> None:
    end = next(iter(graph))
    unused = GraphNode("unused", "Mask", {"of": Link(end, 0)})
    more = Graph([*graph.values(), unused])
    assert canonical_hash(more, SCHEMA) == canonical_hash(graph, SCHEMA)
    assert canonical_hash(more) != canonical_hash(graph)
