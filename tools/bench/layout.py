"""How well layouts lie: ours, the authors' own, the editor's ``arrange()`` and comfy-cli's.

The workflows are the official templates: those of the package comfyui-workflow-templates-json, if
COMFYFLOW_TEMPLATES names the folder that it has them in, and those of ``../shared/data`` otherwise. The
sizes are those that the authors saved, for every method; ``large`` are workflows of more than 15 nodes,
``body`` are subgraphs of 8 nodes and more, both counted with their notes.

comfy-cli is GPL and is only run, as a separate program: COMFY_CLI_PYTHON names the Python of an
environment that it is installed in. What ``arrange()`` does is little, and is written again here: columns
by the longest way from an input, in the order of the nodes, a margin of 100 px.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comfyflow.graph import Graph
from comfyflow.graph.canvas import Point, Size
from comfyflow.layout import layout
from comfyflow.layout.groups import arrange
from comfyflow.layout.wire import Wire, crossing_count, cuts, segments, total_length
from comfyflow.schema.package import reference_schema

from .convert import DATA
from .diff import blocks, chain

TEMPLATES = os.environ.get("COMFYFLOW_TEMPLATES")
RECORDED = "0.33.0-frontend-1.58.1"
TITLE = 30.0
MARGIN = 100.0
GROWTH = (100, 1_000, 5_000)
NOTES = ("Note", "MarkdownNote")

MEASURES = ("crossings", "backwards", "length", "through", "straight", "used")
TARGETS = {
    ("all", False): {"straight": 0.65},
    ("all", True): {"straight": 0.65},
    ("large", False): {
        "crossings": (0.40, 1.25), "length": (1.30, 3.2), "through": (0.35, 0.75), "straight": 0.25
    },
    ("large", True): {
        "crossings": (0.50, 1.75), "length": (1.85, 4.2), "through": (0.50, 1.0), "straight": 0.35
    },
    ("body", False): {"crossings": (0.35, 1.10), "length": (1.50, 4.1)},
    ("body", True): {"crossings": (0.55, 1.90), "length": (2.0, 5.7)},
}  # fmt: skip
"""Median and 95th percentile at most; of what is straight, the median at least."""

PEER = """
import json, sys, time
from comfy_cli import layout
class Port:
    def __init__(self, title):
        self.display_name, self.inputs, self.outputs = title, [], []
class Classes:
    def node(self, name): return Port(name)
    def widget_order(self, name): return ()
found = []
for drawing in json.load(sys.stdin):
    sizes = drawing["sizes"]
    layout.estimate_size = lambda *_, title, **__: [sizes[int(title)][0], sizes[int(title)][1] - 30]
    specs = [{"op": "add_node", "as": str(i), "class_type": str(i)} for i in range(len(sizes))]
    specs += [{"op": "connect", "from": f"{w[0]}.0", "to": f"{w[2]}.0"} for w in drawing["wires"]]
    started = time.process_time()
    placed = layout.assign_positions({"nodes": []}, Classes(), specs)
    seconds = time.process_time() - started
    found.append([[[s["at"][0], s["at"][1] - 30] for s in placed if s["op"] == "add_node"], seconds])
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True)
class Drawing:
    """What is laid out: boxes with their title bars, wires, and the groups that authors made."""

    sizes: list[Size]
    wires: list[Wire]
    groups: list[list[int]]
    places: list[Point]
    width: float
    count: int


Placed = Sequence[tuple[Sequence[Point], float]]
"""For each drawing where its boxes stand, and the seconds that it took."""


def main() -> None:
    given = list(workflows())
    if not given:
        print(f"no templates: COMFYFLOW_TEMPLATES names no folder, and there is no {DATA}")
        return
    roots = [drawn(workflow) for workflow in given]
    bodies = [drawn(body) for workflow in given for body in subgraphs(workflow)]
    sets = {
        "all": [one for one in roots if one.sizes],
        "large": [one for one in roots if one.count > 15],
        "body": [one for one in bodies if one.count >= 8],
    }
    for name, drawings in sets.items():
        print(f"{name}: {len(drawings)} workflows; median / 95th percentile")
        show("the authors", drawings, [(one.places, 0.0) for one in drawings])
        show("the editor's arrange()", drawings, timed(drawings, arranged))
        peer = comfy_cli(drawings)
        if peer is None:
            print("  comfy-cli                  not compared: COMFY_CLI_PYTHON names no Python with it")
        else:
            show("comfy-cli", drawings, peer)
        for grouped in (False, True):
            placed = timed(
                drawings, lambda one, all_=grouped: arrange(one.sizes, one.wires, one.groups * all_)
            )
            rows = show("ours, in groups" if grouped else "ours", drawings, placed, clean=grouped)
            against(TARGETS[name, grouped], rows)
    growth()


