"""A close look at one node: everything that the server would come upon, and what it misses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..dynamic import is_wild
from ..graph.prompt import is_link, linked_inputs, unwrapped
from ..json_types import is_array, is_list, is_object
from . import advice
from .constant import FAILURES, check_constant, converted
from .findings import Findings, LinkStep, Remark, shown
from .own_check import FileCheck, OwnCheckError
from .plan import ClassPlan, InputPlan, SchemaPlans, Unfolded
from .rules import PREFIX, types_match
from .server_error import (
    BAD_LINKED_INPUT,
    CUSTOM_VALIDATION_FAILED,
    REQUIRED_INPUT_MISSING,
    RETURN_TYPE_MISMATCH,
    ErrorEntry,
    Explained,
    Raised,
)


class Looker:
    """Looks at the nodes of one prompt.

    Args:
        classes: The plan of each node's class; None if the server does not have that class.
        plans: The plans of the schema.
        exists: Whether a file is on the server.
    """

    def __init__(
        self, classes: Mapping[str, ClassPlan | None], plans: SchemaPlans, exists: FileCheck
    ) -> None:
        self._classes = classes
        self._plans = plans
        self._rules = plans.rules
        self._exists = exists

    def look(self, node_id: str, node: object) -> Findings:
        """Look at one node.

        Args:
            node_id: Its id.
            node: What is in the prompt under it.
        """
        findings = Findings()
        plan = self._classes.get(node_id)
        inputs = node.get("inputs", self) if is_object(node) else self
        if is_object(node):
            self._around(findings, node_id, node)
        if not is_object(inputs):
            self._without_inputs(findings, plan, node_id, inputs)
            return findings
        given = {str(name): _as_json(value) for name, value in inputs.items()}
        findings.sources.extend(source for _, source, _ in linked_inputs(given) if source in self._classes)
        self._values(findings, node_id, given)
        if plan is None or plan.node is None:
            return findings
        rows = plan.wrong_rows(given)
        if rows is not None:
            findings.steps.append(rows)
            return findings
        unfolded = plan.unfold(given)
        for name, entry in unfolded.inputs.items():
            self._input(findings, node_id, plan, entry, given.get(name, self))
        findings.notes.extend(advice.on_choices(node_id, plan, given))
        self._unknown(findings, node_id, plan, unfolded, given)
        if plan.own is not None:
            self._own_check(findings, node_id, plan, unfolded, given)
        return findings

    def _around(self, findings: Findings, node_id: str, node: Mapping[str, Any]) -> None:
        """What is in a node beside its class and its inputs."""
        if "is_changed" in node:
            message = "has is_changed, as saved images do; the server then takes old results for new"
            findings.notes.append(Remark("is_changed_given", message, node_id))
        more = {name: value for name, value in node.items() if name not in ("class_type", "inputs")}
        depth, strange = advice.nesting(more)
        findings.depth = max(findings.depth, depth)
        findings.notes.extend(advice.on_nesting(node_id, None, depth, strange))

    def _values(self, findings: Findings, node_id: str, given: Mapping[str, Any]) -> None:
        """How deep the values of inputs are nested."""
        for name, value in given.items():
            if name == PREFIX and isinstance(value, str):
                findings.notes.extend(advice.on_prefix(node_id, name, value))
            if value is None or isinstance(value, (str, int, float)) or is_link(value):
                continue
            depth, strange = advice.nesting(value)
            findings.depth = max(findings.depth, depth)
            findings.notes.extend(advice.on_nesting(node_id, name, depth, strange))

    def _input(self, findings: Findings, node_id: str, plan: ClassPlan, entry: InputPlan, value: Any) -> None:
        if value is self:
            if entry.entry.required:
                findings.steps.append(_missing(entry))
        elif is_list(value):
            self._link(findings, node_id, plan, entry, value)
        else:
            wrong = check_constant(entry, value, self._rules)
            if wrong is not None:
                findings.steps.append(wrong)
            else:
                findings.notes.extend(advice.on_constant(node_id, entry, value, self._plans))
            self._wrapped(findings, node_id, entry.name, unwrapped(value))

    def _wrapped(self, findings: Findings, node_id: str, name: str, value: Any) -> None:
        """What the server unwraps and stores looks like a link to it when it runs the node."""
        if is_link(value) and value[0] in self._classes:
            message = f"wraps {shown(value)}, which the server takes for a link after unwrapping it"
            findings.notes.append(Remark("unknown_link", message, node_id, name))
        elif is_link(value):
            findings.strays.append(name)

    def _link(
        self, findings: Findings, node_id: str, plan: ClassPlan, entry: InputPlan, link: list[Any]
    ) -> None:
        if len(link) != 2:
            findings.steps.append(_no_link(entry, link))
            return
        source, slot = link
        try:
            their_plan = self._classes[source]
        except (KeyError, TypeError) as error:
            why = Explained(f"links to node {shown(source)}, which is not in the prompt", entry.name)
            findings.steps.append(Raised.by(error, why))
            if is_link(link):
                findings.dangling.append(entry.name)
            return
        step = LinkStep(source, entry.name, entry.config, link)
        if their_plan is None or their_plan.node is None:
            findings.steps.append(step)
            return
        try:
            received = their_plan.return_types[slot]
        except (IndexError, TypeError) as error:
            findings.steps.append(Raised.by(error, _no_slot(entry, source, slot, their_plan)))
            return
        if not self._fits(findings, plan, entry, received):
            findings.steps.append(_mismatch(entry, received, link))
            return
        findings.steps.append(step)
        findings.notes.extend(advice.on_slot(node_id, entry.name, slot, len(their_plan.output_types)))

    def _fits(self, findings: Findings, plan: ClassPlan, entry: InputPlan, received: Any) -> bool:
        if plan.own is not None and plan.own.takes_types:
            return True
        dynamic = entry.entry.dynamic
        wanted: Any = entry.input_type if dynamic is None else dynamic.compared_type
        if not types_match(received, wanted, self._rules):
            return False
        if is_wild(received) or is_wild(wanted):
            findings.matches = True  # what really flows is followed later
        elif isinstance(received, str):
            entry.accepted.add(received)
        return True

    def _unknown(
        self,
        findings: Findings,
        node_id: str,
        plan: ClassPlan,
        unfolded: Unfolded,
        given: Mapping[str, Any],
    ) -> None:
        for name, value in given.items():
            if name in unfolded.inputs:
                continue
            if is_link(value) and value[0] not in self._classes:
                findings.strays.append(name)
            else:
                findings.notes.extend(advice.on_unknown(node_id, plan, name, value, unfolded, given))

    def _own_check(
        self,
        findings: Findings,
        node_id: str,
        plan: ClassPlan,
        unfolded: Unfolded,
        given: Mapping[str, Any],
    ) -> None:
        own = plan.own
        if own is None or any(isinstance(step, Raised) for step in findings.steps):
            return
        values = {name: value for name, value in _passed(unfolded, given, own.keeps_all) if own.takes(name)}
        types = dict(self._received(unfolded, given))
        unsure: list[str] = []
        absent: list[str] = []

        def exists(name: str) -> bool | None:
            there = self._exists(name)
            if not there:
                (unsure if there is None else absent).append(name)
            return there

        try:
            raised = own.missing(values)
            answer = True if raised is not None else own.run(values, types, exists)
        except OwnCheckError as error:
            answer, raised = True, error.raised
        findings.notes.extend(advice.on_file(node_id, name) for name in unsure)
        if raised is not None:
            why = Explained(f"{plan.class_type}'s own check fails: {raised.message}")
            findings.steps.append(raised._replace(explained=why))
        elif answer is not True:
            names: list[str | None] = [*values, *(["input_types"] if own.takes_types else [])]
            if not names and self._rules.tells_nameless:
                names = [None]
            lacking = _absent(absent[0]) if absent else None
            findings.steps.extend(_own_failed(name, answer, lacking) for name in names)

    def _received(self, unfolded: Unfolded, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name in unfolded.inputs:
            value = given.get(name)
            if is_list(value) and len(value) == 2:
                plan = self._classes.get(value[0])
                if plan is not None and plan.node is not None:
                    yield name, plan.return_types[value[1]]

    def _without_inputs(
        self, findings: Findings, plan: ClassPlan | None, node_id: str, inputs: object
    ) -> None:
        """A node whose ``inputs`` is missing or no object: what the server's Python makes of it."""
        if inputs is self:
            why = Explained("has no inputs object")
            findings.steps.append(Raised("KeyError", "'inputs'", why))
        elif plan is not None:
            findings.steps.extend(_odd_inputs(plan, inputs))
            if inputs and plan.own is not None:
                findings.steps.append(_no_names(inputs))
            else:
                self._own_check(findings, node_id, plan, plan.unfold({}), {})
        message = "has no inputs; this kills the server's worker, even if no output needs the node"
        findings.notes.append(Remark("node_without_inputs", message, node_id, severity="refusal"))


