"""Rows on servers that stand beside workers of Dask."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.batch import dask_fleet, dask_server, dask_worker, submit
from comfyflow.batch.dask_fleet import DaskServers
from comfyflow.batch.dask_worker import server_name, work
from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.record import Added, Attempt, Sent
from comfyflow.batch.report import BatchEvent, ServerEvent
from comfyflow.errors import CommandError, LedgerError, ServerUnreachable
from comfyflow.simulator import Simulator
from comfyflow.source import Source
from tests.batches import LIMITS, Pictures, Texts, batch, executed, numbered, records, until
from tests.dask_fault_run import free_port, run_dask_faults, worker_words

distributed: Any = pytest.importorskip("distributed")


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@asynccontextmanager
async def scheduler(port: int = 0) -> AsyncIterator[Any]:
    async with distributed.Scheduler(host="127.0.0.1", port=port, dashboard_address="127.0.0.1:0") as started:
        yield started


@asynccontextmanager
async def worker(at: str, server: Simulator, scratch: Path, **options: Any) -> AsyncIterator[None]:
    options = {"options": {"limits": LIMITS}, "scratch": scratch, "host": "127.0.0.1", **options}
    task = asyncio.create_task(work(at, server.url, **options))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def dask_batch(maker: Any, count: int, at: str, out: Path, **options: Any) -> Batch:
    fleet = DaskServers(at, depth=3, **options)
    return Batch(maker, numbered(count), servers=fleet, out=out)


def test_a_text_that_cannot_be_a_path_is_no_file() -> None:
    texts = {"text": f"{'a lighthouse, ' * 50}.png", "other": "a\0.png"}
    source = Source({"1": {"class_type": "PreviewAny", "inputs": texts}})
    assert [*dask_server._input_files(source)] == []


def run_beside_a_worker(tmp_path: Path, server: Simulator, maker: Any, count: int, **options: Any) -> Any:
    async def run() -> Any:
        async with scheduler() as started, worker(started.address, server, tmp_path / "scratch"):
            return await dask_batch(maker, count, started.address, tmp_path / "out", **options).run()

    return asyncio.run(run())


def check_files(out: Path) -> None:
    for row in records(out):
        (file,) = row.files
        data = (out / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("head", [dask_worker.HEAD, 400, 0])
def test_rows_run_beside_a_worker_and_their_files_come_back(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch, head: int
) -> None:
    monkeypatch.setattr(dask_worker, "HEAD", head)
    monkeypatch.setattr(dask_worker, "PIECE", 64)
    summary = run_beside_a_worker(tmp_path, server, Pictures(), 4)
    assert summary.is_whole
    assert sorted(executed(server).values()) == [1] * 4
    assert {row.server for row in records(tmp_path / "out")} == {server_name(server.url)}
    check_files(tmp_path / "out")
    assert list((tmp_path / "out").glob(".*")) == []
    assert list((tmp_path / "scratch").rglob("*.png")) == []


def test_files_that_a_worker_has_lost_are_fetched_once_more_from_the_server(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = dask_worker._read, list[str]()

    def lost_at_first(folder: Path, prompt_id: str, name: str, offset: int) -> bytes | None:
        asked.append(name)
        return None if len(asked) <= 2 else read(folder, prompt_id, name, offset)

    monkeypatch.setattr(dask_worker, "HEAD", 100)
    monkeypatch.setattr(dask_worker, "_read", lost_at_first)
    summary = run_beside_a_worker(tmp_path, server, Pictures(), 1)
    assert summary.is_whole
    assert len(asked) == 3
    assert sorted(executed(server).values()) == [1]
    check_files(tmp_path / "out")


def test_workers_write_into_a_folder_that_they_share(tmp_path: Path, server: Simulator) -> None:
    out = tmp_path / "out"
    summary = run_beside_a_worker(tmp_path, server, Pictures(), 4, shared=str(out))
    assert summary.is_whole
    check_files(out)
    assert list(out.glob(".*")) == []


def test_a_worker_that_does_not_see_the_shared_folder_gets_no_rows(tmp_path: Path, server: Simulator) -> None:
    events: list[BatchEvent] = []

    async def run() -> None:
        async with scheduler() as started, worker(started.address, server, tmp_path / "scratch"):
            fleet = DaskServers(started.address, depth=3, shared=str(tmp_path / "elsewhere"))
            made = Batch(Pictures(), numbered(2), servers=fleet, out=tmp_path / "out", on_event=events.append)
            task = asyncio.create_task(made.run())
            await until(lambda: bool(events))
            made.finish()
            await task

    asyncio.run(run())
    assert isinstance(events[0], ServerEvent)
    assert "elsewhere is not the folder of --out there" in events[0].reason
    assert server.prompts == []


def test_a_worker_that_joins_gets_rows_and_the_next_run_finds_what_was_in_flight(
    tmp_path: Path, server: Simulator
) -> None:
    out = tmp_path / "out"

    async def run() -> Any:
        async with scheduler() as started:
            server.instance.queue.hold(True)
            first = asyncio.create_task(dask_batch(Texts(), 6, started.address, out).run())
            async with worker(started.address, server, tmp_path / "scratch"):
                await until(lambda: len(server.prompts) == 3)
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
                server.instance.queue.hold(False)
                return await dask_batch(Texts(), 6, started.address, out).run()

    assert asyncio.run(run()).is_whole
    assert sorted(executed(server).values()) == [1] * 6
    assert {row.attempts for row in records(out)} == {1}


def test_what_is_stopped_is_taken_off_the_server(tmp_path: Path, server: Simulator) -> None:
    out = tmp_path / "out"

    async def run() -> Any:
        async with scheduler() as started, worker(started.address, server, tmp_path / "scratch"):
            server.instance.queue.hold(True)
            made = dask_batch(Texts(), 6, started.address, out)
            task = asyncio.create_task(made.run())
            await until(lambda: len(server.prompts) == 3)
            made.stop()
            return await task

    assert asyncio.run(run()).counts["pending"] == 6
    assert server.instance.queue.remaining == 0
    server.instance.queue.hold(False)


def copy_of_photo(tmp_path: Path, server: Simulator) -> None:
    """Run a row that copies a picture of this computer."""
    photo = tmp_path / "photo.png"
    Image.effect_noise((40, 40), 90).save(photo)
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "copy"}},
    }

    async def run() -> Any:
        async with scheduler() as started, worker(started.address, server, tmp_path / "scratch"):
            address = started.address
            return await asyncio.to_thread(
                submit, prompt, [{"1.image": str(photo)}], address, out=tmp_path / "out"
            )

    assert asyncio.run(run()).is_whole
    (row,) = records(tmp_path / "out")
    with Image.open(tmp_path / "out" / row.files[0].name) as picture, Image.open(photo) as given:
        assert picture.convert("L").tobytes() == given.tobytes()
    assert list((tmp_path / "scratch").rglob("*.png")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_ends_a_worker_and_leaves_what_the_server_has_for_the_next_one(
    tmp_path: Path, server: Simulator
) -> None:
    out, port = tmp_path / "out", free_port()

    async def run() -> Any:
        server.instance.queue.hold(True)
        async with scheduler(port) as started:
            words = worker_words(port, server, tmp_path / "scratch")
            process = await asyncio.create_subprocess_exec(*words, stderr=subprocess.PIPE)
            task = asyncio.create_task(dask_batch(Texts(), 4, started.address, out).run())
            try:
                await until(lambda: len(server.prompts) == 3, 300)
                process.send_signal(signal.SIGINT)
                _, said = await asyncio.wait_for(process.communicate(), 300)
            finally:
                if process.returncode is None:
                    process.kill()
            assert (process.returncode, b"Traceback" in said) == (130, False), said.decode()
            assert server.instance.queue.remaining == 3
            server.instance.queue.hold(False)
            async with worker(started.address, server, tmp_path / "scratch"):
                return await task

    assert asyncio.run(run()).is_whole
    assert sorted(executed(server).values()) == [1] * 4
    assert {row.attempts for row in records(out)} == {1}


@pytest.mark.parametrize("inline", [8 << 20, 0])
def test_files_that_a_row_names_go_with_its_task_or_before_it_in_pieces(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch, inline: int
) -> None:
    monkeypatch.setattr(dask_server, "_UPLOADS", inline)
    monkeypatch.setattr(dask_server, "PIECE", 500)
    copy_of_photo(tmp_path, server)
    assert {row.attempts for row in records(tmp_path / "out")} == {1}


def test_files_that_a_worker_has_lost_before_the_task_came_are_sent_again(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, asked = dask_worker._is_whole, list[Path]()

    def not_at_first(path: Path, size: int, digest: str) -> bool:
        asked.append(path)
        return len(asked) > 1 and whole(path, size, digest)

    monkeypatch.setattr(dask_server, "_UPLOADS", 0)
    monkeypatch.setattr(dask_worker, "_is_whole", not_at_first)
    copy_of_photo(tmp_path, server)
    assert {row.attempts for row in records(tmp_path / "out")} == {2}
    assert len(server.prompts) == 1


def test_a_server_is_called_by_its_machine_and_port() -> None:
    assert server_name("http://gpu:8188") == "comfyui:gpu:8188"
    assert server_name("http://127.0.0.1:8188") == f"comfyui:{socket.gethostname()}:8188"
    assert server_name("https://gpu/base/") == "comfyui:gpu:443/base"
    assert server_name("http://127.0.0.1:8188", "left") == "comfyui:left"
    with pytest.raises(CommandError, match="is not a valid server name"):
        server_name("http://gpu", "a b")


def test_a_ledger_with_rows_beside_workers_wants_dask(tmp_path: Path, server: Simulator) -> None:
    with Ledger(tmp_path / LEDGER_NAME, create=True) as ledger:
        ledger.write([Added(0, {"n": 0}), Sent(Attempt(0, "comfyui:gpu:8188", "1", "2"), 1.0)])
    with pytest.raises(LedgerError, match="with --dask SCHEDULER"):
        asyncio.run(batch(Texts(), numbered(1), [server], tmp_path).run())


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_fleet, "_CONNECTS", 0.2)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ServerUnreachable, match=f"no Dask scheduler answers at {address}"):
        asyncio.run(dask_batch(Texts(), 1, address, tmp_path).run())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("seed", "shared"), [(1, False), (2, True)])
def test_no_row_is_lost_or_doubled_by_killed_workers_and_schedulers(
    tmp_path: Path, seed: int, shared: bool
) -> None:
    found = run_dask_faults(tmp_path, seed, 150, kills=4, schedulers=1, shared=shared)
    print(found)
    assert found.is_right, f"seed {seed}: {found}"
    assert found.kills == 5
    assert found.repeated == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_worker_that_loses_its_server_finds_what_is_left_of_it(tmp_path: Path) -> None:
    found = run_dask_faults(tmp_path, 3, 100, kills=1, schedulers=0, restarts=2)
    print(found)
    assert found.is_right, str(found)
    assert found.restarts == 2
