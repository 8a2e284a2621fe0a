"""Programs that were written for the reference package of ComfyUI 0.27.0, on that of 0.33.0.

They are what `to_python` writes of the templates, and calls of every class with every choice that
it had. All compile to the same prompt and type-check, but for what is listed here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import comfynodes
import pytest

from comfyflow import Workflow, raw_node, with_id
from comfyflow.codegen import Options, generate
from comfyflow.codegen.schema_file import schema_line
from comfyflow.python_source import to_python
from comfyflow.python_source.node_class import node_classes
from comfyflow.schema import Schema
from comfyflow.schema.package import package_schema
from tests import type_checkers
from tests.generated import load_package
from tests.older_programs import calls_of, class_of, links_of, program
from tests.parity.data import needs_data, recorded_schema, records
from tests.python_sources import workflow_in
from tests.typing.snippets import ROOT, pyright_program

pytestmark = needs_data

GONE = {
    "KlingCameraControlI2VNode",
    "KlingCameraControlT2VNode",
    "KlingCameraControls",
    "KlingDualCharacterVideoEffectNode",
    "KlingSingleImageVideoEffectNode",
    "KlingVirtualTryOnNode",
}
"""Classes that 0.33.0 has no more."""

NEEDS_MORE = {"KlingImage2VideoNode": {"model_name", "mode"}, "LoadTrainingDataset": {"folder_name"}}
"""Arguments that had a default in 0.27.0 and have none now: what it was is no choice any more."""

NOT_SENT = {"SaveVideo": {"codec"}}
"""Inputs that a program sent without being asked to; 0.33.0 takes the same for them by itself."""

ADDED = {"ByteDanceSeedAudio": {"model"}}
"""Inputs that are new and have a default, which is sent."""

WIDER = {"GetVideoComponents"}
"""Classes with an output more, which programs have to unpack too, or take by name."""

RETYPED = {
    "KlingImage2VideoNode": "choices of model_name and mode are gone",
    "KlingImageGenerationNode": "choices of model_name are gone",
    "KlingStartEndFrameNode": "choices of mode are gone",
    "KlingTextToVideoNode": "choices of mode are gone",
    "LoadTrainingDataset": "folder_name is a choice, no text: a STRING cannot be linked to it",
    "RecraftV4TextToImageNode": "choices of model.size are gone",
    "RecraftV4TextToVectorNode": "choices of model.size are gone",
    "SaveVideo": "format and codec are dynamic combos: nothing can be linked to them",
}
"""Classes of which a type checker refuses calls that it took, and why."""


@pytest.fixture(scope="module")
def old() -> Schema:
    return recorded_schema("0.27.0", models=False)


@pytest.fixture(scope="module")
def new() -> Schema:
    return package_schema({comfynodes.__name__})


@pytest.fixture(scope="module")
def older(old: Schema, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load_package(generate(old, Options(docs=False)), tmp_path_factory.mktemp("older"))


def inputs(package: ModuleType, call: str) -> dict[str, Any]:
    """What a call sends."""
    links = {f"of_{name}": raw_node("Source")[0] for name in links_of(call)}
    made = eval(call, {**links, class_of(call): getattr(package, class_of(call))})  # noqa: S307
    sent: dict[str, Any] = Workflow(with_id(made, "made")).to_prompt()["made"]["inputs"]
    return sent


def test_every_call_sends_what_it_sent(old: Schema, new: Schema, older: ModuleType) -> None:
    made = calls_of(node_classes(old), set(old) & set(new))
    needs_more: dict[str, set[str]] = {}
    not_sent: dict[str, set[str]] = {}
    added: dict[str, set[str]] = {}
    for call in made:
        before = inputs(older, call)
        try:
            now = inputs(comfynodes, call)
        except TypeError as error:
            needs_more.setdefault(class_of(call), set()).update(re.findall(r"'(\w+)'", str(error)))
            continue
        assert {name: now[name] for name in before.keys() & now.keys()} == {
            name: before[name] for name in before.keys() & now.keys()
        }, call
        if before.keys() - now.keys():
            not_sent.setdefault(class_of(call), set()).update(before.keys() - now.keys())
        if now.keys() - before.keys():
            added.setdefault(class_of(call), set()).update(now.keys() - before.keys())
    print(f"{len(made)} calls of {len(set(old) & set(new))} classes")
    assert needs_more == NEEDS_MORE
    assert not_sent == NOT_SENT
    assert added == ADDED
    assert set(old) - set(new) == GONE


def changed(old: Schema, new: Schema) -> set[str]:
    """Classes that both have and that differ in more than what is said of them."""
    both = set(old) & set(new)
    return {name for name in both if schema_line(old[name], docs=False) != schema_line(new[name], docs=False)}


@pytest.mark.slow
def test_type_checkers_take_every_call_that_they_took(old: Schema, new: Schema, tmp_path: Path) -> None:
    names = changed(old, new)
    made = [call for call in calls_of(node_classes(old), names) if not _lacks_default(call)]
    generate(old, Options(docs=False)).write(tmp_path / "older_nodes")
    (tmp_path / "before.py").write_text(program(made, "older_nodes"))
    (tmp_path / "now.py").write_text(program(made, "comfynodes"))
    lines = (tmp_path / "now.py").read_text().splitlines()
    for checker, errors in said(tmp_path, ["before.py", "now.py"]).items():
        at = {file: {line for name, line, _ in errors if name == file} for file in ("before.py", "now.py")}
        refused = Counter(class_of(lines[line - 1].strip()) for line in at["now.py"] - at["before.py"])
        print(f"{checker}: {len(made)} calls of {len(names)} changed classes, refused: {dict(refused)}")
        assert set(refused) == set(RETYPED)


def _lacks_default(call: str) -> bool:
    return any(f"{name}=" not in call for name in NEEDS_MORE.get(class_of(call), ()))


@pytest.mark.slow
def test_every_template_of_0_27_0_compiles_to_the_same_prompt(
    old: Schema, older: ModuleType, tmp_path: Path
) -> None:
    unlike: dict[str, set[str]] = {}
    broken: set[str] = set()
    files: list[str] = []
    templates = list(records("ui_to_api", "0.27.0"))
    for number, record in enumerate(templates):
        source = to_python(record["prompt"], old, name=record["name"], package="comfynodes")
        try:
            made = workflow_in(source)()
        except (ImportError, TypeError, ValueError) as error:
            broken |= breaking(error, source)
            continue
        before = workflow_in(source.replace("from comfynodes", f"from {older.__name__}"))()
        for name in differing(before.to_prompt(), made.to_prompt()):
            unlike.setdefault(name[0], set()).add(name[1])
        if number % 6 == 0 or set(RETYPED) & set(re.findall(r"\w+", source)):
            files.append(f"template_{number}.py")
            (tmp_path / files[-1]).write_text(source)
    print(f"{len(templates)} templates, {len(files)} type-checked; not the same: {unlike}, {broken}")
    assert unlike == {**NOT_SENT, **ADDED}
    for checker, errors in said(tmp_path, files).items():
        refused = [
            error
            for error in errors
            if not (set(RETYPED) | NEEDS_MORE.keys() | WIDER) & named(tmp_path, error)
        ]
        print(f"{checker}: {len(errors)} errors")
        assert refused == []


def breaking(error: Exception, source: str) -> set[str]:
    """The listed classes that a program does not run for."""
    if isinstance(error, ValueError):
        assert "too many values to unpack" in str(error)
        found = set(re.findall(r"\w+", source)) & WIDER
    else:
        found = set(re.findall(r"\w+", str(error))) & (GONE | NEEDS_MORE.keys())
    assert found, error
    return found


def named(folder: Path, error: tuple[str, int, str]) -> set[str]:
    """The words of the line that an error is of, and of the lines around it."""
    lines = (folder / error[0]).read_text().splitlines()
    return set(re.findall(r"\w+", " ".join([error[2], *lines[max(0, error[1] - 8) : error[1] + 1]])))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Inputs, by class, whose values are not the same. Nodes are compared class by class: ids are free."""

    def values(prompt: Mapping[str, Any]) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for node in prompt.values():
            shown = {
                name: "link" if isinstance(value, list) else value for name, value in node["inputs"].items()
            }
            found.setdefault(node["class_type"], Counter()).update(
                repr((name, float(value) if type(value) is int else value)) for name, value in shown.items()
            )
        return found

    old, new = values(before), values(after)
    for name in old.keys() | new.keys():
        one, other = old.get(name, Counter()), new.get(name, Counter())
        for shown in (one - other) + (other - one):
            yield name, str(re.findall(r"^\('([^']*)'", shown)[0])


def said(folder: Path, files: list[str]) -> dict[str, list[tuple[str, int, str]]]:
    """The errors of the type checkers: file, line and message."""
    run = type_checkers.mypy(*(folder / name for name in files), folder=folder)
    found = {"mypy": _errors(run, r"(.+?):(\d+): error: (.*)")}
    program_ = pyright_program()
    if program_ is not None:
        (folder / "pyrightconfig.json").write_text(
            f'{{"typeCheckingMode": "strict", "extraPaths": ["{ROOT / "stubs"}", "{ROOT}"], '
            '"pythonVersion": "3.10", "reportMissingTypeStubs": false}'
        )
        words = [program_, "--pythonpath", sys.executable, "-p", "pyrightconfig.json"]
        run = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        found["pyright"] = _errors(run, r"\s*(.+?):(\d+):\d+ - error: (.*)")
    return found


def _errors(run: subprocess.CompletedProcess[str], pattern: str) -> list[tuple[str, int, str]]:
    assert run.returncode in (0, 1), run.stdout[-2000:] + run.stderr[-2000:]
    matches = (re.match(pattern, line) for line in run.stdout.splitlines())
    return [(Path(match[1]).name, int(match[2]), match[3]) for match in matches if match]