def workflows() -> Iterator[dict[str, Any]]:
    if TEMPLATES is not None:
        for file in sorted(Path(TEMPLATES).glob("*.json")):
            found = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(found, dict) and "nodes" in found:
                yield found
    elif DATA.is_dir():
        with gzip.open(DATA / "ui_to_api" / f"{RECORDED}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["workflow"]


def subgraphs(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return (workflow.get("definitions") or {}).get("subgraphs") or []


def drawn(workflow: dict[str, Any]) -> Drawing:
    boxes: dict[Any, tuple[Point, Size]] = {}
    width = 0.0
    for node in workflow["nodes"]:
        size = pair(node.get("size") or [210, 80])
        width += size[0]
        if node["type"] not in NOTES:
            left, top = pair(node["pos"])
            if (node.get("flags") or {}).get("collapsed"):
                size = min(size[0], 160.0), 0.0
            boxes[node["id"]] = (left, top - TITLE), (size[0], size[1] + TITLE)
    number = {node_id: index for index, node_id in enumerate(boxes)}
    wires = [
        Wire(number[source], TITLE + 14 + 20 * out, number[target], TITLE + 14 + 20 * slot)
        for source, out, target, slot in map(ends, workflow["links"])
        if source in number and target in number
    ]
    groups: list[list[int]] = []
    for group in workflow.get("groups") or []:
        left, top, across, down = group["bounding"]
        inside = [
            number[node_id]
            for node_id, ((x, y), (w, h)) in boxes.items()
            if left <= x + w / 2 <= left + across and top <= y + h / 2 <= top + down
        ]
        if inside:
            groups.append(inside)
    places, sizes = [place for place, _ in boxes.values()], [size for _, size in boxes.values()]
    return Drawing(sizes, wires, groups, places, width, len(workflow["nodes"]))


def pair(saved: Any) -> tuple[float, float]:
    first, second = (saved["0"], saved["1"]) if isinstance(saved, dict) else saved[:2]
    return float(first), float(second)


def ends(link: Any) -> tuple[Any, int, Any, int]:
    if isinstance(link, dict):
        return link["origin_id"], link["origin_slot"], link["target_id"], link["target_slot"]
    return link[1], link[2], link[3], link[4]


def timed(drawings: Iterable[Drawing], method: Callable[[Drawing], Sequence[Point]]) -> Placed:
    found: list[tuple[Sequence[Point], float]] = []
    for one in drawings:
        started = time.process_time()
        places = method(one)
        found.append((places, time.process_time() - started))
    return found


def arranged(one: Drawing) -> list[Point]:
    """What the editor does: a column for each length of the longest way to a node."""
    level = [1] * len(one.sizes)
    for _ in one.sizes:
        before = level.copy()
        for wire in one.wires:
            if wire.source != wire.target:
                level[wire.target] = max(level[wire.target], min(level[wire.source] + 1, len(level)))
        if level == before:
            break
    places: list[Point] = [(0.0, 0.0)] * len(one.sizes)
    left = MARGIN
    for column in sorted(set(level)):
        top, widest = MARGIN + TITLE, MARGIN
        for box, size in enumerate(one.sizes):
            if level[box] == column:
                places[box] = left, top - TITLE
                widest = max(widest, size[0])
                top += size[1] - TITLE + MARGIN + TITLE
        left += widest + MARGIN
    return places


def comfy_cli(drawings: Sequence[Drawing]) -> Placed | None:
    peer = os.environ.get("COMFY_CLI_PYTHON")
    if peer is None:
        return None
    question = json.dumps([{"sizes": one.sizes, "wires": one.wires} for one in drawings])
    run = subprocess.run([peer, "-c", PEER], input=question, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    return [([(x, y) for x, y in places], seconds) for places, seconds in found]


def measured(one: Drawing, places: Sequence[Point]) -> dict[str, float]:
    lines = segments(one.sizes, one.wires, places)
    boxes = [(*place, *size) for place, size in zip(places, one.sizes, strict=True)]
    through = sum(
        cuts(line, box)
        for line, wire in zip(lines, one.wires, strict=True)
        for number, box in enumerate(boxes)
        if number not in (wire.source, wire.target)
    )
    count = max(1, len(lines))
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    area = (right - left) * (bottom - top)
    return {
        "overlaps": sum(overlap(one, two) for index, one in enumerate(boxes) for two in boxes[index + 1 :]),
        "crossings": crossing_count(lines) / count,
        "backwards": sum(line[2] < line[0] for line in lines) / count,
        "length": total_length(lines) / one.width,
        "through": through / count,
        "straight": sum(abs(line[1] - line[3]) <= 4 for line in lines) / count if lines else 1.0,
        "used": sum(box[2] * box[3] for box in boxes) / area if area else 1.0,
        "clean": sum(is_clean(boxes, group) for group in one.groups),
    }


Box = tuple[float, float, float, float]


def overlap(one: Box, two: Box) -> bool:
    across = one[0] < two[0] + two[2] - 1e-6 and two[0] < one[0] + one[2] - 1e-6
    return across and one[1] < two[1] + two[3] - 1e-6 and two[1] < one[1] + one[3] - 1e-6


def is_clean(boxes: Sequence[Box], group: Sequence[int]) -> bool:
    held = [boxes[box] for box in group]
    left, top = min(box[0] for box in held), min(box[1] for box in held)
    right, bottom = max(box[0] + box[2] for box in held), max(box[1] + box[3] for box in held)
    area = (left, top, right - left, bottom - top)
    return not any(overlap(area, box) for index, box in enumerate(boxes) if index not in group)


def show(
    who: str, drawings: Sequence[Drawing], placed: Placed, clean: bool = True
) -> dict[str, tuple[float, float]]:
    rows = [measured(one, places) for one, (places, _) in zip(drawings, placed, strict=True)]
    found = {name: both([row[name] for row in rows]) for name in MEASURES}
    text = "  ".join(f"{name} {median:.2f} / {high:.2f}" for name, (median, high) in found.items())
    overlapping = sum(row["overlaps"] > 0 for row in rows) / len(rows)
    groups = sum(len(one.groups) for one in drawings)
    tidy = f"{sum(row['clean'] for row in rows) / groups:4.0%} clean" if clean and groups else ""
    cost = both([seconds * 1000 for _, seconds in placed])
    print(f"  {who:26} overlaps in {overlapping:3.0%}  {text}  {cost[0]:.1f} / {cost[1]:.1f} ms  {tidy}")
    return {**found, "ms": cost}


def both(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[round(0.95 * (len(ordered) - 1))]


def against(targets: dict[str, Any], found: dict[str, tuple[float, float]]) -> None:
    """The targets, and by a star what is not met."""
    words: list[str] = []
    for name, target in {**targets, "ms": (5, 25)}.items():
        median, high = found[name]
        if isinstance(target, tuple):
            met = round(median, 2) <= target[0] and round(high, 2) <= target[1]
            words.append(f"{name} {target[0]} / {target[1]}{'' if met else ' *'}")
        else:
            words.append(f"{name} at least {target}{'' if median >= target else ' *'}")
    print(f"  {'  the target':26} {'  '.join(words)}")


def growth() -> None:
    """CPU seconds for workflows of growing size."""
    schema = reference_schema()
    shapes: dict[str, Callable[[int], Graph]] = {"blocks": blocks, "a chain": chain}
    layout(blocks(10), schema)
    for name, made in shapes.items():
        costs: list[str] = []
        for size in GROWTH:
            graph = made(size)
            started = time.process_time()
            layout(graph, schema)
            costs.append(f"{time.process_time() - started:.2f} s")
        print(
            f"  {name} of {', '.join(map(str, GROWTH))} nodes: {', '.join(costs)};"
            " the target: 1 s for 1,000, 5 s for 5,000"
        )
