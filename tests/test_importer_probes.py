"""What real releases of the editor make of small workflows with subgraphs, promoted widgets, primitives and
inputs that files are uploaded to.

`editor_probes.json` has the classes of a server, the workflows, and for each workflow what the releases
that were asked answer: class and inputs of each node, or that the editor fails.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema

PROBES: dict[str, Any] = json.loads(Path(__file__).with_name("editor_probes.json").read_text("utf-8"))
SERVER = Schema(PROBES["object_info"], "0.33.0")


def ours(probe: str, editor: str) -> Any:
    """What we answer."""
    try:
        made = convert_workflow(PROBES["probes"][probe]["workflow"], SERVER, editor=editor, seed=1)
    except ConversionError:
        return "error"
    return {key: [node["class_type"], node["inputs"]] for key, node in made.items()}


def test_every_probe_was_asked_of_many_releases() -> None:
    assert len(PROBES["releases"]) > 20
    for probe in PROBES["probes"].values():
        asked = [release for releases, _ in probe["answers"] for release in releases]
        assert len(asked) == len(set(asked)) > 12
        assert set(asked) <= set(PROBES["releases"])


@pytest.mark.parametrize("editor", PROBES["releases"])
def test_a_release_answers_as_it_was_seen_to(editor: str) -> None:
    wrong: dict[str, Any] = {}
    for name, probe in PROBES["probes"].items():
        for releases, seen in probe["answers"]:
            if editor in releases and ours(name, editor) != seen:
                wrong[name] = (ours(name, editor), seen)
    assert wrong == {}
