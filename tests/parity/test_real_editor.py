"""What we write, in ComfyUI's real editors: each loads it, and makes the same prompt of it again.

Some ten of each kind are looked at; COMFYFLOW_PARITY_ALL=1 takes all, the templates of every server in both
editors, and 500 drawn graphs. `pytest -s -m slow tests/parity/test_real_editor.py` prints the rates.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest
from hypothesis import HealthCheck, given, seed, settings

from comfyflow import convert_workflow, to_python, to_workflow
from comfyflow.codegen import Options, generate
from comfyflow.graph import Graph, Link, read_prompt, to_prompt
from comfyflow.importer.pack_set import PackTable
from comfyflow.input_file import bare_name
from comfyflow.problem import Problem
from comfyflow.schema import Schema, load_schema
from comfyflow.simulator import Simulator
from comfyflow.testing.strategies import graphs
from tests.parity.data import DATA, needs_data, recorded_schema, records, shipped
from tests.python_sources import graph_of
from tests.real_editor import Editor, a_browser, release

LOST_SLOTS = "slots that grow in an option"
"""Of many such links 1.58 loses some while it loads a file, one that it has saved itself, too."""

NO_CODE = "no JavaScript"
"""What only the code of a pack can hold."""

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}

T = TypeVar("T")

ALL = os.environ.get("COMFYFLOW_PARITY_ALL", "") not in ("", "0")
OLD, NEW = "1.45.20", "1.58.1"
TEMPLATES = [
    ("0.27.0", "0.27.0", OLD),
    ("0.33.0", "0.33.0-frontend-1.58.1", NEW),
    ("0.27.0", "0.27.0", NEW),
    ("0.33.0", "0.33.0-frontend-1.58.1", OLD),
    ("0.33.0", "0.33.0-frontend-1.49.6", "1.49.6"),
    ("0.3.64", "0.3.64", OLD),
    ("0.3.64", "0.3.64", NEW),
][: None if ALL else 2]
"""Which server, which of its templates, which editor."""

EDITORS = {
    "0.27.0": "1.45",
    "0.3.64": "1.27",
    "0.33.0-frontend-1.49.6": "1.49",
    "0.33.0-frontend-1.58.1": "1.58",
}
"""Which editor the templates were recorded with."""

PACKS = [("node_packs", OLD), ("node_packs/1.58.1", NEW)]

MADE_UP = {
    ("LoadAudio", "audioUI"),
    ("Load3D", "image"),
    ("Preview3D", "image"),
    ("Preview3DAdvanced", "viewport_state"),
    ("SaveGLB", "image"),
}
"""What the editor puts in by itself: the audio player's file, the picture of a 3D view and its camera."""

pytestmark = [pytest.mark.slow, needs_data]

Fault: TypeAlias = tuple[str, str, str]
"""A node's id, an input's name or "", and what the editor sends otherwise."""

DEFAULTS = "defaults_added"
"""What no file prevents: the editor sends a value for every widget."""


@dataclass
class Rate:
    """How many graphs come back.

    Attributes:
        cases: How many there are.
        told: Those of which `to_workflow` said beforehand all that differs, by what it said.
        wrong: Those that differ otherwise, with how.
    """

    cases: int = 0
    told: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list[str]))
    wrong: dict[str, list[Fault]] = field(default_factory=dict[str, list[Fault]])

    def __str__(self) -> str:
        told = {name for kind, names in self.told.items() if kind != DEFAULTS for name in names}
        same = self.cases - len(told) - len(self.wrong)
        filled = len(set(self.told.get(DEFAULTS, ())) - told - self.wrong.keys())
        text = f"{same} of {self.cases} the same"
        if filled:
            text += f" ({filled} of them but for defaults of inputs that were left out)"
        if told:
            kinds = sorted((kind, names) for kind, names in self.told.items() if kind != DEFAULTS)
            text += f", {len(told)} as told"
            text += "".join(f"\n    {kind} ({len(names)}): {', '.join(names)}" for kind, names in kinds)
        return text + "".join(f"\n    {name}: {faults[:3]}" for name, faults in self.wrong.items())


def alike(ours: Any, theirs: Any) -> bool:
    """Whether a server takes two values for the same: a wrapped list is a list, digits are a number."""
    ours, theirs = (
        each["__value__"] if isinstance(each, dict) and "__value__" in each else each
        for each in (ours, theirs)
    )
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        # The browser's cameras differ in their last digits, and it has no other numbers than floats.
        is_real = isinstance(ours, float) or isinstance(theirs, float)
        return math.isclose(ours, theirs, rel_tol=1e-9) if is_real else ours == theirs
    if isinstance(ours, int) and isinstance(theirs, str):
        return abs(ours) > 2**53 and str(ours) == theirs
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in ours)
    return bool(ours == theirs)


