"""Values given on the command line that are in place of a workflow's own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..batch.columns import SEED_NAMES
from ..batch.input_columns import names_of_nodes, nodes_called
from ..errors import CommandError
from ..graph import Graph
from ..graph.prompt import read_nodes
from ..named_inputs import find_input
from ..nearest import did_you_mean
from ..source import Source

if TYPE_CHECKING:
    from ..schema import Schema

RANDOM: Final = "random"
LARGEST_SEED: Final = 2**63 - 1
"""Of a random seed: every node takes it that takes large ones at all."""


def random_seed(largest: int = LARGEST_SEED) -> int:
    """An unpredictable seed."""
    return secrets.randbelow(largest + 1)


def set_inputs(target: Source, settings: Sequence[str]) -> Source:
    """A target with ``NODE.INPUT=VALUE`` settings in its prompt.

    NODE is an id, a title, or a class of which there is one node. VALUE is JSON if it parses,
    else text.

    Raises:
        CommandError: There is no matching node or input, or several nodes fit.
    """
    for setting in settings:
        where, separator, text = setting.partition("=")
        node_name, dot, input_name = where.partition(".")
        if not separator or not dot:
            raise CommandError(f"--set expects NODE.INPUT=VALUE, not {setting!r}")
        graph = read_nodes(target.prompt)
        node_id, name = find_input(graph, where) or (_node(graph, node_name), input_name)
        inputs = graph[node_id].inputs
        if name not in inputs:
            hint = did_you_mean(name, inputs, f"its inputs: {', '.join(inputs) or 'none'}")
            raise CommandError(f"node #{node_id} has no input {name!r} to set; {hint}")
        target = target.with_input(node_id, name, _value(text))
    return target


def set_seeds(target: Source, text: str, schema: Schema | None) -> tuple[Source, int]:
    """A target in which every seed has the same value; ``random`` draws one.

    A seed is an INT input that the editor would change after each run
    (``control_after_generate``), or one that is called ``seed`` or ``noise_seed``.

    Returns:
        The target, and the value.

    Raises:
        CommandError: The value is not a whole number, or the prompt has no seed.
    """
    found = [
        (node_id, name, limit)
        for node_id, node in read_nodes(target.prompt).items()
        for name, value in node.inputs.items()
        if isinstance(value, int) and not isinstance(value, bool)
        if (limit := _seed_limit(schema, node.class_type, name)) is not None
    ]
    if not found:
        raise CommandError(f"{target.name} has no seed to set")
    seed = random_seed(min(limit for _, _, limit in found)) if text == RANDOM else _whole(text)
    for node_id, name, _ in found:
        target = target.with_input(node_id, name, seed)
    return target, seed


def _node(graph: Graph, name: str) -> str:
    fitting = nodes_called(graph, name)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CommandError(f"{len(fitting)} nodes are named {name!r}; pick one by id: {', '.join(fitting)}")
    hint = did_you_mean(name, names_of_nodes(graph), f"node ids: {', '.join(graph)}")
    raise CommandError(f"unknown node {name!r}; {hint}")


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CommandError(f"--seed must be an integer or {RANDOM}, not {text!r}") from None


def _seed_limit(schema: Schema | None, class_type: str, name: str) -> int | None:
    """The largest value of a seed; None if the input is not one."""
    node = schema.get(class_type) if schema is not None else None
    entry = node.by_name.get(name) if node is not None else None
    if entry is None:
        return LARGEST_SEED if name in SEED_NAMES else None
    if entry.type != "INT" or not (entry.options.get("control_after_generate") or name in SEED_NAMES):
        return None
    return min(int(entry.maximum), LARGEST_SEED) if entry.maximum is not None else LARGEST_SEED
