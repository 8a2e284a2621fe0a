"""Errors for runs that failed, wholly or in part: which node, which line, and what did not run."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import ExecutionError, Interrupted, OutOfMemory, PartialSuccess, PromptLost, RunError
from ..graph.prompt import sources_of
from ..graph.walk import causes
from .event import ExecutionFailed, ExecutionNodeFailed
from .run import Run
from .run_event import Outcome

if TYPE_CHECKING:
    from .result import Result


_MEMORY: Final = ("OutOfMemoryError", "MemoryError")


_NAMED: Final = 10
"""How many nodes a message names."""


_LISTED: Final = 100
"""How many nodes each list of a server's summary has at most."""


def error_of_outcome(run: Run, outcome: Outcome) -> RunError | None:
    """The error of a run without a result; None for one with a result, even a partial one."""
    name = f"prompt {run.prompt_id}"
    if outcome.ending in ("success", "partial_success"):
        return None
    if outcome.ending == "interrupted" or (outcome.ending == "lost" and run.cancelled):
        stopped = outcome.interruption
        where = f" at {run.node(stopped.node_id)}" if stopped is not None and stopped.node_id else ""
        return Interrupted(
            f"{name} was {'cancelled' if run.cancelled else 'interrupted'}{where}", run.prompt_id
        )
    if outcome.ending == "lost":
        return PromptLost(
            f"{name} is lost: {outcome.reason}. Someone deleted it, or the server restarted", run.prompt_id
        )
    failure = outcome.failure
    if failure is None:
        return RunError(f"{name} failed; the server does not say why", run.prompt_id)
    return node_error(run, failure, _policy_words(run, outcome))


def node_error(run: Run, failure: ExecutionFailed | ExecutionNodeFailed, note: str = "") -> ExecutionError:
    """A node's exception as an error, with the line that created the node.

    Args:
        run: The run.
        failure: What the server reported.
        note: What to add, on separate lines.
    """
    place = run.node(failure.node_id or "", _display_node(failure)).place
    source = f"\n  {place.source}" if place is not None and place.source else ""
    traced = "".join(f"\n  {line}" for line in _traced(failure.traceback))
    message = _words(run, failure) + source + note
    return _error(run, failure, message + (f"\nOn the server:{traced}" if traced else ""))


def _traced(traceback: Iterable[str]) -> Iterator[str]:
    """The lines of a server's traceback, without those that only mark a part of the one above."""
    for frame in traceback:
        for line in frame.splitlines():
            if line.strip(" ^~"):
                yield line.rstrip()


def partial_success(run: Run, result: Result[Any]) -> PartialSuccess:
    """The error of a run in which nodes failed and others gave outputs.

    Args:
        run: The run.
        result: What it returned.
    """
    failed, blocked = list(result.failed.values()), result.blocked
    lines = [f"prompt {run.prompt_id} is a partial success: {_counted(len(failed))} failed"]
    lines += [_first_line(error) for error in failed[:_NAMED]]
    if len(failed) > _NAMED:
        lines.append(f"and {len(failed) - _NAMED} more")
    if blocked:
        lines.append(f"did not run because they need these: {named(run, blocked)}")
    lines.append(f"outputs that came anyway: {named(run, result.outputs) or 'no files or text'}")
    return PartialSuccess("\n".join(lines), failed[0], result)


