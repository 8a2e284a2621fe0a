"""Efficiency nodes: the seed -1 stands for one that is drawn when the workflow is queued [C4]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..javascript import truthy
from ..pack import Pack, PackNode

_SEEDS: Final[Mapping[str, str]] = {
    "KSampler (Efficient)": "seed",
    "KSampler Adv. (Efficient)": "noise_seed",
    "KSampler SDXL (Eff.)": "noise_seed",
    "Noise Control Script": "seed",
    "HighRes-Fix Script": "seed",
    "Tiled Upscaler Script": "seed",
}
_END: Final = 2**50
"""Its JavaScript draws whole numbers below this one."""


def _draw_seed(node: PackNode) -> None:
    name = _SEEDS[node.type]
    if node.get(name) != -1 or node.linked(name) or _is_off(node):
        return
    seed = node.random.randrange(_END)
    node.set(name, seed, place="drawn at random in place of -1")
    node.warn(
        "random_value",
        f"the pack draws a random seed for -1, which the server rejects; {seed} was drawn here",
        name,
    )


def _is_off(node: PackNode) -> bool:
    """Whether the node uses no seed itself; then -1 is sent as it is."""
    if node.type == "Noise Control Script":
        return not truthy(node.get("add_seed_noise"))
    return node.type == "HighRes-Fix Script" and truthy(node.get("use_same_seed"))


PACK: Final = Pack(
    "efficiency-nodes-comfyui",
    "1.0.9",
    modules=("efficiency-nodes-comfyui",),
    classes=dict.fromkeys(_SEEDS, _draw_seed),
)
