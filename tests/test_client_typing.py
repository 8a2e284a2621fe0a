"""mypy and pyright see results and resolvers as they are, and the mistakes as mistakes."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUBJECT = ROOT / "tests" / "typing" / "client_results.py"


def checker(module: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    command = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_mypy() -> None:
    """Every wrong line of the file is ignored there; an ignored line that is right is reported."""
    done = checker("mypy", "--strict", "--warn-unused-ignores", "--follow-imports=silent", SUBJECT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright(tmp_path: Path) -> None:
    shutil.copy(SUBJECT, tmp_path)
    project = {
        "include": [SUBJECT.name],
        "extraPaths": [str(ROOT), str(ROOT / "stubs")],
        "pythonVersion": "3.10",
        "typeCheckingMode": "strict",
        "enableTypeIgnoreComments": False,
        "reportUnnecessaryTypeIgnoreComment": True,
    }
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps(project))
    done = checker("pyright", "--pythonpath", sys.executable, "--project", config, "--stats")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found 1 source file" in done.stdout
