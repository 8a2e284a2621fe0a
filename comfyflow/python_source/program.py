"""A graph as functions of Python, before it is written: who calls what with which values.

A `Body` is a function. Its steps are the nodes that it makes and the functions that it calls;
a value that is not a constant comes from a step of the same body or from a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..graph import GraphNode

WHOLE = -1
"""The slot that stands for a node as a whole: what a workflow is run for."""


@dataclass(frozen=True)
class Local:
    """What a step of the same body gives: an output of a node, or a result of a function.

    Attributes:
        step: The step's key.
        slot: The output's slot, or the result's index; `WHOLE` is the node itself.
    """

    step: str
    slot: int


@dataclass(frozen=True)
class ParameterUse:
    """A parameter of the body, by its name."""

    name: str


Source: TypeAlias = "Local | ParameterUse"


@dataclass
class NodeStep:
    """A node that is made.

    Attributes:
        node: The node.
        inputs: By wire name: a `Source`, or a constant as it is in a prompt.
    """

    node: GraphNode
    inputs: dict[str, Any]


@dataclass
class CallStep:
    """A function that is called.

    Attributes:
        body: The function.
        arguments: By parameter: a `Source`, or a constant.
    """

    body: Body
    arguments: dict[str, Any]


Step: TypeAlias = "NodeStep | CallStep"


@dataclass
class BodyParameter:
    """A parameter of a function.

    Attributes:
        name: Its name.
        type: For a value ``str``, ``int``, ``float``, ``bool``, ``Any``, or the alias of a list
            of choices as ``_c.Name``; for an output ``""``.
        default: What it is where nothing is given.
        has_default: Whether there is one.
        carried: For an output, what it carries.
    """

    name: str
    type: str = ""
    default: Any = None
    has_default: bool = False
    carried: str = ""


@dataclass
class Body:
    """A function.

    Attributes:
        name: Its name.
        docstring: Its docstring.
        parameters: Its parameters, by name.
        steps: What it does, in any order.
        results: What it returns.
        unit: The id of the host whose subgraph it is, or ``""`` for the workflow itself.
    """

    name: str
    docstring: str
    parameters: dict[str, BodyParameter] = field(default_factory=dict[str, BodyParameter])
    steps: dict[str, Step] = field(default_factory=dict[str, "Step"])
    results: list[Local] = field(default_factory=list[Local])
    unit: str = ""


def sources(step: Step) -> list[Source]:
    """What a step takes from others, in the order of its inputs."""
    values = step.inputs if isinstance(step, NodeStep) else step.arguments
    return [value for value in values.values() if isinstance(value, (Local, ParameterUse))]
