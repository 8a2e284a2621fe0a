"""Classes that a server replaces by newer ones before it looks at a prompt (0.14 and later).

It does so only for classes that are not installed any more, and with little care: a node without
``_meta`` or without an input to carry over makes the request fail, and a class without a
list of inputs to take over loses them all. Replacements by other packages are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.prompt import META, meta_of
from ..json_types import is_array, is_object
from ..node_history import REPLACED
from .classes import crash
from .findings import Remark, shown
from .plan import SchemaPlans
from .server_answer import ServerAnswer


def replaceable(prompt: Mapping[str, Any], node_ids: Mapping[str, Any], plans: SchemaPlans) -> list[str]:
    """The nodes, of those whose class is missing, that the server replaces.

    Args:
        prompt: The prompt.
        node_ids: The nodes without a class that the server has.
        plans: The plans of the server's classes.
    """
    if not plans.rules.replaces_nodes:
        return []
    return [node_id for node_id in node_ids if _has_successor(prompt[node_id], plans)]


def _has_successor(node: object, plans: SchemaPlans) -> bool:
    if not is_object(node) or not is_object(node.get("inputs")):
        return False
    class_type = node.get("class_type")
    successor = REPLACED.get(class_type) if isinstance(class_type, str) else None
    return successor is not None and plans.get(successor[0]) is not None


def replace_nodes(
    prompt: Mapping[str, Any], node_ids: list[str]
) -> tuple[dict[str, Any], list[Remark], ServerAnswer | None]:
    """The prompt with these nodes replaced, what must be said about them, and the server's failure.

    Args:
        prompt: The prompt; it is left as it is.
        node_ids: Nodes that are `replaceable`.
    """
    replaced, notes = dict(prompt), list[Remark]()
    for node_id in node_ids:
        node = prompt[node_id]
        new_class, wanted = REPLACED[node["class_type"]]
        missing = next((old for old in wanted.values() if old not in node["inputs"]), None)
        if not _can_be_copied(meta_of(node)) or missing is not None:
            lacking = META if missing is None else f"the input {missing!r}"
            return replaced, notes, crash(f"node {shown(node_id)} cannot be replaced without {lacking}")
        inputs = {new: node["inputs"][old] for new, old in wanted.items()}
        replaced[node_id] = {**node, "class_type": new_class, "inputs": inputs}
        dropped = sorted(str(name) for name in node["inputs"] if name not in wanted.values())
        lost = f", without {', '.join(map(repr, dropped))}" if dropped else ""
        notes.append(
            Remark("replaced_node", f"is replaced by {new_class}{lost}; use that class instead", node_id)
        )
    return replaced, notes, None


def _can_be_copied(meta: object) -> bool:
    """The server copies what is in ``_meta``, whatever it is; other values cannot be copied."""
    return is_object(meta) or is_array(meta)
