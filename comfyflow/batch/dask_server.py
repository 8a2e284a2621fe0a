"""A server beside a Dask worker: rows go to it as tasks, and their files come back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..bounds import MIB
from ..errors import ClientError, DownloadError, SaveError, ServerUnreachable
from ..input_file import is_file, is_plain_path
from ..saved_file import clean_name
from ..schema.installed_files import is_media_file
from ..source import Source
from ..timeout import within
from .dask_worker import PIECE
from .outputs import output_name, save_output
from .record import Attempt, Ending, SavedOutput
from .schedule import Offer
from .server import Ended, Stopped

if TYPE_CHECKING:
    from .dask_fleet import DaskServers

GOES_OFF: Final = 10.0
"""Seconds that removing a prompt may take."""

_KILLED: Final = 3
"""How often workers may end with a row before it is given up."""

_OURS: Final = ("unsent", "interrupted", "lost")
"""How a prompt ends that was removed from its server."""

_FETCHES: Final = 3
"""How often the files of a row are fetched again because its worker has ended."""

_UPLOADS: Final = 8 * MIB
"""How many bytes of a row's input files go with its task; other files go before it, in chunks."""


class DaskServer:
    """A server with a Dask worker beside it.

    Args:
        fleet: The cluster.
        name: Its name in the ledger.
    """

    def __init__(self, fleet: DaskServers, name: str) -> None:
        self.url: Final = name
        self.leaves_prompts: bool = False
        self._fleet: Final = fleet

    def doing(self) -> str:
        """See `Server`: unknown here."""
        return ""

    async def close(self) -> None:
        """See `Server`: the connection belongs to the cluster."""

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

    async def send(
        self, attempt: Attempt, source: Source, *, uploads: Sequence[object], alone: bool = False
    ) -> Ended:
        """Send the prompt through a worker, and wait for its end.

        Raises:
            Stopped: The task was cancelled.
            SaveError: The worker cannot write its outputs.
        """
        task = self._task(attempt)
        task |= {"prompt": source.prompt, "alone": alone}
        if uploads:
            try:
                task["uploads"] = await self._uploaded(attempt, source)
            except ServerUnreachable as error:
                return Ended("unsent", str(error), server_gone=True)
            except OSError as error:
                return Ended("invalid", str(error))
        return await self._run(task)

    async def _uploaded(self, attempt: Attempt, source: Source) -> list[dict[str, Any]]:
        """The local files that a prompt names, as its task carries them: with their bytes, or sent before.

        Raises:
            OSError: One cannot be read.
            ServerUnreachable: No worker accepts them.
        """
        found: list[dict[str, Any]] = []
        left = _UPLOADS
        for index, (node_id, name, path) in enumerate(_input_files(source)):
            size = (await asyncio.to_thread(path.stat)).st_size
            entry: dict[str, Any] = {"node_id": node_id, "input": name, "name": path.name, "size": size}
            if size <= left:
                left -= size
                entry["content"] = await asyncio.to_thread(path.read_bytes)
            else:
                entry |= await self._put(attempt, index, path)
            found.append(entry)
        return found

    async def _put(self, attempt: Attempt, index: int, path: Path) -> dict[str, Any]:
        """Send a file in chunks to where its row may run; returns its size and digest."""
        digest, size = hashlib.sha256(), 0
        with await asyncio.to_thread(path.open, "rb") as opened:
            while piece := await asyncio.to_thread(opened.read, PIECE):
                digest.update(piece)
                async with self._fleet.pieces:
                    await self._fleet.put(self.url, attempt.prompt_id, index, path.name, size, piece)
                size += len(piece)
        return {"content": None, "size": size, "sha256": digest.hexdigest()}

    async def take_up(self, attempt: Attempt) -> Ended:
        """Find the prompt through a worker, and wait for its end.

        Raises:
            Stopped: The task was cancelled.
            SaveError: The worker cannot write its outputs.
        """
        return await self._run(self._task(attempt))

    async def remove(self, prompt_ids: Iterable[str]) -> Mapping[str, Ending]:
        """Remove prompts from the server.

        Raises:
            ServerUnreachable: It cannot be asked.
        """
        found: dict[str, Ending] = await self._fleet.ask(self.url, "remove", [*prompt_ids])
        return found

    async def save(self, attempt: Attempt, given: dict[str, Any], folder: Path) -> Ended:
        """Fetch the files of a row, or check that they are there.

        Raises:
            SaveError: One cannot be written, or is not where a worker wrote it.
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
        return Ended("download", f"the worker beside {self.url} ended each time its files were fetched")

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
            told = await self._told(task)
        except asyncio.CancelledError as interrupt:
            if self.leaves_prompts:
                raise
            raise Stopped(off=await self._off(task["prompt_id"])) from interrupt
        if isinstance(told, Ended):
            return told
        unsaved = told.get("unsaved")
        if unsaved is not None:
            error = OSError(unsaved["errno"], f"{unsaved['strerror']} (on the worker beside {self.url})")
            raise SaveError(str(unsaved["path"]), error)
        result = told if told["ending"] == "completed" else None
        return Ended(told["ending"], told["error"], result, told["server_gone"])

    async def _told(self, task: dict[str, Any]) -> dict[str, Any] | Ended:
        """What a worker reports at the end of a row.

        If workers end each time they have it, its prompt may still wait or run on the server. Before
        the row is sent again, the prompt is removed, and then looked for: it may have been too late.
        """
        removed = False
        for _ in range(_KILLED):
            told = await self._fleet.run(self.url, task)
            if told == "away":
                away = f"there is no longer a Dask worker beside {self.url}"
                return Ended("abandoned", away, server_gone=True)
            if told != "killed":
                if removed and told["ending"] in _OURS:
                    return Ended("lost", f"it was removed from {self.url}, whose workers ended with it")
                return told
            removed = await self._removed(task["prompt_id"]) or removed
            task = {**task, "prompt": None, "uploads": []}
        ended = f"the workers beside {self.url} ended each time they had the row"
        return Ended("download", ended) if removed else Ended("abandoned", ended, server_gone=True)

    async def _off(self, prompt_id: str) -> bool:
        """Take a task off the scheduler, and its prompt off the server; returns whether both are gone."""
        try:
            await self._fleet.forget(prompt_id)
        except (ClientError, OSError, asyncio.TimeoutError):
            return False
        return await self._removed(prompt_id)

    async def _removed(self, prompt_id: str) -> bool:
        """Remove a prompt from the server; returns whether a worker did so."""
        try:
            return bool(await within(self.remove([prompt_id]), GOES_OFF))
        except (ClientError, OSError, asyncio.TimeoutError):
            return False

    async def _fetched(self, attempt: Attempt, given: dict[str, Any], folder: Path) -> Ended | None:
        """Write the files of a row; None if the worker no longer has them."""
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
        """Write a file from its head and further chunks.

        Raises:
            _Gone: The worker does not have it any more.
            DownloadError: It is not the file that was announced.
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
            raise DownloadError(f"{file['name']} of row {attempt.row} did not arrive as {self.url} sent it")

    async def _piece(self, attempt: Attempt, name: str, offset: int) -> bytes:
        try:
            piece: bytes | None = await self._fleet.ask(self.url, "read", attempt.prompt_id, name, offset)
        except ServerUnreachable:
            piece = None
        if not piece:
            raise _Gone
        return piece

    async def _drop(self, attempt: Attempt, given: dict[str, Any]) -> None:
        """Report that the files have arrived; a worker that has ended has dropped them already."""
        if any(len(file["head"]) < file["size"] for file in given["files"]):
            try:
                await self._fleet.ask(self.url, "drop", attempt.prompt_id)
            except ServerUnreachable:
                return


