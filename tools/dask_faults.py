"""A batch on workers of Dask that are killed with SIGKILL, whose scheduler is too, and whose servers restart.

``python -m tools.dask_faults`` runs 10,000 rows on four servers. It ends with 1 if a row was lost, or was run
twice though the server still knew of the first time, or if a file is wrong. Rows that a restart had taken
from a server run again; they are counted apart.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tests.batch_fault_run import BatchFaultRun
from tests.dask_fault_run import run_dask_faults

from .batch_faults import fault_words, told


def main() -> int:
    words = fault_words("Faults on Dask: no row lost or doubled, no file wrong.", 0)
    words.add_argument("--schedulers", type=int, default=1)
    words.add_argument("--shared", action="store_true")
    asked = words.parse_args()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    def run(folder: Path, seed: int, rows: int) -> BatchFaultRun:
        return run_dask_faults(
            folder,
            seed,
            rows,
            servers=asked.servers,
            kills=asked.kills,
            schedulers=asked.schedulers,
            restarts=asked.restarts,
            shared=asked.shared,
        )

    return told(run, asked)


if __name__ == "__main__":
    sys.exit(main())