def _as_json(value: Any) -> Any:
    return [*value] if is_array(value) else value


def _missing(entry: InputPlan) -> ErrorEntry:
    info = {"input_name": entry.name}
    return ErrorEntry(REQUIRED_INPUT_MISSING, "Required input is missing", entry.leaf, info)


def _no_link(entry: InputPlan, link: list[Any]) -> ErrorEntry:
    info = {"input_name": entry.name, "input_config": entry.config, "received_value": link}
    message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
    return ErrorEntry(BAD_LINKED_INPUT, message, entry.name, info)


def _no_slot(entry: InputPlan, source: str, slot: object, plan: ClassPlan) -> Explained:
    count = len(plan.output_types)
    what = f"{count} output{'' if count == 1 else 's'}"
    return Explained(
        f"links to output {shown(slot)} of node {shown(source)}; {plan.class_type} has {what}", entry.name
    )


def _mismatch(entry: InputPlan, received: Any, link: list[Any]) -> ErrorEntry:
    info = {
        "input_name": entry.name,
        "input_config": entry.config,
        "received_type": received,
        "linked_node": link,
    }
    details = f"{entry.name}, received_type({received}) mismatch input_type({entry.input_type})"
    return ErrorEntry(RETURN_TYPE_MISMATCH, "Return type mismatch between linked nodes", details, info)


