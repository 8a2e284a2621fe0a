"""A workflow that people ship, and that a server runs as it is, gets no warning.

Asked of the prompts that real editors made of the workflows of 23 packs and of the official templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from comfyflow import Schema, load_schema, validate_prompt
from tests.parity.data import DATA, needs_data, recorded_schema, records, shipped

PACKS: Final = ("node_packs", "node_packs/1.58.1")
TEMPLATES: Final = {
    "0.27.0": "0.27.0",
    "0.33.0-frontend-1.49.6": "0.33.0",
    "0.33.0-frontend-1.58.1": "0.33.0",
}

MOST_SPOILED: Final = 0.025
"""What a server takes and makes another value of, so that what was meant is lost: values of newer classes
at places of older ones. Of the given ones: the fraction that `api_fishaudio_drama3_directed` has for a seed.
"""
NEWER: Final = {"dynamic_key_unknown", "unknown_link"}
"""Templates that are newer than the server: it takes their prompts, and the node fails."""


def warned(
    prompts: Iterator[tuple[str, dict[str, Any]]],
    schema: Schema,
    what: str,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, set[str]]:
    """Which prompts have warnings of which type, of those that the server runs as they are."""
    notes: Counter[str] = Counter()
    found: dict[str, set[str]] = {}
    total = partly = 0
    for name, prompt in prompts:
        report = validate_prompt(prompt, schema)
        total += 1
        notes.update(problem.type for problem in report.notes)
        if report.errors:
            partly += report.valid
            continue
        for problem in report.warnings:
            found.setdefault(problem.type, set()).add(name)
    with capsys.disabled():
        told = {kind: sorted(names) for kind, names in found.items()}
        print(f"\n{what}: {total} prompts, {partly} run in part; warnings {told}; notes {dict(notes)}")
    assert total > 100
    spoiled = found.pop("value_converted", set[str]())
    assert len(spoiled) <= MOST_SPOILED * total
    return found


@needs_data
@pytest.mark.parametrize("folder", PACKS)
def test_no_shipped_workflow_of_a_pack_is_warned_of(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"no recorded data in {Path(folder)}")
    schema = load_schema(DATA / folder / "object_info.json.gz", "0.27.0")
    assert warned(shipped(folder), schema, folder, capsys) == {}


@needs_data
@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_is_warned_of_that_its_server_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    version = TEMPLATES[name]
    prompts = ((row["name"], row["prompt"]) for row in records("ui_to_api", name) if row.get("prompt"))
    found = warned(prompts, recorded_schema(version), name, capsys)
    assert set(found) <= (NEWER if version == "0.33.0" else set())
