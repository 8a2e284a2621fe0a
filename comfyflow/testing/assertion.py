"""Assertions about a graph. What they say names nodes by title and by line of source."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import NodeUsageError
from ..graph.prompt import read_link
from ..problem import Problem
from ..user_lines import short_path
from .query import FoundNode, FoundNodes, What, condition_of, described, find_all, missing, unlike
from .session import current_schema
from .subject import Looked, Subject

if TYPE_CHECKING:
    from ..schema import Schema


def assert_valid(
    workflow: Looked, schema: Schema | None = None, *, warnings: bool = True, files: bool = True
) -> None:
    """Assert that a server with this schema would accept the workflow and not be damaged by it.

    The schema of a generated package does not know which files a server has, so that models are
    looked for only in one that a server gave.

    Args:
        workflow: A workflow, a graph, or prompt JSON.
        schema: The schema; by default what ``--comfy-object-info`` or ``--comfy-server`` says, else
            that of the generated package.
        warnings: Whether there may be warnings.
        files: Whether models and other files must be installed, where the schema knows which are.

    Raises:
        AssertionError: There are problems; each is reported at its node.
        SchemaError: There is no schema.
    """
    __tracebackhide__ = True
    from ..schema import Schema
    from ..validate import validate_prompt

    subject = Subject.of(workflow)
    used = schema if schema is not None else current_schema(subject)
    if not files and used.files_known:
        used = Schema(used.raw, used.version, used.source, files_known=False)
    report = validate_prompt(subject.source.prompt, used, places=subject.source.places)
    counted = [*report.errors, *report.refusals, *(() if warnings else report.warnings)]
    if counted:
        raise AssertionError(
            f"{subject.name} is not valid for ComfyUI {used.version} ({short_path(used.source)}): "
            f"{len(counted)} problem{'' if len(counted) == 1 else 's'}\n{_by_node(subject, counted)}"
        )


def assert_count(
    workflow: Looked, what: What, count: int, /, *, where: Mapping[str, Any] | None = None, **inputs: Any
) -> None:
    """Assert that a workflow has that many nodes of a class (with matching inputs; see `find`).

    Raises:
        AssertionError: It has more or fewer.
    """
    __tracebackhide__ = True
    conditions = {**(where or {}), **inputs}
    found = find_all(workflow, what, where=conditions)
    if len(found) != count:
        subject = found._subject
        listed = subject.listed((node.node_id for node in found), {})
        raise AssertionError(
            f"{subject.name} should have {count} {described(what, None, conditions)} "
            f"but has {len(found) or 'none'}{f':{chr(10)}{listed}' if found else ''}"
        )


def assert_every(
    workflow: Looked, what: What, /, *, where: Mapping[str, Any] | None = None, **inputs: Any
) -> None:
    """Assert that every node of a class has matching inputs, and that there is one: ``cfg=at_most(8)``.

    Args:
        workflow: A workflow, a graph, or prompt JSON.
        what: The class, in Python or by name.
        where: What the inputs must be, by wire name: values, or conditions.
        inputs: The same, for names that Python takes.

    Raises:
        AssertionError: A node does not match, or there is none of the class.
    """
    __tracebackhide__ = True
    found = find_all(workflow, what)
    subject = found._subject
    conditions = {name: condition_of(value) for name, value in {**(where or {}), **inputs}.items()}
    if not found:
        raise AssertionError(missing(subject, what, described(what)))
    wrong = {node.node_id: words for node in found if (words := unlike(node, conditions))}
    if wrong:
        wanted = " and ".join(f"{name} {condition.words}" for name, condition in conditions.items())
        raise AssertionError(
            f"every {described(what)} of {subject.name} should have {wanted}; "
            f"{len(wrong)} of {len(found)} do not:\n{subject.listed(wrong, wrong)}"
        )


def assert_connected(
    workflow: Looked,
    source: What | FoundNode,
    target: What | FoundNode,
    *,
    through: What | None = None,
) -> None:
    """Assert that links lead to each target from at least one source.

    Args:
        workflow: A workflow, a graph, or prompt JSON.
        source: A class of nodes, or a node that was found.
        target: A class of nodes, or a node that was found.
        through: A class of which at least one node must be on the way.

    Raises:
        AssertionError: Nothing leads to a target, or there are no nodes to check.
    """
    __tracebackhide__ = True
    subject = Subject.of(workflow)
    sources, targets = _nodes(subject, source), _nodes(subject, target)
    for what, found in ((source, sources), (target, targets)):
        if not found and not isinstance(what, FoundNode):
            raise AssertionError(missing(subject, what, described(what)))
    between = None if through is None else set(find_all(subject, through))
    known = set(sources)
    lost = [node for node in targets if not _reaches(node, known, between)]
    if lost:
        way = f" through {described(through)}" if through is not None else ""
        raise AssertionError(
            f"in {subject.name}, no links lead from {_called(source)} to {_called(target)}{way}:\n"
            f"{_ways(subject, lost)}"
        )


def _by_node(subject: Subject, problems: Iterable[Problem]) -> str:
    """Problems under the nodes that have them."""
    details: dict[str, list[str]] = {}
    others: list[str] = []
    for problem in problems:
        known = problem.node_id is not None and problem.node_id in subject.graph
        lines = details.setdefault(problem.node_id or "", []) if known else others
        lines.extend(_lines(subject, problem))
    listed = [subject.listed(details, details)] if details else []
    return "\n".join([*(f"  {line}" for line in others), *listed])


def _lines(subject: Subject, problem: Problem) -> Iterator[str]:
    name = f"{problem.input_name} " if problem.input_name else ""
    hint = f". {problem.suggestion}" if problem.suggestion else ""
    severity = "" if problem.severity == "error" else f"{problem.severity}: "
    yield f"{severity}{name}{problem.message}{hint} [{problem.type}]"
    link = read_link(problem.extra_info.get("linked_node"))
    if link is not None and link.node_id in subject.graph:
        yield f"    linked to {subject.output_name(link)} of {subject.called(link.node_id)}"


def _nodes(subject: Subject, what: What | FoundNode) -> FoundNodes:
    if isinstance(what, FoundNode):
        if not what._subject.is_same(subject):
            raise NodeUsageError(f"{what} was found in a different workflow than {subject.name}")
        return FoundNodes(subject, [what.node_id])
    return find_all(subject, what)


def _called(what: What | FoundNode) -> str:
    return str(what) if isinstance(what, FoundNode) else described(what)


def _reaches(node: FoundNode, sources: Container[FoundNode], through: Container[FoundNode] | None) -> bool:
    """Whether a node depends on one of the sources, by way of one of some nodes."""
    before = node.upstream()
    if through is None:
        return any(source in sources for source in before)
    return any(source in sources for way in before if way in through for source in way.upstream())


def _ways(subject: Subject, nodes: Iterable[FoundNode]) -> str:
    """Nodes, each with what does lead to it."""
    details: dict[str, list[str]] = {}
    for node in nodes:
        before = [str(each) for each in node.upstream()]
        shown = ", ".join(before[:_SHOWN]) + (
            f" and {len(before) - _SHOWN} more" if len(before) > _SHOWN else ""
        )
        details[node.node_id] = [f"depends on {shown or 'nothing'}"]
    return subject.listed(details, details)


_SHOWN: Final = 8
"""How many of the nodes before another a message names."""
