"""What is said beyond the server: in which words, and from which value on."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Schema, validate_prompt
from comfyflow.problem import Problem
from tests.small_schema import RAW, Prompt, good, node, node_class, schema

NEW = schema("0.27.0")


def told(prompt: object, kind: str, against: Schema = NEW, **options: Any) -> list[Problem]:
    return [each for each in validate_prompt(prompt, against, **options).problems if each.type == kind]


def words(prompt: object, kind: str, against: Schema = NEW, **options: Any) -> list[str]:
    return [each.message for each in told(prompt, kind, against, **options)]


def batching(**images: Any) -> Prompt:
    return {
        "1": node("Empty", width=64, tint=0),
        "2": node("Batch", **{f"images.{name}": value for name, value in images.items()}),
        "3": node("Save", image=["2", 0]),
    }


def choosing(**inputs: Any) -> Prompt:
    first = node("Empty", width=64, tint=0)
    return {"1": first, "2": {"class_type": "Choose", "inputs": inputs}, "3": node("Save", image=["2", 0])}


# Inputs that a node does not have


def test_a_link_beyond_what_an_input_grows_to() -> None:
    (said,) = told(batching(image0=["1", 0], image7=["1", 0]), "unknown_link")
    assert said.input_name == "images.image7"
    assert said.message == "is beyond the limit of 'images' (the last is images.image2); the node will fail"
    (said,) = told(batching(image0=["1", 0], image7=5), "unknown_input")
    assert said.message == "is not an input that 'images' adds; the server ignores it"


def test_a_link_to_what_a_choice_does_not_bring() -> None:
    given: dict[str, Any] = {"how": "grown", "how.width": 8}
    (said,) = told(choosing(**given, **{"how.height": ["1", 0]}), "unknown_link")
    assert said.message == (
        "is not an input of Choose; the server runs the linked nodes, and then this node fails"
    )
    (said,) = told(choosing(**given, **{"how.height": 8}), "unknown_input")
    assert said.message == "is not an input that 'how' adds when it is 'grown'; the server ignores it"
    inner = {"how": "deep", "how.more": "a", "how.more.b": 1}
    (said,) = told(choosing(**inner), "unknown_input")
    assert said.message == "is not an input that 'how.more' adds when it is 'a'; the server ignores it"


@pytest.mark.parametrize("given", [{}, {"how": "zzz"}])
def test_of_what_an_unknown_choice_brings_only_links_are_told(given: dict[str, Any]) -> None:
    """The choice is told itself, and nobody knows what it would bring; a link is run all the same."""
    assert told(choosing(**given, **{"how.width": 8}), "unknown_input") == []
    (said,) = told(choosing(**given, **{"how.width": ["1", 0]}), "unknown_link")
    assert said.input_name == "how.width"


def test_only_what_is_free_is_suggested() -> None:
    prompt = good()
    del prompt["2"]["inputs"]["mask"]
    prompt["2"]["inputs"] |= {"maks": 1, "ona": 2}
    assert [(each.input_name, each.suggestion) for each in told(prompt, "unknown_input")] == [
        ("maks", "Did you mean 'mask'?"),
        ("ona", None),
    ]


def test_what_the_server_fills_itself() -> None:
    prompt = good()
    prompt["3"]["inputs"]["prompt"] = {"a": 1}
    assert words(prompt, "unknown_input") == ["is filled in by the server; the given value is ignored"]


# Slots, values and depths


@pytest.mark.parametrize(
    ("slot", "index"), [(-1, 1), (-2, 0), (False, 0), (True, 1)]
)  # Python counts from the end
def test_slots_that_python_takes(slot: Any, index: int) -> None:
    prompt = {"1": node("Empty", width=64, tint=0), "2": node("Show", value=["1", slot])}
    assert words(prompt, "odd_slot") == [
        f"links to slot {slot!r}, which the server takes for {index}; write {index}"
    ]
    prompt["2"] = node("Show", value=["1", index])
    assert words(prompt, "odd_slot") == []


@pytest.mark.parametrize(
    ("depth", "says"),
    [
        (450, None),
        (451, "451 levels"),
        (2000, "2000 levels"),
        (2001, "more than 2000 levels"),
        (9000, "more than 2000 levels"),
    ],
)
def test_how_deep_a_value_may_be_nested(depth: int, says: str | None) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"in": value}
    prompt = {**good(), "4": node("Show", value=value)}
    found = told(prompt, "nested_too_deep")
    assert [each.message for each in found] == (
        [f"is nested {says} deep; more than 450 can kill a server's worker"] if says else []
    )
    assert all((each.node_id, each.input_name, each.severity) == ("4", "value", "refusal") for each in found)


@pytest.mark.parametrize(("length", "refused"), [(960, False), (961, True)])
def test_how_long_a_chain_may_be(length: int, refused: bool) -> None:
    prompt: Prompt = {"0": node("Any", value=1)}
    for index in range(1, length - 1):
        prompt[str(index)] = node("Any", value=[str(index - 1), 0])
    prompt["end"] = node("Show", value=[str(length - 2), 0])
    found = told(prompt, "too_deep")
    assert bool(found) is refused
    assert [(each.node_id, each.severity) for each in found] == ([("end", "refusal")] if refused else [])
    assert (
        not refused
        or f"a chain of {length} nodes; a server recurses about 960 nodes deep" in found[0].message
    )


# The prompt as a whole


def test_targets_that_are_no_outputs() -> None:
    found = told(good(), "target_without_output", partial_execution_targets=["3", "2", "99", 5])
    assert [(each.node_id, each.message) for each in found] == [
        ("2", "is a target of the run but not an output node"),
        (None, "'99' is a target of the run but not in the prompt"),
        (None, "5 is a target of the run but not in the prompt"),
    ]


def test_what_is_to_be_known_of_a_class_is_said_at_its_first_node() -> None:
    prompt = {**good(), "4": node("Old", image=["1", 0]), "5": node("Old", image=["4", 0])}
    prompt["3"]["inputs"]["image"] = ["5", 0]
    found = validate_prompt(prompt, NEW).notes
    more = " (and 1 more node of this class)"
    assert [
        (each.type, each.node_id, each.message) for each in found if each.type != "reaches_no_output"
    ] == [
        ("deprecated_node", "4", f"is deprecated{more}"),
        ("experimental_node", "4", f"is experimental: it may change or disappear{more}"),
        ("paid_node", "4", f"calls a paid service, which needs an account{more}"),
    ]
    unread = {**good(), "4": node("Broken")}
    assert words(unread, "unreadable_class") == ["has a class that is not in the schema; it is not checked"]


def test_nodes_that_nothing_needs_are_named_in_order() -> None:
    prompt = {"8": node("Number", value=1), **good(), "4": node("Number", value=2)}
    assert [each.node_id for each in told(prompt, "reaches_no_output")] == ["8", "4"]
    assert set(words(prompt, "reaches_no_output")) == {"is not needed by any output; it will not run"}
    around = {"6": node("Any", value=["7", 0]), "7": node("Any", value=["6", 0])}
    assert [each.node_id for each in told({**good(), **around}, "reaches_no_output")] == ["6", "7"]


# What really flows


ENDLESS = Schema(
    {**RAW, "easy whileLoopStart": node_class({}, ("FLOW_CONTROL",), python_module="custom_nodes.easy")},
    "0.27.0",
)


@pytest.mark.parametrize("slot", [0, 1, 2, 9, -1])
def test_of_slots_that_the_schema_does_not_list_nothing_is_known(slot: int) -> None:
    prompt = {
        "1": node("easy whileLoopStart"),
        "2": node("Switch", yes=["1", slot], no=["1", slot]),
        "3": node("Save", image=["2", 0]),
    }
    assert bool(told(prompt, "match_type_mismatch", ENDLESS)) is (slot == 0), "that one is of a known type"


def test_which_types_flow_is_said() -> None:
    prompt: Prompt = {
        "1": node("Empty", width=64, tint=0),
        "2": node("Number", value=1),
        "4": node("Switch", yes=["1", 0], no=["1", 1]),
        "5": node("Switch", yes=["2", 0], no=["2", 0]),
        "6": node("Switch", yes=["1", 1], no=["1", 1]),
        "7": node("Save", image=["6", 0]),
    }
    prompt |= {f"s{name}": node("Show", value=[name, 0]) for name in "45"}
    found = told(prompt, "match_type_mismatch")
    assert {(each.node_id, each.input_name): each.message for each in found} == {
        ("4", "no"): "is MASK, and 'yes' is IMAGE: they must have the same type",
        ("5", "yes"): "takes IMAGE,MASK, but the link carries INT; the server does not notice",
        ("5", "no"): "takes IMAGE,MASK, but the link carries INT; the server does not notice",
        ("7", "image"): "takes IMAGE, but the link carries MASK; the server does not notice",
    }


@pytest.mark.parametrize(("version", "circle"), [("0.19.9", "1"), ("0.20.0", None)])
def test_circles_of_which_the_server_says_nothing(version: str, circle: str | None) -> None:
    """Older servers name none, newer ones only the one that they come to first."""
    prompt = {
        "2": node("Any", value=["1", 0]),
        "1": node("Any", value=["2", 0]),
        "3": node("Show", value=["2", 0]),
    }
    report = validate_prompt(prompt, schema(version))
    ours = [each for each in report.errors if each.type == "dependency_cycle" and not each.details]
    assert [each.node_id for each in ours] == ([circle] if circle else [])
    assert [each.message for each in ours] == (
        ["is part of a cycle: 1 (Any) -> 2 (Any) -> 1 (Any)"] if circle else []
    )
