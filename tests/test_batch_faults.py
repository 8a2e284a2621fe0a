"""Batches through a bad network to servers that restart, killed with SIGKILL and resumed.

``python -m tools.batch_faults`` does the same with 10,000 rows. A failure prints the seed; a seed draws the
same faults again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from comfyflow.batch.row import Row
from comfyflow.simulator import Simulator
from tests.batch_fault_run import BatchFaultRun, Both, Life, count_executed, run_batch_faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def test_a_killed_batch_goes_on_and_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    found = run_batch_faults(tmp_path, 1, 64, servers=2, kills=1, restarts=0, badness=0.0)
    assert found.is_right, str(found)
    assert found.kills == 1
    assert found.repeated == 0


def test_a_row_that_a_restart_took_is_not_doubled_however_soon_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes before whoever has restarted the server goes on is of the new life, too."""
    prompt = Both().prepare(Row(94, {"n": 94})).source.prompt

    def send() -> None:
        httpx.post(f"{server.url}/prompt", json={"prompt": prompt}).raise_for_status()

    def start() -> Simulator:
        started = begin()
        send()
        return started

    with Simulator() as server:
        life, begin = Life(server), server.start
        send()
        monkeypatch.setattr(server, "start", start)
        life.restart()
        found = BatchFaultRun(1)
        count_executed(found, [life], tmp_path)
    assert (found.doubled, found.repeated) == ([], 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_no_row_is_lost_or_doubled_by_bad_network_restarts_and_kills(tmp_path: Path, seed: int) -> None:
    found = run_batch_faults(tmp_path, seed, 120, servers=3, kills=4, restarts=2)
    print(found)
    assert found.is_right, f"seed {seed}: {found}"
    assert found.kills >= 2
    assert found.faults > 10