class NodeFailures:
    """The nodes of a run that failed or did not run, each with its error.

    Args:
        run: The run.
        outcome: How it ended.
        prompt: The prompt JSON, which has the links.
    """

    def __init__(self, run: Run, outcome: Outcome, prompt: Mapping[str, Any]) -> None:
        self._run = run
        self._outcome = outcome
        self._prompt = prompt

    @functools.cached_property
    def failed(self) -> Mapping[str, ExecutionError]:
        """The nodes that failed, by id: for an expanded node or a loop, the inner node."""
        found: dict[str, ExecutionError] = {}
        told: set[str] = set()
        for failure in self._outcome.node_failures:
            node = self._run.node(failure.node_id or "", failure.display_node)
            found.setdefault(node.node_id, node_error(self._run, failure))
            told.update((node.node_id, failure.node_id or ""))
        summary = self._outcome.summary
        for node_id in summary.failed_node_ids if summary is not None else ():
            if node_id not in told:
                found[node_id] = self._unexplained(node_id)
        if not found and self._outcome.ending == "partial_success":
            found[""] = self._unexplained("")
        return found

    @functools.cached_property
    def blocked(self) -> Mapping[str, ExecutionError]:
        """The nodes that did not run, by id.

        The server's summary names up to a hundred. Without one, and beyond these, they are the nodes that
        need a failed node and gave nothing.
        """
        if not self.failed:
            return {}
        outcome, found = self._outcome, list[str]()
        if outcome.summary is not None:
            found += outcome.summary.blocked_node_ids
        if outcome.summary is None or len(found) >= _LISTED:
            gave = {*outcome.outputs, *outcome.pictures, *outcome.cached, *self.failed}
            found += [node_id for node_id in self._causes if node_id not in gave]
        return {node_id: self._blocked(node_id) for node_id in dict.fromkeys(found)}

    def of(self, node_id: str) -> ExecutionError | None:
        """Why a node gave nothing; None if the reason is not a failure."""
        for failure in self._outcome.node_failures:
            if failure.node_id == node_id:
                return self.failed[self._run.node(node_id, failure.display_node).node_id]
        return self.failed.get(node_id) or self.blocked.get(node_id)

    def _blocked(self, node_id: str) -> ExecutionError:
        cause = self.failed[self._causes.get(node_id) or next(iter(self.failed))]
        node = self._run.node(node_id)
        place = f"{node.place}: " if node.place is not None else ""
        who = _name(self._run, node_id)
        message = f"{place}{who} did not run because a node that it needs failed: {_first_line(cause)}"
        return ExecutionError(
            message,
            self._run.prompt_id,
            node_id=cause.node_id,
            class_type=cause.class_type,
            exception_type=cause.exception_type,
            exception_message=cause.exception_message,
            traceback=cause.traceback,
            place=cause.place,
        )

    @functools.cached_property
    def _causes(self) -> Mapping[str, str]:
        """The nearest failed node upstream of each node."""
        sources = {node_id: sources_of(node) for node_id, node in self._prompt.items()}
        found = causes(self.failed, sources)
        return {node_id: cause for node_id, cause in found.items() if node_id not in self.failed}

    def _unexplained(self, node_id: str) -> ExecutionError:
        node = self._run.node(node_id)
        where = f"{node.place}: " if node.place is not None else ""
        who = _name(self._run, node_id) if node_id else "a node"
        return ExecutionError(
            f"{where}{who} failed; the server does not say why",
            self._run.prompt_id,
            node_id=node_id or None,
            class_type=node.class_type or None,
            place=node.place,
        )


def named(run: Run, node_ids: Collection[str]) -> str:
    """The first nodes by class and id, for a message."""
    shown = [_name(run, node_id) for node_id, _ in zip(node_ids, range(_NAMED), strict=False)]
    more = f" and {len(node_ids) - _NAMED} more" if len(node_ids) > _NAMED else ""
    return ", ".join(shown) + more


def _name(run: Run, node_id: str) -> str:
    return f"{run.node(node_id).class_type or 'node'} #{node_id}"


def _policy_words(run: Run, outcome: Outcome) -> str:
    """What to report if others were to continue, but nothing came."""
    also: Iterable[ExecutionNodeFailed] = outcome.node_failures
    lines = [_words(run, failure) for failure in also if not _same(failure, outcome.failure)]
    if lines:
        more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
        return "\n" + "\n".join(["Before it:", *lines[:_NAMED], *more])
    if run.policy is None or outcome.node_failures:
        return ""
    if not run.policy_known:
        return (
            f"\nThe server does not know the node failure policy {run.policy!r}: "
            "the nodes that do not need this one did not run either"
        )
    return f"\nAn error of this kind ends the prompt, whatever the node failure policy ({run.policy!r})"


def _same(failure: ExecutionNodeFailed, last: ExecutionFailed | None) -> bool:
    """Whether the error that ends the prompt repeats the last node's own."""
    return last is not None and (failure.node_id, failure.exception_message) == (
        last.node_id,
        last.exception_message,
    )


def _display_node(failure: ExecutionFailed | ExecutionNodeFailed) -> str | None:
    return failure.display_node if isinstance(failure, ExecutionNodeFailed) else None


def _words(run: Run, failure: ExecutionFailed | ExecutionNodeFailed) -> str:
    node = run.node(failure.node_id or "", _display_node(failure))
    where = f"{node.place}: " if node.place is not None else ""
    who = f"{failure.node_type or node.class_type} #{node.node_id}"
    return f"{where}{who} raised {failure.exception_type}: {failure.exception_message}"


def _error(run: Run, failure: ExecutionFailed | ExecutionNodeFailed, message: str) -> ExecutionError:
    shown = _display_node(failure)
    node = run.node(failure.node_id or "", shown)
    kind = OutOfMemory if failure.exception_type.endswith(_MEMORY) else ExecutionError
    return kind(
        message,
        run.prompt_id,
        node_id=shown or failure.node_id,
        class_type=failure.node_type or node.class_type,
        exception_type=failure.exception_type,
        exception_message=failure.exception_message,
        traceback=failure.traceback,
        place=node.place,
    )


def _counted(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _first_line(error: ExecutionError) -> str:
    """What happened, without the prompt's id and the server's traceback."""
    return str(error.args[0]).partition("\n")[0]
