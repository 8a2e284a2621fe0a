"""Whole generated packages, of both recorded servers, with docs and without, under both type checkers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from comfyflow.codegen import Options, generate
from comfyflow.codegen.name import class_name, distinct_names
from comfyflow.schema import InputSchema, Schema, load_schema
from tests import type_checkers
from tests.typing.snippets import ROOT, pyright_program

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", ROOT.parent / "shared" / "data")) / "object_info"
SERVERS = ("0.33.0", "0.27.0", "0.3.64")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}"),
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package for each server, with docs and without."""
    folder = tmp_path_factory.mktemp("packages")
    for version in SERVERS:
        schema = load_schema(DATA / f"{version}-no-models.json.gz", version)
        for docs in (True, False):
            name = f"nodes_{version.replace('.', '_')}_{'docs' if docs else 'bare'}"
            generate(schema, Options(docs=docs)).write(folder / name)
            (folder / f"calls_{name}.py").write_text(calls(schema, name))
    return folder


def calls(schema: Schema, package: str) -> str:
    """A program that makes every node, giving each input a value of the type that the server says."""
    lines = ["from typing import Any", f"import {package}", "from comfyflow.node import Output"]
    lines += [f"from {package} import sockets", "anything: Any = None"]
    names = distinct_names(schema, named=class_name)
    kinds = {entry.type.split(",")[-1] for node in schema.values() for entry in node.inputs}
    plain = sorted(kind for kind in kinds if kind.isidentifier() and not kind.startswith("COMFY_"))
    lines += [f"def make({', '.join(f'of_{kind}: Output[sockets.{kind}]' for kind in plain)}) -> None:"]
    for class_type, node in schema.items():
        arguments = distinct_names([entry.name for entry in node.inputs], {"self"})
        given = [f"{arguments[entry.name]}={value(entry)}" for entry in node.inputs if entry.required]
        lines.append(f"    {package}.{names[class_type]}({', '.join(given)})")
    return "\n".join(lines) + "\n"


def value(entry: InputSchema) -> str:
    """A constant for an input that takes one, else an output of its type, or of the last of several."""
    if entry.is_dynamic or entry.match_template is not None:
        return "anything"
    if entry.is_combo:
        return ascii(entry.choices[0]) if entry.choices else "'file'"
    constants = {"INT": "1", "FLOAT": "0.5", "STRING": "'text'", "BOOLEAN": "True", "*": "[1]"}
    return constants.get(entry.type) or f"of_{entry.type.split(',')[-1]}"


def test_they_pass_mypy_strict(packages: Path) -> None:
    names = sorted(path.name for path in packages.glob("nodes_*"))
    assert len(names) == 2 * len(SERVERS)
    files = [packages / file for name in names for file in (name, f"calls_{name}.py")]
    run = type_checkers.mypy(*files, folder=packages)
    assert run.stdout + run.stderr == ""
    assert run.returncode == 0


def test_they_pass_pyright_strict(packages: Path) -> None:
    program = pyright_program()
    if program is None:
        pytest.skip("pyright is not installed, or it has no Node.js")
    config = {
        "include": ["nodes_*", "calls_*"],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.10",
    }
    (packages / "pyrightconfig.json").write_text(json.dumps(config))
    command = [program, "--outputjson", "--pythonpath", sys.executable, "--project", str(packages)]
    run = subprocess.run(command, cwd=packages, capture_output=True, text=True)
    said = json.loads(run.stdout)
    assert said["generalDiagnostics"] == []
    assert said["summary"]["filesAnalyzed"] > 400
