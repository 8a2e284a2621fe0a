"""Prompts that real editors made in a real browser, against ours: exactly, but for those that are listed.

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
MASKED = {("LoadAudio", "audioUI"), ("Load3D", "image")}
SUITES = [
    ("ui_to_api", "0.27.0", "1.45.20"),
    ("ui_to_api", "0.3.64", "1.27.10"),
    ("ui_to_api", "0.33.0", "1.49.6"),
    ("ui_to_api", "0.33.0", "1.58.1"),
    ("ui_to_api_edits", "0.33.0", "1.49.6"),
    ("ui_to_api_edits", "0.33.0", "1.58.1"),
    ("ui_to_api_probes", "0.27.0", "1.45.20"),
    ("ui_to_api_probes", "0.3.64", "1.27.10"),
    ("ui_to_api_probes", "0.33.0", "1.45.20"),
    ("ui_to_api_probes", "0.33.0", "1.49.6"),
    ("ui_to_api_probes", "0.33.0", "1.58.1"),
]
"""What kind of workflows, which server, which editor."""

OF_OLD = {"0.27.0", "0.3.64"}
"""Servers whose records are not called by the editor's version."""

_ASPECT = "the size of a view on the screen where its sides are no numbers"
DIFFER: dict[tuple[str, str], dict[str, str]] = {
    ("ui_to_api", "1.49.6"): {
        "templates_graphic_design_recomposer": "a primitive node in a subgraph that is shown outside",
    },
    ("ui_to_api", "1.58.1"): {
        "3d_pixal3d_multi_views": "two 3D views had not taken their saved cameras when the prompt was made",
    },
    ("ui_to_api_probes", "1.49.6"): {"all_marks_04": _ASPECT, "all_marks_08": _ASPECT},
    ("ui_to_api_probes", "1.58.1"): {"groupnode": "the upload slot of a node in a group is sent"},
}
"""What is known to differ, by kind and editor, and why."""
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
            node.get("class_type"),
            {
                name: rounded(value) if name == "viewport_state" else value
                for name, value in node["inputs"].items()
                if (node.get("class_type"), name) not in MASKED
            },
        )
        for key, node in prompt.items()
    }


def rounded(value: Any) -> Any:
    """The last digits of a camera's place differ between browsers."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 9) if isinstance(value, float) else value


def convert(record: dict[str, Any], version: str, editor: str, seed: int) -> dict[str, Any] | None:
    try:
        return comparable(convert_workflow(record["workflow"], schema(version), editor=editor, seed=seed))
    except ConversionError:
        return None


def same(record: dict[str, Any], version: str, editor: str) -> bool:
    """Whether ours is the editor's prompt: for some seed, where texts have choices; dates aside."""
    ours = convert(record, version, editor, 0)
    given = record["prompt"]
    expected = comparable(given) if given is not None else None
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
        if not equal(value, expected[key][1][name]) and not ("%date:" in text and name == "filename_prefix")
    ]
    return all(
        reachable(record, version, editor, key, name, expected[key][1][name]) for key, name in different
    )


def equal(ours: Any, expected: Any) -> bool:
    """Whether two values are one in JSON: 1 is 1.0, but neither is true."""
    if isinstance(ours, bool) or isinstance(expected, bool):
        return ours is expected
    return ours == expected


def reachable(record: dict[str, Any], version: str, editor: str, key: str, name: str, wanted: Any) -> bool:
    """Whether another choice in braces gives the value."""
    text = json.dumps(record["workflow"])
    if "{" not in text or "|" not in text:
        return False
    return any(
        prompt[key][1][name] == wanted for seed in SEEDS if (prompt := convert(record, version, editor, seed))
    )


@pytest.mark.parametrize(("kind", "version", "editor"), SUITES)
def test_the_prompt_is_the_editors_own(
    kind: str, version: str, editor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = records(kind, version if version in OF_OLD else f"{version}-frontend-{editor}")
    wrong = {record["name"] for record in given if not same(record, version, editor)}
    rate = 100 * (1 - len(wrong) / len(given))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind} {version}, editor {editor}: {len(given) - len(wrong)} of {len(given)} ({rate:.1f} %)\n"
        )
    assert wrong == DIFFER.get((kind, editor), {}).keys()
