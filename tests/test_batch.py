from __future__ import annotations

import asyncio
import gc
import hashlib
import math
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image

from comfyflow import batch as batches
from comfyflow.batch import arun, run
from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.record import Added, Attempt, Sent
from comfyflow.batch.report import BatchEvent, RowEvent, ServerEvent
from comfyflow.batch.row import Row
from comfyflow.errors import CommandError, LedgerError, SaveError, ServerUnreachable
from comfyflow.simulator import Simulator
from tests.batches import Made, Pictures, Texts, batch, executed, numbered, records, until
from tests.simulated import run as ended
from tests.simulated import submit, tireless


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@pytest.fixture
def other() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


def test_every_row_runs_once_and_its_text_is_in_the_ledger(tmp_path: Path, server: Simulator) -> None:
    events: list[BatchEvent] = []
    summary = asyncio.run(batch(Texts(), numbered(20), [server], tmp_path, events).run())
    assert summary.is_whole
    assert summary.counts["completed"] == 20
    found = records(tmp_path)
    assert [row.texts for row in found] == [{"2": [f"row {number}!"]} for number in range(20)]
    assert {row.attempts for row in found} == {1}
    assert set(executed(server).values()) == {1}
    told = [each for each in events if isinstance(each, RowEvent)]
    assert [each.state for each in told if each.number == 7] == ["in_progress", "completed"]
    assert events[0] == ServerEvent(server.url, available=True)


