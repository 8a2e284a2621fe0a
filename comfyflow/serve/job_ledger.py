"""The ledger of a service: a batch ledger with a job for each row.

``docs/serve.md`` describes the tables for users who open it in sqlite3.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from ..batch.ledger import Ledger, Writer
from ..batch.record import Added, Change, Completed, RowRecord, SetAside, State
from ..errors import LedgerError

_VERSION: Final = "serve"
"""The ledger's property for the version of the job tables."""

_MIGRATIONS: Final = (
    """
    CREATE TABLE job (
        row INTEGER PRIMARY KEY REFERENCES row (number),
        id TEXT NOT NULL UNIQUE,
        workflow TEXT NOT NULL,
        owner TEXT NOT NULL,
        created REAL NOT NULL,
        request TEXT NOT NULL,
        idempotency_key TEXT,
        webhook TEXT
    );
    CREATE UNIQUE INDEX job_key ON job (owner, workflow, idempotency_key) WHERE idempotency_key IS NOT NULL;
    CREATE INDEX job_owner ON job (owner, row);
    CREATE TABLE delivery (
        id TEXT PRIMARY KEY,
        row INTEGER NOT NULL REFERENCES job (row),
        state TEXT NOT NULL,
        created REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due REAL,
        answer TEXT
    ) WITHOUT ROWID;
    CREATE INDEX delivery_due ON delivery (due) WHERE due IS NOT NULL;
    """,
)
"""What each version of the tables adds to the previous one."""

_COLUMNS: Final = "row, id, workflow, owner, created, request, idempotency_key, webhook"


@dataclass(frozen=True)
class ServedJob:
    """What is known about a job besides its row.

    Attributes:
        row: The number of its row.
        id: Its id.
        workflow: The workflow that it runs.
        owner: The name of the API key that it was sent with; empty if there are no keys.
        created: When it arrived, in seconds since 1970.
        request: The SHA-256 of the request, which identifies repetitions.
        idempotency_key: The client's key for it.
        webhook: The address to notify of its end.
    """

    row: int
    id: str
    workflow: str
    owner: str
    created: float
    request: str
    idempotency_key: str | None = None
    webhook: str | None = None


class OpenJob(NamedTuple):
    """A job that waits or runs.

    Attributes:
        owner: See `ServedJob`.
        workflow: See `ServedJob`.
        created: See `ServedJob`.
        webhook: Whether its end is sent to a webhook.
    """

    owner: str
    workflow: str
    created: float
    webhook: bool


@dataclass(frozen=True)
class Delivery:
    """A message to send to a webhook.

    Attributes:
        id: Its id.
        row: The job's row.
        state: How the job ended.
        created: When, in seconds since 1970.
        attempts: How often it was sent.
    """

    id: str
    row: int
    state: str
    created: float
    attempts: int


@dataclass(frozen=True)
class AddedJob(Added):
    """A row was added as a job.

    Attributes:
        job: The job.
    """

    job: ServedJob


@dataclass(frozen=True)
class KnownJob:
    """A job and its row.

    Attributes:
        job: The job.
        record: The row.
    """

    job: ServedJob
    record: RowRecord


