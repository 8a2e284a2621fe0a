"""Say what a release of ComfyUI brings that comfyflow does not know.

Run as ``python -m tools.new_release OBJECT_INFO [VERSION]``: the /object_info of the new server, as a
file or an address, and its version where it is a file. docs/versions.md tells what to do about each line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from comfyflow.codegen.schema_file import NODE_KEYS, OPTION_PROSE, PROSE_KEYS
from comfyflow.dynamic import KINDS
from comfyflow.errors import ComfyflowError
from comfyflow.generated import SCHEMA_FILE
from comfyflow.importer.editor_rules import NEWEST
from comfyflow.schema import InputSchema, Schema, Version, load_schema
from comfyflow.schema.version import infer_version

ROOT: Final = Path(__file__).resolve().parent.parent
KNOWN: Final = ROOT / "stubs" / "comfynodes" / SCHEMA_FILE
SHOWN: Final = 8
LOOKS: Final = frozenset({"essentials_category", "price_badge"})
"""Keys of classes that say nothing about what is valid, and are not in the reference package."""


def news(new: Schema, known: Schema) -> Iterator[str]:
    """What is new, one line a kind of thing.

    Args:
        new: The new server's classes.
        known: Those of the reference package.
    """
    betrayed = infer_version(new.raw)
    yield f"version {new.version}; its classes betray {betrayed} or newer"
    editor = Version.parse(new.editor) if new.editor is not None else None
    if editor is not None and editor[:2] > NEWEST[:2]:
        yield f"its editor, {new.editor}, is newer than the newest one known, {NEWEST.major}.{NEWEST.minor}"
    for problem in new.problems:
        yield f"cannot be read: {problem}"
    yield from _listed("kinds of dynamic inputs", _dynamic(new) - KINDS.keys())
    yield from _listed("hidden inputs", _hidden(new) - _hidden(known))
    yield from _listed("keys of classes", _keys(new) - {*NODE_KEYS, *PROSE_KEYS, *LOOKS})
    yield from _listed("options of inputs", _options(new) - _options(known) - OPTION_PROSE)
    yield from _listed("types", _types(new) - _types(known) - _dynamic(new))
    yield from _listed("classes", set(new) - set(known))
    yield from _listed("classes that are gone", set(known) - set(new))


def _listed(what: str, names: Iterable[str]) -> Iterator[str]:
    found = sorted(names)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        yield f"{what} ({len(found)}): {', '.join(found[:SHOWN])}{more}"


def _dynamic(schema: Schema) -> set[str]:
    """The types that look like kinds of dynamic inputs."""
    return {kind for kind in _types(schema) if kind.startswith("COMFY_") and kind.endswith("_V3")}


def _types(schema: Schema) -> set[str]:
    given = {kind for entry in _inputs(schema) for kind in entry.types}
    return given | {out.type for node in schema.values() for out in node.outputs}


def _options(schema: Schema) -> set[str]:
    return {str(name) for entry in _inputs(schema) for name in entry.options}


def _keys(schema: Schema) -> set[str]:
    return {str(name) for node in schema.values() for name in node.raw}


def _hidden(schema: Schema) -> set[str]:
    return {kind for node in schema.values() for kind in node.hidden_types}


def _inputs(schema: Schema) -> Iterator[InputSchema]:
    waiting: list[Iterable[InputSchema]] = [node.inputs for node in schema.values()]
    for inputs in waiting:
        for entry in inputs:
            yield entry
            if entry.dynamic is not None:
                waiting.append(entry.dynamic.inner)


def main(arguments: list[str]) -> int:
    """Print what is new."""
    if not arguments:
        print(__doc__)
        return 2
    version: Any = arguments[1] if len(arguments) > 1 else None
    try:
        new, known = load_schema(arguments[0], version), load_schema(KNOWN)
    except ComfyflowError as error:
        print(error, file=sys.stderr)
        return 2
    for line in news(new, known):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
