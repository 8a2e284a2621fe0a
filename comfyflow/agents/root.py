"""The folder that agents may name files in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import CommandError
from ..input_file import is_file
from ..json_types import is_array, is_object
from .answer import one_line

_LONGEST: Final = 4096


class Root:
    """The folder below which files are read and written. What leads out of it, or is hidden, is refused.

    Args:
        folder: The folder.

    Raises:
        CommandError: There is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CommandError(f"--root {folder} is not a folder")
        self.folder: Final = folder.resolve()

    def file(self, text: str) -> Path:
        """A file that is there.

        Args:
            text: Its path, from the root on.

        Raises:
            CommandError: It is outside, hidden, or not a file.
        """
        path = self.inside(text)
        if not is_file(path):
            raise CommandError(f"there is no file {one_line(text)} below the root")
        return path

    def inside(self, text: str) -> Path:
        """A path below the root, with all links followed.

        Args:
            text: The path, from the root on.

        Raises:
            CommandError: It leads out of the root, or is hidden.
        """
        if not text or len(text) > _LONGEST or not text.isprintable():
            raise CommandError(f"{one_line(text)!r} is not a path")
        try:
            path = (self.folder / text).resolve()
            inner = path.relative_to(self.folder)
        except (OSError, ValueError, RuntimeError):  # what `resolve` raises for a loop of links
            raise CommandError(
                f"{one_line(text)} is not below the root, the only folder that is served"
            ) from None
        if any(part.startswith(".") for part in inner.parts):
            raise CommandError(f"{one_line(text)} is hidden, and hidden files are not served")
        return path

    def shown(self, path: Path) -> str:
        """A path below the root as an agent names it.

        Args:
            path: The path.
        """
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return path.name

    def refuse_outside(self, values: Mapping[str, Any]) -> None:
        """Refuse values that name files elsewhere on this computer: workflows upload what they are given.

        Args:
            values: JSON, by the name of the parameter.

        Raises:
            CommandError: There is one; says which.
        """
        for name, value in values.items():
            waiting: list[Any] = [value]
            while waiting:
                each = waiting.pop()
                if isinstance(each, str):
                    self._refuse(name, each)
                elif is_array(each):
                    waiting += each
                elif is_object(each):
                    waiting += [*each, *each.values()]

    def _refuse(self, name: str, text: str) -> None:
        try:
            named = 0 < len(text) <= _LONGEST and any(
                path.exists() for path in (self.folder / text, Path(text).expanduser())
            )
        except (OSError, ValueError, RuntimeError):  # no path, or nobody's home
            return
        if named:
            try:
                self.inside(text)
            except CommandError as error:
                raise CommandError(f"{name}: {error}") from None
