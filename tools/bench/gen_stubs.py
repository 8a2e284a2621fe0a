"""Generation by its steps, and what importing a generated package costs.

The steps are compared with ``json.loads`` of the same schema, the imports with the start of Python.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfyflow.codegen import Options, generate
from comfyflow.schema import load_schema

from ._process import ROOT, compare

SCHEMA = ROOT / "stubs" / "comfynodes" / "schema.json"
REPEATS = 5
IMPORTS = {
    "start of Python": "pass",
    "import comfyflow.node": "import comfyflow.node",
    "import comfynodes": "import comfynodes",
    "one node": "from comfynodes import KSampler",
    "all nodes": "from comfynodes import *",
}


def main() -> None:
    steps()
    imports()


def steps() -> None:
    """Seconds of each step of a generation in a warm process."""
    text = SCHEMA.read_bytes()
    floor = _median(lambda: json.loads(text))
    schema = load_schema(SCHEMA)
    package = generate(schema, Options(docs=False))
    with tempfile.TemporaryDirectory() as folder:
        timings = {
            "json.loads of the schema": floor,
            "generate (plan, render, compile)": _median(
                lambda: generate(load_schema(SCHEMA), Options(docs=False))
            ),
            "write": _median(lambda: package.write(Path(folder) / "nodes")),
            "stale (--check)": _median(lambda: package.stale(Path(folder) / "nodes")),
        }
    print(f"{len(package.generated)} nodes, {sum(map(len, package.files.values())) / 1e6:.1f} MB:")
    for name, seconds in timings.items():
        print(f"  {name:<34}{seconds * 1000:8.1f} ms   {seconds / floor:6.1f} x json.loads")


def imports() -> None:
    """The whole process that imports a generated package."""
    costs = compare({name: [sys.executable, "-c", code] for name, code in IMPORTS.items()})
    floor = costs["start of Python"].seconds
    print("imports, whole process:")
    for name, cost in costs.items():
        print(f"  {name:<24}{cost}   {cost.seconds / floor:5.1f} x the start of Python")


def _median(step: Callable[[], Any]) -> float:
    seconds: list[float] = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
