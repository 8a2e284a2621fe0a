"""What a ledger knows about a row, and every change that can be made to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

State: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "invalid", "cancelled"]
"""The state of a row.

``pending``: it waits to be sent. ``in_progress``: its prompt id and server are recorded; the server may or
may not have it yet. ``completed``: it succeeded, and its files are on disk. ``failed``: it is set aside, and
`RowRecord.failure` says why. ``invalid``: it was never sent, because no server can run it. ``cancelled``:
someone cancelled it.
"""

STATES: Final[tuple[State, ...]] = get_args(State)

LONGEST_ERROR: Final = 4000
"""How many characters of a row's error are kept."""

Failure: TypeAlias = Literal[
    "server_gone", "out_of_memory", "node_error", "invalid", "lost", "interrupted", "download"
]
"""Why an attempt failed.

``server_gone``: the server did not answer. ``out_of_memory``: it ran out of memory. ``node_error``: a node
raised. ``invalid``: it was refused. ``lost``: the server no longer knows the prompt, because it restarted or
someone deleted it. ``interrupted``: someone stopped it. ``download``: it succeeded, but its files could not
be fetched.
"""

Ending: TypeAlias = Literal["completed", "unsent", "abandoned", "cancelled"] | Failure
"""How an attempt ended.

``unsent``: it is certain that the server never had it. ``abandoned``: the server has been away for too long,
and the row is sent elsewhere; if the server comes back, the prompt is removed from it.
"""


def failure_of(ending: Ending) -> Failure | None:
    """The class of failure for an attempt's ending; None if it is not a failure."""
    if ending == "completed" or ending == "cancelled":  # type checkers follow this
        return None
    return "server_gone" if ending == "unsent" or ending == "abandoned" else ending


@dataclass(frozen=True)
class SavedOutput:
    """An output file of a row.

    Attributes:
        name: Its name in the output folder.
        node_id: The node that gave it.
        size: Its size in bytes.
        sha256: The SHA-256 of its bytes, in hexadecimal digits.
    """

    name: str
    node_id: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RowRecord:
    """What the ledger knows about a row.

    Attributes:
        number: Its position in the sweep, from 0.
        parameters: Its parameters.
        state: Its state.
        prompt_hash: The hash of its prompt; None before it is sent.
        server: The server that has it, or had it last.
        prompt_id: Its prompt's id.
        attempts: How often it was sent.
        failure: Why the last attempt failed; None if it did not.
        error: The error message.
        sent: When it was last sent, in seconds since 1970.
        ended: When it ended.
        texts: Its text outputs, by node id.
        files: Its output files.
    """

    number: int
    parameters: Mapping[str, Any]
    state: State
    prompt_hash: str | None = None
    server: str | None = None
    prompt_id: str | None = None
    attempts: int = 0
    failure: Failure | None = None
    error: str | None = None
    sent: float | None = None
    ended: float | None = None
    texts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    files: tuple[SavedOutput, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """A prompt that may be on a server.

    Attributes:
        row: The row's number.
        server: The server.
        prompt_id: The prompt's id.
        prompt_hash: The hash of the prompt.
    """

    row: int
    server: str
    prompt_id: str
    prompt_hash: str


@dataclass(frozen=True)
class Added:
    """A row is read from the sweep.

    Attributes:
        number: Its position.
        parameters: Its parameters; JSON values.
    """

    number: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A row is about to be sent; recorded before it is.

    Attributes:
        attempt: Where it is sent, and under which id.
        at: The time.
    """

    attempt: Attempt
    at: float


@dataclass(frozen=True)
class Completed:
    """A row has succeeded, and its files are on disk.

    Attributes:
        number: The row's number.
        prompt_id: The attempt that succeeded.
        at: The time.
        files: Its files.
        texts: Its texts, by node id.
    """

    number: int
    prompt_id: str
    at: float
    files: tuple[SavedOutput, ...] = ()
    texts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Returned:
    """An attempt failed, and the row waits to be sent again.

    Attributes:
        number: The row's number.
        prompt_id: The attempt.
        at: The time.
        ending: How it ended.
        error: The error message.
    """

    number: int
    prompt_id: str
    at: float
    ending: Ending
    error: str


@dataclass(frozen=True)
class SetAside:
    """A row is not sent again.

    Attributes:
        number: The row's number.
        prompt_id: The attempt that failed; None if it was never sent.
        at: The time.
        state: ``failed``, ``invalid`` or ``cancelled``.
        failure: Why; None if it was cancelled before it was sent.
        error: The error message.
    """

    number: int
    prompt_id: str | None
    at: float
    state: Literal["failed", "invalid", "cancelled"]
    failure: Failure | None
    error: str


@dataclass(frozen=True)
class Settled:
    """What happened to an abandoned attempt.

    Attributes:
        prompt_id: The attempt.
        at: The time.
        ending: How it ended.
    """

    prompt_id: str
    at: float
    ending: Ending


Change: TypeAlias = Added | Sent | Completed | Returned | SetAside | Settled
