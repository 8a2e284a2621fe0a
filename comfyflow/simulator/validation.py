"""Whether a server of the profile's version would take a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..schema import Schema, unfold_inputs
from .execution_order import links
from .live_schema import named_models
from .profile import Profile

if TYPE_CHECKING:
    from .simulator import Simulator


@dataclass
class Verdict:
    """What a server says to a prompt.

    Attributes:
        outputs: The output nodes that will run; empty: the prompt is refused.
        error: The ``error`` of the 400, or None.
        node_errors: What is wrong with which node; may hold something beside outputs that run.
    """

    outputs: list[str] = field(default_factory=list[str])
    error: dict[str, Any] | None = None
    node_errors: dict[str, Any] = field(default_factory=dict[str, Any])


def check_prompt(simulator: Simulator, prompt: dict[str, Any], targets: Any = None) -> Verdict:
    """Check a prompt as the server does, and coerce its values in place.

    Args:
        simulator: The server.
        prompt: The nodes.
        targets: The output nodes that are wanted; None means all.
    """
    schema, profile = simulator.live_schema(named_models(prompt, simulator.models)), simulator.profile
    for node_id, node in prompt.items():
        class_type = node.get("class_type")
        if class_type not in schema:
            return Verdict(error=_unknown_class(node_id, node, profile))
    outputs = [
        node_id
        for node_id, node in prompt.items()
        if schema[node["class_type"]].is_output_node and (targets is None or node_id in targets)
    ]
    if not outputs:
        return Verdict(error=_error("prompt_no_outputs", "Prompt has no outputs"))
    verdict = Verdict()
    for output in outputs:
        bad = _missing_inputs(prompt, schema, output)
        for node_id, errors in bad.items():
            class_type = prompt[node_id]["class_type"]
            entry = {"errors": errors, "dependent_outputs": list[str](), "class_type": class_type}
            verdict.node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)
        if not bad:
            verdict.outputs.append(output)
    if not verdict.outputs:
        verdict.error = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation")
    return verdict


def _missing_inputs(prompt: dict[str, Any], schema: Schema, output: str) -> dict[str, list[dict[str, Any]]]:
    bad: dict[str, list[dict[str, Any]]] = {}
    stack, seen = [output], {output}
    while stack:
        node_id = stack.pop()
        node = prompt[node_id]
        for entry in unfold_inputs(schema[node["class_type"]].inputs, node["inputs"]):
            if entry.required and entry.name not in node["inputs"]:
                extra = {"input_name": entry.name}
                error = _error("required_input_missing", "Required input is missing", entry.name, extra)
                bad.setdefault(node_id, []).append(error)
        for _, source, _ in links(node["inputs"]):
            if source in prompt and source not in seen:
                seen.add(source)
                stack.append(source)
    return bad


def _unknown_class(node_id: str, node: dict[str, Any], profile: Profile) -> dict[str, Any]:
    class_type = node.get("class_type")
    if profile.jobs:
        meta: Any = node.get("_meta") or {}
        title: Any = meta.get("title") or class_type or f"Node ID #{node_id}"
        message = f"Node '{title}' not found. The custom node may not be installed."
        extra: dict[str, Any] = {"node_id": node_id, "class_type": class_type, "node_title": title}
        return _error("missing_node_type", message, f"Node ID '#{node_id}'", extra)
    message = f"Cannot execute because node {class_type} does not exist."
    return _error("invalid_prompt", message, f"Node ID '#{node_id}'")


def _error(kind: str, message: str, details: str = "", extra: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra or {}}
