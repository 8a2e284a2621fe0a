"""mtb: buttons and displays are sent; its notes are of the editor only."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode


def _animation_builder(node: PackNode) -> None:
    for name, value in (
        ("value_preview", ""),
        ("loop_preview", ""),
        ("Reset", "reset"),
        ("Queue", "queue"),
        ("Cancel", "cancel"),
    ):
        node.set(name, value)


def _interpolate(node: PackNode) -> None:
    node.set("+", "add")
    node.set("-", "remove")


PACK: Final = Pack(
    "comfy_mtb",
    "0.5.4",
    modules=("comfy_mtb",),
    classes={
        "Animation Builder (mtb)": _animation_builder,
        "Interpolate Clip Sequential (mtb)": _interpolate,
    },
    virtual={"Note Plus (mtb)": "note"},
)
