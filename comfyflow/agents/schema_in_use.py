"""The node classes that agents work with: a server's current ones, or those in a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..schema import Schema
from ..schema.node_index import NodeIndex
from ..schema.package import reference_schema

_KEPT_SECONDS: Final = 600.0
"""A server's list of classes changes only when it restarts, which is rare."""


class SchemaInUse:
    """The node classes that workflows are checked against.

    A server's classes and files can change while agents work for hours, so the classes of each workflow are
    requested again. Only the search index, which needs all classes, is kept for a while.

    Args:
        ask: Returns the current classes; None if no server or file was named. Then a workflow's own classes
            are used, or the reference package's.
        changes: Whether they may have changed the next time.
    """

    def __init__(self, ask: Callable[[], Schema] | None, *, changes: bool) -> None:
        self._ask = ask
        self._changes = changes
        self._fixed: Schema | None = None
        self._index: NodeIndex | None = None
        self._read_at = 0.0

    def now(self) -> Schema:
        """The current classes.

        Raises:
            SchemaError: The server does not answer, or the file cannot be read.
        """
        if self._fixed is not None:
            return self._fixed
        schema = (self._ask or reference_schema)()
        if not self._changes:
            self._fixed = schema
        return schema

    def named(self) -> Schema | None:
        """The current classes of the named server or file; or None.

        Raises:
            SchemaError: See `now`.
        """
        return self.now() if self._ask is not None else None

    def index(self, *, anew: bool = False) -> NodeIndex:
        """All classes, for searching.

        Args:
            anew: Whether to read them again, even if they are cached.

        Raises:
            SchemaError: See `now`.
        """
        old = self._changes and time.monotonic() - self._read_at > _KEPT_SECONDS
        if self._index is None or anew or old:
            self._index = NodeIndex(self.now())
            self._read_at = time.monotonic()
        return self._index
