"""ControlFlowUtils: what a run shows on its nodes is sent as an empty text."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode

_SHOWN: Final = {"HaltExecution": "Status", "MemoryStorage": "Value"}


def _display(node: PackNode) -> None:
    node.set(_SHOWN[node.type], "")


PACK = Pack(
    "ControlFlowUtils", "0.6.0", modules=("ControlFlowUtils",), classes=dict.fromkeys(_SHOWN, _display)
)
