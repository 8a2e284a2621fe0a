"""A batch through a bad network to four servers that restart, killed with SIGKILL and resumed.

``python -m tools.batch_faults`` runs 10,000 rows and kills the batch 20 times. It ends with 1 if a row was
lost, or was run twice though the server still knew of the first time, or if a file is wrong. Rows that a
restart had taken from a server run again; they are counted apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.batch_fault_run import run_batch_faults


def main() -> int:
    words = argparse.ArgumentParser(description="Faults: no row lost or doubled, no file wrong.")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--rows", type=int, default=10_000)
    words.add_argument("--servers", type=int, default=4)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--restarts", type=int, default=10)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run_batch_faults(
            Path(folder),
            asked.seed,
            asked.rows,
            servers=asked.servers,
            kills=asked.kills,
            restarts=asked.restarts,
        )
    print(f"seed {asked.seed}: {found}")
    return 0 if found.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
