"""A batch on workers of Dask that are killed with SIGKILL, as their scheduler is; and what became of it."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from comfyflow.batch.dask_fleet import DaskServers
from comfyflow.batch.driver import Batch
from comfyflow.simulator import Simulator
from tests.batch_fault_run import (
    SECONDS,
    BatchFaultRun,
    Both,
    Life,
    check_rows,
    completed_rows,
    count_executed,
)
from tests.batches import numbered

_LONGEST = 600
"""Seconds that a run may take, and one more for each row."""

WORKER = "import sys; from comfyflow.cli import main; sys.argv[0] = 'comfyflow'; main()"


class Process:
    """A process that is started again when it was killed.

    Args:
        words: Its command.
    """

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restart(self) -> None:
        """Kill it with SIGKILL, and start the next one."""
        self.kill()
        self._process = self._start()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def scheduler_words(port: int) -> list[str]:
    module = ["-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--no-show"]
    return [sys.executable, *module, "--host", "127.0.0.1", "--port", str(port)]


def worker_words(port: int, server: Simulator, scratch: Path) -> list[str]:
    words = ["worker", f"tcp://127.0.0.1:{port}", "--comfyui", server.url, "--host", "127.0.0.1"]
    return [sys.executable, "-c", WORKER, *words, "--scratch", str(scratch)]


def run_dask_faults(
    folder: Path,
    seed: int,
    rows: int,
    *,
    servers: int = 2,
    kills: int = 3,
    schedulers: int = 1,
    restarts: int = 0,
    shared: bool = False,
) -> BatchFaultRun:
    """Run a batch.

    Args:
        folder: Where its outputs are written, and what workers keep.
        seed: Of everything that is drawn.
        rows: How many rows.
        servers: How many servers, each with a worker.
        kills: How often a worker is killed with SIGKILL and started again.
        schedulers: How often the scheduler is.
        restarts: How often a server restarts, and has lost its queue and history.
        shared: Whether workers write the files themselves.
    """
    chance = random.Random(seed)
    found = BatchFaultRun(rows)
    began = time.monotonic()
    out, scratch, port = folder / "out", folder / "scratch", free_port()
    with ExitStack() as stack:
        lives = [Life(stack.enter_context(Simulator())) for _ in range(servers)]
        scheduler = Process(scheduler_words(port))
        stack.callback(scheduler.kill)
        workers = [Process(worker_words(port, life.server, scratch)) for life in lives]
        for worker in workers:
            stack.callback(worker.kill)

        def kill_worker() -> None:
            chance.choice(workers).restart()
            found.kills += 1

        def kill_scheduler() -> None:
            scheduler.restart()
            found.kills += 1

        def restart_server() -> None:
            chance.choice(lives).restart()

        acts = [kill_worker] * kills + [kill_scheduler] * schedulers + [restart_server] * restarts
        chance.shuffle(acts)
        wait_for_scheduler(port)
        fleet = DaskServers(
            f"tcp://127.0.0.1:{port}", depth=3, patience=SECONDS, shared=str(out) if shared else ""
        )
        batch = Batch(Both(), numbered(rows), servers=fleet, out=out)
        with _happening(acts, sorted(chance.randrange(rows) for _ in acts), out):
            summary = asyncio.run(asyncio.wait_for(batch.run(), _LONGEST + rows))
        if not summary.is_whole:
            found.lost.append(str(summary))
        found.restarts = sum(len(life.starts) for life in lives)
        count_executed(found, lives, out)
        check_rows(found, out)
    found.seconds = time.monotonic() - began
    return found


def wait_for_scheduler(port: int) -> None:
    end = time.monotonic() + 300
    while not _listens(port):
        assert time.monotonic() < end, "the scheduler does not start"
        time.sleep(0.1)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def _happening(acts: list[Callable[[], None]], marks: list[int], out: Path) -> Iterator[None]:
    """Do things, each once so many rows are completed, until the block ends."""
    stop = threading.Event()

    def go() -> None:
        for act, mark in zip(acts, marks, strict=True):
            while completed_rows(out) < mark:
                if stop.wait(0.02):
                    return
            act()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
