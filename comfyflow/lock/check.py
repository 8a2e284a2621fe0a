"""Whether a workflow would still run on a server, and what is different there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from ..diff.value import brief
from ..graph import Graph
from ..graph.prompt import read_nodes
from ..nearest import nearest
from ..problem import Place, Problem, Severity
from ..record import replace
from ..schema import InputSchema, NodeSchema, Schema, takes_file, unfold_inputs
from ..validate import Report, validate_prompt
from .checked import SEVERITIES, Drift
from .difference import Difference, node_differences
from .lock_file import Lock, is_file_list

_EXPLAINED: Final[Mapping[str, frozenset[str]]] = {
    "required_input_missing": frozenset({"input_added", "input_required_changed", "slots_changed"}),
    "value_not_in_list": frozenset({"choices_gone", "input_type_changed", "option_changed"}),
    "value_smaller_than_min": frozenset({"range_changed", "input_type_changed"}),
    "value_bigger_than_max": frozenset({"range_changed", "input_type_changed"}),
    "invalid_input_type": frozenset({"input_type_changed"}),
    "return_type_mismatch": frozenset({"input_type_changed", "output_type_changed"}),
}
"""Which differences explain an error of the server at the same input; others are tried in turn."""

_NEVER: Final = frozenset({"choices_added", "default_changed", "output_renamed", "output_added"})
"""Differences that explain no error."""


def check(
    prompt: object | Graph,
    new: Schema | Lock,
    old: Schema | Lock | None = None,
    *,
    places: Mapping[str, Place] | None = None,
) -> list[Drift]:
    """Check whether a workflow would run on a server, and what has changed for it.

    Lists every change in the node classes that the workflow uses, with its effect on this
    workflow; descriptions and appearance of nodes aside. Then everything else that the server would reject
    it for: models that are not installed, and problems that existed before.

    Args:
        prompt: The workflow: a graph, or prompt JSON.
        new: The server's node classes, or a lock of them.
        old: The classes that the workflow was made for; None if unknown. Then only what keeps
            it from running is listed.
        places: Node id to where the user's source made the node; by default, what a graph says.

    Returns:
        Errors first, then warnings, then the rest; see `would_run`.
    """
    target = new.schema if isinstance(new, Lock) else new
    baseline = old.schema if isinstance(old, Lock) else old
    graph = prompt if isinstance(prompt, Graph) else read_nodes(prompt)
    found = validate_prompt(prompt, target, places=places)
    known = graph.places if places is None else places
    return _Check(graph, found, target, baseline, known, isinstance(old, Lock)).run()


class _Check:
    """The check of one workflow."""

    def __init__(
        self,
        graph: Graph,
        report: Report,
        new: Schema,
        old: Schema | None,
        places: Mapping[str, Place],
        is_locked: bool,
    ) -> None:
        self._graph = graph
        self._report = report
        self._new = new
        self._old = old
        self._places = places
        self._is_locked = is_locked
        self._replaced: dict[str, str] = {}
        self._by_class: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        for node_id, node in graph.items():
            if node.class_type:
                self._by_class[node.class_type][node_id] = node.inputs

    def run(self) -> list[Drift]:
        """All drifts, the worst first."""
        found = {name: list(self._differences(name)) for name in self._by_class}
        hits: defaultdict[int, dict[str, Problem]] = defaultdict(dict)
        rest: dict[tuple[object, ...], Drift] = {}
        report = self._report
        self._replaced = {
            problem.node_id: problem.message
            for problem in report.warnings
            if problem.type == "replaced_node" and problem.node_id is not None
        }
        for problem in (*report.errors, *report.refusals):
            file = self._file_drift(problem)
            known = None if file is not None else self._explanation(problem, found)
            if known is not None:
                hits[id(known[0])].setdefault(known[1], problem)
            else:
                key = (problem.type, problem.node_id, problem.input_name, problem.message)
                rest.setdefault(key, file or self._error(problem))
        drifts = [
            self._drift(name, difference, hits[id(difference)])
            for name, differences in found.items()
            for difference in differences
        ]
        return sorted([*drifts, *rest.values()], key=lambda drift: SEVERITIES.index(drift.severity))

    def _differences(self, class_type: str) -> Iterator[Difference]:
        ids = tuple(self._by_class[class_type])
        new: NodeSchema | None = self._new.get(class_type)
        old: NodeSchema | None = self._old.get(class_type) if self._old is not None else None
        if new is None and class_type not in self._new.raw:
            message = f"node class not found{' any more' if old is not None else ''}"
            yield Difference("node_gone", message, ids)
        elif self._old is not None and old is None:
            if self._is_locked:
                yield Difference("not_locked", "is not in the lock: run comfyflow lock again", ids)
            else:
                yield Difference("node_added", "is a new node class", ids)
        elif old is not None and new is not None:
            yield from node_differences(old, new, self._by_class[class_type])

    def _explanation(
        self, problem: Problem, found: Mapping[str, list[Difference]]
    ) -> tuple[Difference, str] | None:
        """The difference because of which the server has this to say, and the node that has it."""
        if problem.node_id is None:
            return self._no_output(problem, found)
        ranked: list[tuple[int, int, Difference, str]] = []
        for difference in found.get(problem.class_type or "", ()):
            rank = _rank(problem, difference)
            if rank is not None:
                ranked.append((rank, len(ranked), difference, problem.node_id))
        node = self._graph.get(problem.node_id)
        for name, (source, slot) in node.links if node is not None else ():
            is_it = source in self._graph and (
                problem.input_name == name or problem.type.startswith("exception_")
            )
            for difference in found.get(self._graph[source].class_type, ()) if is_it else ():
                if difference.slot == slot and difference.type in ("output_type_changed", "output_gone"):
                    ranked.append((1, len(ranked), difference, source))
        return min(ranked)[2:] if ranked else None

    def _no_output(
        self, problem: Problem, found: Mapping[str, list[Difference]]
    ) -> tuple[Difference, str] | None:
        if problem.type != "prompt_no_outputs":
            return None
        lost = (
            (difference, difference.nodes[0])
            for differences in found.values()
            for difference in differences
            if difference.type == "output_node_changed" and not difference.new
        )
        return next(lost, None)

    def _file_drift(self, problem: Problem) -> Drift | None:
        """The drift of a file that is not on the server, if that is the problem."""
        if problem.type not in ("value_not_in_list", "custom_validation_failed"):
            return None
        entry = self._entry(problem)
        given = self._inputs(problem.node_id).get(problem.input_name)
        if entry is None or not is_file_list(entry) or not isinstance(given, str):
            return None
        drift = self._error(problem)
        if takes_file(entry):
            message = f"file {brief(given)} is not on the server yet"
            return replace(drift, type="file_missing", severity="warning", message=message)
        near = nearest(given, (choice for choice in entry.choices or () if isinstance(choice, str)))
        hint = f"Did you mean {near!r}?" if near is not None else None
        message = f"{brief(given)} is not installed"
        return replace(drift, type="model_not_installed", message=message, suggestion=hint)

    def _entry(self, problem: Problem) -> InputSchema | None:
        node: NodeSchema | None = self._new.get(problem.class_type)
        if node is None:
            return None
        inputs = unfold_inputs(node.inputs, self._inputs(problem.node_id))
        return next((entry for entry in inputs if entry.name == problem.input_name), None)

    def _error(self, problem: Problem) -> Drift:
        """An error of the server as it is."""
        return Drift(
            problem.type,
            problem.message,
            node_id=problem.node_id,
            class_type=problem.class_type,
            input_name=problem.input_name,
            suggestion=problem.suggestion,
            place=problem.place,
            title=problem.title,
            node_ids=(problem.node_id,) if problem.node_id is not None else (),
        )

    def _drift(self, class_type: str, difference: Difference, hit: Mapping[str, Problem]) -> Drift:
        severity, ids = self._impact(difference, hit)
        problem = hit[ids[0]] if severity == "error" and ids[0] in hit else None
        reason = problem.message if problem is not None and difference.type != "node_gone" else None
        return Drift(
            difference.type,
            difference.message + self._aside(difference),
            severity,
            node_id=ids[0],
            class_type=class_type,
            input_name=difference.input_name or "",
            suggestion=problem.suggestion if problem is not None else None,
            place=self._places.get(ids[0]),
            title=self._graph[ids[0]].title,
            node_ids=ids,
            reason=reason if severity == "error" else self._replaced.get(ids[0]),
            old=difference.old,
            new=difference.new,
        )

    def _impact(self, difference: Difference, hit: Mapping[str, Problem]) -> tuple[Severity, tuple[str, ...]]:
        """How bad a difference is to the workflow, and the nodes to which it is so."""
        if difference.type == "node_gone":
            lost = tuple(node_id for node_id in difference.nodes if node_id not in self._replaced)
            return ("error", lost) if lost else ("warning", difference.nodes)
        if hit:
            return "error", tuple(hit)
        changed = tuple(node_id for node_id in difference.nodes if self._alters(difference, node_id))
        return ("warning", changed) if changed else ("note", difference.nodes)

    def _alters(self, difference: Difference, node_id: str) -> bool:
        """Whether a node may do something else than before because of a difference."""
        old, new = difference.old, difference.new
        name = difference.input_name
        given = name is not None and name in self._inputs(node_id)
        if difference.type in ("input_gone", "input_type_changed"):
            return given and (new is None or not _share(old, new))
        if difference.type == "default_changed":
            return not given and "*" not in (name or "")
        if difference.type in ("output_list_changed", "output_gone"):
            return (node_id, difference.slot) in self._used_outputs
        if difference.type in ("deprecated_changed", "api_node_changed"):
            return bool(new)
        if difference.type == "output_node_changed":
            return not new
        if difference.type == "module_changed":
            return "custom_nodes" in (str(old).split(".")[0], str(new).split(".")[0])
        return difference.type in ("not_locked", "input_list_changed", "slots_changed")

    def _aside(self, difference: Difference) -> str:
        """What must be said about an output that no node of the workflow is linked to."""
        changed = difference.type in ("output_gone", "output_type_changed", "output_list_changed")
        used = any((node_id, difference.slot) in self._used_outputs for node_id in difference.nodes)
        return ", which the workflow does not use" if changed and not used else ""

    @cached_property
    def _used_outputs(self) -> frozenset[tuple[str, int | None]]:
        return frozenset(link for node in self._graph.values() for _, link in node.links)

    def _inputs(self, node_id: str | None) -> Mapping[str, Any]:
        node = self._graph.get(node_id or "")
        return node.inputs if node is not None else {}


def _rank(problem: Problem, difference: Difference) -> int | None:
    """How well a difference of a node's class explains a problem of that node; 0 is best."""
    if difference.type == "node_gone":
        return 0 if problem.type in ("missing_node_type", "invalid_prompt") else None
    name, pattern = problem.input_name, difference.input_name
    if not name or pattern is None or difference.type in _NEVER:
        return None
    if problem.node_id not in difference.nodes:
        return None
    if not (
        pattern == name or ("*" in pattern and _matches(name, pattern)) or name.startswith(f"{pattern}.")
    ):
        return None
    return 0 if difference.type in _EXPLAINED.get(problem.type, ()) else 2


def _matches(name: str, pattern: str) -> bool:
    """Whether a dotted name is one that a pattern with ``*`` for a slot or a row stands for."""
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(
        want in ("*", part) for part, want in zip(parts, wanted, strict=True)
    )


def _share(old: Any, new: Any) -> bool:
    """Whether two types, as they are shown, have a member in common, or one takes anything."""
    before, after = ({part.strip() for part in str(kind).split(",")} for kind in (old, new))
    return "*" in after or not before.isdisjoint(after)
