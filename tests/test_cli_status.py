from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console

from comfyflow import Client
from comfyflow.cli.server_watch import QUEUE_ASKED, RunningPrompt, ServerWatch
from comfyflow.cli.status import _Table
from comfyflow.client import Job
from comfyflow.client.event import LogEntries, NodeState, Progress, ProgressState, Status
from comfyflow.client.routes.queue_routes import Queue, QueueEntry
from comfyflow.client.routes.server_info import SystemStats
from comfyflow.errors import ServerError, ServerUnreachable
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.simulated import SAVE, submit
from tests.test_cli_wait import started

GONE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


# Once


def test_one_server_is_told_in_words(command: Command, server: Simulator) -> None:
    run = command("status", "--server", server.url)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        f"ComfyUI 0.33.0 at {server.url}",
        "queue: 0 running or waiting",
        "device: cpu (simulated by comfyflow), 12.0 GiB of 16.0 GiB free",
    ]


def test_what_runs_is_told(command: Command) -> None:
    with Simulator() as busy, Client(busy.url) as client, busy.held_queue():
        prompt_id = submit(busy, SAVE)
        told = json.loads(command("status", "--server", busy.url, "--json").out)
        assert (told["queue_remaining"], told["waiting"], told["running"]) == (1, 1, [])
        client.delete_queued([prompt_id])


def test_json_of_one_server_is_an_object_with_all_that_it_says(command: Command, server: Simulator) -> None:
    told = json.loads(command("status", "--server", server.url, "--json").out)
    assert (told["url"], told["up"], told["queue_remaining"]) == (server.url, True, 0)
    assert told["system"]["comfyui_version"] == "0.33.0"
    assert told["devices"][0]["type"] == "cpu"


def test_a_server_that_does_not_answer_costs_no_other_one(command: Command, server: Simulator) -> None:
    words = ("status", "--server", GONE, "--server", server.url)
    run = command(*words)
    assert run.code == 2
    assert f"{GONE}: gone: no ComfyUI server answers" in run.out
    assert f"ComfyUI 0.33.0 at {server.url}" in run.out
    gone, up = json.loads(command(*words, "--json").out)
    assert (gone["url"], gone["up"], up["up"]) == (GONE, False, True)
    assert "no ComfyUI server answers" in gone["error"]


def test_a_single_server_that_does_not_answer_is_an_error_with_advice(command: Command) -> None:
    run = command("status", "--server", GONE)
    assert (run.code, run.out) == (2, "")
    assert "start ComfyUI there" in run.err
    assert run.err.count("start ComfyUI") + run.err.count("Start ComfyUI") == 1
    assert "name a server with --server URL" in run.err


# What is heard


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> ServerWatch:
    made = ServerWatch("http://one", clock=clock)
    made.up, made.stats = True, SystemStats({"system": {"comfyui_version": "1.2.3"}, "devices": []})
    made.running = [RunningPrompt("abcdef0123456789", 7, {"5": "KSampler"}, since=90.0)]
    return made


def test_prompts_that_end_are_counted_by_the_length_of_the_queue(watch: ServerWatch, clock: Clock) -> None:
    for remaining in (3, 2, 2, 5, 4):
        clock.now += 10
        assert watch.hear(Status(remaining)) is True
    assert (watch.ended, watch.remaining, watch.waiting) == (2, 4, 3)
    assert watch.per_minute == pytest.approx(2 * 60 / 50)
    clock.now += 100
    assert watch.per_minute == 0.0


def test_the_first_length_of_a_queue_says_nothing_of_ends(clock: Clock) -> None:
    watch = ServerWatch("http://one", clock=clock)
    told: list[ServerWatch] = []
    watch.tell(told.append)
    watch.hear(Status(5))
    watch.hear(Status(2))
    assert (watch.ended, watch.per_minute) == (0, None)
    assert told == [], "it is not known yet what it is"


