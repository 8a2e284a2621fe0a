"""A batch through a bad network to four servers that restart, killed with SIGKILL and resumed.

``python -m tools.batch_faults`` runs 10,000 rows and kills the batch 20 times. It ends with 1 if a row was
lost, or was run twice though the server still knew of the first time, or if a file is wrong. Rows that a
restart had taken from a server run again; they are counted apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.batch_fault_run import BatchFaultRun, run_batch_faults


def fault_words(description: str, restarts: int) -> argparse.ArgumentParser:
    """The options of a run with faults.

    Args:
        description: What it is.
        restarts: How often a server restarts, where nothing else is said.
    """
    words = argparse.ArgumentParser(description=description)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--rows", type=int, default=10_000)
    words.add_argument("--servers", type=int, default=4)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--restarts", type=int, default=restarts)
    return words


def told(run: Callable[[Path, int, int], BatchFaultRun], asked: argparse.Namespace) -> int:
    """Run it in a separate folder, and report the rows; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), asked.seed, asked.rows)
        print(f"seed {asked.seed}: {found}", flush=True)  # even if the folder cannot be removed
    return 0 if found.is_right else 1


def main() -> int:
    asked = fault_words("Faults: no row lost or doubled, no file wrong.", 10).parse_args()

    def run(folder: Path, seed: int, rows: int) -> BatchFaultRun:
        return run_batch_faults(
            folder, seed, rows, servers=asked.servers, kills=asked.kills, restarts=asked.restarts
        )

    return told(run, asked)


if __name__ == "__main__":
    sys.exit(main())
