from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from comfyflow import Workflow, raw_node, read_prompt, to_prompt
from comfyflow.diff import ABSENT, canonical, canonical_hash, diff, matching, pairing, used_nodes
from comfyflow.errors import PromptError, SymmetryError
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.schema import Schema
from tests.diff_edits import copied, draw_graph, patched, plain_node, renumbered, reordered

PROMPT: dict[str, Any] = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "a lighthouse", "clip": ["4", 1]},
        "_meta": {"title": "Positive"},
    },
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 20,
            "cfg": 8.0,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "ComfyUI"}},
}


def edited(**nodes: Any) -> dict[str, Any]:
    """The prompt with inputs of nodes replaced, or nodes added or (None) taken out."""
    prompt = json.loads(json.dumps(PROMPT))
    for name, change in nodes.items():
        node_id = name.removeprefix("n")
        if change is None:
            del prompt[node_id]
        elif "class_type" in change:
            prompt[node_id] = change
        else:
            prompt[node_id]["inputs"].update(change)
    return prompt


EDITED = edited(
    n3={"steps": 25, "cfg": 8, "model": ["10", 0]},
    n6={"text": "a lighthouse at dusk, long exposure, fine grain, 35 mm film, highly detailed"},
    n8=None,
    n9={"images": ["11", 0]},
    n10={
        "class_type": "LoraLoader",
        "inputs": {"model": ["4", 0], "lora_name": "ink.safetensors", "strength_model": 1.0},
    },
    n11={"class_type": "VAEDecodeTiled", "inputs": {"samples": ["3", 0], "vae": ["4", 2], "tile_size": 512}},
)

TOLD = """\
- VAEDecode #8
+ LoraLoader #10
    model: CheckpointLoaderSimple #4 [0]
    lora_name: 'ink.safetensors'
    strength_model: 1.0
+ VAEDecodeTiled #11
    samples: KSampler #3 [0]
    vae: CheckpointLoaderSimple #4 [2]
    tile_size: 512
~ CLIPTextEncode #6 'Positive'
    text: 'a lighthouse' -> 'a lighthouse at dusk, long exposure, fine grain, 35 mm film'…
~ KSampler #3
    steps: 20 -> 25
    model: CheckpointLoaderSimple #4 [0] -> LoraLoader #10 [0]
~ SaveImage #9
    images: VAEDecode #8 [0] -> VAEDecodeTiled #11 [0]"""


def node(node_id: str, class_type: str = "A", title: str | None = None, **inputs: Any) -> GraphNode:
    return GraphNode(node_id, class_type, inputs, title)


def test_a_diff_reads_well() -> None:
    found = diff(read_prompt(PROMPT), read_prompt(EDITED))
    assert str(found) == TOLD
    assert not found.empty
    assert not found.runs_the_same
    assert not found.renumbered


def test_json_says_the_same() -> None:
    found = diff(read_prompt(PROMPT), read_prompt(EDITED)).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["same"] is False
    assert [entry["node_id"] for entry in found["removed"]] == ["8"]
    assert found["added"][0] == {
        "node_id": "10",
        "class_type": "LoraLoader",
        "title": None,
        "inputs": {"model": ["4", 0], "lora_name": "ink.safetensors", "strength_model": 1.0},
    }
    assert found["changed"][1] == {
        "class_type": "KSampler",
        "before_id": "3",
        "after_id": "3",
        "input_name": "steps",
        "before": 20,
        "after": 25,
    }
    assert [(entry["input_name"], entry["before"], entry["after"]) for entry in found["rewired"]] == [
        ("model", ["4", 0], ["10", 0]),
        ("images", ["8", 0], ["11", 0]),
    ]


def test_titles_ids_and_inputs_that_come_and_go() -> None:
    before = Graph([node("1", title="a"), node("2", x=Link("1", 0), y=1)])
    after = Graph([node("7", title="b"), node("2", x=Link("7", 0), z=None)])
    found = diff(before, after)
    assert [(pair.before.title, pair.after.title) for pair in found.retitled] == [("a", "b")]
    assert found.renumbered == {"1": "7"}
    assert {(change.input_name, change.old, change.new) for change in found.changed} == {
        ("y", 1, ABSENT),
        ("z", ABSENT, None),
    }
    assert str(found).splitlines() == [
        "~ A #1 'a' (now #7)",
        "    title: 'a' -> 'b'",
        "~ A #2",
        "    y: 1 -> nothing",
        "    z: nothing -> None",
    ]
    assert found.to_json()["retitled"] == [
        {"class_type": "A", "before_id": "1", "after_id": "7", "before": "a", "after": "b"}
    ]
    assert [entry.keys() & {"before", "after"} for entry in found.to_json()["changed"]] == [
        {"before"},
        {"after"},
    ]


