"""Keeping a server's node classes: large servers take seconds to tell them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..bounds import unpack_gzip
from ..errors import BoundsError, SchemaError
from ..schema import Schema
from ..schema.load import parse_object_info
from .core import Core


class SchemaCache:
    """The node classes of one server in one version.

    Args:
        core: The client; it keeps one schema in memory.
        version: The server's version.
        max_age: Seconds for which a schema is good.
        folder: Where it is kept on disk; None for nowhere.
    """

    def __init__(
        self, core: Core, version: str | None, max_age: float, folder: str | os.PathLike[str] | None
    ) -> None:
        self._core = core
        self._version = version
        self._max_age = max_age
        key = hashlib.sha256(f"{core.address.url} {version}".encode()).hexdigest()[:24]
        self._path = Path(folder) / f"object_info-{key}.json.gz" if folder is not None else None

    def find(self) -> Schema | None:
        """One that is good, from memory or from disk."""
        kept = self._core.schemas.get(self._version)
        if kept is not None and self._core.clock() - kept[0] < self._max_age:
            return kept[1]
        return self._read() if self._path is not None else None

    def keep(self, raw: Mapping[str, Any]) -> Schema:
        """A new one, kept for later."""
        if self._path is not None:
            self._write(self._path, raw)
        return self._remember(raw, self._core.clock())

    def _remember(self, raw: Mapping[str, Any], moment: float) -> Schema:
        schema = Schema(raw, self._version, self._core.address.url)
        self._core.schemas.clear()
        self._core.schemas[self._version] = (moment, schema)
        return schema

    def _read(self) -> Schema | None:
        """What is on disk; None where there is none, or it is too old or damaged."""
        if self._path is None:
            return None
        try:
            age = max(time.time() - self._path.stat().st_mtime, 0.0)
            if age >= self._max_age:
                return None
            bounds = self._core.bounds
            data = unpack_gzip(self._path.read_bytes(), bounds, bounds.json, "json", str(self._path))
            raw = parse_object_info(data, str(self._path), bounds)
        except (OSError, EOFError, zlib.error, BoundsError, SchemaError):
            return None
        return self._remember(raw, self._core.clock() - age)

    def _write(self, path: Path, raw: Mapping[str, Any]) -> None:
        """A cache that cannot be written is none; the schema is here all the same."""
        partial = path.with_name(f"{path.name}.{self._core.random.getrandbits(32):08x}.part")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(gzip.compress(json.dumps(raw).encode(), 5))
            partial.replace(path)
