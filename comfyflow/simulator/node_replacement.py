"""Classes that are gone, and what stands in for them (0.14 and later).

A server does this to a prompt before it checks it, for classes that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..graph.prompt import META, linked
from ..schema import Schema

Replacements = Mapping[str, Sequence[Mapping[str, Any]]]
"""Old class to what may stand in for it, as ``/node_replacements`` says it."""


def apply_replacements(prompt: dict[str, Any], replacements: Replacements, schema: Schema) -> None:
    """Replace, in place, the nodes whose class is not there and has a replacement that is.

    Args:
        prompt: The nodes.
        replacements: What there is.
        schema: The server's classes.

    Raises:
        Exception: The prompt holds what is no node, or a node to replace lacks ``_meta`` or an
            input that the replacement takes: real servers answer 500 to these.
    """
    consumers: dict[str, list[tuple[str, str]]] = {}
    gone: list[str] = []
    for node_id, node in prompt.items():
        if "class_type" not in node or "inputs" not in node:
            continue
        if node["class_type"] in replacements and node["class_type"] not in schema:
            gone.append(node_id)
        for name, source, _ in linked(node["inputs"]):
            consumers.setdefault(source, []).append((node_id, name))
    for node_id in gone:
        new = replacements[prompt[node_id]["class_type"]][0]
        if new["new_node_id"] in schema:
            prompt[node_id] = _replaced(prompt[node_id], new)
            _move_links(prompt, node_id, consumers.get(node_id, []), new.get("output_mapping") or ())


def _replaced(node: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for mapping in new.get("input_mapping") or ():
        if "set_value" in mapping:
            inputs[mapping["new_id"]] = mapping["set_value"]
        elif "old_id" in mapping:
            inputs[mapping["new_id"]] = node["inputs"][mapping["old_id"]]
    return {**node, "class_type": new["new_node_id"], "inputs": inputs, META: dict(node[META])}


def _move_links(
    prompt: dict[str, Any],
    node_id: str,
    consumers: Sequence[tuple[str, str]],
    outputs: Sequence[Mapping[str, Any]],
) -> None:
    slots = {mapping["old_idx"]: mapping["new_idx"] for mapping in outputs}
    for consumer, name in consumers:
        link = prompt[consumer]["inputs"].get(name)
        if link is not None and link[0] == node_id and link[1] in slots:
            link[1] = slots[link[1]]
