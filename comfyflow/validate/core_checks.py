"""The checks that ComfyUI's own node classes make themselves.

No /object_info describes them, so they are listed here as they are in 0.3.64, 0.27.0 and 0.33.0. Those
of other packages stay unknown: their inputs are checked like any others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ..schema import NodeSchema
from ..versions import Since
from .own_check import FileCheck, OwnCheck, OwnCheckError, Values
from .rules import ServerRules

_TASKS: Final = ("MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID")
_MOVES: Final = ("horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom")
_STEEPEST: Final = 4


def own_check(node: NodeSchema, rules: ServerRules) -> OwnCheck | None:
    """The check that a class makes itself, where it is known.

    Args:
        node: The class; one of the same name from another module is not meant.
        rules: The server's rules.
    """
    if node.class_type not in _CHECKS:
        return None
    module, since, check = _CHECKS[node.class_type]
    if node.python_module != module or not (since is None or since.at(rules.version)):
        return None
    if check.run is _ratio and not rules.ratio_raises:
        check = check._replace(run=_old_ratio)
    if node.class_type == "LoadImageMask" and rules.masks_are_images:
        check = check._replace(owner="LoadImage")
    return check._replace(method="validate_inputs") if node.is_v3 else check


def _file(owner: str, name: str, kind: str) -> OwnCheck:
    def run(values: Values, _types: Mapping[str, Any], exists: FileCheck) -> str | bool:
        return _exists(values[name], kind, exists)

    return OwnCheck(owner, run, (name,))


def _mesh(owner: str) -> OwnCheck:
    def run(values: Values, _types: Mapping[str, Any], exists: FileCheck) -> str | bool:
        given = values["model_file"]
        return True if not given or given == "none" else _exists(given, "3D model", exists)

    return OwnCheck(owner, run, ("model_file",), takes_all=True)


def _device(owner: str) -> OwnCheck:
    return OwnCheck(owner, _anything, optional=("device",))


def _exists(given: object, kind: str, exists: FileCheck) -> str | bool:
    if not isinstance(given, str):
        raise OwnCheckError("AttributeError", f"{type(given).__name__!r} object has no attribute 'endswith'")
    return True if exists(given) is not False else f"Invalid {kind} file: {given}"


def _moves(values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    for name in _MOVES:
        try:
            still = math.isclose(values[name], 0.0)
        except (TypeError, OverflowError) as error:
            raise OwnCheckError(type(error).__name__, str(error)) from None
        if not still:
            return True
    return "Invalid camera control configs: at least one of the values must be non-zero"


def _tasks(_values: Values, types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    if "original_model_task_id" not in types:
        raise OwnCheckError("KeyError", "'original_model_task_id'")
    if types["original_model_task_id"] in _TASKS:
        return True
    return "original_model_task_id must be MODEL_TASK_ID, RIG_TASK_ID or RETARGET_TASK_ID type"


def _anything(_values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    return True


def _ratio(values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    """0.3.68 and later: what is wrong is raised, not returned."""
    ratio = values["aspect_ratio"]
    parts = _parts(ratio)
    if parts is None:
        raise OwnCheckError("ValueError", f"Aspect ratio must be 'X:Y' (e.g., 16:9), got '{ratio}'.")
    try:
        across, down = map(int, parts)
    except ValueError:
        wrong = f"Aspect ratio must contain integers separated by ':', got '{ratio}'."
        raise OwnCheckError("ValueError", wrong) from None
    if across <= 0 or down <= 0:
        wrong = f"Aspect ratio parts must be positive integers, got {across}:{down}."
        raise OwnCheckError("ValueError", wrong)
    found = _quotient(across, down)
    for bad, bound in ((found < 1 / _STEEPEST, 1 / _STEEPEST), (found > _STEEPEST, _STEEPEST)):
        if bad:
            raise OwnCheckError("ValueError", f"Aspect ratio `{found:.2g}` must be ≤ {bound:.2g}.")
    return True


def _old_ratio(values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    """Before 0.3.68: every exception becomes the method's answer."""
    ratio = values["aspect_ratio"]
    try:
        parts = _parts(ratio)
        if parts is None:
            return f"Aspect ratio must be in the format X:Y, such as 16:9, but was {ratio}."
        found = _quotient(*map(int, parts))
    except OwnCheckError as error:
        return str(error)
    except ValueError:
        return f"Aspect ratio must contain numbers separated by ':', such as 16:9, but was {ratio}."
    if found < 1 / _STEEPEST:
        return f"Aspect ratio cannot reduce to any less than 1:4 (0.25), but was {ratio} ({found})."
    if found > _STEEPEST:
        return f"Aspect ratio cannot reduce to any greater than 4:1 (4.0), but was {ratio} ({found})."
    return True


