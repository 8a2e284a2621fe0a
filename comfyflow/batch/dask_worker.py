"""A Dask worker beside a ComfyUI server, which runs rows of batches on it.

A submitter sends plain data and a function of this module. A task may come again, because a worker or the
scheduler ended: it looks for its prompt's id in the server's queue and history before queueing it, so the
prompt runs once.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from typing_extensions import override

from ..bounds import MIB
from ..errors import ClientError, CommandError, SaveError
from ..extra import needing
from ..saved_file import clean_name
from ..source import Source
from .fleet import WORKER_PREFIX
from .outputs import sealed
from .record import Attempt
from .server import LOOKS, PATIENCE, BatchServer, Ended, Stopped

if TYPE_CHECKING:
    from ..client import ClientOptions

RESOURCE: Final = "comfyui"
"""The resource that each worker has one of, and that each row takes its share of."""

HEAD: Final = MIB
"""How many bytes of files come with a row's end; the others are read in chunks."""

PIECE: Final = 4 * MIB
"""How many bytes of a file are sent at once."""

_THREADS: Final = 8
"""How many rows a worker handles at once; more of them wait at the worker."""

_REMEMBERED: Final = 10_000
"""How many cancelled prompts are remembered, so that they are not sent."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
"""Seconds before a worker that could not register tries again; they double from the first to the last."""

_NAME: Final = re.compile(r"[\w.:\[\]/-]{1,200}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  # only compared with


def dask_distributed() -> Any:
    """The library ``distributed``, which has no type hints.

    Raises:
        MissingExtraError: It is not installed.
    """
    with needing("a batch on Dask", "dask"):
        return import_module("distributed")


def server_name(url: str, name: str = "") -> str:
    """The server's name in ledgers, which must be the same after a restart.

    Args:
        url: The server's address, as the worker sees it.
        name: The name that the user chose; by default the machine and the port.

    Raises:
        CommandError: It is not a valid name.
    """
    if not name:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host = socket.gethostname() if host in _LOOPBACK else host
        port = parts.port or (443 if parts.scheme == "https" else 80)
        name = f"{host}:{port}{parts.path.rstrip('/')}"
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} is not a valid server name: use only letters, digits and ._:/-, at most 200"
        )
    return WORKER_PREFIX + name


class Station:
    """A server and the prompts that tasks have sent to it; it outlives the workers of a process.

    Args:
        server: The server.
        name: Its name in ledgers.
    """

    def __init__(self, server: BatchServer, name: str) -> None:
        self.server: Final = server
        self.name: Final = name
        self._runs: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._final: dict[str, None] = {}

    async def close(self) -> None:
        """Leave all prompts to the server."""
        self.server.leaves_prompts = True
        runs = [*self._runs.values()]
        for each in runs:
            each.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await self.server.close()

    async def run(self, task: Mapping[str, Any], folder: Path, *, first: bool) -> dict[str, Any]:
        """Run a row, or wait for it if it is already running.

        Args:
            task: See `run_row`.
            folder: Where files are kept until they are read.
            first: Whether no other worker can have had the task before.
        """
        prompt_id: str = task["prompt_id"]
        running = self._runs.get(prompt_id)
        if running is None:
            running = self._runs[prompt_id] = asyncio.create_task(
                self._run(task, folder / prompt_id, () if first else LOOKS)
            )
            running.add_done_callback(lambda _: self._runs.pop(prompt_id, None))
        return await asyncio.shield(running)

    async def _run(self, task: Mapping[str, Any], folder: Path, looks: Sequence[float]) -> dict[str, Any]:
        attempt = Attempt(task["row"], self.name, task["prompt_id"], task["prompt_hash"])
        shared = task["shared"]
        try:
            ended = await self._ended(attempt, task, folder, looks)
            if ended.result is not None:
                target = Path(shared) if shared else folder
                if not shared:
                    await asyncio.to_thread(_emptied, folder)
                ended = await self.server.save(attempt, ended.result, target)
        except SaveError as error:
            told = {"path": error.filename, "errno": error.errno, "strerror": error.strerror}
            return {**_plain(Ended("download")), "unsaved": told}
        except Stopped as stopped:
            return _plain(Ended("cancelled" if stopped.off else "abandoned", "it was removed"))
        return await asyncio.to_thread(_with_heads, _plain(ended), folder, bool(shared))

    async def _ended(
        self, attempt: Attempt, task: Mapping[str, Any], folder: Path, looks: Sequence[float]
    ) -> Ended:
        """Find the prompt, or send it."""
        ended = await self.server.take_up(attempt, looks=looks)
        if ended.ending != "unsent":
            return ended
        if attempt.prompt_id in self._final:
            return Ended("unsent", "it was cancelled before it was sent")
        if task["prompt"] is None:
            self._refuse(attempt.prompt_id)
            return ended
        given: dict[tuple[str, str], Any] = {}
        for index, entry in enumerate(task["uploads"]):
            path = _input(folder, index, entry["name"])
            if entry["content"] is not None:
                await asyncio.to_thread(_written, path, entry["content"])
            elif not await asyncio.to_thread(_is_whole, path, entry["size"], entry["sha256"]):
                self._refuse(attempt.prompt_id)
                return Ended(
                    "unsent", f"{entry['name']} did not reach the worker, which started after it was sent"
                )
            given[entry["node_id"], entry["input"]] = path
        source = Source(task["prompt"], given=given)
        return await self.server.send(attempt, source, uploads=tuple(given), alone=task["alone"])

    def _refuse(self, prompt_id: str) -> None:
        """Never send a prompt, even if its task still comes."""
        self._final[prompt_id] = None
        while len(self._final) > _REMEMBERED:
            del self._final[next(iter(self._final))]

    async def offers(self, classes: Sequence[str], shared: str, token: str) -> dict[str, Any]:
        """The server's node classes; see `ask`.

        Args:
            classes: The node classes to ask for.
            shared: The output folder as the workers see it; empty if files are sent.
            token: A file in it.
        """
        if shared and not await asyncio.to_thread((Path(shared) / token).is_file):
            raise ClientError(f"{shared} is not the folder of --out there, or cannot be read")
        found = await self.server.offers(classes)
        return {
            name: None if each is None else [sorted(each.files), each.is_open] for name, each in found.items()
        }

    async def remove(self, prompt_ids: Sequence[str]) -> dict[str, str]:
        """Remove prompts, and never send them."""
        running: list[asyncio.Task[Any]] = []
        for prompt_id in prompt_ids:
            self._refuse(prompt_id)
            if prompt_id in self._runs:
                running.append(self._runs[prompt_id])
                running[-1].cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return {**await self.server.remove(prompt_ids)}


_STATIONS: Final[WeakKeyDictionary[Any, Station]] = WeakKeyDictionary()


async def run_row(task: dict[str, Any]) -> dict[str, Any]:
    """Run the task of a row.

    Args:
        task: ``row``, ``prompt_id``, ``prompt_hash``; ``prompt``: the prompt JSON, None to only look for it;
            ``uploads``: ``node_id``, ``input``, ``name`` and ``content`` of each file, or, if it was put here
            before, None with ``size`` and ``sha256``; ``alone``: whether to free the server before it;
            ``worker``: the name of the only worker that can be the first to have it, or None; ``shared``: the
            folder to write files to, or None.

    Returns:
        ``ending``, ``error``, ``server_gone``, ``texts`` and ``files``, each with its ``head``, the first of
        its bytes.
    """
    worker: Any = dask_distributed().get_worker()
    first = task["worker"] == worker.name
    return await _STATIONS[worker].run(task, _folder(worker), first=first)


async def ask(what: str, *arguments: Any, dask_worker: Any = None) -> dict[str, Any]:
    """Ask a worker something outside its tasks.

    Args:
        what: ``offers``, ``remove``, ``put``, ``read`` or ``drop``.
        arguments: See the methods of `Station`, `_put`, `_read` and `_drop`.
        dask_worker: The worker, passed by Dask.

    Returns:
        ``answer``, or ``error``.
    """
    station, folder = _STATIONS[dask_worker], _folder(dask_worker)
    try:
        if what == "offers":
            return {"answer": await station.offers(*arguments)}
        if what == "remove":
            return {"answer": await station.remove(*arguments)}
        acts: dict[str, Callable[..., bytes | None]] = {"put": _put, "read": _read, "drop": _drop}
        return {"answer": await asyncio.to_thread(acts[what], folder, *arguments)}
    except (ClientError, OSError) as error:
        return {"error": str(error).partition("\n")[0]}


def _read(folder: Path, prompt_id: str, name: str, offset: int) -> bytes | None:
    """The next bytes of a row's file; None if it is no longer here."""
    try:
        with (folder / clean_name(prompt_id) / clean_name(name)).open("rb") as opened:
            opened.seek(offset)
            return opened.read(PIECE)
    except FileNotFoundError:
        return None


