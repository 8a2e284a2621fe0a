"""Files of an `AsyncClient` for a notebook, which shows them within a running event loop and cannot await."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from typing_extensions import Buffer

from ..errors import BoundsError, ClientError
from ..output_file import OutputFile
from .core import Core
from .routes.file_routes import fetch_into
from .web_socket import Hub

if TYPE_CHECKING:
    from .async_driver import AsyncDriver

SECONDS: Final = 10.0
"""How long a notebook waits for the files of one cell."""


_CLOSING_SECONDS: Final = 3.0


_PARALLEL: Final = 4


def read_apart(driver: AsyncDriver, files: Sequence[OutputFile], largest: int) -> list[bytes | ClientError]:
    """Read files in a thread with its own event loop and connections, which end with the call.

    Args:
        driver: The client's; its own connections belong to another loop.
        files: The files.
        largest: How many bytes of each are read at most.

    Returns:
        Each file, or why it cannot be read; in the order of `files`.
    """
    read = _Reading(driver, files, largest)
    thread = threading.Thread(target=read.run, name="comfyflow-files", daemon=True)
    thread.start()
    thread.join(SECONDS + _CLOSING_SECONDS)
    if read.error is not None:
        raise read.error
    return [_late(file) if found is None else found for file, found in zip(files, read.found, strict=True)]


def _late(file: OutputFile) -> ClientError:
    return ClientError(
        f"it did not arrive within {SECONDS:g} s; `await file.asave(path)` fetches {file.name}"
    )


class _Reading:
    """What a thread reads.

    Args:
        driver: The client's.
        files: The files.
        largest: How many bytes of each are read at most.
    """

    def __init__(self, driver: AsyncDriver, files: Sequence[OutputFile], largest: int) -> None:
        self.found: list[bytes | ClientError | None] = [None] * len(files)
        self.error: Exception | None = None
        self._driver = driver
        self._files = files
        self._largest = largest

    def run(self) -> None:
        """Read all of them."""
        loop = asyncio.new_event_loop()  # not asyncio.run: packages for notebooks replace that
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self._read())
            loop.run_until_complete(loop.shutdown_asyncgens())
        except Exception as error:  # noqa: BLE001  # raised where the files are shown
            self.error = error
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    async def _read(self) -> None:
        core = _apart(self._driver.core)
        try:
            driver = self._driver.apart(core)
        except ClientError as error:
            self.found = [error] * len(self._files)
            return
        free = asyncio.Semaphore(_PARALLEL)
        tasks = [asyncio.ensure_future(self._one(driver, free, index)) for index, _ in enumerate(self._files)]
        try:
            await asyncio.wait(tasks, timeout=SECONDS)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await driver.close()

    async def _one(self, driver: AsyncDriver, free: asyncio.Semaphore, index: int) -> None:
        content = _Content(self._largest)
        try:
            async with free:
                await driver.drive(fetch_into(driver.core, self._files[index], content))
        except ClientError as error:
            self.found[index] = error
        else:
            self.found[index] = content.getvalue()


def _apart(core: Core) -> Core:
    """The same client without its socket, and with the time that a notebook has; closed if it is closed."""
    other = core.within(SECONDS)
    other.hub = Hub(core.new_signal, core.clock)
    if core.hub.stop.is_set():
        other.hub.close()
    return other


class _Content(io.BytesIO):
    """The bytes of a file, up to a limit."""

    def __init__(self, largest: int) -> None:
        super().__init__()
        self._largest = largest

    def write(self, piece: Buffer, /) -> int:
        """Take the next bytes.

        Raises:
            BoundsError: There are too many.
        """
        written = super().write(piece)
        if self.tell() > self._largest:
            raise BoundsError(
                f"it has more than {self._largest} bytes, too many to show here; "
                "`await file.asave(path)` writes the file"
            )
        return written
