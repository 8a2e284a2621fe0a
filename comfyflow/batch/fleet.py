"""The servers of a batch: those that are named, or those beside the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import LedgerError
from ..source import Source
from .record import Attempt, Ending
from .schedule import Offer
from .server import BatchServer, Ended

if TYPE_CHECKING:
    from ..client import ClientOptions

WORKER_PREFIX = "comfyui:"
"""What the names of servers begin with that only a worker of Dask can reach."""


class RowServer(Protocol):
    """A server as a batch sees it; `BatchServer` says more of each act."""

    leaves_prompts: bool

    @property
    def url(self) -> str:
        """What the ledger calls it."""
        ...

    def doing(self) -> str:
        """What it does, as the end of a line."""
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
        """Write what a row gave."""
        ...

    async def remove(self, prompt_ids: Iterable[str]) -> Mapping[str, Ending]:
        """Take prompts off that nobody waits for any more."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Fleet(Protocol):
    """Makes the servers of a batch, and knows which there are."""

    @property
    def is_open(self) -> bool:
        """Whether servers may join that nobody knows of yet."""
        ...

    async def start(self, out: Path) -> Sequence[str]:
        """Begin.

        Args:
            out: The folder of the outputs.

        Returns:
            The names of the servers that there are.
        """
        ...

    def make(self, name: str) -> RowServer:
        """A server.

        Args:
            name: Its name.

        Raises:
            LedgerError: Another kind of fleet has it.
        """
        ...

    def is_own(self, name: str) -> bool:
        """Whether a server may join that had this name in an earlier run."""
        ...

    async def watch(self, joined: Callable[[str], None]) -> None:
        """Tell of servers that join, for as long as any may."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class NamedServers:
    """Servers by their addresses.

    Args:
        urls: The addresses.
        options: How they are connected to.
        patience: Seconds that one may be away before its rows go elsewhere.
    """

    is_open = False

    def __init__(self, urls: Sequence[str], options: ClientOptions, patience: float) -> None:
        self._urls = tuple(dict.fromkeys(urls))
        self._options: ClientOptions = options
        self._patience = patience

    async def start(self, out: Path) -> Sequence[str]:  # noqa: ARG002  # they have nothing to do with it
        """Their addresses."""
        return self._urls

    def make(self, name: str) -> BatchServer:
        """A server by its address.

        Raises:
            LedgerError: It stands beside a worker of Dask, and nobody else reaches it.
        """
        if name.startswith(WORKER_PREFIX):
            raise LedgerError(
                f"the ledger has rows that run beside a worker of Dask ({name}); run the same command again "
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
