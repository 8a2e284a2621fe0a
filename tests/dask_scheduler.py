"""A Dask scheduler that does what a test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comfyflow.batch.dask_fleet import DaskServers
from comfyflow.batch.dask_worker import RESOURCE

distributed: Any = pytest.importorskip("distributed")

ADDRESS = "tcp://127.0.0.1:1"
SERVER = "comfyui:gpu:1"


class FakeFuture:
    """What a task gives, once that is set."""

    def __init__(self) -> None:
        self.told = asyncio.get_running_loop().create_future()
        self.was_cancelled = False
        self.told_at_last: dict[str, Any] | None = None

    def __await__(self) -> Any:
        return self.told.__await__()

    def release(self) -> None:
        """Nothing keeps it."""

    async def cancel(self) -> None:
        self.was_cancelled = True
        if self.told_at_last is not None:
            self.told.set_result(self.told_at_last)
            await asyncio.sleep(0.01)


class FakeClient:
    """A client of a scheduler, and what its tasks give."""

    def __init__(self, status: str, told: dict[str, Any] | None = None) -> None:
        self.status = status
        self.scheduler = self
        self.workers: dict[str, Any] = {}
        self.is_silent = False
        self.tasks: list[dict[str, Any]] = []
        self.futures: list[FakeFuture] = []
        self.looks = 0
        self._told = told

    async def close(self) -> None:
        self.status = "closed"

    async def identity(self, n_workers: int) -> dict[str, Any]:
        self.looks += 1
        if self.is_silent:
            raise distributed.comm.CommClosedError("connection reset by peer")
        return {"id": "scheduler", "workers": self.workers}

    def submit(self, run: Any, task: dict[str, Any], **options: Any) -> FakeFuture:
        self.tasks.append({**task})
        self.futures.append(FakeFuture())
        if self._told is not None:
            self.futures[-1].told.set_result(self._told)
        elif len(self.tasks) == 1 and not self.workers:
            self.status = "closed"
        return self.futures[-1]


def fleet_of(client: Any, **options: Any) -> DaskServers:
    fleet = DaskServers(ADDRESS, depth=3, **options)
    fleet._client = client
    return fleet


def worker(name: str) -> dict[str, Any]:
    return {"name": name, "resources": {RESOURCE: 1.0, SERVER: 1.0}}
