"""Values that ComfyUI's own nodes ask for in their Python, without any /object_info declaring it.

As in 0.3.64 and 0.27.0. Nodes of other packages may have these checks too: `graphs` takes
``values`` for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from ...schema import NodeSchema

_BFL: Final = "comfy_api_nodes.nodes_bfl"
_KLING: Final = "comfy_api_nodes.nodes_kling"
_MOVES: Final = st.floats(-10.0, 10.0)

CORE_VALUES: Final[Mapping[str, tuple[str, Mapping[str, st.SearchStrategy[Any]]]]] = {
    "FluxProUltraImageNode": (
        _BFL,
        {"aspect_ratio": st.sampled_from(["16:9", "1:1", "9:16", "4:3", "1:4", "4:1"])},
    ),
    # All six must be numbers, not links, and at least one of them not zero.
    "KlingCameraControls": (
        _KLING,
        {
            **dict.fromkeys(("horizontal_movement", "vertical_movement", "pan", "tilt", "roll"), _MOVES),
            "zoom": st.sampled_from([0.5, -0.5]) | st.floats(0.5, 10.0),
        },
    ),
}
"""By class: the module that defines it, and what some of its inputs take."""


def core_values(node: NodeSchema) -> Mapping[str, st.SearchStrategy[Any]]:
    """By input, what a node class takes of all that its schema allows; mostly nothing is said."""
    known = CORE_VALUES.get(node.class_type)
    return known[1] if known is not None and known[0] == node.python_module else {}


CORE_EXACT_TYPES: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "TripoConversionNode": ("comfy_api_nodes.nodes_tripo", frozenset({"original_model_task_id"})),
}
"""By class: the module that defines it, and the inputs whose type it looks at itself."""

EXACT_TYPES: Final = frozenset({"MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID"})
"""The types that the input looks for."""


def core_exact_types(node: NodeSchema) -> frozenset[str]:
    """The inputs of a node class that want an output which is declared to be of their type, mostly
    none: neither ``*`` nor the type of a template will do.
    """
    known = CORE_EXACT_TYPES.get(node.class_type)
    return known[1] if known is not None and known[0] == node.python_module else frozenset()
