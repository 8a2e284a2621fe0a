"""Packs that keep values as properties, save the names of widgets, or make values by their code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfyflow.importer import Conversion, convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import Json, node, outputs, subgraph, with_subgraphs, workflow
from tests.test_importer_packs import described

LORAS, SLIDERS, OTHER = (
    f"custom_nodes.{folder}" for folder in ("ComfyUI-Lora-Manager", "ComfyUI-mxToolkit", "other")
)
SLIDER: Json = {"Xi": ["INT", {}], "Xf": ["FLOAT", {}], "isfloatX": ["INT", {}]}
SEED: Json = {"model": ["STRING", {}], "seed": ["INT", {"default": -1, "min": -3}], "steps": ["INT", {}]}
SERVER = Schema(
    {
        "Lora Loader (LoraManager)": described(
            LORAS, {"model": ["MODEL"], "text": ["AUTOCOMPLETE_TEXT_LORAS", {}], "loras": ["LORAS", {}]}
        ),
        "TriggerWord Toggle (LoraManager)": described(
            LORAS, {"group_mode": ["BOOLEAN", {}], "default_active": ["BOOLEAN", {}]}
        ),
        "Save Image (LoraManager)": described(LORAS, {"filename_prefix": ["STRING", {}]}),
        "mxSlider": described(SLIDERS, SLIDER),
        "mxSlider2D": described(
            SLIDERS, {**SLIDER, "Yi": ["INT", {}], "Yf": ["FLOAT", {}], "isfloatY": ["INT", {}]}
        ),
        "Fooocus Styles": described("custom_nodes.Fooocus_Nodes", {"styles": [["fooocus_styles"]]}),
        "SDParameterGenerator": described("custom_nodes.comfyui-prompt-reader-node", SEED),
        "Colored": described(OTHER, {"x": ["INT", {}], "color": ["SWATCH", {}], "y": ["INT", {}]}),
        "Listed": described(
            OTHER, {"a": [[]], "x": ["INT", {}]}, {"b": [[]], "c": ["COMBO", {"options": []}]}
        ),
        "Source": described("nodes", {}),
        "Sink": described("nodes", {"image": ["IMAGE"]}),
    }
)


def converted(*nodes: Json, links: list[list[Any]] | None = None) -> Conversion:
    return convert_workflow(workflow([*nodes], links), SERVER, editor="1.45", seed=1)


def sent(type_: str, values: Any, links: Json | None = None, **saved: Any) -> Json:
    inputs: Json = converted(node(7, type_, values, links, **saved))["7"]["inputs"]
    return inputs


ABOUT: Json = {"version": 1, "textWidgetName": "text"}
LORA: Json = {"name": "a", "strength": 0.8, "active": True}
NAMES: Json = {"__lm_widget_ids": ["loras", "__lm_autocomplete_meta_text", "text", "gone"]}


@pytest.mark.parametrize(
    ("values", "properties"),
    [
        (["<lora:a:0.80>", [LORA]], {}),
        ([ABOUT, "<lora:a:0.80>", [LORA]], {}),
        ([[LORA], ABOUT, "<lora:a:0.80>", 5], NAMES),
    ],
)
def test_values_of_lora_manager_are_found_by_name(values: list[Any], properties: Json) -> None:
    made = sent("Lora Loader (LoraManager)", values, properties=properties)
    assert made["text"] == "<lora:a:0.80>"
    assert made["__lm_autocomplete_meta_text"] == ABOUT
    (lora,) = made["loras"]["__value__"]
    assert lora == {**LORA, "clipStrength": 0.8, "expanded": False, "locked": False, "selected": False}


def test_of_two_loras_with_one_name_the_last_stays() -> None:
    loras = [
        LORA,
        {"name": "b", "strength": 1, "clipStrength": 0.5, "locked": True},
        {**LORA, "active": False},
    ]
    made = sent("Lora Loader (LoraManager)", ["", loras])["loras"]["__value__"]
    assert [(one["name"], one.get("active"), one["expanded"], one["locked"]) for one in made] == [
        ("b", None, True, True),
        ("a", False, False, False),
    ]


def test_trigger_words_with_a_strength_are_sent_with_it() -> None:
    words = [{"text": "x", "active": True, "strength": 1.2}, {"text": "y", "items": [{"text": "z"}, 5]}, "w"]
    made = sent("TriggerWord Toggle (LoraManager)", [True, False, words, "x, y"])
    assert made["toggle_trigger_words"]["__value__"] == [
        {"text": "(x:1.20)", "active": True, "strength": 1.2, "highlighted": False},
        {"text": "y", "items": [{"text": "z", "highlighted": False}], "highlighted": False},
        "w",
    ]
    assert (made["group_mode"], made["default_active"], made["orinalMessage"]) == (True, False, "x, y")
    none = sent("TriggerWord Toggle (LoraManager)", [True])
    assert none["toggle_trigger_words"] == {"__value__": []}
    assert none["orinalMessage"] == ""


def test_lora_manager_replaces_dates_in_file_names() -> None:
    assert "%" not in sent("Save Image (LoraManager)", ["a_%date:yyyy%"])["filename_prefix"]


@pytest.mark.parametrize(
    ("properties", "wanted"),
    [
        ({"value": 7.256, "decimals": 2}, {"Xi": 7, "Xf": 7.26, "isfloatX": 1}),
        ({"value": 7.6, "decimals": 0}, {"Xi": 8, "Xf": 8, "isfloatX": 0}),
        ({"value": "no number", "min": 3}, {"Xi": 3, "Xf": 3, "isfloatX": 0}),
        ({"value": 1.123456, "decimals": 9.5}, {"Xi": 1, "Xf": 1.1235, "isfloatX": 1}),
        ({"value": 10**400, "decimals": 10**400}, {"Xi": 0, "Xf": 0, "isfloatX": 0}),
        ({}, {"Xi": 3, "Xf": 3.5, "isfloatX": 1}),
    ],
)
def test_a_slider_is_kept_as_a_property(properties: Json, wanted: Json) -> None:
    assert sent("mxSlider", [3, 3.5, 1], properties=properties) == wanted


def test_a_slider_may_have_two_axes() -> None:
    properties = {"valueX": 7.5, "decimalsX": 1, "valueY": -2.25, "decimalsY": 0}
    made = sent("mxSlider2D", [1, 1, 0, 1, 1, 0], properties=properties)
    assert made == {"Xi": 7, "Xf": 7.5, "isfloatX": 1, "Yi": -2, "Yf": -2, "isfloatY": 0}


def test_a_reroute_of_mx_toolkit_hands_on() -> None:
    reroute = node(2, "mxReroute", None, {"": 1}, outputs=[{"name": "", "type": "*", "links": [2]}])
    source = node(1, "Source", outputs=[{"name": "i", "type": "IMAGE", "links": [1]}])
    sink = node(3, "Sink", None, {"image": 2})
    made = converted(source, reroute, sink, links=[[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]])
    assert set(made) == {"1", "3"}
    assert made["3"]["inputs"] == {"image": ["1", 0]}


def test_styles_are_kept_as_a_property() -> None:
    made = sent("Fooocus Styles", ["fooocus_styles", "old"], properties={"values": ["a", "b"]})
    assert made == {"styles": "fooocus_styles", "select_styles": "a,b"}


def test_a_seed_without_control_is_drawn_where_it_says_so() -> None:
    assert sent("SDParameterGenerator", ["m", 5, 30]) == {"model": "m", "seed": 5, "steps": 30}
    made = converted(node(7, "SDParameterGenerator", ["m", -1, 30]))
    assert made["7"]["inputs"]["steps"] == 30
    assert 0 <= made["7"]["inputs"]["seed"] < 2**50
    assert [(warning.type, warning.input_name) for warning in made.warnings] == [("random_value", "seed")]


def test_what_was_saved_as_the_input_of_a_widget_is_one_whatever_else_was_saved() -> None:
    slots = {"*x": None, "*color": None, "*y": None}
    made = sent("Colored", [1, "red", 3, "a button", "a preview"], slots)
    assert made == {"x": 1, "color": "red", "y": 3}
    assert sent("Colored", [1, 3, "a button", "a preview"], {"*x": None, "*y": None}) == {"x": 1, "y": 3}


def test_c14_an_optional_list_without_choices_sends_nothing() -> None:
    assert sent("Listed", None) == {"a": None, "x": 0}
    assert sent("Listed", ["a", 5, "b", "c"]) == {"a": "a", "x": 5, "b": "b", "c": "c"}


def set_node(id_: int, link: int) -> Json:
    return node(id_, "SetNode", ["name"], {"IMAGE": link}, outputs=[{"name": "*", "type": "*", "links": []}])


@pytest.mark.parametrize(
    ("outside", "within", "wanted"),
    [(1, 0, ["1", 0]), (2, 0, None), (1, 1, ["5:13", 0]), (2, 1, ["5:13", 0]), (0, 2, ["5:13", 0])],
)
def test_a_get_node_looks_further_outside_for_the_only_set_node_of_its_name(
    outside: int, within: int, wanted: Any
) -> None:
    inner = [
        node(11, "GetNode", ["name"], outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [21]}]),
        node(12, "Sink", None, {"image": 21}),
        node(13, "Source", outputs=[{"name": "i", "type": "IMAGE", "links": [22, 23][:within]}]),
        *(set_node(14 + place, 22 + place) for place in range(within)),
    ]
    links = [[21, 11, 0, 12, 0], *([22 + place, 13, 0, 14 + place, 0] for place in range(within))]
    nodes = [
        node(1, "Source", outputs=outputs([1, 2][:outside])),
        *(set_node(2 + place, 1 + place) for place in range(outside)),
        node(5, "s"),
    ]
    made = convert_workflow(
        with_subgraphs(
            nodes,
            [[1 + place, 1, 0, 2 + place, 0] for place in range(outside)],
            subgraph("s", inner, links),
        ),
        SERVER,
        editor="1.45",
    )
    assert made["5:12"]["inputs"].get("image") == wanted


@pytest.mark.parametrize("mode", [0, 2, 4])
def test_a_set_node_hands_on_whether_or_not_it_is_active(mode: int) -> None:
    """The pack's code follows its link; the node itself never runs."""
    nodes = [
        node(1, "Source", outputs=outputs([1])),
        {**set_node(2, 1), "mode": mode},
        node(3, "GetNode", ["name"], outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [2]}]),
        node(4, "Sink", None, {"image": 2}),
    ]
    made = convert_workflow(workflow(nodes, [[1, 1, 0, 2, 0], [2, 3, 0, 4, 0]]), SERVER, editor="1.45")
    assert made["4"]["inputs"].get("image") == ["1", 0]


