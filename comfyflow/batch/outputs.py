"""Writing the outputs of rows: under our own names, completely, and never over existing files."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..client.routes.file_routes import fetch
from ..saved_file import SavedFile, clean_name, local_errors
from .record import Attempt, SavedOutput

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..output_file import OutputFile

_PIECE: Final = 1 << 20
_LONGEST_SUFFIX: Final = 10


def output_name(attempt: Attempt, index: int, server_name: str) -> str:
    """The name of a row's file: ``{row}_{prompt_hash:.8}_{index}`` and the suffix that the server gave it.

    Args:
        attempt: The row and its prompt.
        index: The index among the row's files.
        server_name: Its name on the server.
    """
    suffix = Path(clean_name(server_name)).suffix
    return f"{attempt.row}_{attempt.prompt_hash:.8}_{index}{suffix if len(suffix) <= _LONGEST_SUFFIX else ''}"


async def save_outputs(
    client: AsyncClient, files: Sequence[OutputFile], folder: Path, attempt: Attempt
) -> tuple[SavedOutput, ...]:
    """Write the files of a row, one after the other.

    A file that an earlier process wrote but did not record is reused if it has the same bytes; otherwise the
    new file gets a number.

    Args:
        client: The client of the server that has them.
        files: The files.
        folder: The target folder.
        attempt: The row and its prompt.

    Returns:
        The files in order; they are on disk.

    Raises:
        DownloadError: One did not arrive in full, or the server no longer has it.
        SaveError: One cannot be written.
        ServerUnreachable: The server does not answer.
    """
    return tuple(
        [
            await _save(client, file, folder / output_name(attempt, index, file.name))
            for index, file in enumerate(files)
        ]
    )


async def _save(client: AsyncClient, file: OutputFile, target: Path) -> SavedOutput:
    async def arrive(path: Path) -> None:
        await client._driver.drive(fetch(client._core, file, path))

    return await save_output(arrive, target, file.node_id or "")


async def save_output(
    arrive: Callable[[Path], Coroutine[Any, Any, None]], target: Path, node_id: str
) -> SavedOutput:
    """Write one file.

    Args:
        arrive: Writes its bytes to a path.
        target: Its intended path.
        node_id: The node that gave it.

    Returns:
        The file; it is on disk.

    Raises:
        SaveError: It cannot be written.
    """
    arriving = target.with_name(f".{target.name}.part")
    with local_errors(arriving):
        arriving.unlink(missing_ok=True)
    try:
        with local_errors(target):
            await arrive(arriving)
            name, size, digest = await asyncio.to_thread(_placed, arriving, target)
    finally:
        arriving.unlink(missing_ok=True)
    return SavedOutput(name, node_id, size, digest)


def sealed(path: Path) -> tuple[int, str]:
    """The size and SHA-256 of a file, once its bytes are on disk."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())
        size, digest = 0, hashlib.sha256()
        while piece := opened.read(_PIECE):
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def _placed(arrived: Path, target: Path) -> tuple[str, int, str]:
    """Give a file its name once its bytes are on the disk; its name, its size and its SHA-256."""
    size, digest = sealed(arrived)
    if target.is_file() and not target.is_symlink() and sealed(target)[1] == digest:
        return target.name, size, digest
    with SavedFile(target, overwrite=False, renamed=True, partial=arrived) as saved:
        pass
    return saved.path.name, size, digest
