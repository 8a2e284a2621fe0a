"""Which nodes of a function are made by their classes, and what everything carries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from .accepted import ANY
from .node_call import NodeCall, fit
from .node_class import NodeClasses
from .program import WHOLE, Body, CallStep, Local, NodeStep, Source, sources

FROM_COMFYFLOW: Final = frozenset(
    {"Any", "Node", "Output", "RawNode", "foreign_path", "raw_node", "titled", "with_inputs", "workflow"}
)
"""Names that generated source has from elsewhere: a class with that name cannot be used."""

RAW_NODE: Final = "RawNode"
ANY_NODE: Final = "Node"


@dataclass(frozen=True)
class FunctionResult:
    """What a function returns in one place.

    Attributes:
        carried: What the output carries.
        node: The class of the node, where it is a node as a whole; else ``""``.
    """

    carried: str
    node: str = ""


Called: TypeAlias = "Mapping[int, list[FunctionResult]]"
"""The results of functions, by the identity of their bodies."""


@dataclass
class Fitted:
    """A body, and how each of its nodes is made.

    Attributes:
        body: The function.
        parameters: What each parameter carries: a socket class, `ANY`, or a type of Python.
        called: The results of the functions that it calls.
        calls: The call of each node that its class can make; the others are raw nodes.
        uses: How often each slot of each step is used.
    """

    body: Body
    parameters: Mapping[str, str]
    called: Called
    calls: dict[str, NodeCall] = field(default_factory=dict[str, NodeCall])
    uses: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])

    @property
    def results(self) -> list[FunctionResult]:
        """What it returns."""
        return [self.result(result) for result in self.body.results]

    def result(self, source: Local) -> FunctionResult:
        """What a slot of a step is."""
        step = self.body.steps[source.step]
        if isinstance(step, CallStep):
            return self.called[id(step.body)][source.slot]
        made = self.calls.get(source.step)
        if source.slot == WHOLE:
            carried = made.outputs[0] if made is not None and len(made.outputs) == 1 else ANY
            return FunctionResult(carried, RAW_NODE if made is None else _whole_type(made))
        return FunctionResult(made.outputs[source.slot] if made is not None else ANY)

    def carried(self, source: Source) -> str:
        """What a source carries."""
        return self.result(source).carried if isinstance(source, Local) else self.parameters[source.name]


def _whole_type(made: NodeCall) -> str:
    """The annotation of a node: its class, unless that class needs a type argument."""
    return ANY_NODE if made.node_class.has_variables else made.node_class.name


def fit_body(
    body: Body,
    order: Iterable[str],
    classes: NodeClasses,
    parameters: Mapping[str, str],
    called: Called,
) -> Fitted:
    """Find the call of every node of a body.

    Args:
        body: The function.
        order: Its steps, each after what it needs.
        classes: The package's classes.
        parameters: What each parameter carries.
        called: The results of the functions that it calls.
    """
    uses: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for source in (*(one for step in body.steps.values() for one in sources(step)), *body.results):
        if isinstance(source, Local):
            slots = uses[source.step]
            slots[source.slot] = slots.get(source.slot, 0) + 1
    fitted = Fitted(body, parameters, called, uses=dict(uses))
    for key in order:
        step = body.steps[key]
        if isinstance(step, NodeStep):
            node_class = classes.find(step.node.class_type)
            if node_class is not None and node_class.name not in FROM_COMFYFLOW:
                call = fit(step, node_class, classes, fitted.carried, uses[key])
                if call is not None:
                    fitted.calls[key] = call
    return fitted
