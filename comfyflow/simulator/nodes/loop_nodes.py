"""Loops, as servers after 0.36 run them: a StartLoop puts copies of its body in its place.

The copies of an iteration hang on a LoopIteration, which gives what the StartLoop gives in it. What
they carry on goes to the next LoopIteration; what they put out goes to one LoopResult, which lets the
EndLoop continue. So a loop is never a cycle (``comfy_extras/nodes_loop.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...bounds import SIMULATED_ITERATIONS
from ...graph.prompt import is_link
from ..live_schema import END, ITERATION, PROGRESS, RESULT, START
from ..node_function import Execution, NodeContext, NodeLibrary, NodeResult

_OUTPUT: Final = "output_value"
_NEXT: Final = "next_iteration_value"
_TERMINATION: Final = "termination"
_BODY_KEY: Final = "_loop_body"
_END_KEY: Final = "_loop_end"

LIBRARY = NodeLibrary()


def _always(_context: NodeContext, _constants: Mapping[str, Any]) -> float:
    return math.nan


def _unless_cached(_context: NodeContext, constants: Mapping[str, Any]) -> float | None:
    return None if constants.get("reuse_cache") is True else math.nan


@LIBRARY.node(START, fingerprint=_always, takes_lists=True)
def start_loop(context: NodeContext, mode: Mapping[str, Any], **given: Any) -> NodeResult:
    """Put the iterations in the place of the loop's body."""
    execution = _execution(context)
    values, items = _iterations(mode)
    if len(values) > SIMULATED_ITERATIONS:
        raise ValueError(f"{len(values)} iterations; the simulator runs at most {SIMULATED_ITERATIONS}")
    start = context.node_id
    node = execution.prompt[start]
    body, end = node[_BODY_KEY], node[_END_KEY]
    reuse = bool(_first(given.get("cache_iterations"), False))
    expansion = _Expansion(execution.prompt, start, body, end)
    for position, value in enumerate(values):
        item = None if items is None else items[position]
        expansion.add(
            position, len(values), {"iteration_index": value, "list_item": item, "reuse_cache": reuse}
        )
    execution.order.add(end)
    execution.order.hold(end)
    execution.order.inhibit(body)
    kept = {
        name: link
        for name, link in execution.prompt[end]["inputs"].items()
        if name not in (_OUTPUT, _NEXT) and not name.startswith(_TERMINATION)
    }
    execution.prompt.change(end, {"class_type": execution.prompt[end]["class_type"], "inputs": kept})
    context.text(f"Iteration 0 / {len(values)}")
    return NodeResult((None, False, not values, None, None), expand=expansion.graph())


@LIBRARY.node(ITERATION, fingerprint=_unless_cached, takes_lists=True)
def loop_iteration(
    iteration_index: Sequence[Any],
    is_first: Sequence[Any],
    is_last: Sequence[Any],
    list_item: Sequence[Any] | None = None,
    current_iteration_value: Any = None,
    **_more: Any,
) -> tuple[Any, ...]:
    """What the StartLoop gives in one iteration."""
    item = list_item[0] if list_item else None
    return iteration_index[0], is_first[0], is_last[0], item, current_iteration_value or []


@LIBRARY.node(PROGRESS, fingerprint=_always, takes_lists=True)
def loop_progress(
    context: NodeContext, start_id: Sequence[str], position: Sequence[int], total: Sequence[int], **_more: Any
) -> tuple[int]:
    """Say under the StartLoop how many iterations are done."""
    _execution(context).text(start_id[0], f"Iteration {position[0]} / {total[0]}")
    return (position[0],)


@LIBRARY.node(RESULT, fingerprint=_always, takes_lists=True)
def loop_result(context: NodeContext, close_id: Sequence[str], **given: Any) -> tuple[()]:
    """Hand what the iterations put out to the EndLoop."""
    outputs: list[Any] = []
    while f"output{len(outputs)}" in given:
        outputs.append(given[f"output{len(outputs)}"])
    _execution(context).order.release(close_id[0], outputs)
    return ()


@LIBRARY.node(END, takes_lists=True)
def end_loop(context: NodeContext, **_given: Any) -> tuple[list[Any]]:
    """Give what the iterations put out, one after the other."""
    outputs = _execution(context).order.released(context.node_id) or ()
    return ([value for output in outputs for value in output],)


def _execution(context: NodeContext) -> Execution:
    if context.execution is None:
        raise RuntimeError(f"{context.class_type} runs only as part of a prompt")
    return context.execution


def _first(values: Any, default: Any) -> Any:
    return values[0] if values else default