def _drop(folder: Path, prompt_id: str) -> None:
    """Drop a row's files, which have been read."""
    shutil.rmtree(folder / clean_name(prompt_id), ignore_errors=True)


def _put(folder: Path, prompt_id: str, index: int, name: str, offset: int, piece: bytes) -> None:
    """Store the next bytes of a row's input file."""
    path = _input(folder / clean_name(prompt_id), index, name)
    if offset == 0:
        _written(path, piece)
        return
    with path.open("r+b") as opened:
        opened.seek(offset)
        opened.write(piece)


def _input(folder: Path, index: int, name: str) -> Path:
    """The path of a row's input file."""
    return folder / f"input-{index}" / clean_name(name)


def _is_whole(path: Path, size: int, digest: str) -> bool:
    """Whether a file arrived as it was sent."""
    return path.is_file() and sealed(path) == (size, digest)


def _folder(worker: Any) -> Path:
    """Where a worker keeps files; Dask removes what a killed worker leaves there."""
    return Path(worker.local_directory) / "comfyflow"


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _plain(ended: Ended) -> dict[str, Any]:
    """An outcome as plain data."""
    return {
        "ending": ended.ending,
        "error": ended.error,
        "server_gone": ended.server_gone,
        "texts": dict(ended.texts),
        "files": [
            {"name": file.name, "node_id": file.node_id, "size": file.size, "sha256": file.sha256}
            for file in ended.files
        ],
    }


