"""Prompts that the real editor made in a real browser, against ours: all of them, exactly.

The records stand in ``../shared/data`` beside this repository; COMFYFLOW_PARITY_DATA names another place.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema, load_schema

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", Path(__file__).parents[3] / "shared" / "data"))
EDITORS = {"0.27.0": "1.45", "0.3.64": "1.27"}
MASKED = {("LoadAudio", "audioUI"), ("Load3D", "image")}
SEEDS = range(60)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")


@lru_cache(maxsize=2)
def schema(version: str) -> Schema:
    return load_schema(DATA / "object_info" / f"{version}-no-models.json.gz")


def records(kind: str, version: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / kind / f"{version}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def comparable(prompt: dict[str, Any]) -> dict[str, Any]:
    """The prompt without `_meta` and without values that the editor makes up."""
    return {
        key: (
            node["class_type"],
            {
                name: value
                for name, value in node["inputs"].items()
                if (node["class_type"], name) not in MASKED
            },
        )
        for key, node in prompt.items()
    }


def convert(record: dict[str, Any], version: str, seed: int) -> dict[str, Any] | None:
    try:
        return comparable(
            convert_workflow(record["workflow"], schema(version), editor=EDITORS[version], seed=seed)
        )
    except ConversionError:
        return None


def same(record: dict[str, Any], version: str) -> bool:
    """Whether ours is the editor's prompt: for some seed, where texts have choices; dates aside."""
    expected = comparable(record["prompt"]) if record["prompt"] is not None else None
    ours = convert(record, version, 0)
    if ours is None or expected is None:
        return ours is expected
    if {key: (kind, set(inputs)) for key, (kind, inputs) in ours.items()} != {
        key: (kind, set(inputs)) for key, (kind, inputs) in expected.items()
    }:
        return False
    text = json.dumps(record["workflow"])
    different = [
        (key, name)
        for key, (_, inputs) in ours.items()
        for name, value in inputs.items()
        if value != expected[key][1][name] and not ("%date:" in text and name == "filename_prefix")
    ]
    return all(reachable(record, version, key, name, expected[key][1][name]) for key, name in different)


def reachable(record: dict[str, Any], version: str, key: str, name: str, wanted: Any) -> bool:
    """Whether another choice in braces gives the value."""
    text = json.dumps(record["workflow"])
    if "{" not in text or "|" not in text:
        return False
    return any(prompt[key][1][name] == wanted for seed in SEEDS if (prompt := convert(record, version, seed)))


@pytest.mark.parametrize("version", EDITORS)
@pytest.mark.parametrize("kind", ["ui_to_api", "ui_to_api_probes"])
def test_the_prompt_is_the_editors_own(kind: str, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = records(kind, version)
    wrong = [record["name"] for record in given if not same(record, version)]
    with capsys.disabled():
        sys.stdout.write(f"\n{kind} {version}: {len(given) - len(wrong)} of {len(given)} prompts are exact\n")
    assert wrong == []
