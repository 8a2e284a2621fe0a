"""Rows on servers that stand beside workers of Dask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from comfyflow.batch.dask_fleet import DaskServers
from comfyflow.batch.dask_worker import server_name, work
from comfyflow.batch.driver import Batch
from comfyflow.simulator import Simulator
from tests.batches import LIMITS, Pictures, executed, numbered, records

distributed: Any = pytest.importorskip("distributed")


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@asynccontextmanager
async def scheduler(port: int = 0) -> AsyncIterator[Any]:
    async with distributed.Scheduler(host="127.0.0.1", port=port, dashboard=False) as started:
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


def test_rows_run_beside_a_worker_and_their_files_come_back(tmp_path: Path, server: Simulator) -> None:
    async def run() -> Any:
        async with scheduler() as started, worker(started.address, server, tmp_path / "scratch"):
            return await dask_batch(Pictures(), 8, started.address, tmp_path / "out").run()

    summary = asyncio.run(run())
    assert summary.is_whole
    assert set(executed(server).values()) == {1}
    assert len(executed(server)) == 8
    for row in records(tmp_path / "out"):
        (file,) = row.files
        assert (tmp_path / "out" / file.name).stat().st_size == file.size
        assert row.server == server_name(server.url)
