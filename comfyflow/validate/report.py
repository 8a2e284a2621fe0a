"""The outcome of a validation, ours or a server's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import ValidationError
from ..graph import Graph, GraphNode
from ..graph.prompt import read_nodes
from ..json_types import is_array
from ..nearest import nearest
from ..notebook import pretty_text, problems_html, text_html
from ..problem import Place, Problem, Severity
from ..user_lines import printable
from .advice import FILE_NOT_CHECKED
from .describe import MISSING_CLASS, explained_by, message_of, suggestion_for
from .findings import Remark
from .server_answer import ServerAnswer, read_answer, rejected
from .server_error import EXCEPTION_INNER, ErrorEntry, NodeErrors

if TYPE_CHECKING:
    from ..schema import Schema
    from .plan import ClassPlan, InputPlan, SchemaPlans

_COMPARED: Final = 250_000
"""How many names are compared for suggestions in one report; then there are no more."""

_PRINTED: Final = 100
_NODE_ID: Final = re.compile("Node ID '#(.*)'", re.DOTALL)
_TOLD_BY_NODES: Final = ("prompt_outputs_failed_validation", "rejected")
_SEVERITIES: Final[tuple[Severity, ...]] = ("error", "refusal", "warning", "note")


class CheckedGraph:
    """What a report is about: where its problems find titles, places and right values.

    Args:
        read: Reads the graph; called once, when a problem is asked for: most prompts have none.
        places: Node id to where the user's source made the node, or None.
        plans: The plans of the schema, or None.
    """

    def __init__(
        self,
        read: Callable[[], Graph],
        places: Mapping[str, Place] | None = None,
        plans: SchemaPlans | None = None,
    ) -> None:
        self._read = read
        self.places: Final[Mapping[str, Place]] = places if places is not None else {}
        self.plans = plans
        self._left = _COMPARED
        self._found: dict[tuple[str, int], str | None] = {}

    @cached_property
    def graph(self) -> Graph:
        """The graph; what is in a prompt and is not a node has no class in it."""
        return self._read()

    def inputs(self, node_id: str | None) -> Mapping[str, Any]:
        """What a node is given; nothing where the node does not exist."""
        node = self._node(node_id)
        return node.inputs if node is not None else {}

    def class_type(self, node_id: str | None) -> str | None:
        """A node's class."""
        node = self._node(node_id)
        return (node.class_type or None) if node is not None else None

    def plan(self, node_id: object) -> ClassPlan | None:
        """The plan of a node's class."""
        if self.plans is None or not isinstance(node_id, str):
            return None
        plan = self.plans.get(self.class_type(node_id))
        return plan if plan is not None and plan.node is not None else None

    def title(self, node_id: str | None) -> str | None:
        """A node's title."""
        node = self._node(node_id)
        return node.title if node is not None else None

    def nearest(self, given: str, names: Iterable[str]) -> str | None:
        """The nearest of some names, as long as there is patience left."""
        known = tuple(names)
        key = (given, hash(known))
        if key not in self._found:
            if self._left < len(known):
                return None
            self._left -= len(known)
            self._found[key] = nearest(given, known)
        return self._found[key]

    def problem(self, node_id: str | None, note: Remark) -> Problem:
        """Our own remark as a problem."""
        suggestion = self.nearest(*note.near) if note.near is not None else None
        return Problem(
            type=note.type,
            message=note.message,
            severity=note.severity,
            node_id=node_id,
            class_type=self.class_type(node_id),
            input_name=note.input_name or "",
            suggestion=f"Did you mean {suggestion!r}?" if suggestion is not None else None,
            place=self.places.get(node_id) if node_id is not None else None,
            title=self.title(node_id),
        )

    def problem_of(self, node_id: str | None, error: ErrorEntry) -> Problem:
        """A server's error as a problem."""
        error = explained_by(error, self.inputs(node_id), self.graph)
        return Problem(
            type=error.type,
            message=message_of(error),
            node_id=node_id,
            class_type=self.class_type(node_id),
            input_name=error.input_name or "",
            details=error.details,
            suggestion=self._suggestion(node_id, error),
            place=self.places.get(node_id) if node_id is not None else None,
            title=self.title(node_id),
            extra_info=error.extra_info,
        )

    def _node(self, node_id: str | None) -> GraphNode | None:
        return self.graph.get(node_id) if isinstance(node_id, str) else None

    def _suggestion(self, node_id: str | None, error: ErrorEntry) -> str | None:
        if error.type in MISSING_CLASS:
            given = self.class_type(node_id)
            known = self.plans.schema.names_near(given) if given and self.plans is not None else ()
            near = self.nearest(given or "", known)
            return f"Did you mean {near!r}?" if near is not None else None
        if error.explained is not None and error.explained.is_file and self.plans is not None:
            near = self.nearest(str(self.inputs(node_id).get(error.input_name or "")), self.plans.files)
            return f"Did you mean {near!r}?" if near is not None else "Upload it first."
        plan, given_inputs = self.plan(node_id), self.inputs(node_id)
        entry: InputPlan | None = None
        strangers: Sequence[str] = ()
        if plan is not None:
            known = plan.unfold(given_inputs).inputs
            entry = known.get(error.input_name or "")
            strangers = [str(name) for name in given_inputs if name not in known]
        link = error.extra_info.get("linked_node")
        source = self.plan(link[0]) if is_array(link) and link else None
        return suggestion_for(error, entry, strangers, source, self.nearest)


