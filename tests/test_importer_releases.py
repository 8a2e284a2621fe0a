"""What each minor release of the editor does with small workflows, from 1.26 to 1.58, as seen in it.

`editor_history.json` has the workflows, the classes of the server, and for each workflow since which
release the editor answers what: the inputs of each node, or that it fails.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from comfyflow.versions import release

HISTORY: dict[str, Any] = json.loads(Path(__file__).with_name("editor_history.json").read_text("utf-8"))
SERVER = Schema(HISTORY["object_info"], "0.33.0")


def seen(probe: str, editor: str) -> Any:
    """What that release answered."""
    held = None
    for since, answer in HISTORY["probes"][probe]["answers"]:
        if release(since) <= release(editor):
            held = answer
    return held


def ours(probe: str, editor: str) -> Any:
    """What we answer."""
    workflow = HISTORY["probes"][probe]["workflow"]
    try:
        made = convert_workflow(workflow, SERVER, editor=editor, seed=1)
    except ConversionError:
        return "error"
    return {key: node["inputs"] for key, node in made.items()}


def test_all_minor_releases_are_here() -> None:
    assert len(HISTORY["releases"]) == 32
    assert (HISTORY["releases"][0], HISTORY["releases"][-1]) == ("1.26", "1.58")


@pytest.mark.parametrize("editor", HISTORY["releases"])
def test_a_release_answers_as_it_was_seen_to(editor: str) -> None:
    wrong = {
        probe: (ours(probe, editor), seen(probe, editor))
        for probe in HISTORY["probes"]
        if ours(probe, editor) != seen(probe, editor)
    }
    assert wrong == {}
