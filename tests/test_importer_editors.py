"""What changed between releases of the editor: rules A to H and a to i, each by its number."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import boundary, convert, inputs_of, node, subgraph, with_subgraphs, workflow

Json = dict[str, Any]


def server(**inputs: Json) -> Schema:
    """A server of classes with these required inputs."""
    return Schema(
        {
            name: {
                "input": {"required": required},
                "input_order": {"required": list(required)},
                "output": ["INT"],
                "output_name": ["INT"],
                "output_is_list": [False],
                "name": name,
                "display_name": name,
                "python_module": "nodes",
            }
            for name, required in inputs.items()
        },
        "0.33.0",
    )


def alone(known: Schema, type_: str, values: Any, editor: str, **saved: Any) -> Json:
    """The inputs that one node of that class sends."""
    made = workflow([node(1, type_, values, **saved)])
    sent: Json = convert_workflow(made, known, editor=editor, seed=1)["1"]["inputs"]
    return sent


def option(key: str, **required: Any) -> Json:
    return {"key": key, "inputs": {"required": required}}


def choice(*options: Json) -> list[Any]:
    return ["COMFY_DYNAMICCOMBO_V3", {"options": list(options)}]


# A. Inputs of one name under different options.


def test_a_inputs_of_one_name_under_different_options_are_different() -> None:
    encoding = choice(option("auto"), option("re", crf=["INT", {"default": 9}]))
    known = server(
        Save={
            "format": choice(
                option("mp4", codec=choice(option("h264", encoding=encoding))),
                option("webm", codec=choice(option("vp9", crf=["FLOAT", {"default": 32.5}]))),
            ),
            "last": ["INT", {"default": 1}],
        }
    )
    for editor in ("1.45", "1.49"):
        assert alone(known, "Save", ["mp4", "h264", "re", 5, 7], editor) == {
            "format": "mp4",
            "format.codec": "h264",
            "format.codec.encoding": "re",
            "format.codec.encoding.crf": 5,
            "last": 7,
        }
        assert alone(known, "Save", ["webm", "vp9", 5, 7], editor) == {
            "format": "webm",
            "format.codec": "vp9",
            "format.codec.crf": 5,
            "last": 7,
        }


def test_a_slots_of_one_name_grow_as_the_chosen_option_says() -> None:
    def grows(**template: Any) -> list[Any]:
        return ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"i": ["IMAGE", {}]}}, **template}}]

    known = server(
        Refer={
            "model": choice(
                option("one", refs=grows(names=["only"], min=0)),
                option("many", refs=grows(prefix="ref_", min=0, max=4)),
            )
        },
        Number={"value": ["INT", {"default": 3}]},
    )
    saved = [{"name": f"model.refs.ref_{place}", "type": "IMAGE", "link": place + 1} for place in range(2)]
    made = workflow(
        [node(1, "Number", [5]), {**node(2, "Refer", ["many"]), "inputs": saved}],
        [[1, 1, 0, 2, 0, "IMAGE"], [2, 1, 0, 2, 1, "IMAGE"]],
    )
    for _ in range(2):  # what was converted before leaves no trace
        assert convert_workflow(made, known, editor="1.49", seed=1)["2"]["inputs"] == {
            "model": "many",
            "model.refs.ref_0": ["1", 0],
            "model.refs.ref_1": ["1", 0],
        }
        assert alone(known, "Refer", ["one"], "1.49") == {"model": "one"}


# B. Values saved on a subgraph's node.


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


def test_b7_a_dynamic_combo_changes_its_key_alone() -> None:
    known = server(
        Size={
            "by": choice(option("factor", factor=["FLOAT", {"default": 1}]), option("width", w=["INT", {}]))
        }
    )
    inside = subgraph(
        "d",
        [node(5, "Size", ["factor", 1.5], {"*by": 1})],
        [[1, -10, 0, 5, 0]],
        [boundary("by", "COMFY_DYNAMICCOMBO_V3", 1)],
    )
    made = with_subgraphs([node(1, "d", ["width"], {"*by": None})], [], inside)
    sent = convert_workflow(made, known, editor="1.49", seed=1)["1:5"]["inputs"]
    assert sent == {"by": "width", "by.factor": 1.5}


@pytest.mark.parametrize(("editor", "steps"), [("1.45", 55), ("1.46", 55), ("1.47", 20), ("1.58", 20)])
def test_b8_a_primitive_node_linked_to_a_subgraphs_node(editor: str, steps: int) -> None:
    made = promoted(
        ([33, "ddim"], {"inputs": {"*steps": 9}}),
        feeding=[
            node(8, "PrimitiveNode", [55, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": [9]}])
        ],
    )
    assert inputs_of(made, "1:5", editor)["steps"] == steps


# C to G.


@pytest.mark.parametrize(
    ("editor", "sent"),
    [
        ("1.46", {"UNKNOWN": "last"}),
        ("1.47", {"UNKNOWN": "null", "UNKNOWN_1": "[1,2]", "UNKNOWN_2": 3, "UNKNOWN_3": "last"}),
    ],
)
def test_c_the_values_of_an_unknown_class(editor: str, sent: Json) -> None:
    assert inputs_of(workflow([node(1, "Gone", [None, [1, 2], 3, "last"])]), "1", editor) == sent


def test_d_the_audio_player_is_sent_to_1_46() -> None:
    known = server(SaveAudio={"filename_prefix": ["STRING", {"default": "x"}]})
    assert alone(known, "SaveAudio", ["a"], "1.46") == {"filename_prefix": "a", "audioUI": ""}
    assert alone(known, "SaveAudio", ["a"], "1.47") == {"filename_prefix": "a"}


def test_e_the_compositor_is_a_widget() -> None:
    known = server(Compose={"compositor": ["COMPOSITOR", {"default": {}}], "n": ["INT", {"default": 1}]})
    assert alone(known, "Compose", None, "1.49") == {"compositor": {}, "n": 1}
    assert alone(known, "Compose", [{"a": 1}, 5], "1.49") == {"compositor": {"a": 1}, "n": 5}


def test_e_names_in_file_names_of_3d_nodes_are_replaced() -> None:
    known = server(
        SavePointCloud={"filename_prefix": ["STRING", {"default": "x"}]},
        Number={"value": ["INT", {"default": 3}]},
    )
    made = workflow([node(1, "SavePointCloud", ["a%Number.value%"]), node(2, "Number", [5])])
    assert convert_workflow(made, known, editor="1.49", seed=1)["1"]["inputs"]["filename_prefix"] == "a5"


def test_f_g_3d_nodes_that_save_send_their_camera() -> None:
    sides: Json = {"width": ["INT", {"default": 20}], "height": ["INT", {"default": 10}]}
    known = server(Save3DAdvanced={"viewport_state": ["LOAD_3D", {}], **sides})
    sent = alone(known, "Save3DAdvanced", ["", 20, 10], "1.49")
    assert "image" not in sent
    camera = sent["viewport_state"]["camera_info"]
    assert camera["position"] == {"x": 10, "y": 10, "z": 10.000000000000002}
    assert camera["aspect"] == 2
