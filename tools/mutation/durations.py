"""A plug-in of pytest that writes how long each test takes, for the order of the trials."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

_SECONDS: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _SECONDS[report.nodeid] += report.duration  # type: ignore[assignment]


def pytest_sessionfinish() -> None:
    Path(".durations.json").write_text(json.dumps(_SECONDS))
