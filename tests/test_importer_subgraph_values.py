"""Values that were saved on a subgraph's node, and what ``proxyWidgets`` do with them [14, 20, B]."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from tests.editor_json import boundary, convert, inputs_of, node, subgraph, with_subgraphs

Json = dict[str, Any]


def promoted(*hosts: tuple[Any, Json], feeding: list[Json] | None = None) -> Json:
    """Uses of a subgraph that shows steps, a sampler and a text of what is inside."""
    inside = subgraph(
        "d",
        [
            node(5, "Sampler", [7, "fixed", 20, 8.0, "euler"], {"*steps": 1, "*sampler": 2}),
            node(6, "Encode", ["inner"], {"*text": 3}),
        ],
        [[1, -10, 0, 5, 3], [2, -10, 1, 5, 5], [3, -10, 2, 6, 1]],
        [boundary("steps", "INT", 1), boundary("sampler", "COMBO", 2), boundary("text", "STRING", 3)],
    )
    links: Json = {"*steps": None, "*sampler": None, "*text": None}
    uses = [
        node(index, "d", values, {**links, **saved.pop("inputs", {})}, **saved)
        for index, (values, saved) in enumerate(hosts, 1)
    ]
    return with_subgraphs([*uses, *(feeding or [])], [[9, 8, 0, 1, 0]] if feeding else [], inside)


@pytest.mark.parametrize(
    ("editor", "steps", "text"),
    [
        ("1.40", 33, "host"),
        ("1.41", 20, "inner"),
        ("1.45", 20, "inner"),
        ("1.46", 33, "host"),
        ("1.58", 33, "host"),
    ],
)
def test_b1_values_saved_on_a_subgraphs_node(editor: str, steps: int, text: str) -> None:
    made = promoted(([33, "ddim", "host"], {}))
    assert inputs_of(made, "1:5", editor)["steps"] == steps
    assert inputs_of(made, "1:6", editor)["text"] == text


def test_b1_a_linked_input_takes_its_place_and_too_few_leave_the_inner_values() -> None:
    made = promoted(([33, "ddim"], {"inputs": {"*steps": 9}}), feeding=[node(8, "Quiet", [4])])
    assert inputs_of(made, "1:5", "1.49") == {
        "seed": 7, "steps": ["8", 0], "cfg": 8.0, "sampler": "ddim",
    }  # fmt: skip
    assert inputs_of(made, "1:6", "1.49")["text"] == "inner"


@pytest.mark.parametrize(("editor", "steps"), [("1.46", 20), ("1.47", None), ("1.58", None)])
def test_b1_null_counts_since_1_47_but_not_for_combos(editor: str, steps: int | None) -> None:
    made = promoted(([None, None], {}))
    assert inputs_of(made, "1:5", editor) == {"seed": 7, "steps": steps, "cfg": 8.0, "sampler": "euler"}


def test_b2_each_use_has_its_own_values_and_texts_are_no_dynamic_prompts() -> None:
    made = promoted(([1, "a", "{x} // y"], {}), ([2, "b"], {}))
    assert inputs_of(made, "1:5", "1.49")["steps"] == 1
    assert inputs_of(made, "2:5", "1.49")["steps"] == 2
    assert inputs_of(made, "1:6", "1.49")["text"] == "{x} // y"


def test_b3_all_that_an_input_feeds_gets_the_value() -> None:
    inside = subgraph(
        "d",
        [
            node(5, "Latent", [64, 72], {"*width": 1, "*height": 2}),
            node(6, "Show", None, {"anything": 3}),
        ],
        [[1, -10, 0, 5, 0], [2, -10, 0, 5, 1], [3, -10, 0, 6, 0]],
        [boundary("size", "INT", 1, 2, 3)],
    )
    made = with_subgraphs([node(1, "d", [640], {"*size": None})], [], inside)
    assert inputs_of(made, "1:5", "1.49") == {"width": 640, "height": 640}
    assert inputs_of(made, "1:6", "1.49") == {"anything": 640}


def test_b4_proxy_widgets_say_whose_the_values_are() -> None:
    entries = [["6", "text"], ["-1", "steps"], ["5", "cfg"], ["5", "gone"], ["99", "x"]]
    made = promoted(
        (["host", 33, 2.5, 1, 2], {"properties": {"proxyWidgets": entries}}),
        ([1, "ddim"], {}),
    )
    sent = inputs_of(made, "1:5", "1.49")
    assert (sent["steps"], sent["cfg"]) == (33, 2.5)
    assert sent["sampler"] == 33, "by place, before the entries"
    assert inputs_of(made, "1:6", "1.49")["text"] == "host"
    assert inputs_of(made, "2:5", "1.49")["cfg"] == 8.0
    explained = {origin.input_name: str(origin) for origin in convert(made, "1.49").explain("1:5")}
    assert explained["cfg"] == "cfg: 2.5: value 2 saved on the subgraph's node"


def test_b6_the_outermost_value_wins() -> None:
    inner = subgraph(
        "inner", [node(5, "Latent", [64, 72], {"*width": 1})], [[1, -10, 0, 5, 0]], [boundary("w", "INT", 1)]
    )
    outer = subgraph(
        "outer", [node(7, "inner", [600], {"*w": 1})], [[1, -10, 0, 7, 0]], [boundary("w", "INT", 1)]
    )
    made = with_subgraphs(
        [node(1, "outer", [900], {"*w": None}), node(2, "outer", [], {"*w": None})], [], inner, outer
    )
    assert inputs_of(made, "1:7:5", "1.49")["width"] == 900
    assert inputs_of(made, "2:7:5", "1.49")["width"] == 600


@pytest.mark.parametrize(("editor", "steps"), [("1.45", 55), ("1.46", 55), ("1.47", 20), ("1.58", 20)])
def test_b8_a_primitive_node_linked_to_a_subgraphs_node(editor: str, steps: int) -> None:
    made = promoted(
        ([33, "ddim"], {"inputs": {"*steps": 9}}),
        feeding=[
            node(8, "PrimitiveNode", [55, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": [9]}])
        ],
    )
    assert inputs_of(made, "1:5", editor)["steps"] == steps


def test_a_muted_subgraph_node_by_release() -> None:
    inside = subgraph("d", [node(5, "Quiet", [5])], [[1, 5, 0, -20, 0]], [], [boundary("INT", "INT", 1)])
    made = with_subgraphs(
        [node(1, "d", mode=2), node(3, "Show", None, {"anything": 9})], [[9, 1, 0, 3, 0, "INT"]], inside
    )
    assert inputs_of(made, "3", "1.38") == {"anything": ["1:5", 0]}
    for editor in ("1.39", "1.40"):
        with pytest.raises(ConversionError, match="muted subgraph 1"):
            convert(made, editor)
    assert dict(convert(made, "1.41")["3"]["inputs"]) == {}
    assert set(convert(made, "1.41")) == {"3"}


@pytest.mark.parametrize(
    ("editor", "width", "height", "text"),
    [
        ("1.27", 901, 902, "{x} // y"),
        ("1.28", 901, 72, "{x} // y"),
        ("1.40", 901, 72, "{x} // y"),
        ("1.41", 64, 72, "{x} // y"),
        ("1.49", 901, 901, "{x} // y"),
    ],
)
def test_what_proxy_widgets_name_by_release(editor: str, width: int, height: int, text: str) -> None:
    inside = subgraph(
        "d",
        [
            node(7, "Latent", [64, 72], {"*width": 1, "*height": 2}),
            node(8, "Encode", ["{x} // y"], {"*text": 3}),
        ],
        [[1, -10, 0, 7, 0], [2, -10, 1, 7, 1], [3, -10, 2, 8, 1]],
        [boundary("width", "INT", 1), boundary("height", "INT", 2), boundary("text", "STRING", 3)],
    )
    links: Json = {"*width": None, "*height": None, "*text": None}
    host = node(1, "d", [901, 902], links, properties={"proxyWidgets": [["7", "height"]]})
    prompt = convert(with_subgraphs([host], [], inside), editor)
    assert prompt["1:7"]["inputs"] == {"width": width, "height": height}
    assert prompt["1:8"]["inputs"]["text"] == text
