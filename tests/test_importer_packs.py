"""What the JavaScript of packs does to a prompt: general rules, the packs that are known, and plug-ins."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import Conversion, Pack, PackNode, convert_workflow
from comfyflow.importer.pack_set import standing_packs
from comfyflow.schema import Schema
from tests.command import Command
from tests.editor_json import Json, node, outputs, workflow


def described(module: str, required: Json, optional: Json | None = None, **said: Any) -> Json:
    return {
        "input": {"required": required, "optional": optional or {}},
        "output": ["IMAGE"],
        "python_module": module,
        **said,
    }


H264 = [
    ["pix_fmt", ["yuv420p", "yuv420p10le"]],
    ["crf", "INT", {"default": 19}],
    ["trim_to_audio", "BOOLEAN", {"default": False}],
]
VHS, RGTHREE, KJ, OTHER = (
    f"custom_nodes.{folder}"
    for folder in ("ComfyUI-VideoHelperSuite", "rgthree-comfy", "ComfyUI-KJNodes", "other")
)
SIZED: Json = {
    "force_rate": ["INT", {"default": 0}],
    "custom_width": ["INT", {"default": 0}],
    "custom_height": ["INT", {"default": 0}],
    "frame_load_cap": ["INT", {"default": 0}],
    "skip_first_frames": ["INT", {"default": 0}],
    "select_every_nth": ["INT", {"default": 1}],
}
COMBINED: Json = {
    "images": ["IMAGE"],
    "frame_rate": ["FLOAT", {"default": 8}],
    "loop_count": ["INT", {"default": 0}],
    "filename_prefix": ["STRING", {"default": "out"}],
    "format": [["image/gif", "video/h264-mp4"], {"formats": {"video/h264-mp4": H264}}],
    "pingpong": ["BOOLEAN", {"default": False}],
    "save_output": ["BOOLEAN", {"default": True}],
}
COLORED: Json = {
    "x": ["INT", {"default": 1}],
    "color": ["SWATCH", {}],
    "y": ["INT", {"default": 2}],
    "image": ["IMAGE"],
}
SEEDED: Json = {"seed": ["INT", {"default": 0, "min": 0}], "use_same_seed": ["BOOLEAN", {"default": False}]}
SERVER = Schema(
    {
        "Source": described("nodes", {}),
        "Sink": described("nodes", {"image": ["IMAGE"]}),
        "Pair": described("nodes", {"positive": ["IMAGE"], "negative": ["IMAGE"], "n": ["INT", {}]}),
        "Invert": described("nodes", {"image": ["IMAGE"]}),
        "Named": described(
            OTHER,
            {
                "x": ["INT", {}],
                "color": ["COLOR", {"widgetType": "SWATCH", "default": "red"}],
                "y": ["INT", {}],
            },
        ),
        "Colored": described(OTHER, COLORED),
        "Grown": described(OTHER, {"x": ["INT", {}]}, {"args": ["ARGS", {}]}),
        "Args": {**described(OTHER, {}), "output": ["ARGS"]},
        "Lazy": described(OTHER, {}, name="Eager"),
        "VHS_VideoCombine": described(VHS, COMBINED),
        "VHS_LoadVideoPath": described(VHS, {"video": ["STRING", {}], **SIZED}),
        "VHS_SelectLatest": described(VHS, {"filename_prefix": ["STRING", {}]}),
        "PreviewBridge": described("custom_nodes.ComfyUI-Impact-Pack", {"image": ["STRING", {}]}),
        "SaveStringKJ": described(KJ, {"filename_prefix": ["STRING", {}]}),
        "ImageBatchMulti": described(KJ, {"inputcount": ["INT", {}]}),
        "SoundReactive": described(KJ, {"x": ["INT", {}]}),
        "ImageReceiver": described(
            "custom_nodes.ComfyUI-Impact-Pack",
            {"save_to_workflow": ["BOOLEAN", {}], "image_data": ["STRING", {}]},
        ),
        "Repeater|pysssss": described(
            "custom_nodes.ComfyUI-Custom-Scripts",
            {"repeats": ["INT", {}], "output": [["single", "multi"]], "node_mode": [["reuse", "create"]]},
        ),
        "HighRes-Fix Script": described("custom_nodes.efficiency-nodes-comfyui", SEEDED),
        "Power Primitive (rgthree)": described(RGTHREE, {}),
        "Power Puter (rgthree)": described(RGTHREE, {}),
        "Power Lora Loader (rgthree)": described(RGTHREE, {}),
        "Power Prompt (rgthree)": described(
            RGTHREE,
            {"prompt": ["STRING", {}]},
            {
                "insert_lora": [["CHOOSE", "DISABLE LORAS", "a"]],
                "insert_saved": [["CHOOSE"]],
                "crop_width": ["INT", {"default": -1}],
            },
        ),
        "ShowText|pysssss": described(
            "custom_nodes.ComfyUI-Custom-Scripts", {"text": ["STRING", {"forceInput": True}]}
        ),
        "Notice": described(
            "custom_nodes.comfyui-animatediff-evolved",
            {"x": ["INT", {}]},
            {"autosize": ["ADEAUTOSIZE", {}]},
        ),
    }
)


def convert(made: Json, **options: Any) -> Conversion:
    return convert_workflow(made, SERVER, editor="1.45", **{"seed": 1, **options})


def sent(type_: str, values: Any, links: Json | None = None, **saved: Any) -> Json:
    made: Json = convert(workflow([node(7, type_, values, links, **saved)]))["7"]["inputs"]
    return made


def test_c3_a_widget_type_makes_a_widget() -> None:
    assert sent("Named", [1, "blue", 3]) == {"x": 1, "color": "blue", "y": 3}
    assert sent("Named", None)["color"] == "red"


def test_c3_an_input_without_a_socket_and_a_value_more_make_a_widget() -> None:
    assert sent("Colored", [1, "blue", 3]) == {"x": 1, "color": "blue", "y": 3}
    assert sent("Colored", [1, "blue", 3], {"image": None, "*color": None}) == {
        "x": 1,
        "color": "blue",
        "y": 3,
    }


@pytest.mark.parametrize(
    ("values", "links"), [([1, 3], {}), ([1, 3, 4, 5], {}), ([1, 3, 4], {"color": None})]
)
def test_c3_without_both_it_is_a_socket(values: list[int], links: Json) -> None:
    assert sent("Colored", values, links) == {"x": 1, "y": 3}


def test_c3_a_socket_of_a_later_version_is_no_widget() -> None:
    assert sent("Grown", [1, ""]) == {"x": 1}


def test_the_name_of_a_class_is_the_one_that_the_server_describes() -> None:
    assert convert(workflow([node(1, "Lazy")]))["1"]["class_type"] == "Eager"


def test_c1_a_format_brings_its_own_inputs() -> None:
    saved = {"frame_rate": 12, "format": "video/h264-mp4", "crf": 30, "videopreview": {}}
    made = convert(workflow([node(7, "VHS_VideoCombine", saved)]))
    assert made["7"]["inputs"] == {
        "frame_rate": 12,
        "loop_count": 0,
        "filename_prefix": "out",
        "format": "video/h264-mp4",
        "pingpong": False,
        "save_output": True,
        "pix_fmt": "yuv420p",
        "crf": 30,
        "trim_to_audio": False,
    }
    assert not made.warnings
    assert any("saved under crf" in str(origin) for origin in made.explain("7"))
    assert "crf" not in sent("VHS_VideoCombine", {"format": "image/gif", "crf": 30})


@pytest.mark.parametrize(
    ("force_size", "size"),
    [
        ("Disabled", (0, 0)),
        ("Custom Width", (304, 0)),
        ("Custom Height", (0, 512)),
        ("256x?", (256, 0)),
        ("?x128", (0, 128)),
        ("64x32", (64, 32)),
        ("Custom", (304, 512)),
    ],
)
def test_c2_forced_sizes_of_old_files(force_size: str, size: tuple[int, int]) -> None:
    saved = {"video": "a.mp4", "force_size": force_size, "custom_width": 304, "custom_height": 512}
    made = sent("VHS_LoadVideoPath", saved)
    assert (made["custom_width"], made["custom_height"]) == size


def test_c2_values_of_old_files_were_a_list() -> None:
    made = sent("VHS_LoadVideoPath", ["a.mp4", 8, "Disabled", 16, 2, 3])
    assert made == {
        "video": "a.mp4",
        "force_rate": 8,
        "custom_width": 0,
        "custom_height": 0,
        "frame_load_cap": 16,
        "skip_first_frames": 2,
        "select_every_nth": 3,
    }


def test_c7_save_output_was_called_save_image() -> None:
    assert sent("VHS_VideoCombine", {"save_image": False})["save_output"] is False
    assert sent("VHS_VideoCombine", [8, 0, "out", "image/gif", False, False])["save_output"] is False


def test_c12_select_latest_sends_no_node_and_says_so() -> None:
    nodes = [
        node(1, "VHS_SelectLatest", {"filename_prefix": "a"}, outputs=outputs([1])),
        node(2, "Sink", None, {"image": 1}),
    ]
    made = convert(workflow(nodes, [[1, 1, 0, 2, 0]]))
    assert made.prompt["2"]["inputs"] == {}
    assert list(made) == ["2"]
    assert [(warning.type, warning.node_id) for warning in made.warnings] == [("values_not_understood", "1")]


def test_c13_names_of_videos_are_replaced() -> None:
    saved = {"filename_prefix": "%Source of it.x%/a", "frame_rate": 8}
    nodes = [node(7, "VHS_VideoCombine", saved), node(8, "Named", [5, "red", 3], title="Source of it")]
    assert convert(workflow(nodes))["7"]["inputs"]["filename_prefix"] == "5/a"


def test_names_of_files_of_kjnodes_are_replaced() -> None:
    nodes = [node(7, "SaveStringKJ", ["%Named.x%/a"]), node(8, "Named", [5, "red", 3], title="Named")]
    assert convert(workflow(nodes))["7"]["inputs"] == {"filename_prefix": "5/a"}


def test_buttons_of_kjnodes_are_sent() -> None:
    assert sent("ImageBatchMulti", [2, None]) == {"inputcount": 2, "Update inputs": None}
    assert sent("SoundReactive", [1]) == {"x": 1, "Start mic capture": None, "Stop mic capture": None}


def test_c4_a_seed_is_drawn_and_said() -> None:
    made = workflow([node(7, "HighRes-Fix Script", [-1, None, False])])
    first, again, other = convert(made), convert(made), convert(made, seed=2)
    seed = first["7"]["inputs"]["seed"]
    assert 0 <= seed < 2**50
    assert again["7"] == first["7"]
    assert other["7"] != first["7"]
    (warning,) = first.warnings
    assert (warning.type, warning.node_id, warning.input_name) == ("random_value", "7", "seed")
    assert str(seed) in warning.message


def test_c4_a_seed_that_is_not_used_is_kept() -> None:
    assert sent("HighRes-Fix Script", [5, None, False])["seed"] == 5
    assert sent("HighRes-Fix Script", [-1, None, True])["seed"] == -1


def test_c6_a_preview_bridge_sends_an_address() -> None:
    assert sent("PreviewBridge", [{"filename": "mask.png"}])["image"] == "$7-0"
    assert sent("PreviewBridge", ["$3-4"])["image"] == "$3-4"


def test_c6_a_painted_picture_is_said() -> None:
    (warning,) = convert(workflow([node(7, "PreviewBridge", ["clipspace/mask.png [input]"])])).warnings
    assert (warning.type, warning.input_name) == ("value_made_by_editor", "image")
    assert not convert(workflow([node(7, "PreviewBridge", [""])])).warnings


@pytest.mark.parametrize(
    ("values", "image"),
    [([True, "iVBORw0"], "iVBORw0"), ([False, "iVBORw0"], ""), ([True, "[IMAGE DATA]"], "")],
)
def test_a_receiver_sends_a_picture_that_is_kept(values: list[Any], image: str) -> None:
    assert sent("ImageReceiver", values)["image_data"] == image


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([2, "single", "reuse"], []),
        ([2, "multi", "reuse"], ["values_not_understood"]),
        ([2, "single", "create"], ["values_not_understood"]),
    ],
)
def test_c11_copies_that_a_repeater_makes_are_said(values: list[Any], types: list[str]) -> None:
    made = convert(workflow([node(7, "Repeater|pysssss", values)]))
    assert [warning.type for warning in made.warnings] == types


def test_c9_set_and_get_nodes_of_easy_use() -> None:
    nodes = [
        node(1, "Source", outputs=outputs([1])),
        node(2, "easy setNode", ["it"], {"IMAGE": 1}),
        node(3, "easy getNode", ["it"], outputs=outputs([2])),
        node(4, "Sink", None, {"image": 2}),
    ]
    made = convert(workflow(nodes, [[1, 1, 0, 2, 0], [2, 3, 0, 4, 0]]))
    assert made["4"]["inputs"] == {"image": ["1", 0]}
    assert list(made) == ["1", "4"]


@pytest.mark.parametrize(
    ("values", "value"),
    [
        (["STRING", "a"], "a"),
        (["INT", "7"], 7),
        (["FLOAT", 1.5], 1.5),
        (["INT", "x"], 0),
        (["BOOL", "False"], False),
        (["BOOLEAN", 1], True),
    ],
)
def test_c10_a_power_primitive_sends_its_value_as_its_type(values: list[Any], value: Any) -> None:
    made = sent("Power Primitive (rgthree)", values)
    assert made["value"] == value
    assert type(made["value"]) is type(value)
    assert made["type"] == {"BOOL": "BOOLEAN"}.get(values[0], values[0])


def test_c10_a_power_puter_sends_its_program() -> None:
    outs = {"outputs": ["INT"]}
    assert sent("Power Puter (rgthree)", [outs, "a + 1"]) == {"outputs": outs, "code": "a + 1"}


def test_c15_lists_to_pick_from_are_sent_where_there_is_a_choice() -> None:
    made = sent("Power Prompt (rgthree)", ["a cat", "a", "CHOOSE", 5])
    assert made == {"prompt": "a cat", "insert_lora": "CHOOSE"}


def test_power_lora_loader() -> None:
    lora = {"on": True, "lora": "a", "strength": 1, "strengthTwo": None}
    made = sent("Power Lora Loader (rgthree)", [{}, {"type": "x"}, lora, None, ""])
    assert made["lora_1"] == {"on": True, "lora": "a", "strength": 1}
    separate = {"Show Strengths": "Separate Model & Clip"}
    both = sent("Power Lora Loader (rgthree)", [lora], properties=separate)
    assert both["lora_1"]["strengthTwo"] == 1


def test_show_text_sends_what_it_showed() -> None:
    made = sent("ShowText|pysssss", ["", "one", ["two", 3]], {"text": None})
    assert made == {"text_0": "one", "text_1": "two", "text_2": "3"}


def test_widgets_that_are_only_shown_are_not_sent() -> None:
    assert sent("Notice", [4, ""]) == {"x": 4}


def mark(said: str) -> Pack:
    def fill(filled: PackNode) -> None:
        filled.set("by", said)

    return Pack("other", "1", modules=("other",), classes={"Named": fill}, virtual={"MyNote": "note"})


def test_a_pack_of_ones_own() -> None:
    made = convert(workflow([node(1, "Named", [1, "b", 2]), node(2, "MyNote")]), packs=[mark("me")])
    assert made["1"]["inputs"]["by"] == "me"
    assert list(made) == ["1"]
    assert not made.warnings
    assert "by" not in convert(workflow([node(1, "Named", [1, "b", 2])]))["1"]["inputs"]


def test_a_class_that_several_packs_have_is_its_modules() -> None:
    def wrong(filled: PackNode) -> None:
        filled.set("by", "the wrong one")

    packs = [Pack("wrong", "1", modules=("wrong",), classes={"Named": wrong}), mark("the right one")]
    made = convert(workflow([node(1, "Named", [1, "b", 2])]), packs=packs)
    assert made["1"]["inputs"]["by"] == "the right one"


def test_a_given_pack_without_modules_has_the_classes_that_it_names() -> None:
    def faster(node: PackNode) -> None:
        node.set("frame_rate", 24)

    def rate(**given: Any) -> Any:
        file = workflow([node(1, "VHS_VideoCombine", {"frame_rate": 8}, {"images": None})])
        return convert_workflow(file, SERVER, editor="1.45", **given)["1"]["inputs"]["frame_rate"]

    assert rate() == 8
    assert rate(packs=[Pack("mine", "1", classes={"VHS_VideoCombine": faster})]) == 24
    elsewhere = Pack("mine", "1", modules=("elsewhere",), classes={"VHS_VideoCombine": faster})
    assert rate(packs=[elsewhere]) == 8


def test_a_pack_comes_as_a_module_too() -> None:
    module = ModuleType("my_pack")
    module.PACK = mark("a module")  # type: ignore[attr-defined]
    made = convert(workflow([node(1, "Named", [1, "b", 2])]), packs=[module])
    assert made["1"]["inputs"]["by"] == "a module"


FILE = """
from comfyflow.importer import Pack

