"""What Use Everywhere feeds without a link that one sees [C5, C8]."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.importer import Conversion
from tests.editor_json import Json, boundary, node, outputs, subgraph, with_subgraphs, workflow
from tests.test_importer_packs import convert


def everywhere(
    sender: Json,
    target: Json,
    *more: Json,
    links: list[list[Any]] | None = None,
    repair: bool = False,
    **saved: Any,
) -> Conversion:
    """Two sources, a sender that the first (and the second) feeds, and a target."""
    sources = [node(id_, "Source", outputs=[{"name": "i", "type": "IMAGE", "links": []}]) for id_ in (1, 2)]
    fed = [[1, 1, 0, 3, 0], [2, 2, 0, 3, 1]] if links is None else links
    return convert(workflow([*sources, sender, target, *more], fed, **saved), repair=repair)


def sender(type_: str = "Anything Everywhere", *names: str, id_: int = 3, **own: Any) -> Json:
    properties = {"ue_properties": {"version": "7.8", **own}}
    first = 1 if id_ == 3 else id_ * 10
    slots = {name: first + place for place, name in enumerate(names or ("anything",))}
    return node(id_, type_, None, slots, properties=properties)


FREE: Json = {"positive": None, "negative": None, "*n": None}
BOTH: Json = {"positive": ["1", 0], "negative": ["1", 0]}


def fed(made: Conversion, key: str = "4") -> Json:
    return {name: value for name, value in made[key]["inputs"].items() if isinstance(value, list)}


def test_c5_a_broadcast_reaches_every_free_input_of_its_type() -> None:
    made = everywhere(sender(), node(4, "Pair", [5], FREE))
    assert fed(made) == BOTH
    assert made["4"]["inputs"]["n"] == 5
    assert not made.warnings


def test_c5_links_that_were_saved_by_mistake_are_made_anew() -> None:
    target = node(4, "Pair", [5], {"positive": 16, "negative": None})
    made = everywhere(sender(), target, extra={"links_added_by_ue": [16], "ue_links": []})
    assert fed(made) == BOTH


def test_c8_prompts_go_to_inputs_of_their_names() -> None:
    made = everywhere(sender("Prompts Everywhere", "a", "b"), node(4, "Pair", [5], FREE))
    assert fed(made) == {"positive": ["1", 0], "negative": ["2", 0]}


@pytest.mark.parametrize(
    ("rule", "names", "wanted"),
    [
        (0, ("positive", "other"), {"positive": ["1", 0]}),
        (1, ("pos", "neg"), {"positive": ["1", 0], "negative": ["2", 0]}),
        (2, ("sitive", "gative"), {"positive": ["1", 0], "negative": ["2", 0]}),
        (3, ("Mine", "Other"), BOTH),
        (4, ("^p", "^n"), {"positive": ["1", 0], "negative": ["2", 0]}),
    ],
)
def test_c5_what_is_sent_twice_goes_by_names(rule: int, names: tuple[str, str], wanted: Json) -> None:
    target = node(4, "Pair", [5], FREE, title="Mine")
    made = everywhere(sender("Anything Everywhere", *names, repeated_type_rule=rule), target)
    assert fed(made) == wanted


AT: Json = {"pos": [0, 0], "size": [100, 100]}
GROUPS = [{"title": "left", "bounding": [-50, -50, 300, 300]}, {"title": "far", "bounding": [900, 900, 9, 9]}]


@pytest.mark.parametrize(
    ("own", "reached"),
    [
        ({"input_regex": "neg"}, {"negative"}),
        ({"input_regex": "neg", "input_regex_invert": True}, {"positive"}),
        ({"title_regex": "^Mine"}, {"positive", "negative"}),
        ({"title_regex": "Other"}, set[str]()),
        ({"group_restricted": 1}, {"positive", "negative"}),
        ({"group_restricted": 2}, set[str]()),
        ({"group_regex": "left"}, {"positive", "negative"}),
        ({"group_regex": "far"}, set[str]()),
        ({"color_restricted": 1}, set[str]()),
        ({"color_restricted": 2}, {"positive", "negative"}),
    ],
)
def test_c5_a_broadcast_is_restricted(own: Json, reached: set[str]) -> None:
    target = {**node(4, "Pair", [5], FREE, title="Mine", color="#fff"), **AT}
    made = everywhere({**sender(**own), **AT}, target, groups=GROUPS, links=[[1, 1, 0, 3, 0]])
    assert set(fed(made)) == reached


def test_c5_the_higher_priority_counts_and_equal_ones_are_said() -> None:
    second = {**sender(id_=5, input_regex="neg"), "mode": 0}
    links = [[1, 1, 0, 3, 0], [50, 2, 0, 5, 0]]
    made = everywhere(sender(), node(4, "Pair", [5], FREE), second, links=links)
    assert fed(made) == {"positive": ["1", 0], "negative": ["2", 0]}
    equal = everywhere(sender(), node(4, "Pair", [5], FREE), sender(id_=5), links=links)
    assert fed(equal) == {}
    assert [(one.type, one.input_name) for one in equal.warnings] == [
        ("links_unknown", "positive"),
        ("links_unknown", "negative"),
    ]
    assert "#3, #5" in equal.warnings[0].message
    first = everywhere(sender(priority=50), node(4, "Pair", [5], FREE), second, links=links)
    assert fed(first) == BOTH


def test_c5_a_node_may_broadcast_its_own_outputs_and_take_widgets() -> None:
    own: Json = {"ue_convert": True, "ue_properties": {"version": "7.8", "input_regex": "n"}}
    source = node(5, "Source", properties=own, outputs=[{"name": "IMAGE", "type": "INT", "links": []}])
    allows = {"ue_properties": {"widget_ue_connectable": {"n": True}, "input_ue_unconnectable": {"x": True}}}
    seed: Json = {**own, "ue_properties": {**own["ue_properties"], "seed_inputs": True}}
    target = node(4, "Pair", [5], FREE, properties=allows)
    made = everywhere(node(3, "Source"), target, {**source, "properties": seed}, links=[])
    assert fed(made) == {"n": ["5", 0]}


def test_c5_what_is_bypassed_passes_on_and_what_is_muted_sends_nothing() -> None:
    out: list[Json] = [{"name": "IMAGE", "type": "IMAGE", "links": []}]
    inverted = node(6, "Invert", None, {"image": 9}, mode=4, outputs=out)
    links = [[9, 2, 0, 6, 0], [1, 6, 0, 3, 0]]
    made = everywhere(sender(), node(4, "Pair", [5], FREE), inverted, links=links)
    assert fed(made) == {"positive": ["2", 0], "negative": ["2", 0]}
    muted = everywhere(sender(), node(4, "Pair", [5], FREE), {**inverted, "mode": 2}, links=links)
    assert fed(muted) == {}


@pytest.mark.parametrize("regex", ["(a+)+$", "a*a*a*a*a*b", "(", "x" * 500])
def test_c5_a_pattern_that_may_be_slow_is_not_tried(regex: str) -> None:
    made = everywhere(sender(input_regex=regex), node(4, "Pair", [5], FREE))
    assert fed(made) == {}
    (warning,) = made.warnings
    assert (warning.type, warning.node_id) == ("links_unknown", "3")
    assert "its pattern" in warning.message


def test_c5_numbers_that_no_computer_holds_are_no_error() -> None:
    huge = 10**400
    groups = [{"title": "all", "bounding": [0, 0, huge, huge]}]
    placed: Json = {"pos": [huge, 1], "size": [huge, huge]}
    target = {**node(4, "Pair", [5], FREE), **placed}
    made = everywhere({**sender(priority=huge, group_restricted=2), **placed}, target, groups=groups)
    assert fed(made) == BOTH


def test_c5_a_file_of_an_old_version_says_so() -> None:
    made = everywhere(node(3, "Anything Everywhere", None, {"MODEL": 1}), node(4, "Pair", [5], FREE))
    assert fed(made) == {}
    assert ["before 7" in warning.message for warning in made.warnings] == [True]


OLD_LINKS = [
    {"downstream": 4, "downstream_slot": 0, "upstream": "1", "upstream_slot": 0, "controller": 3},
    {"downstream": 4, "downstream_slot": 1, "upstream": "9", "upstream_slot": 0, "controller": 3},
    {"downstream": 4, "downstream_slot": 7, "upstream": "1", "upstream_slot": 0, "controller": 3},
    {"downstream": 4, "downstream_slot": 1, "upstream": "2", "upstream_slot": 0, "controller": 8},
    "no object",
]


def test_c5_repair_makes_the_links_that_a_file_of_an_old_version_lists() -> None:
    old = node(3, "Anything Everywhere", None, {"MODEL": 1})
    made = everywhere(old, node(4, "Pair", [5], FREE), extra={"ue_links": OLD_LINKS}, repair=True)
    assert fed(made) == {"positive": ["1", 0]}
    assert not made.warnings


def inside(*inner: Json, links: list[list[Any]], inputs: list[Json], outs: list[Json]) -> Conversion:
    """A source that feeds a subgraph, and a sink that the subgraph feeds."""
    definition = subgraph("s", list(inner), links, inputs, outs)
    return convert(
        with_subgraphs(
            [
                node(1, "Source", outputs=outputs([1])),
                node(2, "s", None, {"image": 1}, outputs=outputs([2])),
                node(3, "Sink", None, {"image": 2}),
            ],
            [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]],
            definition,
        )
    )


def test_c5_what_comes_into_a_subgraph_is_broadcast_in_it() -> None:
    made = inside(
        sender(id_=11),
        node(12, "Pair", [5], FREE, outputs=[{"name": "i", "type": "IMAGE", "links": [6]}]),
        links=[[110, -10, 0, 11, 0], [6, 12, 0, -20, 0]],
        inputs=[boundary("image", "IMAGE", 110)],
        outs=[boundary("out", "IMAGE", 6)],
    )
    assert fed(made, "2:12") == BOTH
    assert fed(made, "3") == {"image": ["2:12", 0]}


@pytest.mark.parametrize(
    ("own", "given"),
    [({}, {"image": ["2:13", 0]}), ({"input_regex": "never"}, {}), ({"title_regex": "x"}, {})],
)
def test_c5_a_broadcast_reaches_a_free_output_of_its_subgraph(own: Json, given: Json) -> None:
    made = inside(
        sender(id_=11, **own),
        node(13, "Source", outputs=[{"name": "i", "type": "IMAGE", "links": [110]}]),
        links=[[110, 13, 0, 11, 0]],
        inputs=[boundary("image", "IMAGE")],
        outs=[boundary("out", "IMAGE")],
    )
    assert fed(made, "3") == given


def test_c5_the_node_of_a_subgraph_is_fed_like_any_other() -> None:
    definition = subgraph(
        "s",
        [node(12, "Sink", None, {"image": 6})],
        [[6, -10, 0, 12, 0]],
        [boundary("image", "IMAGE", 6)],
    )
    source = node(1, "Source", outputs=[{"name": "i", "type": "IMAGE", "links": [1]}])
    nodes = [source, sender(), node(4, "s", None, {"image": None})]
    made = convert(with_subgraphs(nodes, [[1, 1, 0, 3, 0]], definition))
    assert fed(made, "4:12") == {"image": ["1", 0]}