EASY, ESSENTIALS, IMPACT, INSPIRE, MTB, KJ = (
    f"custom_nodes.{folder}"
    for folder in (
        "ComfyUI-Easy-Use",
        "ComfyUI_essentials",
        "ComfyUI-Impact-Pack",
        "ComfyUI-Inspire-Pack",
        "comfy_mtb",
        "ComfyUI-KJNodes",
    )
)
SAVED_LORA, WILDCARD = "Select the LoRA to add to the text", "Select the Wildcard to add to the text"
WILD: Json = {
    "text": ["STRING", {"multiline": True}],
    "Select to add LoRA": ["COMBO", {"options": [SAVED_LORA, "a.safetensors"]}],
    "Select to add Wildcard": [[WILDCARD, "__colors__"]],
}
WIDGET_SERVER = Schema(
    {
        "easy wildcards": described(EASY, WILD),
        "easy prompt": described(
            EASY,
            {"text": ["STRING", {}], "prefix": ["COMBO", {"options": ["Select the prefix", "Photo of"]}]},
        ),
        "easy imageSave": described(EASY, {"filename_prefix": ["STRING", {}]}),
        "easy humanSegmentation": described(EASY, {"mask_components": ["EASY_COMBO", {}]}),
        "easy multiAngle": described(EASY, {}, {"multi_angle": ["EASY_MULTI_ANGLE", {}]}),
        "easy promptAwait": described(EASY, {"prompt": ["STRING", {}], "toolbar": ["EASY_BAR", {}]}),
        "easy tableEditor": described(EASY, {"table_data": ["EASY_TABLE_EDITOR"]}),
        "easy sliderControl": described(
            EASY, {"mode": [["layer weights"]], "model_type": [["sdxl", "sd1", "other"]]}
        ),
        "FaceEditor": described(IMPACT, WILD),
        "ImpactSEGSPicker": described(IMPACT, {"picks": ["STRING", {}]}),
        "WildcardEncode //Inspire": described(INSPIRE, WILD),
        "PromptBuilder //Inspire": described(
            INSPIRE, {"category": [["a"]], "preset": [["#PRESET", "a:b"]], "text": ["STRING", {}]}
        ),
        "SeedExplorer //Inspire": described(INSPIRE, {"seed_prompt": ["STRING", {}]}),
        "SD3AttentionSeekerT5+": described(ESSENTIALS, {"t5": ["FLOAT", {"default": 1.0}]}),
        "Interpolate Clip Sequential (mtb)": described(MTB, {"base_text": ["STRING", {}]}),
        "ImageBatchMulti": described(KJ, {"inputcount": ["INT", {"default": 2}]}),
        "Show": described("nodes", {"anything": ["*", {}]}),
    }
)


