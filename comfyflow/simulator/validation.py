"""Whether a server would take a prompt: comfyflow's own validator, asked with the files of now.

Before that it puts something in place of classes that are gone (0.14 and later).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..graph.prompt import META, linked_inputs
from ..json_types import is_object
from ..schema import Schema
from ..validate import coerce_prompt, validate_prompt
from .folders import PathEscapeError
from .live_schema import named_models

if TYPE_CHECKING:
    from .simulator import Simulator


SERVER_ERROR: Final = 500


class UnreadablePromptError(ValueError):
    """A prompt that a real server stumbles over: it answers 500."""


@dataclass
class Verdict:
    """What a server says to a prompt.

    Attributes:
        prompt: The prompt as it runs: its values converted to the types of their inputs.
        outputs: The output nodes that will run; empty: the prompt is refused.
        error: The ``error`` of the 400, or None.
        node_errors: What is wrong with which node; may hold something beside outputs that run.
    """

    prompt: dict[str, Any]
    outputs: list[str] = field(default_factory=list[str])
    error: dict[str, Any] | None = None
    node_errors: dict[str, Any] = field(default_factory=dict[str, Any])


def check_prompt(simulator: Simulator, prompt: Any, targets: Any = None) -> Verdict:
    """Check a prompt as the server does.

    Args:
        simulator: The server.
        prompt: What came as ``prompt``.
        targets: What came as ``partial_execution_targets``: the outputs that are wanted; None
            means all.

    Raises:
        UnreadablePromptError: It is what a server answers 500 to.
    """
    named = named_models(prompt, simulator.models) if is_object(prompt) else ()
    schema = simulator.live_schema(named)

    def exists(name: str) -> bool:
        try:
            return simulator.folders.annotated(name).exists()
        except PathEscapeError:
            return False

    report = validate_prompt(prompt, schema, partial_execution_targets=targets, file_exists=exists)
    if report.status == SERVER_ERROR:
        raise UnreadablePromptError(str(report))
    answer = report.to_server_json()
    verdict = Verdict({}, list(report.outputs), answer["error"], answer["node_errors"])
    if report.valid:
        verdict.prompt = coerce_prompt(prompt, schema, partial_execution_targets=targets)
    return verdict


Replacements = Mapping[str, Sequence[Mapping[str, Any]]]
"""Old class to what may stand in for it, as ``/node_replacements`` says it."""


def apply_replacements(prompt: dict[str, Any], replacements: Replacements, schema: Schema) -> None:
    """Replace, in place, the nodes whose class is missing and has a replacement that exists.

    Args:
        prompt: The nodes.
        replacements: What there is.
        schema: The server's classes.

    Raises:
        Exception: The prompt holds what is not a node, or a node to replace lacks ``_meta`` or an
            input that the replacement takes: real servers answer 500 to these.
    """
    consumers: dict[str, list[tuple[str, str]]] = {}
    gone: list[str] = []
    for node_id, node in prompt.items():
        if "class_type" not in node or "inputs" not in node:
            continue
        if node["class_type"] in replacements and node["class_type"] not in schema:
            gone.append(node_id)
        for name, source, _ in linked_inputs(node["inputs"]):
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
