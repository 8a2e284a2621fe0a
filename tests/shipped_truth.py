"""The ground truth in `tests/ground_truth`, and the schema of the server that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from comfyflow import Schema, load_schema

FOLDER: Final = Path(__file__).with_name("ground_truth")
REFERENCE: Final = Path(__file__).parents[1] / "stubs" / "comfynodes" / "schema.json"


def rows(name: str) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def schema() -> Schema:
    """The reference package's schema, on a server that has one model of each kind."""
    raw = json.loads(REFERENCE.read_text(encoding="utf-8"))["nodes"]
    for class_type, lists in json.loads((FOLDER / "choices.json").read_text(encoding="utf-8")).items():
        for group in raw[class_type]["input"].values():
            for name in group.keys() & lists.keys():
                if isinstance(group[name][0], list):
                    group[name][0] = lists[name]
                else:
                    group[name][1]["options"] = lists[name]
    return Schema(raw, load_schema(REFERENCE).version)
