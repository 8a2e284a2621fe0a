"""Prompts through a network that drops, delays, truncates and resets, to a server that restarts.

``python -m tools.fault_runs`` does the same with 500 prompts. A failure prints the seed; a seed
gives the same faults again: ``python -m tools.fault_runs --seed N``.
"""

from __future__ import annotations

import pytest

from tests.clients import KINDS
from tests.fault_run import run_faults


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("seed", "restarts"), [(1, 0), (2, 2)])
def test_no_prompt_is_lost_doubled_or_waited_for_in_vain(kind: str, seed: int, restarts: int) -> None:
    found = run_faults(seed, kind, 24, restarts=restarts)
    print(found)
    assert not found.bad, f"{found}\nagain: python -m tools.fault_runs --seed {seed} --prompts 24"
    assert found.total == 24
    assert found.right >= 12
    assert restarts or not found.errors, str(found)
    assert sum(found.plans.values()) > 3, "the network was not bad"
