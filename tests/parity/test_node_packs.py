"""Prompts that the real editor made with the JavaScript of 23 packs, against ours; the rates only rise.

"Exact" means that every input is equal. "The same for the server" leaves values out that stand under names
that the class does not take: buttons, previews.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.json_types import is_array, is_object
from comfyflow.schema import Schema, load_schema
from tests.parity.data import DATA

PACKS = DATA / "node_packs"
FOLDERS = {"1.45.20": PACKS, "1.58.1": PACKS / "1.58.1"}
LEAST = {
    ("1.45.20", "workflows"): (157, 157),
    ("1.45.20", "nodes-single"): (935, 939),
    ("1.45.20", "nodes-wired"): (954, 967),
    ("1.45.20", "scenarios"): (34, 34),
    ("1.58.1", "workflows"): (160, 160),
    ("1.58.1", "nodes-single"): (934, 938),
    ("1.58.1", "nodes-wired"): (954, 967),
    ("1.58.1", "scenarios"): (34, 34),
}
"""How many are exact, and how many the same for the server, at least.

What differs: seeds that a pack draws at random, values that only the code of a widget can make, and, in
1.58.1, what a preview leaves in an old list of values.
"""

pytestmark = pytest.mark.skipif(not PACKS.is_dir(), reason=f"no recorded packs in {PACKS}")


@lru_cache(maxsize=1)
def schema(editor: str) -> Schema:
    return load_schema(FOLDERS[editor] / "object_info.json.gz")


def files(editor: str, suite: str) -> list[Path]:
    folder = FOLDERS[editor]
    return sorted((folder / suite).glob("*.gz")) if suite == "workflows" else [folder / f"{suite}.jsonl.gz"]


def records(editor: str, suite: str) -> Iterator[dict[str, Any]]:
    for file in files(editor, suite):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def converted(record: dict[str, Any], editor: str) -> dict[str, Any] | None:
    try:
        return convert_workflow(record["workflow"], schema(editor), editor=editor, seed=0)
    except ConversionError:
        return None


def text(prompt: dict[str, Any] | None, *, taken: Schema | None = None) -> str:
    """What of a prompt is compared, as one text in which 1 is 1.0 but not true."""
    nodes = {
        key: [
            node.get("class_type"),
            {
                name: whole(value)
                for name, value in node["inputs"].items()
                if taken is None or is_array(value) or takes(taken, node.get("class_type"), name)
            },
        ]
        for key, node in (prompt or {}).items()
    }
    return json.dumps(nodes if prompt is not None else None, sort_keys=True)


def whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_object(value):
        return {key: whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if is_array(value) else value


def takes(known: Schema, class_type: str | None, name: str) -> bool:
    node = known.get(class_type)
    return node is None or any(
        entry.name == name or name in json.dumps(entry.options.get("formats")) for entry in node.inputs
    )


@pytest.mark.parametrize(("editor", "suite"), LEAST)
def test_the_prompt_is_the_editors_with_the_code_of_packs(
    editor: str, suite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count = exact = same = 0
    for record in records(editor, suite):
        count += 1
        ours, given = converted(record, editor), record.get("queued") or record["prompt"]
        exact += text(ours) == text(given)
        same += text(ours, taken=schema(editor)) == text(given, taken=schema(editor))
    with capsys.disabled():
        sys.stdout.write(
            f"\npacks, editor {editor}, {suite}: {exact} of {count} exact, {same} the same for the server\n"
        )
    least_exact, least_same = LEAST[editor, suite]
    assert exact >= least_exact
    assert same >= least_same
