"""Packages that were generated before, and are the same again.

A generation depends on nothing but the server's nodes, the options, and comfyflow and Python themselves. A
digest of all of these names what came of it in the cache folder: ``docs/cache.md``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..bounds import KEPT_PACKAGE
from ..cache_folder import CacheFolder
from ..json_types import is_array, is_object
from ..problem import left_out
from ..schema import Schema
from ..schema.catalogue import Catalogue
from .block import Renamed
from .package import Package, generate
from .package_plan import Options

_ROOT: Final = Path(__file__).parents[1]
_ROOMS: Final = ("", "codegen", "dynamic", "schema")
"""The folders whose files decide what is generated."""


class KeptPackages:
    """Generated packages in a cache folder.

    Args:
        folder: The cache.
    """

    def __init__(self, folder: CacheFolder) -> None:
        self._folder = folder

    def generate(self, schema: Schema, options: Options) -> tuple[Package, str]:
        """What `generate` gives, out of the cache where it is there; and its name in the cache.

        Args:
            schema: See `generate`.
            options: See `generate`.

        Raises:
            CodegenError: See `generate`.
        """
        name = _name(schema, options)
        data = self._folder.read(name, "", KEPT_PACKAGE)
        found = _read(data) if data is not None else None
        return (found or generate(schema, options)), name

    def keep(self, package: Package, name: str) -> None:
        """Keep a package that was written, so that all its modules have been compiled.

        Args:
            package: The package.
            name: Its name in the cache.
        """
        if package.compiled:
            return
        size = sum(len(piece) for path in package.files for piece in package.pieces(path))
        if size > KEPT_PACKAGE // 2:
            return
        kept = {
            "files": {**package.files},
            "generated": package.generated,
            "skipped": [[each.class_type, each.message] for each in package.skipped],
            "renamed": [
                [each.class_type, each.kind, each.wire, each.name, each.former] for each in package.renamed
            ],
        }
        self._folder.keep(name, "", json.dumps(kept).encode())


def _read(data: bytes) -> Package | None:
    """A package that was kept; None if it has another form."""
    try:
        kept: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not is_object(kept) or not is_object(kept.get("files")):
        return None
    lists = [kept.get(key) for key in ("generated", "skipped", "renamed")]
    if not all(map(is_array, lists)):
        return None
    generated, skipped, renamed = lists
    return Package(
        dict(kept["files"]),
        tuple(generated or ()),
        tuple(left_out(*each) for each in skipped or ()),
        tuple(Renamed(*each) for each in renamed or ()),
        compiled=True,
    )


def _name(schema: Schema, options: Options) -> str:
    digest = hashlib.sha256()
    for part in _parts(schema, options):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f"package {digest.hexdigest()}"


def _parts(schema: Schema, options: Options) -> Iterator[bytes]:
    """Everything that decides what is generated."""
    yield _generator()
    yield repr((str(schema.version), schema.unusual_editor, options)).encode("utf-8", "surrogatepass")
    raw = schema.raw
    if isinstance(raw, Catalogue):
        for name in raw:
            yield name.encode("utf-8", "surrogatepass")
            yield raw.json(name)
    else:
        yield json.dumps({**raw}).encode()


@cache
def _generator() -> bytes:
    """A digest of comfyflow and Python, as far as they decide what is generated and whether it compiles."""
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {sys.version}".encode())
    for room in _ROOMS:
        for path in sorted((_ROOT / room).iterdir()):
            if path.suffix in (".py", ".json"):
                digest.update(f"\n{path.name} ".encode() + path.read_bytes())
    return digest.digest()
