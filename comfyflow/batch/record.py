"""What a ledger knows of a row, and every change that can be made to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

State: TypeAlias = Literal["pending", "in_progress", "completed", "failed", "invalid", "cancelled"]
"""Where a row is.

``pending``: it waits to be sent. ``in_progress``: its prompt id and its server are written down; the
server may have it, or not yet. ``completed``: it ended well, and its files are here. ``failed``: it is set
aside, and `RowRecord.failure` says why. ``invalid``: it was never sent, because no server can run it.
``cancelled``: somebody took it out.
"""

STATES: Final[tuple[State, ...]] = get_args(State)

LONGEST_ERROR: Final = 4000
"""How many characters are kept of what went wrong with a row."""

Failure: TypeAlias = Literal[
    "server_gone", "out_of_memory", "node_error", "invalid", "lost", "interrupted", "download"
]
"""Why an attempt gave nothing.

``server_gone``: the server did not answer. ``out_of_memory``: it ran out of memory. ``node_error``: a node
raised. ``invalid``: it was refused. ``lost``: the server does not know the prompt any more, because it
restarted or somebody deleted it. ``interrupted``: somebody stopped it. ``download``: it ended well, and its
files could not be fetched.
"""

Ending: TypeAlias = Literal["completed", "unsent", "abandoned", "cancelled"] | Failure
"""How an attempt ended.

``unsent``: it is certain that the server never had it. ``abandoned``: the server has been away for too long,
and the row goes elsewhere; should the server come back, the prompt is taken off it.
"""


def failure_of(ending: Ending) -> Failure | None:
    """The class of failure that an ending of an attempt is; None where it is none."""
    if ending == "completed" or ending == "cancelled":  # type checkers follow this
        return None
    return "server_gone" if ending == "unsent" or ending == "abandoned" else ending


@dataclass(frozen=True)
class SavedOutput:
    """A file that a row gave.

    Attributes:
        name: Its name in the folder of the outputs.
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
    """What the ledger knows of a row.

    Attributes:
        number: Its position in the sweep, from 0.
        parameters: Its parameters.
        state: Where it is.
        prompt_hash: The hash of the prompt that it became; None before it was sent.
        server: The server that has or had it last.
        prompt_id: Under which id.
        attempts: How often it was sent.
        failure: Why the last attempt failed; None where it did not.
        error: What was said of it.
        sent: When it was sent last, in seconds since 1970.
        ended: When it ended.
        texts: The texts that it gave, by node id.
        files: The files that it gave.
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
    """A row is about to be sent: written before it is.

    Attributes:
        attempt: Where it goes, and under which id.
        at: When.
    """

    attempt: Attempt
    at: float


@dataclass(frozen=True)
class Completed:
    """A row ended well, and its files are here.

    Attributes:
        number: The row's number.
        prompt_id: The attempt that did it.
        at: When.
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
    """An attempt gave nothing, and the row waits to be sent again.

    Attributes:
        number: The row's number.
        prompt_id: The attempt.
        at: When.
        ending: How it ended.
        error: What was said of it.
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
        prompt_id: The attempt that failed; None where it was never sent.
        at: When.
        state: ``failed``, ``invalid`` or ``cancelled``.
        failure: Why; None where it was cancelled before it was sent.
        error: What was said of it.
    """

    number: int
    prompt_id: str | None
    at: float
    state: Literal["failed", "invalid", "cancelled"]
    failure: Failure | None
    error: str


@dataclass(frozen=True)
class Settled:
    """What became of an attempt that was abandoned.

    Attributes:
        prompt_id: The attempt.
        at: When.
        ending: How it ended.
    """

    prompt_id: str
    at: float
    ending: Ending


Change: TypeAlias = Added | Sent | Completed | Returned | SetAside | Settled
