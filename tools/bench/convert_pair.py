"""Editor JSON to prompts: this tree beside an older commit, on the same templates in one run.

Two processes, one for each, convert the templates in turn, so that both meet the same machine. A
template's time is the best of several rounds; what is shown is the ratio of these times, this tree's
over the older one's. The templates are those of ``../shared/data`` (COMFYFLOW_PARITY_DATA names another
place). COMFYFLOW_BASE names another commit or tag to compare with.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._process import BASE, ROOT, base_tree

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", ROOT.parent / "shared" / "data"))

SETS = {
    "0.3.64": ("0.3.64", "1.27", "1.27"),
    "0.27.0": ("0.27.0", "1.45", "1.45"),
    "0.33.0-frontend-1.49.6": ("0.33.0", "1.49", "1.45"),
    "0.33.0-frontend-1.58.1": ("0.33.0", "1.58", "1.45"),
}
"""The templates of a file: the server whose classes they have, the editor that is followed, and the
nearest one that the base knows.
"""

ROUNDS = 15

CONVERTER = """
import gc, gzip, json, sys, time
from comfyflow.importer import convert_workflow
from comfyflow.schema import load_schema

def read(folder, name):
    with gzip.open(f"{sys.argv[1]}/{folder}/{name}.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]

sets = {}
for name, server, editor in json.loads(sys.argv[2]):
    schema = load_schema(read("object_info", f"{server}-no-models.json")[0])
    sets[name] = schema, editor, [record["workflow"] for record in read("ui_to_api", f"{name}.jsonl")]
gc.collect(); gc.freeze(); gc.disable()
for name in map(str.strip, sys.stdin):
    schema, editor, workflows = sets[name]
    times = []
    for workflow in workflows:
        started = time.process_time()
        convert_workflow(workflow, schema, editor=editor)
        times.append(time.process_time() - started)
    print(json.dumps(times), flush=True)
"""


def main() -> None:
    with base_tree() as older:
        if older is None or not DATA.is_dir():
            missing = f"git knows no commit {BASE}" if older is None else f"no templates in {DATA}"
            print(f"  not compared: {missing}")
            return
        with (
            _converter(ROOT, [(name, server, editor) for name, (server, editor, _) in SETS.items()]) as now,
            _converter(older, [(name, server, known) for name, (server, _, known) in SETS.items()]) as base,
        ):
            for name in SETS:
                show(name, *best_of_both(name, now, base))


def best_of_both(name: str, *converters: Converter) -> list[list[float]]:
    """For each converter the best time of each template."""
    rounds = [[converter.times(name) for converter in converters] for _ in range(ROUNDS)]
    return [[min(times) for times in zip(*own, strict=True)] for own in zip(*rounds, strict=True)]


def show(name: str, now: list[float], base: list[float]) -> None:
    ratios = [mine / theirs for mine, theirs in zip(now, base, strict=True)]
    print(
        f"  {name}: {len(now)} templates, {sum(now) * 1000:.0f} ms; {sum(now) / sum(base):.2f} times"
        f" {BASE}, median of a template {statistics.median(ratios):.2f} times",
        flush=True,
    )


class Converter:
    """A process that converts all templates of a file when it is asked to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def times(self, name: str) -> list[float]:
        """The seconds that each template took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(name, file=self._process.stdin, flush=True)
        times: list[float] = json.loads(self._process.stdout.readline())
        return times


@contextmanager
def _converter(tree: Path, sets: list[tuple[str, str, str]]) -> Iterator[Converter]:
    """A process with the package of a tree; it imports what stands in its working directory."""
    with subprocess.Popen(
        [sys.executable, "-c", CONVERTER, str(DATA.resolve()), json.dumps(sets)],
        cwd=tree,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Converter(process)
