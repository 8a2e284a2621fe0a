"""Warnings, refusals and notes about a prompt as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..graph.prompt import is_link
from ..graph.walk import upstream
from ..json_types import is_array, object_or_empty
from .findings import Remark, shown
from .plan import ClassPlan, InputPlan
from .rules import DEEPEST_RUN, ServerRules, types_match
from .scan import Scan


def on_strays(seen: Scan, outputs: Iterable[str], valid: bool) -> Iterator[Remark]:
    """Links to nodes that do not exist, where the server runs them without having checked them.

    Examples are unknown inputs; and, since it runs but does not check what unknown inputs are linked
    to, all inputs of what is only reached that way.

    Args:
        seen: The prompt, gone through.
        outputs: The outputs that run, or would.
        valid: Whether the server accepts them, so that a link which it had checked is right.
    """
    strays = [
        (node_id, name)
        for node_id, found in seen.findings.items()
        for name in [*found.strays, *(found.dangling if valid else ())]
    ]
    running = upstream(outputs, seen.sources) if strays else set[str]()
    message = "runs, unchecked, as a link to a node that is not in the prompt"
    for node_id, name in strays:
        if node_id in running:
            deadly = f"{message}; this kills the server's worker"
            yield Remark("stray_link", deadly, node_id, name, "refusal")
        elif name in seen.findings[node_id].strays:
            yield Remark("stray_link", message, node_id, name)


def on_depth(seen: Scan) -> Iterator[Remark]:
    """Chains that no server can recurse through."""
    if seen.depth > DEEPEST_RUN:
        deepest = max(seen.depths, key=seen.depths.__getitem__)
        message = (
            f"is the end of a chain of {seen.depth} nodes; a server recurses about "
            f"{DEEPEST_RUN} nodes deep, and more kills its worker"
        )
        yield Remark("too_deep", message, deepest, None, "refusal")


def on_unused(seen: Scan, outputs: Iterable[str]) -> Iterator[Remark]:
    """Nodes that no output needs: the server neither checks nor runs them.

    Args:
        seen: The prompt, gone through.
        outputs: The output nodes, and those that may be for all we know.
    """
    if not seen.has_cycle:
        used = seen.linked
        used.update(outputs)
        if len(used) == len(seen.depths):
            return
    needed = upstream(outputs, seen.sources)
    for node_id in seen.sources:
        if node_id not in needed:
            message = "is not needed by any output; it will not run"
            yield Remark("reaches_no_output", message, node_id, severity="note")


def on_classes(plans: Mapping[str, ClassPlan | None]) -> Iterator[Remark]:
    """Deprecated, experimental and paid classes, each once; classes that cannot be read."""
    flagged = {plan for plan in set(plans.values()) if plan is not None and plan.flags}
    if not flagged:
        return
    nodes: dict[ClassPlan, list[str]] = {}
    for node_id, plan in plans.items():
        if plan is not None and plan in flagged:
            nodes.setdefault(plan, []).append(node_id)
    for plan, node_ids in nodes.items():
        more = len(node_ids) - 1
        others = f" (and {more} more node{'' if more == 1 else 's'} of this class)" if more else ""
        for kind, message in plan.flags:
            yield Remark(kind, f"{message}{others}", node_ids[0], severity="note")


def on_targets(targets: object, prompt: Mapping[str, Any], outputs: Iterable[str]) -> Iterator[Remark]:
    """Targets of a partial run that are not outputs."""
    if not is_array(targets):
        return
    known = set(outputs)
    for target in targets:
        if not isinstance(target, str) or target not in prompt:
            message = f"{shown(target)} is a target of the run but not in the prompt"
            yield Remark("target_without_output", message)
        elif target not in known:
            yield Remark("target_without_output", "is a target of the run but not an output node", target)


def on_matches(
    prompt: Mapping[str, Any], plans: Mapping[str, ClassPlan | None], seen: Scan
) -> Iterator[Remark]:
    """Sockets of one type, whichever: the server takes any link, the node then gets the wrong thing."""
    if not any(found.matches for found in seen.findings.values()):
        return
    flow = _Flow(prompt, plans)
    for node_id, found in seen.findings.items():
        plan = plans[node_id]
        if found.matches and plan is not None:
            yield from flow.mismatches(node_id, plan)


class _Flow:
    """What really flows through links when outputs take after the inputs of their nodes."""

    def __init__(self, prompt: Mapping[str, Any], plans: Mapping[str, ClassPlan | None]) -> None:
        self._prompt = prompt
        self._plans = plans
        self._known: dict[tuple[str, int], str] = {}

    def mismatches(self, node_id: str, plan: ClassPlan) -> Iterator[Remark]:
        """Links of one node through which the wrong type flows."""
        given = object_or_empty(self._prompt[node_id].get("inputs"))
        bound: dict[str, tuple[str, str]] = {}
        for name, entry in plan.unfold(given).inputs.items():
            link = given.get(name)
            if not is_link(link) or not isinstance(link[1], int):
                continue
            received = self._type(link[0], link[1])
            if received == "*" or self._is_told(link, entry, plan.rules):
                continue
            template = entry.entry.match_template
            wanted = entry.entry.match_types if template is not None else entry.input_type
            if not types_match(received, wanted, plan.rules):
                message = f"takes {wanted}, but the link carries {received}; the server does not notice"
                yield Remark("match_type_mismatch", message, node_id, name)
            elif template is not None:
                first, bound_to = bound.setdefault(template, (name, received))
                if not types_match(received, bound_to, plan.rules):
                    message = f"is {received}, and {first!r} is {bound_to}: they must have the same type"
                    yield Remark("match_type_mismatch", message, node_id, name)

    def _is_told(self, link: list[Any], entry: InputPlan, rules: ServerRules) -> bool:
        """Whether the server itself sees that the types do not fit."""
        source = self._plans.get(link[0])
        declared = source.return_types[link[1]] if source is not None else "*"
        return not types_match(declared, entry.input_type, rules)

    def _type(self, node_id: str, slot: int) -> str:
        """The type of what an output puts out; ``*`` where it cannot be known."""
        way: list[tuple[str, int]] = []
        step: tuple[str, int] | None = (node_id, slot)
        kind = "*"
        while step is not None and step not in self._known:
            self._known[step] = "*"  # so that a cycle ends
            way.append(step)
            kind, step = self._step(*step)
        if step is not None:
            kind = self._known[step]
        self._known.update(dict.fromkeys(way, kind))
        return kind

    def _step(self, node_id: str, slot: int) -> tuple[str, tuple[str, int] | None]:
        """The type of an output, or the output that it takes its type from."""
        plan = self._plans.get(node_id)
        if plan is None or plan.node is None or not 0 <= slot < len(plan.node.outputs):
            return "*", None
        output = plan.node.outputs[slot]
        if not output.is_wild:
            return (output.type if output.choices is None else "*"), None
        given = object_or_empty(self._prompt[node_id].get("inputs"))
        for name, entry in plan.unfold(given).inputs.items():
            link = given.get(name)
            if entry.entry.match_template == output.match_template and is_link(link):
                return "*", ((link[0], link[1]) if isinstance(link[1], int) else None)
        return "*", None