def test_only_renumbered_is_the_same() -> None:
    other, _ = renumbered(random.Random(0), read_prompt(PROMPT))
    found = diff(read_prompt(PROMPT), other)
    assert found.empty
    assert str(found) == "the same, but 7 nodes have another id"
    assert str(diff(other, other)) == "the same"
    one = diff(Graph([node("1")]), Graph([node("2")]))
    assert str(one) == "the same, but 1 node has another id"


def test_a_prompt_without_titles_is_not_retitled() -> None:
    titled = Graph([node("1", title="A"), node("2", title="A", x=Link("1", 0))])
    bare = Graph([node("1"), node("2", x=Link("1", 0))])
    assert diff(titled, bare).empty
    assert diff(bare, titled).empty
    assert len(diff(Graph([node("1", title="A")]), Graph([node("1")])).retitled) == 1
    assert len(diff(bare, Graph([node("1", title="A"), node("2", x=Link("1", 0))])).retitled) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (10**30, 1e30, False),
        (2**80, float(2**80), True),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        (None, "null", False),
        (None, ABSENT, False),
        (math.nan, math.nan, True),
        (math.inf, -math.inf, False),
        ([1, 2, 3], [1, 2.0, 3], True),
        ([1, 2, 3], {"__value__": [1, 2, 3]}, False),
        ({"__value__": 5}, 5, True),
        ({"__value__": {"a": 1}}, {"a": 1.0}, True),
        ({"__value__": [1]}, {"__value__": [1.0]}, True),
        ({"__value__": {"__value__": 5}}, 5, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": {"__value__": 1}}, {"a": 1}, False),
        ([["ab"]], [["a", "b"]], False),
        (["a", "b"], ["ab"], False),
        ([[], 1], [[1]], False),
        ("s1:a", "a", False),
        ("\ud800", "\ud800", True),
        (Link("gone", 0), Link("lost", 0), True),
        (Link("gone", 0), Link("gone", 1), False),
        (Link("gone", 0), "x0", False),
    ],
)
def test_values_are_the_same_when_a_server_takes_them_so(one: Any, other: Any, same: bool) -> None:
    graphs = [Graph([node("1", **({} if value is ABSENT else {"x": value}))]) for value in (one, other)]
    assert diff(*graphs).empty == same
    assert (canonical_hash(graphs[0]) == canonical_hash(graphs[1])) == same


def test_a_value_that_no_prompt_can_hold() -> None:
    with pytest.raises(PromptError, match="cannot be held by a prompt"):
        canonical_hash(Graph([node("1", x=object())]))


def test_deep_values_are_no_danger() -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    one, other = Graph([node("1", x={"__value__": deep})]), Graph([node("1", x={"__value__": [deep]})])
    found = diff(one, other)
    assert len(found.changed) == 1
    assert len(str(found)) < 300


