"""The typed classes of 23 node packs: they import, type-check, and take what shipped workflows use."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.codegen import Package, generate
from comfyflow.python_source import to_python
from tests import type_checkers
from tests.generated import importable
from tests.parity.data import shipped
from tests.parity.test_node_packs_validation import PACKS, packs_schema
from tests.python_sources import difference

ALL = os.environ.get("COMFYFLOW_PARITY_ALL", "") not in ("", "0")
SAMPLE = ("ComfyUI_KJNodes", "ComfyUI_VideoHelperSuite", "ComfyUI_essentials", "rgthree_comfy")
NOT_TAKEN = {
    "Animation Builder (mtb)": "its buttons and previews",
    "Anything Everywhere": "broadcasts, and is no node of a prompt that is run",
    "ShowText|pysssss": "what the editor shows of an earlier run",
    "VHS_BatchManager": "what the editor shows of the batch",
}
"""Of shipped workflows: inputs that no server takes, which the editor sends all the same."""

pytestmark = pytest.mark.skipif(not PACKS.is_dir(), reason=f"no recorded data in {PACKS}")


@pytest.fixture(scope="module")
def package() -> Package:
    return generate(packs_schema())


@pytest.fixture(scope="module")
def folder(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("packs")
    package.write(folder / "packnodes")
    with importable(folder):
        yield folder


def test_all_classes_are_generated_and_import(package: Package, folder: Path) -> None:
    assert len(package.generated) == len(packs_schema())
    assert package.skipped == ()
    module = importlib.import_module("packnodes")
    assert Path(module.__file__ or "").parent == folder / "packnodes"
    for found in pkgutil.walk_packages(module.__path__, "packnodes."):
        importlib.import_module(found.name)
    outputs = [
        line for text in package.files.values() for line in text.splitlines() if " = OutputSlot[" in line
    ]
    assert [line for line in outputs if "unnamed_" in line] == []


SCOPE = ["packnodes"] if ALL else [f"packnodes/custom_nodes/{name}.py" for name in SAMPLE]


def test_the_classes_are_clean_for_mypy(folder: Path) -> None:
    run = type_checkers.mypy(*(folder / name for name in SCOPE), folder=folder)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_classes_are_clean_for_pyright(folder: Path) -> None:
    settings = {"typeCheckingMode": "strict", "include": SCOPE}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def added(source: str) -> Iterator[tuple[str, list[str]]]:
    """The calls of ``with_inputs``: the class and the names of the inputs."""
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "with_inputs":
            made, names = part.args
            called: Any = made.func if isinstance(made, ast.Call) else made
            keys = names.keys if isinstance(names, ast.Dict) else []
            yield ast.unparse(called), [ast.unparse(key) for key in keys if key is not None]


def test_they_take_what_shipped_workflows_use(
    package: Package, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder.is_dir()
    names = {entry.name: entry.wire for entry in package.renamed if entry.kind == "node"}
    counts: Counter[str] = Counter()
    different: list[str] = []
    unexpected: list[str] = []
    for name, prompt in shipped("node_packs"):
        if not all("class_type" in node for node in prompt.values()):
            continue  # the editor sends nodes that no server has without a class
        counts["workflows"] += 1
        source = to_python(prompt, packs_schema(), name=name, package="packnodes")
        found = difference(prompt, source, packs_schema())
        different += [f"{name}: {found}"] if found else []
        for called, keys in added(source):
            counts["with_inputs"] += 1
            if names.get(called, called) not in NOT_TAKEN:
                unexpected.append(f"{name}: {called} {keys}")
    with capsys.disabled():
        print(f"\nshipped workflows of packs as Python: {dict(counts)}")
    assert counts["workflows"] > 100
    assert different == []
    assert unexpected == []
