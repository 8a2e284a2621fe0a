"""Prompt Reader: its seed has no control behind it, and -1, -2 and -3 stand for one that is drawn."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode, saved_values

_CONTROL: Final = "control_after_generate"
_SPECIAL: Final = (-1, -2, -3)
_END: Final = 2**50


def _generator(node: PackNode) -> None:
    """Without the control, each value after the seed is one place further in front."""
    node.remove(_CONTROL)
    for name, value, place in saved_values(node, tuple(node.widgets)):
        node.set(name, value, place=place)
    saved = node.get("seed")
    if saved in _SPECIAL and not node.linked("seed"):
        seed = node.random.randrange(_END)
        node.set("seed", seed, place=f"drawn at random in place of {saved}")
        node.warn(
            "random_value",
            f"the pack draws a seed when a workflow is queued with {saved}; {seed} was drawn here",
            "seed",
        )


PACK: Final = Pack(
    "comfyui-prompt-reader-node",
    "1.3.4",
    modules=("comfyui-prompt-reader-node",),
    classes={"SDParameterGenerator": _generator},
)
