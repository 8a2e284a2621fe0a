"""Timing a command as a whole process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """The median wall time of several runs in seconds, and the greatest peak memory in MB."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds * 1000:8.0f} ms {self.megabytes:6.0f} MB"


def run_once(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall seconds and peak megabytes of one run.

    Raises:
        RuntimeError: The command failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    problem = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {problem.decode()[-2000:]}")
    scale = 1 / 1024 / 1024 if sys.platform == "darwin" else 1 / 1024
    return seconds, usage.ru_maxrss * scale


def compare(commands: Mapping[str, Sequence[str]], runs: int = 5) -> dict[str, Cost]:
    """Run several commands in turn, once to warm up and then ``runs`` times each."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stubs'}"}
    # Peers that pip installed have their bytecode; the warm-up run makes ours.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = run_once(command, environment)
            if turn:
                seen[name].append(cost)
    return {
        name: Cost(statistics.median(s for s, _ in costs), max(m for _, m in costs))
        for name, costs in seen.items()
    }
