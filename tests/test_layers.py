from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

pytest.importorskip("importlinter", reason="import-linter is not installed: pip install -e '.[dev]'")


def test_each_layer_imports_only_from_those_below() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def ignored_imports() -> list[str]:
    """What the contract of the layers lets pass, and says why."""
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    return [line for each in contracts if each["type"] == "layers" for line in each["ignore_imports"]]


@pytest.fixture(scope="module")
def rooms() -> nx.DiGraph[str]:
    """What is imported by what, of the modules and packages right under comfyflow."""
    grimp = pytest.importorskip("grimp", reason="it comes with import-linter")
    imports = grimp.build_graph("comfyflow", exclude_type_checking_imports=True, cache_dir=None)
    for line in ignored_imports():
        importer, _, room = line.partition(" -> ")
        for imported in imports.find_modules_directly_imported_by(importer):
            if f"{imported}.".startswith(f"{room}."):
                imports.remove_import(importer=importer, imported=imported)
    found: nx.DiGraph[str] = nx.DiGraph()
    names = imports.find_children("comfyflow")
    for importer in names:
        for imported in names - {importer}:
            if imports.direct_import_exists(importer=importer, imported=imported, as_packages=True):
                found.add_edge(importer.partition(".")[2], imported.partition(".")[2])
    return found


def test_no_rooms_import_one_another_in_a_circle(rooms: nx.DiGraph[str]) -> None:
    assert [sorted(each) for each in nx.strongly_connected_components(rooms) if len(each) > 1] == []


@pytest.mark.parametrize(
    "room",
    [
        "cli",
        "client",
        "diff",
        "importer",
        "lock",
        "python_source",
        "source",
        "testing",
        "validate",
        "workflows",
    ],
)
def test_whatever_looks_at_a_workflow_looks_at_the_graph(rooms: nx.DiGraph[str], room: str) -> None:
    assert rooms.has_edge(room, "graph")
