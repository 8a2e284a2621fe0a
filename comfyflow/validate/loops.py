"""Loops: which EndLoop closes which StartLoop, and what the server says where none does.

Servers after 0.36 check loops once all outputs are validated, and tell the first error alone. A loop
is not a cycle in the prompt: its value goes back inside the server. Nothing in /object_info says that
a class is a boundary of loops; it is known by its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..graph.prompt import is_link, sources_of
from ..graph.walk import reachable, turned
from ..json_types import object_or_empty
from .plan import ClassPlan
from .server_error import CUSTOM_VALIDATION_FAILED, ErrorEntry

START: Final = "StartLoop"
END: Final = "EndLoop"
BOUNDARY: Final = "loop boundary"
"""What the server gives as the name of the input."""

END_CYCLE: Final = "loop_end_cycle"
END_WITHOUT_START: Final = "loop_end_without_start"
AMBIGUOUS: Final = "ambiguous_loop_nesting"
ESCAPE: Final = "loop_escape"
START_WITHOUT_END: Final = "loop_start_without_end"
ACCUMULATE: Final = "loop_accumulate_from_body"

_Edges = Mapping[str, Collection[str]]


class Loop(NamedTuple):
    """A loop of a prompt.

    Attributes:
        start: Its StartLoop.
        end: Its EndLoop.
        body: The nodes between them, sorted as the server sorts them.
    """

    start: str
    end: str
    body: Sequence[str]


class Boundaries(NamedTuple):
    """The nodes of a prompt that start or end loops.

    Attributes:
        starts: The StartLoops.
        ends: The EndLoops.
    """

    starts: frozenset[str]
    ends: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.starts or self.ends)

    @classmethod
    def of(cls, plans: Mapping[str, ClassPlan | None]) -> Boundaries:
        """Those of a prompt. A pack's class of the same name is not one.

        Args:
            plans: The plan of each node's class.
        """
        known = {plan for plan in set(plans.values()) if plan is not None and plan.class_type in (START, END)}
        found = {plan for plan in known if plan.node is not None and not plan.node.of_pack}
        if not found:
            return _NO_BOUNDARIES
        nodes = [(node_id, plan.class_type) for node_id, plan in plans.items() if plan in found]
        return cls(
            frozenset(node_id for node_id, class_type in nodes if class_type == START),
            frozenset(node_id for node_id, class_type in nodes if class_type == END),
        )


_NO_BOUNDARIES: Final = Boundaries(frozenset(), frozenset())


class LoopError(Exception):
    """The first thing that is wrong with the loops of a prompt; never leaves `validate`.

    Args:
        kind: The server's word for it.
        message: Its sentence.
        details: Its details.
        nodes: The nodes that it is reported for.
        outputs: The outputs that do not run for it.
    """

    def __init__(
        self, kind: str, message: str, details: str, nodes: Iterable[str], outputs: Iterable[str]
    ) -> None:
        super().__init__(details)
        self.nodes: Final = sorted(nodes)
        self.outputs: Final = sorted(outputs)
        info = {
            "input_name": BOUNDARY,
            "loop_error_type": kind,
            "node_ids": self.nodes,
            "output_ids": self.outputs,
        }
        self.error: Final = ErrorEntry(CUSTOM_VALIDATION_FAILED, message, details, info)


def find_loops(
    prompt: Mapping[str, Any], outputs: Collection[str], validated: Iterable[str], boundaries: Boundaries
) -> list[Loop]:
    """Pair the ends of a prompt's loops with their starts.

    Innermost ends come first, by their ids. An end belongs to the one start above it that all other
    starts above it lead to, and every way from that start must come to that end first.

    Args:
        prompt: The prompt.
        outputs: The outputs that were asked for.
        validated: The nodes that the server has validated for them.
        boundaries: Its starts and ends.

    Raises:
        LoopError: The server would refuse the loops.
    """
    graph = _LoopGraph(prompt, outputs, validated, boundaries)
    pairs = graph.pairs()
    return [graph.loop(start, end) for start, end in pairs.items()]


class _LoopGraph:
    """The part of a prompt that matters to its loops."""

    def __init__(
        self,
        prompt: Mapping[str, Any],
        outputs: Collection[str],
        validated: Iterable[str],
        boundaries: Boundaries,
    ) -> None:
        self._prompt = prompt
        self._outputs = outputs
        parents = {
            node_id: {source for source in sources_of(node) if source in prompt}
            for node_id, node in prompt.items()
        }
        nodes = _reaching_on(set(validated), outputs, parents, boundaries)
        self._parents = {node_id: parents[node_id] & nodes for node_id in nodes}
        self._children = turned(self._parents)
        self._starts = boundaries.starts & nodes
        self._ends = boundaries.ends & nodes
        self._last = {output for output in outputs if not self._children[output]}

    def pairs(self) -> dict[str, str]:
        """The end of each start, innermost loops first."""
        open_starts, open_ends = set(self._starts), set(self._ends)
        found: dict[str, str] = {}
        for end in self._innermost_first():
            start = self._start_of(end, open_starts)
            found[start] = end
            open_starts.remove(start)
            open_ends.remove(end)
            self._refuse_escapes(start, end, open_ends)
        if len(found) < len(self._ends):
            left = ", ".join(sorted(open_ends))
            details = f"End Loops depend on each other, so none of them can be closed first: {left}"
            raise self._error(END_CYCLE, "End Loops depend on each other", details, open_ends)
        if open_starts:
            details = f"Start Loops without End Loops: {', '.join(sorted(open_starts))}"
            raise self._error(START_WITHOUT_END, "Start Loop has no End Loop", details, open_starts)
        return found

    def loop(self, start: str, end: str) -> Loop:
        """A loop with its body.

        Raises:
            LoopError: Whether it accumulates is decided in its own body.
        """
        body = _reached(self._children[start], self._children, {end}) - {end}
        accumulate = object_or_empty(self._prompt[end].get("inputs")).get("accumulate")
        if is_link(accumulate) and (accumulate[0] == start or accumulate[0] in body):
            source = accumulate[0]
            message = "End Loop accumulate depends on its loop body"
            details = f"End Loop {end} accumulate is driven by loop node {source} under Start Loop {start}"
            raise self._error(ACCUMULATE, message, details, {start, end, source})
        return Loop(start, end, sorted(body))

    def _innermost_first(self) -> Iterable[str]:
        """Ends after all ends above them, the least id first; those of cycles never come."""
        import networkx as nx

        above = {end: _stops(self._parents[end], self._parents, self._ends) for end in self._ends}
        network: nx.DiGraph[str] = nx.DiGraph()
        network.add_nodes_from(above)
        network.add_edges_from((other, end) for end, ends in above.items() for other in ends)
        with contextlib.suppress(nx.NetworkXUnfeasible):  # a cycle: those before it have come
            yield from nx.lexicographical_topological_sort(network)

    def _start_of(self, end: str, open_starts: set[str]) -> str:
        candidates = _stops(self._parents[end], self._parents, open_starts)
        if not candidates:
            message = "End Loop has no Start Loop"
            details = f"End Loop {end} has no available Start Loop"
            raise self._error(END_WITHOUT_START, message, details, {end})
        closest = [one for one in candidates if self._lead_to(one, candidates)]
        if len(closest) != 1:
            message = "End Loop has ambiguous Start Loops"
            listed = ", ".join(sorted(candidates))
            details = f"End Loop {end} can close multiple unrelated Start Loops: {listed}"
            raise self._error(AMBIGUOUS, message, details, candidates | {end})
        return closest[0]

    def _lead_to(self, start: str, others: set[str]) -> bool:
        """Whether a start descends from all other candidates."""
        if len(others) == 1:
            return True
        above = _reached(self._parents[start], self._parents)
        return all(other == start or other in above for other in others)

    def _refuse_escapes(self, start: str, end: str, open_ends: set[str]) -> None:
        """Every way from a start must meet its end first; inner ends, paired before, may be crossed."""
        escapes = _stops(self._children[start], self._children, open_ends | self._last | {end}) - {end}
        if escapes:
            listed = ", ".join(sorted(escapes))
            details = f"Start Loop {start} reaches {listed} without passing through End Loop {end}"
            raise self._error(ESCAPE, "Loop body is not closed", details, escapes | {start, end})

    def _error(self, kind: str, message: str, details: str, nodes: set[str]) -> LoopError:
        outputs = _reached(nodes, self._children).intersection(self._outputs)
        return LoopError(kind, message, details, nodes, outputs)


def _reaching_on(
    nodes: set[str], outputs: Collection[str], parents: _Edges, boundaries: Boundaries
) -> set[str]:
    """The validated nodes, and what continues from an output inside a loop to the loop's end."""
    beyond = _reached(outputs, turned(parents), boundaries.starts) - (boundaries.starts - nodes)
    nodes |= beyond
    return nodes | _reached(boundaries.ends & beyond, parents, boundaries.starts)


def _reached(first: Iterable[str], edges: _Edges, stops: Collection[str] = ()) -> set[str]:
    """All that can be reached from some nodes, themselves included; nothing behind a stop."""
    return reachable(first, lambda node_id: () if node_id in stops else edges[node_id])


def _stops(first: Iterable[str], edges: _Edges, stops: Collection[str]) -> set[str]:
    """The stops that are reached from some nodes, themselves included."""
    return _reached(first, edges, stops).intersection(stops)
