"""What was recorded from real ComfyUI servers, where it is.

It stands in ``../shared/data`` beside this repository; COMFYFLOW_PARITY_DATA names another place.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from comfyflow import Schema, load_schema

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", Path(__file__).parents[3] / "shared" / "data"))
VERSIONS = ("0.33.0", "0.27.0", "0.3.64")

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")


@lru_cache(maxsize=4)
def recorded_schema(version: str, *, models: bool = True) -> Schema:
    """The schema of a recorded server, with or without the models that the templates name."""
    name = f"{version}.json.gz" if models else f"{version}-no-models.json.gz"
    return load_schema(DATA / "object_info" / name, version)


def records(kind: str, version: str) -> Iterator[dict[str, Any]]:
    """The records of one kind (``validation``, ``ui_to_api``, …), a line each."""
    with gzip.open(DATA / kind / f"{version}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def shipped(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The prompts of the workflows that packs ship, with their names."""
    for file in sorted((DATA / folder / "workflows").glob("*.jsonl.gz")):
        for row in records(f"{folder}/workflows", file.name.removesuffix(".jsonl.gz")):
            if row.get("prompt"):
                yield row["name"], row["prompt"]
