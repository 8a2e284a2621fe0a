"""Conversion: inputs that come and go, and values of inputs that were widgets once [7, 8, 9, 20]."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import (
    boundary,
    convert,
    inputs_of,
    node,
    only,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)


def promoted_combo(*, shown: bool = True) -> dict[str, Any]:
    """A dynamic combo that the subgraph shows outside, or not."""
    links = {"*how": 1} if shown else {}
    inside = subgraph(
        "d",
        [node(5, "Resize", ["factor", 4.0, 7, "fixed"], links)],
        [[1, -10, 0, 5, 0]] if shown else [],
        [boundary("how", "COMFY_DYNAMICCOMBO_V3", 1)] if shown else [],
    )
    return with_subgraphs([node(1, "d", [], {"*how": None} if shown else None)], [], inside)


def test_rule_20_a_dynamic_combo_shown_outside_brings_its_inputs_with_their_defaults() -> None:
    assert inputs_of(promoted_combo(), "1:5") == {"how": "factor", "how.by": 2.0, "seed": 7}
    assert inputs_of(promoted_combo(shown=False), "1:5") == {"how": "factor", "how.by": 4.0, "seed": 7}


def test_rule_20_the_values_that_are_lost_so_are_reported_and_can_be_kept() -> None:
    conversion = convert(promoted_combo())
    assert [(w.type, w.node_id, w.input_name) for w in conversion.warnings] == [
        ("option_values_reset", "5", "how")
    ]
    assert "how.by" in conversion.warnings[0].message
    repaired = convert(promoted_combo(), repair=True)
    assert repaired["1:5"]["inputs"]["how.by"] == 4.0
    assert repaired.warnings == []


def test_rule_8_texts_of_one_name_are_one_text() -> None:
    nodes = [node(1, "Note8", ["x"], outputs=outputs([1])), node(2, "Texts", ["a", "b", 7], {"*texts.t0": 1})]
    sent = inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "2")
    assert sent == {"texts.t0": ["1", 0], "texts.t1": "b", "after": 7}


def test_rule_9_1_27_drops_the_value_at_the_place_of_an_input_that_was_a_widget() -> None:
    values = [5, "fixed", 2.5, 11]
    assert only("Former", values) == {"seed": 5, "scale": 2.5}
    assert only("Former", values, "1.27") == {"seed": 5, "scale": 11}


def test_rule_20_a_widget_fed_directly_gives_the_value_before_one_in_a_nested_subgraph() -> None:
    inner = subgraph(
        "inner", [node(7, "Latent", [64, 64], {"*width": 1})], [[1, -10, 0, 7, 0]], [boundary("w", "INT", 1)]
    )
    middle = subgraph(
        "middle",
        [node(6, "inner", [], {"*w": 1}), node(8, "Latent", [72, 72], {"*width": 2})],
        [[1, -10, 0, 6, 0], [2, -10, 0, 8, 0]],
        [boundary("w", "INT", 1, 2)],
    )
    outer = subgraph(
        "outer", [node(5, "middle", [], {"*w": 1})], [[1, -10, 0, 5, 0]], [boundary("w", "INT", 1)]
    )
    prompt = convert(with_subgraphs([node(1, "outer", [], {"*w": None})], [], inner, middle, outer))
    assert {key: value["inputs"]["width"] for key, value in prompt.items()} == {"1:5:6:7": 72, "1:5:8": 72}


@pytest.mark.parametrize(("type_", "sent"), [("*", {"image": ["1:5", 0]}), ("IMAGE", {})])
def test_an_output_of_a_subgraph_loses_a_match_type_that_does_not_suit_it(type_: str, sent: Any) -> None:
    inside = subgraph(
        "d",
        [
            node(4, "Note8", ["x"], outputs=outputs([1])),
            node(5, "Switch", [True], {"on": 1}, outputs=outputs([2])),
        ],
        [[1, 4, 0, 5, 0], [2, 5, 0, -20, 0]],
        [],
        [boundary("out", type_, 2)],
    )
    nodes = [node(1, "d", [], outputs=outputs([3])), node(2, "Invert", None, {"image": 3})]
    assert inputs_of(with_subgraphs(nodes, [[3, 1, 0, 2, 0]], inside), "2") == sent


def styled(text: str, **saved: Any) -> dict[str, Any]:
    """What a node sends that has one text of its own, and one that an option of a dynamic combo brings."""
    prompt = {"multiline": True, "dynamicPrompts": True}
    style = {"key": "text", "inputs": {"required": {"words": ["STRING", prompt]}}}
    inputs = {"text": ["STRING", prompt], "style": ["COMFY_DYNAMICCOMBO_V3", {"options": [style]}]}
    described = {"name": "Styled", "input": {"required": inputs}, "output": [], "output_node": True}
    made = workflow([node(1, "Styled", [text, "text", text], **saved)])
    converted = convert_workflow(made, Schema({"Styled": described}, "0.27.0"), editor="1.45", seed=1)
    sent: dict[str, Any] = converted["1"]["inputs"]
    return sent


@pytest.mark.parametrize(("text", "rewritten"), [("{one}", "one"), ("a // b", "a "), (r"\{", "{")])
def test_rule_10_texts_inside_a_dynamic_combo_are_no_dynamic_prompts(text: str, rewritten: str) -> None:
    assert styled(text) == {"text": rewritten, "style": "text", "style.words": text}


@pytest.mark.parametrize("editor", ["1.45", "1.27"])
def test_the_slot_behind_a_removed_one_is_not_looked_at(editor: str) -> None:
    """Of slots whose widgets are gone, the editor removes every other one: the list moves under it."""
    slots = {"*width": 1, "*gone": 2, "*left": 3, "*away": 4}
    nodes = [node(1, "Quiet", [3], outputs=outputs([1, 2, 3, 4])), node(2, "Latent", [640, 480], slots)]
    links = [[number, 1, 0, 2, number - 1] for number in (1, 2, 3, 4)]
    assert inputs_of(workflow(nodes, links), "2", editor) == {
        "width": ["1", 0],
        "height": 480,
        "left": ["1", 0],
    }