def faults(sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Fault]:
    """What differs between the editor's prompt and the one that was written."""
    found: list[Fault] = [(node_id, "", "is not sent") for node_id in wanted.keys() - sent.keys()]
    found += [(key, "", f"is new: {sent[key]['class_type']}") for key in sent.keys() - wanted.keys()]
    for node_id in wanted.keys() & sent.keys():
        kind, inputs = wanted[node_id]["class_type"], wanted[node_id]["inputs"]
        if sent[node_id].get("class_type") != kind:
            found.append((node_id, "", f"{kind} became {sent[node_id].get('class_type')}"))
        theirs = sent[node_id]["inputs"]
        for name in sorted(inputs.keys() | theirs.keys()):
            if (kind, name) in MADE_UP or name == "audioUI":
                continue
            if name not in theirs:
                found.append((node_id, name, f"{kind}: lost {inputs[name]!r}"))
            elif name not in inputs:
                found.append((node_id, name, f"{kind}: added {theirs[name]!r}"))
            elif not alike(inputs[name], theirs[name]):
                found.append((node_id, name, f"{kind}: {inputs[name]!r} became {theirs[name]!r}"))
    return found


def told(fault: Fault, warnings: Iterable[Problem]) -> str | None:
    """What kind of warning spoke of a fault."""
    node_id, name, text = fault
    for one in warnings:
        if one.type == "value_in_node" and name == "" and text.startswith("is new: Primitive"):
            return one.type
        of_it = one.node_id == node_id and one.input_name in (name, "")
        if of_it and (one.type != DEFAULTS or ": added " in text):
            return one.type
    return None


def has_growing_option(node_id: str, graph: Graph) -> bool:
    """Whether links lead to inputs that grow within an option of a combo."""
    node = graph.get(node_id)
    return node is not None and any(name.count(".") > 1 for name, _ in node.links)


def has_pack(graph: Graph, schema: Schema) -> bool:
    """Whether a graph has a node of a pack."""
    found = (schema.get(node.class_type) for node in graph.values())
    return any(known is not None and known.of_pack for known in found)


def needs_code(node_id: str, graph: Graph, schema: Schema, made: Mapping[str, Any]) -> bool:
    """Whether only the JavaScript of a pack can hold a node's values: in widgets of its own, or by name."""
    node = graph.get(node_id)
    known = schema.get(node.class_type) if node is not None else None
    if node is None or known is None or not known.of_pack:
        return False
    given = [known.by_name.get(name) for name, value in node.inputs.items() if type(value) is not Link]
    own = [each for each in given if each and (each.type not in WIDGETS or "widgetType" in each.options)]
    by_name = {str(each["id"]) for each in made["nodes"] if isinstance(each.get("widgets_values"), dict)}
    return bool(own) or node_id in by_name


def without_javascript(made: dict[str, Any], schema: Schema, version: str) -> dict[str, Any]:
    """What our importer foretells of an editor that has a pack's schema, but not its JavaScript."""
    nothing = PackTable([])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("comfyflow.importer.pack_set.standing_packs", lambda: nothing)
        return with_a_class(convert_workflow(made, schema, editor=version, seed=0))


def look(rate: Rate, name: str, graph: Graph, schema: Schema, editor: Editor, version: str) -> None:
    """Write one graph, have the editor load it, and count what comes back."""
    wanted = to_prompt(graph)
    made = to_workflow(graph, schema, frontend=version)
    rate.cases += 1
    put_outputs(graph, schema, editor.server)
    try:
        sent = with_a_class(editor.prompt_of(made))
    except RuntimeError as error:
        rate.wrong[name] = [("", "", str(error))]
        return
    differ = faults(sent, wanted)
    reasons = {fault: told(fault, made.warnings) for fault in differ}
    reasons = {
        fault: reason or (LOST_SLOTS if version == NEW and has_growing_option(fault[0], graph) else None)
        for fault, reason in reasons.items()
    }
    if None in reasons.values():
        foretold = (
            faults(without_javascript(made, schema, version), wanted) if has_pack(graph, schema) else []
        )
        reasons = {
            fault: reason
            or (NO_CODE if fault in foretold or needs_code(fault[0], graph, schema, made) else None)
            for fault, reason in reasons.items()
        }
    if None in reasons.values():
        rate.wrong[name] = [fault for fault, reason in reasons.items() if reason is None]
    else:
        for reason in reasons.values():
            if reason is not None and name not in rate.told[reason]:
                rate.told[reason].append(name)