def _iterations(mode: Mapping[str, Any]) -> tuple[Sequence[int], Sequence[Any] | None]:
    """The indices of the iterations, and the items of List mode."""
    chosen = _first(mode.get("mode"), "simple")
    if chosen == "simple":
        return range(_first(mode.get("num_iterations"), 4)), None
    if chosen == "For":
        step = _first(mode.get("step"), 1)
        if step == 0:
            raise ValueError("Start Loop step must not be 0")
        first, end = _first(mode.get("start_iteration_index"), 0), _first(mode.get("max_iteration"), 4)
        return range(first, end, step), None
    items = mode["list"]
    return range(len(items)), items


@dataclass
class _Expansion:
    """The nodes that a StartLoop puts in its place.

    Attributes:
        prompt: The nodes of the run.
        start: The StartLoop.
        body: The nodes between it and its end.
        end: The EndLoop.
        nodes: The new nodes, by their ids.
    """

    prompt: Mapping[str, Any]
    start: str
    body: Sequence[str]
    end: str
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def __post_init__(self) -> None:
        self._prefix = f"{self.start}.0.0."
        self._inputs: Mapping[str, Any] = self.prompt[self.end]["inputs"]
        self._carried = self.prompt[self.start]["inputs"].get("initial_iteration_value")
        self._waits: list[Any] = []
        self._progress: Any = None
        self._results: dict[str, Any] = {"close_id": self.end}
        self._used = set(self._used_slots())

    def _used_slots(self) -> Iterable[int]:
        """The outputs of the StartLoop that something takes."""
        for node_id in (*self.body, self.end):
            for value in self.prompt[node_id]["inputs"].values():
                if is_link(value) and value[0] == self.start:
                    yield int(value[1])

    def add(self, position: int, total: int, inputs: dict[str, Any]) -> None:
        """Add one iteration.

        Args:
            position: Which, from 0.
            total: How many there are.
            inputs: What its LoopIteration is given beside its place and what is carried on.
        """
        # Places that nothing asks for stay False, so that a longer loop finds the same in the cache.
        inputs |= {
            "is_first": 1 in self._used and position == 0,
            "is_last": 2 in self._used and position == total - 1,
            "current_iteration_value": self._carried,
            **_numbered(self._waits),
        }
        iteration = self._node(f"iteration_{position}", ITERATION, inputs, self.start)
        copies = {node_id: f"{self._prefix}{position}_{node_id}" for node_id in self.body}

        def moved(value: Any) -> Any:
            if not is_link(value):
                return value
            source = iteration if value[0] == self.start else copies.get(value[0], value[0])
            return [source, value[1]]

        for node_id in self.body:
            self._copy(node_id, f"{position}_{node_id}", moved, copies)
        self._carry_on(position, total, moved)

    def _copy(self, node_id: str, name: str, moved: Any, copies: Mapping[str, str]) -> None:
        original = self.prompt[node_id]
        inputs = {key: moved(value) for key, value in original["inputs"].items()}
        copy = self.nodes[self._node(name, original["class_type"], inputs, node_id)]
        if _END_KEY in original:
            copy[_BODY_KEY] = [copies[inner] for inner in original[_BODY_KEY]]
            copy[_END_KEY] = copies[original[_END_KEY]]

    def _carry_on(self, position: int, total: int, moved: Any) -> None:
        """What an iteration puts out, what it hands to the next one, and what must be done before that."""
        waits: list[Any] = []
        if is_link(self._inputs.get(_OUTPUT)):
            output = moved(self._inputs[_OUTPUT])
            if self._inputs.get("accumulate", False):
                self._results[f"output{position}"] = output
            elif position == total - 1:
                self._results["output0"] = output
            waits.append(output)
        if is_link(self._inputs.get(_NEXT)):
            self._carried = moved(self._inputs[_NEXT])
            waits.append(self._carried)
        waits.extend(
            moved(value)
            for name, value in self._inputs.items()
            if name.startswith(_TERMINATION) and is_link(value)
        )
        self._waits = waits
        told = {"start_id": self.start, "position": position + 1, "total": total, **_numbered(waits)}
        if self._progress is not None:
            told["previous_progress"] = self._progress
        self._progress = [self._node(f"progress_{position}", PROGRESS, told), 0]

    def _node(self, name: str, class_type: str, inputs: dict[str, Any], shown_as: str | None = None) -> str:
        node: dict[str, Any] = {"class_type": class_type, "inputs": inputs}
        if shown_as is not None:
            node["override_display_id"] = shown_as
        node_id = f"{self._prefix}{name}"
        self.nodes[node_id] = node
        return node_id

    def graph(self) -> dict[str, dict[str, Any]]:
        """All of the new nodes, with the one that passes on what was put out."""
        if self._progress is not None:
            self._results["progress"] = self._progress
        self._results |= _numbered(self._waits)
        self._node("result", RESULT, self._results)
        return self.nodes


def _numbered(links: Iterable[Any]) -> dict[str, Any]:
    return {f"dependency{index}": link for index, link in enumerate(links)}
