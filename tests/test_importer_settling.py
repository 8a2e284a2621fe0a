"""What a workflow settles to, and how it is written: values of old releases, types along links, what feeds
an input, what cannot be sent as it is."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import (
    Json,
    boundary,
    classes,
    convert,
    node,
    only,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)


def server(**inputs: Json) -> Schema:
    """The small server, and classes of which only the required inputs are of interest."""
    known = classes()
    bare = {**known["Invert"], "output_node": True}
    for name, given in inputs.items():
        known[name] = {**bare, "input": {"required": given}, "input_order": {"required": list(given)}}
    known["Cut"] = {**known["Invert"], "input": {"required": {}}, "output": ["MASK"], "output_name": ["MASK"]}
    return Schema(known, "0.27.0")


PLAIN: Json = {"Picture": {}, "Shows": {"image": ["IMAGE", {}]}, "Masks": {"mask": ["MASK", {}]}}


def reroute(id_: int, link: int | None, *links: int) -> Json:
    made = node(id_, "Reroute", links={"": link})
    return {**made, "outputs": [{"name": "", "type": "*", "links": list(links)}]}


def sent(made: Json, known: Schema, key: str) -> Json:
    """What a node sends."""
    inputs: Json = convert_workflow(made, known, editor="1.45")[key]["inputs"]
    return inputs


SAMPLED: Json = {
    "sampler_name": ["COMBO", {"options": ["euler", "sample_free"]}],
    "scheduler": ["COMBO", {"options": ["normal"]}],
}


@pytest.mark.parametrize(
    ("class_type", "sent"),
    [("KSampler", "euler"), ("KSamplerAdvanced", "euler"), ("KSamplerSelect", "sample_euler")],
)
def test_samplers_of_the_first_releases_lose_the_word_in_front(class_type: str, sent: str) -> None:
    known = server(**{class_type: SAMPLED})
    made = convert_workflow(
        workflow([node(1, class_type, ["sample_euler", "sample_normal"])]), known, editor="1.45"
    )
    assert made["1"]["inputs"] == {"sampler_name": sent, "scheduler": "sample_normal"}


def chain(count: int, sink: str, name: str) -> Json:
    """A picture, nodes that pass on whatever they get, and what takes it; the last one stands first."""
    nodes = [node(1, "Picture", outputs=outputs([1]))]
    nodes += [node(i, "Switch", [True], {"on": i - 1}, outputs=outputs([i])) for i in range(2, count + 2)]
    nodes.append(node(count + 2, sink, None, {name: count + 1}))
    return workflow(nodes[::-1], [[i, i, 0, i + 1, 0] for i in range(1, count + 2)])


@pytest.mark.parametrize("count", [1, 5, 200])
@pytest.mark.parametrize(("sink", "name", "fits"), [("Shows", "image", True), ("Masks", "mask", False)])
def test_a_type_goes_along_nodes_of_matching_types_however_many(
    count: int, sink: str, name: str, fits: bool
) -> None:
    known = server(Picture={}, Shows={"image": ["IMAGE", {}]}, Masks={"mask": ["MASK", {}]})
    prompt = convert_workflow(chain(count, sink, name), known, editor="1.45")
    sent: dict[str, Any] = prompt[str(count + 2)]["inputs"]
    assert sent == ({name: [str(count + 1), 0]} if fits else {})


@pytest.mark.parametrize(("last", "name", "fits"), [("Shows", "image", True), ("Masks", "mask", False)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_type_goes_along_reroutes_to_the_end(last: str, name: str, fits: bool, turned: bool) -> None:
    nodes = [
        node(1, "Picture", outputs=outputs([1])),
        reroute(2, 1, 2),
        reroute(3, 2, 3),
        node(4, last, None, {name: 3}),
    ]
    made = workflow(nodes[::-1] if turned else nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0], [3, 3, 0, 4, 0]])
    assert sent(made, server(**PLAIN), "4") == ({name: ["1", 0]} if fits else {})


@pytest.mark.parametrize(("last", "name"), [("Shows", "image"), ("Masks", "mask")])
def test_a_reroute_that_nothing_feeds_gives_anything(last: str, name: str) -> None:
    nodes = [
        reroute(1, None, 1),
        node(2, "Switch", [True], {"on": 1}, outputs=outputs([2])),
        node(3, last, None, {name: 2}),
    ]
    made = workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]])
    assert sent(made, server(**PLAIN), "3") == {name: ["2", 0]}


@pytest.mark.parametrize(("picture", "cut"), [*permutations("xyz", 2)])
def test_inputs_of_one_type_take_what_all_others_leave(picture: str, cut: str) -> None:
    """Whichever of them has a picture, a mask that comes over a reroute fits none of the others."""
    same: Json = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "*"}}]
    known = server(**PLAIN, Three={"x": same, "y": same, "z": same})
    nodes = [
        node(1, "Picture", outputs=outputs([1])),
        node(2, "Cut", outputs=outputs([2])),
        reroute(3, 2, 3),
        node(4, "Three", None, {name: {picture: 1, cut: 3}.get(name) for name in "xyz"}),
    ]
    links = [[1, 1, 0, 4, "xyz".index(picture)], [2, 2, 0, 3, 0], [3, 3, 0, 4, "xyz".index(cut)]]
    assert sent(workflow(nodes, links), known, "4") == {picture: ["1", 0]}


@pytest.mark.parametrize(("type_", "fits"), [("IMAGE", False), ("MASK", True), ("*", True)])
def test_inside_a_subgraph_its_input_s_type_counts(type_: str, fits: bool) -> None:
    inner = subgraph(
        "d",
        [
            node(5, "Switch", [True], {"on": 6}, outputs=outputs([7])),
            node(6, "Masks", None, {"mask": 7}),
        ],
        [[6, -10, 0, 5, 0], [7, 5, 0, 6, 0]],
        [boundary("in", type_, 6)],
    )
    nodes = [node(1, "Picture", outputs=outputs([1])), node(2, "d", None, {"in": 1})]
    made = with_subgraphs(nodes, [[1, 1, 0, 2, 0]], inner)
    assert sent(made, server(**PLAIN), "2:6") == ({"mask": ["2:5", 0]} if fits else {})


def test_an_input_that_a_subgraph_does_not_have_may_be_anything() -> None:
    inner = subgraph(
        "d",
        [
            node(5, "Switch", [True], {"on": 6}, outputs=outputs([7])),
            node(6, "Masks", None, {"mask": 7}),
        ],
        [[6, -10, 5, 5, 0], [7, 5, 0, 6, 0]],
    )
    made = with_subgraphs([node(2, "d")], [], inner)
    repaired = convert_workflow(made, server(**PLAIN), editor="1.45", repair=True)
    assert {key: entry["inputs"] for key, entry in repaired.items()} == {
        "2:5": {"really": True},
        "2:6": {"mask": ["2:5", 0]},
    }


@pytest.mark.parametrize(("row", "most", "kept"), [(0, 9, 2), (1, 9, 2), (2, 9, 2), (1, 3, 2), (2, 3, 3)])
def test_a_row_is_gone_with_a_link_that_does_not_fit_where_one_stands_behind_it(
    row: int, most: int, kept: int
) -> None:
    """Those behind it move up. Behind the last one there is an empty one, unless there may be no more."""
    grows = {"input": {"required": {"image": ["IMAGE", {}], "mask": ["MASK", {}]}}, "prefix": "", "min": 1}
    known = server(**PLAIN, Rows={"rows": ["COMFY_AUTOGROW_V3", {"template": {**grows, "max": most}}]})
    slots: Json = {}
    for index in range(3):
        slots[f"rows.image{index}"] = 7 if index == row else 10 + index
        slots[f"rows.mask{index}"] = 20 + index
    nodes = [
        node(1, "Picture", outputs=outputs([n for n in slots.values() if 10 <= n < 20])),
        node(2, "Cut", outputs=outputs([6, 20, 21, 22])),
        reroute(3, 6, 7),
        node(4, "Rows", None, slots),
    ]
    links: list[list[Any]] = [[6, 2, 0, 3, 0]]
    for place, number in enumerate(slots.values()):
        links.append([number, 3 if number == 7 else 1 if number < 20 else 2, 0, 4, place])
    made = sent(workflow(nodes, links), known, "4")
    wanted: Json = {f"rows.image{index}": ["1", 0] for index in range(2)}
    wanted |= {f"rows.mask{index}": ["2", 0] for index in range(kept)}
    assert {name: value for name, value in made.items() if value is not None} == wanted


@pytest.mark.parametrize(
    ("saved", "choice", "index", "options"),
    [
        (["b", 7, "a", "b", ""], "b", 1, ["a", "b", ""]),
        (["a", 7, "a", "a", ""], "a", 0, ["a", "a", ""]),
        (["gone", 7, "a", "b", ""], "gone", -1, ["a", "b", ""]),
        ([None, 7, "a", "b", ""], "a", 0, ["a", "b", ""]),
        ([None, 7, ""], None, -1, [""]),
    ],
)
def test_a_custom_combo_offers_the_options_that_are_filled(
    saved: list[Any], choice: str | None, index: int, options: list[str]
) -> None:
    known = server(CustomCombo={"choice": ["COMBO", {"options": []}]})
    wanted = {f"option{number}": option for number, option in enumerate(options, 1)}
    made = workflow([node(1, "CustomCombo", saved)])
    assert sent(made, known, "1") == {"choice": choice, "index": index, **wanted}


@pytest.mark.parametrize("output", [0, 1])
def test_what_takes_anything_gets_the_first_input_of_a_bypassed_node_with_fewer_inputs(output: int) -> None:
    known = classes()
    known["Split"] = {**known["LoadImage"], "input": {"required": {"image": ["IMAGE", {}]}}}
    known["Anything"] = {**known["SaveImage"], "input": {"required": {"source": ["*", {}]}}}
    ways: list[list[int]] = [[], []]
    ways[output] = [2]
    made = workflow(
        [
            node(1, "LoadImage", ["x.png"], outputs=outputs([1], [])),
            node(2, "Split", None, {"image": 1}, mode=4, outputs=outputs(*ways)),
            node(3, "Anything", None, {"source": 2}),
        ],
        [[1, 1, 0, 2, 0], [2, 2, output, 3, 0]],
    )
    assert convert_workflow(made, Schema(known, "0.27.0"), editor="1.45")["3"]["inputs"] == {
        "source": ["1", 0]
    }


@pytest.mark.parametrize(("origin", "said"), [(-10, "directly from an input"), (99, "from node 99")])
def test_a_subgraph_s_output_that_no_node_in_it_feeds_is_an_error_that_says_what_does(
    origin: int, said: str
) -> None:
    inner = subgraph(
        "d",
        [node(5, "Invert", None, {"image": 6}, outputs=outputs([]))],
        [[6, -10, 0, 5, 0], [7, origin, 0, -20, 0]],
        [boundary("image", "IMAGE", 6)],
        [boundary("out", "IMAGE", 7)],
    )
    nodes = [
        node(1, "LoadImage", ["x.png"], outputs=outputs([1])),
        node(2, "d", None, {"image": 1}, outputs=outputs([2])),
        node(3, "SaveImage", ["p"], {"images": 2}),
    ]
    with pytest.raises(
        ConversionError, match=f"output 'out' of node 2 comes {said}, not from a node in the sub"
    ):
        convert(with_subgraphs(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]], inner))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("either\\|or", "either|or"),
        ("open\\}", "open}"),
        ("10\\% off", "10\\% off"),
        ("end\\", "end\\undefined"),
    ],
)
def test_a_text_with_a_backslash_alone_is_read_as_the_editor_reads_it(text: str, sent: str) -> None:
    assert only("Encode", [text]) == {"text": sent}


@pytest.mark.parametrize(
    ("value", "told"), [(2**53 - 1, False), (2**53, False), (2**53 + 1, True), (-(2**53) - 1, True)]
)
def test_an_integer_that_loses_digits_is_told(value: int, told: bool) -> None:
    made = workflow([node(1, "Sampler", [value, "fixed"])])
    warned = [warning.type for warning in convert(made).warnings]
    assert ("integer_loses_digits" in warned) is told
    assert "integer_loses_digits" not in [warning.type for warning in convert(made, repair=True).warnings]
