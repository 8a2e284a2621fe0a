"""A graph as functions of Python, before it is written: who calls what with which values, in which order.

A `Body` is a function. Its steps are the nodes that it makes and the functions that it calls;
a value that is not a constant comes from a step of the same body or from a parameter.

Each use of a subgraph becomes a call of a function, unless something outside is between its
nodes: then they are made where the call would be.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias

from ..bounds import MAX_SCOPE_DEPTH
from ..graph import ROOT, Graph, GraphNode
from ..graph.walk import sources_first
from .annotation import CanvasGroup

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


@dataclass
class Unit:
    """One subgraph, as it is used once; or the whole graph.

    Attributes:
        path: The id of its host, or `ROOT`.
        members: The nodes that it makes itself.
        children: The units that it calls, in order.
        nodes: All nodes in it, those of its children too.
    """

    path: str
    members: list[str] = field(default_factory=list[str])
    children: dict[str, None] = field(default_factory=dict[str, None])
    nodes: list[str] = field(default_factory=list[str])

    def relative(self, node_id: str) -> str:
        """The id of a node in it, as it is in every use of the same subgraph."""
        return node_id[len(self.path) + 1 :] if self.path else node_id

    def absolute(self, relative: str) -> str:
        """The id of the node that has this relative one."""
        return f"{self.path}:{relative}" if self.path else relative


def find_units(graph: Graph, smallest: int) -> dict[str, Unit]:
    """The units of a graph by path, the root and outer ones first.

    Args:
        graph: The graph; it has no cycle.
        smallest: A subgraph of fewer nodes is not a separate unit.
    """
    units = _by_scopes(graph)
    outer = {child: path for path, unit in units.items() for child in unit.children}
    for path in [path for path, unit in units.items() if path and len(unit.nodes) < smallest]:
        _dissolve(units, path, outer)
    waiting = [ROOT]
    for path in waiting:
        while True:
            torn = _torn(graph, units, path)
            if not torn:
                break
            for child in torn:
                _dissolve(units, child, outer)
        waiting.extend(units[path].children)
    return {path: units[path] for path in waiting}


def _by_scopes(graph: Graph) -> dict[str, Unit]:
    units = {ROOT: Unit(ROOT)}
    for node_id in graph:
        path = ROOT
        for scope in graph.around(node_id)[:MAX_SCOPE_DEPTH]:
            if scope.scope_id not in units:
                units[scope.scope_id] = Unit(scope.scope_id)
                units[path].children[scope.scope_id] = None
            units[path].nodes.append(node_id)
            path = scope.scope_id
        units[path].nodes.append(node_id)
        units[path].members.append(node_id)
    return units


def _dissolve(units: dict[str, Unit], path: str, outer: dict[str, str]) -> None:
    """Give what is in a unit to the one around it."""
    unit = units.pop(path)
    around = units[outer[path]]
    del around.children[path]
    around.children |= unit.children
    around.members.extend(unit.members)
    outer.update(dict.fromkeys(unit.children, outer[path]))


def _torn(graph: Graph, units: dict[str, Unit], path: str) -> list[str]:
    """The children of a unit that something outside of them is between."""
    import networkx as nx

    unit = units[path]
    place = {node_id: node_id for node_id in unit.members}
    for child in unit.children:
        place.update(dict.fromkeys(units[child].nodes, f"{child}:"))
    network: nx.DiGraph[str] = nx.DiGraph()
    for node_id in unit.nodes:
        for _, link in graph[node_id].links:
            source = place.get(link.node_id)
            if source is not None and source != place[node_id]:
                network.add_edge(source, place[node_id])
    circles = [circle for circle in nx.strongly_connected_components(network) if len(circle) > 1]
    return [child for child in unit.children if any(f"{child}:" in circle for circle in circles)]


_STEP: Final = re.compile(r"\s*(?:step\s*)?(\d{1,3})\b", re.IGNORECASE | re.ASCII)
_UNNUMBERED: Final = 1000


@dataclass
class Paragraph:
    """Steps that are together.

    Attributes:
        section: What they are under, or None.
        steps: Their keys.
    """

    section: CanvasGroup | None
    steps: list[str] = field(default_factory=list[str])


def natural_order(body: Body) -> list[str]:
    """The steps, each after what it needs, the results' needs first in the order of their inputs."""
    ends = [result.step for result in body.results]
    return sources_first([*ends, *body.steps], lambda step: _needed(body, step))


def paragraphs(body: Body, sections: Mapping[str, CanvasGroup]) -> list[Paragraph]:
    """The steps in runs of one section each, few of them: a section that can be finished goes
    before one that must be resumed later, and ``Step 1`` before ``Step 2``.

    Args:
        body: The function.
        sections: The section of each step that is in one.
    """
    order = natural_order(body)
    if not sections:
        return [Paragraph(None, order)]
    return _Arrangement(body, sections, order).runs()


class _Arrangement:
    def __init__(self, body: Body, sections: Mapping[str, CanvasGroup], order: list[str]) -> None:
        self._order = order
        self._section = [sections.get(key) for key in order]
        place = {key: number for number, key in enumerate(order)}
        needs = [{place[need] for need in _needed(body, key)} for key in order]
        self._missing = [len(found) for found in needs]
        self._users: list[list[int]] = [[] for _ in order]
        self._outside: Counter[CanvasGroup | None] = Counter()
        self._ready: defaultdict[CanvasGroup | None, list[int]] = defaultdict(list)
        for step, found in enumerate(needs):
            for need in found:
                self._users[need].append(step)
                self._outside[self._section[step]] += self._section[need] != self._section[step]
            if not found:
                self._ready[self._section[step]].append(step)

    def runs(self) -> list[Paragraph]:
        runs: list[Paragraph] = []
        while any(self._ready.values()):
            section = min(
                (section for section, ready in self._ready.items() if ready),
                key=lambda section: (self._outside[section] > 0, _number(section), self._ready[section][0]),
            )
            if not runs or runs[-1].section != section:
                runs.append(Paragraph(section))
            while self._ready[section]:
                runs[-1].steps.append(self._take(heappop(self._ready[section])))
        return runs

    def _take(self, step: int) -> str:
        for user in self._users[step]:
            section = self._section[user]
            self._outside[section] -= section != self._section[step]
            self._missing[user] -= 1
            if not self._missing[user]:
                heappush(self._ready[section], user)
        return self._order[step]


def _number(section: CanvasGroup | None) -> int:
    """The number that an author gave a section; those without one come after."""
    found = _STEP.match(section.title) if section is not None else None
    return int(found[1]) if found is not None else _UNNUMBERED


def _needed(body: Body, key: str) -> Iterable[str]:
    return [source.step for source in sources(body.steps[key]) if isinstance(source, Local)]
