"""What the editor 1.49.6 sends with the JavaScript of packs in it, and what their plug-ins send.

`editor_packs.json` has the classes, nodes as they were loaded, and the inputs that were sent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema

SEEN: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("editor_packs.json").read_text("utf-8"))
SERVER: Final = Schema(SEEN["object_info"], "0.33.0")
NOT_TAKEN: Final = {
    "DeepTranslatorTextNode": {"hide_proxy", "hide_authorization"},
    "PreviewTextNode": {"PreviewTextNode_0"},
    "PainterNode": {"Clear Canvas", "painter_widget"},
    "PoseNode": {"Add pose", "Reset pose", "widget_openpose"},
    "HexToHueNode": {"HexToHueNode", "HexToHueNode_box"},
    "Bjornulf_LoopIntegerSequential": {"Reset Counter (Error)"},
}
"""Buttons and drawings that the editor sends, the plug-ins do not, and no class takes."""


@pytest.mark.parametrize("name", SEEN["cases"])
def test_a_plug_in_sends_what_the_editor_sends(name: str) -> None:
    node, inputs = SEEN["cases"][name]
    made = convert_workflow(
        {"version": 0.4, "nodes": [node], "links": []}, SERVER, editor=SEEN["editor"], seed=1
    )
    left_out = NOT_TAKEN.get(node["type"], set())
    assert not left_out & SERVER.raw[node["type"]]["input"]["required"].keys()
    assert made["1"]["inputs"] == {key: value for key, value in inputs.items() if key not in left_out}


@pytest.mark.parametrize("count", [10**9, -1, True, "3", None, 2.5])
def test_an_odd_number_of_entries_is_no_trouble(count: Any) -> None:
    for type_ in ("Bjornulf_LoopLoraSelector", "Bjornulf_RandomModelSelector", "Bjornulf_PickInput"):
        node = {"id": 1, "type": type_, "widgets_values": [count]}
        made = convert_workflow({"version": 0.4, "nodes": [node], "links": []}, SERVER, editor="1.49", seed=1)
        assert len(made["1"]["inputs"]) < 400


@pytest.mark.parametrize(
    ("saved", "sent"),
    [
        (["#FF8000"], {"hex": "#FF8000", "r": 255, "g": 128, "b": 0, "a": None}),
        (["#FF800080"], {"hex": "#FF800080", "r": 255, "g": 128, "b": 0, "a": 128 / 255}),
        ([], {"hex": "#000000", "r": 0, "g": 0, "b": 0, "a": None}),
        (["#zz"], {"hex": "#zz", "r": None, "g": None, "b": None, "a": None}),
        ([5], {"hex": "#000000", "r": 0, "g": 0, "b": 0, "a": None}),
    ],
)
def test_a_colour_of_mixlab_is_sent_in_its_parts(saved: list[Any], sent: dict[str, Any]) -> None:
    server = Schema(
        {
            "Color": {
                "input": {"required": {"color": ["TCOLOR"]}},
                "output": ["STRING"],
                "python_module": "custom_nodes.comfyui-mixlab-nodes",
            }
        }
    )
    node = {"id": 1, "type": "Color", "widgets_values": saved}
    made = convert_workflow({"version": 0.4, "nodes": [node], "links": []}, server)
    assert made["1"]["inputs"]["color"] == sent