def _parts(ratio: object) -> tuple[str, str] | None:
    if not isinstance(ratio, str):
        raise OwnCheckError("AttributeError", f"{type(ratio).__name__!r} object has no attribute 'split'")
    across, colon, down = ratio.partition(":")
    return (across, down) if colon and ":" not in down else None


def _quotient(across: int, down: int) -> float:
    try:
        return across / down
    except ArithmeticError as error:
        raise OwnCheckError(type(error).__name__, str(error)) from None


_CHOICE: Final = OwnCheck(
    "CustomComboNode", _anything, ("choice",), optional=("index",), takes_all=True, keeps_all=True
)

_CHECKS: Final[Mapping[str, tuple[str, Since[bool] | None, OwnCheck]]] = {
    "LoadImage": ("nodes", None, _file("LoadImage", "image", "image")),
    "LoadImageMask": ("nodes", None, _file("LoadImageMask", "image", "image")),
    "LoadImageOutput": ("nodes", None, _file("LoadImage", "image", "image")),
    "LoadLatent": ("nodes", None, _file("LoadLatent", "latent", "latent")),
    "WebcamCapture": ("comfy_extras.nodes_webcam", None, _file("LoadImage", "image", "image")),
    "LoadAudio": ("comfy_extras.nodes_audio", None, _file("LoadAudio", "audio", "audio")),
    "LoadVideo": ("comfy_extras.nodes_video", None, _file("LoadVideo", "file", "video")),
    "Load3D": ("comfy_extras.nodes_load_3d", ServerRules.checks_meshes, _mesh("Load3D")),
    "Load3DAdvanced": ("comfy_extras.nodes_load_3d", ServerRules.checks_meshes, _mesh("Load3DAdvanced")),
    "CustomCombo": ("comfy_extras.nodes_logic", None, _CHOICE),
    "SelectModelDevice": ("comfy_extras.nodes_multigpu", None, _device("SelectModelDeviceNode")),
    "SelectCLIPDevice": ("comfy_extras.nodes_multigpu", None, _device("SelectCLIPDeviceNode")),
    "SelectVAEDevice": ("comfy_extras.nodes_multigpu", None, _device("SelectVAEDeviceNode")),
    "ModelAttentionBackend": (
        "comfy_extras.nodes_model_advanced",
        None,
        OwnCheck("ModelAttentionBackend", _anything, ("attention",)),
    ),
    "KlingCameraControls": (
        "comfy_api_nodes.nodes_kling",
        None,
        OwnCheck("KlingCameraControls", _moves, _MOVES),
    ),
    "FluxProUltraImageNode": (
        "comfy_api_nodes.nodes_bfl",
        None,
        OwnCheck("FluxProUltraImageNode", _ratio, ("aspect_ratio",)),
    ),
    "TripoConversionNode": (
        "comfy_api_nodes.nodes_tripo",
        None,
        OwnCheck("TripoConversionNode", _tasks, takes_types=True),
    ),
}
"""Class: the module that defines it, whether a release has the check (None: all have), and the check."""
