"""Servers of a batch that have Dask workers beside them.

As usual, the ledger decides which row goes to which server, and has the prompt's id before a task is sent. A
resource binds a task to its server, not to a worker: when a worker ends, the scheduler keeps the task for the
next one beside the same server; when the scheduler ends, the task is sent again to the next scheduler. Either
way the worker finds the prompt on its server, if it got that far.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..errors import ClientError, ServerUnreachable
from ..saved_file import local_errors
from ..timeout import within
from .dask_server import GOES_OFF, DaskServer
from .dask_worker import RESOURCE, ask, dask_distributed, run_row
from .fleet import WORKER_PREFIX, NamedServers, RowServer
from .server import PATIENCE

if TYPE_CHECKING:
    from ..client import ClientOptions

_LOOKS: Final = 1.0
"""Seconds between checks of which workers there are."""

_MOMENT: Final = 0.1
"""Seconds between checks whether a client has found its scheduler again."""

_AWAY: Final = 600.0
"""Seconds to wait for a scheduler that has ended."""

_CONNECTS: Final = 10.0
_ANSWERS: Final = 120.0
"""Seconds that a connection, and an answer of a worker, may take."""

_CLOSES: Final = ("closing", "closed")
"""The states of a client whose tasks report nothing any more."""

_VERDICTS: Final = 2
"""How often the scheduler may give up a task because its workers ended."""

_PIECES: Final = 8
"""How many chunks of files are read at once."""

NoEnd: TypeAlias = Literal["away", "killed"]
"""Why a task gives no end of its row. ``away``: there has been no worker for too long. ``killed``: workers
ended each time they had it. Either way the server may still have the prompt.
"""


class DaskServers:
    """The servers beside the workers of a cluster.

    Args:
        address: The scheduler's address.
        security: How to connect; by default as Dask is configured.
        shared: The output folder as the workers see it, to write files there. Without it, files are sent.
        depth: How many rows to queue per server.
        options: How to connect to servers that an earlier run had without Dask.
        patience: Seconds that a worker may be away before its rows are sent elsewhere.

    Raises:
        MissingExtraError: Dask is not installed.
    """

    is_open = True

    def __init__(
        self,
        address: str,
        *,
        security: Any = None,
        shared: str = "",
        depth: int,
        options: ClientOptions | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._dask: Final[Any] = dask_distributed()
        self.address: Final = address
        self.shared: Final = shared
        self.token: Final = f".shared-{uuid.uuid4().hex}"
        self.patience: Final = patience
        self.share: Final = int(1e6 / depth) / 1e6
        self.pieces: Final = asyncio.Semaphore(_PIECES)
        self._security = security
        self._named = NamedServers((), options or {}, patience)
        self._out: Path | None = None
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._waiters: set[asyncio.Task[Told]] = set()
        self._workers: dict[str, dict[str, str]] = {}
        self._looked = 0.0
        self._seen: dict[str, float] = {}
        self._told = ""

    async def start(self, out: Path) -> Sequence[str]:
        """Connect to the scheduler; returns the servers that its workers are beside.

        Raises:
            ServerUnreachable: No scheduler answers.
            SaveError: The folder cannot be written to.
        """
        await self.client(patience=0.0)
        if self.shared:
            await asyncio.to_thread(self._mark, out)
            self._out = out
        await self._look()
        return [*self._workers]

    def _mark(self, out: Path) -> None:
        """Put a file into the output folder that identifies it to workers."""
        with local_errors(out):
            for old in out.glob(".shared-*"):
                old.unlink(missing_ok=True)
            (out / self.token).touch()

    def make(self, name: str) -> RowServer:
        """The server with a name; if that is an address, it was in use without Dask."""
        if not self.is_own(name):
            return self._named.make(name)
        self._seen.setdefault(name, self._looked)
        return DaskServer(self, name)

    def is_own(self, name: str) -> bool:
        """Whether a worker may join beside it."""
        return name.startswith(WORKER_PREFIX)

    async def watch(self, joined: Callable[[str], None]) -> None:
        """Yield servers whose workers join."""
        while True:
            await asyncio.sleep(_LOOKS)
            await self._look()
            for name in self._workers:
                joined(name)

    async def close(self) -> None:
        """Close the connection; prompts on servers keep running."""
        if self._out is not None:
            (self._out / self.token).unlink(missing_ok=True)
        if self._client is not None:
            await self._client.close()
        for waiter in self._waiters:
            waiter.cancel()
        await asyncio.gather(*self._waiters, return_exceptions=True)

    async def client(self, patience: float = _AWAY) -> Any:
        """A client of the scheduler, which may be a different one than before.

        Args:
            patience: Seconds that the scheduler may be away.

        Raises:
            ServerUnreachable: It is away for longer.
        """
        async with self._connecting:
            end = time.monotonic() + patience
            while self._client is None or self._client.status != "running":
                reason = await self._connected()
                if reason and time.monotonic() >= end:
                    raise ServerUnreachable(
                        f"no Dask scheduler answers at {self.address} ({reason}); what happened to the rows "
                        "is in the ledger"
                    )
            return self._client

    async def _connected(self) -> str:
        """Reconnect the client to its scheduler, or create another; returns why that failed.

        A client that is about to close accepts tasks, but never reports on them.
        """
        if self._client is not None and self._client.status == "connecting":
            await asyncio.sleep(_MOMENT)
            return "the connection to it is lost"
        return await self._connect()

    async def _connect(self) -> str:
        """Connect to the scheduler; returns why that failed."""
        try:
            self._client = await self._dask.Client(
                self.address,
                asynchronous=True,
                security=self._security,
                set_as_default=False,
                timeout=_CONNECTS,
                name="comfyflow",
            )
        except (OSError, asyncio.TimeoutError) as error:
            await asyncio.sleep(_LOOKS)
            return str(error)
        return ""

    def workers(self, name: str) -> Sequence[str]:
        """The addresses of the workers beside a server, at the last check."""
        return [*self._workers.get(name, ())]

    def away(self, name: str) -> float:
        """How many seconds a server had had no worker, at the last check that the scheduler answered.

        The time since then does not count: a scheduler that is busy, or gone, says nothing about workers.
        """
        return self._looked - self._seen[name]

    async def _look(self) -> None:
        """Check which workers there are."""
        client = await self.client()
        try:
            told = await within(client.scheduler.identity(n_workers=-1), _ANSWERS)
        except (OSError, asyncio.TimeoutError):
            told = None
        if told is None:
            self._told = ""
            return
        now = self._looked = time.monotonic()
        if told["id"] != self._told:
            # Workers need a moment to find a scheduler that has just started, or that was away.
            self._seen = dict.fromkeys(self._seen, now)
        self._told = told["id"]
        found: dict[str, dict[str, str]] = {}
        for address, worker in told["workers"].items():
            for name in worker.get("resources", ()):
                if self.is_own(name):
                    found.setdefault(name, {})[address] = worker["name"]
        self._workers = found
        self._seen.update(dict.fromkeys(found, now))

    async def ask(self, name: str, what: str, *arguments: Any) -> Any:
        """Ask a worker beside a server: see `dask_worker.ask`.

        Raises:
            ServerUnreachable: There is none, or it does not answer, or its server does not.
        """
        return (await self._asked(name, self.workers(name)[-1:], what, arguments))[0]

    async def put(self, name: str, *piece: Any) -> None:
        """Send a chunk of a file to each worker beside a server: see `dask_worker.ask`.

        Raises:
            ServerUnreachable: There is none, or one does not answer or cannot keep it.
        """
        await self._asked(name, self.workers(name), "put", piece)

    async def _asked(
        self, name: str, workers: Sequence[str], what: str, arguments: Sequence[Any]
    ) -> list[Any]:
        if not workers:
            raise ServerUnreachable(f"there is no Dask worker beside {name} now")
        client = await self.client()
        try:
            asking = client.run(ask, what, *arguments, workers=[*workers])
            answers = await within(asking, _ANSWERS)
            told = [answers[address] for address in workers]
        except (OSError, KeyError, asyncio.TimeoutError) as error:
            raise ServerUnreachable(f"the worker beside {name} does not answer ({error!r})") from None
        for each in told:
            if "error" in each:
                raise ServerUnreachable(f"{name}: {each['error']}")
        return [each["answer"] for each in told]

    async def run(self, name: str, task: dict[str, Any]) -> dict[str, Any] | NoEnd:
        """Run a row with the worker beside a server; returns its end, or why there is none.

        Args:
            name: The server.
            task: See `run_row`.

        Raises:
            ClientError: The worker cannot do it.
        """
        verdicts = 0
        workers = [*self._workers.get(name, {}).values()]
        task["worker"] = workers[0] if task["prompt"] is not None and len(workers) == 1 else None
        while True:
            client = await self.client()
            future = client.submit(
                run_row,
                task,
                key=f"comfyflow-{task['prompt_id']}",
                resources={RESOURCE: self.share, name: 0},
                pure=False,
            )
            waiter = self._waiter(future)
            try:
                while not waiter.done():
                    await asyncio.wait([waiter], timeout=_LOOKS)
                    if not waiter.done() and client.status in _CLOSES:
                        break
                    if not waiter.done() and self.away(name) > self.patience:
                        with suppress(OSError, asyncio.TimeoutError):
                            await self._cancelled(future)  # otherwise a worker may still get the task
                            if _told(waiter)[0] is None:
                                return "away"
                told, error = _told(waiter)
            finally:
                future.release()  # which ends its waiter
            if told is not None:
                return told
            task["worker"] = None
            if isinstance(error, self._dask.scheduler.KilledWorker):
                verdicts += 1
                if verdicts >= _VERDICTS:
                    return "killed"
            elif error is not None:
                raise ClientError(f"the worker beside {name} cannot run a row: {error!r}")
            await asyncio.sleep(0)

    def _waiter(self, future: Any) -> asyncio.Task[Told]:
        """Wait for a task's result.

        Only `close` cancels this: Dask reads the results of several tasks in one go, and a reading that
        is cancelled ends the others, and all that come later.
        """
        waiter = asyncio.create_task(_awaited(future))
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        return waiter

    async def _cancelled(self, future: Any) -> None:
        await within(future.cancel(), GOES_OFF)

    async def forget(self, prompt_id: str) -> None:
        """Keep the scheduler from starting a row."""
        client = await self.client()
        await self._cancelled(self._dask.Future(f"comfyflow-{prompt_id}", client))


Told: TypeAlias = tuple[dict[str, Any] | None, BaseException | None]
"""A future's result, or how it failed; neither if the scheduler or the result is gone."""


def _told(waiter: asyncio.Task[Told]) -> Told:
    return waiter.result() if waiter.done() and not waiter.cancelled() else (None, None)


async def _awaited(future: Any) -> Told:
    distributed = dask_distributed()
    ended: tuple[type[BaseException], ...] = (
        distributed.client.FutureCancelledError,
        distributed.comm.CommClosedError,
    )
    try:
        return await future, None
    except ended:
        return None, None
    except Exception as error:  # noqa: BLE001  # reported with the row
        return None, error
