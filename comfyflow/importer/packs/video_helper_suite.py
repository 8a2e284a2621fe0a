"""VideoHelperSuite: values saved by name, old names and lists, and the inputs that a format brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...json_types import is_array, is_object, object_or_empty
from ..javascript import truthy
from ..pack import Pack, PackNode

_LOADER: Final = (
    "video",
    "force_rate",
    "force_size",
    "frame_load_cap",
    "skip_first_frames",
    "select_every_nth",
)
_OLD_LISTS: Final[Mapping[str, tuple[str | None, ...]]] = {
    "VHS_LoadImages": ("directory", None, "image_load_cap", "skip_first_images", "select_every_nth"),
    "VHS_LoadImagesPath": ("directory", "image_load_cap", "skip_first_images", "select_every_nth"),
    "VHS_VideoCombine": (
        "frame_rate",
        "loop_count",
        "filename_prefix",
        "format",
        "pingpong",
        "save_image",
    ),
    "VHS_LoadVideo": _LOADER,
    "VHS_LoadVideoPath": _LOADER,
}
"""What the values of old files are, which were saved as lists; None is a button."""
_OLD_NAMES: Final[Mapping[str, Mapping[str, str]]] = {"VHS_VideoCombine": {"save_output": "save_image"}}
_SIZES: Final = ("custom_width", "custom_height")
_NOT_WIDE: Final = ("Disabled", "Custom Height")
_NOT_HIGH: Final = ("Disabled", "Custom Width")
_DEFAULTS: Final[Mapping[str, Any]] = {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "STRING": ""}


def _restore(node: PackNode) -> None:
    """Put the saved values back by name, as far as they are known by names."""
    saved = _by_name(node)
    if node.type == "VHS_BatchManager":
        node.set("count", 0)
    if saved is None:
        return
    for name in node.widgets:
        _restore_one(node, name, saved)


def _restore_one(node: PackNode, name: str, saved: Mapping[str, Any]) -> None:
    old = _OLD_NAMES.get(node.type, {}).get(name)
    if name in saved:
        node.set(name, saved[name], place=f"saved under {name}")
    elif old is not None and old in saved:
        node.set(name, saved[old], place=f"saved under {old}")
    else:
        choices = node.choices(name)
        otherwise = node.options(name).get("default", choices[0] if choices else None)
        if truthy(otherwise):
            node.set(name, otherwise)


def _by_name(node: PackNode) -> dict[str, Any] | None:
    """The saved values by name; None for a list of a form that the pack does not know [C2]."""
    if is_array(node.saved) and node.saved:
        names = _OLD_LISTS.get(node.type)
        if names is None or len(node.saved) < len(names):
            return None
        values = {name: value for name, value in zip(names, node.saved, strict=False) if name is not None}
    elif is_object(node.saved):
        values = dict(node.saved)
    else:
        return None
    if "force_size" in values:
        values.update(_sizes(values["force_size"]))
    return values


def _sizes(forced: Any) -> dict[str, int | None]:
    """The sides that were in one text: 512x? is a width of 512, and 0 leaves a side as it is."""
    if isinstance(forced, str) and "x" in forced:
        return {
            name: 0 if side == "?" else _whole(side)
            for name, side in zip(_SIZES, forced.split("x"), strict=False)
        }
    return {
        name: 0 for name, without in zip(_SIZES, (_NOT_WIDE, _NOT_HIGH), strict=True) if forced in without
    }


def _whole(text: str) -> int | None:
    digits = text.strip()
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


def _combine(node: PackNode) -> None:
    """The chosen format has its own widgets, which object_info lists [C1]."""
    _restore(node)
    node.replace_text("filename_prefix")  # [C13]
    saved = _by_name(node)
    formats = object_or_empty(node.options("format").get("formats"))
    chosen = node.get("format")
    widgets = formats.get(chosen) if isinstance(chosen, str) else None
    if saved is None or not is_array(widgets):
        return
    for described in widgets:
        if is_array(described) and len(described) > 1 and isinstance(described[0], str):
            name = described[0]
            if name in saved:
                node.set(name, saved[name], place=f"saved under {name}")
            else:
                node.set(name, _default(described), place=f"the default of the format {chosen}")


def _default(described: Sequence[Any]) -> Any:
    type_ = described[1]
    options = object_or_empty(described[2] if len(described) > 2 else None)
    first = type_[0] if is_array(type_) and type_ else None
    otherwise = _DEFAULTS.get(type_) if isinstance(type_, str) else first
    return options.get("default", otherwise)


def _select_latest(node: PackNode) -> None:
    """It looks for a file in the editor and writes its name into other nodes' widgets [C12]."""
    node.leave_out()
    node.warn(
        "values_not_understood",
        "the editor writes the name of the newest file into the nodes linked to this one; this node is left "
        "out, and they keep their saved names",
    )


PACK: Final = Pack(
    "ComfyUI-VideoHelperSuite",
    "1.7.9",
    modules=("ComfyUI-VideoHelperSuite",),
    classes={"VHS_VideoCombine": _combine, "VHS_SelectLatest": _select_latest},
    every=_restore,
)
