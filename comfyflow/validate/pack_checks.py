"""What is known about the classes of node packs that their /object_info does not say.

Read from running classes (ComfyUI 0.27.0 and 23 packs). A class that is not listed may well do the
same: nothing here makes a prompt wrong, it only keeps us from calling wrong what the server runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, SupportsIndex

from ..schema import NodeSchema
from .own_check import FileCheck, OwnCheck, OwnCheckError, Run, Values


class EndlessOutputs(tuple[Any, ...]):
    """The outputs of a class that has as many as are asked for, of a type that fits everywhere."""

    __slots__ = ()

    def __getitem__(self, slot: Any) -> Any:
        index: SupportsIndex | slice = min(slot, 0)
        super().__getitem__(index)
        return "*"


def has_endless_outputs(node: NodeSchema) -> bool:
    """Whether links from the class may leave any slot, whatever its outputs are."""
    return node.of_pack and node.class_type in _ENDLESS


def pack_check(node: NodeSchema) -> OwnCheck | None:
    """What the server leaves to a pack's class, where it is known.

    What the class answers stays unknown, except for files: it counts as content.

    Args:
        node: The class; one of the same name that is ComfyUI's own is not meant.
    """
    if node.takes_all:
        return OwnCheck(node.class_type, _content, keeps_all=True)
    return _CHECKS.get(node.class_type) if node.of_pack else None


def _content(_values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
    return True


def _path_in(name: str) -> Run:
    """A path on the server's disk counts as there; what is not a string has no path."""

    def run(values: Values, _types: Mapping[str, Any], _exists: FileCheck) -> str | bool:
        given = values.get(name)
        if given is not None and not isinstance(given, str):
            raise OwnCheckError("AttributeError", f"'{type(given).__name__}' object has no attribute 'strip'")
        return True

    return run


def _looking_for(name: str) -> Run:
    def run(values: Values, _types: Mapping[str, Any], exists: FileCheck) -> str | bool:
        given = values.get(name)
        if given is None:
            return True
        return isinstance(given, str) and exists(given) is not False

    return run


_ENDLESS: Final = frozenset(
    {
        "ImageBatchSplitter //Inspire",
        "ImpactInversedSwitch",
        "LatentBatchSplitter //Inspire",
        "Power Puter (rgthree)",
        "easy forLoopEnd",
        "easy forLoopStart",
        "easy loadImagesForLoop",
        "easy whileLoopEnd",
        "easy whileLoopStart",
    }
)
"""RETURN_TYPES that answer to every index, with a string that is unequal to nothing."""

_FILES: Final[Mapping[str, tuple[str, bool]]] = {
    "Load image with metadata [Crystools]": ("image", False),
    "LoadAndResizeImage": ("image", False),
    "VHS_LoadAudioUpload": ("audio", True),
    "VHS_LoadVideo": ("video", False),
    "VHS_LoadVideoFFmpeg": ("video", False),
}
"""VALIDATE_INPUTS that looks for the file that this input names; whether it takes all inputs."""

_RECEIVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "ImageReceiver": ("image", "link_id", "save_to_workflow", "image_data", "trigger_always"),
    "LatentReceiver": ("latent", "link_id", "trigger_always"),
}
"""VALIDATE_INPUTS that looks for the file that the first input names, and takes these too."""

_PATHS: Final[Mapping[str, tuple[str, bool]]] = {
    "ADE_LoadCameraPosesFromPath": ("file_path", True),
    "VHS_LoadAudio": ("audio_file", True),
    "VHS_LoadImagePath": ("image", False),
    "VHS_LoadImages": ("directory", True),
    "VHS_LoadImagesPath": ("directory", True),
    "VHS_LoadVideoFFmpegPath": ("video", False),
    "VHS_LoadVideoPath": ("video", False),
}
"""VALIDATE_INPUTS that looks for this path on the server's disk; whether it takes all inputs."""

_TAKING: Final[Mapping[str, tuple[str, ...]]] = {
    # choices in a Python tuple, which the server does not take for choices
    "Apply Vit Matte (mtb)": ("returns",),
    "Load Vit Matte Model (mtb)": ("kind",),
    "Model Pruner (mtb)": ("ema_mode",),
    "Qr Code (mtb)": ("error_correct", "invert"),
    "Text To Image (mtb)": ("h_align", "v_align"),
    "easy applyInpaint": ("inpaint_mode", "encode"),
    "easy imageRemBg": ("rem_mode",),
    "easy joinImageBatch": ("mode",),
    # choices of whatever it is linked to
    "Combo Clone": ("combo",),
}

_TAKING_ALL: Final = (
    "LoadText|pysssss",
    "ReroutePrimitive|pysssss",
    "SaveText|pysssss",
)
"""VALIDATE_INPUTS with ``**kwargs``."""

_TAKING_TYPES: Final = (
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
)
"""VALIDATE_INPUTS with ``input_types``: the types of links are left to it."""

_CHECKS: Final[Mapping[str, OwnCheck]] = {
    **{
        name: OwnCheck(name, _looking_for(given), optional=(given,), takes_all=takes_all)
        for name, (given, takes_all) in _FILES.items()
    },
    **{name: OwnCheck(name, _looking_for(given[0]), optional=given) for name, given in _RECEIVERS.items()},
    **{
        name: OwnCheck(name, _path_in(given), needed=(given,), takes_all=takes_all)
        for name, (given, takes_all) in _PATHS.items()
    },
    **{name: OwnCheck(name, _content, optional=given) for name, given in _TAKING.items()},
    **{name: OwnCheck(name, _content, takes_all=True) for name in _TAKING_ALL},
    **{name: OwnCheck(name, _content, takes_types=True) for name in _TAKING_TYPES},
}
