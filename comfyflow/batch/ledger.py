"""The ledger: one SQLite file with the truth about a batch.

Everything is recorded before it happens, and many changes go into one transaction, which is on disk
(``synchronous=FULL``) before anything is done because of it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, TypeAlias

from typing_extensions import Self

from ..errors import LedgerError
from .holder import Hold, Holder, is_busy, is_held
from .migration import upgrade
from .record import (
    STATES,
    Added,
    Attempt,
    Change,
    Completed,
    Returned,
    RowRecord,
    SavedOutput,
    Sent,
    SetAside,
    Settled,
    State,
    failure_of,
)

LEDGER_NAME: Final = "ledger.sqlite"
"""The ledger's file name in the output folder."""

_BUSY_SECONDS: Final = 30.0
"""How long a transaction waits for another process's."""

_BUSY_PAUSE: Final = 0.01

PAGE: Final = 500
"""How many rows are read at once."""

_ROWS: Final = """
    SELECT number, parameters, state, prompt_hash, server, prompt_id, attempts, failure, error, sent, ended,
        texts FROM row WHERE number >= ? AND state IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?
"""

_KNOWN: Final = tuple(RowRecord.__dataclass_fields__)[:11]
"""The columns of `_ROWS` in a record, except the last one."""

_RETRY: Final = """
    UPDATE row SET state = 'pending', failure = NULL, error = NULL, ended = NULL
    WHERE state IN (SELECT value FROM json_each(?))
"""

_ATTEMPTS: Final = """
    SELECT row, server, prompt_id, prompt_hash FROM attempt WHERE ending IS ? ORDER BY row
"""


Writer: TypeAlias = Callable[[sqlite3.Connection, Any], "int | None"]
"""Makes a change within a transaction; returns the number of a row that must not be sent after all."""


