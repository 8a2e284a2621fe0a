"""What a real server with 23 node packs said of nearly four thousand prompts, and what we say."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from comfyflow import Schema, load_schema, validate_prompt
from tests.parity.data import DATA
from tests.parity.test_validation import our_errors, their_errors

PACKS = DATA / "node_packs"
LEAST_VERDICTS = 0.998
LEAST_FULL = 0.968
_ALWAYS_EQUAL = {"easy if/2", "Show any to JSON [Crystools]/1"}
"""Types that are equal to everything refuse null and constants; object_info shows them as ``*``."""

pytestmark = pytest.mark.skipif(not PACKS.is_dir(), reason=f"no recorded data in {PACKS}")


@lru_cache(maxsize=1)
def packs_schema() -> Schema:
    return load_schema(PACKS / "object_info.json.gz", "0.27.0")


def rows(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(PACKS / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_own_check(theirs: dict[str, list[tuple[str, str]]], node_ids: set[str]) -> bool:
    """Whether a class's own check decided, whose answer no object_info tells."""
    own = {"custom_validation_failed", "exception_during_inner_validation", "exception_during_validation"}
    return all({kind for kind, _ in theirs.get(node_id, [])} <= own for node_id in node_ids)


def test_we_say_of_packs_what_the_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    unknowable: list[str] = []
    wrong: list[str] = []
    refused: list[str] = []
    for record in rows("validation.jsonl.gz"):
        verdict = record["verdict"]
        report = validate_prompt(record["prompt"], packs_schema())
        ours, theirs = our_errors(report), their_errors(verdict)
        same = (report.valid, report.error, sorted(report.outputs)) == (
            verdict["valid"],
            verdict["error"],
            sorted(verdict["outputs"]),
        )
        counts.update({"prompts": 1, "verdicts": same, "full": ours == theirs})
        if not same:
            differ = {node_id for node_id in {*ours, *theirs} if ours.get(node_id) != theirs.get(node_id)}
            known = record["id"] in _ALWAYS_EQUAL or is_own_check(theirs, differ)
            (unknowable if known else wrong).append(record["id"])
        if verdict["valid"] and not report.valid:
            refused.append(record["id"])
    total = counts["prompts"]
    with capsys.disabled():
        print(f"\nvalidation of packs: {total} prompts")
        print(f"  verdict, top-level error and outputs agree: {counts['verdicts'] / total:.2%}")
        print(f"  every (node, error type, input) agrees:     {counts['full'] / total:.2%}")
        print(f"  {len(unknowable)} verdicts hang on what no object_info tells: {', '.join(unknowable)}")
    assert total > 1000
    assert counts["verdicts"] >= LEAST_VERDICTS * total
    assert counts["full"] >= LEAST_FULL * total
    assert wrong == []
    assert refused == [], "refused by us, accepted by the server"
