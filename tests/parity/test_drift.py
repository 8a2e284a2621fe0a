"""What `check` finds between the schemas of two real servers, against a plain comparison of both.

The comparison here knows nothing of `comfyflow.lock`: it looks at the two /object_info dictionaries,
at the classes that a workflow uses. The records stand in ``../shared/data`` beside this repository;
COMFYFLOW_PARITY_DATA names another place.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from comfyflow.lock import Drift, check, make_lock, would_run
from comfyflow.schema import Schema, load_schema

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", Path(__file__).parents[3] / "shared" / "data"))

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")

Found = set[tuple[Any, ...]]

LOOKS = {
    "tooltip", "advanced", "display", "display_name", "label_on", "label_off", "placeholder", "multiline",
    "dynamicPrompts", "control_after_generate", "gradient_stops", "socketless", "hidden", "widgetType",
    "component", "multi_select",
}  # fmt: skip
"""What of an input only the editor shows."""

FLAGS = {
    "output_node": "output_node_changed",
    "deprecated": "deprecated_changed",
    "api_node": "api_node_changed",
    "is_input_list": "input_list_changed",
}
RANGE = ("min", "max", "step", "round")


@lru_cache(maxsize=2)
def schema(version: str) -> Schema:
    return load_schema(DATA / "object_info" / f"{version}.json.gz", version)


def workflows(version: str) -> dict[str, Any]:
    with gzip.open(DATA / "ui_to_api" / f"{version}.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    prompts = {record["name"]: record["prompt"] for record in records}
    return {
        name: prompt
        for name, prompt in prompts.items()
        if all(node["class_type"] for node in prompt.values())
    }


def classes(prompt: Any) -> set[str]:
    return {node["class_type"] for node in prompt.values()}


def flat_inputs(node: Any) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """Name to group, type or choices, and options."""
    return {
        name: (group, entry[0], (entry[1] if len(entry) > 1 else None) or {})
        for group in ("required", "optional")
        for name, entry in (node["input"].get(group) or {}).items()
    }


def choices(kind: Any, options: dict[str, Any]) -> list[Any] | None:
    if isinstance(kind, list):
        return kind
    remote = [] if "remote" in options else None
    return options.get("options", remote) if kind == "COMBO" else None


def is_files(listed: list[Any] | None, options: dict[str, Any], name: str) -> bool:
    """Whether a list is of files: by their suffixes, or because the editor uploads to it."""
    suffixed = any(
        isinstance(item, str) and re.search(r"\.[a-z][a-z0-9]{1,10}$", item) for item in listed or ()
    )
    return suffixed or any(key.endswith("_upload") for key in options) or name == "vae_name"


def said(value: Any) -> Any:
    """A value of which false and null say no more than nothing at all."""
    return None if value is False else value


def compare_inputs(class_type: str, old: Any, new: Any) -> Found:
    found: Found = set()
    before, after = flat_inputs(old), flat_inputs(new)
    found |= {(class_type, name, "input_gone") for name in before.keys() - after.keys()}
    found |= {(class_type, name, "input_added") for name in after.keys() - before.keys()}
    for name in before.keys() & after.keys():
        (group, kind, options), (new_group, new_kind, new_options) = before[name], after[name]
        listed, new_listed = choices(kind, options), choices(new_kind, new_options)
        types = ["COMBO" if isinstance(each, list) else each for each in (kind, new_kind)]
        files = is_files(listed, options, name) or is_files(new_listed, new_options, name)
        compared = {
            "input_required_changed": (group, new_group),
            "input_type_changed": tuple(set(each.split(",")) for each in types),
            "default_changed": (options.get("default"), new_options.get("default")),
            "range_changed": tuple([said(each.get(key)) for key in RANGE] for each in (options, new_options)),
            "choices_gone": ([], [x for x in listed or [] if not files and x not in (new_listed or [])]),
            "choices_added": ([], [x for x in new_listed or [] if not files and x not in (listed or [])]),
        }
        found |= {(class_type, name, kind) for kind, (one, other) in compared.items() if one != other}
        rest = (options.keys() | new_options.keys()) - LOOKS - {"default", "options", *RANGE}
        found |= {
            (class_type, name, "option_changed", key)
            for key in rest
            if said(options.get(key)) != said(new_options.get(key))
        }
    return found


def compare_outputs(class_type: str, old: Any, new: Any) -> Found:
    found: Found = set()
    before, after = (
        list(zip(node["output"], node["output_name"], node["output_is_list"], strict=True))
        for node in (old, new)
    )
    found |= {(class_type, slot, "output_gone") for slot in range(len(after), len(before))}
    found |= {(class_type, slot, "output_added") for slot in range(len(before), len(after))}
    for slot, (one, other) in enumerate(zip(before, after, strict=False)):
        kinds = ("output_type_changed", "output_renamed", "output_list_changed")
        found |= {(class_type, slot, kind) for kind, x, y in zip(kinds, one, other, strict=True) if x != y}
    return found


def running(prompt: Any, new: Any) -> set[str]:
    """The nodes that an output node depends on: only these are looked at for their files. If a
    class is gone, nobody knows which those are: then it is all.
    """
    if not classes(prompt) <= new.keys():
        return set(prompt)
    found = {key for key, node in prompt.items() if new.get(node["class_type"], {}).get("output_node")}
    while True:
        linked = {value[0] for key in found for value in prompt[key]["inputs"].values() if is_link(value)}
        if linked <= found:
            return found
        found |= linked


def is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def compare(prompt: Any, old: Any, new: Any) -> Found:
    """All that is different of the classes that a workflow uses, and the files that it names."""
    found: Found = set()
    for class_type in classes(prompt) & old.keys():
        if class_type not in new:
            found.add((class_type, None, "node_gone"))
            continue
        before, after = old[class_type], new[class_type]
        found |= compare_inputs(class_type, before, after)
        found |= compare_outputs(class_type, before, after)
        if before["python_module"] != after["python_module"]:
            found.add((class_type, None, "module_changed"))
        found |= {
            (class_type, None, kind)
            for flag, kind in FLAGS.items()
            if bool(before.get(flag)) != bool(after.get(flag))
        }
    for node_id in running(prompt, new):
        class_type, inputs = prompt[node_id]["class_type"], prompt[node_id]["inputs"]
        for name, (_, kind, options) in flat_inputs(new.get(class_type, {"input": {}})).items():
            listed, value = choices(kind, options), inputs.get(name)
            if listed is None or not isinstance(value, str):
                continue
            # Lists of uploads show the top of the input folder only; nobody knows the rest.
            hidden = "/" in value and any(key.endswith("_upload") for key in options)
            # An empty list shows no suffix; the value that it lacks does.
            if is_files([*listed, value], options, name) and value not in listed and not hidden:
                found.add((class_type, name, "file", node_id))
    return found


def reported(drifts: list[Drift]) -> Found:
    """The same of what `check` found; errors that no difference explains are left out."""
    found: Found = set()
    for drift in drifts:
        if drift.type in ("model_not_installed", "file_missing"):
            found |= {
                (drift.class_type, drift.input_name or None, "file", node_id) for node_id in drift.node_ids
            }
        elif drift.type.startswith("output_") and drift.type != "output_node_changed":
            slot = re.search(r"output (\d+)", drift.message)
            assert slot is not None
            found.add((drift.class_type, int(slot[1]), drift.type))
        elif drift.type == "option_changed":
            found |= {(drift.class_type, drift.input_name or None, drift.type, key) for key in drift.new}
        elif drift.type.endswith(("_gone", "_added", "_changed")):
            found.add((drift.class_type, drift.input_name or None, drift.type))
    return found


def test_every_difference_that_touches_a_workflow_is_found() -> None:
    old, new = schema("0.3.64"), schema("0.27.0")
    counts: Counter[str] = Counter()
    prompts = workflows("0.3.64")
    for name, prompt in prompts.items():
        drifts = check(prompt, new, old)
        expected = compare(prompt, old.raw, new.raw)
        assert reported(drifts) == expected, name
        counts.update(entry[2] for entry in expected)
        counts["would run"] += would_run(drifts)
    print(f"\n{len(prompts)} workflows from 0.3.64 on 0.27.0: {dict(counts)}")
    assert len(prompts) == 94
    assert sum(counts.values()) > 300


def test_the_way_back() -> None:
    """From 0.27.0 to 0.3.64; what is inside dynamic inputs is beyond the plain comparison."""
    old, new = schema("0.27.0"), schema("0.3.64")
    dynamic = {name for name, node in old.raw.items() if re.search(r'"COMFY_[A-Z]*_V3"', json.dumps(node))}
    counts: Counter[str] = Counter()
    for name, prompt in workflows("0.27.0").items():
        drifts = [drift for drift in check(prompt, new, old) if drift.class_type not in dynamic]
        expected = {entry for entry in compare(prompt, old.raw, new.raw) if entry[0] not in dynamic}
        assert reported(drifts) == expected, name
        counts.update(entry[2] for entry in expected)
    print(f"\nworkflows from 0.27.0 on 0.3.64: {dict(counts)}")


def test_nothing_is_reported_for_an_untouched_workflow() -> None:
    """A server on which all classes but those of the workflow are the other version's."""
    old, new = schema("0.3.64"), schema("0.27.0")
    sound = 0
    for name, prompt in workflows("0.3.64").items():
        mixed = {key: node for key, node in new.raw.items() if key not in classes(prompt)}
        mixed.update({key: old.raw[key] for key in classes(prompt)})
        alone = check(prompt, old)
        assert check(prompt, Schema(mixed, old.version), old) == alone, name
        sound += not alone
    assert sound >= 90


def test_a_lock_stands_for_its_server() -> None:
    """What is found from a lock of just these workflows is what is found from the whole schema."""
    old, new = schema("0.3.64"), schema("0.27.0")
    prompts = workflows("0.3.64")
    lock = make_lock(prompts, old)
    assert lock.nodes.keys() == {name for prompt in prompts.values() for name in classes(prompt)}
    for name, prompt in prompts.items():
        assert check(prompt, new, lock) == check(prompt, new, old), name
        assert check(prompt, old, lock) == check(prompt, old), name
        assert would_run(check(prompt, lock)) == would_run(check(prompt, old)), name
