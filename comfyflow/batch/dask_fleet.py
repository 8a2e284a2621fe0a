"""Servers of a batch that stand beside workers of Dask.

The ledger decides as ever which row goes to which server, and has the prompt's id before a task is sent.
A task is bound to its server by a resource, not to a worker: when a worker ends, the scheduler keeps the
task for the next one beside the same server; when the scheduler ends, the task is sent again to the next
scheduler. Either way the worker finds the prompt in its server, if it came so far.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..bounds import MIB
from ..errors import ClientError, DownloadError, SaveError, ServerUnreachable
from ..input_file import is_plain_path
from ..saved_file import clean_name, local_errors
from ..schema.installed_files import is_media_file
from ..source import Source
from .dask_worker import RESOURCE, ask, dask_distributed, run_row
from .fleet import WORKER_PREFIX, NamedServers, RowServer
from .outputs import output_name, save_output
from .record import Attempt, Ending, SavedOutput
from .schedule import Offer
from .server import PATIENCE, Ended, Stopped

if TYPE_CHECKING:
    from ..client import ClientOptions

_LOOKS: Final = 1.0
"""Seconds between two looks at which workers there are."""

_AWAY: Final = 600.0
"""Seconds for which a scheduler is waited for that has ended."""

_CONNECTS: Final = 10.0
_ANSWERS: Final = 120.0
_GOES_OFF: Final = 10.0
"""Seconds that a connection, an answer of a worker, and taking a prompt off may take."""

_DEATHS: Final = 2
"""How often a task may be given up by the scheduler because workers ended that had it."""

_FETCHES: Final = 3
"""How often the files of a row are fetched again because its worker has ended meanwhile."""

_PIECES: Final = 8
"""How many pieces of files are read at once."""

_UPLOADS: Final = 8 * MIB
"""How many bytes the files may have that a row's prompt names: they go with its task."""


