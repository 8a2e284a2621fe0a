"""The validation of a prompt: as the server does it, and beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..graph import Graph
from ..graph.prompt import read_nodes, to_prompt
from ..graph.walk import causes, circles, reachable, upstream
from ..json_types import is_object
from ..problem import Place
from . import graph_advice
from .classes import Classes, crash, find_classes, no_outputs, targeted
from .findings import LinkStep, Remark, Step, shown
from .input_files import find_file
from .last_prompt import LastPrompt, ValidationOutcome
from .look import Looker
from .loops import Boundaries, LoopError, find_loops
from .own_check import FileCheck
from .plan import ClassPlan, SchemaPlans
from .replacement import replace_nodes, replaceable
from .report import CheckedGraph, Report
from .rules import DEEPEST_JSON, SERVER_RECURSION
from .scan import Scan, scan
from .server_answer import ServerAnswer, dropped_note, rejected
from .server_error import DEPENDENCY_CYCLE, ErrorEntry, NodeErrors, Raised
from .walk import Verdicts, Walk

if TYPE_CHECKING:
    from ..schema import Schema


def validate_prompt(
    prompt: object,
    schema: Schema,
    *,
    places: Mapping[str, Place] | None = None,
    partial_execution_targets: Sequence[str] | None = None,
    file_exists: FileCheck | None = None,
) -> Report:
    """Predict what a server says about a prompt, and add what it misses.

    Never raises, whatever the prompt is, and never recurses.

    Args:
        prompt: The prompt JSON: what ``POST /prompt`` takes as ``prompt``; or a `Graph`.
        schema: The server's node classes; its version decides on the rules.
        places: Node id to where the user's source made the node, for the problems; by default, what a
            graph says.
        partial_execution_targets: As in the request: only these outputs are run.
        file_exists: Says whether a file that a loader names is on the server (None:
            unknown). By default the schema's lists of files decide.
    """
    plans = SchemaPlans.of(schema)
    if isinstance(prompt, Graph):
        places = prompt.places if places is None else places
        prompt = to_prompt(prompt)
    if not is_object(prompt):
        return _no_object(prompt, plans, places)
    last = plans.last if partial_execution_targets is None else None
    if last is not None and not (last.asks_for_files and file_exists):
        known = last.outcome(prompt)
        if known is not None:
            graph = CheckedGraph(partial(read_nodes, prompt), places, plans)
            return Report(known.answer, graph, known.remarks)
    nodes = _with_text_ids(prompt)
    classes = find_classes(nodes, plans)
    notes: list[Remark] = []
    old = replaceable(nodes, classes.missing, plans)
    if old:
        nodes, notes, failure = replace_nodes(nodes, old)
        classes = find_classes(nodes, plans)
        classes.answer = failure or classes.answer
    looker = Looker(classes.plans, plans, file_exists or by_lists(plans))
    seen = scan(nodes, classes.plans, looker.look)
    validation = Validation(nodes, plans, classes, seen, notes)
    outcome = validation.outcome(partial_execution_targets)
    if partial_execution_targets is None and not old and not validation.has_loops:
        last = LastPrompt.of(nodes, classes.plans, seen, outcome)
        plans.last = last if last is None or not (last.asks_for_files and file_exists) else None
    graph = CheckedGraph(partial(read_nodes, nodes), places, plans)
    return Report(outcome.answer, graph, outcome.remarks, outcome.hidden)


def by_lists(plans: SchemaPlans) -> FileCheck:
    """Whether a file is there by what the schema lists, if its lists are this server's."""

    def exists(name: str) -> bool | None:
        return find_file(name, plans.files) if plans.rules.files_known else None

    return exists


def _no_object(prompt: object, plans: SchemaPlans, places: Mapping[str, Place] | None) -> Report:
    """Not even an object: an empty list or text was a prompt without outputs before 0.14."""
    empty = not plans.rules.replaces_nodes and prompt in ([], "")
    hint = "; a workflow's is what its to_prompt() gives" if hasattr(type(prompt), "to_prompt") else ""
    answer = no_outputs() if empty else crash(f"the prompt must be an object, not {shown(prompt)}{hint}")
    return Report(answer, CheckedGraph(Graph, places, plans))


def _with_text_ids(prompt: Mapping[Any, Any]) -> Mapping[str, Any]:
    """The prompt as JSON would have it: ids are texts."""
    if {str}.issuperset(map(type, prompt)):
        return prompt
    return {node_id if isinstance(node_id, str) else str(node_id): node for node_id, node in prompt.items()}


