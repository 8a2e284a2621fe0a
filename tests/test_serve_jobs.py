"""``comfyflow serve``: what is heard of jobs, what ends them, and what outlives the process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from comfynodes import EmptyImage, SaveImage

from comfyflow.errors import LedgerError
from comfyflow.serve.channel import Channels
from comfyflow.serve.job_ledger import JobLedger, KnownJob
from comfyflow.simulator import Simulator
from comfyflow.workflows import workflow
from tests.batches import Texts as TextRows
from tests.batches import batch, numbered
from tests.serving import Outage, Served, read_events, serving
from tests.test_client_seed_faults import until

ROOT = Path(__file__).parents[1]


@workflow
def slow(steps: int = 10, prompt: str = "a lighthouse") -> Any:
    """A picture that takes a while."""
    from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, EmptyLatentImage, KSampler, VAEDecode

    model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    text = CLIPTextEncode(text=prompt, clip=clip)
    latent = KSampler(
        model=model, seed=0, steps=steps, cfg=7.0, sampler_name="euler", scheduler="normal",
        positive=text, negative=text, latent_image=EmptyLatentImage(width=64, height=64),
    )  # fmt: skip
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix="slow")


@workflow
def quick(color: int = 0) -> SaveImage:
    image = EmptyImage(width=8, height=8, batch_size=1, color=color)
    return SaveImage(images=image, filename_prefix="quick")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(previews=True, step_seconds=0.02) as made:
        yield made


@pytest.fixture
def served(simulator: Simulator, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "out", simulator, functions=[slow, quick], depth=1) as made:
        yield made


def test_events_begin_with_the_state_and_end_with_it(served: Served) -> None:
    job = served.job("slow", {"steps": 12}).json()
    events = served.events(job["events"])
    names = [name for name, _, _ in events]
    assert (names[0], names[-1]) == ("state", "state")
    assert events[-1][1]["state"] == "completed"
    assert events[-1][1]["outputs"][0]["media_type"] == "image/png"
    steps = [data for name, data, _ in events if name == "progress" and data.get("class_type") == "KSampler"]
    assert steps[-1]["finished"] or steps[-1]["value"] == 12
    previews = [data["image"] for name, data, _ in events if name == "preview"]
    assert previews
    assert all(each.startswith("data:image/jpeg;base64,") for each in previews)


def test_a_server_that_does_not_answer_and_answers_again_is_heard_of(
    simulator: Simulator, tmp_path: Path
) -> None:
    outage = Outage()
    with serving(tmp_path / "out", simulator, functions=[slow], outage=outage) as served:
        job = served.job("slow", {"steps": 5000}).json()
        with served.http.stream("GET", job["events"]) as answer:
            events = read_events(answer.iter_lines())
            assert next(data for name, data, _ in events if name == "progress" and "node" in data)
            with simulator.silent_sockets():
                outage.is_on.set()
                (away,) = islice((data for name, data, _ in events if name == "server"), 1)
                assert away == {"answers": False}
                told = served.http.get(job["url"]).json()["progress"]
                assert (told["phase"], told["server_away"]) == ("running", True)
                outage.is_on.clear()
                (back,) = islice((data for name, data, _ in events if name == "server"), 1)
                assert back["answers"]
                assert back["seconds"] > 0
                assert "server_away" not in served.http.get(job["url"]).json()["progress"]
            served.http.delete(job["url"])
            *_, (last, _, _) = events
            assert last == "state"


def test_who_comes_back_goes_on_where_he_was(served: Served) -> None:
    job = served.job("slow", {"steps": 150}).json()
    seen: list[str] = []
    with served.http.stream("GET", job["events"]) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                seen.append(line[4:])
                if len(seen) == 8:
                    break
    after = [number for name, _, number in served.events(job["events"], seen[-1]) if name != "preview"]
    assert not set(seen) & set(after)
    first_number, last_number = (int(each.rpartition("-")[2]) for each in (seen[-1], after[0]))
    assert last_number == first_number + 1
    strange = served.events(job["events"], "other-1")
    assert strange[0][0] == "state"


def test_a_job_that_has_ended_tells_its_state_and_nothing_else(served: Served) -> None:
    job = served.done("quick", {})
    ((name, data, _),) = served.events(job["events"])
    assert (name, data) == ("state", job)
    ((_, again, _),) = served.events(job["events"], "other-1")
    assert again == job
    assert len(served.service.channels) == 0


def test_a_job_that_waits_and_one_that_runs_are_cancelled(served: Served, simulator: Simulator) -> None:
    runs = served.job("slow", {"steps": 5000}).json()
    waits = served.job("quick", {"color": 1}).json()
    assert waits["before"] == 1
    until(lambda: served.http.get(runs["url"]).json()["progress"] is not None)
    assert served.http.get(runs["url"]).json()["before"] is None
    for job in (waits, runs):
        answer = served.http.delete(job["url"])
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    until(lambda: not simulator.prompts or httpx.get(f"{simulator.url}/queue").json()["queue_running"] == [])
    assert served.http.delete(runs["url"]).json()["state"] == "cancelled"
    assert served.done("quick", {"color": 2})["state"] == "completed"


def cancel(served: Served, job: dict[str, Any]) -> None:
    """Cancel a job, on a busy machine too, which may take longer than the request waits."""
    served.http.delete(job["url"])
    until(lambda: served.http.get(job["url"]).json()["state"] == "cancelled", 60)


def test_a_job_that_is_cancelled_at_once(served: Served) -> None:
    for _ in range(5):
        cancel(served, served.job("slow", {"steps": 3000}).json())
    assert served.done("quick", {"color": 3})["state"] == "completed"


def test_jobs_that_failed_are_sent_again_by_the_command_of_a_batch(
    served: Served, simulator: Simulator
) -> None:
    job = served.job("slow", {"steps": 3000}).json()
    cancel(served, job)
    ledger = served.service.options.out / "ledger.sqlite"
    command = [sys.executable, "-m", "comfyflow", "batch"]
    told = subprocess.run([*command, "status", str(ledger)], capture_output=True, text=True, timeout=60)
    assert "1 cancelled" in told.stdout
    subprocess.run([*command, "retry", str(ledger), "--state", "cancelled"], check=True, timeout=60)
    until(lambda: served.http.get(job["url"]).json()["state"] == "in_progress")
    subprocess.run([*command, "cancel", str(ledger)], check=True, timeout=60)
    until(lambda: served.http.get(job["url"]).json()["state"] == "cancelled")
    assert served.done("quick", {"color": 4})["state"] == "completed"


def test_without_a_server_jobs_wait_for_one(tmp_path: Path) -> None:
    with Simulator() as simulator:
        port = simulator.url.rpartition(":")[2]
    with serving(tmp_path / "out", f"http://127.0.0.1:{port}", functions=[quick]) as served:
        assert served.http.get("/healthz").json()["status"] == "no_server"
        job = served.job("quick", {}).json()
        assert job["state"] == "pending"
        with Simulator(port=int(port)):
            until(lambda: served.http.get(job["url"]).json()["state"] == "completed")


def test_a_server_that_does_not_answer_is_told_whoever_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Simulator() as simulator:
        url = simulator.url
    with serving(tmp_path / "out", url, functions=[quick]):
        until(lambda: f"{url} is skipped for a while: no ComfyUI server answers" in caplog.text)


def test_a_restart_takes_up_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Simulator(step_seconds=0.02) as simulator:
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            jobs = [served.job("slow", {"steps": 100}).json(), served.job("quick", {"color": 9}).json()]
            key = served.job("quick", {"color": 10}, Idempotency_Key="k").json()
            until(lambda: served.http.get(jobs[0]["url"]).json()["progress"] is not None)
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            assert served.job("quick", {"color": 10}, Idempotency_Key="k").json()["id"] == key["id"]
            for job in (*jobs, key):
                found = served.events(job["events"])[-1][1]
                assert (found["id"], found["state"]) == (job["id"], "completed")
            assert served.done("quick", {"color": 11})["state"] == "completed"
    assert len(simulator.prompts) == 4


def test_jobs_of_a_workflow_that_is_not_served_any_more_wait_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    with Simulator(step_seconds=0.02) as simulator:
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            runs = served.job("slow", {"steps": 5000}).json()
            until(lambda: served.http.get(runs["url"]).json()["progress"] is not None, 60)
            waits, cancelled, taken = (served.job("quick", {"color": n}).json() for n in (20, 21, 22))
        command = [sys.executable, "-m", "comfyflow", "batch", "cancel", str(out / "ledger.sqlite")]
        with serving(out, simulator, functions=[slow], depth=1) as served:
            until(lambda: "jobs of 'quick' wait until it is served again" in caplog.text, 60)
            served.http.delete(runs["url"])
            assert served.done("slow", {"steps": 1})["state"] == "completed"
            assert served.http.get(waits["url"]).json()["state"] == "pending"
            cancel(served, cancelled)
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            for job in (waits, taken):
                assert served.events(job["events"])[-1][1]["state"] == "completed"
            assert served.http.get(cancelled["url"]).json()["state"] == "cancelled"
            runs = served.job("slow", {"steps": 5000}).json()
            until(lambda: served.http.get(runs["url"]).json()["progress"] is not None, 60)
            last = served.job("quick", {"color": 23}).json()
        with serving(out, simulator, functions=[slow], depth=1) as served:
            subprocess.run(command, check=True, timeout=60)
            for job in (last, runs):
                assert served.events(job["events"])[-1][1]["state"] == "cancelled"


def test_a_job_whose_workflow_is_gone_is_looked_for_where_it_was_sent(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Simulator(step_seconds=0.02) as simulator:
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            kept = served.job("slow", {"steps": 100}).json()
            until(lambda: served.http.get(kept["url"]).json()["progress"] is not None, 60)
        with serving(out, simulator, functions=[quick], depth=1) as served:
            assert served.events(kept["events"])[-1][1]["state"] == "completed"
            assert served.done("quick", {"color": 30})["state"] == "completed"
        with serving(out, simulator, functions=[slow, quick], depth=1) as served:
            lost = served.job("slow", {"steps": 3000}).json()
            until(lambda: served.http.get(lost["url"]).json()["progress"] is not None, 60)
        port = int(simulator.url.rpartition(":")[2])
    with Simulator(port=port, step_seconds=0.02):  # which knows nothing of it
        with serving(out, simulator.url, functions=[quick], depth=1) as served:
            until(lambda: served.http.get(lost["url"]).json()["state"] == "pending", 60)
            assert served.done("quick", {"color": 31})["state"] == "completed"
            assert served.http.get(lost["url"]).json()["state"] == "pending"
        with serving(out, simulator.url, functions=[slow, quick], depth=1) as served:
            until(lambda: served.http.get(lost["url"]).json()["progress"] is not None, 60)
            cancel(served, lost)


def test_a_ledger_of_a_batch_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    asyncio.run(batch(TextRows(), numbered(1), [simulator], tmp_path).run())
    with (
        pytest.raises(LedgerError, match="ledger of a batch, not of a service"),
        serving(tmp_path, simulator),
    ):
        pass


def test_a_ledger_that_another_process_has_is_refused(served: Served, simulator: Simulator) -> None:
    with (
        pytest.raises(LedgerError, match="in use by process"),
        serving(served.service.options.out, simulator),
    ):
        pass


def test_a_ledger_of_a_newer_service_is_refused(tmp_path: Path) -> None:
    JobLedger(tmp_path / "ledger.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database, database:
        database.execute("UPDATE batch SET value = '99' WHERE name = 'serve'")
    with pytest.raises(LedgerError, match="newer comfyflow"):
        JobLedger(tmp_path / "ledger.sqlite")


@contextmanager
def held_ledger(served: Served) -> Generator[threading.Event]:
    """Keep the ledger from being written to, until the event is set or the block ends."""
    written, may_end = threading.Event(), threading.Event()

    def write(_: JobLedger) -> bool:
        written.set()
        return may_end.wait(60)

    writing = asyncio.run_coroutine_threadsafe(served.service.ask(write), served.loop)
    assert written.wait(60)
    try:
        yield may_end
    finally:
        may_end.set()
    assert writing.result(60)


def test_a_job_is_shown_while_something_is_written(served: Served) -> None:
    job = served.done("quick", {"color": 5})
    with held_ledger(served):
        assert served.http.get(job["url"]).json() == job
        assert served.http.get(job["outputs"][0]["url"]).status_code == 200


def test_a_key_whose_request_is_cancelled_answers_with_the_job(served: Served) -> None:
    service = served.service

    def submit() -> asyncio.Task[tuple[KnownJob, bool]]:
        quick = service.workflows["quick"]
        return asyncio.create_task(service.submit(quick, {"color": 7}, key="left"))

    async def sent_twice(may_write: threading.Event) -> tuple[KnownJob, bool]:
        cancelled = submit()
        while not service.counts["pending"]:  # noqa: ASYNC110  # the loop itself takes it that far
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        assert cancelled.cancelled()
        again = submit()
        await asyncio.sleep(0)
        may_write.set()
        return await again

    with held_ledger(served) as may_write:
        twice = asyncio.run_coroutine_threadsafe(sent_twice(may_write), served.loop)
        known, is_new = twice.result(60)
    assert not is_new
    assert [each["id"] for each in served.http.get("/jobs").json()["jobs"]] == [known.job.id]
    assert served.job("quick", {"color": 7}, Idempotency_Key="left").json()["id"] == known.job.id


def test_a_key_whose_request_is_cancelled_and_refused_is_free(served: Served) -> None:
    service = served.service

    async def cancelled_at_once() -> bool:
        quick = service.workflows["quick"]
        sent = asyncio.create_task(service.submit(quick, {"color": 7}, key="left", most=0))
        await asyncio.sleep(0)
        sent.cancel()
        await asyncio.wait({sent})
        return sent.cancelled()

    assert asyncio.run_coroutine_threadsafe(cancelled_at_once(), served.loop).result(60)
    assert served.job("quick", {"color": 7}, Idempotency_Key="left").status_code == 202


def test_a_key_whose_request_breaks_off_is_free(served: Served) -> None:
    request = (
        b"POST /workflows/quick/jobs HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: cut\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    url = served.http.base_url
    with socket.create_connection((url.host, url.port or 0), 60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass
    assert served.job("quick", {"color": 7}, Idempotency_Key="cut").status_code == 202


def test_who_waits_is_answered_when_the_service_ends(served: Served) -> None:
    job = served.job("slow", {"steps": 5000}).json()
    until(lambda: served.http.get(job["url"]).json()["progress"] is not None)

    async def waited() -> str:
        waiting = asyncio.create_task(served.service.wait(served.service.job(job["id"], ""), 600))
        await asyncio.sleep(0)
        served.service.channels.end()
        return (await waiting).record.state

    assert asyncio.run_coroutine_threadsafe(waited(), served.loop).result(60) == "in_progress"
    served.http.delete(job["url"])


def test_the_queue_is_bounded(simulator: Simulator, tmp_path: Path) -> None:
    with serving(tmp_path / "out", simulator, functions=[slow], depth=1, queue=2) as served:
        jobs = [served.job("slow", {"steps": 3000}).json() for _ in range(2)]
        answer = served.job("slow", {})
        assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
        cancel(served, jobs[1])
        assert served.job("slow", {"steps": 3000}).status_code == 202
        for job in served.http.get("/jobs").json()["jobs"]:
            served.http.delete(job["url"])


def test_a_slow_listener_gets_the_state_in_place_of_what_it_missed() -> None:
    async def told() -> list[tuple[str, str | None]]:
        channel = Channels().of(1)
        listener = channel.listen()
        for number in range(300):
            channel.tell("progress", {"value": number})
            channel.tell("preview", {"image": str(number)})
        found: list[tuple[str, str | None]] = []
        while (event := await listener.next(0)) is not None:
            found.append((event.name, event.data))
        return found

    events = asyncio.run(told())
    assert len(events) < 256
    assert events[0][0] == "state"
    assert [json.loads(data or "") for name, data in events if name == "preview"] == [{"image": "299"}]


@pytest.mark.slow
def test_a_service_that_is_killed_loses_no_job(tmp_path: Path) -> None:
    """Killed again and again while jobs come: each that was accepted ends well."""
    (tmp_path / "flow.py").write_text(
        "from comfyflow import workflow\nfrom comfynodes import EmptyImage, SaveImage\n\n\n@workflow\n"
        "def flow(color: int) -> SaveImage:\n"
        "    image = EmptyImage(width=8, height=8, batch_size=1, color=color)\n"
        "    return SaveImage(images=image, filename_prefix='flow')\n"
    )
    accepted: dict[int, str] = {}
    with Simulator() as simulator:
        for begin in range(0, 60, 12):
            process, url = started(tmp_path, simulator.url)
            try:
                threads = [threading.Thread(target=sent, args=(url, begin + n, accepted)) for n in range(12)]
                for each in threads:
                    each.start()
                until(lambda begin=begin: sum(number >= begin for number in accepted) >= 6)
                process.send_signal(signal.SIGKILL)
                for each in threads:
                    each.join(60)
            finally:
                process.kill()
                process.communicate(timeout=60)
        process, url = started(tmp_path, simulator.url)
        try:
            with httpx.Client(base_url=url, timeout=60) as http:
                for number, job in accepted.items():
                    until(lambda job=job: http.get(job).json()["state"] == "completed", 60)
                    found = http.get(job).json()
                    assert found["parameters"] == {"color": number}
                    assert http.get(found["outputs"][0]["url"]).status_code == 200
        finally:
            process.terminate()
            assert process.wait(60) == 0
            assert process.stdout is not None
            process.stdout.close()
    assert len(accepted) >= 30


def sent(url: str, number: int, accepted: dict[int, str]) -> None:
    """Send a job; what was not accepted before the service was killed is sent no more."""
    try:
        answer = httpx.post(f"{url}workflows/flow/jobs", json={"color": number}, timeout=30)
    except httpx.HTTPError:
        return
    assert answer.status_code == 202, answer.text
    accepted[number] = answer.json()["url"]


def started(folder: Path, server: str) -> tuple[subprocess.Popen[str], str]:
    """The command, and where it serves."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "comfyflow",
            "serve",
            "flow.py",
            "--server",
            server,
            "--port",
            "0",
            "--out",
            "out",
        ],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("http://"), line
    return process, line.split(" ", 1)[0]
