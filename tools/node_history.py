"""Write comfyflow/node_history.json: what happened to ComfyUI's classes from each known release to the next.

The /object_info of the releases stand in ``../shared/data`` beside the repository
(COMFYFLOW_PARITY_DATA names another place). With ``--check`` nothing is written and the exit code
is 1 where the file is stale. For a new release, add its version to `RELEASES`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from comfyflow.codegen.combo import ChoiceAliases, fixed_choices
from comfyflow.codegen.name import class_name
from comfyflow.codegen.package_plan import DEFAULT_MAX_CHOICES
from comfyflow.dynamic import KEYED
from comfyflow.schema import MISSING, InputSchema, NodeSchema, Schema, load_schema

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", ROOT.parent / "shared" / "data"))
OUT = ROOT / "comfyflow" / "node_history.json"
RELEASES: Final = ("0.3.64", "0.27.0", "0.33.0")
ALIKE: Final = 0.4
"""The least share of inputs that two classes have in common for one to be named in place of the other."""


def history() -> dict[str, Any]:
    """What each release changed, by its version."""
    schemas = [
        load_schema(DATA / "object_info" / f"{version}-no-models.json.gz", version) for version in RELEASES
    ]
    return {
        str(new.version): {
            "after": str(old.version),
            "gone": {name: _gone(old[name], new) for name in sorted(set(old) - set(new))},
            "changed": dict(_changed(old, new)),
            "aliases": dict(sorted(_aliases(old, new).items())),
        }
        for old, new in pairwise(schemas)
    }


def _gone(node: NodeSchema, new: Schema) -> dict[str, str]:
    """Where a class was, and the class of the new release that takes and gives most of what it did."""
    told = {"module": node.python_module}
    given = [output.type for output in node.outputs]
    taken = {(entry.name, entry.type) for entry in node.inputs}
    ranked: list[tuple[float, bool, str]] = []
    for other in (new[name] for name in sorted(new)):
        if [output.type for output in other.outputs] == given and not other.raw.get("deprecated"):
            theirs = {(entry.name, entry.type) for entry in other.inputs}
            share = len(taken & theirs) / max(1, len(taken | theirs))
            ranked.append((share, other.python_module == node.python_module, other.class_type))
    best = max(ranked, default=(0.0, False, ""))
    if best[0] >= ALIKE and best[1]:
        told["near"] = best[2]
    return told


def _changed(old: Schema, new: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in sorted(set(old) & set(new)):
        found: dict[str, Any] = {}
        inputs = dict(_inputs(old[name].inputs, new[name].inputs, ""))
        if inputs:
            found["inputs"] = inputs
        before = [output.name for output in old[name].outputs]
        if before != [output.name for output in new[name].outputs]:
            found["outputs"] = before
        if found:
            yield name, found


def _inputs(
    old: Sequence[InputSchema], new: Sequence[InputSchema], prefix: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What inputs no longer take; those of an option stand behind ``name=key.``."""
    now = {entry.name: entry for entry in new}
    for entry in old:
        other = now.get(entry.name)
        path = prefix + entry.name
        if other is None:
            yield path, {"gone": True}
            continue
        lost = _lost(entry, other)
        if lost:
            yield path, lost
        later = {option.key: option for option in other.dynamic_options}
        for option in entry.dynamic_options:
            if option.key in later:
                yield from _inputs(option.inputs, later[option.key].inputs, f"{path}={option.key}.")
    before = {entry.name for entry in old}
    for entry in new:
        if (
            entry.name not in before
            and entry.required
            and entry.default is MISSING
            and not _may_be_empty(entry)
        ):
            yield prefix + entry.name, {"new": True}


def _may_be_empty(entry: InputSchema) -> bool:
    return entry.autogrow is not None and entry.autogrow.minimum == 0


def _lost(old: InputSchema, new: InputSchema) -> dict[str, Any]:
    lost: dict[str, Any] = {}
    stated = old.default
    if stated is not MISSING and stated is not None and new.default is MISSING and new.required:
        lost["default"] = stated
    if not _as_types(old) <= _as_types(new):
        lost["type"] = old.type
    choices = fixed_choices(new, DEFAULT_MAX_CHOICES) if new.is_combo else None
    taken = choices or [option.key for option in new.dynamic_options]
    before = _choices(old)
    if taken and before and not set(before) <= set(taken):
        lost["choices"] = [choice for choice in before if choice not in taken]
    return lost


def _choices(entry: InputSchema) -> Sequence[Any]:
    if entry.is_dynamic:
        return [option.key for option in entry.dynamic_options]
    return (fixed_choices(entry, DEFAULT_MAX_CHOICES) if entry.is_combo else None) or ()


def _as_types(entry: InputSchema) -> set[str]:
    return {"COMBO" if kind in KEYED else kind for kind in entry.types}


def _aliases(old: Schema, new: Schema) -> dict[str, str]:
    """Aliases of lists of choices that the new release has not, and what stands in their place."""
    before, now = dict(_aliases_by_input(old)), dict(_aliases_by_input(new))
    users: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path, alias in before.items():
        if alias not in now.values():
            users[alias][now.get(path, "")] += 1
    return {
        alias: max(found.items(), key=lambda use: (bool(use[0]), use[1], use[0]))[0]
        for alias, found in users.items()
    }


def _aliases_by_input(schema: Schema) -> Iterator[tuple[tuple[str, str], str]]:
    uses: list[tuple[Any, InputSchema, tuple[Any, ...]]] = []
    paths: list[tuple[tuple[str, str], InputSchema]] = []
    for name in sorted(schema):
        for path, entry in _walk(schema[name].inputs, ""):
            fixed = fixed_choices(entry, DEFAULT_MAX_CHOICES) if entry.is_combo else None
            if fixed is not None:
                uses.append((class_name(name), entry, fixed))
                paths.append(((name, path), entry))
    aliases = ChoiceAliases(uses)
    for path, entry in paths:
        yield path, str(aliases.find(entry))


def _walk(inputs: Sequence[InputSchema], prefix: str) -> Iterator[tuple[str, InputSchema]]:
    for entry in inputs:
        path = prefix + entry.name
        yield path, entry
        if entry.autogrow is not None:
            yield from _walk([entry.autogrow.input], f"{path}.")
        yield from _walk(entry.slot_inputs, f"{path}.")
        for option in entry.dynamic_options:
            yield from _walk(option.inputs, f"{path}={option.key}.")


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` say whether it is stale."""
    text = json.dumps(history(), indent=1, ensure_ascii=True) + "\n"
    stale = not OUT.is_file() or OUT.read_text(encoding="utf-8") != text
    if stale and "--check" not in arguments:
        OUT.write_text(text, encoding="utf-8")
    print(f"{'stale' if stale else 'up to date'}: {OUT.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