class Validation:
    """One prompt, once all of its nodes have been looked at."""

    def __init__(
        self,
        prompt: Mapping[str, Any],
        plans: SchemaPlans,
        classes: Classes,
        seen: Scan,
        notes: Sequence[Remark] = (),
    ) -> None:
        self._prompt = prompt
        self._first_notes = notes
        self._plans = plans
        self._classes = classes
        self._seen = seen
        self._boundaries = Boundaries.of(classes.plans)

    @property
    def has_loops(self) -> bool:
        """Whether a node starts or ends a loop."""
        return bool(self._boundaries)

    def outcome(self, targets: object) -> ValidationOutcome:
        """What is found.

        Args:
            targets: ``partial_execution_targets``.
        """
        outputs = targeted(self._classes.outputs, targets)
        verdicts: Verdicts | None = None
        answer = self._classes.answer
        if any(found.depth > DEEPEST_JSON for found in self._seen.findings.values()):
            answer = crash("a value is nested deeper than the server can read")
        if outputs is None and (answer is None or self._has_output_first()):
            answer = crash(f"partial_execution_targets is {shown(targets)}")
        if answer is None and not outputs:
            answer = no_outputs()
        if answer is None:
            verdicts = self._verdicts(outputs or [])
            broken = self._broken_loops(verdicts, outputs or [])
            answer = _answer(verdicts) if broken is None else self._without_loops(verdicts, broken)
        notes = list(self._notes(answer, outputs or [], targets))
        if verdicts is not None and self._seen.has_cycle:
            notes.extend(self._circles(verdicts, outputs or []))
        return ValidationOutcome(answer, notes, list(self._hidden(verdicts, outputs or [])))

    def _has_output_first(self) -> bool:
        """Whether the server comes to an output, and looks for it among the targets, before it
        comes to a node without a class.
        """
        outputs = set(self._classes.outputs)
        stops = (
            node_id for node_id in self._prompt if node_id in outputs or node_id in self._classes.missing
        )
        return next(stops, None) in outputs

    def _verdicts(self, outputs: list[str]) -> Verdicts:
        """What the server finds; the walk is only made where something can be wrong."""
        wrong = any(found.is_wrong for found in self._seen.findings.values())
        if not wrong and not self._seen.has_cycle and self._seen.depth <= SERVER_RECURSION:
            return Verdicts(outputs)
        return Walk(self._steps, self._class_of, self._plans.rules).run(outputs)

    def _broken_loops(self, verdicts: Verdicts, outputs: list[str]) -> LoopError | None:
        """What is wrong with the loops, which the server looks at last, and not beside a cycle."""
        if not self._boundaries or any(_is_circle(entry) for entry in verdicts.node_errors.values()):
            return None
        try:
            validated = verdicts.visited or self._validated(outputs)
            find_loops(self._prompt, outputs, validated, self._boundaries)
        except LoopError as broken:
            return broken
        return None

    def _validated(self, outputs: list[str]) -> set[str]:
        """The nodes that the server comes to, where it finds nothing wrong."""
        return reachable(
            outputs,
            lambda node_id: [step.source for step in self._steps(node_id) if isinstance(step, LinkStep)],
        )

    def _without_loops(self, verdicts: Verdicts, broken: LoopError) -> ServerAnswer:
        """The answer where loops are wrong: their outputs do not run, and each node gets the reason."""
        if not broken.outputs:
            # The server files the error under the first output, and stumbles where there is none.
            answer = crash(f"IndexError: list index out of range ({broken})")
            answer.node_errors = {node_id: self._told(None, node_id, broken) for node_id in broken.nodes}
            return answer
        for node_id in broken.nodes:
            verdicts.node_errors[node_id] = self._told(verdicts.node_errors.get(node_id), node_id, broken)
        verdicts.outputs = [output for output in verdicts.outputs if output not in broken.outputs]
        verdicts.output_errors.append(broken.error)
        return _answer(verdicts)

    def _told(self, before: NodeErrors | None, node_id: str, broken: LoopError) -> NodeErrors:
        errors, outputs = (before.errors, before.dependent_outputs) if before is not None else ((), ())
        dependent = sorted({*outputs, *broken.outputs})
        return NodeErrors(self._class_of(node_id), [*errors, broken.error], dependent)

    def _steps(self, node_id: str) -> Iterable[Step]:
        found = self._seen.findings.get(node_id)
        if found is not None:
            return found.steps
        return _links(self._classes.plans[node_id], self._prompt[node_id]["inputs"])

    def _class_of(self, node_id: str) -> Any:
        return self._prompt[node_id]["class_type"]

    def _hidden(self, verdicts: Verdicts | None, outputs: list[str]) -> Iterator[tuple[str, ErrorEntry]]:
        """What the server has not come to: all of it, where it stopped at a class; else what
        an exception kept it from.
        """
        for node_id, error in self._classes.missing.items():
            if self._classes.answer is None or error is not self._classes.answer.error:
                yield node_id, error
        if verdicts is not None and len(verdicts.outputs) == len(outputs):
            return
        needed = None if verdicts is None else upstream(outputs, self._seen.sources)
        for node_id, found in self._seen.findings.items():
            if verdicts is None or node_id not in verdicts.visited:
                hidden = list(found.errors())
            else:
                hidden = list(found.hidden_errors())
            if needed is None or node_id in needed:
                for step in hidden:
                    yield node_id, step.as_output() if isinstance(step, Raised) else step

    def _dropped(self, answer: ServerAnswer, outputs: Sequence[str]) -> Iterator[Remark]:
        known = causes(answer.node_errors, self._seen.sources) if outputs else {}
        return (dropped_note(output, known.get(output)) for output in outputs)

    def _circles(self, verdicts: Verdicts, outputs: list[str]) -> Iterator[Remark]:
        """The cycles of which the server says nothing: older ones of none, newer ones of what they
        would only come to once another is taken apart.
        """
        told = {
            _rotated(error.extra_info.get("cycle_nodes", ()))
            for entry in verdicts.node_errors.values()
            for error in entry.errors
            if error.type == DEPENDENCY_CYCLE
        }
        needed = upstream(outputs, self._seen.sources)
        found = circles({node_id: self._seen.sources[node_id] for node_id in needed})
        for around in dict.fromkeys(map(_rotated, [*verdicts.circles, *(each[::-1] for each in found)])):
            if around not in told:
                path = " -> ".join(
                    f"{node_id} ({self._class_of(node_id)})" for node_id in [*around, around[0]]
                )
                yield Remark(DEPENDENCY_CYCLE, f"is part of a cycle: {path}", around[0], severity="error")

    def _notes(self, answer: ServerAnswer, outputs: list[str], targets: object) -> Iterator[Remark]:
        running = set(answer.outputs)
        if answer.valid:
            yield from self._dropped(answer, [output for output in outputs if output not in running])
        yield from self._first_notes
        for found in self._seen.findings.values():
            yield from found.notes
        yield from graph_advice.on_strays(
            self._seen, answer.outputs if answer.valid else outputs, answer.valid
        )
        yield from graph_advice.on_depth(self._seen)
        # An end runs for its start, though no output may need it.
        used = [*self._classes.outputs, *self._classes.missing, *self._boundaries.ends]
        yield from graph_advice.on_unused(self._seen, used)
        yield from graph_advice.on_classes(self._classes.plans)
        yield from graph_advice.on_matches(self._prompt, self._classes.plans, self._seen)
        yield from graph_advice.on_targets(targets, self._prompt, self._classes.outputs)


def _answer(verdicts: Verdicts) -> ServerAnswer:
    if verdicts.outputs:
        return ServerAnswer(True, None, verdicts.outputs, verdicts.node_errors)
    details = "\n".join(f"{error.message}: {error.details}" for error in verdicts.output_errors)
    error = ErrorEntry("prompt_outputs_failed_validation", "Prompt outputs failed validation", details, {})
    answer = rejected(error)
    answer.node_errors = verdicts.node_errors
    return answer


def _is_circle(entry: NodeErrors) -> bool:
    return any(error.type == DEPENDENCY_CYCLE for error in entry.errors)


def _rotated(circle: Sequence[str]) -> tuple[str, ...]:
    """A cycle from its least node on: the same wherever it was entered."""
    first = circle.index(min(circle)) if circle else 0
    return (*circle[first:], *circle[:first])


def _links(plan: ClassPlan | None, inputs: Mapping[str, Any]) -> Iterator[LinkStep]:
    """The links of a node that the fast pass found right, in the schema's order."""
    if plan is not None:
        for name, entry in plan.unfold(inputs).inputs.items():
            value = inputs.get(name)
            if type(value) is list:
                yield LinkStep(value[0], name, entry.config, value)
