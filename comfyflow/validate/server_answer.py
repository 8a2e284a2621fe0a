"""A server's answer to ``POST /prompt``: worked out here, or read from one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..json_types import array_or_empty, is_object, object_or_empty, text_or_empty, texts_in
from .findings import Remark, shown
from .server_error import ErrorEntry, NodeErrors

OK: Final = 200
BAD_REQUEST: Final = 400
INTERNAL_ERROR: Final = 500


class ServerAnswer:
    """What a server says about a prompt.

    Attributes:
        valid: Whether it accepts it.
        error: Its top-level error, or None.
        outputs: The outputs that it would run.
        node_errors: Its errors by node.
        status: The HTTP status.
        raw: The answer as it came, where it came from a server.
    """

    def __init__(
        self,
        valid: bool,
        error: ErrorEntry | None = None,
        outputs: Sequence[str] = (),
        node_errors: Mapping[str, NodeErrors] | None = None,
        status: int = OK,
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.valid = valid
        self.error = error
        self.outputs = outputs
        self.node_errors: Mapping[str, NodeErrors] = {} if node_errors is None else node_errors
        self.status = status
        self.raw = raw

    def to_json(self) -> dict[str, Any]:
        """The answer as the server sends it."""
        if self.raw is not None:
            return {"error": self.raw.get("error"), "node_errors": self.raw.get("node_errors", {})}
        return {
            "error": self.error.to_json() if self.error is not None else None,
            "node_errors": {node_id: entry.to_json() for node_id, entry in self.node_errors.items()},
        }

    def dropped_notes(self) -> Iterator[Remark]:
        """A warning for each output that the server leaves out of a prompt that it accepts."""
        if not self.valid:
            return
        dropped = {output for entry in self.node_errors.values() for output in entry.dependent_outputs}
        for output in sorted(dropped):
            yield dropped_note(output)


def dropped_note(output: str, cause: str | None = None) -> Remark:
    """The warning for an output that is left out.

    Args:
        output: The output node.
        cause: A node that it needs, or itself, with which something is wrong; None if unknown.
    """
    why = (
        ""
        if cause is None
        else " for its own errors"
        if cause == output
        else f" for the errors of node {shown(cause)}"
    )
    message = f"is left out{why}: the server accepts the prompt but runs only the other outputs"
    return Remark("output_dropped", message, output)


def rejected(error: ErrorEntry, status: int = BAD_REQUEST) -> ServerAnswer:
    """The answer to a prompt that fails as a whole."""
    return ServerAnswer(valid=False, error=error, status=status)


def read_answer(body: object, status: int) -> ServerAnswer:
    """Read an answer that came from a server.

    Every shape is read as far as it makes sense: ``error`` may be a string, and ``node_errors``
    a list.

    Args:
        body: Its JSON.
        status: Its HTTP status.
    """
    answer = object_or_empty(body)
    valid = OK <= status < BAD_REQUEST and not answer.get("error")
    error = _read_top(answer, status) if not valid else None
    return ServerAnswer(valid, error, (), dict(_read_nodes(answer.get("node_errors"))), status, answer)


def _read_top(answer: Mapping[str, Any], status: int) -> ErrorEntry:
    error = answer.get("error")
    if is_object(error):
        return _read_error(error)
    said = error if isinstance(error, str) else answer.get("message")
    text = text_or_empty(said) or f"the server answered {status}"
    code = answer.get("code")
    return ErrorEntry(code if isinstance(code, str) else "rejected", text, "", {})


def _read_nodes(nodes: object) -> Iterator[tuple[str, NodeErrors]]:
    for node_id, entry in object_or_empty(nodes).items():
        told = object_or_empty(entry)
        errors = [_read_error(error) for error in array_or_empty(told.get("errors")) if is_object(error)]
        dependents = [*texts_in(told.get("dependent_outputs"))]
        if errors:
            yield str(node_id), NodeErrors(told.get("class_type"), errors, dependents)


def _read_error(error: Mapping[str, Any]) -> ErrorEntry:
    return ErrorEntry(
        text_or_empty(error.get("type")) or "unknown",
        text_or_empty(error.get("message")),
        text_or_empty(error.get("details")),
        object_or_empty(error.get("extra_info")),
    )
