"""Every official template as Python: the same graph again, in source that linters and mypy pass.

All of them are written, run and compared. ruff and mypy look at a sample; COMFYFLOW_PARITY_ALL=1
shows them everything, and 500 drawn graphs with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from comfyflow.codegen import Options, generate
from comfyflow.graph import Graph
from comfyflow.importer import Conversion, convert_workflow
from comfyflow.python_source import Annotations, prove, to_python
from comfyflow.python_source.annotation import annotations_of
from comfyflow.testing.strategies import graphs
from tests import type_checkers
from tests.generated import importable
from tests.parity.test_ui_to_api import DATA, records, schema
from tests.python_sources import difference

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ALL = os.environ.get("COMFYFLOW_PARITY_ALL", "") not in ("", "0")
DRAWN = 500 if ALL else 25
ROOT = Path(__file__).parents[2]
GOLDENS = ROOT / "tests" / "goldens" / "python"
PACKAGES = {"0.33.0": "nodes_0_33", "0.27.0": "nodes_0_27", "0.3.64": "nodes_0_3_64"}
EDITORS = {"0.33.0": "1.49", "0.27.0": "1.45", "0.3.64": "1.27"}
RECORDS = {"0.33.0": "0.33.0-frontend-1.49.6"}
MODES = ("flat", "functions", "editor")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the node packages of all servers, from which modules can import."""
    folder = tmp_path_factory.mktemp("to_python")
    for version, package in PACKAGES.items():
        generate(schema(version), Options(docs=False)).write(folder / package)
    with importable(folder):
        yield folder


@cache
def templates_of(version: str) -> list[dict[str, Any]]:
    return list(records("ui_to_api", RECORDS.get(version, version)))


def written(record: dict[str, Any], version: str, mode: str) -> tuple[Any, str]:
    """A template's graph, and its Python."""
    known, package, name = schema(version), PACKAGES[version], record["name"]
    if mode != "editor":
        prompt = record["prompt"]
        return prompt, to_python(prompt, known, name=name, flat=mode == "flat", package=package)
    workflow, editor = record["workflow"], EDITORS[version]
    prompt = convert_workflow(workflow, known, editor=editor, seed=1)
    return prompt, to_python(prompt, known, name=name, package=package)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", PACKAGES)
@pytest.mark.usefixtures("workspace")
def test_every_template_comes_back_the_same(version: str, mode: str) -> None:
    different: list[str] = []
    templates = templates_of(version)
    for record in templates:
        prompt, source = written(record, version, mode)
        found = difference(prompt, source, schema(version))
        different += [f"{record['name']}: {found}"] if found else []
    print(f"{version} {mode}: {len(templates) - len(different)} of {len(templates)} templates are the same")
    assert different == []


@cache
def drawn(version: str) -> list[Graph]:
    """Graphs that nobody has made, of the nodes of one server."""
    found: list[Graph] = []

    @seed(1)
    @settings(max_examples=DRAWN, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(graphs(schema(version)))
    def draw(graph: Graph) -> None:
        found.append(graph)

    draw()
    return found


def written_drawn(graph: Graph, version: str, flat: bool) -> str:
    return to_python(graph, schema(version), flat=flat, package=PACKAGES[version])


@pytest.mark.parametrize("version", PACKAGES)
@pytest.mark.usefixtures("workspace")
def test_drawn_graphs_come_back_the_same(version: str) -> None:
    for graph in drawn(version):
        for flat in (True, False):
            assert difference(graph, written_drawn(graph, version, flat), schema(version)) == ""
    print(f"{version}: {len(drawn(version))} drawn graphs are the same, flat and not")


def looked_at() -> Iterator[tuple[str, str]]:
    """What linters are shown: names of modules, and their source."""
    every = 1 if ALL else 8
    for version in PACKAGES:
        for mode in MODES:
            for number, record in enumerate(templates_of(version)[::every]):
                yield f"v{version}_{mode}_{number}", written(record, version, mode)[1]
        for number, graph in enumerate(drawn(version)[::every]):
            for flat in (True, False):
                yield f"v{version}_drawn_{number}_{flat}", written_drawn(graph, version, flat)


def test_what_is_written_passes_ruff_and_mypy(workspace: Path) -> None:
    modules = workspace / "modules"
    modules.mkdir()
    for name, source in looked_at():
        (modules / f"{name.replace('.', '_')}.py").write_text(source)
    rules = workspace / "ruff.toml"
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    rules.write_text(
        f"target-version = 'py310'\n[lint]\nselect = {lint['select']}\nignore = {lint['ignore']}\n"
        f"pydocstyle.convention = '{lint['pydocstyle']['convention']}'\n"
    )
    # In one place the packages are a project's own, in another they are not.
    check = ["ruff", "check", "--no-cache", "--output-format=concise", f"--config={rules}", "modules"]
    assert_silent(check, workspace)
    assert_silent(["ruff", "format", "--no-cache", "--check", f"--config={rules}", "modules"], workspace)
    run = type_checkers.mypy(*sorted(modules.iterdir()), folder=workspace)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    print(f"{len(list(modules.iterdir()))} modules pass ruff check, ruff format and mypy --strict")


def assert_silent(words: list[str], folder: Path) -> None:
    run = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


@pytest.mark.parametrize("mode", MODES)
def test_the_proof_holds_in_an_interpreter_of_its_own(mode: str, workspace: Path) -> None:
    record = next(one for one in records("ui_to_api", "0.27.0") if one["name"] == "video_ltx2_t2v")
    prompt, source = written(record, "0.27.0", mode)
    found = prove(source, prompt, schema("0.27.0"), package=PACKAGES["0.27.0"], packages=workspace)
    assert found.empty, str(found)


TEMPLATES = (
    "3d_hunyuan3d_image_to_model",
    "audio_ace_step_1_t2a_song",
    "basic_mask_operations_and_compositing",
    "default",
    "image_flux.1_fill_dev_OneReward",
    "image_qwen_image",
    "sd3.5_large_canny_controlnet_example",
    "sdxl_refiner_prompt_example",
    "template_seedance2_storyboard_to_video",
    "video_ltx2_t2v",
)
LONG = 60


def without_prose(conversion: Conversion) -> Annotations:
    """Take other people's long texts out of a conversion and its notes."""
    for node in conversion.values():
        for name, value in node["inputs"].items():
            if isinstance(value, str) and len(value) > LONG and " " in value:
                node["inputs"][name] = f"{' '.join(value.split()[:4])} … ({len(value)} characters)"
    known = annotations_of(conversion.graph)
    notes = {
        canvas: [note if len(note.text) <= LONG else replace(note, text="…") for note in held]
        for canvas, held in known.notes.items()
    }
    return replace(known, notes=notes)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_was_read_and_found_good_stays_so(name: str) -> None:
    """The goldens are to be read. COMFYFLOW_UPDATE_GOLDENS=1 writes them anew."""
    known = schema("0.27.0")
    record = next(one for one in records("ui_to_api", "0.27.0") if one["name"] == name)
    made = convert_workflow(record["workflow"], known, seed=1)
    notes = without_prose(made)
    source = to_python(made, known, name=name, annotations=notes, line_length=110)
    golden = GOLDENS / f"{name.replace('.', '_').lower()}.py"
    if os.environ.get("COMFYFLOW_UPDATE_GOLDENS"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(source, encoding="utf-8")
    assert source == golden.read_text(encoding="utf-8")
