"""The servers of a batch: named ones, or those beside the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import CommandError, LedgerError
from ..number import read_seconds
from ..option import read_texts
from ..source import Source
from .record import Attempt, Ending
from .schedule import Offer
from .server import BatchServer, Ended

if TYPE_CHECKING:
    from ..client import ClientOptions

WORKER_PREFIX = "comfyui:"
"""The prefix of the names of servers that only a Dask worker can reach."""


class RowServer(Protocol):
    """A server as a batch sees it; `BatchServer` describes each method."""

    leaves_prompts: bool

    @property
    def url(self) -> str:
        """Its name in the ledger."""
        ...

    def doing(self) -> str:
        """What it is doing, as the end of a line."""
        ...

    async def offers(self, classes: Iterable[str]) -> Mapping[str, Offer | None]:
        """Ask for node classes."""
        ...

    async def send(
        self, attempt: Attempt, source: Source, *, uploads: Sequence[object], alone: bool = False
    ) -> Ended:
        """Send a prompt and wait for its end."""
        ...

    async def take_up(self, attempt: Attempt) -> Ended:
        """Wait for a prompt that an earlier process sent, or was about to send."""
        ...

    async def save(self, attempt: Attempt, given: Any, folder: Path) -> Ended:
        """Write a row's outputs."""
        ...

    async def remove(self, prompt_ids: Iterable[str]) -> Mapping[str, Ending]:
        """Remove prompts that are no longer wanted."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Fleet(Protocol):
    """Creates the servers of a batch, and knows which there are."""

    @property
    def is_open(self) -> bool:
        """Whether further servers may join."""
        ...

    async def start(self, out: Path) -> Sequence[str]:
        """Start.

        Args:
            out: The output folder.

        Returns:
            The names of the servers.
        """
        ...

    def make(self, name: str) -> RowServer:
        """Create a server.

        Args:
            name: Its name.

        Raises:
            LedgerError: It belongs to another kind of fleet.
        """
        ...

    def is_own(self, name: str) -> bool:
        """Whether a server that had this name in an earlier run may join."""
        ...

    async def watch(self, joined: Callable[[str], None]) -> None:
        """Yield servers that join, for as long as any may."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class NamedServers:
    """Servers by their addresses.

    Args:
        urls: The addresses.
        options: How to connect to them.
        patience: Seconds that one may be away before its rows are sent elsewhere.

    Raises:
        CommandError: `patience` is not a number of seconds.
        TypeError: `urls` is one string.
    """

    is_open = False

    def __init__(self, urls: Sequence[str], options: ClientOptions, patience: float) -> None:
        self._urls = tuple(dict.fromkeys(read_texts(urls, "servers", "addresses")))
        self._options: ClientOptions = options
        try:
            self._patience = read_seconds(patience, "patience", endless=True)
        except (TypeError, ValueError) as error:
            raise CommandError(str(error)) from None

    async def start(self, out: Path) -> Sequence[str]:  # noqa: ARG002  # not needed here
        """Their addresses."""
        return self._urls

    def make(self, name: str) -> BatchServer:
        """Create a server by its address.

        Raises:
            LedgerError: It is beside a Dask worker, and can only be reached through that.
        """
        if name.startswith(WORKER_PREFIX):
            raise LedgerError(
                f"the ledger has rows running beside a Dask worker ({name}); run the same command again "
                "with --dask SCHEDULER, which finds them"
            )
        return BatchServer(name, self._options, self._patience)

    def is_own(self, name: str) -> bool:  # noqa: ARG002
        """No others join."""
        return False

    async def watch(self, joined: Callable[[str], None]) -> None:
        """No others join."""

    async def close(self) -> None:
        """Nothing is open."""
