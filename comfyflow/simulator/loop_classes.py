"""The node classes of loops, as servers after 0.36 have them: names, types and bounds, no prose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

START: Final = "StartLoop"
END: Final = "EndLoop"
ITERATION: Final = "LoopIteration"
PROGRESS: Final = "LoopProgress"
RESULT: Final = "LoopResult"

_MODULE: Final = "comfy_extras.nodes_loop"
_CATEGORY: Final = "utilities/looping"


def _match(name: str) -> list[Any]:
    return ["COMFY_MATCHTYPE_V3", {"template": {"template_id": name, "allowed_types": "*"}}]


_MODES: Final = {
    "simple": {"num_iterations": ["INT", {"default": 4, "min": 0}]},
    "For": {
        "start_iteration_index": ["INT", {"default": 0}],
        "max_iteration": ["INT", {"default": 4, "max": 0xFFFFFFFFFFFFFFFF}],
        "step": ["INT", {"default": 1, "min": 1}],
    },
    "List": {"list": _match("list_item")},
}
"""What each mode of a StartLoop takes."""


def _node_class(
    class_type: str,
    inputs: dict[str, Any],
    outputs: list[tuple[str, str, bool]],
    optional: dict[str, Any] | None = None,
    matched: list[str | None] | None = None,
    **more: Any,
) -> dict[str, Any]:
    groups: dict[str, Any] = {"required": inputs, "optional": optional or {}}
    hidden = more.pop("hidden", {})
    if hidden:
        groups["hidden"] = hidden
    return {
        "input": groups,
        "input_order": {name: list(group) for name, group in groups.items()},
        "is_input_list": True,
        "output": [kind for kind, _, _ in outputs],
        "output_name": [name for _, name, _ in outputs],
        "output_is_list": [is_list for _, _, is_list in outputs],
        "output_matchtypes": matched,
        "output_tooltips": [None] * len(outputs),
        "name": class_type,
        "display_name": class_type,
        "description": "",
        "python_module": _MODULE,
        "category": _CATEGORY,
        "output_node": False,
        "has_intermediate_output": False,
        "deprecated": False,
        "experimental": False,
        "dev_only": False,
        "api_node": False,
        "price_badge": None,
        "search_aliases": [],
        "essentials_category": None,
        **more,
    }


LOOP_CLASSES: Final[Mapping[str, Mapping[str, Any]]] = {
    START: _node_class(
        START,
        {
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {"options": [{"key": key, "inputs": {"required": inputs}} for key, inputs in _MODES.items()]},
            ],
            "cache_iterations": ["BOOLEAN", {"advanced": True, "default": False}],
        },
        [
            ("INT", "iteration_index", False),
            ("BOOLEAN", "is_first", False),
            ("BOOLEAN", "is_last", False),
            ("COMFY_MATCHTYPE_V3", "list_item", False),
            ("COMFY_MATCHTYPE_V3", "current_iteration_value", False),
        ],
        optional={
            "parent_iteration": ["INT", {"forceInput": True}],
            "initial_iteration_value": _match("carried_value"),
        },
        matched=[None, None, None, "list_item", "carried_value"],
        hidden={"dynprompt": ["DYNPROMPT"], "execution_list": ["EXECUTION_LIST"], "unique_id": ["UNIQUE_ID"]},
    ),
    END: _node_class(
        END,
        {"accumulate": ["BOOLEAN", {"default": False}]},
        [("COMFY_MATCHTYPE_V3", "outputs", True)],
        optional={
            "output_value": _match("output_value"),
            "next_iteration_value": _match("carried_value"),
            "terminations": [
                "COMFY_AUTOGROW_V3",
                {
                    "template": {
                        "input": {"required": {"termination": ["*", {}]}},
                        "prefix": "termination",
                        "min": 0,
                        "max": 50,
                    }
                },
            ],
        },
        matched=["output_value"],
        hidden={"execution_list": ["EXECUTION_LIST"], "unique_id": ["UNIQUE_ID"]},
    ),
    ITERATION: _node_class(
        ITERATION,
        {
            "iteration_index": ["INT", {}],
            "is_first": ["BOOLEAN", {}],
            "is_last": ["BOOLEAN", {}],
            "reuse_cache": ["BOOLEAN", {}],
        },
        [
            ("INT", "INT", False),
            ("BOOLEAN", "BOOLEAN", False),
            ("BOOLEAN", "BOOLEAN", False),
            ("*", "*", False),
            ("*", "*", True),
        ],
        optional={"list_item": ["*", {}], "current_iteration_value": ["*", {}]},
        dev_only=True,
    ),
    PROGRESS: _node_class(
        PROGRESS,
        {"start_id": ["STRING", {}], "position": ["INT", {}], "total": ["INT", {}]},
        [("INT", "INT", False)],
        output_node=True,
        dev_only=True,
    ),
    RESULT: _node_class(
        RESULT,
        {"close_id": ["STRING", {}]},
        [],
        hidden={"execution_list": ["EXECUTION_LIST"]},
        output_node=True,
        dev_only=True,
    ),
}