def test_files_are_named_by_row_and_hash_and_written_down_with_their_bytes(
    tmp_path: Path, server: Simulator
) -> None:
    rows = numbered(5)
    summary = asyncio.run(batch(Pictures(), rows, [server], tmp_path).run())
    assert summary.files == 5
    for row in records(tmp_path):
        (file,) = row.files
        assert file.name == f"{row.number}_{Pictures().prepare(rows[row.number]).hash[:8]}_0.png"
        data = (tmp_path / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        with Image.open(tmp_path / file.name) as picture:
            assert picture.convert("RGB").getpixel((0, 0)) == (0, 0, row.number)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(
        file.name for row in records(tmp_path) for file in row.files
    )
    assert list(tmp_path.glob(".*")) == []


def test_many_servers_share_the_rows(tmp_path: Path, server: Simulator, other: Simulator) -> None:
    asyncio.run(batch(Texts(), numbered(40), [server, other], tmp_path).run())
    assert len(server.prompts) + len(other.prompts) == 40
    assert min(len(server.prompts), len(other.prompts)) >= 5
    assert set(executed(server, other).values()) == {1}


def test_a_second_run_does_nothing_and_a_longer_sweep_goes_on(tmp_path: Path, server: Simulator) -> None:
    asyncio.run(batch(Texts(), numbered(5), [server], tmp_path).run())
    asyncio.run(batch(Texts(), numbered(5), [server], tmp_path).run())
    assert len(server.prompts) == 5
    summary = asyncio.run(batch(Texts(), numbered(8), [server], tmp_path).run())
    assert summary.counts["completed"] == 8
    assert len(server.prompts) == 8


def test_a_ledger_of_another_batch_is_refused(tmp_path: Path, server: Simulator) -> None:
    asyncio.run(batch(Texts(), numbered(3), [server], tmp_path).run())
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        ledger.keep({"total": 3})
    changed = [*numbered(2), Row(2, {"n": 77})]
    with pytest.raises(LedgerError, match=r"another batch: its row 2 is \{\"n\":2\}, but here it is"):
        asyncio.run(batch(Texts(), changed, [server], tmp_path).run())
    with pytest.raises(LedgerError, match="has 3 rows, but this sweep only 2"):
        asyncio.run(batch(Texts(), numbered(2), [server], tmp_path).run())
    assert len(server.prompts) == 3
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        assert ledger.kept("total") == 3, "a batch that is refused changes nothing"


@pytest.mark.parametrize("patience", [-1, "3", None, math.nan])
def test_a_patience_that_is_no_time_is_refused(tmp_path: Path, patience: Any) -> None:
    with pytest.raises(CommandError, match="patience must be "):
        batch(Texts(), numbered(1), ["http://127.0.0.1:9"], tmp_path, patience=patience)


@pytest.mark.parametrize("count", [0, -1, 0.5, "3", None, math.nan])
def test_what_is_not_a_count_of_rows_is_refused(tmp_path: Path, count: Any) -> None:
    """With no rows at a server, a batch would wait forever."""
    for name in ("depth", "window"):
        with pytest.raises(CommandError, match=f"{name} must be a number of rows, at least 1"):
            batch(Texts(), numbered(1), ["http://127.0.0.1:9"], tmp_path, **{name: count})
        with pytest.raises(CommandError, match=f"{name} must be a number of rows, at least 1"):
            batches.submit({}, [], "tcp://127.0.0.1:9", out=tmp_path, **{name: count})
    batch(Texts(), numbered(1), ["http://127.0.0.1:9"], tmp_path, window=math.inf)


def test_a_batch_in_a_loop_says_what_to_await(tmp_path: Path, server: Simulator) -> None:
    rows = [{"1.string_a": "x"}]
    prompt = dict(Texts().prepare(numbered(1)[0]).prompt)

    async def main() -> int:
        with pytest.raises(CommandError, match=r"an event loop runs: await batch.arun"):
            run(prompt, rows, servers=server.url, out=tmp_path)
        return (await arun(prompt, rows, servers=server.url, out=tmp_path)).counts["completed"]

    assert asyncio.run(main()) == 1


def in_flight(out: Path, server: Simulator, prompt_id: str) -> None:
    """What a process leaves that is killed as it sends row 0."""
    made = Texts().prepare(numbered(1)[0])
    with Ledger(out / LEDGER_NAME, create=True) as ledger:
        attempt = Attempt(0, server.url, prompt_id, made.hash)
        ledger.write([Added(0, {"n": 0}), Sent(attempt, 1.0)])


def test_what_was_in_flight_is_found_in_the_history(tmp_path: Path, server: Simulator) -> None:
    prompt_id = "00000000-0000-4000-8000-000000000001"
    ended(server, dict(Texts().prepare(numbered(1)[0]).prompt), prompt_id=prompt_id)
    in_flight(tmp_path, server, prompt_id)
    asyncio.run(batch(Texts(), numbered(2), [server], tmp_path).run())
    assert set(executed(server).values()) == {1}
    first = records(tmp_path)[0]
    assert (first.state, first.prompt_id, first.texts) == ("completed", prompt_id, {"2": ["row 0!"]})


def test_what_was_in_flight_is_found_in_the_queue(tmp_path: Path, server: Simulator) -> None:
    prompt_id = "00000000-0000-4000-8000-000000000001"
    server.instance.queue.hold(True)
    submit(server, dict(Texts().prepare(numbered(1)[0]).prompt), prompt_id=prompt_id)
    in_flight(tmp_path, server, prompt_id)

    async def run() -> None:
        task = asyncio.create_task(batch(Texts(), numbered(2), [server], tmp_path).run())
        await until(lambda: len(server.prompts) >= 2)
        server.instance.queue.hold(False)
        assert (await task).is_whole

    asyncio.run(run())
    assert set(executed(server).values()) == {1}
    assert records(tmp_path)[0].prompt_id == prompt_id


def test_what_was_to_be_sent_and_never_was_is_sent(tmp_path: Path, server: Simulator) -> None:
    in_flight(tmp_path, server, "00000000-0000-4000-8000-000000000001")
    asyncio.run(batch(Texts(), numbered(1), [server], tmp_path).run())
    (row,) = records(tmp_path)
    assert (row.state, row.attempts) == ("completed", 2)
    assert len(server.prompts) == 1


def test_a_row_of_a_former_server_is_looked_for_there(
    tmp_path: Path, server: Simulator, other: Simulator
) -> None:
    prompt_id = "00000000-0000-4000-8000-000000000001"
    ended(other, dict(Texts().prepare(numbered(1)[0]).prompt), prompt_id=prompt_id)
    in_flight(tmp_path, other, prompt_id)
    asyncio.run(batch(Texts(), numbered(2), [server], tmp_path).run())
    assert [row.server for row in records(tmp_path)] == [other.url, server.url]
    assert (len(server.prompts), len(other.prompts)) == (1, 1)


def test_several_rows_of_a_former_server_are_looked_for_there(
    tmp_path: Path, server: Simulator, other: Simulator
) -> None:
    made = [Texts().prepare(row) for row in numbered(2)]
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
    for each, prompt_id in zip(made, ids, strict=True):
        ended(other, dict(each.prompt), prompt_id=prompt_id)
    with Ledger(tmp_path / LEDGER_NAME, create=True) as ledger:
        for number, each in enumerate(made):
            attempt = Attempt(number, other.url, ids[number], each.hash)
            ledger.write([Added(number, {"n": number}), Sent(attempt, 1.0)])
    summary = asyncio.run(batch(Texts(), numbered(3), [server], tmp_path).run())
    assert summary.is_whole
    assert [row.server for row in records(tmp_path)] == [other.url, other.url, server.url]
    assert (len(server.prompts), len(other.prompts)) == (1, 2)


def test_a_node_that_fails_sets_its_row_aside_and_the_rest_goes_on(tmp_path: Path, server: Simulator) -> None:
    server.fail_next("a bad day", class_type="StringConcatenate")
    summary = asyncio.run(batch(Texts(), numbered(4), [server], tmp_path).run())
    assert (summary.counts["completed"], summary.counts["failed"]) == (3, 1)
    assert not summary.is_whole
    (failed,) = [row for row in records(tmp_path) if row.state == "failed"]
    assert failed.failure == "node_error"
    assert "a bad day" in (failed.error or "")


def test_out_of_memory_is_tried_once_more_alone_on_a_freed_server(tmp_path: Path, server: Simulator) -> None:
    server.fail_next("no room", class_type="StringConcatenate", out_of_memory=True)
    summary = asyncio.run(batch(Texts(), numbered(6), [server], tmp_path).run())
    assert summary.is_whole
    assert sorted(row.attempts for row in records(tmp_path)) == [1, 1, 1, 1, 1, 2]


def test_what_no_server_can_run_is_never_sent(tmp_path: Path, server: Simulator) -> None:
    class Strange(Texts):
        def prepare(self, row: Row) -> Made:
            made = super().prepare(row)
            if row.number == 1:
                return Made({**made.prompt, "3": {"class_type": "Unheard", "inputs": {}}})
            return made

    summary = asyncio.run(batch(Strange(), numbered(3), [server], tmp_path).run())
    assert (summary.counts["completed"], summary.counts["invalid"]) == (2, 1)
    assert records(tmp_path)[1].error == (
        "no server has the node class 'Unheard'; the pack that provides it may not be installed"
    )
    assert len(server.prompts) == 2


def test_a_server_that_is_not_there_is_told_and_the_others_do_the_work(
    tmp_path: Path, server: Simulator
) -> None:
    events: list[BatchEvent] = []
    gone = "http://127.0.0.1:9"

    def left_alone() -> list[str]:
        return [each.url for each in events if isinstance(each, ServerEvent) and not each.available]

    async def run() -> None:
        server.instance.queue.hold(True)
        task = asyncio.create_task(batch(Texts(), numbered(3), [gone, server], tmp_path, events).run())
        await until(lambda: bool(left_alone()))
        server.instance.queue.hold(False)
        assert (await task).is_whole

    asyncio.run(run())
    assert left_alone() == [gone]
    with pytest.raises(ServerUnreachable, match=r"no server takes rows .*run the same command again"):
        asyncio.run(batch(Texts(), numbered(5), [gone], tmp_path).run())


def test_a_prompt_that_would_damage_a_server_is_not_sent(tmp_path: Path, server: Simulator) -> None:
    class Broken(Texts):
        def prepare(self, row: Row) -> Made:
            made = super().prepare(row)
            return made if row.number else Made({**made.prompt, "3": {"class_type": "PreviewAny"}})

    summary = asyncio.run(batch(Broken(), numbered(2), [server], tmp_path).run())
    assert (summary.counts["completed"], summary.counts["invalid"]) == (1, 1)
    assert len(server.prompts) == 1


def test_a_server_that_comes_later_gets_work(tmp_path: Path, server: Simulator) -> None:
    late = Simulator()
    late.start()
    port = late.port
    late.stop()
    late = Simulator(port=port)

    async def run() -> None:
        running = batch(Texts(), numbered(60), [server, f"http://127.0.0.1:{port}"], tmp_path)
        task = asyncio.create_task(running.run())
        await until(lambda: len(server.prompts) >= 3)
        server.slow_down(0.2)
        await asyncio.to_thread(late.start)
        await until(lambda: bool(late.prompts) or task.done())
        server.faults.slow_nodes.clear()
        await task

    try:
        asyncio.run(run())
        assert late.prompts
        assert set(executed(server, late).values()) == {1}
    finally:
        late.stop()


def test_rows_may_be_endless_and_asynchronous_and_the_batch_is_finished_from_outside(
    tmp_path: Path, server: Simulator
) -> None:
    async def endless() -> AsyncIterator[Row]:
        number = 0
        while True:
            yield Row(number, {"n": number})
            number += 1
            await asyncio.sleep(0)

    async def run() -> None:
        running = Batch(Texts(), endless(), servers=[server.url], out=tmp_path, window=10)
        task = asyncio.create_task(running.run())
        await until(lambda: running.standing.counts["completed"] >= 5)
        running.finish()
        summary = await task
        assert summary.stopped
        assert summary.counts["in_progress"] == 0
        assert summary.counts["completed"] >= 5
        assert sum(summary.counts.values()) <= summary.counts["completed"] + 10 + 3

    asyncio.run(run())
    assert set(executed(server).values()) == {1}


def test_a_batch_that_is_stopped_takes_its_prompts_off_and_goes_on_later(
    tmp_path: Path, server: Simulator
) -> None:
    async def run() -> None:
        running = batch(Texts(), numbered(6), [server], tmp_path)
        task = asyncio.create_task(running.run())
        await until(lambda: len(server.prompts) >= 3)
        running.stop()
        summary = await task
        assert summary.counts == {
            "pending": 6, "in_progress": 0, "completed": 0, "failed": 0, "invalid": 0, "cancelled": 0,
        }  # fmt: skip

    with tireless(server):
        asyncio.run(run())
    assert server.instance.queue.remaining == 0
    summary = asyncio.run(batch(Texts(), numbered(6), [server], tmp_path).run())
    assert summary.is_whole


def test_a_scope_of_anyio_around_a_batch_closes_its_servers_and_its_ledger(
    tmp_path: Path, server: Simulator
) -> None:
    async def main() -> None:
        server.instance.queue.hold(True)
        with anyio.CancelScope() as scope:
            ending = asyncio.create_task(end(scope))
            await batch(Texts(), numbered(4), [server], tmp_path).run()
        await ending
        assert scope.cancelled_caught
        assert asyncio.all_tasks() == {asyncio.current_task()}
        server.instance.queue.hold(False)
        assert (await batch(Texts(), numbered(4), [server], tmp_path).run()).is_whole

    async def end(scope: anyio.CancelScope) -> None:
        await until(lambda: len(server.prompts) > 0)
        scope.cancel()

    asyncio.run(main())
    assert set(executed(server).values()) == {1}


def test_a_server_that_restarts_loses_nothing(tmp_path: Path, server: Simulator) -> None:
    async def run() -> None:
        task = asyncio.create_task(batch(Texts(), numbered(30), [server], tmp_path).run())
        await until(lambda: len(server.prompts) >= 10)
        await asyncio.to_thread(server.restart)
        assert (await task).is_whole

    asyncio.run(run())
    assert [row.texts for row in records(tmp_path)] == [{"2": [f"row {number}!"]} for number in range(30)]


def test_a_file_that_an_earlier_process_wrote_is_taken_and_another_ones_is_left(
    tmp_path: Path, server: Simulator
) -> None:
    rows = numbered(2)
    names = [f"{row.number}_{Pictures().prepare(row).hash[:8]}_0.png" for row in rows]
    (tmp_path / names[1]).write_bytes(b"precious")
    asyncio.run(batch(Pictures(), rows, [server], tmp_path).run())
    assert (tmp_path / names[1]).read_bytes() == b"precious"
    assert records(tmp_path)[1].files[0].name == names[1].replace(".png", " (1).png")
    first = records(tmp_path)[0]
    (tmp_path / LEDGER_NAME).unlink()
    assert first.prompt_id is not None
    with Ledger(tmp_path / LEDGER_NAME, create=True) as ledger:
        attempt = Attempt(0, server.url, first.prompt_id, first.prompt_hash or "")
        ledger.write([Added(0, {"n": 0}), Sent(attempt, 1.0)])
    asyncio.run(batch(Pictures(), rows[:1], [server], tmp_path).run())
    assert records(tmp_path)[0].files[0].name == names[0]
    assert len(list(tmp_path.glob("0_*"))) == 1


def test_a_batch_goes_on_with_the_files_of_the_folder_in_which_it_was_begun(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "copy"}},
    }
    out, rows = tmp_path / "out", [{"1.image": "photo.png"}, {"1.image": "other.png"}]
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
        for name in ("photo.png", "other.png"):
            Image.new("RGB", (3, 3), (len(folder.name), 8, 7)).save(folder / name)
    monkeypatch.chdir(here)
    run(prompt, rows[:1], servers=server.url, out=out)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(LedgerError, match=rf"row 1 names the file other.png, which is in {here}"):
        run(prompt, rows, servers=server.url, out=out)
    (here / "other.png").unlink()  # what is no more cannot be meant
    assert run(prompt, rows, servers=server.url, out=out).is_whole
    assert len(server.prompts) == 2


