"""Rows of a sweep: checked, made, and turned into prompts, filled again against compiled again.

Each figure is processor time a row; the ratio is the median of pairs that were measured by turns.
"""

from __future__ import annotations

import csv
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from comfyflow.batch import Rows
from comfyflow.batch.refill import Recipe
from comfyflow.source import Source

ROWS = 100_000
PAIRS = 7
EACH = 1000


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    txt2img = importlib.import_module("txt2img").txt2img
    recipe = Recipe.of(txt2img)
    grid = Rows.grid(prompt=[f"p{number}" for number in range(ROWS // 100)]) * Rows.seeds(100)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["prompt", "steps", "seed"])
            writer.writerows([f"a cat, {number}", 20, number] for number in range(ROWS))
        cost = _each(lambda: Rows.csv(path).checked(recipe.columns))
        print(f"{ROWS:,} rows of a CSV file checked: {cost:.1f} us a row")
    checked = grid.checked(recipe.columns)
    print(f"{ROWS:,} rows of a grid made: {_each(lambda: _use(checked)):.1f} us a row")
    rows = list(checked)[:EACH]
    for row in rows[:8]:
        recipe.prepare(row)
    filled: list[float] = []
    anew: list[float] = []
    for _ in range(PAIRS):
        filled.append(_time(lambda: [recipe.prepare(row) for row in rows]))
        anew.append(_time(lambda: [_anew(txt2img, row.parameters) for row in rows]))
    one, other = (statistics.median(times) / EACH * 1e6 for times in (filled, anew))
    ratio = statistics.median(a / b for a, b in zip(filled, anew, strict=True))
    print(f"a prompt filled: {one:.1f} us; called and compiled again: {other:.1f} us; ratio {ratio:.2f}")
    print(f"filled {recipe.filled:,}, compiled {recipe.compiled:,}")


def _anew(function: Any, values: Any) -> Any:
    return Source.of(function(**values)).prompt


def _use(rows: Iterable[Any]) -> None:
    for _ in rows:
        pass


def _each(call: Callable[[], Any]) -> float:
    return _time(call) / ROWS * 1e6


def _time(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
