"""Transcripts of real servers, where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDINGS = Path(
    os.environ.get("COMFYFLOW_RECORDINGS", Path(__file__).parents[1].parent / "shared" / "recordings")
)


def scenarios(pattern: str = "*") -> list[Path]:
    """The transcripts, of all versions; none where there are no recordings."""
    return sorted(RECORDINGS.glob(f"*/{pattern}.json"))


def steps(path: Path) -> list[dict[str, Any]]:
    """What happened, in order."""
    return json.loads(path.read_text())["steps"]


def exchanges(path: Path, method: str, part: str) -> Iterator[dict[str, Any]]:
    """The HTTP exchanges of a transcript whose path has a part."""
    for step in steps(path):
        if step["kind"] == "http" and step["method"] == method and part in step["path"]:
            yield step
