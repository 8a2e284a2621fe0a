"""The holder of a ledger: one process at a time, however it ends.

An SQLite lock on an empty file next to the ledger: the system releases it when the process ends, even by
SIGKILL, on every system that SQLite runs on.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import LedgerError

_SUFFIX: Final = "-holder"


@dataclass(frozen=True)
class Holder:
    """A process that holds a ledger.

    Attributes:
        pid: Its process id.
        host: The machine that it runs on.
        since: When it took the ledger, in seconds since 1970.
    """

    pid: int
    host: str
    since: float

    @classmethod
    def current(cls) -> Holder:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), time.time())

    @classmethod
    def read(cls, said: Mapping[str, Any] | None) -> Holder | None:
        """Parse a holder from a ledger; None for anything else."""
        try:
            return cls(**said) if said is not None else None
        except TypeError:
            return None

    def __str__(self) -> str:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {began}"


class Hold:
    """The right to run a ledger's rows, until it is released or the process ends.

    Args:
        ledger: The ledger's file.
        known: The holder named in the ledger.

    Raises:
        LedgerError: Another process has it, or the folder cannot be written to.
    """

    def __init__(self, ledger: Path, known: Holder | None) -> None:
        path = _beside(ledger)
        try:
            self._lock: Final = sqlite3.connect(path, timeout=0, isolation_level=None)
            self._lock.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if not is_busy(error):
                raise LedgerError(f"cannot write {path}: {error}; choose another folder with --out") from None
            raise LedgerError(
                f"{ledger} is in use by {known or 'another process'}; wait until it has ended. "
                "It applies changes by `comfyflow batch retry` and `comfyflow batch cancel` while it runs"
            ) from None

    def release(self) -> None:
        """Release the ledger."""
        self._lock.close()


def is_held(ledger: Path) -> bool:
    """Whether a process holds a ledger.

    Args:
        ledger: The ledger's file.
    """
    path = _beside(ledger)
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as asked:
            asked.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return is_busy(error)
    return False


def is_busy(error: sqlite3.Error) -> bool:
    """Whether someone else has the requested lock."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _beside(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + _SUFFIX)