class Report:
    """What is wrong with a prompt, and what a server says about it.

    It prints as a list of problems by node, with the places in the user's source.

    Args:
        answer: What the server says.
        subject: What the report is about.
        notes: What we have to say beyond the server.
        hidden: Errors that the server would find once others are fixed.
    """

    _schema: tuple[str, dict[str, Any] | None] | None = None
    """What a copy reports about the schema, which it does not have."""

    def __init__(
        self,
        answer: ServerAnswer,
        subject: CheckedGraph,
        notes: Sequence[Remark] = (),
        hidden: Sequence[tuple[str, ErrorEntry]] = (),
    ) -> None:
        self._answer = answer
        self._subject = subject
        self._notes = notes
        self._hidden = hidden

    @classmethod
    def from_server(
        cls,
        body: object,
        status: int,
        *,
        prompt: object = None,
        places: Mapping[str, Place] | None = None,
        schema: Schema | None = None,
    ) -> Report:
        """Read a server's answer to ``POST /prompt``.

        Args:
            body: The JSON of the answer, whatever it is.
            status: The HTTP status. 200 is valid, also with ``node_errors``: the server then
                leaves some outputs out.
            prompt: The prompt that was sent, or its graph, for titles and suggestions.
            places: Where the user's source made the nodes.
            schema: The server's schema, for suggestions.
        """
        from .plan import SchemaPlans

        plans = SchemaPlans.of(schema) if schema is not None else None
        subject = CheckedGraph(partial(_graph_of, prompt), places, plans)
        answer = read_answer(body, status)
        return cls(answer, subject, list(answer.dropped_notes()))

    @property
    def valid(self) -> bool:
        """Whether the server accepts the prompt; it may leave outputs out anyway."""
        return self._answer.valid

    @property
    def ok(self) -> bool:
        """Whether the server accepts it and it is safe to send."""
        return self.valid and not self.refusals

    @property
    def rests_on_files(self) -> bool:
        """Whether it is invalid only because of files that the schema does not list.

        They may be there anyway: uploaded since the schema was read, or put out by an
        earlier run. If a server is available, it can be asked.
        """
        entries = self._answer.node_errors.values()
        found = [error for entry in entries for error in entry.errors]
        found += [error for _, error in self._hidden]
        files = [error.explained is not None and error.explained.is_file for error in found]
        return not self.valid and bool(files) and all(files)

    @property
    def status(self) -> int:
        """The HTTP status of the server's answer: 200, 400, or 500 where its code fails."""
        return self._answer.status

    @property
    def error(self) -> str | None:
        """The type of the server's top-level error, or None."""
        return self._answer.error.type if self._answer.error is not None else None

    @property
    def error_message(self) -> str | None:
        """The server's sentence about that error, or None."""
        return self._answer.error.message if self._answer.error is not None else None

    @property
    def error_details(self) -> str | None:
        """The server's details of that error, or None. They describe the output nodes only."""
        return self._answer.error.details if self._answer.error is not None else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The output nodes that would run, in the prompt's order."""
        return tuple(self._answer.outputs)

    @cached_property
    def node_errors(self) -> Mapping[str, tuple[Problem, ...]]:
        """The server's errors by node, in its order, named as the server names them."""
        return {
            node_id: tuple(self._subject.problem_of(node_id, error) for error in entry.errors)
            for node_id, entry in self._answer.node_errors.items()
        }

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Everything: errors first, then refusals, warnings and notes."""
        found = [*self._top_level(), *(problem for node in self.node_errors.values() for problem in node)]
        found += [self._subject.problem_of(node_id, error) for node_id, error in self._hidden]
        found += [self._subject.problem(note.node_id, note) for note in self._notes]
        return tuple(sorted(found, key=lambda problem: _SEVERITIES.index(problem.severity)))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What the server would reject, also what it would only find out later."""
        return self._of("error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the server accepts, but probably not as intended."""
        return self._of("warning")

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What cannot be known from the schema, with the nearest right name where there is one."""
        return self._of("note")

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """What the server would accept although it damages it."""
        return self._of("refusal")

    def refused(self) -> Report:
        """The refusals alone, for a prompt of whose node classes nothing is known."""
        notes = [note for note in self._notes if note.severity == "refusal"]
        return Report(ServerAnswer(valid=True), self._subject, notes)

    def with_errors(self, errors: Mapping[str, Sequence[ErrorEntry]]) -> Report:
        """The report with errors that a server that was asked will have: it refuses the prompt.

        Args:
            errors: By node.
        """
        if not errors:
            return self
        known = {**self._answer.node_errors}
        for node_id, found in errors.items():
            before = known.get(node_id)
            kept, dependent = (before.errors, before.dependent_outputs) if before is not None else ((), ())
            known[node_id] = NodeErrors(self._subject.class_type(node_id), [*kept, *found], dependent)
        top = ErrorEntry("prompt_outputs_failed_validation", "Prompt outputs failed validation", "", {})
        answer = rejected(self._answer.error or top)
        answer.node_errors = known
        notes = [
            note for note in self._notes if not (note.node_id in errors and note.type == FILE_NOT_CHECKED)
        ]
        return Report(answer, self._subject, notes, self._hidden)

    def _of(self, severity: Severity) -> tuple[Problem, ...]:
        if severity != "error" and not any(note.severity == severity for note in self._notes):
            return ()
        return tuple(problem for problem in self.problems if problem.severity == severity)

    def _top_level(self) -> Iterator[Problem]:
        error = self._answer.error
        if error is None or (error.type in _TOLD_BY_NODES and self._answer.node_errors):
            return
        named = _NODE_ID.fullmatch(error.details) if error.type in MISSING_CLASS else None
        yield self._subject.problem_of(named[1] if named is not None else None, error)

    def raise_for_problems(self) -> None:
        """Raise if it is not `ok`.

        Raises:
            ValidationError: It is not; the error has this report.
        """
        if not self.ok:
            raise ValidationError(self)

    def to_server_json(self) -> dict[str, Any]:
        """The server's answer: ``{"error": …, "node_errors": …}``, in its own words.

        Tracebacks are empty. A 500 has no JSON; what is given then is only for people.
        """
        return self._answer.to_json()

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "valid": self.valid,
            "ok": self.ok,
            "error": self.error,
            "outputs": list(self.outputs),
            "node_errors": {
                node_id: [problem.to_json() for problem in problems]
                for node_id, problems in self.node_errors.items()
            },
            "problems": [_with_node(problem) for problem in self.errors],
            "refusals": [_with_node(problem) for problem in self.refusals],
            "warnings": [_with_node(problem) for problem in self.warnings],
            "notes": [_with_node(problem) for problem in self.notes],
            "schema": self._schema_json(),
        }

    def __copy__(self) -> Report:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, _: object) -> Report:
        return self.__copy__()  # nothing in it changes

    def __getstate__(self) -> dict[str, Any]:
        # What is found in the server's classes is found now: their plans are large, and cannot be pickled.
        found = {"problems": self.problems, "node_errors": self.node_errors}
        schema = self._against(), self._schema_json()
        return {**self.__dict__, **found, "_subject": CheckedGraph(Graph), "_schema": schema}

    def _schema_json(self) -> dict[str, Any] | None:
        if self._schema is not None:
            return self._schema[1]
        schema = self._whole_schema()
        if schema is None:
            return None
        return {"source": schema.source, "version": schema.version_text, "node_classes": schema.count}

    _repr_pretty_ = pretty_text

    def _repr_html_(self) -> str:
        return problems_html(self.problems) or text_html(self)

    def __str__(self) -> str:
        return "\n".join([self._headline(), *self._lines(), self._against()])

    def _against(self) -> str:
        """Which schema it was made against."""
        if self._schema is not None:
            return self._schema[0]
        schema = self._whole_schema()
        return str(schema) if schema is not None else "schema: the server's own, from its response"

    def _whole_schema(self) -> Schema | None:
        plans = self._subject.plans
        return plans.schema if plans is not None and plans.schema.is_whole else None

    def __repr__(self) -> str:
        return f"<Report: {self._headline()}>"

    def _headline(self) -> str:
        counts = [len(self._of(severity)) for severity in _SEVERITIES]
        named = [
            f"{count} {word}{'' if count == 1 else 's'}"
            for count, word in zip(counts, _SEVERITIES, strict=True)
            if count
        ]
        verdict = "valid" if self.valid else f"invalid ({self.error or 'rejected'})"
        if self.valid and not self.ok:
            verdict = "refused (the server would accept it)"
        return f"{verdict}: {', '.join(named)}" if named else verdict

    def _lines(self) -> Iterator[str]:
        by_node: dict[str | None, list[Problem]] = {}
        for problem in self.problems[:_PRINTED]:
            by_node.setdefault(problem.node_id, []).append(problem)
        for node_id, problems in by_node.items():
            if node_id is not None:
                yield _node_line(problems[0])
            yield from (_problem_line(problem) for problem in problems)
        rest = len(self.problems) - _PRINTED
        if rest > 0:
            yield f"… and {rest} more"


def _graph_of(prompt: object) -> Graph:
    return prompt if isinstance(prompt, Graph) else read_nodes(prompt)


def _with_node(problem: Problem) -> dict[str, Any]:
    return {"node_id": problem.node_id, "class_type": problem.class_type, **problem.to_json()}


def _node_line(problem: Problem) -> str:
    title = f" ({problem.title!r})" if problem.title and problem.title != problem.class_type else ""
    where = f"  at {problem.place}" if problem.place is not None else ""
    return printable(f"{problem.class_type or 'node'} #{problem.node_id}{title}{where}")


def _problem_line(problem: Problem) -> str:
    is_ours = problem.type != EXCEPTION_INNER  # there the name is that of another node's input
    name = f"{problem.input_name} " if problem.input_name and is_ours else ""
    hint = f". {problem.suggestion}" if problem.suggestion else ""
    return printable(f"  {problem.severity}: {name}{problem.message}{hint} [{problem.type}]")
