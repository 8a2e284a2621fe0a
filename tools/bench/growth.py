"""How the cost of large workflows grows: each family at a size, at twice and at four times it.

Processor seconds of the largest, and what the second and the third cost beside the one before: two means
that the cost grows as the workflow does. Texts have their own bench (``text``).
"""

from __future__ import annotations

import gc
import itertools
import resource
import time
from collections.abc import Callable
from typing import Any

from comfyflow.diff import diff
from comfyflow.exporter import to_workflow
from comfyflow.graph import Graph
from comfyflow.graph.prompt import to_prompt
from comfyflow.importer import convert_workflow
from comfyflow.layout import layout
from comfyflow.python_source import to_python
from comfyflow.schema import Schema
from comfyflow.validate import validate_prompt
from comfyflow.workflows import Workflow
from tests.editor_json import SCHEMA, node, outputs, subgraph, with_subgraphs, workflow

from .diff import CHANGES, EDITS, blocks, chain
from .spine import build

SIZES = (1_000, 2_000, 4_000)
ROUNDS = 3
AIM = 2.3
LEAST = 0.002
"""What cannot be distinguished from nothing."""

Work = Callable[[], object]


def main() -> None:
    from comfynodes import CheckpointLoaderSimple

    reference = Workflow(*build(6, CheckpointLoaderSimple)).schema()
    steepest, beyond = 0.0, 0
    families = FAMILIES | _of_graphs(reference)
    for name, make in families.items():
        times: list[float] = []
        for size in SIZES:
            work = make(size)
            rounds: list[float] = []
            for _ in range(ROUNDS):
                gc.collect()
                started = time.process_time()
                work()
                rounds.append(time.process_time() - started)
            times.append(max(min(rounds), LEAST))
        factors = [later / earlier for earlier, later in itertools.pairwise(times)]
        steepest = max(steepest, *factors)
        beyond += max(factors) > AIM
        shown = ", ".join(f"x {factor:.2f}" for factor in factors)
        print(f"  {name:34} {times[-1] * 1000:8.1f} ms for {SIZES[-1]:,}, {shown} (aim: {AIM})", flush=True)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  {len(families)} families, the steepest growth x {steepest:.2f} for each doubling (aim: {AIM});"
        f" {beyond} beyond it; peak memory {megabytes:.0f} MB"
    )


def _of_graphs(schema: Schema) -> dict[str, Callable[[int], Work]]:
    made: dict[str, Callable[[int], Work]] = {"build and compile": _compiled}
    for shape, graph_of in (("blocks", blocks), ("a chain", chain)):
        made[f"validate, {shape}"] = _of_prompt(graph_of, lambda prompt: validate_prompt(prompt, schema))
        for change in (f"{EDITS} nodes edited", f"{EDITS} edited, renumbered", "ends edited, renumbered"):
            made[f"diff, {shape}, {change}"] = _differing(graph_of, change)
        made[f"to-python, {shape}"] = _of(graph_of, lambda graph: to_python(graph, schema))
        made[f"to-workflow, {shape}"] = _of(graph_of, lambda graph: to_workflow(graph, schema))
        made[f"layout, {shape}"] = _of(graph_of, lambda graph: layout(graph, schema))
    return made


def _compiled(size: int) -> Work:
    from comfynodes import CheckpointLoaderSimple

    return lambda: Workflow(*build(size, CheckpointLoaderSimple)).to_prompt()


def _of(graph_of: Callable[[int], Graph], use: Callable[[Graph], object]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        graph = graph_of(size)
        return lambda: use(graph)

    return make


def _of_prompt(graph_of: Callable[[int], Graph], use: Callable[[Any], object]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        prompt = to_prompt(graph_of(size))
        return lambda: use(prompt)

    return make


def _differing(graph_of: Callable[[int], Graph], change: str) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        graph = graph_of(size)
        other = CHANGES[change](graph)
        return lambda: diff(graph, other)

    return make


def _converted(workflow_of: Callable[[int], Any], editor: str = "1.45") -> Callable[[int], Work]:
    def make(size: int) -> Work:
        made = workflow_of(size)
        return lambda: convert_workflow(made, SCHEMA, editor=editor, seed=1)

    return make


def _as_python(workflow_of: Callable[[int], Any]) -> Callable[[int], Work]:
    def make(size: int) -> Work:
        conversion = convert_workflow(workflow_of(size), SCHEMA, seed=1)
        return lambda: to_python(conversion, SCHEMA)

    return make


def _titles(size: int) -> Any:
    return workflow([node(number, "Encode", ["a"], title=f"text {number}") for number in range(1, size + 1)])


def _equal_titles(size: int) -> Any:
    return workflow([node(number, "Encode", ["a"], title="the same") for number in range(1, size + 1)])


def _notes(size: int) -> Any:
    half = size // 2
    nodes = [node(number, "Encode", ["a"], pos=[0, 300 * number]) for number in range(1, half + 1)]
    notes = [
        node(half + number, "Note", [f"note {number}"], pos=[-300, 300 * number])
        for number in range(1, half + 1)
    ]
    return workflow(nodes + notes)


def _nested(size: int) -> Any:
    """Subgraphs ten deep, the innermost of which hold all nodes."""
    depth = 10
    inner = [node(number, "Encode", ["a"]) for number in range(1, size // depth + 1)]
    definitions = [subgraph("d0", inner, [])]
    definitions += [
        subgraph(f"d{level}", [node(1, f"d{level - 1}"), *inner], []) for level in range(1, depth)
    ]
    return with_subgraphs([node(1, f"d{depth - 1}")], [], *definitions)


def _uses(size: int) -> Any:
    """One subgraph, used again and again."""
    inside = subgraph("d", [node(1, "Encode", ["a"]), node(2, "Encode", ["b"])], [])
    return with_subgraphs([node(number, "d") for number in range(1, size // 2 + 1)], [], inside)


def _star(size: int) -> Any:
    """One loader that all others are linked to, and links that one side only names."""
    links = [[number, 1, 1, number, 0] for number in range(2, size + 1)]
    named = [number for number in range(2, size + 1) if number % 3]
    loader = node(1, "Loader", ["a.safetensors"], outputs=outputs([], named, []))
    return workflow(
        [loader, *(node(number, "Encode", ["a"], {"clip": number}) for number in range(2, size + 1))], links
    )


def _orphans(size: int) -> Any:
    """Links that no side names."""
    made = _star(size)
    made["links"] += [[size + number, 1, 1, number, 0, "*"] for number in range(2, size + 1)]
    return made


FAMILIES: dict[str, Callable[[int], Work]] = {
    "convert, titles": _converted(_titles),
    "convert, notes": _converted(_notes),
    "convert, nested subgraphs": _converted(_nested),
    "convert, uses of a subgraph": _converted(_uses),
    "convert, one source": _converted(_star),
    "convert, link check of 1.27": _converted(_star, "1.27"),
    "convert, links of no side, 1.27": _converted(_orphans, "1.27"),
    "to-python, titles": _as_python(_titles),
    "to-python, equal titles": _as_python(_equal_titles),
    "to-python, notes": _as_python(_notes),
    "to-python, nested subgraphs": _as_python(_nested),
    "to-python, uses of a subgraph": _as_python(_uses),
}
