"""The schema that is beside generated node modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from ..errors import SchemaError
from ..generated import SCHEMA_FILE, STUBS, is_generated
from .catalogue import layered
from .object_info import read_schema
from .schema import Schema


def reference_schema() -> Schema:
    """The schema of the node package that comes with comfyflow, or that is in its place.

    Raises:
        SchemaError: There is none.
    """
    try:
        importlib.import_module(STUBS)
    except ImportError as error:
        raise SchemaError(f"node package {STUBS!r} not found: {error}") from None
    return package_schema({STUBS})


def package_schema(modules: Iterable[str]) -> Schema:
    """The schema of the packages that these modules belong to.

    Args:
        modules: Names of imported modules of generated node classes; others are passed over.

    Raises:
        SchemaError: None of them is of a generated package, or its schema cannot be read.
    """
    files = dict.fromkeys(path for name in sorted(modules) if (path := _schema_file(name)) is not None)
    if not files:
        raise SchemaError(
            "none of these nodes comes from a generated package; pass a schema: "
            'validate(load_schema("http://127.0.0.1:8188"))'
        )
    schemas = [_loaded(path, path.stat().st_mtime_ns) for path in files]
    if len(schemas) == 1:
        return schemas[0]
    newest = max(schemas, key=lambda schema: schema.version)
    nodes = layered(*[schema.raw for schema in schemas])
    source = " and ".join(schema.source for schema in schemas)
    return Schema(nodes, newest.version, source, False, newest.editor)


@cache
def _schema_file(module: str) -> Path | None:
    """The schema beside a module, or above it in the same package."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return None
    for folder in Path(file).parents[: module.count(".") + 1]:
        candidate = folder / SCHEMA_FILE
        if is_generated(folder):
            return candidate
    return None


@lru_cache(maxsize=8)
def _loaded(path: Path, _changed: int) -> Schema:
    return read_schema(path)
