"""What looking at one node brings to light: what the server comes upon, and what we have to say beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..problem import Severity
from .server_error import ErrorEntry, Raised


class Remark(NamedTuple):
    """One remark. It becomes a `Problem` when someone asks for it.

    Attributes:
        type: Our word for it.
        message: One sentence.
        node_id: The node, or None.
        input_name: The input, or None.
        severity: ``warning``, ``refusal``, ``note`` where nothing is known to go wrong, or ``error``
            for what the server would say once something before it is repaired.
        near: What was given, and what would have been right: the nearest is suggested.
    """

    type: str
    message: str
    node_id: str | None = None
    input_name: str | None = None
    severity: Severity = "warning"
    near: tuple[str, Iterable[str]] | None = None


def shown(value: object, width: int = 60) -> str:
    """A value for a message: short, and whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= width else f"{text[: width - 1]}…"


class LinkStep(NamedTuple):
    """A link that the server follows when it validates a node.

    Attributes:
        source: The node that it leads to.
        name: The input.
        config: The input's ``input_config``.
        link: The link as it is in the prompt.
    """

    source: str
    name: str
    config: Any
    link: Any


Step = LinkStep | ErrorEntry | Raised
"""What the server comes upon at one input, in the schema's order of inputs."""


class Findings:
    """One node, looked at closely.

    Attributes:
        steps: What the server comes upon; it stops at the first `Raised`.
        notes: What we have to say beyond that.
        sources: Every node that it is linked to, also by inputs that the class does not have.
        strays: Inputs that are run as links to nodes that do not exist, and that the server
            does not check: it does not know them, or unwraps them only then.
        dangling: Inputs of the class with links to nodes that do not exist.
        depth: How deep its deepest value is nested.
        matches: Whether a type that matches others decides what flows through one of its links.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.notes: list[Remark] = []
        self.sources: list[str] = []
        self.strays: list[str] = []
        self.dangling: list[str] = []
        self.depth = 0
        self.matches = False

    @property
    def is_wrong(self) -> bool:
        """Whether the server objects to something in it."""
        return any(True for _ in self.errors())

    def errors(self) -> Iterator[ErrorEntry | Raised]:
        """All that the server objects to, as if nothing stopped it."""
        return (step for step in self.steps if not isinstance(step, LinkStep))

    def hidden_errors(self) -> Iterator[ErrorEntry | Raised]:
        """What is missing in the server's answer, because an exception took its place."""
        first = next((step for step in self.steps if isinstance(step, Raised)), None)
        if first is not None:
            yield from (step for step in self.errors() if step is not first)
