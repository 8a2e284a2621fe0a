"""A batch on workers of Dask that are killed with SIGKILL, whose scheduler is too, and whose servers restart.

``python -m tools.dask_faults`` runs 10,000 rows on four servers. It ends with 1 if a row was lost, or was run
twice though the server still knew of the first time, or if a file is wrong. Rows that a restart had taken
from a server run again; they are counted apart.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.dask_fault_run import run_dask_faults


def main() -> int:
    words = argparse.ArgumentParser(description="Faults on Dask: no row lost or doubled, no file wrong.")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--rows", type=int, default=10_000)
    words.add_argument("--servers", type=int, default=4)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--schedulers", type=int, default=1)
    words.add_argument("--restarts", type=int, default=0)
    words.add_argument("--shared", action="store_true")
    asked = words.parse_args()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        found = run_dask_faults(
            Path(folder),
            asked.seed,
            asked.rows,
            servers=asked.servers,
            kills=asked.kills,
            schedulers=asked.schedulers,
            restarts=asked.restarts,
            shared=asked.shared,
        )
    print(f"seed {asked.seed}: {found}")
    return 0 if found.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
