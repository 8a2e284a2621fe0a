"""The one table of what the editor adds to nodes by itself: widgets that no server describes.

Most come from the editor's own extensions (audio players, upload buttons, 3D viewers). They
matter to a prompt in two ways: some are sent although the server never asked for them, and some
take a place in ``widgets_values`` although they are not sent, so that every later value shifts.

Read off frontend 1.45.20 and 1.27.10.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ..dynamic import KINDS
from ..json_types import is_array, is_number, is_object, object_or_empty
from ..versions import Since
from .javascript import UNDEFINED, js_number, js_text, truthy
from .live_graph import IWidget, LGraphNode

if TYPE_CHECKING:
    from .editor_rules import EditorRules
    from .live_graph import InputSpec

NUMBER: Final = "number"
TOGGLE: Final = "toggle"
TEXT: Final = "text"
MULTILINE: Final = "multiline"
MARKDOWN: Final = "markdown"
COMBO: Final = "combo"
KEY: Final = "key"
"""A combo whose choice brings inputs."""
FILE: Final = "file"
"""A combo with an upload button, in editors that write its value as a path."""
CURVE: Final = "curve"
PLAIN: Final = "plain"
"""A widget that takes any value as it is."""
REPLACED: Final = "replaced"
"""A string in which ``%date:…%`` and ``%Node.widget%`` are replaced."""
FIXED: Final = "fixed"
"""A widget that shows something and takes no value."""
RENDERED: Final = "rendered"
"""A widget whose value only the editor itself can make: a picture of a 3D scene, of the webcam."""
VIEWPORT: Final = "viewport"
"""A 3D viewer that sends where its camera is."""
OPTION: Final = "option"
"""One of CustomCombo's options."""
OPTION_INDEX: Final = "option_index"
"""Which of CustomCombo's options is chosen."""

SEED_NAMES: Final = ("seed", "noise_seed")

_ANNOTATED: Final = re.compile(r"\[(input|output|temp)\]", re.IGNORECASE)
_BOX: Final = {"x": 0, "y": 0, "width": 512, "height": 512}
_HIDDEN_PREVIEWS: Final = ("preview_markdown", "preview_text", "previewMode")
_OFF: Final = 10.000000000000002
_VIDEO_EDIT: Final = {
    "trim": {"start_time": 0, "duration": 0},
    "crop": {"x": 0, "y": 0, "width": 0, "height": 0},
}
_CURVE: Final = {"points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic"}


def default_of(spec: InputSpec, otherwise: Any) -> Any:
    """The stated default; null counts as none."""
    default = spec.options.get("default")
    return otherwise if default is None else default


def _control(spec: InputSpec, filter_list: bool) -> Iterator[IWidget]:
    """What follows a seed: how it changes after each run, and for combos a filter beside it."""
    named = spec.options.get("control_after_generate")
    yield IWidget(
        named if isinstance(named, str) else "control_after_generate", COMBO, "randomize", sent=False
    )
    if filter_list:
        yield IWidget("control_filter_list", TEXT, "", sent=False)


def _int(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, NUMBER, default_of(spec, 0), spec=spec)
    control = spec.options.get("control_after_generate")
    if truthy(spec.name in SEED_NAMES if control is None else control):
        yield from _control(spec, filter_list=False)


def _float(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, NUMBER, default_of(spec, 0), spec=spec)
    if rules.float_control and truthy(spec.options.get("control_after_generate")):
        yield from _control(spec, filter_list=False)


def _boolean(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, TOGGLE, default_of(spec, False), spec=spec)


