"""What is not imported until somebody needs it: a start costs time and memory, and there are many."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.bench.spine import TXT2IMG

HEAVY = {
    "_hashlib": "OpenSSL",
    "_ssl": "OpenSSL",
    "aiohttp": "the simulator's",
    "asyncio": "the client's",
    "click": "the command line's",
    "difflib": "for messages",
    "html.entities": "thousands of names",
    "httpx": "the client's",
    "jinja2": "for pictures and pages",
    "networkx": "for circles, and whoever asks for the network",
    "numpy": "the simulator's",
    "pydantic": "for parameters as text",
    "rich": "for terminals",
    "typing_extensions": "for type checkers",
    "websockets": "the client's",
}
OURS = ("cli", "client", "codegen", "embedded_text", "exporter", "importer", "layout", "lock", "picture",
        "python_source", "simulator", "testing")  # fmt: skip


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """What a process has imported that makes, checks and prints txt2img."""
    program = f"{TXT2IMG}\nimport sys; print(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("True\n")
    return set(run.stderr.split())


def test_nothing_heavy_is_imported_for_a_workflow_that_is_made_and_checked(imported: set[str]) -> None:
    assert {name: HEAVY[name] for name in HEAVY if name in imported} == {}


def test_rooms_that_a_workflow_does_not_need_are_not_imported(imported: set[str]) -> None:
    assert [name for name in OURS if f"comfyflow.{name}" in imported] == []