def test_names_cannot_disturb_a_terminal() -> None:
    wild = Graph([node("\x1b[2J", "\x9b31m", "\u202etitle", **{"\n": "\x07"})])
    text = str(diff(Graph(), wild))
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[2J" in text


def test_an_inserted_node_is_one_node_and_one_link() -> None:
    before = Graph([node("1", v=1), node("2", "B", x=Link("1", 0)), node("3", "C", x=Link("2", 0))])
    after = Graph(
        [
            node("1", v=1),
            node("2", "B", x=Link("9", 0)),
            node("3", "C", x=Link("2", 0)),
            node("9", "New", x=Link("1", 0)),
        ]
    )
    found = diff(before, after)
    assert [added.node_id for added in found.added] == ["9"]
    assert [(change.old, change.new) for change in found.rewired] == [(Link("1", 0), Link("9", 0))]


def test_twins_are_told_apart_by_what_uses_them() -> None:
    """Two equal loaders whose users change places with their ids."""
    before = Graph(
        [node("1"), node("2"), node("3", "B", x=Link("1", 0), v=1), node("4", "B", x=Link("2", 0), v=2)]
    )
    after = Graph(
        [node("1"), node("2"), node("3", "B", x=Link("2", 0), v=1), node("4", "B", x=Link("1", 0), v=2)]
    )
    found = diff(before, after)
    assert found.empty
    assert found.pairs == {"1": "2", "2": "1", "3": "3", "4": "4"}
    shared = Graph([node("1"), *copied(after)[2:]])
    for link in ("3", "4"):
        shared[link].inputs["x"] = Link("1", 0)
    assert canonical_hash(shared) != canonical_hash(before)
    assert len(diff(before, shared).removed) == 1


def ring(size: int, start: int) -> list[GraphNode]:
    """Equal sources, each shared by two equal users: a ring of twice the size."""
    sources = [node(f"s{start + index}", "Source") for index in range(size)]
    users = [
        node(
            f"u{start + index}",
            "User",
            a=Link(f"s{start + index}", 0),
            b=Link(f"s{start + (index + 1) % size}", 0),
        )
        for index in range(size)
    ]
    return [*sources, *users]


def test_patterns_that_look_alike_everywhere_have_hashes_of_their_own() -> None:
    """A ring of six and two of three: no node of them differs in anything near it."""
    six, threes = Graph(ring(6, 0)), Graph([*ring(3, 0), *ring(3, 10)])
    assert canonical_hash(six) != canonical_hash(threes)
    assert not diff(six, threes).runs_the_same
    both = Graph([*ring(6, 0), *ring(3, 10), *ring(3, 20)])
    other, _ = renumbered(random.Random(1), both)
    assert diff(both, other).empty
    assert canonical_hash(both) == canonical_hash(other)


def pairs_of(pairs: list[tuple[int, int]], count: int) -> Graph:
    """Equal sources, and an equal user for each pair of them."""
    sources = [node(f"s{index}", "Source") for index in range(count)]
    users = [
        node(f"u{place}", "User", a=Link(f"s{one}", 0), b=Link(f"s{other}", 0))
        for place, (one, other) in enumerate(pairs)
    ]
    return Graph([*sources, *users])


def shifted(count: int, seed: int, times: int = 3) -> Graph:
    """A pattern without any symmetry in which all sources, and all users, look alike."""
    rng = random.Random(seed)
    orders = [rng.sample(range(count), count) for _ in range(times)]
    return pairs_of([(index, order[index]) for order in orders for index in range(count)], count)


SYMMETRIC = {
    "every pair": lambda: pairs_of(list(itertools.permutations(range(12), 2)), 12),
    "a torus": lambda: pairs_of(
        [
            (row * 9 + column, (row + down) % 9 * 9 + (column + 1 - down) % 9)
            for row in range(9)
            for column in range(9)
            for down in (0, 1)
        ],
        81,
    ),
    "a cube": lambda: pairs_of([(one, one ^ (1 << bit)) for one in range(32) for bit in range(5)], 32),
    "rings": lambda: Graph(
        node for start in range(0, 100, 20) for node in ring(10 if start % 40 else 20, start)
    ),
    "a large ring": lambda: Graph(ring(400, 0)),
    "no pattern": lambda: shifted(40, 0),
    "no pattern, large": lambda: shifted(500, 0),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_graphs_are_equal_to_their_copies(name: str) -> None:
    """Searched node by node, the first would take 12! steps."""
    graph = SYMMETRIC[name]()
    other, _ = renumbered(random.Random(5), reordered(random.Random(6), graph))
    assert canonical_hash(graph) == canonical_hash(other)
    found = diff(graph, other)
    assert found.empty
    assert found.exact


def test_patterns_without_symmetry_are_told_apart() -> None:
    """The sources of both have as many links of each kind; what each node sees far around it differs."""
    assert canonical_hash(shifted(40, 1)) != canonical_hash(shifted(40, 2))
    assert not diff(shifted(40, 1), shifted(40, 2)).runs_the_same


def test_what_is_given_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a hash that others may have too, nor a difference that may be none, is passed off as sure."""
    graph = shifted(30, 3)
    other, _ = renumbered(random.Random(4), graph)
    for limit in range(0, 3000, 300):
        monkeypatch.setattr(canonical, "SEARCH_LIMIT", limit)
        with pytest.raises(SymmetryError, match="120 nodes that look too much alike"):
            canonical_hash(graph)
    monkeypatch.setattr(matching, "SEARCH_LIMIT", 300)
    found = diff(graph, other)
    assert found.empty or not found.exact
    assert found.to_json()["exact"] is found.exact
    assert ("some reported differences may not be real" in str(found)) is not found.exact
    lined = diff(Graph(ring(30, 0)), Graph(reversed(ring(30, 0))))
    assert lined.empty
    assert lined.exact


def test_equal_nodes_are_known_by_their_titles() -> None:
    """Two nodes that differ in nothing but their titles, under each other's id."""
    before = Graph([node("0", "A"), node("1", title="t"), node("2")])
    after = Graph([node("2", title="t"), node("n1", "A"), node("1")])
    found = diff(before, after)
    assert found.empty
    assert found.pairs == {"0": "n1", "1": "2", "2": "1"}


def test_equal_parts_keep_their_ids_where_that_explains_as_well() -> None:
    """A user changes from one of two equal groups to the other: the groups do not change places."""
    users = [node("4", x=Link("1", 0)), node("5", x=Link("2", 0)), node("7", x=Link("2", 0))]
    before = Graph([node("1"), node("2"), *users])
    after = Graph([*copied(before)])
    after["5"].inputs["x"] = Link("1", 1)
    found = diff(before, after)
    assert not found.renumbered
    assert [(change.old, change.new) for change in found.rewired] == [(Link("2", 0), Link("1", 1))]


def test_cycles_are_compared_too() -> None:
    cycle = Graph([node("1", x=Link("2", 0)), node("2", x=Link("1", 0)), node("3", x=Link("3", 0))])
    other, _ = renumbered(random.Random(2), cycle)
    assert diff(cycle, other).empty
    broken = Graph([node("1"), node("2", x=Link("1", 0)), node("3", x=Link("3", 0))])
    assert len(diff(cycle, broken).rewired) == 1


SCHEMA = Schema(
    {
        "Save": {"input": {}, "output": [], "output_node": True},
        "Load": {"input": {}, "output": ["IMAGE"], "output_node": False},
        "Broken": {"input": 7, "output": []},
    }
)


def test_used_nodes() -> None:
    graph = Graph(
        [
            node("1", "Load"),
            node("2", "Load"),
            node("3", "Save", x=Link("1", 0)),
            node("4", "Load", x=Link("3", 0)),
            node("5", "Unknown", x=Link("2", 0)),
            node("6", "Broken"),
            node("7", "Load"),
        ]
    )
    assert used_nodes(graph, SCHEMA) == {"1", "2", "3", "5", "6"}
    assert used_nodes(graph) == set(graph)
    loop = Graph([node("1", x=Link("2", 0)), node("2", x=Link("1", 0)), node("3", "Load", x=Link("4", 0))])
    assert used_nodes(loop) == {"1", "2", "3"}
    assert used_nodes(loop, SCHEMA) == {"1", "2"}
    ends = Graph([node("1", x=Link("2", 0)), node("2", x=Link("1", 0)), node("3", "Load", x=Link("1", 0))])
    assert used_nodes(ends, SCHEMA) == set()
    assert canonical_hash(loop) != canonical_hash(Graph())
    assert canonical_hash(Graph(), SCHEMA) == canonical_hash(Graph([node("1", "Load")]), SCHEMA)


def test_hashes_do_not_change_between_versions() -> None:
    """People keep them: a change of the form needs a new format line, and a word in the change log."""
    expected = "13e81cdda9a53c3756b8462017d09483b84cb2c0e852edc722eb0643a39971aa"
    assert canonical_hash(read_prompt(PROMPT)) == expected


@pytest.mark.parametrize("renumber", [False, True])
def test_a_chain_of_equal_nodes_is_not_gone_through_once_a_node(
    monkeypatch: pytest.MonkeyPatch, renumber: bool
) -> None:
    """Between two changes nothing but their place tells the nodes apart: they are paired from the ends on."""
    looks: list[int] = []
    whole = pairing.pair_anchors

    def pair_anchors(*arguments: Any) -> bool:
        looks.append(1)
        return whole(*arguments)

    monkeypatch.setattr(matching, "pair_anchors", pair_anchors)
    count = 300
    values: dict[int, dict[str, Any]] = {1: {"width": 8}, count - 1: {"width": 9}}
    before, after = (
        Graph(
            GraphNode(
                str(index),
                {0: "EmptyImage", count - 1: "SaveImage"}.get(index, "ImageScale"),
                {
                    "width": 64,
                    **({"image": Link(str(index - 1), 0)} if index else {}),
                    **(changes.get(index, {})),
                },
            )
            for index in range(count)
        )
        for changes in ({}, values)
    )
    found = diff(before, renumbered(random.Random(1), after)[0] if renumber else after)
    assert (found.added, found.removed, found.rewired) == ((), (), ())
    assert [change.before.node_id for change in found.changed] == ["1", "299"]
    assert len(looks) < 20


@pytest.mark.parametrize("wrong", [PROMPT, None, Workflow(raw_node("A"))])
def test_what_is_compared_must_be_graphs(wrong: Any) -> None:
    uses: list[Callable[[], object]] = [
        lambda: diff(wrong, Graph()),
        lambda: diff(Graph(), wrong),
        lambda: canonical_hash(wrong),
        lambda: used_nodes(wrong),
        lambda: to_prompt(wrong),
    ]
    for use in uses:
        with pytest.raises(
            TypeError, match=r"expected a Graph, not a .*read_prompt\(prompt\).*workflow\.graph"
        ):
            use()


def test_a_graph_of_5000_nodes() -> None:
    rng = random.Random(3)
    graph = draw_graph(rng, 5000, 12, 8)
    nodes = copied(graph)
    for place in rng.sample(range(5000), 20):
        nodes[place].inputs["value0"] = f"edited {place}"
    other, _ = renumbered(rng, Graph(nodes))
    found = diff(graph, other)
    assert len(found.changed) <= 20
    assert (found.added, found.removed, found.rewired) == ((), (), ())
    assert patched(found) == {node_id: plain_node(node) for node_id, node in other.items()}