def test_steps_are_shown_with_their_rate(watch: ServerWatch, clock: Clock) -> None:
    for step in range(1, 5):
        clock.now += 0.5
        watch.hear(Progress("p", "5", step, 20))
    assert watch.steps is not None
    assert watch.steps.rate == pytest.approx(2.0)
    assert watch.doing == "abcdef01 (7 nodes), 12 s; #5 KSampler 4/20, 2.0/s"


def test_progress_of_all_nodes_shows_the_one_that_runs(watch: ServerWatch) -> None:
    nodes = {
        "1": NodeState("1", 1, 1, "finished", "1"),
        "5.0.0.1": NodeState("5.0.0.1", 3, 20, "running", "5"),
        "6": NodeState("6", 0, 1, "running", "6"),
    }
    watch.hear(ProgressState("p", nodes))
    assert watch.steps is not None
    assert (watch.steps.node_id, watch.steps.value, watch.steps.maximum) == ("5", 3, 20)


def log(*texts: str) -> LogEntries:
    return LogEntries(texts, {})


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("\r 35%|███▌      | 7/20 [00:03<00:05,  2.34it/s]", (7, 20, 2.34)),
        ("\r100%|██████████| 4/4 [00:08<00:00,  2.00s/it]", (4, 4, 0.5)),
        ("\r 5%| | 1/20 [00:01<00:19, 1.0it/s]\r 10%| | 2/20 [00:01<00:09, 2.0it/s]", (2, 20, 2.0)),
        ("\r  0%|          | 0/20 [00:00<?, ?it/s]", None),
        ("model.safetensors:  20%|██ | 1.2G/6.5G [00:10<00:50, 100MB/s]", None),
        ("got prompt\n", None),
        ("1/2 [" * 1000, None),
        ("1/2 [00:01, 0s/it]", (1, 2, 0.0)),
    ],
)
def test_steps_are_read_from_the_log(text: str, steps: Any, watch: ServerWatch) -> None:
    """A server tells the steps of a prompt only to who has sent it; its log has them for everybody."""
    watch.hear(log("something\n", text))
    found = watch.steps
    assert (None if found is None else (found.value, found.maximum, found.rate)) == steps


def test_the_log_does_not_stand_in_the_way_of_what_is_known_better(watch: ServerWatch) -> None:
    watch.hear(Progress("p", "5", 3, 20))
    watch.hear(log("\r 35%|███▌      | 7/20 [00:03<00:05,  2.34it/s]"))
    assert watch.steps is not None
    assert (watch.steps.node_id, watch.steps.value) == ("5", 3)
    watch.hear(log("Prompt executed in 3.21 seconds\n"))
    assert watch.steps is None


def test_a_server_that_is_lost_runs_nothing(watch: ServerWatch) -> None:
    told: list[bool | None] = []
    watch.tell(lambda server: told.append(server.up))
    watch.hear(Progress("p", "5", 3, 20))
    watch.lost("it is off")
    watch.lost("it is off")
    assert told == [True, False]
    assert watch.to_json() == {"url": "http://one", "up": False, "error": "it is off"}
    assert (watch.doing, watch.waiting) == ("nothing", 0)


# What is asked


class Asked:
    """In place of a client: answers, and what happens while they are on their way."""

    url = "http://one"

    def __init__(self, watch: ServerWatch, remaining: int, meanwhile: Status | None = None) -> None:
        self.watch = watch
        self.remaining = remaining
        self.meanwhile = meanwhile
        self.jobs_known = True
        self.asked: list[str] = []

    async def system_stats(self) -> SystemStats:
        return SystemStats({"system": {"comfyui_version": "1.2.3"}})

    async def queue_remaining(self) -> int:
        return self.remaining

    async def queue(self) -> Queue:
        self.asked.append("queue")
        if self.meanwhile is not None:
            self.watch.hear(self.meanwhile)
        prompt = {"1": {"class_type": "KSampler", "inputs": {}}}
        return Queue((QueueEntry(0, "first", prompt, {}, ()),), ())

    async def jobs(self, status: Any) -> list[Job]:
        self.asked.append("jobs")
        if not self.jobs_known:
            raise ServerError("no such route", 404)
        return [Job("first", "in_progress")]