def _string(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    default = js_text(default_of(spec, ""))  # what is saved keeps its type; a new field holds text
    if truthy(spec.options.get("multiline")):
        yield IWidget(spec.name, MULTILINE, plain_line_ends(default), spec=spec)
    else:
        yield IWidget(spec.name, TEXT, default, spec=spec)


def plain_line_ends(text: str) -> str:
    """The text as a string area of the browser holds it: all line ends are newlines."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _markdown(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, MARKDOWN, "", spec=spec)


def _combo(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    if truthy(spec.options.get("multi_select")):
        yield IWidget(spec.name, PLAIN, [], spec=spec)
        if rules.float_control and truthy(spec.options.get("control_after_generate")):
            yield from _control(spec, filter_list=False)
        return
    default = spec.options.get("default")
    remote = spec.options.get("remote")
    if not truthy(default):
        default = spec.choices[0] if spec.choices else "Loading..." if truthy(remote) else None
    if rules.paths_of_files and takes_media(spec.options):
        yield IWidget(
            spec.name, FILE, file_path(js_text(UNDEFINED if default is None else default), spec), spec=spec
        )
    else:
        yield IWidget(spec.name, COMBO, default, spec=spec)
    if is_object(remote):
        yield IWidget("Auto-refresh after generation", TOGGLE, False, sent=False)
        if truthy(remote.get("refresh_button")):
            yield IWidget("refresh", PLAIN, "refresh")
    if truthy(spec.options.get("control_after_generate")):
        yield from _control(spec, filter_list=True)


def _key(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, KEY, spec.choices[0] if spec.choices else None, spec=spec)


def _upload_button(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, PLAIN, "image", sent=False)


def _audio_player(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, FIXED, "", sent=rules.sends_audio_players, saved=False)


def _audio_recorder(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, FIXED, "")
    yield IWidget(spec.name, PLAIN, "", sent=False)


def _webcam(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, RENDERED, "", spec=spec)


def _viewer(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget("image", FIXED, "", spec=spec)


def _loader_3d(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    if spec.class_type in rules.viewport_classes:
        yield IWidget("viewport_state", VIEWPORT, "", spec=spec)
        return
    if rules.load_buttons or spec.beside_model_file:
        yield IWidget("upload 3d model", PLAIN, "upload3dmodel")
        yield IWidget("upload extra resources", PLAIN, "uploadExtraResources")
        yield IWidget("clear", PLAIN, "clear")
    kind = RENDERED if spec.class_type in ("Load3D", "Load3DAnimation") else FIXED
    yield IWidget("image", kind, "", spec=spec)


def _loader_3d_advanced(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget("viewport_state", VIEWPORT, "", spec=spec)


def _color(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    default = spec.options.get("default") if rules.color_defaults else None
    yield IWidget(spec.name, PLAIN, "#000000" if default is None else default, spec=spec)


def _image_compare(spec: InputSpec, rules: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, PLAIN, ["", ""], saved=rules.saves_comparisons, spec=spec)


def _bounding_box(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    default = default_of(spec, _BOX)
    yield IWidget(spec.name, PLAIN, default, spec=spec)
    for field in _BOX:
        value = default.get(field) if is_object(default) else None
        yield IWidget(field, NUMBER, value, sent=False)


def _curve(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
    yield IWidget(spec.name, CURVE, default_of(spec, _CURVE), spec=spec)


def _plain(otherwise: Any) -> Callable[[InputSpec, EditorRules], Iterator[IWidget]]:
    def make(spec: InputSpec, _: EditorRules) -> Iterator[IWidget]:
        yield IWidget(spec.name, PLAIN, default_of(spec, otherwise), spec=spec)

    return make


WidgetMaker = Callable[["InputSpec", "EditorRules"], Iterator[IWidget]]

PACK_WIDGET: Final[WidgetMaker] = _plain("")
"""A widget that only the code of a pack knows. It takes one value and sends it as it is."""

_NO_WIDGET: Final[WidgetMaker | None] = None


def _always(maker: WidgetMaker) -> Since[WidgetMaker | None]:
    return Since(maker)


def _from(version: str, maker: WidgetMaker) -> Since[WidgetMaker | None]:
    return Since(_NO_WIDGET, (version, maker))


def _within(first: str, end: str, maker: WidgetMaker) -> Since[WidgetMaker | None]:
    return Since(_NO_WIDGET, (first, maker), (end, _NO_WIDGET))


def _until(version: str, maker: WidgetMaker) -> Since[WidgetMaker | None]:
    return Since(maker, (version, _NO_WIDGET))


_WIDGET_TYPES: Final[dict[str, Since[WidgetMaker | None]]] = {
    "INT": _always(_int),
    "FLOAT": _always(_float),
    "BOOLEAN": _always(_boolean),
    "STRING": _always(_string),
    "MARKDOWN": _always(_markdown),
    "COMBO": _always(_combo),
    "IMAGEUPLOAD": _always(_upload_button),
    "AUDIOUPLOAD": _always(_upload_button),
    "AUDIO_UI": _always(_audio_player),
    "AUDIO_RECORD": _always(_audio_recorder),
    "WEBCAM": _always(_webcam),
    "PREVIEW_3D": _always(_viewer),
    "LOAD_3D": _always(_loader_3d),
    "COLOR": _from("1.27", _color),
    "IMAGECOMPARE": _from("1.27", _image_compare),
    "CHART": _from("1.27", _plain({})),
    "GALLERIA": _from("1.27", _plain([])),
    "TEXTAREA": _from("1.27", _plain("")),
    **{name: _from(kind.widget_since, _key) for name, kind in KINDS.items() if kind.widget_since},
    "LOAD_3D_ADVANCED": _from("1.45", _loader_3d_advanced),
    "BOUNDING_BOX": _from("1.39", _bounding_box),
    "BOUNDING_BOXES": _from("1.45", _plain([])),
    "COLORS": _from("1.45", _plain([])),
    "COMPOSITOR": _from("1.48", _plain({})),
    "VIDEO_EDIT": _from("1.49", _plain(_VIDEO_EDIT)),
    "CURVE": _from("1.41", _curve),
    "PAINTER": _from("1.41", _plain("")),
    "RANGE": _from("1.44", _plain({"min": 0.0, "max": 1.0})),
    "LOAD_3D_ANIMATION": _until("1.32", _loader_3d),
    "PREVIEW_3D_ANIMATION": _until("1.32", _viewer),
    "FILEUPLOAD": _within("1.27", "1.32", _plain("")),
    "TREESELECT": _within("1.27", "1.32", _plain("")),
    "MULTISELECT": _within("1.27", "1.32", _plain([])),
    "SELECTBUTTON": _within("1.27", "1.32", _plain("")),
}
"""Which types of inputs have a widget, in which releases, and what it consists of."""


@cache
def widget_types(rules: EditorRules) -> Mapping[str, WidgetMaker]:
    """The types of inputs that have a widget in that release, and what it consists of."""
    held = ((name, made.at(rules.version)) for name, made in _WIDGET_TYPES.items())
    return {name: maker for name, maker in held if maker is not None}


def added_inputs(
    class_type: str, required: Mapping[str, Any], rules: EditorRules
) -> Iterator[tuple[str, str]]:
    """The inputs (name, type) that the editor adds to a class as if the server had asked for them.

    Args:
        class_type: The class.
        required: The required inputs that the server describes: name to [type, options].
        rules: The version of the editor.
    """
    if class_type in rules.audio_classes:
        yield "audioUI", "AUDIO_UI"
    if any(_takes_media(definition) for definition in required.values()):
        yield "upload", "IMAGEUPLOAD"
    audio = required.get("audio")
    if is_array(audio) and len(audio) > 1 and _flag(audio[1], "audio_upload"):
        yield "upload", "AUDIOUPLOAD"
    if class_type in ("SaveGLB", "Preview3D"):
        yield "image", "PREVIEW_3D"
    if class_type == "Load3DAdvanced" and rules.viewers_send_cameras:
        yield "viewport_state", "LOAD_3D_ADVANCED"
    if class_type == "Preview3DAnimation" and rules.animation_viewers:
        yield "image", "PREVIEW_3D_ANIMATION"


def added_widgets(class_type: str, rules: EditorRules) -> Iterator[IWidget]:
    """The widgets without an input that the editor puts behind the others of a class."""
    if class_type == "PreviewAny":
        for name in rules.previews or _HIDDEN_PREVIEWS:
            kind = TOGGLE if name == "previewMode" else MARKDOWN if name == "preview_markdown" else MULTILINE
            yield IWidget(
                name,
                kind,
                False if kind == TOGGLE else "",
                sent=bool(rules.previews),
                saved=kind == TOGGLE,
            )
    elif class_type == "CustomCombo" and rules.custom_combos:
        yield IWidget("index", OPTION_INDEX, -1)
        yield IWidget("option1", OPTION, "")
    elif class_type == "WebcamCapture":
        yield IWidget("waiting for camera...", PLAIN, "capture", sent=False)


def viewport_state(node: LGraphNode, rules: EditorRules) -> dict[str, Any]:
    """What a 3D viewer sends: the camera that was saved with the node, or a new viewer's.

    The editor reads it off the scene that it shows; the aspect is that of the size asked for.
    """
    config = object_or_empty(node.properties.get("Camera Config"))
    saved = config.get("state")
    sent: dict[str, Any] = {
        "camera_info": dict(saved) if is_object(saved) else _new_camera(node, rules),
        "model_3d_info": [],
    }
    if node.type in rules.viewport_classes:
        sent = {"image": "", "mask": "", "normal": "", **sent, "recording": ""}
    return sent


def _new_camera(node: LGraphNode, rules: EditorRules) -> dict[str, Any]:
    width, height = (node.widget(name) for name in ("width", "height"))
    sides = [side.value if side is not None else 1.0 for side in (width, height)]
    wide, high = (js_number(side) for side in sides)
    odd = not all(is_number(side) and side > 0 for side in sides)
    return {
        "position": {"x": 10, "y": 10, "z": _OFF if rules.new_camera_is_off else 10},
        "target": {"x": 0, "y": 0, "z": 0},
        "zoom": 1,
        "cameraType": "perspective",
        "quaternion": {
            "x": -0.2798481423331213,
            "y": 0.3647051996310008,
            "z": 0.11591689595929511,
            "w": 0.8804762392171493,
        },
        "fov": 35,
        "aspect": 0 if odd and rules.odd_views_are_flat else wide / high if high else 1,
        "near": 0.01,
        "far": 10000,
        "frustum": {"left": -5, "right": 5, "top": 5, "bottom": -5},
    }


def _takes_media(definition: Any) -> bool:
    if not is_array(definition) or len(definition) < 2:
        return False
    kind, options = definition[0], definition[1]
    return (kind == "COMBO" or is_array(kind)) and takes_media(options)


def takes_media(options: Any) -> bool:
    """Whether the options of a combo give it an upload button for pictures or videos."""
    return any(_flag(options, name) for name in ("image_upload", "video_upload", "animated_image_upload"))


def file_path(value: Any, spec: InputSpec) -> Any:
    """What an upload combo of 1.27 makes of its value: ``subfolder/name [folder]``."""
    folder = spec.options.get("image_folder")
    mark = f" [{folder}]" if isinstance(folder, str) and folder != "input" else ""
    if is_array(value) and value:
        if truthy(spec.options.get("allow_batch")):
            return [_one_path(item, mark) for item in value]
        value = value[0]
    if not truthy(value) or is_array(value):
        value = spec.options.get("default") or (spec.choices[0] if spec.choices else UNDEFINED)
        return js_text(value)
    return _one_path(value, mark)


def _one_path(value: Any, mark: str) -> str:
    if isinstance(value, str):
        return value if _ANNOTATED.search(value) else value + mark
    if not is_object(value):
        return ""
    name, subfolder, folder = value.get("filename"), value.get("subfolder"), value.get("type")
    path = js_text(name) if name is not None else ""
    if truthy(subfolder):
        path = f"{js_text(subfolder)}/{path}"
    return path + mark if truthy(folder) and not _ANNOTATED.search(js_text(folder)) else path


def _flag(options: Any, name: str) -> bool:
    return is_object(options) and options.get(name) is True
