"""Timing a command as a whole process."""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("COMFYFLOW_BASE", "3be02d9")
"""The commit, or tag, that pairs are compared with: by default the last one before the one graph."""


@contextmanager
def base_tree() -> Iterator[Path | None]:
    """The package as it was at the base, in a separate folder; None where git does not know it."""
    words = ["git", "-C", str(ROOT), "archive", BASE, "comfyflow", "stubs"]
    archive = subprocess.run(words, capture_output=True, check=False)
    if archive.returncode != 0:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder)  # noqa: S202 - git made it
        yield Path(folder)


@dataclass(frozen=True)
class Cost:
    """The median wall time of several runs in seconds, and the greatest peak memory in MB."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds * 1000:8.0f} ms {self.megabytes:6.0f} MB"


_STARTER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
problem = process.stderr.read()
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - started
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([process.returncode, seconds, usage.ru_maxrss, problem.decode()[-2000:]]))
"""
"""Starts a command and looks at it. Linux lets a process begin with the peak of the one that starts
it, so this one is small.
"""


def run_once(
    command: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT
) -> tuple[float, float]:
    """Wall seconds and peak megabytes of one run.

    Raises:
        RuntimeError: The command failed.
    """
    starter = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _STARTER, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    code, seconds, peak, problem = json.loads(starter.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {problem}")
    return seconds, peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def environment(tree: Path = ROOT) -> dict[str, str]:
    """Variables with which a command is of a tree."""
    found = {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'stubs'}"}
    # Peers that pip installed have their bytecode; the warm-up run makes ours.
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def compare(commands: Mapping[str, Sequence[str]], runs: int = 5) -> dict[str, Cost]:
    """Run several commands in turn, once to warm up and then ``runs`` times each."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = run_once(command, environment())
            if turn:
                seen[name].append(cost)
    return {
        name: Cost(statistics.median(s for s, _ in costs), max(m for _, m in costs))
        for name, costs in seen.items()
    }
