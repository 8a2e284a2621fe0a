"""The server's walk from the outputs down: what it says about which node, and what would run.

The server validates a node by recursing into what it is linked to, and remembers what it
found. Here the same steps run on our own stack, so that no prompt is too deep to check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from .findings import LinkStep, Step
from .rules import RECURSION_CAUGHT, SERVER_RECURSION, ServerRules
from .server_error import DEPENDENCY_CYCLE, ErrorEntry, Explained, NodeErrors, Raised

_Verdict = tuple[bool, list[ErrorEntry]]
_FINE: Final[_Verdict] = (True, [])


class Verdicts:
    """What the server found.

    Attributes:
        outputs: The outputs that would run.
        node_errors: Its ``node_errors``, in its order.
        output_errors: The errors of the failed outputs themselves, for the top-level details.
        visited: Every node that it got to.
        circles: The cycles of which it does not say that they are any.
    """

    def __init__(self, outputs: list[str] | None = None) -> None:
        self.outputs: list[str] = [] if outputs is None else outputs
        self.node_errors: dict[str, NodeErrors] = {}
        self.output_errors: list[ErrorEntry] = []
        self.visited: set[str] = set()
        self.circles: list[list[str]] = []


class _Frame:
    """One node in the middle of being validated."""

    __slots__ = ("errors", "link", "node_id", "steps", "valid")

    def __init__(self, node_id: str, steps: Iterable[Step]) -> None:
        self.node_id = node_id
        self.steps = iter(steps)
        self.errors: list[ErrorEntry] = []
        self.valid = True
        self.link: LinkStep | None = None


class Walk:
    """The server's validation of one prompt.

    Args:
        steps: What the server comes upon at a node.
        class_of: The class of a node, for messages.
        rules: The server's rules.
    """

    def __init__(
        self, steps: Callable[[str], Iterable[Step]], class_of: Callable[[str], Any], rules: ServerRules
    ) -> None:
        self._steps = steps
        self._class_of = class_of
        self._rules = rules
        self._known: dict[str, _Verdict] = {}
        self._new: list[str] = []
        self._stack: list[_Frame] = []
        self._open: dict[str, int] = {}
        self._circles: list[list[str]] = []

    def run(self, outputs: Iterable[str]) -> Verdicts:
        """Validate the outputs one after the other.

        Args:
            outputs: The outputs. A server takes them in the order of a set.
        """
        verdicts = Verdicts()
        failed: list[str] = []
        since: dict[str, int] = {}
        for output in outputs:
            valid, errors = self._visit(output)
            if valid:
                verdicts.outputs.append(output)
                continue
            failed.append(output)
            verdicts.output_errors.extend(errors)
            for node_id in self._new:
                valid, errors = self._known[node_id]
                if not valid and errors:
                    since[node_id] = len(failed) - 1
            self._new.clear()
        verdicts.visited.update(self._known)
        verdicts.circles.extend(self._circles)
        for node_id, first in since.items():
            errors = self._known[node_id][1]
            verdicts.node_errors[node_id] = NodeErrors(self._class_of(node_id), errors, failed[first:])
        return verdicts

    def _visit(self, root: str) -> _Verdict:
        """Validate one output and all that it needs."""
        if root in self._known:
            return self._known[root]
        self._push(root)
        while self._stack:
            frame = self._stack[-1]
            raised = self._go_on(frame)
            if raised is not None:
                self._unwind(raised)
            elif frame is self._stack[-1]:
                self._finish(frame)
        return self._known[root]

    def _go_on(self, frame: _Frame) -> Raised | None:
        """Take the node's next steps: to its end, to a node that must be validated first, or to
        an exception.
        """
        for step in frame.steps:
            if isinstance(step, ErrorEntry):
                frame.errors.append(step)
            elif isinstance(step, Raised):
                return step
            else:
                frame.link = step
                if not self._is_known(step.source):
                    if len(self._stack) >= SERVER_RECURSION:
                        return self._too_deep()
                    self._push(step.source)
                    return None
                frame.valid = frame.valid and self._known[step.source][0]
        return None

    def _is_known(self, node_id: str) -> bool:
        if node_id in self._known:
            return True
        if node_id not in self._open:
            return False
        self._close_cycle(node_id)
        return True

    def _close_cycle(self, node_id: str) -> None:
        """The walk has come upon a node that it is in the middle of."""
        around = [frame.node_id for frame in self._stack[self._open[node_id] :]]
        if not self._rules.names_cycles:
            # Each node of the cycle is entered again and again until Python gives up; then
            # every one ends as invalid, and the exception is overwritten.
            self._learn(node_id, (False, []))
            self._circles.append(around)
            return
        path = " -> ".join(f"{step} ({self._class_of(step)})" for step in [*around, node_id])
        for member in around:
            info = {"node_id": member, "cycle_nodes": around}
            error = ErrorEntry(DEPENDENCY_CYCLE, "Dependency cycle detected", path, info)
            self._learn(member, (False, [error]))

    def _finish(self, frame: _Frame) -> None:
        self._pop()
        errors = frame.errors
        valid = frame.valid and not errors
        if frame.node_id in self._known:
            before = self._known[frame.node_id]
            errors = before[1] + [error for error in errors if error not in before[1]]
            valid = valid and before[0]
        self._learn(frame.node_id, _FINE if valid else (False, errors))
        if self._stack:
            self._stack[-1].valid = self._stack[-1].valid and valid

    def _unwind(self, raised: Raised) -> None:
        """An exception leaves a node: it is filed under that node, by the caller."""
        frame = self._pop()
        if not self._stack:
            self._learn(frame.node_id, (False, [raised.as_output()]))
            return
        user = self._stack[-1]
        user.valid = False
        if user.link is not None:
            error = raised.as_inner(user.link.name, user.link.config, user.link.link)
            self._learn(frame.node_id, (False, [error]))

    def _too_deep(self) -> Raised:
        """Python's recursion limit: the exception is caught where there is room again."""
        while len(self._stack) > RECURSION_CAUGHT:
            self._pop()
        why = Explained(f"is deeper than the server can recurse, about {RECURSION_CAUGHT} nodes")
        return Raised("RecursionError", "maximum recursion depth exceeded", why)

    def _push(self, node_id: str) -> None:
        self._open[node_id] = len(self._stack)
        self._stack.append(_Frame(node_id, self._steps(node_id)))

    def _pop(self) -> _Frame:
        frame = self._stack.pop()
        del self._open[frame.node_id]
        return frame

    def _learn(self, node_id: str, verdict: _Verdict) -> None:
        if node_id not in self._known:
            self._new.append(node_id)
        self._known[node_id] = verdict
