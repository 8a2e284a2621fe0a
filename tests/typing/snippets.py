"""Runs mypy and pyright over the snippets of this folder, once each, and reads what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests import type_checkers

HERE = Path(__file__).parent
ROOT = type_checkers.ROOT
RESULTS = "client_results.py"
SNIPPETS = sorted(path.name for path in HERE.glob("*_*.py") if path.name.startswith(("good_", "bad_")))


class Said(NamedTuple):
    """What a type checker says of one file, by line."""

    errors: dict[int, str]
    reveals: dict[int, str]


def marked(name: str, mark: str) -> dict[int, str]:
    """The lines of a snippet that carry a mark, and what follows it."""
    lines = (HERE / name).read_text().splitlines()
    found = ((number, re.search(rf"#\s*{mark}:\s*(.+)$", line)) for number, line in enumerate(lines, 1))
    return {number: match[1] for number, match in found if match}


@cache
def mypy() -> dict[str, Said]:
    """What mypy says in its strict mode."""
    run = type_checkers.mypy(*(HERE / name for name in (*SNIPPETS, RESULTS)))
    assert run.returncode in (0, 1), run.stdout + run.stderr
    said: defaultdict[str, Said] = defaultdict(lambda: Said({}, {}))
    for line in run.stdout.splitlines():
        match = re.fullmatch(r"(.+?):(\d+): (error|note): (.*)", line)
        if match is None:
            continue
        path, number, kind, message = match.groups()
        revealed = re.fullmatch(r'Revealed type is "(.*)"', message)
        if revealed:
            said[Path(path).name].reveals[int(number)] = _unqualified(revealed[1])
        elif kind == "error":
            said[Path(path).name].errors[int(number)] = message
    return said


@cache
def pyright_program() -> str | None:
    """The pyright command, or None where there is none that runs."""
    program = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
    if program is None:
        return None
    run = subprocess.run([program, "--version"], capture_output=True, text=True)
    return program if run.returncode == 0 else None


@cache
def pyright() -> dict[str, Said] | None:
    """What pyright says in its strict mode of all of this folder; None where it is not installed."""
    program = pyright_program()
    if program is None:
        return None
    command = [
        program,
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        str(HERE / "pyrightconfig.json"),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(SNIPPETS) + 1
    said: defaultdict[str, Said] = defaultdict(lambda: Said({}, {}))
    for diagnostic in report["generalDiagnostics"]:
        file, number = Path(diagnostic["file"]).name, diagnostic["range"]["start"]["line"] + 1
        revealed = re.fullmatch(r'Type of ".*" is "(.*)"', diagnostic["message"])
        if revealed:
            said[file].reveals[number] = revealed[1]
        elif diagnostic["severity"] == "error":
            said[file].errors[number] = diagnostic["message"]
    return said


def _unqualified(name: str) -> str:
    short = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", name)
    return re.sub(r"tuple\[.*, fallback=(\w+)\]", r"\1", short)
