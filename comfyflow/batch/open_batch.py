"""A batch without a sweep: its rows come while it runs, and it runs until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from typing_extensions import override

from .driver import DEPTH, WINDOW, Batch
from .fleet import Fleet
from .ledger import Ledger
from .reader import ReadRow, RowMaker
from .record import Added, Attempt
from .report import BatchEvent, RowEvent
from .row import Row
from .server import Ended

T = TypeVar("T")


class OpenBatch(Batch):
    """Runs rows that come one by one; see `Batch`.

    Args:
        maker: Makes prompts from rows.
        servers: Creates the servers.
        out: The output folder; the ledger is in it.
        ledger: Opens the ledger.
        depth: How many rows to queue per server.
        on_event: Called with each event; it must not block.
        on_open: Called when rows can be added.
        waits: Tells whether a row that cannot be made into a prompt waits until it can, in a later run.
    """

    def __init__(
        self,
        maker: RowMaker,
        *,
        servers: Fleet,
        out: Path,
        ledger: Callable[[Path], Ledger],
        depth: int = DEPTH,
        on_event: Callable[[BatchEvent], object],
        on_open: Callable[[OpenBatch], object],
        waits: Callable[[Row], bool] = lambda _: False,
    ) -> None:
        super().__init__(maker, (), servers=servers, out=out, depth=depth, window=WINDOW, on_event=on_event)
        self._make_ledger = ledger
        self._on_open = on_open
        self._waits = waits
        self._held: set[int] = set()
        self._judging: set[int] = set()

    def prepared(self, row: Row) -> ReadRow:
        """Prepare a row: its prompt, or why there is none. Nothing is done with it yet."""
        return self._reader.read(row, is_new=True)

    def add(self, read: ReadRow, change: Added) -> None:
        """Add a row; `on_event` is called once the ledger has it.

        Args:
            read: The row and its prompt: see `prepared`. Its number is the next one.
            change: The change to write for it.

        Raises:
            ValueError: It has no prompt.
        """
        if read.prepared is None:
            raise ValueError(f"row {read.row.number} has no prompt: {read.problem}")
        self._books.joined(change)
        self._queue(read.row.number, read.prepared, read.need)

    def cancel(self, number: int) -> None:
        """Cancel a row that waits, or that a server has; one that has ended does not change."""
        if self._schedule.waits(number):
            self._schedule.remove(number)
            self._set_aside(number, Ended("cancelled"))
        elif number in self._held:
            self._held.discard(number)
            self._set_aside(number, Ended("cancelled"))
        elif number in self._tasks or number in self._prepared:  # or is being recorded as sent
            self._cancelled.add(number)
            asyncio.get_running_loop().call_soon(self._interrupt, number)

    @override
    def _interrupt(self, number: int) -> None:
        if number not in self._judging:
            super()._interrupt(number)

    async def call(self, act: Callable[[], T]) -> T:
        """Use the ledger, in the thread that owns it."""
        return await self._with_ledger(act)

    @override
    def _open_ledger(self) -> Ledger:
        return self._make_ledger(self._out)

    @override
    async def _read(self) -> None:
        self._on_open(self)
        await self._read_pending()

    @override
    async def _read_pending(self) -> None:
        """Read the rows that wait; those that are held and wait no longer were cancelled."""
        held = [*self._held]
        found = await self._with_ledger(lambda: [self._ledger.row(number) for number in held])
        for record in found:
            if record is not None and record.state == "cancelled" and record.number in self._held:
                self._held.discard(record.number)
                self._books.tell(RowEvent(record.number, "cancelled"))
        await super()._read_pending()

    @override
    def _unprepared(self, number: int, read: ReadRow, last: tuple[Attempt, Ended] | None = None) -> None:
        if not self._waits(read.row):
            super()._unprepared(number, read, last)
            return
        self._held.add(number)
        if last is not None:
            attempt, ended = last
            self._books.returned(attempt, ended.ending, ended.error)

    @override
    def _changed(self) -> None:
        self._wake.set()  # someone waits for each row

    @override
    def _give_up(self) -> None:
        """Servers may come back at any time."""

    @override
    async def _cancel_all(self) -> None:
        self._cancelled.update(self._tasks)  # others may come
        await self._with_ledger(lambda: self._ledger.keep({"cancelled": False}))
        await self._read_pending()

    @override
    async def _judge(self, attempt: Attempt, ended: Ended) -> None:
        self._judging.add(attempt.row)
        try:
            await super()._judge(attempt, ended)
        finally:
            self._judging.discard(attempt.row)

    @override
    def _refused(self, number: int) -> None:
        self._cancelled.discard(number)
        self._books.tell(RowEvent(number, "cancelled"))