class _Gone(Exception):
    """The worker that had a file has ended."""


async def _there(folder: Path, file: dict[str, Any]) -> SavedOutput:
    """A file that a worker wrote to the shared folder; network folders may show it a little later.

    Raises:
        SaveError: It is not there.
    """
    name: str = file["name"]
    path = folder / clean_name(name)
    for pause in (0.0, 0.1, 0.5, 1.0, 2.0, 4.0):
        await asyncio.sleep(pause)
        if path.is_file() and path.stat().st_size == file["size"]:
            return SavedOutput(path.name, file["node_id"], file["size"], file["sha256"])
    why = FileNotFoundError(2, "a worker wrote it to --shared, but it is not here")
    raise SaveError(str(path), why)


def _input_files(source: Source) -> Iterator[tuple[str, str, Path]]:
    """The local files that a prompt names: node, input, path."""
    for node_id, node in source.prompt.items():
        for name, text in node["inputs"].items():
            value = source.value(node_id, name)
            if isinstance(text, str) and _is_sent(source, node_id, name, value):
                yield node_id, name, Path(value)


def _is_sent(source: Source, node_id: str, name: str, value: object) -> bool:
    """Whether a value is a file to send: the user's own, or one below this folder."""
    if isinstance(value, Path):
        return True
    if not isinstance(value, str) or not is_media_file(value) or not is_file(value):
        return False
    return source.is_own(node_id, name) or is_plain_path(value)