class DaskServers:
    """The servers beside the workers of a cluster.

    Args:
        address: The scheduler's address.
        security: How it is connected to; by default as Dask is configured.
        shared: The folder of the outputs as the workers see it; they write files there. Without it files are
            sent.
        depth: How many rows a server has at once.
        options: How servers are connected to that an earlier run had without Dask.
        patience: Seconds that a worker may be away before its rows go elsewhere.

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
        self._workers: dict[str, list[str]] = {}
        self._seen: dict[str, float] = {}
        self._told = ""

    async def start(self, out: Path) -> Sequence[str]:
        """Connect to the scheduler; gives the servers that its workers stand beside.

        Raises:
            ServerUnreachable: No scheduler answers.
            SaveError: Nothing can be written into the folder.
        """
        await self.client(patience=0.0)
        if self.shared:
            await asyncio.to_thread(self._mark, out)
            self._out = out
        await self._look()
        return [*self._workers]

    def _mark(self, out: Path) -> None:
        """Put a file into the folder of the outputs by which workers know it."""
        with local_errors(out):
            for old in out.glob(".shared-*"):
                old.unlink(missing_ok=True)
            (out / self.token).touch()

    def make(self, name: str) -> RowServer:
        """The server of a name; one that is an address was in use without Dask."""
        if not self.is_own(name):
            return self._named.make(name)
        self._seen.setdefault(name, time.monotonic())
        return DaskServer(self, name)

    def is_own(self, name: str) -> bool:
        """Whether a worker may join beside it."""
        return name.startswith(WORKER_PREFIX)

    async def watch(self, joined: Callable[[str], None]) -> None:
        """Tell of servers whose workers join."""
        while True:
            await asyncio.sleep(_LOOKS)
            await self._look()
            for name in self._workers:
                joined(name)

    async def close(self) -> None:
        """Close the connection; what servers have goes on."""
        if self._out is not None:
            (self._out / self.token).unlink(missing_ok=True)
        if self._client is not None:
            await self._client.close()

    async def client(self, patience: float = _AWAY) -> Any:
        """A client of the scheduler, which may be another one than before.

        Args:
            patience: Seconds that the scheduler may be away.

        Raises:
            ServerUnreachable: It is away for longer.
        """
        async with self._connecting:
            end = time.monotonic() + patience
            while self._client is None or self._client.status == "closed":
                reason = await self._connect()
                if reason and time.monotonic() >= end:
                    raise ServerUnreachable(
                        f"no scheduler of Dask answers at {self.address} ({reason}); what became of the rows "
                        "is in the ledger"
                    )
            return self._client

    async def _connect(self) -> str:
        """Connect to the scheduler; gives why that did not succeed."""
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
        """The addresses of the workers beside a server, when last looked."""
        return self._workers.get(name, ())

    def away(self, name: str) -> float:
        """For how many seconds no worker was beside a server, while there was a scheduler."""
        return time.monotonic() - self._seen[name]

    async def _look(self) -> None:
        """See which workers there are. Without a scheduler nobody can tell, and none is away."""
        client = await self.client()
        try:
            told = await asyncio.wait_for(client.scheduler.identity(n_workers=-1), _ANSWERS)
        except (OSError, asyncio.TimeoutError):
            told = None
        now = time.monotonic()
        if told is None or told["id"] != self._told:
            # Workers need a moment to find a scheduler that has just begun.
            self._seen = dict.fromkeys(self._seen, now)
        if told is None:
            return
        self._told = told["id"]
        found: dict[str, list[str]] = {}
        for address, worker in told["workers"].items():
            for name in worker.get("resources", ()):
                if self.is_own(name):
                    found.setdefault(name, []).append(address)
        self._workers = found
        self._seen.update(dict.fromkeys(found, now))

    async def ask(self, name: str, what: str, *arguments: Any) -> Any:
        """Ask a worker beside a server: see `dask_worker.ask`.

        Raises:
            ServerUnreachable: There is none, or it does not answer, or its server does not.
        """
        workers = self.workers(name)
        if not workers:
            raise ServerUnreachable(f"no worker of Dask stands beside {name} now")
        address = workers[-1]
        client = await self.client()
        try:
            answers = await asyncio.wait_for(client.run(ask, what, *arguments, workers=[address]), _ANSWERS)
            told = answers[address]
        except (OSError, KeyError, asyncio.TimeoutError) as error:
            raise ServerUnreachable(f"the worker beside {name} does not answer ({error!r})") from None
        if "error" in told:
            raise ServerUnreachable(f"{name}: {told['error']}")
        return told["answer"]

    async def run(self, name: str, task: dict[str, Any]) -> dict[str, Any] | None:
        """Have the worker beside a server run a row; None where there is none for too long.

        Args:
            name: The server.
            task: See `run_row`.

        Raises:
            ClientError: The worker cannot do it.
        """
        deaths = 0
        workers = self.workers(name)
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
            waiter = asyncio.create_task(_awaited(future))
            try:
                while not waiter.done():
                    await asyncio.wait([waiter], timeout=_LOOKS)
                    if not waiter.done() and self.away(name) > self.patience:
                        await self._cancelled(future)
                        return None
                told, error = waiter.result()
            finally:
                waiter.cancel()
                future.release()
            if told is not None:
                return told
            task["worker"] = None
            if isinstance(error, self._dask.scheduler.KilledWorker):
                deaths += 1
                if deaths >= _DEATHS:
                    return None
            elif error is not None:
                raise ClientError(f"the worker beside {name} cannot run a row: {error!r}")
            await asyncio.sleep(0)

    async def _cancelled(self, future: Any) -> None:
        await asyncio.wait_for(future.cancel(), _GOES_OFF)

    async def forget(self, prompt_id: str) -> None:
        """Have the scheduler not begin with a row any more."""
        client = await self.client()
        await self._cancelled(self._dask.Future(f"comfyflow-{prompt_id}", client))


async def _awaited(future: Any) -> tuple[dict[str, Any] | None, BaseException | None]:
    """What a future gives, or how it failed; neither, where the scheduler has ended."""
    ended: type[BaseException] = dask_distributed().client.FutureCancelledError
    try:
        return await future, None
    except ended:
        return None, None
    except Exception as error:  # noqa: BLE001  # told with the row
        return None, error


class DaskServer:
    """A server that a worker of Dask stands beside.

    Args:
        fleet: The cluster.
        name: What the ledger calls it.
    """

    def __init__(self, fleet: DaskServers, name: str) -> None:
        self.url: Final = name
        self.leaves_prompts: bool = False
        self._fleet: Final = fleet

    def doing(self) -> str:
        """Nobody knows."""
        return ""

    async def close(self) -> None:
        """The connection is the cluster's."""

    async def offers(self, classes: Iterable[str]) -> Mapping[str, Offer | None]:
        """Ask for node classes.

        Raises:
            ServerUnreachable: It cannot be asked.
        """
        fleet = self._fleet
        told = await fleet.ask(self.url, "offers", sorted(classes), fleet.shared, fleet.token)
        return {
            name: None if each is None else Offer(frozenset(each[0]), each[1]) for name, each in told.items()
        }

    async def send(self, attempt: Attempt, source: Source, *, uploads: bool, alone: bool = False) -> Ended:
        """Have the prompt sent, and wait for its end.

        Raises:
            Stopped: The task was cancelled.
            SaveError: The worker cannot write what it gave.
        """
        task = self._task(attempt)
        task |= {"prompt": source.prompt, "alone": alone}
        if uploads:
            try:
                task["uploads"] = await asyncio.to_thread(_uploads, source)
            except (ClientError, OSError) as error:
                return Ended("invalid", str(error))
        return await self._run(task)

    async def take_up(self, attempt: Attempt) -> Ended:
        """Have the prompt looked for, and wait for its end.

        Raises:
            Stopped: The task was cancelled.
            SaveError: The worker cannot write what it gave.
        """
        return await self._run(self._task(attempt))

    async def remove(self, prompt_ids: Iterable[str]) -> Mapping[str, Ending]:
        """Have prompts taken off.

        Raises:
            ServerUnreachable: It cannot be asked.
        """
        found: dict[str, Ending] = await self._fleet.ask(self.url, "remove", [*prompt_ids])
        return found

    async def save(self, attempt: Attempt, given: dict[str, Any], folder: Path) -> Ended:
        """Fetch the files of a row, or see that they are there.

        Raises:
            SaveError: One cannot be written, or is not where workers have written it.
        """
        if self._fleet.shared:
            files = tuple([await _there(folder, file) for file in given["files"]])
            return Ended("completed", files=files, texts=given["texts"])
        for _ in range(_FETCHES):
            fetched = await self._fetched(attempt, given, folder)
            if fetched is not None:
                await self._drop(attempt, given)
                return fetched
            ended = await self.take_up(attempt)
            if ended.result is None:
                return Ended("download", ended.error) if ended.ending == "unsent" else ended
            given = ended.result
        return Ended("download", f"the worker beside {self.url} ended each time that its files were fetched")

    def _task(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "row": attempt.row,
            "prompt_id": attempt.prompt_id,
            "prompt_hash": attempt.prompt_hash,
            "prompt": None,
            "uploads": [],
            "alone": False,
            "worker": None,
            "shared": self._fleet.shared or None,
        }

    async def _run(self, task: dict[str, Any]) -> Ended:
        try:
            told = await self._fleet.run(self.url, task)
        except asyncio.CancelledError as interrupt:
            if self.leaves_prompts:
                raise
            raise Stopped(off=await self._off(task["prompt_id"])) from interrupt
        if told is None:
            away = f"no worker of Dask stands beside {self.url} any more"
            return Ended("abandoned", away, server_gone=True)
        unsaved = told.get("unsaved")
        if unsaved is not None:
            error = OSError(unsaved["errno"], f"{unsaved['strerror']} (on the worker beside {self.url})")
            raise SaveError(str(unsaved["path"]), error)
        result = told if told["ending"] == "completed" else None
        return Ended(told["ending"], told["error"], result, told["server_gone"])

    async def _off(self, prompt_id: str) -> bool:
        """Take a prompt off; gives whether it certainly is."""
        try:
            await self._fleet.forget(prompt_id)
            return bool(await asyncio.wait_for(self.remove([prompt_id]), _GOES_OFF))
        except (ClientError, OSError, asyncio.TimeoutError):
            return False

    async def _fetched(self, attempt: Attempt, given: dict[str, Any], folder: Path) -> Ended | None:
        """Write the files of a row; None where the worker does not have them any more."""
        saved: list[SavedOutput] = []
        try:
            for index, file in enumerate(given["files"]):
                target = folder / output_name(attempt, index, file["name"])
                arrive = partial(self._arrive, attempt, file)
                saved.append(await save_output(arrive, target, file["node_id"]))
        except _Gone:
            return None
        except SaveError:
            raise
        except DownloadError as error:
            return Ended("download", str(error))
        return Ended("completed", files=tuple(saved), texts=given["texts"])

    async def _arrive(self, attempt: Attempt, file: dict[str, Any], path: Path) -> None:
        """Write a file from its head and further pieces.

        Raises:
            _Gone: The worker does not have it any more.
            DownloadError: It is not the file that was told of.
        """
        digest, size, piece = hashlib.sha256(), 0, file["head"]
        with path.open("wb") as opened:
            while True:
                digest.update(piece)
                size += len(piece)
                await asyncio.to_thread(opened.write, piece)
                if size >= file["size"]:
                    break
                async with self._fleet.pieces:
                    piece = await self._piece(attempt, file["name"], size)
        if digest.hexdigest() != file["sha256"]:
            raise DownloadError(f"{file['name']} of row {attempt.row} has not arrived as {self.url} gave it")

    async def _piece(self, attempt: Attempt, name: str, offset: int) -> bytes:
        try:
            piece: bytes | None = await self._fleet.ask(self.url, "read", attempt.prompt_id, name, offset)
        except ServerUnreachable:
            piece = None
        if not piece:
            raise _Gone
        return piece

    async def _drop(self, attempt: Attempt, given: dict[str, Any]) -> None:
        """Say that the files are here; a worker that has ended has dropped them already."""
        if any(len(file["head"]) < file["size"] for file in given["files"]):
            try:
                await self._fleet.ask(self.url, "drop", attempt.prompt_id)
            except ServerUnreachable:
                return