def _absent(name: str) -> Explained:
    message = f"names the file {shown(name)}, which is not in the server's lists"
    return Explained(message, is_file=True)


def _own_failed(name: str | None, answer: str | bool, why: Explained | None) -> ErrorEntry:
    details = " - ".join(
        part for part in (name, None if answer is False else str(answer)) if part is not None
    )
    message = "Custom validation failed for node"
    info = {} if name is None else {"input_name": name}
    return ErrorEntry(CUSTOM_VALIDATION_FAILED, message, details, info, why)


def _passed(unfolded: Unfolded, given: Mapping[str, Any], keeps_all: bool) -> Iterator[tuple[str, Any]]:
    """What the server has in hand of each input after it converted them: None for a link."""
    for name, value in given.items():
        entry = unfolded.inputs.get(name)
        stored = value if entry is None or is_list(value) else _stored(entry, value)
        if is_link(stored) and not (entry is not None and entry.options.get("rawLink", False)):
            yield name, None
        elif entry is not None or keeps_all:
            yield name, stored


def _stored(entry: InputPlan, value: Any) -> Any:
    try:
        return converted(entry, value)
    except FAILURES:
        return unwrapped(value)


def _odd_inputs(plan: ClassPlan, inputs: Any) -> Iterator[ErrorEntry | Raised]:
    """0.3.64: names are looked for in whatever ``inputs`` is."""
    for entry in plan.unfold({}).inputs.values():
        if not isinstance(inputs, (str, list)):
            words = f"argument of type {type(inputs).__name__!r} is not iterable"
            yield Raised("TypeError", words, _no_object(inputs))
            return
        if entry.name in inputs:
            yield _no_names(inputs)
            return
        if entry.entry.required:
            yield _missing(entry)


def _no_names(inputs: Any) -> Raised:
    kind = "string" if isinstance(inputs, str) else "list"
    tail = "integers, not 'str'" if isinstance(inputs, str) else "integers or slices, not str"
    return Raised("TypeError", f"{kind} indices must be {tail}", _no_object(inputs))


def _no_object(inputs: Any) -> Explained:
    return Explained(f"has inputs that are not an object: {shown(inputs)}")
