"""What changed between releases of the editor: rules A to H and a to i, each by its number."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import boundary, convert, inputs_of, node, only, subgraph, with_subgraphs, workflow

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


# C to G.


@pytest.mark.parametrize(
    ("editor", "sent"),
    [
        ("1.46", {"UNKNOWN": "last"}),
        ("1.47", {"UNKNOWN": "null", "UNKNOWN_1": "[1,2]", "UNKNOWN_2": 3, "UNKNOWN_3": "last"}),
    ],
)
def test_c_the_values_of_an_unknown_class(editor: str, sent: Json) -> None:
    slot = {"name": "x", "type": "INT", "link": None}  # one that is no note of another pack
    made = workflow([{**node(1, "Gone", [None, [1, 2], 3, "last"]), "inputs": [slot]}])
    assert inputs_of(made, "1", editor) == sent


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


def test_h_a_group_node_becomes_a_subgraph_with_new_ids() -> None:
    group = {"nodes": [{"type": "Quiet", "widgets_values": [6]}], "links": [], "external": []}
    made = workflow(
        [
            node(2, "workflow>G", [77], outputs=[{"name": "INT", "type": "INT", "links": [1]}]),
            node(3, "Show", None, {"anything": 1}),
        ],
        [[1, 2, 0, 3, 0, "INT"]],
        extra={"groupNodes": {"G": group}},
        last_node_id=3,
    )
    assert convert(made, "1.46")["2:0"]["inputs"] == {"seed": 77}
    prompt = convert(made, "1.47")
    assert set(prompt) == {"3", "5:4"}
    assert prompt["5:4"]["inputs"] == {"seed": 77}
    assert prompt["3"]["inputs"] == {"anything": ["5:4", 0]}


# Since 1.53.


def linked(input_link: Any, *table: list[Any], values: Any = None) -> Json:
    """Two numbers and a node that shows one, as the table says or as its input says."""
    return workflow(
        [node(1, "Quiet", [5]), node(2, "Quiet", [6]), node(3, "Show", values, {"anything": input_link})],
        list(table),
    )


def test_a_link_that_only_the_table_has() -> None:
    made = linked(None, [1, 1, 0, 3, 0, "INT"])
    assert inputs_of(made, "3", "1.52") == {}
    assert inputs_of(made, "3", "1.53") == {"anything": ["1", 0]}


def test_a_link_that_only_an_input_has() -> None:
    with pytest.raises(ConversionError, match="link 1, which does not exist"):
        convert(linked(1), "1.52")
    assert inputs_of(linked(1), "3", "1.53") == {}


def test_a_of_two_links_of_one_id_the_first_stays() -> None:
    made = linked(1, [1, 1, 0, 3, 0, "INT"], [1, 2, 0, 3, 0, "INT"])
    assert inputs_of(made, "3", "1.52") == {"anything": ["2", 0]}
    assert inputs_of(made, "3", "1.53") == {"anything": ["1", 0]}


def test_a_a_link_whose_id_is_text_is_none() -> None:
    assert inputs_of(linked("1", ["1", 1, 0, 3, 0, "INT"]), "3", "1.53") == {}


def test_a_an_input_keeps_the_link_that_it_names_wherever_the_table_puts_it() -> None:
    made = workflow(
        [node(1, "LoadImage"), node(2, "LoadImage"), node(3, "Blend", None, {"image": 1, "other": 2})],
        [[1, 1, 0, 3, 1, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
    )
    assert inputs_of(made, "3", "1.58") == {"image": ["1", 0], "other": ["2", 0]}


def test_a_what_a_lost_option_was_linked_to_goes_to_the_place_that_the_table_gives() -> None:
    known = server(
        Ask={
            "text": ["STRING", {"default": "t"}],
            "model": choice(option("one", refs=["IMAGE", {}])),
        },
        Number={"value": ["INT", {"default": 3}]},
    )
    asked = {**node(2, "Ask", ["t", "gone"]), "inputs": [{"name": "model.refs", "type": "IMAGE", "link": 1}]}
    made = workflow([asked, node(4, "Number", [1])], [[1, 4, 0, 2, 0, "IMAGE"]])

    def sent(editor: str) -> Json:
        return dict(convert_workflow(made, known, editor=editor, seed=1)["2"]["inputs"])

    assert sent("1.52") == {"text": "t", "model": "gone"}
    assert sent("1.53") == {"text": ["4", 0], "model": "gone"}


def test_a_outputs_of_subgraphs_take_the_first_link_of_the_table() -> None:
    inside = subgraph(
        "d",
        [node(5, "Quiet", [5]), node(6, "Quiet", [6])],
        [[1, 5, 0, -20, 0], [2, 6, 0, -20, 0]],
        [],
        [boundary("INT", "INT", 2, 1)],
    )
    made = with_subgraphs(
        [node(1, "d"), node(3, "Show", None, {"anything": 9})], [[9, 1, 0, 3, 0, "INT"]], inside
    )
    assert inputs_of(made, "3", "1.52") == {"anything": ["1:6", 0]}
    assert inputs_of(made, "3", "1.53") == {"anything": ["1:5", 0]}


@pytest.mark.parametrize(
    ("value", "to_1_39", "to_1_53", "since_1_54"),
    [
        (3, "3", 3, "3"),
        (True, "true", True, "true"),
        (["a", "b"], "a,b", {"__value__": ["a", "b"]}, "a,b"),
        ({"a": 1}, "[object Object]", {"a": 1}, "[object Object]"),
        ("a\r\nb", "a\nb", "a\r\nb", "a\r\nb"),
    ],
)
def test_b_multiline_text(value: Any, to_1_39: Any, to_1_53: Any, since_1_54: Any) -> None:
    known = server(Text={"text": ["STRING", {"multiline": True}], "line": ["STRING", {}]})
    for editor, expected in (("1.39", to_1_39), ("1.40", to_1_53), ("1.53", to_1_53), ("1.54", since_1_54)):
        assert alone(known, "Text", [value, 7], editor) == {"text": expected, "line": 7}


def test_c_a_file_name_that_is_no_text() -> None:
    made = workflow([node(1, "SaveImage", [5])])
    with pytest.raises(ConversionError, match="has 5 as filename_prefix"):
        convert(made, "1.55")
    assert inputs_of(made, "1", "1.57") == {"filename_prefix": 5}


@pytest.mark.parametrize(
    ("editor", "sent"),
    [
        ("1.33", {"number": 4, "pick": "one"}),
        ("1.34", {"number": None, "pick": None}),
        ("1.41", {"number": None, "pick": "one"}),
        ("1.53", {"number": 4, "pick": "one"}),
    ],
)
def test_d_values_in_an_object(editor: str, sent: Json) -> None:
    known = server(Both={"number": ["INT", {"default": 4}], "pick": ["COMBO", {"options": ["one", "two"]}]})
    assert alone(known, "Both", {"number": 7, "pick": "two"}, editor) == sent


def test_e_two_nodes_of_one_id() -> None:
    made = workflow(
        [node(1, "Quiet", [5]), node(1, "Quiet", [6]), node(2, "Show", None, {"anything": 1})],
        [[1, 1, 0, 2, 0, "INT"]],
        last_node_id=9,
    )
    old, new = convert(made, "1.52"), convert(made, "1.53")
    assert {key: old[key]["inputs"] for key in old} == {"1": {"seed": 6}, "2": {"anything": ["1", 0]}}
    assert {key: new[key]["inputs"] for key in new} == {
        "1": {"seed": 5},
        "10": {"seed": 6},
        "2": {"anything": ["1", 0]},
    }


def test_g_a_curve_is_sent_with_its_type() -> None:
    known = server(Curve={"curve": ["CURVE", {}]})
    plain = {"points": [[0, 0], [1, 1]], "interpolation": "linear"}
    assert alone(known, "Curve", [plain], "1.49") == {"curve": plain}
    assert alone(known, "Curve", [plain], "1.58") == {"curve": {"__type__": "CURVE", "__value__": plain}}
    assert alone(known, "Curve", [[[0, 0]]], "1.49") == {
        "curve": {"__type__": "CURVE", "__value__": [[0, 0]]}
    }
    assert alone(known, "Curve", [None], "1.58") == {"curve": None}


def test_h_three_values_of_save_audio_advanced() -> None:
    known = server(
        SaveAudioAdvanced={
            "filename_prefix": ["STRING", {}],
            "format": choice(option("flac"), option("mp3", quality=["COMBO", {"options": ["V0", "128k"]}])),
        }
    )
    for editor, values, quality in (
        ("1.53", ["a", "mp3", "128k"], "128k"),
        ("1.54", ["a", "mp3", "128k"], "V0"),
        ("1.54", ["a", "mp3", "128k", ""], "128k"),
    ):
        assert alone(known, "SaveAudioAdvanced", values, editor)["format.quality"] == quality


def test_i_meta_names_the_pack() -> None:
    made = workflow([node(1, "Latent", properties={"cnr_id": "comfy-core", "ver": "0.3", "x": 1})])
    assert convert(made, "1.55")["1"]["_meta"] == {"title": "Latent"}
    assert convert(made, "1.58")["1"]["_meta"] == {"title": "Latent", "cnr_id": "comfy-core", "ver": "0.3"}
    made = workflow([node(1, "Latent", properties={"aux_id": "some/pack", "ver": "1a2b"})])
    assert convert(made, "1.58")["1"]["_meta"] == {"title": "Latent", "aux_id": "some/pack", "ver": "1a2b"}


# Older than 1.45.


def test_dynamic_combos_by_release() -> None:
    known = server(Save={"format": choice(option("flac"), option("mp3", quality=["INT", {"default": 3}]))})
    assert alone(known, "Save", ["mp3", 7], "1.32") == {}
    assert alone(known, "Save", ["mp3", 7], "1.33") == {"format": "mp3", "quality": 7}
    assert alone(known, "Save", ["mp3", 7], "1.34") == {"format": "mp3", "format.quality": 7}


@pytest.mark.parametrize(
    ("editor", "sent"),
    [
        ("1.33", {"anything": 5, "preview": ""}),
        ("1.34", {"anything": 5, "preview": "", "previewMode": False}),
        ("1.40", {"anything": 5, "preview_markdown": "", "preview_text": "", "previewMode": False}),
        ("1.43", {"anything": 5}),
    ],
)
def test_previews_of_preview_any_by_release(editor: str, sent: Json) -> None:
    known = server(PreviewAny={"anything": ["INT", {"default": 5}]})
    assert alone(known, "PreviewAny", None, editor) == sent


@pytest.mark.parametrize(
    ("type_", "editor", "has_widget"),
    [
        ("COLOR", "1.26", False),
        ("COLOR", "1.27", True),
        ("MULTISELECT", "1.31", True),
        ("MULTISELECT", "1.32", False),
        ("BOUNDING_BOX", "1.38", False),
        ("BOUNDING_BOX", "1.39", True),
        ("CURVE", "1.40", False),
        ("CURVE", "1.41", True),
        ("RANGE", "1.43", False),
        ("RANGE", "1.44", True),
        ("COMPOSITOR", "1.47", False),
        ("COMPOSITOR", "1.48", True),
        ("VIDEO_EDIT", "1.48", False),
        ("VIDEO_EDIT", "1.49", True),
    ],
)
def test_which_types_have_a_widget_by_release(type_: str, editor: str, has_widget: bool) -> None:
    assert ("value" in alone(server(Holder={"value": [type_, {}]}), "Holder", None, editor)) is has_widget


def test_h_group_nodes_with_lists_by_release() -> None:
    group = {"nodes": [{"type": "Pick", "widgets_values": ["one", 2]}], "links": [], "external": []}
    known = server(Pick={"pick": [["one", "two"], {}], "number": ["INT", {"default": 1}]})
    made = workflow([node(2, "workflow>G", ["two", 6])], extra={"groupNodes": {"G": group}}, last_node_id=3)

    def sent(editor: str) -> list[Json]:
        return [each["inputs"] for each in convert_workflow(made, known, editor=editor, seed=1).values()]

    assert sent("1.36") == sent("1.54") == [{"pick": "two", "number": 6}]
    assert sent("1.37") == sent("1.53") == [{"pick": "one", "number": "two"}]


def test_a_links_of_one_id_inside_a_subgraph_are_two() -> None:
    inside = subgraph(
        "d",
        [
            node(5, "LoadImage"),
            node(6, "Invert", None, {"image": 1}),
            node(7, "Invert", None, {"image": None}),
        ],
        [[1, 5, 0, 6, 0], [1, 5, 0, 7, 0]],
    )
    made = with_subgraphs([node(1, "d")], [], inside)
    assert inputs_of(made, "1:6", "1.53") == inputs_of(made, "1:7", "1.53") == {"image": ["1:5", 0]}


@pytest.mark.parametrize(
    ("type_", "values", "sent"),
    [
        ("Latent", {"height": 7, "width": 9}, {"width": 7, "height": 9}),
        ("Latent", {"b": 7, "1": 8}, {"width": 8, "height": 7}),
        ("Latent", {"width": 7}, {"width": 512, "height": 512}),
        ("Latent", {"width": 7, "height": 8, "more": 9}, {"width": 512, "height": 512}),
        ("Latent", {"0": 7, "length": 1}, {"width": 7, "height": 512}),
        ("Quiet", {"seed": 5}, {"seed": 5}),
        ("Pure", {"a": 7, "b": 8, "c": 9}, {"b": 8}),
        ("Former", {"0": 4, "1": "fixed", "2": 0.5, "3": 9}, {"seed": 4, "scale": 0.5}),
        ("Former", {"one": 4, "two": "fixed", "length": 4}, {"seed": 4, "scale": 4}),
    ],
)
def test_rule_5j_an_object_of_values_counts_in_its_order(type_: str, values: Any, sent: Any) -> None:
    assert only(type_, values, "1.54") == sent


def test_rule_5d_before_an_object_of_values_left_the_defaults() -> None:
    assert only("Latent", {"height": 7, "width": 9}, "1.53") == {"width": 512, "height": 512}
