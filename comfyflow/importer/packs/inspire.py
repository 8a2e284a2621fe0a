"""Inspire-Pack: lists to pick texts from, and buttons that are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..pack import Pack, PackNode, sent_buttons
from .impact import picked_text

_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "RegionalSeedExplorerColorMask //Inspire": ("Add to prompt",),
    "RegionalSeedExplorerMask //Inspire": ("Add to prompt",),
    "SeedExplorer //Inspire": ("Add to prompt",),
    "ShowCachedInfo //Inspire": ("Remove Key", "Save Settings", "Refresh", "Clear"),
}
_PRESET: Final = "#PRESET"


def _prompt_builder(node: PackNode) -> None:
    """The list of presets sends its headline, whatever is picked."""
    for name in node.widgets:
        if _PRESET in node.choices(name):
            node.set(name, _PRESET)


PACK: Final = Pack(
    "ComfyUI-Inspire-Pack",
    "1.21",
    modules=("ComfyUI-Inspire-Pack",),
    classes={**sent_buttons(_BUTTONS), "PromptBuilder //Inspire": _prompt_builder},
    every=picked_text,
)
