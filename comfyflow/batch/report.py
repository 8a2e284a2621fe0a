"""The events of a running batch, and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .record import STATES, Failure, SavedOutput, State


@dataclass(frozen=True)
class RowEvent:
    """A row has changed its state, and the ledger has recorded it.

    Attributes:
        number: The row.
        state: Its state.
        server: The server that has or had it.
        prompt_id: Its prompt's id.
        failure: Why it failed, or waits again; None if it did not fail.
        error: The error message.
        files: Its files.
    """

    number: int
    state: State
    server: str | None = None
    prompt_id: str | None = None
    failure: Failure | None = None
    error: str = ""
    files: tuple[SavedOutput, ...] = ()


@dataclass(frozen=True)
class ServerEvent:
    """A server gets rows from now on, or is skipped for a while.

    Attributes:
        url: The server.
        available: Whether it gets rows.
        reason: Why it is skipped.
    """

    url: str
    available: bool
    reason: str = ""


BatchEvent: TypeAlias = RowEvent | ServerEvent


@dataclass(frozen=True)
class ServerStanding:
    """What a server of a batch is doing.

    Attributes:
        url: The server.
        available: Whether it gets rows.
        rows: The rows that it has.
        completed: How many rows it has completed in this run.
        doing: What it is doing, as the end of a sentence; empty if unknown.
        reason: Why it gets none.
    """

    url: str
    available: bool
    rows: tuple[int, ...]
    completed: int
    doing: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Standing:
    """The progress of a batch.

    Attributes:
        total: How many rows the sweep has; None if unknown.
        counts: How many rows are in each state.
        here: How many rows ended in this run.
        seconds: How long it has been running.
        servers: What each server is doing.
    """

    total: int | None
    counts: Mapping[State, int]
    here: int
    seconds: float
    servers: tuple[ServerStanding, ...] = ()

    @property
    def ended(self) -> int:
        """How many rows are finished."""
        return sum(self.counts[state] for state in STATES if state not in ("pending", "in_progress"))

    @property
    def rate(self) -> float:
        """Rows per second, since this run started."""
        return self.here / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The remaining seconds at this rate; None if unknown."""
        return None if self.total is None or not self.here else (self.total - self.ended) / self.rate


@dataclass(frozen=True)
class Summary:
    """The summary of a batch.

    Attributes:
        counts: How many rows are in each state.
        out: The output folder.
        ledger: The ledger's file.
        seconds: How long it took.
        stopped: Whether it was stopped before its end.
        files: How many files were written in this run.
        failures: How many rows failed, by the class of failure.
    """

    counts: Mapping[State, int]
    out: Path
    ledger: Path
    seconds: float
    stopped: bool = False
    files: int = 0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def is_whole(self) -> bool:
        """Whether every row of the sweep is completed."""
        return not self.stopped and sum(self.counts.values()) == self.counts["completed"]