def test_what_runs_beside_a_batch_that_ends_at_once_is_not_left_unawaited(
    tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled before its first step never gets to what it was to wait for."""

    async def interrupted(_: Batch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Batch, "_work", interrupted)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(batch(Texts(), numbered(1), [server], tmp_path).run())
        gc.collect()
    assert not [str(each.message) for each in seen if "never awaited" in str(each.message)]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, server: Simulator) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot write"):
        asyncio.run(batch(Texts(), numbered(1), [server], tmp_path / "file" / "out").run())


def test_what_another_process_sets_to_be_sent_again_is_taken_up(tmp_path: Path, server: Simulator) -> None:
    server.fail_next("a bad day", class_type="StringConcatenate")
    asyncio.run(batch(Texts(), numbered(2), [server], tmp_path).run())

    async def slowly() -> AsyncIterator[Row]:
        for row in numbered(2):
            yield row
        await until(lambda: len(server.prompts) >= 3)
        yield Row(2, {"n": 2})

    async def run() -> None:
        running = Batch(Texts(), slowly(), servers=[server.url], out=tmp_path)
        task = asyncio.create_task(running.run())
        await until(lambda: any(each.available for each in running.standing.servers))
        with Ledger(tmp_path / LEDGER_NAME) as ledger:
            assert ledger.retry() == 1
        assert (await task).is_whole

    asyncio.run(run())
