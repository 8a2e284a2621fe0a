"""Templates as Python, kept to be read: each still runs, and gives what a server can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.python_sources import workflow_in

GOLDENS = sorted(Path(__file__).with_name("goldens").joinpath("python").glob("*.py"))


def test_there_are_ten() -> None:
    assert len(GOLDENS) == 10


@pytest.mark.parametrize("golden", GOLDENS, ids=[golden.stem for golden in GOLDENS])
def test_a_golden_runs_and_is_sound(golden: Path) -> None:
    made = workflow_in(golden.read_text(encoding="utf-8"))()
    report = made.validate()
    assert list(map(str, report.errors)) == []
    assert report.outputs