class JobLedger(Ledger):
    """The ledger of a service; see `Ledger`.

    Args:
        path: Its file; created if missing.

    Raises:
        LedgerError: See `Ledger`; or it belongs to a batch with rows, or to a newer service.
    """

    writers: ClassVar[Mapping[type[Change], Writer]]

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def _migrate(self) -> None:
        version = self.kept(_VERSION)
        if version == len(_MIGRATIONS):
            return
        if version is None and self.size:
            raise LedgerError(
                f"{self.path} is the ledger of a batch, not of a service; choose another folder with --out"
            )
        if isinstance(version, int) and version > len(_MIGRATIONS):
            raise LedgerError(
                f"{self.path} was written by a newer comfyflow (version {version} of its jobs; this one "
                f"knows {len(_MIGRATIONS)}); update comfyflow"
            )
        with self._transaction():
            for number in range(version or 0, len(_MIGRATIONS)):
                for statement in _MIGRATIONS[number].split(";"):
                    self._database.execute(statement)
            self._database.execute(
                "INSERT OR REPLACE INTO batch VALUES (?, ?)", (_VERSION, str(len(_MIGRATIONS)))
            )

    def job(self, job_id: str) -> KnownJob | None:
        """Find a job by its id; None if there is none."""
        return self._only("id = ?", (job_id,))

    def job_of_row(self, number: int) -> KnownJob | None:
        """Find the job of a row; None if there is none."""
        return self._only("row = ?", (number,))

    def job_with_key(self, owner: str, workflow: str, key: str) -> KnownJob | None:
        """Find the job that was sent with an idempotency key; None if there is none."""
        return self._only(
            "owner = ? AND workflow = ? AND idempotency_key = ?",
            (owner, workflow, key),
        )

    def open_jobs(self) -> dict[int, OpenJob]:
        """The jobs that wait or run, by row."""
        with self._errors():
            found = self._database.execute(
                "SELECT job.row, job.owner, job.workflow, job.created, job.webhook IS NOT NULL "
                "FROM row JOIN job ON job.row = row.number WHERE row.state IN ('pending', 'in_progress')"
            ).fetchall()
        return {row: OpenJob(*known) for row, *known in found}

    def due_deliveries(self, now: float, limit: int) -> Sequence[Delivery]:
        """Messages that are due, the oldest first.

        Args:
            now: Seconds since 1970.
            limit: The maximum number.
        """
        with self._errors():
            found = self._database.execute(
                "SELECT id, row, state, created, attempts FROM delivery WHERE due <= ? ORDER BY due LIMIT ?",
                (now, limit),
            ).fetchall()
        return [Delivery(*each) for each in found]

    def next_delivery(self) -> float | None:
        """When the next message is due; None if there is none."""
        with self._errors():
            found: float | None = self._database.execute("SELECT min(due) FROM delivery").fetchone()[0]
        return found

    def told(self, delivery_id: str, due: float | None, answer: str) -> None:
        """Record an attempt to send a message.

        Args:
            delivery_id: The message.
            due: When to send it again; None for never.
            answer: The answer.
        """
        with self._transaction():
            self._database.execute(
                "UPDATE delivery SET attempts = attempts + 1, due = ?, answer = ? WHERE id = ?",
                (due, answer, delivery_id),
            )

    def jobs(
        self,
        owner: str,
        *,
        workflow: str | None = None,
        state: State | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[KnownJob]:
        """Jobs, the newest first.

        Args:
            owner: The owner of the jobs.
            workflow: Only those that run this workflow.
            state: Only those in this state.
            before: Only those with rows before this one.
            limit: The maximum number.
        """
        tests, values = ["job.owner = ?"], list[Any]([owner])
        for test, value in (
            ("job.workflow = ?", workflow),
            ("row.state = ?", state),
            ("job.row < ?", before),
        ):
            if value is not None:
                tests.append(test)
                values.append(value)
        columns = ", ".join(f"job.{name}" for name in _COLUMNS.split(", "))
        query = (
            f"SELECT {columns} FROM job JOIN row ON row.number = job.row "  # noqa: S608  # our own strings
            f"WHERE {' AND '.join(tests)} ORDER BY job.row DESC LIMIT ?"
        )
        with self._errors():
            found = self._database.execute(query, (*values, limit)).fetchall()
        return [known for each in found if (known := self._known(ServedJob(*each))) is not None]

    def _only(self, test: str, values: tuple[Any, ...]) -> KnownJob | None:
        query = f"SELECT {_COLUMNS} FROM job WHERE {test}"  # noqa: S608  # our own string
        with self._errors():
            found = self._database.execute(query, values).fetchone()
        return self._known(ServedJob(*found)) if found is not None else None

    def _known(self, job: ServedJob) -> KnownJob | None:
        record = self.row(job.row)
        return KnownJob(job, record) if record is not None else None


def _add(database: sqlite3.Connection, change: AddedJob) -> None:
    Ledger.writers[Added](database, change)
    job = change.job
    database.execute(
        f"INSERT INTO job ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # our own string
        (
            job.row,
            job.id,
            job.workflow,
            job.owner,
            job.created,
            job.request,
            job.idempotency_key,
            job.webhook,
        ),
    )


def _end(database: sqlite3.Connection, change: Completed | SetAside) -> None:
    """Record a job's end and its message, in one transaction."""
    Ledger.writers[type(change)](database, change)
    state = "completed" if isinstance(change, Completed) else change.state
    database.execute(
        "INSERT INTO delivery (id, row, state, created, due) "
        "SELECT ?, job.row, row.state, ?, ? FROM job JOIN row ON row.number = job.row "
        "WHERE job.row = ? AND row.state = ? AND webhook IS NOT NULL",
        (f"msg_{uuid.uuid4().hex}", change.at, change.at, change.number, state),
    )


JobLedger.writers = {**Ledger.writers, AddedJob: _add, Completed: _end, SetAside: _end}
