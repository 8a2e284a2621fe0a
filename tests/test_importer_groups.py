"""Conversion: legacy group nodes [17]."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from tests.editor_json import boundary, convert, node, outputs, subgraph, with_subgraphs, workflow

BOTH = pytest.mark.parametrize("editor", ["1.45", "1.27"])


def group(nodes: list[dict[str, Any]], *links: list[Any], external: list[list[Any]] | None = None) -> Any:
    """A group as the file keeps it. Links are ``[from, output, to, input, type]`` by the nodes' places."""
    return {
        "nodes": [{**inner, "index": index} for index, inner in enumerate(nodes)],
        "links": [[*link[:4], 0, link[4]] for link in links],
        "external": external or [],
    }


def grouped(made: Any, values: list[Any], *others: dict[str, Any], **saved: Any) -> dict[str, Any]:
    """A workflow with one node of a group, its first output shown."""
    nodes = [
        node(1, "workflow>Group", values, outputs=outputs([1]), **saved),
        node(2, "Show", None, {"anything": 1}),
        *others,
    ]
    return workflow(nodes, [[1, 1, 0, 2, 0]], extra={"groupNodes": {"Group": made}})


LATENT = node(-1, "Latent", [64, 64], outputs=outputs([]))
SAMPLER = node(
    -1, "Sampler", [5, "fixed", 20, 8.0, "euler"], {"model": None, "latent": None}, outputs=outputs([])
)
LOADER = group(
    [
        node(-1, "LoadImage", ["x.png", "image"], outputs=outputs([], [])),
        node(-1, "Invert", [], {"image": None}, outputs=outputs([])),
    ],
    [0, 0, 1, 0, "IMAGE"],
)


@BOTH
def test_group_nodes_are_expanded(editor: str) -> None:
    made = grouped(group([LATENT, LATENT]), [1, 2, 3, 4])
    prompt = convert(made, editor)
    assert set(prompt) == {"1:0", "1:1", "2"}
    assert prompt["1:0"]["inputs"] == {"width": 1, "height": 2}
    assert prompt["1:1"]["inputs"] == {"width": 3, "height": 4}
    assert prompt["2"]["inputs"] == {"anything": ["1:0", 0]}


def test_1_45_takes_combos_with_lists_for_sockets_of_the_group() -> None:
    made = grouped(group([SAMPLER]), [7, "randomize", 9, 4.0, "ddim"])
    assert convert(made, "1.27")["1:0"]["inputs"]["sampler"] == "ddim"
    assert convert(made)["1:0"]["inputs"] == {"seed": 7, "steps": 9, "cfg": 4.0, "sampler": "euler"}
    assert convert(made, repair=True)["1:0"]["inputs"]["sampler"] == "ddim"


def test_1_45_does_not_know_groups_with_an_upload_button_at_such_a_combo() -> None:
    made = grouped(LOADER, ["y.png", "image"])
    old = convert(made, "1.27")
    assert set(old) == {"1:0", "1:1", "2"}
    assert old["1:0"]["inputs"] == {"image": "y.png"}
    assert old["1:1"]["inputs"] == {"image": ["1:0", 0]}
    assert convert(made)["1"]["class_type"] is None
    assert set(convert(made, repair=True)) == {"1:0", "1:1", "2"}


@BOTH
def test_a_primitive_node_inside_is_a_widget_of_the_group(editor: str) -> None:
    wide = node(-1, "Latent", [64, 64], {"*width": None}, outputs=outputs([]))
    number = node(-1, "PrimitiveNode", [7, "fixed"], outputs=outputs([]))
    made = group([number, wide, wide], [0, 0, 1, 0, "INT"], [0, 0, 2, 0, "INT"])
    prompt = convert(grouped(made, [128, "fixed", 16, 32]), editor)
    assert prompt["1:1"]["inputs"] == {"width": 128, "height": 16}
    assert prompt["1:2"]["inputs"] == {"width": 128, "height": 32}


@BOTH
def test_a_reroute_inside_hands_on_what_leaves_the_group_but_nothing_inside(editor: str) -> None:
    turn = node(-1, "Reroute", None, {"": None}, outputs=outputs([]))
    leaving = group([LATENT, turn], [0, 0, 1, 0, "LATENT"], external=[[1, 0, "LATENT"]])
    assert convert(grouped(leaving, [8, 16]), editor)["2"]["inputs"] == {"anything": ["1:0", 0]}
    inner = group([LATENT, turn, SAMPLER], [0, 0, 1, 0, "LATENT"], [1, 0, 2, 1, "LATENT"])
    assert "latent" not in convert(grouped(inner, [8, 16, 1, "fixed"]), editor)["1:2"]["inputs"]


@BOTH
def test_a_widget_turned_input_inside_is_a_widget_of_the_group_at_its_end(editor: str) -> None:
    wide = node(-1, "Latent", [64, 64], {"*width": None}, outputs=outputs([]))
    prompt = convert(grouped(group([wide]), [16, 128]), editor)
    assert prompt["1:0"]["inputs"] == {"width": 128, "height": 16}


@pytest.mark.parametrize("mode", [2, 4])
def test_1_45_leaves_out_what_is_inside_a_group_that_is_off(mode: int) -> None:
    assert set(convert(grouped(group([LATENT]), [8, 16], mode=mode))) == {"2"}


def test_1_45_fails_at_a_group_used_twice() -> None:
    again = node(3, "workflow>Group", [4, 4], outputs=outputs([]))
    made = grouped(group([LATENT]), [8, 16], again)
    with pytest.raises(ConversionError, match="use the same group"):
        convert(made)
    assert set(convert(made, "1.27")) == set(convert(made, repair=True)) == {"1:0", "3:0", "2"}
    again["mode"] = 2
    assert set(convert(made)) == {"1:0", "2"}


@BOTH
def test_group_nodes_in_a_subgraph_make_the_editor_fail(editor: str) -> None:
    inside = subgraph(
        "S",
        [node(7, "workflow>Group", [8, 16], outputs=outputs([9]))],
        [[9, 7, 0, -20, 0]],
        outs=[boundary("out", "LATENT", 9)],
    )
    made = with_subgraphs(
        [node(1, "S", None, outputs=outputs([]))],
        [],
        inside,
        extra={"groupNodes": {"Group": group([LATENT])}},
    )
    with pytest.raises(ConversionError, match="group node 1:7 is inside subgraph"):
        convert(made, editor)
    convert(made, editor, repair=True)
