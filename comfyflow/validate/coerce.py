"""What a server makes of a prompt's constants while it validates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..graph.prompt import sources_of, unwrapped
from ..graph.walk import upstream
from ..json_types import is_object
from .classes import find_classes, targeted
from .constant import FAILURES, converted
from .loops import Boundaries, LoopError, find_loops
from .plan import ClassPlan, SchemaPlans
from .replacement import replace_nodes, replaceable

if TYPE_CHECKING:
    from ..schema import Schema


def coerce_prompt(
    prompt: Mapping[str, Any], schema: Schema, *, partial_execution_targets: Sequence[str] | None = None
) -> dict[str, Any]:
    """The prompt as a server stores it: constants unwrapped and converted to their inputs' types,
    old classes replaced, and in each StartLoop its loop's body and end (after 0.36).

    A server does so to the nodes that it validates: those that an output needs. The prompt
    itself is left as it is.

    Args:
        prompt: A prompt; what is not a node in it is kept.
        schema: The server's node classes.
        partial_execution_targets: As in the request.
    """
    plans = SchemaPlans.of(schema)
    classes = find_classes(prompt, plans)
    old = replaceable(prompt, classes.missing, plans)
    if old:
        prompt, _, _ = replace_nodes(prompt, old)
        classes = find_classes(prompt, plans)
    sources = {node_id: _sources(node, classes.plans[node_id], prompt) for node_id, node in prompt.items()}
    outputs = targeted(classes.outputs, partial_execution_targets) or []
    validated = upstream(outputs, sources)
    stored = {
        node_id: _coerced(node, classes.plans[node_id]) if node_id in validated else node
        for node_id, node in prompt.items()
    }
    boundaries = Boundaries.of(classes.plans)
    return _with_loops(stored, outputs, validated, boundaries) if boundaries else stored


def _with_loops(
    prompt: dict[str, Any], outputs: Sequence[str], validated: set[str], boundaries: Boundaries
) -> dict[str, Any]:
    """The prompt with what servers after 0.36 note in it of loops, if all of those are right."""
    try:
        loops = find_loops(prompt, outputs, validated, boundaries)
    except LoopError:
        return prompt
    for loop in loops:
        node = prompt[loop.start]
        prompt[loop.start] = {**node, "_loop_body": list(loop.body), "_loop_end": loop.end}
    return prompt


def _sources(node: object, plan: ClassPlan | None, prompt: Mapping[str, Any]) -> list[str]:
    """The nodes whose validation that of a node leads to; inputs that it does not have lead nowhere."""
    inputs = node.get("inputs") if is_object(node) else None
    if plan is None or not is_object(inputs):
        return []
    return [source for source in sources_of(node, plan.unfold(inputs).inputs) if source in prompt]


def _coerced(node: Any, plan: ClassPlan | None) -> Any:
    inputs = node.get("inputs")
    if plan is None or not is_object(inputs):
        return node
    known = plan.unfold(inputs).inputs
    stored = dict(inputs)
    for name, value in inputs.items():
        if name in known and not isinstance(value, list):
            try:
                stored[name] = converted(known[name], value)
            except FAILURES:
                stored[name] = unwrapped(value)
    return {**node, "inputs": stored}