def _with_heads(told: dict[str, Any], folder: Path, shared: bool) -> dict[str, Any]:
    """Add the first bytes of the files to an outcome; files sent completely need not be kept."""
    left = 0 if shared else HEAD
    for file in told["files"]:
        file["head"] = b""
        if left:
            with (folder / file["name"]).open("rb") as opened:
                file["head"] = opened.read(left)
            left -= len(file["head"])
    if all(shared or len(file["head"]) == file["size"] for file in told["files"]):
        shutil.rmtree(folder, ignore_errors=True)
    return told


async def work(
    scheduler: str,
    comfyui: str,
    *,
    name: str = "",
    options: ClientOptions | None = None,
    patience: float = PATIENCE,
    scratch: Path | None = None,
    host: str | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> None:
    """Run a Dask worker beside a ComfyUI server until this is cancelled.

    If the scheduler ends, the worker waits until it is back; meanwhile prompts keep running.

    Args:
        scheduler: The address of the scheduler.
        comfyui: The address of the server.
        name: What ledgers call the server: see `server_name`.
        options: How the server is connected to.
        patience: Seconds that the server may be away before its rows are sent elsewhere.
        scratch: A folder for files in transit.
        host: The address that this worker listens on; by default one that the scheduler can reach.
        say: Called with each event.

    Raises:
        MissingExtraError: Dask is not installed.
        CommandError: `name` is not valid.
    """
    distributed = dask_distributed()
    called = server_name(comfyui, name)
    station = Station(BatchServer(comfyui, options or {}, patience), called)
    pause = _FIRST_PAUSE
    try:
        while True:
            worker: Any = distributed.Worker(
                scheduler,
                name=f"{called} {uuid.uuid4()}",  # an address may have been an earlier worker's
                nthreads=_THREADS,
                resources={RESOURCE: 1, called: 1},
                local_directory=None if scratch is None else str(scratch),
                dashboard=False,
                host=host,
            )
            _STATIONS[worker] = station
            try:
                await _registered(worker, lambda: say(f"{called} takes rows of {scheduler}"))
                pause = _FIRST_PAUSE
                say(f"the scheduler {scheduler} has ended; waiting for it")
            except (OSError, RuntimeError, asyncio.TimeoutError) as error:
                say(f"{scheduler}: {error}; trying again")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        await station.close()


async def _registered(worker: Any, begun: Callable[[], object]) -> None:
    """Run a worker until it ends."""
    try:
        started: Awaitable[Any] = worker
        await started
        begun()
        await worker.finished()
    finally:
        # A worker that closes logs a heartbeat that was under way as an error with a traceback.
        log, filtered = logging.getLogger("distributed.worker"), _NoHeartbeat()
        log.addFilter(filtered)
        try:
            await asyncio.shield(worker.close(reason="comfyflow"))
        finally:
            log.removeFilter(filtered)


class _NoHeartbeat(logging.Filter):
    """Drops what is logged about heartbeats."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return "heartbeat" not in record.getMessage()
