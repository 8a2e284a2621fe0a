"""What is known of classes, types and files by their names: each, as ComfyUI and the packs write it."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Schema, validate_prompt
from comfyflow.schema import NodeSchema
from comfyflow.validate.core_checks import own_check
from comfyflow.validate.input_files import find_file
from comfyflow.validate.own_check import OwnCheck, OwnCheckError
from comfyflow.validate.pack_checks import has_endless_outputs, pack_check
from comfyflow.validate.plan import SchemaPlans
from comfyflow.validate.rules import ServerRules
from tests.small_schema import node, node_class

PACK = "custom_nodes.some-pack"


def class_of(class_type: str, module: str = PACK, version: str = "0.36.0") -> tuple[NodeSchema, ServerRules]:
    schema = Schema({class_type: node_class({}, ("IMAGE",), python_module=module)}, version)
    found = schema.get(class_type)
    assert found is not None
    return found, SchemaPlans.of(schema).rules


def check_of(class_type: str) -> OwnCheck:
    found = pack_check(class_of(class_type)[0])
    assert found is not None
    return found


def answer(check: OwnCheck, there: bool | None = None, **values: Any) -> Any:
    return check.run(values, {}, lambda _: there)


# Classes of packs


@pytest.mark.parametrize(
    ("class_type", "name", "others"),
    [
        ("Load image with metadata [Crystools]", "image", ""),
        ("LoadAndResizeImage", "image", ""),
        ("VHS_LoadAudioUpload", "audio", "*"),
        ("VHS_LoadVideo", "video", ""),
        ("VHS_LoadVideoFFmpeg", "video", ""),
        ("ImageReceiver", "image", "link_id save_to_workflow image_data trigger_always"),
        ("LatentReceiver", "latent", "link_id trigger_always"),
    ],
)
def test_classes_of_packs_that_look_for_a_file(class_type: str, name: str, others: str) -> None:
    check = check_of(class_type)
    assert check.takes(name)
    assert all(check.takes(other) for other in others.replace("*", "whatever").split())
    assert check.takes("whatever") is (others == "*")
    assert check.missing({}) is None
    assert answer(check) is True
    assert [answer(check, there, **{name: "a.png"}) for there in (True, None, False)] == [True, True, False]
    assert answer(check, True, **{name: 5}) is False


@pytest.mark.parametrize(
    ("class_type", "name", "all_names"),
    [
        ("ADE_LoadCameraPosesFromPath", "file_path", True),
        ("VHS_LoadAudio", "audio_file", True),
        ("VHS_LoadImagePath", "image", False),
        ("VHS_LoadImages", "directory", True),
        ("VHS_LoadImagesPath", "directory", True),
        ("VHS_LoadVideoFFmpegPath", "video", False),
        ("VHS_LoadVideoPath", "video", False),
    ],
)
def test_classes_of_packs_that_look_for_a_path_on_the_servers_disk(
    class_type: str, name: str, all_names: bool
) -> None:
    check = check_of(class_type)
    assert (check.takes(name), check.takes("whatever")) == (True, all_names)
    raised = check.missing({})
    assert raised is not None
    assert raised.message == (
        f"{class_type}.VALIDATE_INPUTS() missing 1 required positional argument: {name!r}"
    )
    for given in ("/mnt/a.png", "", None):
        assert answer(check, False, **{name: given}) is True, "nobody but the server sees its disk"
    with pytest.raises(OwnCheckError, match="'int' object has no attribute 'strip'"):
        answer(check, **{name: 5})


@pytest.mark.parametrize(
    ("class_type", "names"),
    [
        ("Apply Vit Matte (mtb)", "returns"),
        ("Load Vit Matte Model (mtb)", "kind"),
        ("Model Pruner (mtb)", "ema_mode"),
        ("Qr Code (mtb)", "error_correct invert"),
        ("Text To Image (mtb)", "h_align v_align"),
        ("easy applyInpaint", "inpaint_mode encode"),
        ("easy imageRemBg", "rem_mode"),
        ("easy joinImageBatch", "mode"),
        ("Combo Clone", "combo"),
        ("LoadText|pysssss", "*"),
        ("ReroutePrimitive|pysssss", "*"),
        ("SaveText|pysssss", "*"),
    ],
)
def test_classes_of_packs_whose_choices_are_left_to_them(class_type: str, names: str) -> None:
    check = check_of(class_type)
    assert all(check.takes(name) for name in names.split() if name != "*")
    assert (check.takes("whatever"), check.takes_types) == (names == "*", False)
    assert (check.missing({}), answer(check, False)) == (None, True)


@pytest.mark.parametrize(
    "class_type",
    [
        "AccumulateNode",
        "AccumulationGetItemNode",
        "AccumulationGetLengthNode",
        "AccumulationHeadNode",
        "AccumulationSetItemNode",
        "AccumulationTailNode",
        "AccumulationToListNode",
        "BoolOperationNode",
        "ComponentInput",
        "ComponentMetadata",
        "ComponentOutput",
        "DebugPrint",
        "DisplayAny",
        "ExecutionBlocker",
        "FloatConditions",
        "ForLoopClose",
        "ForLoopOpen",
        "IntConditions",
        "IntMathOperation",
        "InversionDemoAdvancedPromptNode",
        "InversionDemoLazyConditional",
        "InversionDemoLazyIndexSwitch",
        "InversionDemoLazyMixImages",
        "InversionDemoLazySwitch",
        "ListToAccumulationNode",
        "MakeListNode",
        "StringConditions",
        "ToBoolNode",
        "VHS_Unbatch",
        "WhileLoopClose",
        "WhileLoopOpen",
    ],
)  # fmt: skip
def test_classes_of_packs_to_which_the_types_of_links_are_left(class_type: str) -> None:
    raw = {
        "Image": node_class({}, ("IMAGE",)),
        class_type: node_class({"value": ["MODEL"]}, end=True, python_module=PACK),
    }
    prompt = {"1": node("Image"), "2": node(class_type, value=["1", 0])}
    assert validate_prompt(prompt, Schema(raw, "0.27.0")).valid
    assert not check_of(class_type).takes("value")


ENDLESS = (
    "ImageBatchSplitter //Inspire,ImpactInversedSwitch,LatentBatchSplitter //Inspire,Power Puter (rgthree),"
    "easy forLoopEnd,easy forLoopStart,easy loadImagesForLoop,easy whileLoopEnd,easy whileLoopStart"
)


@pytest.mark.parametrize("class_type", ENDLESS.split(","))
def test_classes_of_packs_with_as_many_outputs_as_are_asked_for(class_type: str) -> None:
    assert has_endless_outputs(class_of(class_type)[0])
    assert not has_endless_outputs(class_of(class_type, "nodes")[0])
    assert not has_endless_outputs(class_of(f"{class_type} 2")[0])


def test_a_class_of_the_same_name_that_is_comfyuis_own_is_not_a_packs() -> None:
    for class_type in ("VHS_LoadVideo", "DisplayAny", "SaveText|pysssss"):
        assert pack_check(class_of(class_type, "nodes")[0]) is None
        assert pack_check(class_of(f"{class_type} 2")[0]) is None


@pytest.mark.parametrize("value", [5, ["1", 0]])
def test_of_a_class_that_takes_inputs_of_every_name_nothing_is_said(value: Any) -> None:
    raw = {
        "Image": node_class({}, ("IMAGE",)),
        "Any Switch (rgthree)": node_class({}, ("*",), python_module=PACK),
        "Power Lora Loader (rgthree)": node_class({}, ("*",), python_module=PACK),
        "Plain": node_class({}, ("*",), python_module=PACK),
        "Show": node_class({"image": ["*"]}, end=True),
    }
    schema, told = Schema(raw, "0.27.0"), dict[str, bool]()
    for class_type in raw:
        found = schema.get(class_type)
        assert found is not None
        prompt = {
            "1": node("Image"),
            "2": node(class_type, whatever=value),
            "3": node("Show", image=["2", 0]),
        }
        said = [note.input_name for note in validate_prompt(prompt, schema).notes]
        if found.takes_all:
            told[class_type] = "whatever" in said
    assert told
    assert not any(told.values()), told


# Classes of ComfyUI's own


@pytest.mark.parametrize(
    ("class_type", "module", "owner", "names"),
    [
        ("LoadImage", "nodes", "LoadImage", "image"),
        ("LoadImageMask", "nodes", "LoadImage", "image"),
        ("LoadImageOutput", "nodes", "LoadImage", "image"),
        ("LoadLatent", "nodes", "LoadLatent", "latent"),
        ("WebcamCapture", "comfy_extras.nodes_webcam", "LoadImage", "image"),
        ("LoadAudio", "comfy_extras.nodes_audio", "LoadAudio", "audio"),
        ("LoadVideo", "comfy_extras.nodes_video", "LoadVideo", "file"),
        ("Load3D", "comfy_extras.nodes_load_3d", "Load3D", "model_file"),
        ("Load3DAdvanced", "comfy_extras.nodes_load_3d", "Load3DAdvanced", "model_file"),
        ("CustomCombo", "comfy_extras.nodes_logic", "CustomComboNode", "choice"),
        ("ModelAttentionBackend", "comfy_extras.nodes_model_advanced", "ModelAttentionBackend", "attention"),
        ("FluxProUltraImageNode", "comfy_api_nodes.nodes_bfl", "FluxProUltraImageNode", "aspect_ratio"),
        ("SelectModelDevice", "comfy_extras.nodes_multigpu", "SelectModelDeviceNode", ""),
        ("SelectCLIPDevice", "comfy_extras.nodes_multigpu", "SelectCLIPDeviceNode", ""),
        ("SelectVAEDevice", "comfy_extras.nodes_multigpu", "SelectVAEDeviceNode", ""),
        ("TripoConversionNode", "comfy_api_nodes.nodes_tripo", "TripoConversionNode", ""),
    ],
)
def test_classes_of_comfyuis_own_that_check_their_inputs(
    class_type: str, module: str, owner: str, names: str
) -> None:
    check = own_check(*class_of(class_type, module))
    assert check is not None
    assert (check.owner, check.needed) == (owner, tuple(names.split()))
    assert check.takes("device") is (class_type.startswith("Select") or check.takes_all)
    for stranger in (PACK, f"{module}s"):
        assert own_check(*class_of(class_type, stranger)) is None


@pytest.mark.parametrize(
    ("name", "kind"), [("LoadImage", "image"), ("LoadLatent", "latent"), ("LoadVideo", "video")]
)
def test_a_file_that_is_not_there_is_called_what_it_is(name: str, kind: str) -> None:
    check = own_check(*class_of(name, "comfy_extras.nodes_video" if name == "LoadVideo" else "nodes"))
    assert check is not None
    (needed,) = check.needed
    assert answer(check, False, **{needed: "a"}) == f"Invalid {kind} file: a"
    assert (answer(check, None, **{needed: "a"}), answer(check, True, **{needed: "a"})) == (True, True)


@pytest.mark.parametrize(("version", "checked"), [("0.24.9", False), ("0.25.0", True)])
@pytest.mark.parametrize("class_type", ["Load3D", "Load3DAdvanced"])
def test_since_when_meshes_are_looked_for(class_type: str, version: str, checked: bool) -> None:
    found = own_check(*class_of(class_type, "comfy_extras.nodes_load_3d", version))
    assert (found is not None) is checked


# Files


@pytest.mark.parametrize(
    ("class_type", "name"),
    [
        ("LoadImage", "image"),
        ("LoadImageMask", "image"),
        ("LoadAudio", "audio"),
        ("LoadVideo", "file"),
        ("LoadLatent", "latent"),
        ("Load3D", "model_file"),
        ("Load3DAdvanced", "model_file"),
    ],
)
def test_whose_choices_are_the_files_of_the_input_folder(class_type: str, name: str) -> None:
    def listed(inputs: dict[str, Any]) -> frozenset[str]:
        raw = {class_type: node_class(inputs, ("IMAGE",)), "Other": node_class({name: [["other.png"], {}]})}
        return SchemaPlans.of(Schema(raw, "0.27.0")).files

    assert listed({name: [["a.png", "none", 3], {}]}) == {"a.png"}
    assert listed({f"{name}s": [["a.png"], {}]}) == frozenset()


@pytest.mark.parametrize("suffix", ["gltf", "glb", "obj", "fbx", "stl", "spz", "splat", "ply", "ksplat"])
def test_meshes_are_listed_from_one_folder_only(suffix: str) -> None:
    assert find_file(f"a.{suffix}", frozenset()) is None
    assert find_file(f"a.{suffix.upper()}", frozenset()) is None
    assert find_file(f"a.{suffix}x", frozenset()) is False
    assert find_file(f"a.{suffix} [output]", frozenset()) is False


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("a.png", True),
        ("./a.png", True),
        ("sub/../a.png", True),
        ("a.png [input]", True),
        ("b.png [input]", False),
        ("a.png [output]", False),
        ("a.png [temp]", False),
        ("", True),
        (".", True),
        ("b.png", False),
        ("sub/b.png", None),
        ("..", False),
        ("../a.png", False),
        ("/a.png", False),
        ("..b/a.png", None),
    ],
)
def test_what_is_known_of_a_file(name: str, there: bool | None) -> None:
    assert find_file(name, frozenset({"a.png"})) is there


# Types


def socket_notes(kind: str, **options: Any) -> list[tuple[str, str]]:
    raw = {
        "Make": node_class({}, (kind,)),
        "Take": node_class({"x": [kind, options]}, end=True),
    }
    report = validate_prompt({"1": node("Take", x="typed in")}, Schema(raw, "0.27.0"))
    return [(problem.type, problem.severity) for problem in report.problems]


def test_a_constant_for_what_only_a_link_can_bring() -> None:
    assert socket_notes("IMAGE") == [("constant_for_socket", "warning")]


@pytest.mark.parametrize("sign", ["default", "widgetType", "component", "socketless"])
def test_what_shows_that_an_input_has_a_widget(sign: str) -> None:
    assert socket_notes("IMAGE", **{sign: "x"}) == []
    assert socket_notes("IMAGE", **{f"{sign}s": "x"}) == [("constant_for_socket", "warning")]


@pytest.mark.parametrize(
    "kind",
    [
        "ARRAY",
        "AUDIO_RECORD",
        "BOUNDING_BOX",
        "BOUNDING_BOXES",
        "COLOR",
        "COLORS",
        "CURVE",
        "DICT",
        "FLOATS",
        "HISTOGRAM",
        "IMAGECOMPARE",
        "LOAD3D_CAMERA",
        "LOAD_3D",
        "LOAD_3D_ANIMATION",
        "RANGE",
        "WEBCAM",
    ],
)  # fmt: skip
def test_types_that_are_typed_in_although_nodes_put_them_out(kind: str) -> None:
    assert socket_notes(kind) == []
    assert socket_notes(f"{kind}_OF_A_PACK") == [("constant_for_socket", "warning")]


@pytest.mark.parametrize(
    "name", ["audioUI", "clear", "refresh", "upload", "upload 3d model", "upload extra resources"]
)
@pytest.mark.parametrize("module", ["nodes", PACK])
def test_buttons_of_the_editor_are_no_inputs(name: str, module: str) -> None:
    raw = {"Take": node_class({}, end=True, python_module=module)}
    schema = Schema(raw, "0.27.0")
    assert validate_prompt({"1": node("Take", **{name: ""})}, schema).problems == ()
    (told,) = validate_prompt({"1": node("Take", **{f"{name}s": ""})}, schema).problems
    assert told.type in ("unknown_input", "unlisted_input")


@pytest.mark.parametrize(
    ("class_type", "name"),
    [
        ("Load3DAdvanced", "viewport_state"),
        ("Preview3D", "image"),
        ("Preview3DAnimation", "image"),
        ("PreviewAny", "preview"),
        ("SaveGLB", "image"),
    ],
)
def test_viewers_of_the_editor_are_no_inputs_of_their_class_alone(class_type: str, name: str) -> None:
    raw = {class_type: node_class({}, end=True), "Other": node_class({}, end=True)}
    schema = Schema(raw, "0.27.0")
    assert validate_prompt({"1": node(class_type, **{name: ""})}, schema).problems == ()
    assert [each.type for each in validate_prompt({"1": node("Other", **{name: ""})}, schema).problems] == [
        "unknown_input"
    ]
