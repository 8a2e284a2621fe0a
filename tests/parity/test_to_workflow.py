"""Prompts that real editors made, as workflows of the editor and back: the same, but for what is listed.

By our own importer, which is held against the real editors in `test_ui_to_api`. A part of the templates is
looked at; COMFYFLOW_PARITY_ALL=1 takes all, and 500 drawn graphs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from comfyflow import convert_workflow, to_python, to_workflow
from comfyflow.graph import Graph
from comfyflow.schema import Schema, load_schema
from comfyflow.testing.strategies import graphs
from tests.parity.test_ui_to_api import DATA, records, schema
from tests.python_sources import graph_of

ALL = os.environ.get("COMFYFLOW_PARITY_ALL", "") not in ("", "0")
PART = 1 if ALL else 6
DRAWN = 500 if ALL else 25
SUITES = [
    ("0.27.0", "0.27.0", "1.45"),
    ("0.3.64", "0.3.64", "1.27"),
    ("0.33.0", "0.33.0-frontend-1.49.6", "1.49"),
    ("0.33.0", "0.33.0-frontend-1.58.1", "1.58"),
]
"""Which server, which records, which editor."""

LISTED = {"unknown_class"}
"""What no editor can give back: values of classes that it does not know have no names."""

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")


def faults(record: dict[str, Any], known: Schema, editor: str) -> list[str]:
    """What the editor would send otherwise of a record's prompt, defaults aside that it adds."""
    prompt = {
        key: {**node, "class_type": node.get("class_type") or "Unknown"}
        for key, node in record["prompt"].items()
    }
    found = to_workflow(prompt, known, frontend=editor).warnings
    return [str(one) for one in found if one.severity == "warning" and one.type not in LISTED]


@pytest.mark.parametrize(("server", "name", "editor"), SUITES)
def test_every_template_comes_back(
    server: str, name: str, editor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [record for record in records("ui_to_api", name)[::PART] if record["prompt"] is not None]
    wrong = {one["name"]: told for one in found if (told := faults(one, schema(server), editor))}
    come = f"{len(found) - len(wrong)} of {len(found)} come back"
    with capsys.disabled():
        sys.stdout.write(f"\n{name}, written for {editor}: {come}\n")
    assert wrong == {}


@pytest.mark.parametrize("editor", ["1.45", "1.58"])
def test_drawn_graphs_come_back(editor: str) -> None:
    known = schema("0.33.0")
    exact = 0

    @seed(1)
    @settings(max_examples=DRAWN, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(graphs(known))
    def check(graph: Graph) -> None:
        nonlocal exact
        warnings = to_workflow(graph, known, frontend=editor).warnings
        # The editor cuts links to what an option of an option brings while it puts the values in.
        told = {one.type for one in warnings if one.input_name.count(".") < 2}
        # Constants at inputs without a widget: the editor has them only in subgraphs.
        assert told <= {"value_in_node", "input_lost", "defaults_added"}, list(map(str, warnings))
        exact += all(one.severity == "note" for one in warnings)

    check()
    assert exact > DRAWN / 2


def test_prompts_of_node_packs_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    known = load_schema(DATA / "node_packs" / "object_info.json.gz")
    found = [
        record
        for pack in sorted((DATA / "node_packs" / "workflows").glob("*.jsonl.gz"))
        for record in records("node_packs/workflows", pack.name.removesuffix(".jsonl.gz"))[::PART]
        if record["prompt"]
    ]
    wrong = {one["name"]: told for one in found if (told := faults(one, known, "1.45"))}
    with capsys.disabled():
        sys.stdout.write(f"\nnode packs: {len(found) - len(wrong)} of {len(found)} come back\n")
    assert wrong.keys() <= {"cg-use-everywhere__docs_UE_example.json"}  # links that the pack draws by itself


@pytest.mark.parametrize(("server", "name", "editor"), SUITES[2:])
def test_a_file_outlives_the_way_through_python(server: str, name: str, editor: str) -> None:
    """Nothing of it is different: nodes, links, titles, groups, notes, colours, subgraphs, places."""
    import comfynodes  # noqa: F401  (the programs import it)

    known = schema(server)
    other: list[str] = []
    for record in records("ui_to_api", name)[:: 1 if ALL else 24]:
        conversion = convert_workflow(record["workflow"], known, editor=editor, seed=0)
        program = to_python(conversion.graph, known, name=record["name"], package="comfynodes")
        made = to_workflow(graph_of(program), known, frontend=editor, like=record["workflow"])
        if made != record["workflow"]:
            other.append(record["name"])
    assert other == []