def look(watch: ServerWatch, client: Any) -> None:
    asyncio.run(watch.look(client))


def test_what_is_heard_while_it_is_asked_is_newer_than_the_answer(watch: ServerWatch) -> None:
    watch.hear(Status(3))
    look(watch, Asked(watch, 3, meanwhile=Status(1)))
    assert (watch.remaining, watch.ended) == (1, 2)
    look(watch, Asked(watch, 1))
    assert (watch.remaining, watch.ended) == (1, 2)
    assert (watch.running[0].prompt_id, watch.running[0].nodes) == ("first", 1)


def test_a_long_queue_is_not_fetched_whole(watch: ServerWatch) -> None:
    client = Asked(watch, QUEUE_ASKED + 1)
    look(watch, client)
    assert client.asked == ["jobs"]
    assert (watch.waiting, watch.running[0].prompt_id) == (QUEUE_ASKED, "first")
    client.jobs_known = False
    look(watch, client)
    assert (watch.up, watch.running[0].prompt_id) == (True, "first")


def test_nothing_is_asked_of_an_empty_queue(watch: ServerWatch) -> None:
    client = Asked(watch, 0)
    look(watch, client)
    assert (client.asked, watch.running) == ([], [])


def test_an_error_is_told_and_not_raised(watch: ServerWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Asked(watch, 0)

    async def away() -> int:
        raise ServerUnreachable("nobody is there")

    monkeypatch.setattr(client, "queue_remaining", away)
    look(watch, client)
    assert (watch.up, watch.reason) == (False, "nobody is there")


def until(holds: Callable[[], object]) -> Any:
    async def wait() -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    return wait()


def test_the_log_of_a_server_is_asked_for_and_heard() -> None:
    async def watched(server: Simulator) -> ServerWatch:
        watch = ServerWatch(server.url)
        looking = asyncio.create_task(watch.watch(0.1))
        await until(lambda: server.instance.log_watchers and watch.remaining)
        server.instance.log(" 35%|███▌      | 7/20 [00:03<00:05,  2.34it/s]")
        await until(lambda: watch.steps is not None)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return watch

    with Simulator() as server, server.held_queue():
        submit(server, SAVE)
        watch = asyncio.run(watched(server))
        assert watch.steps is not None
        assert (watch.steps.value, watch.steps.maximum) == (7, 20)


def test_servers_that_may_break_on_it_are_not_asked_for_their_log() -> None:
    async def asked(version: str) -> bool:
        watch = ServerWatch("http://one")
        watch.up, watch.stats = True, SystemStats({"system": {"comfyui_version": version}})
        calls: list[str] = []

        async def subscribe_logs() -> None:
            calls.append(version)

        client: Any = type("Client", (), {"subscribe_logs": staticmethod(subscribe_logs)})
        await watch._ask_for_log(client)
        await watch._ask_for_log(client)
        assert len(calls) <= 1
        return bool(calls)

    told = {version: asyncio.run(asked(version)) for version in ("0.3.63", "0.3.64", "0.33.0", "0.2.2", "?")}
    assert told == {"0.3.63": False, "0.3.64": True, "0.33.0": True, "0.2.2": False, "?": False}


# The table


def test_the_table_shows_all_servers_and_obeys_none(watch: ServerWatch, clock: Clock) -> None:
    gone = ServerWatch("http://two", clock=clock)
    gone.lost("\x1b[2J[bold]it is off[/bold]")
    asked = ServerWatch("http://three", clock=clock)
    watch.hear(Status(3))
    watch.hear(Progress("p", "5", 3, 20))
    console = Console(width=160, record=True, force_terminal=False)
    with console.capture() as captured:
        console.print(_Table.picture([watch, gone, asked]))
    text = captured.get()
    assert re.search(r"http://one +2 +abcdef01 \(7 nodes\), 10 s; #5 KSampler 3/20", text)
    assert re.search(r"http://two +gone: \[bold\]it is off\[/bold\]", text)
    assert re.search(r"http://three +being asked", text)
    assert "\x1b" not in text


def test_a_narrow_table_cuts_off_nothing_that_tells_servers_apart() -> None:
    urls = [f"http://192.168.100.100:{port}" for port in (8188, 8189)]
    watched = [ServerWatch(url) for url in urls]
    for each in watched:
        each.lost(f"no ComfyUI server answers at {each.url}: All connection attempts failed")
    console = Console(width=60, record=True, force_terminal=False)
    with console.capture() as captured:
        console.print(_Table.picture(watched))
    text = captured.get()
    assert "…" not in text
    first_column = "".join(line[:16].strip() for line in text.splitlines())
    assert all(url in first_column for url in urls), text


# Until Ctrl-C

posix = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    found: list[str] = []
    assert process.stdout is not None
    stopping = threading.Timer(60, process.kill)
    stopping.start()
    try:
        for line in process.stdout:
            found.append(line)
            if wanted in line:
                return found
    finally:
        stopping.cancel()
    raise AssertionError(f"no line with {wanted!r} came: {found}")


@posix
def test_a_pipe_gets_lines_and_a_server_may_come_and_go() -> None:
    server = Simulator()
    server.start()
    port = server.port
    words = ("status", "--watch", "--interval", "0.1", "--server", server.url)
    with started(*words) as process:
        try:
            seen = lines_until(process, "0 waiting, runs nothing")
            with server.held_queue():
                submit(server, SAVE)
                seen += lines_until(process, "1 waiting")
            seen += lines_until(process, "1 ended")
            server.stop()
            seen += lines_until(process, "gone: no ComfyUI server answers")
            server = Simulator(port=port)
            server.start()
            seen += lines_until(process, "runs nothing")
        finally:
            process.send_signal(signal.SIGINT)
            server.stop()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert not any("\x1b" in line for line in seen)


@posix
def test_json_lines_can_be_read_by_a_machine(server: Simulator) -> None:
    words = ("status", "--watch", "--json", "--interval", "0.1", "--server", server.url, "--server", GONE)
    with started(*words) as process:
        seen = lines_until(process, server.url)
        if not any(GONE in line for line in seen):
            seen += lines_until(process, GONE)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        seen += process.stdout.readlines()
    assert process.returncode == 0
    told = {value["url"]: value for value in map(json.loads, seen)}
    assert told[server.url]["memory"][0]["total"] == 16 * 2**30
    assert told[GONE]["up"] is False


@posix
def test_a_terminal_gets_a_table_that_is_drawn_again(server: Simulator) -> None:
    ours, theirs = os.openpty()
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from comfyflow.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "status", "--watch", "--interval", "0.1", "--server", server.url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "120"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    shown = drawn(ours, lambda text: text.count(server.url) >= 3 and "12.0 GiB of 16.0 GiB" in text)
    stopping = threading.Timer(60, process.kill)
    stopping.start()
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # what a terminal says when nobody writes any more
        while os.read(ours, 65536):
            pass
    _, errors = process.communicate()
    stopping.cancel()
    assert (process.returncode, errors) == (0, "")
    os.close(ours)
    assert "waiting" in shown
    assert "\x1b[" in shown


def drawn(terminal: int, enough: Any) -> str:
    """What a terminal is given, until it is enough."""
    found, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        if ready:
            found += os.read(terminal, 65536)
            if enough(found.decode("utf-8", "replace")):
                return found.decode("utf-8", "replace")
    raise AssertionError(f"it drew only {found!r}")
