"""What a batch makes of a scheduler that loses tasks, gives them up, goes away or does not answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from comfyflow.batch import dask_fleet, dask_worker
from comfyflow.batch.dask_fleet import DaskServers
from comfyflow.batch.dask_worker import _STATIONS, Station, ask
from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.server import BatchServer
from comfyflow.errors import ServerUnreachable
from comfyflow.simulator import Simulator
from tests.batch_fault_run import attempts_of
from tests.batches import LIMITS, Texts, numbered, records, until
from tests.dask_scheduler import ADDRESS, SERVER, FakeClient, fleet_of, worker

distributed: Any = pytest.importorskip("distributed")


def test_a_result_that_is_lost_on_its_way_is_asked_for_again() -> None:
    """The scheduler or the worker that had it was killed meanwhile."""

    async def lost() -> None:
        raise distributed.comm.CommClosedError("connection reset by peer")

    async def failed() -> None:
        raise OSError("no space left on device")

    assert asyncio.run(dask_fleet._awaited(lost())) == (None, None)
    told, error = asyncio.run(dask_fleet._awaited(failed()))
    assert told is None
    assert isinstance(error, OSError)


@pytest.mark.parametrize(
    ("status", "tasks"), [("closing", 0), ("closed", 0), ("connecting", 0), ("running", 1)]
)
def test_a_client_that_closes_gets_no_task_and_one_that_it_has_is_given_to_the_next(
    monkeypatch: pytest.MonkeyPatch, status: str, tasks: int
) -> None:
    """`distributed` lets go of its tasks before it is closed, and takes others until then."""
    former, next_one = FakeClient(status), FakeClient("running", {"ending": "completed"})

    async def connect(fleet: DaskServers) -> str:
        fleet._client = next_one
        return ""

    async def moment(seconds: float) -> None:
        former.status = "closed"

    async def run() -> Any:
        fleet = fleet_of(former)
        fleet.make(SERVER)
        if status == "connecting":
            monkeypatch.setattr(asyncio, "sleep", moment)
        return await fleet.run(SERVER, {"prompt_id": "1", "prompt": None})

    monkeypatch.setattr(DaskServers, "_connect", connect)
    monkeypatch.setattr(dask_fleet, "_LOOKS", 0.01)
    assert asyncio.run(run()) == {"ending": "completed"}
    assert former.status == ("closed" if tasks else former.status)
    assert (len(former.tasks), len(next_one.tasks)) == (tasks, 1)


async def later() -> None:
    """Wait until the clock has moved, which on some systems takes a while."""
    now = time.monotonic()
    await until(lambda: time.monotonic() > now)


def test_a_server_is_away_only_by_what_the_scheduler_answered() -> None:
    """Its silence, however long, says nothing about workers: their rows must not be sent elsewhere."""
    client = FakeClient("running")
    client.workers = {ADDRESS: worker("one")}

    async def run() -> list[float]:
        fleet = fleet_of(client)
        await fleet._look()
        fleet.make(SERVER)
        found = [fleet.away(SERVER)]
        client.is_silent, client.workers = True, {}
        await fleet._look()
        await later()
        found.append(fleet.away(SERVER))
        client.is_silent = False
        await fleet._look()  # it may be another scheduler, which workers must find first
        found.append(fleet.away(SERVER))
        await later()
        await fleet._look()
        return [*found, fleet.away(SERVER)]

    present, silent, anew, without = asyncio.run(run())
    assert (present, silent, anew) == (0, 0, 0)
    assert without > 0


def test_a_row_that_ends_while_it_is_given_up_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker came back at the last moment; sent elsewhere, the row would run twice."""
    client = FakeClient("running")
    client.workers = {ADDRESS: worker("one")}

    async def run() -> Any:
        fleet = fleet_of(client, patience=0.001)
        await fleet._look()
        fleet.make(SERVER)
        task = asyncio.create_task(fleet.run(SERVER, {"prompt_id": "1", "prompt": {}}))
        await until(lambda: bool(client.futures))
        client.futures[0].told_at_last = {"ending": "completed"}
        client.workers = {}
        watching = asyncio.create_task(fleet.watch(lambda _: None))
        told = await task
        watching.cancel()
        return told

    monkeypatch.setattr(dask_fleet, "_LOOKS", 0.01)
    assert asyncio.run(run()) == {"ending": "completed"}
    assert client.futures[0].was_cancelled
    assert len(client.tasks) == 1


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_row_is_given_up_once_its_worker_has_been_away_for_too_long_but_not_while_that_is_unknown(
    monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    """The scheduler of the second case does not answer, and its worker then completes the row."""
    client = FakeClient("running")
    client.workers = {ADDRESS: worker("one")}

    async def run() -> Any:
        fleet = fleet_of(client, patience=0.001)
        await fleet._look()
        fleet.make(SERVER)
        task = asyncio.create_task(fleet.run(SERVER, {"prompt_id": "1", "prompt": {}}))
        await until(lambda: bool(client.futures))
        client.is_silent, client.workers = is_silent, {}
        watching = asyncio.create_task(fleet.watch(lambda _: None))
        before = client.looks
        await until(lambda: task.done() or client.looks >= before + 5)
        if is_silent:
            assert not task.done()
            client.futures[0].told.set_result({"ending": "completed"})
        told = await task
        watching.cancel()
        return told

    monkeypatch.setattr(dask_fleet, "_LOOKS", 0.01)
    told = asyncio.run(run())
    assert told == ({"ending": "completed"} if is_silent else "away")
    assert client.futures[0].was_cancelled is not is_silent


def test_a_worker_is_the_first_to_have_a_task_by_its_name_not_by_an_address_of_an_earlier_one() -> None:
    client = FakeClient("running", {"ending": "completed"})

    async def run() -> None:
        fleet = fleet_of(client)
        fleet.make(SERVER)
        for name in ("one", "two"):
            client.workers = {ADDRESS: worker(name)}
            await fleet._look()
            await fleet.run(SERVER, {"prompt_id": "1", "prompt": {}})

    asyncio.run(run())
    assert [task["worker"] for task in client.tasks] == ["one", "two"]


# Workers that end each time they have a row


class Beside:
    """A worker as `ask` knows it."""

    def __init__(self, folder: Path) -> None:
        self.local_directory = str(folder)


class GivingUp:
    """A client of a scheduler whose workers end with the first row until it gives up its task.

    Args:
        servers: The servers with workers beside them, by name.
        folder: What workers keep.
        verdicts: How many tasks of that row it gives up.
        before: What must be so when its worker ends.
    """

    status = "running"

    def __init__(
        self,
        servers: dict[str, Simulator],
        folder: Path,
        verdicts: int,
        before: Callable[[Simulator], bool],
    ) -> None:
        self.scheduler = self
        self.sent: list[tuple[str, bool]] = []
        """Each task with a prompt: its id, and whether a server had a prompt waiting or running then."""
        self._servers = servers
        self._verdicts = verdicts
        self._before = before
        self._first = ""
        self._workers: dict[str, Beside] = {name: Beside(folder) for name in servers}
        for name in servers:
            self._start(name)

    def _start(self, name: str) -> None:
        made = BatchServer(self._servers[name].url, {"limits": LIMITS})
        _STATIONS[self._workers[name]] = Station(made, name)

    def _station(self, name: str) -> Station:
        return _STATIONS[self._workers[name]]

    async def identity(self, n_workers: int) -> dict[str, Any]:
        workers = {f"tcp://{name}": {"name": name, "resources": {name: 1}} for name in self._servers}
        return {"id": "scheduler", "workers": workers}

    def submit(self, run: Any, task: dict[str, Any], *, resources: dict[str, Any], **more: Any) -> Any:
        (name,) = resources.keys() & self._servers.keys()
        self._first = self._first or task["prompt_id"]
        if task["prompt"] is not None and task["prompt_id"] not in {each for each, _ in self.sent}:
            left = any(each.instance.queue.remaining for each in self._servers.values())
            self.sent.append((task["prompt_id"], left))
        is_killed = task["prompt_id"] == self._first and self._verdicts > 0
        self._verdicts -= is_killed
        future: Any = asyncio.ensure_future(self._run(name, {**task}, is_killed))
        future.release = lambda: None
        return future

    async def _run(self, name: str, task: dict[str, Any], is_killed: bool) -> dict[str, Any]:
        station, folder = self._station(name), Path(self._workers[name].local_directory)
        running = asyncio.create_task(station.run(task, folder, first=False))
        if not is_killed:
            return await running
        server = self._servers[name]
        await until(lambda: self._before(server))
        self._start(name)
        running.cancel()
        await station.close()
        await asyncio.gather(running, return_exceptions=True)
        raise distributed.scheduler.KilledWorker(task["prompt_id"], None, 3)

    async def run(self, function: Any, *arguments: Any, workers: list[str]) -> dict[str, Any]:
        assert function is ask
        beside = {address: self._workers[address.removeprefix("tcp://")] for address in workers}
        return {address: await ask(*arguments, dask_worker=each) for address, each in beside.items()}

    async def close(self) -> None:
        for name in self._servers:
            await self._station(name).close()


def run_given_up(
    tmp_path: Path, servers: list[Simulator], before: Callable[[Simulator], bool], verdicts: int = 2
) -> tuple[Any, GivingUp]:
    """Run one row, whose workers end with it."""

    async def run() -> tuple[Any, GivingUp]:
        named = {f"comfyui:{number}": server for number, server in enumerate(servers)}
        client = GivingUp(named, tmp_path / "scratch", verdicts, before)
        fleet = fleet_of(client)
        batch = Batch(Texts(), numbered(1), servers=fleet, out=tmp_path / "out")
        return await asyncio.wait_for(batch.run(), 60), client

    return asyncio.run(run())


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do not look repeatedly for what nobody is about to send."""
    monkeypatch.setattr(dask_worker, "LOOKS", ())


def has_run(*servers: Simulator) -> int:
    return sum(len(each.instance.queue.history()) for each in servers)


@pytest.mark.usefixtures("one_look")
def test_a_row_whose_workers_end_with_it_has_the_result_that_its_server_has(tmp_path: Path) -> None:
    with Simulator() as one, Simulator() as other:
        summary, client = run_given_up(tmp_path, [one, other], lambda server: has_run(server) == 1)
        assert summary.is_whole
        assert [left for _, left in client.sent] == [False]
        assert has_run(one, other) == 1
    assert records(tmp_path / "out")[0].attempts == 1


@pytest.mark.usefixtures("one_look")
def test_a_row_whose_workers_end_with_it_is_removed_from_its_server_before_it_is_sent_again(
    tmp_path: Path,
) -> None:
    def waits(server: Simulator) -> bool:
        """Its prompt waits; the next one need not."""
        if server.instance.queue.remaining == 1:
            waiting.append(server)
        return bool(waiting)

    def release(server: Simulator) -> None:
        server.instance.queue.hold(False)

    waiting: list[Simulator] = []
    with Simulator() as one, Simulator() as other:
        for each in (one, other):
            each.instance.queue.hold(True)
            received = each.received

            def keep(body: Any, prompt_id: str, received: Any = received, each: Simulator = each) -> None:
                received(body, prompt_id)
                if waiting:
                    release(each)

            each.received = keep  # type: ignore[method-assign]
        summary, client = run_given_up(tmp_path, [one, other], waits)
        for each in (one, other):
            release(each)
        assert summary.is_whole
        assert [left for _, left in client.sent] == [False, False]
        assert has_run(one, other) == 1
    assert records(tmp_path / "out")[0].attempts == 2
    assert "'lost', 'it was removed from comfyui:" in attempts_of(tmp_path / "out", 0)


@pytest.mark.usefixtures("one_look")
def test_a_row_whose_workers_end_however_it_is_looked_for_is_given_up(tmp_path: Path) -> None:
    """Its result cannot be fetched: that ends an attempt as any other result that cannot."""
    with Simulator() as server:
        summary, _ = run_given_up(tmp_path, [server], lambda server: has_run(server) == 1, verdicts=6)
        assert summary.is_whole
        assert has_run(server) == 2
    with Ledger(tmp_path / "out" / LEDGER_NAME) as ledger:
        assert ledger.failures_of(0) == {"download": 1, "completed": 1}


# What a worker makes of a prompt that was to be removed


@asynccontextmanager
async def station(server: Simulator) -> AsyncGenerator[Station]:
    made = Station(BatchServer(server.url, {"limits": LIMITS}), SERVER)
    try:
        yield made
    finally:
        await made.close()


def task_of_a_row() -> dict[str, Any]:
    return {
        "row": 0,
        "prompt_id": "7f9f3a52-0b5a-4f0c-9a52-3f1d60b3c6d1",
        "prompt_hash": "hash",
        "prompt": Texts().prepare(numbered(1)[0]).prompt,
        "uploads": [],
        "alone": False,
        "worker": None,
        "shared": None,
    }


def test_a_prompt_that_could_not_be_removed_is_found_when_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its row would be sent again while the prompt waits on the server."""
    task = task_of_a_row()

    async def unreachable(prompt_ids: Any) -> Any:
        raise ServerUnreachable("it is away")

    async def run() -> dict[str, Any]:
        async with station(server) as former:
            sending = asyncio.create_task(former.run(task, tmp_path, first=True))
            await until(lambda: len(server.prompts) == 1)
        await asyncio.gather(sending, return_exceptions=True)
        async with station(server) as found:
            with monkeypatch.context() as patched:
                patched.setattr(found.server, "remove", unreachable)
                with pytest.raises(ServerUnreachable):
                    await found.remove([task["prompt_id"]])
            server.instance.queue.hold(False)
            return await found.run({**task, "prompt": None}, tmp_path, first=False)

    with Simulator() as server:
        server.instance.queue.hold(True)
        told = asyncio.run(run())
        assert has_run(server) == 1
    assert told["ending"] == "completed"


def test_a_prompt_that_was_removed_before_it_was_sent_is_never_sent(tmp_path: Path) -> None:
    task = task_of_a_row()

    async def run() -> dict[str, Any]:
        async with station(server) as found:
            await found.remove([task["prompt_id"]])
            return await found.run(task, tmp_path, first=True)

    with Simulator() as server:
        told = asyncio.run(run())
        assert server.prompts == []
    assert told["ending"] == "unsent"


class Closing:
    """A worker whose scheduler has ended, and which closes once it may."""

    def __init__(self) -> None:
        self.closes = asyncio.Event()
        self.may_close = asyncio.Event()

    def __await__(self) -> Generator[Any, None, Closing]:
        yield from asyncio.sleep(0).__await__()
        return self

    async def finished(self) -> None:
        """It has ended."""

    async def close(self, reason: str) -> None:
        self.closes.set()
        await self.may_close.wait()


def test_workers_that_close_log_no_heartbeat_and_everything_else(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("distributed.worker")

    def tell() -> None:
        log.error("Failed to communicate with scheduler during heartbeat.")
        log.error("other")

    async def run() -> None:
        workers = [Closing(), Closing()]
        closing = [asyncio.create_task(dask_worker._registered(each, lambda: None)) for each in workers]
        for each in workers:
            await each.closes.wait()
        for each, task in zip(workers, closing, strict=True):
            tell()
            each.may_close.set()
            await task

    with caplog.at_level(logging.INFO, "distributed"):
        filters = [*log.filters]
        asyncio.run(run())
        assert log.filters == filters
        assert logging.getLogger("distributed").level == logging.INFO
        tell()
    assert [each.getMessage().partition(" ")[0] for each in caplog.records] == [
        "other",
        "other",
        "Failed",
        "other",
    ]
