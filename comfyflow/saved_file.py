"""Writing what a server sends to a file here: under which name, and never over another file.

The standard library only: `output_file` imports this, and every generated module that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from .errors import ComfyflowError, DownloadError, SaveError

if TYPE_CHECKING:
    from typing_extensions import Self


class SavedFile:
    """A file that is being written; a context manager.

    The bytes go to `partial`. Once they are there, that file gets its name in one step, so that no one sees
    half a file, a process that is killed leaves none, and nothing is written through a symbolic link. If the
    block raises, nothing is left. Entering raises `DownloadError` where a file is there that is to stay; what
    the file system refuses is a `SaveError`.

    Args:
        path: The name that it is to get.
        overwrite: Whether a file of that name is replaced.
        renamed: Whether the new file gets a number instead, where there is one already.
        partial: Where its bytes are written, in the same folder; its own name by default.
    """

    def __init__(self, path: Path, *, overwrite: bool, renamed: bool, partial: Path | None = None) -> None:
        self.path: Path = path
        """The file; while it is being written, the name that it is to get."""
        self.partial: Final = partial or path.with_name(f".{path.name[:40]}.{os.urandom(4).hex()}.part")
        """Where its bytes are written until it is whole."""
        self._overwrite = overwrite
        self._renamed = renamed

    @classmethod
    def at(cls, path: str | os.PathLike[str], name: str, overwrite: bool | None = None) -> SavedFile:
        """A file that is written where a user says.

        Args:
            path: The file, or a folder, in which it gets the server's name for it. A folder is
                one that exists, or that is written with a separator at its end.
            name: That name; only its last part counts.
            overwrite: Whether a file of that name is replaced. None: one that `path` names is,
                one that only the server names is not: the new file then gets a number.
        """
        if is_folder(path):
            return cls(Path(path) / clean_name(name), overwrite=overwrite is True, renamed=True)
        return cls(Path(path), overwrite=overwrite is not False, renamed=False)

    def __enter__(self) -> Self:
        if not (self._overwrite or self._renamed) and os.path.lexists(self.path):
            raise self._occupied()
        with local_errors(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with local_errors(self.path):
                    self._place()
            elif isinstance(error, OSError) and self._is_ours(error):
                raise SaveError(str(self.path), error) from None
        finally:
            self.partial.unlink(missing_ok=True)

    def _is_ours(self, error: OSError) -> bool:
        """Whether an error is about the partial file, of which users know nothing."""
        if isinstance(error, ComfyflowError):
            return False
        return str(error.filename) == str(self.partial) or error.errno in _FULL

    def _place(self) -> None:
        if self._overwrite:
            self.partial.replace(self.path)
            return
        candidates = numbered(self.path) if self._renamed else iter((self.path,))
        free = next(filter(self._is_given, candidates), None)
        if free is None:
            raise self._occupied()
        self.path = free

    def _is_given(self, path: Path) -> bool:
        """Give the file a name, if it is free, even if others write to the folder at the same time."""
        try:
            os.link(self.partial, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links: an empty file is the claim
            if not _created(path):
                return False
            self.partial.replace(path)
        return True

    def _occupied(self) -> DownloadError:
        return DownloadError(f"{self.path} already exists; overwrite=True replaces it")


@contextlib.contextmanager
def local_errors(path: Path) -> Generator[None, None, None]:
    """Make an error of the file system one of the project's.

    Args:
        path: What is being written.

    Raises:
        SaveError: It cannot be written.
    """
    try:
        yield
    except ComfyflowError:
        raise
    except OSError as error:
        raise SaveError(str(path), error) from None


def _created(path: Path) -> bool:
    """Whether an empty file could be made: there was no file, nor a symbolic link."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path means a folder to write into: it is one, or it ends with a separator."""
    text = os.fspath(path)
    return text.endswith((os.sep, os.altsep or os.sep)) or Path(path).is_dir()


def numbered(path: Path) -> Iterator[Path]:
    """A path, then the same with a number: ``a.png``, ``a (1).png``, ``a (2).png``, …."""
    yield path
    number = 1
    while True:
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1


def clean_name(name: str) -> str:
    """A server's file name as the name of a file in our own folder.

    A server is not to choose where we write: of a path only the last part is kept, and what some
    system does not take in a name (separators, drives, control characters, ``con``, a dot at the
    end), or does not show as what it is (marks that turn the writing direction), is replaced.
    """
    last = re.split(r"[/\\]", name)[-1]
    cleaned = _END.sub("", _UNFIT.sub("_", last).lstrip())
    if len(cleaned.encode()) > _LONGEST:
        stem, dot, suffix = cleaned.rpartition(".")
        cleaned = _END.sub("", f"{stem[:40]}.{suffix[:8]}" if dot and stem else cleaned[:48])
    if not cleaned:
        return "file"
    return f"_{cleaned}" if cleaned.split(".")[0].rstrip().upper() in _RESERVED else cleaned


_UNFIT: Final = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]'
)
"""What no name is to have; half of a surrogate pair could not be written at all."""
_END: Final = re.compile(r"[\s.]+\Z")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing is answered with, and no file is named."""
_LONGEST: Final = 200
"""Bytes; a file system takes 255, and a partial file's name is longer."""
_RESERVED: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"}
)
"""Names that are devices on Windows, whatever follows the dot."""
