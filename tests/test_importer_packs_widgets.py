"""Widgets whose values the code of a pack makes, and buttons that are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import Json, node, outputs, workflow
from tests.test_importer_packs import described

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
LORA, WILDCARD = "Select the LoRA to add to the text", "Select the Wildcard to add to the text"
WILD: Json = {
    "text": ["STRING", {"multiline": True}],
    "Select to add LoRA": ["COMBO", {"options": [LORA, "a.safetensors"]}],
    "Select to add Wildcard": [[WILDCARD, "__colors__"]],
}
SERVER = Schema(
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


def sent(type_: str, values: Any, **saved: Any) -> Json:
    made = convert_workflow(workflow([node(7, type_, values, **saved)]), SERVER, editor="1.45", seed=1)
    assert not made.warnings
    inputs: Json = made["7"]["inputs"]
    return inputs


@pytest.mark.parametrize("type_", ["easy wildcards", "FaceEditor", "WildcardEncode //Inspire"])
@pytest.mark.parametrize("picked", [LORA, "a.safetensors", "Select to add LoRA"])
def test_lists_to_pick_texts_from_send_their_headline(type_: str, picked: str) -> None:
    made = sent(type_, ["a cat", picked, "__colors__"])
    assert made == {"text": "a cat", "Select to add LoRA": LORA, "Select to add Wildcard": WILDCARD}


def test_the_other_lists_of_texts_send_theirs() -> None:
    assert sent("easy prompt", ["a cat", "Photo of"]) == {"text": "a cat", "prefix": "Select the prefix"}
    assert sent("PromptBuilder //Inspire", ["a", "a:b", "b"])["preset"] == "#PRESET"


def test_dates_in_file_names_are_replaced() -> None:
    assert "%" not in sent("easy imageSave", ["a_%date:yyyy%"])["filename_prefix"]


@pytest.mark.parametrize(
    ("saved", "wanted"), [("1,4", "1,4"), (" 2, 3", "2,3"), ("", ""), ("1,,2", "1,,2"), ("text", "NaN")]
)
def test_chosen_parts_are_numbers(saved: str, wanted: str) -> None:
    assert sent("easy humanSegmentation", [saved]) == {"mask_components": wanted}


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
    assert sent("easy multiAngle", [saved]) == {"multi_angle": wanted}


def test_a_toolbar_starts_anew() -> None:
    made = sent("easy promptAwait", ["a cat", '{"select":"prev"}'])
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
    assert sent("easy tableEditor", [saved]) == {"table_data": wanted}


def test_sliders_are_kept_as_a_property() -> None:
    kept = sent("easy sliderControl", ["layer weights", "sd1"], properties={"values": ["0:0.5", "1:1"]})
    assert kept["values"] == "0:0.5,1:1"
    assert sent("easy sliderControl", ["layer weights", "sdxl"])["values"].startswith("0:0,1:0,2:0,3:2.5,")
    assert sent("easy sliderControl", ["layer weights", "sd1"])["values"].count(",") == 15
    assert sent("easy sliderControl", ["layer weights", "other"])["values"] == ""


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
    made = sent(type_, values)
    assert {name: made[name] for name in buttons} == buttons


def test_the_code_of_packs_fills_what_is_behind_a_legacy_group_node() -> None:
    inner = {**node(-1, "ImageBatchMulti", [2, None], outputs=outputs([])), "index": 0}
    group = {"nodes": [inner], "links": [], "external": []}
    nodes = [
        node(1, "workflow>Group", [3], outputs=outputs([1])),
        node(2, "Show", None, {"anything": 1}),
    ]
    made = convert_workflow(
        workflow(nodes, [[1, 1, 0, 2, 0]], extra={"groupNodes": {"Group": group}}), SERVER, editor="1.45"
    )
    assert made["1:0"]["inputs"] == {"inputcount": 3, "Update inputs": None}
