"""Which package of node classes Python finds: the current folder's before an installed one.

``python FILE`` and ``python -m`` look into the folder of the file, or into the current one, before
they look at what is installed. A command that was installed looks into neither. So generated
packages, and nothing else, are looked for there first: a file that happens to be called like a
module of the standard library is not imported in its place.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from ..generated import is_generated


class StubsFinder:
    """Finds generated packages beside workflows that were loaded, then in the current folder."""

    def __init__(self) -> None:
        self._folders: list[Path] = []

    def look_into(self, folder: Path) -> None:
        """Look into the folder of a workflow too, and first, as ``python FILE`` does."""
        if folder not in self._folders:
            self._folders.append(folder)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG002  # importlib's
    ) -> ModuleSpec | None:
        """For importlib: a top-level package that `gen-stubs` wrote, or None."""
        if path is None:
            for folder in (*self._folders, Path.cwd()):
                if is_generated(folder / fullname):
                    return PathFinder.find_spec(fullname, [str(folder)])
        return None

    @contextlib.contextmanager
    def in_force(self) -> Generator[None, None, None]:
        """Have Python ask it while the block lasts."""
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            self._folders.clear()


FINDER = StubsFinder()
"""The one of the command that runs."""