class _Gone(Exception):
    """The worker that had a file has ended."""


async def _there(folder: Path, file: dict[str, Any]) -> SavedOutput:
    """A file that a worker has written into the shared folder; network folders may show it a little later.

    Raises:
        SaveError: It is not there.
    """
    name: str = file["name"]
    path = folder / clean_name(name)
    for pause in (0.0, 0.1, 0.5, 1.0, 2.0, 4.0):
        await asyncio.sleep(pause)
        if path.is_file() and path.stat().st_size == file["size"]:
            return SavedOutput(path.name, file["node_id"], file["size"], file["sha256"])
    why = FileNotFoundError(2, "a worker has written it to --shared, and it is not here")
    raise SaveError(str(path), why)


def _uploads(source: Source) -> list[tuple[str, str, str, bytes]]:
    """The files of this computer that a prompt names, with their bytes.

    Raises:
        ClientError: They are too large to go with a task, or must not be sent.
    """
    found: list[tuple[str, str, str, bytes]] = []
    size = 0
    for node_id, node in source.prompt.items():
        for name, text in node["inputs"].items():
            value = source.value(node_id, name)
            if not isinstance(text, str) or not _is_sent(source, node_id, name, value):
                continue
            path = Path(value)
            size += path.stat().st_size
            if size > _UPLOADS:
                raise ClientError(
                    f"the files that it names have more than {_UPLOADS // MIB} MiB, the most that goes "
                    "to a worker of Dask; put them into the input folders of the servers"
                )
            found.append((node_id, name, path.name, path.read_bytes()))
    return found


def _is_sent(source: Source, node_id: str, name: str, value: object) -> bool:
    """Whether a value is a file that is sent: the user's own, or one below this folder."""
    if isinstance(value, Path):
        return True
    if not isinstance(value, str) or not is_media_file(value) or not Path(value).is_file():
        return False
    return source.is_own(node_id, name) or is_plain_path(value)
