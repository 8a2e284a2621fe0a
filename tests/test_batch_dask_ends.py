"""How rows beside Dask workers end that are cancelled, and batches whose workers answer as they end."""

from __future__ import annotations

import asyncio

import pytest

from tests.batches import until
from tests.dask_scheduler import ADDRESS, SERVER, FakeClient, fleet_of, worker


def test_a_row_that_is_cancelled_leaves_its_result_to_be_read() -> None:
    """`distributed` reads several in one go: one that is cancelled would end all others and later ones."""
    client = FakeClient("running")
    client.workers = {ADDRESS: worker("one")}

    async def run() -> bool:
        fleet = fleet_of(client)
        await fleet._look()
        fleet.make(SERVER)
        task = asyncio.create_task(fleet.run(SERVER, {"prompt_id": "1", "prompt": {}}))
        await until(lambda: bool(client.futures))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        cancelled = client.futures[0].told.cancelled()
        assert len(fleet._waiters) == 1
        await fleet.close()
        assert fleet._waiters == set()
        return cancelled

    assert asyncio.run(run()) is False


@pytest.mark.parametrize("what", ["identity", "run"])
def test_a_batch_that_ends_as_a_worker_answers_ends(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """With `asyncio.wait_for` of Python 3.11 the answer won, and the batch waited for ever."""
    client = FakeClient("running")
    client.workers = {ADDRESS: worker("one")}

    async def main() -> None:
        fleet = fleet_of(client)
        await fleet._look()
        fleet.make(SERVER)
        answer = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(client, what, lambda *_, **__: answer, raising=False)
        acts = {"identity": fleet._look, "run": lambda: fleet.ask(SERVER, "offers")}
        asking = asyncio.create_task(acts[what]())
        await asyncio.sleep(0)
        answer.set_result({ADDRESS: {"answer": {}}} if what == "run" else {"id": "1", "workers": {}})
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(main())
