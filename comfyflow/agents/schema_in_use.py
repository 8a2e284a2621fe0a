"""The node classes that agents work with: a server's as they are now, or those of a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..schema import Schema
from ..schema.node_index import NodeIndex
from ..source import reference_schema

_KEPT_SECONDS: Final = 600.0
"""A server's list of classes changes when it starts anew, which is seldom."""


class SchemaInUse:
    """The node classes that workflows are checked against.

    A server's classes and files change while agents work for hours: so it is asked again for the classes of
    each workflow. Only the index for searches, for which all classes are read, is kept for a while.

    Args:
        ask: Gives the classes, as they are now; None where nobody has named a server or a file. Then they are
            those that a workflow was written with, or the reference package's.
        changes: Whether they may be others the next time.
    """

    def __init__(self, ask: Callable[[], Schema] | None, *, changes: bool) -> None:
        self._ask = ask
        self._changes = changes
        self._fixed: Schema | None = None
        self._index: NodeIndex | None = None
        self._read_at = 0.0

    def now(self) -> Schema:
        """The classes as they are now.

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
        """The classes as they are now, of a server or a file that somebody has named; or None.

        Raises:
            SchemaError: See `now`.
        """
        return self.now() if self._ask is not None else None

    def index(self, *, anew: bool = False) -> NodeIndex:
        """All classes, to be searched.

        Args:
            anew: Whether to read them again, whatever is kept.

        Raises:
            SchemaError: See `now`.
        """
        old = self._changes and time.monotonic() - self._read_at > _KEPT_SECONDS
        if self._index is None or anew or old:
            self._index = NodeIndex(self.now())
            self._read_at = time.monotonic()
        return self._index
