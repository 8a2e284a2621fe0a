"""A few of the hostile answers of ``python -m tools.fuzz answers``, in every run of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_hostile_answers_end_in_typed_errors_and_nowhere_else() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tools.fuzz", "answers", "--count", "16", "--seed", "7"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "16 hostile answers" in run.stdout
    assert run.stdout.rstrip().endswith("; 0 bad")