class Ledger:
    """A batch's ledger; a context manager.

    One thread may use it at a time, not necessarily always the same one. Subclasses may add their own tables
    and changes.

    Args:
        path: Its file.
        create: Whether to create it if missing.

    Raises:
        LedgerError: It does not exist, cannot be read, or belongs to another program or a newer version.
    """

    writers: ClassVar[Mapping[type[Change], Writer]]
    """The function for each kind of change."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path: Final = path
        self._hold: Hold | None = None
        if not create and not path.is_file():
            raise LedgerError(f"ledger not found: {path}; `comfyflow batch` creates one in the folder --out")
        with self._errors():
            self._database: Final = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors():
                upgrade(self._database, str(path))
                _write_ahead(self._database)
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._database.close()
            raise

    def hold(self) -> None:
        """Acquire the right to run its rows, which only one process can have.

        Raises:
            LedgerError: Another process has it; the message names it.
        """
        self._hold = Hold(self.path, Holder.read(self.kept("holder")))
        current = Holder.current()
        self.keep({"holder": {"pid": current.pid, "host": current.host, "since": current.since}})

    @property
    def holder(self) -> Holder | None:
        """The process that is running its rows; None if none is."""
        return Holder.read(self.kept("holder")) if is_held(self.path) else None

    def close(self) -> None:
        """Close it, and release the right to run its rows."""
        self._database.close()
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Properties of the batch

    def kept(self, name: str) -> Any:
        """A stored property of the batch; None if it is not set."""
        with self._errors():
            found = self._database.execute("SELECT value FROM batch WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def keep(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Store properties of the batch as JSON values; returns those that they replace."""
        former = {name: self.kept(name) for name in values}
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO batch VALUES (?, ?)",
                [(name, _json(value)) for name, value in values.items()],
            )
        return former

    # Changes

    def write(self, changes: Iterable[Change]) -> set[int]:
        """Make changes, all or none; they are on disk when this returns.

        Args:
            changes: The changes, in order.

        Returns:
            The rows that must not be sent after all: they have been cancelled since they were read.

        Raises:
            LedgerError: They cannot be written: no space, no permission, or a lasting lock.
        """
        refused: set[int] = set()
        with self._transaction():
            for change in changes:
                number = self.writers[type(change)](self._database, change)
                if number is not None:
                    refused.add(number)
        return refused

    def retry(self, numbers: Iterable[int] | None = None, states: Sequence[State] = ("failed",)) -> int:
        """Queue rows again that were set aside.

        Args:
            numbers: Which rows; None for all in these states.
            states: The states that they may be in; not ``completed`` or ``in_progress``.

        Returns:
            The number of rows.
        """
        return self._each(_RETRY, json.dumps(states), numbers)

    def cancel(self, numbers: Iterable[int] | None = None) -> int:
        """Cancel waiting rows. Running ones must be stopped on the servers.

        Args:
            numbers: Which rows; None for all that wait.

        Returns:
            The number of rows.
        """
        return self._each("UPDATE row SET state = 'cancelled' WHERE state = ?", "pending", numbers)

    def _each(self, order: str, value: str, numbers: Iterable[int] | None) -> int:
        with self._transaction():
            if numbers is None:
                return self._database.execute(order, (value,)).rowcount
            ordered = (self._database.execute(f"{order} AND number = ?", (value, each)) for each in numbers)
            return sum(each.rowcount for each in ordered)

    # Queries

    def counts(self) -> dict[State, int]:
        """How many rows are in each state."""
        with self._errors():
            found = dict(self._database.execute("SELECT state, count(*) FROM row GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in STATES}

    @property
    def size(self) -> int:
        """How many rows have been read from the sweep: the number of the next one."""
        with self._errors():
            found: int | None = self._database.execute("SELECT max(number) FROM row").fetchone()[0]
        return 0 if found is None else found + 1

    @property
    def version(self) -> int:
        """A number that changes after each change by another connection."""
        with self._errors():
            found: int = self._database.execute("PRAGMA data_version").fetchone()[0]
        return found

    def rows(self, states: Sequence[State] = STATES, start: int = 0) -> Iterator[RowRecord]:
        """Rows by number, a page at a time, so that others can write in between.

        Args:
            states: The states to include.
            start: The first number.
        """
        wanted = json.dumps(states)
        while True:
            found = self._page(start, wanted, PAGE)
            yield from found
            if len(found) < PAGE:
                return
            start = found[-1].number + 1

    def page(self, states: Sequence[State], start: int) -> list[RowRecord]:
        """The first `PAGE` of `rows`, or fewer."""
        return self._page(start, json.dumps(states), PAGE)

    def row(self, number: int) -> RowRecord | None:
        """One row; None if it has not been read yet.

        Args:
            number: Its position.
        """
        found = self._page(number, json.dumps(STATES), 1)
        return found[0] if found and found[0].number == number else None

    def _page(self, start: int, states: str, limit: int) -> list[RowRecord]:
        with self._transaction("BEGIN"):  # rows and their files at the same moment, while others write
            found = self._database.execute(_ROWS, (start, states, limit)).fetchall()
            files = self._files(found[0][0], found[-1][0]) if found else {}
        return [_record(row, files.get(row[0], ())) for row in found]

    def parameters(self, start: int, stop: int) -> list[str]:
        """The parameters of rows as they are stored: JSON strings.

        Args:
            start: The first row.
            stop: The row after the last one.
        """
        with self._errors():
            found = self._database.execute(
                "SELECT parameters FROM row WHERE number >= ? AND number < ? ORDER BY number", (start, stop)
            ).fetchall()
        return [text for (text,) in found]

    def attempts(self, *, abandoned: bool = False) -> list[Attempt]:
        """The prompts that may be on a server.

        Args:
            abandoned: Those whose rows were sent elsewhere, instead of those that are expected.
        """
        with self._errors():
            found = self._database.execute(_ATTEMPTS, ("abandoned" if abandoned else None,)).fetchall()
        return [Attempt(*each) for each in found]

    def failures_of(self, number: int) -> dict[str, int]:
        """How often each kind of failure ended an attempt of a row.

        Args:
            number: The row's position.
        """
        with self._errors():
            found = self._database.execute(
                "SELECT ending, count(*) FROM attempt WHERE row = ? AND ending IS NOT NULL GROUP BY ending",
                (number,),
            ).fetchall()
        return dict(found)

    def _files(self, first: int, last: int) -> dict[int, tuple[SavedOutput, ...]]:
        found: dict[int, tuple[SavedOutput, ...]] = {}
        listed = self._database.execute(
            "SELECT row, name, node_id, size, sha256 FROM file WHERE row BETWEEN ? AND ? "
            "ORDER BY row, position",
            (first, last),
        )
        for number, *file in listed:
            found[number] = (*found.get(number, ()), SavedOutput(*file))
        return found

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Generator[None]:
        with self._errors():
            self._database.execute(begin)
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Convert SQLite's exceptions to our errors.

        Raises:
            LedgerError: SQLite raised.
        """
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {_told(error)}") from None


def _write_ahead(database: sqlite3.Connection) -> None:
    """Switch a database to write-ahead logging; SQLite itself does not wait for other processes here."""
    end = time.monotonic() + _BUSY_SECONDS
    while database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "delete":
                return  # not available in memory
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > end:
                raise
        time.sleep(_BUSY_PAUSE)


def batch_ledger(path: Path) -> Path:
    """The ledger at a path: the file, or the one in that folder."""
    return path / LEDGER_NAME if path.is_dir() else path


def _told(error: sqlite3.Error) -> str:
    """SQLite's message, with advice."""
    said = str(error)
    if is_busy(error):
        return "another process keeps writing to it; try again later"
    for words, advice in _ADVICE.items():
        if words in said:
            return f"{said}; {advice}"
    return f"{said}; is that a batch's ledger?" if isinstance(error, sqlite3.DatabaseError) else said


_ADVICE: Final = {
    "full": "free some space and run the same command again: finished rows are kept",
    "readonly": "choose a folder that you can write to",
    "unable to open": "choose an existing folder that you can write to",
    "disk I/O error": "check the disk and run the same command again: finished rows are kept",
}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


stored_parameters = _json
"""Parameters as the ledger stores them."""


def _record(row: tuple[Any, ...], files: tuple[SavedOutput, ...]) -> RowRecord:
    *known, texts = row
    found = dict(zip(_KNOWN, known, strict=True))
    found["parameters"] = json.loads(found["parameters"])
    return RowRecord(**found, texts=json.loads(texts) if texts else {}, files=files)


def _add(database: sqlite3.Connection, change: Added) -> None:
    database.execute(
        "INSERT INTO row (number, parameters) VALUES (?, ?)", (change.number, _json(change.parameters))
    )


def _send(database: sqlite3.Connection, change: Sent) -> int | None:
    attempt = change.attempt
    ready = database.execute(
        "UPDATE row SET state = 'in_progress', server = ?, prompt_id = ?, prompt_hash = ?, sent = ?, "
        "attempts = attempts + 1, failure = NULL, error = NULL WHERE number = ? AND state = 'pending'",
        (attempt.server, attempt.prompt_id, attempt.prompt_hash, change.at, attempt.row),
    ).rowcount
    if not ready:
        return attempt.row
    database.execute(
        "INSERT INTO attempt (prompt_id, row, server, prompt_hash, sent) VALUES (?, ?, ?, ?, ?)",
        (attempt.prompt_id, attempt.row, attempt.server, attempt.prompt_hash, change.at),
    )
    return None


def _complete(database: sqlite3.Connection, change: Completed) -> None:
    database.execute(
        "UPDATE row SET state = 'completed', failure = NULL, error = NULL, ended = ?, texts = ? "
        "WHERE number = ?",
        (change.at, _json(change.texts) if change.texts else None, change.number),
    )
    _end(database, change.prompt_id, change.at, "completed", None)
    if change.files:
        database.executemany(
            "INSERT INTO file (row, position, name, node_id, size, sha256) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (change.number, position, file.name, file.node_id, file.size, file.sha256)
                for position, file in enumerate(change.files)
            ],
        )


def _return(database: sqlite3.Connection, change: Returned) -> None:
    database.execute(
        "UPDATE row SET state = 'pending', failure = ?, error = ? WHERE number = ? AND prompt_id = ? "
        "AND state = 'in_progress'",
        (failure_of(change.ending), change.error, change.number, change.prompt_id),
    )
    _end(database, change.prompt_id, change.at, change.ending, change.error)


def _set_aside(database: sqlite3.Connection, change: SetAside) -> None:
    database.execute(
        "UPDATE row SET state = ?, failure = ?, error = ?, ended = ? WHERE number = ? "
        "AND state <> 'completed'",
        (change.state, change.failure, change.error, change.at, change.number),
    )
    if change.prompt_id is not None:
        _end(database, change.prompt_id, change.at, change.failure or "cancelled", change.error)


def _settle(database: sqlite3.Connection, change: Settled) -> None:
    _end(database, change.prompt_id, change.at, change.ending, None)


def _end(database: sqlite3.Connection, prompt_id: str, at: float, ending: str, error: str | None) -> None:
    database.execute(
        "UPDATE attempt SET ended = ?, ending = ?, error = ? WHERE prompt_id = ?",
        (at, ending, error, prompt_id),
    )


Ledger.writers = {
    Added: _add,
    Sent: _send,
    Completed: _complete,
    Returned: _return,
    SetAside: _set_aside,
    Settled: _settle,
}