def sent_by_widgets(type_: str, values: Any, **saved: Any) -> Json:
    made = convert_workflow(workflow([node(7, type_, values, **saved)]), WIDGET_SERVER, editor="1.45", seed=1)
    assert not made.warnings
    inputs: Json = made["7"]["inputs"]
    return inputs


@pytest.mark.parametrize("type_", ["easy wildcards", "FaceEditor", "WildcardEncode //Inspire"])
@pytest.mark.parametrize("picked", [SAVED_LORA, "a.safetensors", "Select to add LoRA"])
def test_lists_to_pick_texts_from_send_their_headline(type_: str, picked: str) -> None:
    made = sent_by_widgets(type_, ["a cat", picked, "__colors__"])
    assert made == {"text": "a cat", "Select to add LoRA": SAVED_LORA, "Select to add Wildcard": WILDCARD}


def test_the_other_lists_of_texts_send_theirs() -> None:
    assert sent_by_widgets("easy prompt", ["a cat", "Photo of"]) == {
        "text": "a cat",
        "prefix": "Select the prefix",
    }
    assert sent_by_widgets("PromptBuilder //Inspire", ["a", "a:b", "b"])["preset"] == "#PRESET"


def test_dates_in_file_names_are_replaced() -> None:
    assert "%" not in sent_by_widgets("easy imageSave", ["a_%date:yyyy%"])["filename_prefix"]


