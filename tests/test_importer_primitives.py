"""Conversion: what primitive nodes write, and when the editor fails at one [15]."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from tests.editor_json import (
    boundary,
    convert,
    inputs_of,
    node,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)

BOTH = pytest.mark.parametrize("editor", ["1.45", "1.27"])
REPLACES = {"Run widget replace on values": True}


def primitive(value: Any, *links: int, **saved: Any) -> dict[str, Any]:
    return node(1, "PrimitiveNode", [value, "fixed"], outputs=outputs(list(links)), **saved)


def two_targets(first: dict[str, Any]) -> dict[str, Any]:
    nodes = [primitive(256, 1, 2), first, node(3, "Latent", [640, 480], {"*width": 2})]
    return workflow(nodes, [[1, 1, 0, 2, 0], [2, 1, 0, 3, 0]])


@pytest.mark.parametrize("first", [node(2, "Missing", [7], {"*x": 1}), node(2, "Invert", None, {"image": 1})])
def test_a_primitive_whose_first_target_has_no_known_widget_has_no_value(first: dict[str, Any]) -> None:
    made = two_targets(first)
    assert inputs_of(made, "3")["width"] == 640
    assert inputs_of(made, "3", "1.27")["width"] is None  # that version writes the missing value
    assert inputs_of(made, "3", "1.27", repair=True)["width"] == 640


def test_a_link_that_does_not_exist_makes_1_27_fail_only() -> None:
    made = workflow([primitive(256, 9, 1), node(3, "Latent", [640, 480], {"*width": 1})], [[1, 1, 0, 3, 0]])
    assert inputs_of(made, "3")["width"] == 640
    with pytest.raises(ConversionError, match="primitive node 1 has link 9, which does not exist"):
        convert(made, "1.27")


@BOTH
def test_a_number_cannot_have_names_replaced(editor: str) -> None:
    nodes = [primitive(256, 1, properties=REPLACES), node(3, "Latent", [640, 480], {"*width": 1})]
    made = workflow(nodes, [[1, 1, 0, 3, 0]])
    with pytest.raises(ConversionError, match="primitive node 1 must replace"):
        convert(made, editor)
    assert inputs_of(made, "3", editor, repair=True)["width"] == 640


def test_names_are_looked_up_where_the_primitive_stands() -> None:
    text = "%Latent.width%"
    inside = subgraph(
        "d",
        [
            node(10, "PrimitiveNode", [text], outputs=outputs([1]), properties=REPLACES),
            node(11, "Note8", [""], {"*text": 1}),
            node(12, "Latent", [72, 72], title="Latent"),
        ],
        [[1, 10, 0, 11, 0]],
    )
    made = with_subgraphs([node(1, "Latent", [64, 64], title="Latent"), node(2, "d")], [], inside)
    assert inputs_of(made, "2:11") == {"text": "72"}


@BOTH
def test_file_names_take_the_values_of_primitives_and_notes(editor: str) -> None:
    nodes = [
        primitive(99999, 1, title="Wide"),
        node(2, "Latent", [640, 480], {"*width": 1}),
        node(3, "Note", ["a/b"]),
        node(4, "SaveImage", ["%Wide.value%_%Note.text%"]),
    ]
    assert inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "4", editor)["filename_prefix"] == "16384_a_b"


def test_the_first_slot_of_an_autogrow_input_takes_no_primitive() -> None:
    def grown(name: str, *more: dict[str, Any]) -> dict[str, Any]:
        links = {"*texts.t0": 2, f"*{name}": 1} if more else {f"*{name}": 1}
        nodes = [primitive("new", 1), node(2, "Texts", ["a", "b", "c"], links), *more]
        return inputs_of(workflow(nodes, [[1, 1, 0, 2, len(links) - 1], [2, 3, 0, 2, 0]]), "2")

    assert grown("texts.t0")["texts.t0"] == "a"
    assert grown("texts.t1")["texts.t1"] == "b"
    assert grown("texts.t1", node(3, "Note8", ["x"], outputs=outputs([2])))["texts.t1"] == "new"


def test_a_promoted_widget_is_reached_through_the_subgraph() -> None:
    inside = subgraph(
        "d",
        [node(5, "Latent", [64, 72], {"*width": 1})],
        [[1, -10, 0, 5, 0]],
        [boundary("width", "INT", 1)],
    )
    made = with_subgraphs([primitive(256, 3), node(2, "d", [], {"*width": 3})], [[3, 1, 0, 2, 0]], inside)
    assert inputs_of(made, "2:5") == {"width": 256, "height": 72}


@pytest.mark.parametrize("value", ["factor", 7, None])
def test_a_primitive_on_a_dynamic_combo_stays_at_the_first_option(value: Any) -> None:
    nodes = [primitive(value, 1), node(2, "Resize", ["factor", 4.0, 5, "fixed"], {"*how": 1})]
    sent = inputs_of(workflow(nodes, [[1, 1, 0, 2, 1]]), "2")
    assert sent == {"how": "size", "how.width": 64, "seed": 5}


def behind_reroute(links: list[int], targets: list[dict[str, Any]]) -> dict[str, Any]:
    turn = node(5, "Reroute", None, {"": 1}, outputs=outputs([3]))
    table = [[1, 1, 0, 5, 0], [2, 1, 0, 3, 0], [3, 5, 0, 4, 0]]
    nodes = [primitive(256, *links), turn, node(3, "Latent", [640, 480], {"*width": 2}), *targets]
    return workflow(nodes, table)


@BOTH
def test_a_primitive_whose_first_link_is_a_reroute_gives_the_default_behind_it(editor: str) -> None:
    behind = [node(4, "Latent", [72, 80], {"*width": 3})]
    first = behind_reroute([1, 2], behind)
    assert inputs_of(first, "3", editor)["width"] == 512
    assert inputs_of(first, "4", editor)["width"] == 72
    assert inputs_of(behind_reroute([2, 1], behind), "3", editor)["width"] == 256


@BOTH
@pytest.mark.parametrize("marked", [False, True])
def test_a_reroute_that_was_in_front_of_a_widget_and_is_not_cuts_a_line_of_text_off(
    editor: str, marked: bool
) -> None:
    turn = node(5, "Reroute", None, {"*value" if marked else "value": 1}, outputs=outputs([3]))
    last = node(4, "Invert", None, {"image": 3})
    last["inputs"][0]["type"] = "IMAGE"
    for value, target, name, sent in (
        ("text", node(3, "Path", ["own"], {"*file": 2}), "file", "own" if marked else "text"),
        ("text", node(3, "Note8", ["own"], {"*text": 2}), "text", "text"),
        (256, node(3, "Latent", [640, 480], {"*width": 2}), "width", 256),
    ):
        table = [[1, 1, 0, 5, 0], [2, 1, 0, 3, 0], [3, 5, 0, 4, 0]]
        made = workflow([primitive(value, 2, 1), turn, target, last], table)
        assert inputs_of(made, "3", editor)[name] == sent


def test_two_floats_have_a_common_step() -> None:
    nodes = [
        node(1, "PrimitiveNode", [7.77, "fixed"], outputs=outputs([1, 2])),
        node(2, "Sampler", None, {"*cfg": 1}),
        node(3, "Sampler", None, {"*cfg": 2}),
    ]
    made = workflow(nodes, [[1, 1, 0, 2, 0], [2, 1, 0, 3, 0]])
    assert inputs_of(made, "2")["cfg"] == inputs_of(made, "3")["cfg"] == 7.8


def test_a_socket_in_front_leaves_the_limits_of_the_bare_type() -> None:
    nodes = [
        primitive(99999, 1, 2),
        node(2, "Missing", None, {"x": 1}),
        node(3, "Latent", [640, 480], {"*width": 2}),
    ]
    nodes[1]["inputs"][0]["type"] = "INT"
    assert inputs_of(workflow(nodes, [[1, 1, 0, 2, 0], [2, 1, 0, 3, 0]]), "3")["width"] == 2048


def test_1_27_writes_to_what_the_link_of_that_id_leads_to_on_the_canvas() -> None:
    inside = subgraph(
        "S",
        [primitive(256, 1), node(2, "Latent", [640, 480], {"*width": 1})],
        [[1, 1, 0, 2, 0]],
    )
    nodes = [node(7, "S"), node(8, "LoadImage", outputs=outputs([1])), node(9, "Invert", None, {"image": 1})]
    made = with_subgraphs(nodes, [[1, 8, 0, 9, 0]], inside)
    assert inputs_of(made, "7:2")["width"] == 256
    assert inputs_of(made, "7:2", "1.27")["width"] == 640
