"""What a node does: functions by class name, and what they may ask of the server."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ..schema import NodeSchema
    from .folders import Folders

F = TypeVar("F", bound=Callable[..., Any])


class InterruptedRunError(Exception):
    """The prompt that runs was interrupted. Raised inside nodes; never leaves the simulator."""


@dataclass(frozen=True)
class Blocked:
    """An output that nothing behind it is to be executed for (ComfyUI's ExecutionBlocker).

    Attributes:
        message: What the client is told at the first node that is blocked, or None.
    """

    message: str | None = None


@dataclass(frozen=True)
class NodeResult:
    """What a node gives, where its outputs alone do not say it.

    Attributes:
        outputs: A value for each output slot.
        ui: What the client gets as the node's output: ``{"images": [...]}``, ``{"text": [...]}``.
    """

    outputs: tuple[Any, ...] = ()
    ui: Mapping[str, Any] | None = None


@dataclass
class NodeContext:
    """What a node function knows of its surroundings, if it has a parameter ``context``.

    Attributes:
        node_id: Its id in the prompt.
        schema: Its class.
        prompt_id: The prompt that runs.
        prompt: The whole prompt, as saved into PNGs.
        extra_data: What was sent beside the prompt.
        folders: The server's files.
        previews: Whether pictures of unfinished work are wanted.
        caption: Whether simulated pictures say so.
        step_seconds: How long a sampling step takes.
        progress: Tell ``(value, total, picture)``; raises where the prompt was interrupted.
        text: Show a line on the node.
        sleep: Wait; raises where the prompt was interrupted meanwhile.
    """

    node_id: str
    schema: NodeSchema
    prompt_id: str
    prompt: Mapping[str, Any]
    extra_data: Mapping[str, Any]
    folders: Folders
    previews: bool
    caption: bool
    step_seconds: float
    progress: Callable[[float, float, Any], None]
    text: Callable[[str], None]
    sleep: Callable[[float], None]

    @property
    def class_type(self) -> str:
        """Its class name."""
        return self.schema.class_type


@dataclass(frozen=True)
class NodeFunction:
    """A class's function.

    Attributes:
        call: Takes the inputs by name.
        wants_context: Whether it takes ``context`` too.
        needs: For lazy inputs: given what is known, the names of the inputs still needed.
        fingerprint: Gives what a change of is a reason to execute again; NaN: always.
        takes_lists: Whether it is called once with whole lists, whatever the schema says:
            servers before 0.12 do not say.
    """

    call: Callable[..., Any]
    wants_context: bool = False
    needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None
    takes_lists: bool = False

    @classmethod
    def of(
        cls,
        call: Callable[..., Any],
        needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None,
        fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None,
        takes_lists: bool = False,
    ) -> NodeFunction:
        """Wrap a function; it gets a context if a parameter of it has that name."""
        wants_context = "context" in inspect.signature(call).parameters
        return cls(call, wants_context, needs, fingerprint, takes_lists)


@dataclass
class NodeLibrary:
    """Functions by class name, in front of those of another library."""

    functions: dict[str, NodeFunction] = field(default_factory=dict[str, NodeFunction])
    behind: NodeLibrary | None = None

    def get(self, class_type: str) -> NodeFunction | None:
        """The function of a class, or None."""
        found = self.functions.get(class_type)
        if found is None and self.behind is not None:
            return self.behind.get(class_type)
        return found

    def node(
        self,
        *class_types: str,
        needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None,
        fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None,
        takes_lists: bool = False,
    ) -> Callable[[F], F]:
        """Make the decorated function what nodes of these classes do."""

        def register(function: F) -> F:
            for class_type in class_types:
                self.functions[class_type] = NodeFunction.of(function, needs, fingerprint, takes_lists)
            return function

        return register


USER_FUNCTIONS = NodeLibrary()
"""What `simulates` has registered: every simulator of the process has it."""


def simulates(class_type: str) -> Callable[[F], F]:
    """Say what nodes of a class do in the simulator.

    Args:
        class_type: The node's class name. The function gets the inputs by name (and a
            `NodeContext` as ``context``, if it has such a parameter) and returns the output, a
            tuple of outputs, ComfyUI's ``{"ui": …, "result": …}``, or a `NodeResult`. It may be
            asynchronous.

    Example::

        @simulates("WordCount")
        def word_count(text: str) -> int:
            return len(text.split())
    """
    return USER_FUNCTIONS.node(class_type)
