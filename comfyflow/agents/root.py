"""The folder whose files agents may name."""

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
    """The folder whose files are read and written. Paths outside it and hidden files are refused.

    Args:
        folder: The folder.

    Raises:
        CommandError: The folder does not exist.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CommandError(f"--root {folder} is not a folder")
        self.folder: Final = folder.resolve()

    def file(self, text: str) -> Path:
        """An existing file.

        Args:
            text: Its path, relative to the root.

        Raises:
            CommandError: It is outside, hidden, or not a file.
        """
        path = self.inside(text)
        if not is_file(path):
            raise CommandError(f"file not found below the root: {one_line(text)}")
        return path

    def inside(self, text: str) -> Path:
        """A path below the root, with all links followed.

        Args:
            text: The path, relative to the root.

        Raises:
            CommandError: It is outside the root, or hidden.
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
        """A path below the root, relative to it.

        Args:
            path: The path.
        """
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return path.name

    def refuse_outside(self, values: Mapping[str, Any]) -> None:
        """Refuse values that name files elsewhere on this computer: workflows upload the files that they get.

        Args:
            values: JSON values, by parameter name.

        Raises:
            CommandError: One does; the message names it.
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
        except (OSError, ValueError, RuntimeError):  # not a path, or an unknown user's home
            return
        if named:
            try:
                self.inside(text)
            except CommandError as error:
                raise CommandError(f"{name}: {error}") from None
