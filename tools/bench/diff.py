"""Diff and hash of large graphs, over ``json.dumps`` of the prompt, and growth when doubled."""

from __future__ import annotations

import itertools
import json
import random
import resource
import statistics
import time
from collections.abc import Callable

from comfyflow.diff import canonical_hash, diff
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.graph.prompt import to_prompt

SIZES = (2_500, 5_000, 10_000)
REPEATS = 3
EDITS = 20
PAIRED = 5_000
PAIRS = 5
AIM = 40


def main() -> None:
    worst()
    print(
        f"CPU seconds for graphs of {', '.join(f'{size:,}' for size in SIZES)} nodes, and growth by doubling"
    )
    for name, made in (("blocks", blocks), ("equal blocks", equal_blocks), ("a chain", chain)):
        print(f"{name}:")
        graphs = [made(size) for size in SIZES]
        dumps = [seconds(lambda graph=graph: json.dumps(to_prompt(graph))) for graph in graphs]
        report("hash", [seconds(lambda graph=graph: canonical_hash(graph)) for graph in graphs], dumps)
        for what, change in CHANGES.items():
            pairs = [(graph, change(graph)) for graph in graphs]
            costs = [seconds(lambda pair=pair: diff(*pair)) for pair in pairs]
            found = diff(*pairs[-1])
            entries = len(found.added) + len(found.removed) + len(found.changed) + len(found.rewired)
            report(f"diff, {what}", costs, dumps, f"; {entries} entries for {SIZES[-1]:,}")


def worst() -> None:
    """The family whose difference takes longest, over ``json.dumps`` of its prompt: medians of pairs."""
    found: list[tuple[float, str]] = []
    for name, made in (("blocks", blocks), ("equal blocks", equal_blocks), ("a chain", chain)):
        graph = made(PAIRED)
        for what in (f"{EDITS} nodes edited", f"{EDITS} edited, renumbered"):
            other = CHANGES[what](graph)
            ratios: list[float] = []
            for _ in range(PAIRS):
                started = time.process_time()
                json.dumps(to_prompt(graph))
                dumped = time.process_time()
                diff(graph, other)
                ratios.append((time.process_time() - dumped) / (dumped - started))
            found.append((statistics.median(ratios), f"{name}, {what}"))
    ratio, family = max(found)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{PAIRED:,} nodes, {EDITS} edits, worst family ({family}): {ratio:.0f} x json.dumps (aim: {AIM}); "
        f"peak memory {megabytes:.0f} MB"
    )


def report(what: str, costs: list[float], dumps: list[float], note: str = "") -> None:
    growth = ", ".join(f"x {later / earlier:.2f}" for earlier, later in itertools.pairwise(costs))
    taken = ", ".join(f"{cost:.3f}" for cost in costs)
    print(f"  {what:<34}{taken} s ({growth}); {costs[-1] / dumps[-1]:.0f} x json.dumps{note}")


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the best of several runs."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def blocks(size: int, distinct: bool = True) -> Graph:
    """One loader, and blocks of five nodes that each make a picture with it."""
    nodes = [GraphNode("ckpt", "CheckpointLoaderSimple", {"ckpt_name": "a.safetensors"})]
    for index in range(size // 5):
        number = index if distinct else 0
        ids = [f"{index}:{part}" for part in range(5)]
        sampler = {
            "model": Link("ckpt", 0),
            "seed": number,
            "steps": 20,
            "cfg": 7.0,
            "positive": Link(ids[0], 0),
            "negative": Link(ids[1], 0),
            "latent_image": Link(ids[2], 0),
        }
        nodes += [
            GraphNode(ids[0], "CLIPTextEncode", {"clip": Link("ckpt", 1), "text": f"picture {number}"}),
            GraphNode(ids[1], "CLIPTextEncode", {"clip": Link("ckpt", 1), "text": "blurry"}),
            GraphNode(ids[2], "EmptyLatentImage", {"width": 512, "height": 512, "batch_size": 1}),
            GraphNode(ids[3], "KSampler", sampler),
            GraphNode(ids[4], "VAEDecode", {"samples": Link(ids[3], 0), "vae": Link("ckpt", 2)}),
        ]
    return Graph(nodes)


def equal_blocks(size: int) -> Graph:
    """The same, all blocks alike: nothing but their place tells them apart."""
    return blocks(size, distinct=False)


def chain(size: int) -> Graph:
    """Nodes in a row, as deep as the graph is large."""
    return Graph(
        GraphNode(
            str(index),
            "ImageScaleBy",
            {"scale_by": 1.0, **({"image": Link(str(index - 1), 0)} if index else {})},
        )
        for index in range(size)
    )


def renumbered(graph: Graph) -> Graph:
    rng = random.Random(len(graph))
    ids = dict(zip(graph, rng.sample(range(len(graph)), len(graph)), strict=True))
    nodes = [
        GraphNode(
            str(ids[node.node_id]),
            node.class_type,
            {
                name: Link(str(ids[value.node_id]), value.slot) if type(value) is Link else value
                for name, value in node.inputs.items()
            },
        )
        for node in graph.values()
    ]
    rng.shuffle(nodes)
    return Graph(nodes)


def edited(graph: Graph, count: int = EDITS) -> Graph:
    return edit(graph, set(random.Random(count).sample(list(graph), min(count, len(graph)))))


def edit(graph: Graph, chosen: set[str]) -> Graph:
    return Graph(
        GraphNode(
            node.node_id,
            node.class_type,
            {
                name: f"{value} (edited)" if node.node_id in chosen and type(value) is not Link else value
                for name, value in node.inputs.items()
            },
        )
        for node in graph.values()
    )


def edited_ends(graph: Graph) -> Graph:
    """The second and the last node edited: what is between them is known by the way from the ends only."""
    ids = list(graph)
    return edit(graph, {ids[1], ids[-1]})


CHANGES: dict[str, Callable[[Graph], Graph]] = {
    "equal": lambda graph: graph,
    "renumbered": renumbered,
    f"{EDITS} nodes edited": edited,
    f"{EDITS} edited, renumbered": lambda graph: renumbered(edited(graph)),
    "ends edited, renumbered": lambda graph: renumbered(edited_ends(graph)),
    "a fifth edited, renumbered": lambda graph: renumbered(edited(graph, len(graph) // 5)),
}
