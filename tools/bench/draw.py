"""Drawing workflows: the CPU time that one takes, and how it grows when it may be twice as large.

The node classes are those of the reference package, and of the recorded servers where
``../shared/data`` is there (COMFYFLOW_PARITY_DATA names another place).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from comfyflow import Graph, Schema, load_schema
from comfyflow.testing.session import stubs_schema
from comfyflow.testing.strategies import graphs
from comfyflow.testing.strategies.vocabulary import Pool, Vocabulary

from ._process import ROOT

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", ROOT.parent / "shared" / "data"))
SIZES = (8, 16, 32, 64, 128)
EXAMPLES = 200


def main() -> None:
    measure("reference package", stubs_schema("comfynodes"))
    for version in ("0.3.64", "0.27.0", "0.33.0"):
        path = DATA / "object_info" / f"{version}.json.gz"
        if path.is_file():
            measure(f"ComfyUI {version}, models installed", load_schema(path, version))
        else:
            print(f"  no schema in {path}")


def measure(name: str, schema: Schema) -> None:
    """Milliseconds and microseconds a node, by the size that a graph may have."""
    sum(1 for _ in schema)
    started = time.process_time()
    catalogue = Vocabulary(schema)
    pool = Pool(catalogue)
    seconds = time.process_time() - started
    print(
        f"  {name}: {len(schema)} classes, {len(pool.names)} can be drawn; looked through once in"
        f" {seconds * 1000:.0f} ms"
    )
    before = None
    for size in SIZES:
        drawn, seconds = draw(schema, size)
        nodes = sum(map(len, drawn))
        per_graph = seconds / len(drawn)
        growth = f", {per_graph / before:.2f} times the half" if before is not None else ""
        print(
            f"    up to {size:3} nodes: {per_graph * 1000:6.2f} ms a graph,"
            f" which has {nodes / len(drawn):4.1f}; {seconds / nodes * 1e6:4.0f} us a node{growth}"
        )
        before = per_graph


def draw(schema: Schema, size: int) -> tuple[list[Graph], float]:
    """Graphs of at most that many nodes, and the seconds that they took."""
    found: list[Graph] = []
    first = 0.0

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(schema, max_nodes=size))
    def collect(graph: Graph) -> None:
        nonlocal first
        first = first or time.process_time()  # the first example has looked through the schema
        found.append(graph)

    collect()
    return found, time.process_time() - first


if __name__ == "__main__":
    sys.exit(main())