def put_outputs(graph: Graph, schema: Schema, server: Simulator) -> None:
    """Have the files that the editor looks for on the server: it drops the names of others."""
    for node in graph.values():
        known = schema.get(node.class_type)
        for name, value in node.inputs.items():
            asked = known.by_name.get(name) if known is not None else None
            if asked is not None and "remote" in asked.options and isinstance(value, str):
                bare, folder = bare_name(value), server.folders.of("output")
                if bare and "/" not in bare:
                    (folder / bare).touch()


def with_a_class(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded prompt whose nodes of unknown classes are called something."""
    return {key: {**node, "class_type": node.get("class_type") or "Unknown"} for key, node in prompt.items()}


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line for who runs the tests."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write


@contextmanager
def the_editor(schema: Schema, version: str) -> Generator[Editor, None, None]:
    with a_browser() as browser, Simulator(schema, models="listed", frontend=release(version)) as server:
        editor = Editor(browser, server)
        editor.stop_drawing()
        yield editor


def package(server: str) -> str:
    """A package with the node classes of a server, which programs can import in this test."""
    if server == "0.33.0":
        return "comfynodes"
    name = f"nodes_of_{server.replace('.', '_')}"
    folder = str(written_package(server, name))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return name


@cache
def written_package(server: str, name: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    generate(recorded_schema(server, models=False), Options(docs=False)).write(folder / name)
    return folder


def part(cases: Iterable[T], every: int) -> list[T]:
    """All of them, or one of so many."""
    return list(cases)[:: 1 if ALL else every]


def drawn(schema: Schema, count: int) -> list[Graph]:
    found: list[Graph] = []

    @seed(7)
    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(graphs(schema))
    def draw(graph: Graph) -> None:
        found.append(graph)

    draw()
    return found


def test_what_differs_is_found() -> None:
    """The comparison of this module, which the others hang on."""
    prompt: dict[str, dict[str, Any]] = {
        "1": {"class_type": "A", "inputs": {"x": 1.0, "y": ["2", 0], "z": True}}
    }
    assert faults(prompt, prompt) == []
    for name, value in [("x", 2), ("x", True), ("y", ["2", 1]), ("z", 1), ("z", "true")]:
        other = {"1": {"class_type": "A", "inputs": {**prompt["1"]["inputs"], name: value}}}
        assert [fault[:2] for fault in faults(other, prompt)] == [("1", name)]
    assert {fault[0] for fault in faults({"3": prompt["1"]}, prompt)} == {"1", "3"}


@pytest.mark.parametrize(("server", "name", "version"), TEMPLATES)
def test_templates(server: str, name: str, version: str, say: Callable[[str], None]) -> None:
    """Their prompts, and the programs that they become."""
    schema = recorded_schema(server, models=False)
    prompts, programs = Rate(), Rate()
    with the_editor(schema, version) as editor:
        for record in part(records("ui_to_api", name), 26):
            if record["prompt"] is not None:
                graph = read_prompt(with_a_class(record["prompt"]))
                look(prompts, record["name"], graph, schema, editor, version)
            conversion = convert_workflow(record["workflow"], schema, editor=EDITORS[name], seed=0)
            program = to_python(conversion.graph, schema, name=record["name"], package=package(server))
            look(programs, record["name"], graph_of(program), schema, editor, version)
    say(f"{name} in {version}: prompts {prompts}")
    say(f"{name} in {version}: programs {programs}")
    assert {**prompts.wrong, **programs.wrong} == {}


@pytest.mark.parametrize("version", [OLD, NEW])
def test_drawn_graphs(version: str, say: Callable[[str], None]) -> None:
    schema = recorded_schema("0.33.0", models=False)
    rate = Rate()
    with the_editor(schema, version) as editor:
        for number, graph in enumerate(drawn(schema, 500 if ALL else 12)):
            look(rate, f"drawn {number}", graph, schema, editor, version)
    say(f"drawn in {version}: {rate}")
    assert rate.wrong == {}


@pytest.mark.parametrize(("folder", "version"), PACKS)
def test_node_packs(folder: str, version: str, say: Callable[[str], None]) -> None:
    """Their schemas, without their JavaScript: workflows that they ship, and each class by itself."""
    schema = load_schema(DATA / folder / "object_info.json.gz")
    whole, classes = Rate(), Rate()
    with the_editor(schema, version) as editor:
        for name, prompt in part(shipped(folder), 40):
            look(whole, name, read_prompt(with_a_class(prompt)), schema, editor, version)
        for record in part((each for each in records(folder, "nodes-wired") if each["prompt"]), 200):
            graph = read_prompt(with_a_class(record["prompt"]))
            look(classes, record["name"], graph, schema, editor, version)
    say(f"{folder} in {version}: shipped {whole}")
    say(f"{folder} in {version}: classes {classes}")
    assert {**whole.wrong, **classes.wrong} == {}
