"""Running a batch: rows go to servers, outputs to disk, and every act into the ledger first."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ..saved_file import local_errors
from ..timeout import shielded
from .books import Alarm, Books
from .fleet import Fleet, NamedServers, RowServer
from .ledger import LEDGER_NAME, Ledger
from .reader import OtherBatchError, PreparedRow, ReadRow, RowMaker, RowReader, begun_in
from .record import Attempt, Change, Sent
from .report import BatchEvent, Standing, Summary
from .retry import verdict
from .row import Row
from .schedule import Assignment, Need, Schedule
from .server import PATIENCE, Ended, Stopped
from .server_pool import ServerPool

if TYPE_CHECKING:
    from ..client import ClientOptions

T = TypeVar("T")

DEPTH: Final = 3
"""How many rows to queue per server: one runs, the others wait."""

WINDOW: Final = 1000
"""How many rows may wait to be sent; servers choose among these."""

_LOOKS: Final = 1.0
"""Seconds between checks for changes that others made to the ledger."""


class Batch:
    """A sweep of rows that runs on servers.

    Args:
        maker: Makes prompts from rows: a `Recipe`.
        rows: The sweep.
        servers: The addresses of the servers, or a fleet.
        out: The output folder; its ledger is in it.
        depth: How many rows to queue per server.
        window: How many rows may wait to be sent.
        options: How to connect to servers.
        patience: Seconds that a server may be away before its rows are sent elsewhere.
        on_event: Called with each event; it must not block.
    """

    def __init__(
        self,
        maker: RowMaker,
        rows: Iterable[Row] | AsyncIterable[Row],
        *,
        servers: Sequence[str] | Fleet,
        out: Path,
        depth: int = DEPTH,
        window: int = WINDOW,
        options: ClientOptions | None = None,
        patience: float = PATIENCE,
        on_event: Callable[[BatchEvent], object] | None = None,
    ) -> None:
        self._maker = maker
        self._rows = rows
        self._out = out
        self._window = window
        self._schedule = Schedule(depth, window)
        self._wake = Alarm()
        self._room = asyncio.Event()
        self._helpers: list[asyncio.Task[None]] = []
        self._prepared: dict[int, tuple[PreparedRow, Need]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._books = Books(on_event, self._changed)
        self._servers = ServerPool(
            NamedServers(servers, options or {}, patience) if isinstance(servers, Sequence) else servers,
            self._schedule,
            self._books,
            is_busy=lambda: bool(self._tasks),
            abandoned=lambda: self._with_ledger(lambda: self._ledger.attempts(abandoned=True)),
            beside=self._help,
            wake=self._wake.set,
        )
        self._began = time.monotonic()
        self._reading = True
        self._ending = False
        self._stopped = False
        self._cancelled: set[int] = set()
        self._failure: BaseException | None = None

    # Control from outside

    def finish(self) -> None:
        """Send no more rows; the batch ends when the rows on servers have ended."""
        self._ending = True
        self._wake.set()

    def stop(self) -> None:
        """Remove all prompts from the servers, and end. Their rows wait for the next run."""
        self._ending = self._stopped = True
        for task in self._tasks.values():
            task.cancel()
        self._wake.set()

    def _changed(self) -> None:
        """Wake the main loop, now or when there is more to do."""
        self._wake.changed(self._books.waiting, self._schedule.in_flight)

    @property
    def standing(self) -> Standing:
        """Its progress."""
        total, books, servers = getattr(self._rows, "total", None), self._books, self._servers.standing()
        return Standing(total, books.counts, books.ended, time.monotonic() - self._began, servers)

    async def run(self) -> Summary:
        """Run it to its end.

        Raises:
            LedgerError: The ledger cannot be used: see `Ledger`.
            SaveError: An output cannot be written.
            ServerUnreachable: No server answers.
            RowsError: The sweep cannot be read.
        """
        with local_errors(self._out):
            self._out.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(1, thread_name_prefix="comfyflow-ledger") as self._thread:
            self._ledger = await self._with_ledger(self._open_ledger)
            try:
                return await self._run()
            finally:
                with shielded():
                    await self._with_ledger(self._ledger.close)

    async def _run(self) -> Summary:
        await self._with_ledger(self._ledger.hold)
        kept = {"cancelled": False, "total": getattr(self._rows, "total", None)}
        former = await self._with_ledger(lambda: self._ledger.keep(kept))
        self._books.counts.update(await self._with_ledger(self._ledger.counts))
        try:
            await self._servers.start(self._out)
            folder = await self._with_ledger(lambda: begun_in(self._ledger))
            self._reader = RowReader(self._ledger, self._with_ledger, self._maker, self._rows, folder)
            for attempt in await self._with_ledger(self._ledger.attempts):
                self._take_up(attempt)
            for each in (self._read, self._look, self._servers.watch):
                self._help(each)
            await self._work()
        except OtherBatchError:  # the ledger stays as it was
            await self._with_ledger(lambda: self._ledger.keep(former))
            raise
        finally:
            self._servers.leave_prompts()
            for task in (*self._helpers, *self._tasks.values()):
                task.cancel()
            with shielded():
                await asyncio.gather(*self._helpers, *self._tasks.values(), return_exceptions=True)
                await self._servers.close()
        books, counts = self._books, await self._with_ledger(self._ledger.counts)
        path, seconds = self._ledger.path, time.monotonic() - self._began
        return Summary(counts, self._out, path, seconds, self._ending, books.files, books.failures)

    def _open_ledger(self) -> Ledger:
        return Ledger(self._out / LEDGER_NAME, create=True)

    async def _with_ledger(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def _help(self, act: Callable[[], Awaitable[None]]) -> None:
        self._helpers.append(asyncio.create_task(self._guarded(act)))

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run something beside the main loop, which raises its exceptions."""
        try:
            await act()
        except Exception as error:  # noqa: BLE001  # the main loop raises it
            self._failure = self._failure or error
            self._wake.set()

    # The main loop

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            if self._failure is not None:
                raise self._failure
            self._refuse_impossible()
            assigned = [] if self._ending else self._schedule.assign()
            if assigned or self._books.waiting:
                self._servers.used()
                await self._write(assigned)
                self._room.set()
                continue
            if not self._tasks and (self._ending or not (self._reading or self._schedule.waiting)):
                return
            await self._wake.wait()

    async def _write(self, assigned: Sequence[Assignment]) -> None:
        """Record what has happened and what is about to happen; then let it happen."""
        written, now = self._books.take(), time.time()
        attempts = {
            each.number: Attempt(
                each.number, each.server, str(uuid.uuid4()), self._prepared[each.number][0].hash
            )
            for each in assigned
        }
        changes: list[Change] = [change for change, _ in written]
        changes += [Sent(attempt, now) for attempt in attempts.values()]
        refused = await self._with_ledger(lambda: self._ledger.write(changes))
        for _, event in written:
            self._books.tell(event)
        for each in assigned:
            attempt = attempts[each.number]
            if each.number in refused:
                self._schedule.finished(each.server, each.number)
                self._prepared.pop(each.number, None)
                self._refused(each.number)
            else:
                self._books.sent(attempt)
                self._begin(attempt, partial(self._send, self._servers[each.server], attempt, each.alone))
                if self._stopped or each.number in self._cancelled:  # while it was being recorded
                    asyncio.get_running_loop().call_soon(self._interrupt, each.number)
        if refused:
            self._books.counts = Counter(await self._with_ledger(self._ledger.counts))

    def _interrupt(self, number: int) -> None:
        """Cancel a row on a server; with `call_soon`, because a task that has not started would miss it."""
        if number in self._tasks:
            self._tasks[number].cancel()

    def _refused(self, number: int) -> None:
        """Drop a row that was about to be sent, but has been cancelled."""

    def _give_up(self) -> None:
        """End the batch if its rows have waited too long for a server."""
        self._servers.give_up()

    def _refuse_impossible(self) -> None:
        for number, reason in self._schedule.impossible().items():
            self._set_aside(number, Ended("invalid", reason))

    # Rows

    async def _read(self) -> None:
        await self._read_pending()
        async for read in self._reader.rest():
            await self._put(read)
        self._reading = False
        self._wake.set()

    async def _read_pending(self) -> None:
        """Read waiting rows from the ledger that are not in memory."""
        async for read in self._reader.pending(
            lambda number: number in self._prepared or number in self._tasks
        ):
            await self._put(read)

    async def _put(self, read: ReadRow) -> None:
        while self._schedule.waiting >= self._window:
            self._room.clear()
            await self._room.wait()
        number = read.row.number
        if read.is_new:
            self._books.added(read.row)
        if read.prepared is None:
            self._unprepared(number, read)
        else:
            self._queue(number, read.prepared, read.need)

    def _queue(self, number: int, prepared: PreparedRow, need: Need) -> None:
        """Put a row in the queue for a server."""
        self._prepared[number] = (prepared, need)
        self._schedule.add(number, need)
        self._servers.ask_for_classes()
        self._changed()

    async def _look(self) -> None:
        """Watch the ledger for changes by others: rows to send again, or the cancellation of all."""
        version = await self._with_ledger(lambda: self._ledger.version)
        while True:
            await asyncio.sleep(_LOOKS)
            self._give_up()
            seen = await self._with_ledger(lambda: self._ledger.version)
            if seen == version:
                continue
            version = seen
            if await self._with_ledger(lambda: self._ledger.kept("cancelled")):
                await self._cancel_all()
                continue
            await self._read_pending()
            self._books.counts = Counter(await self._with_ledger(self._ledger.counts))

    async def _cancel_all(self) -> None:
        """Every row has been cancelled."""
        self.finish()

    # Attempts

    def _take_up(self, attempt: Attempt) -> None:
        """Look for a row that was in flight when an earlier process ended."""
        server = self._servers.former(attempt.server)
        if attempt.server in self._servers:
            self._schedule.taken(attempt.server, attempt.row)
        self._begin(attempt, partial(self._finish, server, attempt, server.take_up))

    def _begin(self, attempt: Attempt, act: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            try:
                await self._guarded(act)
            finally:
                self._tasks.pop(attempt.row, None)
                if attempt.server in self._servers:
                    self._schedule.finished(attempt.server, attempt.row)
                self._changed()

        self._tasks[attempt.row] = asyncio.create_task(guarded())

    async def _send(self, server: RowServer, attempt: Attempt, alone: bool) -> None:
        prepared = self._prepared[attempt.row][0]
        send = partial(server.send, source=prepared.source, uploads=prepared.uploads, alone=alone)
        await self._finish(server, attempt, send)

    async def _finish(
        self, server: RowServer, attempt: Attempt, wait: Callable[[Attempt], Awaitable[Ended]]
    ) -> None:
        """Wait for an attempt's end, fetch its outputs, and decide what happens to the row."""
        try:
            ended = await wait(attempt)
            if ended.result is not None:
                ended = await server.save(attempt, ended.result, self._out)
        except asyncio.CancelledError as stopped:
            if attempt.row in self._cancelled:
                self._set_aside(attempt, Ended("cancelled"))
                if isinstance(stopped, Stopped) and not stopped.off:
                    self._books.settled(attempt.prompt_id, "abandoned")
                    if attempt.server in self._servers:
                        self._servers.ask(attempt.server)  # it is removed when the server answers
            elif isinstance(stopped, Stopped):
                if stopped.off:
                    self._books.returned(attempt, "cancelled", "the batch was stopped")
            else:
                raise
            return
        if ended.server_gone and attempt.server in self._servers:
            self._servers.lose(attempt.server, ended.error)
            self._servers.ask(attempt.server)
        if ended.ending != "completed":
            await self._judge(attempt, ended)
            return
        self._prepared.pop(attempt.row, None)
        self._books.has_completed(attempt, ended.files, ended.texts)

    async def _judge(self, attempt: Attempt, ended: Ended) -> None:
        """Decide what happens to a row whose attempt failed."""
        cancelled = await self._with_ledger(lambda: self._ledger.kept("cancelled"))
        earlier = await self._with_ledger(lambda: self._ledger.failures_of(attempt.row))
        if cancelled or attempt.row in self._cancelled:
            self._set_aside(attempt, Ended("cancelled", ended.error))
            return
        judged = verdict(ended.ending, earlier)
        if judged == "aside":
            self._set_aside(attempt, ended)
            return
        if attempt.row not in self._prepared and not await self._prepare_again(attempt, ended):
            return
        need = self._prepared[attempt.row][1]
        self._books.returned(attempt, ended.ending, ended.error)
        if judged == "alone" or earlier.get("out_of_memory"):
            self._schedule.add_alone(attempt.row, need)
        else:
            self._schedule.add(attempt.row, need, again=True)
        self._servers.ask_for_classes()

    async def _prepare_again(self, attempt: Attempt, ended: Ended) -> bool:
        """Make the prompt of a row that an earlier process sent; returns whether that is possible."""
        record = await self._with_ledger(lambda: self._ledger.row(attempt.row))
        if record is None:
            return False
        read = self._reader.read(Row(record.number, record.parameters), is_new=False)
        if read.prepared is None:
            self._unprepared(attempt.row, read, (attempt, ended))
        else:
            self._prepared[attempt.row] = (read.prepared, read.need)
        return read.prepared is not None

    def _unprepared(self, number: int, read: ReadRow, last: tuple[Attempt, Ended] | None = None) -> None:
        """Record a row that cannot become a prompt; `last` is its last attempt, and how that ended."""
        self._set_aside(number if last is None else last[0], Ended("invalid", read.problem))

    def _set_aside(self, row: int | Attempt, ended: Ended) -> None:
        """Set a row aside."""
        number = row.row if isinstance(row, Attempt) else row
        self._prepared.pop(number, None)
        self._cancelled.discard(number)
        self._books.set_aside(row, ended.ending, ended.error)
