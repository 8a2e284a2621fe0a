"""What a node does: functions by class name, and what they may ask of the server."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ..option import read_texts
from .function_class import node_class

if TYPE_CHECKING:
    from ..schema import NodeSchema
    from .execution_order import DynamicPrompt, ExecutionOrder
    from .folders import Folders

F = TypeVar("F", bound=Callable[..., Any])


class InterruptedRunError(Exception):
    """The prompt that runs was interrupted. Raised inside nodes; never leaves the simulator."""


@dataclass(frozen=True)
class Blocked:
    """An output that nothing behind it must be executed for (ComfyUI's ExecutionBlocker).

    Attributes:
        message: The message for the client at the first blocked node, or None.
    """

    message: str | None = None


@dataclass(frozen=True)
class NodeResult:
    """The result of a node, if its outputs alone are not enough.

    Attributes:
        outputs: A value for each output slot.
        ui: What the client gets as the node's output: ``{"images": [...]}``, ``{"text": [...]}``.
        expand: Nodes by id that are executed in its place; outputs may then be links to them.
    """

    outputs: tuple[Any, ...] = ()
    ui: Mapping[str, Any] | None = None
    expand: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Execution:
    """The run that a node is in (ComfyUI's hidden DYNPROMPT and EXECUTION_LIST).

    Attributes:
        prompt: All nodes, those too that came while it was executed.
        order: What is still to be executed.
        text: Show ``(node id, line)``: a line on a node.
    """

    prompt: DynamicPrompt
    order: ExecutionOrder
    text: Callable[[str, str], None]


@dataclass
class NodeContext:
    """The context of a node function, if it has a parameter ``context``.

    Attributes:
        node_id: Its id in the prompt.
        schema: Its class.
        prompt_id: The prompt that runs.
        prompt: The whole prompt, as saved into PNGs.
        extra_data: What was sent beside the prompt.
        folders: The server's files.
        previews: Whether pictures of unfinished work are wanted.
        caption: Whether simulated images get a caption that names them simulated.
        step_seconds: How long a sampling step takes.
        progress: Report ``(value, total, picture)``; raises if the prompt was interrupted.
        text: Show a line on the node.
        sleep: Wait; raises if the prompt is interrupted meanwhile.
        display_id: The node that clients see in its place: for a copy that a loop makes, the
            node of the loop's body; else itself.
        execution: The run that it is in, or None.
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
    display_id: str = ""
    execution: Execution | None = None

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
        outputs: The types of its outputs, where no schema says them; None: see `node_class`.
        output_node: Whether it is an output node, where no schema says it.
    """

    call: Callable[..., Any]
    wants_context: bool = False
    needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None
    takes_lists: bool = False
    outputs: tuple[str, ...] | None = None
    output_node: bool | None = None

    def node_class(self, class_type: str) -> Mapping[str, Any]:
        """The entry of an /object_info for it: the same object each time."""
        if class_type not in self._classes:
            made = node_class(class_type, self.call, self.outputs, self.output_node)
            self._classes[class_type] = made
        return self._classes[class_type]

    @cached_property
    def _classes(self) -> dict[str, Mapping[str, Any]]:
        return {}

    @classmethod
    def of(
        cls,
        call: Callable[..., Any],
        needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None,
        fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None,
        takes_lists: bool = False,
        outputs: Sequence[str] | None = None,
        output_node: bool | None = None,
    ) -> NodeFunction:
        """Wrap a function; it gets a context if a parameter of it has that name."""
        wants_context = "context" in inspect.signature(call).parameters
        given = None if outputs is None else tuple(outputs)
        return cls(call, wants_context, needs, fingerprint, takes_lists, given, output_node)


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

    def names(self) -> Iterator[str]:
        """The classes that there are functions for, each once."""
        behind = self.behind.names() if self.behind is not None else ()
        yield from dict.fromkeys((*self.functions, *behind))

    def node(
        self,
        *class_types: str,
        needs: Callable[[Mapping[str, Any]], Iterable[str]] | None = None,
        fingerprint: Callable[[NodeContext, Mapping[str, Any]], Any] | None = None,
        takes_lists: bool = False,
        outputs: Sequence[str] | None = None,
        output_node: bool | None = None,
    ) -> Callable[[F], F]:
        """Make the decorated function what nodes of these classes do.

        Raises:
            TypeError: `outputs` is one string.
        """
        types = None if outputs is None else read_texts(outputs, "outputs", "types")

        def register(function: F) -> F:
            for class_type in class_types:
                self.functions[class_type] = NodeFunction.of(
                    function, needs, fingerprint, takes_lists, types, output_node
                )
            return function

        return register


USER_FUNCTIONS = NodeLibrary()
"""What `simulates` has registered: every simulator of the process has it."""


def simulates(
    class_type: str, *, outputs: Sequence[str] | None = None, output_node: bool | None = None
) -> Callable[[F], F]:
    """Define what nodes of a class do in the simulator.

    A class that the simulator's schema does not have is made of the function: its parameters are
    the inputs, its return annotation the outputs. ``docs/simulate-nodes.md`` has the rule.

    Args:
        class_type: The node's class name. The function gets the inputs by name (and a
            `NodeContext` as ``context``, if it has that parameter) and returns the output, a
            tuple of outputs, ComfyUI's ``{"ui": …, "result": …}``, or a `NodeResult`. It may be
            asynchronous.
        outputs: The types of the outputs of a class that the schema does not have, instead of
            what the return annotation says: ``("IMAGE", "MASK")``.
        output_node: Whether it is an output node; by default, if it has no outputs.

    Raises:
        TypeError: `outputs` is one string.

    Example::

        @simulates("WordCount")
        def word_count(text: str) -> int:
            return len(text.split())
    """
    return USER_FUNCTIONS.node(class_type, outputs=outputs, output_node=output_node)
