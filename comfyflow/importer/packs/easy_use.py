"""Easy-Use: Set and Get nodes of its own [C9]."""

from __future__ import annotations

from typing import Final

from ..pack import Pack

PACK: Final = Pack(
    "ComfyUI-Easy-Use",
    "1.3.6",
    modules=("ComfyUI-Easy-Use",),
    virtual={"easy setNode": "set", "easy getNode": "get"},
)
