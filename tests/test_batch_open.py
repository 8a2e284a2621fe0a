"""A batch whose rows come while it runs, and what happens while a change is being written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.batch.fleet import NamedServers
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.open_batch import OpenBatch
from comfyflow.batch.record import Added, Change, Sent
from comfyflow.batch.report import BatchEvent, RowEvent
from comfyflow.client.core import Core
from comfyflow.client.flow import Flow
from comfyflow.client.running import Sending
from comfyflow.simulator import Simulator
from tests.batches import LIMITS, Texts, batch, numbered, records, until


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


class HeldLedger(Ledger):
    """A ledger on a slow disk: it takes until `opened` to write that a row is sent."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        self.reached, self.opened = threading.Event(), threading.Event()

    def write(self, changes: Iterable[Change]) -> set[int]:
        changes = list(changes)
        refused = super().write(changes)
        if any(isinstance(change, Sent) for change in changes):
            self.reached.set()
            assert self.opened.wait(60)
        return refused


class Open:
    """An open batch over a held ledger, and what it told."""

    def __init__(self, server: Simulator, out: Path) -> None:
        self.events: list[BatchEvent] = []
        self.ready = asyncio.Event()
        self.ledgers: list[HeldLedger] = []
        self.batch = OpenBatch(
            Texts(),
            servers=NamedServers([server.url], {"limits": LIMITS}, 60),
            out=out,
            ledger=self._ledger,
            on_event=self.events.append,
            on_open=lambda _: self.ready.set(),
        )

    def _ledger(self, folder: Path) -> Ledger:
        self.ledgers.append(HeldLedger(folder / LEDGER_NAME))
        return self.ledgers[-1]

    def add(self, number: int) -> None:
        row = numbered(number + 1)[number]
        self.batch.add(self.batch.prepared(row), Added(number, row.parameters))

    async def row_is(self, number: int, state: str) -> None:
        await until(lambda: any(_is(event, number, state) for event in self.events))


def _is(event: BatchEvent, number: int, state: str) -> bool:
    return isinstance(event, RowEvent) and (event.number, event.state) == (number, state)


def test_a_row_that_is_cancelled_while_it_is_written_down_is_not_run(
    tmp_path: Path, server: Simulator
) -> None:
    sent = len(server.prompts)

    async def run() -> None:
        opened = Open(server, tmp_path)
        task = asyncio.create_task(opened.batch.run())
        await opened.ready.wait()
        (ledger,) = opened.ledgers
        opened.add(0)
        await until(ledger.reached.is_set)
        opened.batch.cancel(0)
        ledger.opened.set()
        await opened.row_is(0, "cancelled")
        opened.add(1)
        await opened.row_is(1, "completed")
        opened.batch.finish()
        await task

    asyncio.run(run())
    assert [(row.state, row.attempts) for row in records(tmp_path)] == [("cancelled", 1), ("completed", 1)]
    assert len(server.prompts) - sent <= 2
    assert server.instance.queue.remaining == 0


def test_what_a_cancelled_row_may_have_left_on_its_server_is_removed(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the server answers all the time: nothing else would have the batch look there again."""

    def in_doubt(core: Core, attempt: Sending) -> Flow[str]:
        yield from ()
        return "it may still be running"

    monkeypatch.setattr("comfyflow.batch.server.abandon", in_doubt)

    async def run() -> None:
        opened = Open(server, tmp_path)
        task = asyncio.create_task(opened.batch.run())
        await opened.ready.wait()
        opened.ledgers[0].opened.set()
        opened.add(0)
        await until(lambda: server.instance.queue.remaining == 1)
        opened.batch.cancel(0)
        await opened.row_is(0, "cancelled")
        await until(lambda: server.instance.queue.remaining == 0)
        opened.batch.finish()
        await task

    server.instance.queue.hold(True)
    try:
        asyncio.run(run())
    finally:
        server.instance.queue.hold(False)


def test_a_batch_that_is_stopped_while_a_row_is_written_down_takes_it_off(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[HeldLedger] = []

    def opened(*_: Any) -> Ledger:
        held.append(HeldLedger(tmp_path / LEDGER_NAME))
        return held[-1]

    async def run() -> Any:
        made = batch(Texts(), numbered(2), [server], tmp_path)
        monkeypatch.setattr(made, "_open_ledger", opened)
        task = asyncio.create_task(made.run())
        await until(lambda: bool(held) and held[0].reached.is_set())
        made.stop()
        held[0].opened.set()
        return await asyncio.wait_for(task, 60)

    server.instance.queue.hold(True)
    try:
        assert asyncio.run(run()).counts["pending"] == 2
        assert server.instance.queue.remaining == 0
    finally:
        server.instance.queue.hold(False)