@pytest.mark.parametrize(
    ("saved", "wanted"), [("1,4", "1,4"), (" 2, 3", "2,3"), ("", ""), ("1,,2", "1,,2"), ("text", "NaN")]
)
def test_chosen_parts_are_numbers(saved: str, wanted: str) -> None:
    assert sent_by_widgets("easy humanSegmentation", [saved]) == {"mask_components": wanted}


ANGLE = '[{"rotate":0,"vertical":0,"zoom":5,"add_angle_prompt":true}]'


@pytest.mark.parametrize(
    ("saved", "wanted"),
    [
        ("text", ANGLE),
        ("[]", ANGLE),
        ('[{"rotate": 90}]', '[{"rotate":90}]'),
        ([{"zoom": 1}], '[{"zoom":1}]'),
    ],
)
def test_angles_are_sent_as_json(saved: Any, wanted: str) -> None:
    assert sent_by_widgets("easy multiAngle", [saved]) == {"multi_angle": wanted}


def test_a_toolbar_starts_anew() -> None:
    made = sent_by_widgets("easy promptAwait", ["a cat", '{"select":"prev"}'])
    assert json.loads(made["toolbar"]) == {"select": "now", "unlock": True, "last_seed": 0, "seed": 0}


TABLE: Json = {
    "mode": "table",
    "headers": ["n", "text"],
    "rows": [["1", "a\nb"], ["22222"]],
    "markdown": "old",
}


