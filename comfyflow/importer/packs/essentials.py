"""Essentials: buttons that set many values at once are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..pack import Pack, sent_buttons

_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "FluxAttentionSeeker+": ("RESET ALL", "ZERO ALL", "REPEAT FIRST"),
    "SD3AttentionSeekerLG+": ("RESET L", "RESET G", "REPEAT FIRST"),
    "SD3AttentionSeekerT5+": ("RESET ALL", "REPEAT FIRST"),
}


PACK: Final = Pack(
    "ComfyUI_essentials",
    "1.1.0",
    modules=("ComfyUI_essentials",),
    classes=sent_buttons(_BUTTONS),
)
