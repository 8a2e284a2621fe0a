"""What is cached between runs, in one folder: ``docs/cache.md``.

Whatever is in it may be gone, damaged, or written by another version or process at any time: then it is
as if nothing were kept. So may the disk refuse to take it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .bounds import CACHE_SIZE, CACHED_FILES
from .json_types import is_object, text_or_empty

VARIABLE: Final = "COMFYFLOW_CACHE"
"""The environment variable that names another folder, or says ``off``."""
OFF: Final = "off"

_FORM: Final = "v1"
"""Other forms of entries, of other versions of comfyflow, are beside ours in their own folders."""
_SUFFIX: Final = ".entry"
_PARTIAL: Final = ".part"
_LONGEST_HEAD: Final = 16_384
_ABANDONED: Final = 3600.0
"""Seconds after which what was not written to its end is taken for abandoned."""


@dataclass(frozen=True)
class Kept:
    """An entry that is kept.

    Attributes:
        tag: What the server sent with it when it was stored: a server's ETag.
        size: The bytes of its content.
    """

    tag: str
    size: int


class CacheFolder:
    """Entries by name, each in its own file that is replaced as a whole.

    Args:
        folder: Where they are; None keeps nothing.
        most: How many bytes it may take; the entries that were not used for longest go first.
    """

    def __init__(self, folder: Path | None, most: int = CACHE_SIZE) -> None:
        self._folder = folder / _FORM if folder is not None else None
        self._most = most

    def find(self, name: str) -> Kept | None:
        """What is known about an entry; None if there is none that can be read.

        Args:
            name: Its name; any text.
        """
        with self._opened(name) as opened:
            return opened[0] if opened is not None else None

    def read(self, name: str, tag: str, most: int) -> bytes | None:
        """The content of an entry; None if it is damaged, or another by now.

        Args:
            name: Its name.
            tag: Its tag.
            most: How many bytes it may have.
        """
        with self._opened(name) as opened:
            if opened is None or opened[0].tag != tag or opened[0].size > most:
                return None
            kept, digest, file = opened
            try:
                # A buffer of the size that is asked for is made first.
                content = file.read(min(kept.size, os.fstat(file.fileno()).st_size) + 1)
            except OSError:
                return None
            if len(content) != kept.size or hashlib.sha256(content).hexdigest() != digest:
                return None
            # The oldest go first, by when they were used.
            with contextlib.suppress(OSError):
                os.utime(file.name)
            return content

    def keep(self, name: str, tag: str, content: bytes) -> None:
        """Keep an entry, if the disk takes it.

        Args:
            name: Its name.
            tag: See `Kept`.
            content: The bytes.
        """
        head = {"name": name, "tag": tag, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        line = json.dumps(head).encode() + b"\n"
        if self._folder is None or len(line) > _LONGEST_HEAD or len(line) + len(content) > self._most:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(self._folder, name), line, content)
            self._make_room(self._folder)

    def drop(self, name: str) -> None:
        """Forget an entry."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._path(self._folder, name).unlink()

    def _write(self, path: Path, line: bytes, content: bytes) -> None:
        handle, partial = tempfile.mkstemp(suffix=_PARTIAL, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(line)
                file.write(content)
            Path(partial).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(partial).unlink()
            raise

    def _make_room(self, folder: Path) -> None:
        """Delete what was not used for longest, and what someone has begun and left."""
        entries: list[tuple[float, int, str]] = []
        with os.scandir(folder) as found:
            for each in found:
                state = each.stat(follow_symlinks=False)
                if each.name.endswith(_SUFFIX):
                    entries.append((state.st_mtime, state.st_size, each.path))
                elif each.name.endswith(_PARTIAL) and state.st_mtime < time.time() - _ABANDONED:
                    Path(each.path).unlink(missing_ok=True)
        entries.sort()
        size = sum(entry[1] for entry in entries)
        while size > self._most or len(entries) > CACHED_FILES:
            _, freed, path = entries.pop(0)
            Path(path).unlink(missing_ok=True)
            size -= freed

    @contextlib.contextmanager
    def _opened(self, name: str) -> Generator[tuple[Kept, str, IO[bytes]] | None, None, None]:
        """An entry with the digest of its content, and the file from where its content begins."""
        if self._folder is None:
            yield None
            return
        try:
            file = self._path(self._folder, name).open("rb")
        except OSError:
            yield None
            return
        with file:
            yield _read_head(file, name)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}{_SUFFIX}"


def _read_head(file: IO[bytes], name: str) -> tuple[Kept, str, IO[bytes]] | None:
    try:
        line = file.readline(_LONGEST_HEAD)
        head: object = json.loads(line) if line.endswith(b"\n") else None
    except (OSError, ValueError, RecursionError):
        return None
    if not is_object(head) or head.get("name") != name:
        return None
    size, tag = head.get("size"), head.get("tag")
    if type(size) is not int or size < 0 or not isinstance(tag, str):
        return None
    return Kept(tag, size), text_or_empty(head.get("sha256")), file


def folder_in_force() -> Path | None:
    """The folder in which things are kept: that of ``COMFYFLOW_CACHE``, or the user's; None for none."""
    given = os.environ.get(VARIABLE, "").strip()
    if given.casefold() == OFF:
        return None
    if given:
        return Path(given).expanduser()
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    elif sys.platform == "darwin":
        home = Path("~/Library/Caches")
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        return home.expanduser() / "comfyflow"
    except RuntimeError:  # a user without a home
        return None


def cache_folder(*, used: bool = True) -> CacheFolder:
    """The cache that is in effect.

    Args:
        used: False for one that keeps nothing (``--no-cache``).
    """
    return CacheFolder(folder_in_force() if used else None)