@pytest.mark.parametrize(
    ("saved", "wanted"),
    [
        (json.dumps(TABLE), "| n     | text   |\n| ----- | ------ |\n| 1     | a<br>b |\n| 22222 |        |"),
        (json.dumps({**TABLE, "mode": "markdown"}), "old"),
        ("|a|b|\n|-|-|\n|1|2|3|", "| a   | b   |\n| --- | --- |\n| 1   | 2   |"),
        ("no table", "| 列1  | 列2  | 列3  |\n| --- | --- | --- |\n|     |     |     |\n|     |     |     |"),
        (json.dumps({"headers": ["😀"], "rows": []}), "| 😀  |\n| --- |"),
    ],
)
def test_a_table_is_sent_as_markdown(saved: str, wanted: str) -> None:
    assert sent_by_widgets("easy tableEditor", [saved]) == {"table_data": wanted}


def test_sliders_are_kept_as_a_property() -> None:
    kept = sent_by_widgets(
        "easy sliderControl", ["layer weights", "sd1"], properties={"values": ["0:0.5", "1:1"]}
    )
    assert kept["values"] == "0:0.5,1:1"
    assert sent_by_widgets("easy sliderControl", ["layer weights", "sdxl"])["values"].startswith(
        "0:0,1:0,2:0,3:2.5,"
    )
    assert sent_by_widgets("easy sliderControl", ["layer weights", "sd1"])["values"].count(",") == 15
    assert sent_by_widgets("easy sliderControl", ["layer weights", "other"])["values"] == ""


@pytest.mark.parametrize(
    ("type_", "values", "buttons"),
    [
        ("ImpactSEGSPicker", ["1", "image"], {"pick": "image"}),
        ("SeedExplorer //Inspire", ["1", None], {"Add to prompt": None}),
        ("SD3AttentionSeekerT5+", [1.0, None, None], {"RESET ALL": None, "REPEAT FIRST": None}),
        ("Interpolate Clip Sequential (mtb)", ["a", "add", "remove"], {"+": "add", "-": "remove"}),
    ],
)
def test_buttons_are_sent(type_: str, values: list[Any], buttons: Json) -> None:
    made = sent_by_widgets(type_, values)
    assert {name: made[name] for name in buttons} == buttons


def test_the_code_of_packs_fills_what_is_behind_a_legacy_group_node() -> None:
    inner = {**node(-1, "ImageBatchMulti", [2, None], outputs=outputs([])), "index": 0}
    group = {"nodes": [inner], "links": [], "external": []}
    nodes = [
        node(1, "workflow>Group", [3], outputs=outputs([1])),
        node(2, "Show", None, {"anything": 1}),
    ]
    made = convert_workflow(
        workflow(nodes, [[1, 1, 0, 2, 0]], extra={"groupNodes": {"Group": group}}),
        WIDGET_SERVER,
        editor="1.45",
    )
    assert made["1:0"]["inputs"] == {"inputcount": 3, "Update inputs": None}
