"""Files that came with requests: kept under our own names, by content, and named by references.

A file name in a request is never used as a path. A reference is ``upload:``, the SHA-256 of the content, and
the suffix derived from the content.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from ..batch.row import JSON
from ..input_file import content_suffix
from ..json_types import is_array, is_object
from ..saved_file import local_errors

_REFERENCE: Final = re.compile(r"upload:([0-9a-f]{64}\.[a-z0-9]{1,6})")
_PIECE: Final = 1 << 20
_HEAD: Final = 64


class UploadFolder:
    """The folder of files that came with requests.

    Args:
        folder: Its path; created when the first file comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder.absolute()

    def keep(self, file: IO[bytes]) -> str | None:
        """Store a file; it is on disk when this returns.

        Args:
            file: Its bytes.

        Returns:
            Its reference; None if servers cannot read this kind of file.

        Raises:
            SaveError: It cannot be written.
        """
        suffix = content_suffix(file.read(_HEAD))
        if not suffix:
            return None
        file.seek(0)
        digest = hashlib.sha256()
        with local_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{os.urandom(8).hex()}.part"
        with local_errors(partial):
            try:
                with partial.open("xb") as written:
                    while piece := file.read(_PIECE):
                        digest.update(piece)
                        written.write(piece)
                    written.flush()
                    os.fsync(written.fileno())
                name = f"{digest.hexdigest()}{suffix}"
                partial.replace(self.folder / name)
            finally:
                partial.unlink(missing_ok=True)
        return f"upload:{name}"

    def path(self, reference: str) -> Path | None:
        """The file for a reference; None if it is not a reference, or the file does not exist.

        Args:
            reference: Any string.
        """
        match = _REFERENCE.fullmatch(reference)
        path = self.folder / match[1] if match is not None else None
        return path if path is not None and path.is_file() and not path.is_symlink() else None

    def has(self, path: Path) -> bool:
        """Whether a path is a file in this folder.

        Args:
            path: The path, from `path`.
        """
        return path.parent == self.folder and _REFERENCE.fullmatch(f"upload:{path.name}") is not None

    def with_paths(self, values: Mapping[str, JSON]) -> dict[str, Any]:
        """Replace references in values by their files, in lists and objects too.

        Args:
            values: Parameter values.
        """
        return {name: self._with_paths(value) for name, value in values.items()}

    def _with_paths(self, value: Any) -> Any:
        if isinstance(value, str):
            path = self.path(value) if value.startswith("upload:") else None
            return value if path is None else str(path)
        if is_array(value):
            return [self._with_paths(each) for each in value]
        if is_object(value):
            return {name: self._with_paths(each) for name, each in value.items()}
        return value


def texts_of(value: Any) -> set[str]:
    """All strings in a JSON value, except member names.

    Args:
        value: The value.
    """
    found: set[str] = set()
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.add(each)
        elif is_array(each):
            waiting += each
        elif is_object(each):
            waiting += each.values()
    return found