PACK = Pack("other", "1", modules=("other",), classes={"Named": lambda node: node.set("by", "a file")})
"""


@pytest.fixture
def pack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workflow.json").write_text(
        json.dumps(workflow([node(1, "Named", [1, "b", 2])])), encoding="utf-8"
    )
    classes = {"Named": {"input": {"required": {}}, "output": [], "python_module": OTHER}}
    (tmp_path / "object_info.json").write_text(json.dumps(classes), encoding="utf-8")
    file = tmp_path / "my_pack.py"
    file.write_text(FILE, encoding="utf-8")
    return file


def test_the_command_takes_a_pack(command: Command, pack_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["convert", "workflow.json", "--object-info", "object_info.json"]
    done = command(*words, "--pack", "my_pack.py")
    assert done.code == 0, done.err
    assert json.loads(done.out)["1"]["inputs"]["by"] == "a file"
    monkeypatch.syspath_prepend(str(pack_file.parent))
    done = command(*words, "--pack", "my_pack")
    assert json.loads(done.out)["1"]["inputs"]["by"] == "a file"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "it has no PACK"),
        ("1 / 0", "ZeroDivisionError"),
        (FILE.replace('node.set("by", "a file")', "1 / 0"), "failed at node 1 (Named): ZeroDivisionError"),
    ],
)
def test_a_pack_that_fails_is_named(command: Command, pack_file: Path, text: str, says: str) -> None:
    pack_file.write_text(text, encoding="utf-8")
    done = command("convert", "workflow.json", "--object-info", "object_info.json", "--pack", "my_pack.py")
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_pack_that_fails_at_links_is_named() -> None:
    def connect(_graph: object, _report: object) -> None:
        raise KeyError("x")

    with pytest.raises(ConversionError, match=r"the pack mine failed at the links of the workflow: KeyError"):
        convert(workflow([]), packs=[Pack("mine", "1", connect=connect)])


def test_a_pack_that_is_not_there() -> None:
    with pytest.raises(ConversionError, match=r"'no_such_pack' cannot be loaded.*my_pack\.py"):
        convert(workflow([]), packs=["no_such_pack"])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of distributions, with one that has an entry point for a pack."""
    info = tmp_path / "some_pack-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: some-pack\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[comfyflow.packs]\nsome = installed_pack:PACK\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "installed_pack", raising=False)
    standing_packs.cache_clear()
    return tmp_path


def test_an_installed_pack_is_in_force(site: Path) -> None:
    (site / "installed_pack.py").write_text(FILE.replace("a file", "an entry point"), encoding="utf-8")
    try:
        made = convert(workflow([node(1, "Named", [1, "b", 2])]))
        assert made["1"]["inputs"]["by"] == "an entry point"
    finally:
        standing_packs.cache_clear()


def test_an_installed_pack_that_fails_is_named(site: Path) -> None:
    (site / "installed_pack.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(
        ConversionError, match=r"installed_pack:PACK, the entry point some of comfyflow\.packs"
    ):
        convert(workflow([]))


def test_notes_of_mtb_are_of_the_editor_only() -> None:
    assert list(
        convert(workflow([node(1, "Note Plus (mtb)", ["# read"]), node(2, "Named", [5, "red", 3])]))
    ) == ["2"]
    made = convert(workflow([node(1, "Note Plus (mtb)", ["# read"])]))
    assert (list(made), made.warnings) == ([], [])
