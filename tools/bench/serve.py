"""What a job over HTTP takes beside `AsyncClient.run` of the same workflow, and how fast the command starts.

The simulator runs in a separate process, and so does the service. Jobs are sent and waited for
(``Prefer: wait``), one after another and fifty at once, in turn with the client's runs. The overhead of a job
is the median of the jobs minus that of the runs; fifty at once, it is their ratio. The processor time of
each process is printed too, because other work on the machine changes it less. Jobs are sent with aiohttp:
with fifty requests at once, httpx takes more processor time than the service, and would be measured instead.
``python -m tools.bench.serve`` prints each overhead, its aim, and whether it is met. The aims are for an idle
machine, so the load before and after is printed as well.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx

from comfyflow.client import AsyncClient

from ._process import environment

ROUNDS = 5
ONE_BY_ONE = 20
AT_ONCE = 50
STARTS = 9
IDLE_MILLISECONDS = 15.0
BUSY_RATIO = 1.5
START_RATIO = 2.5

FLOW = """
from comfynodes import EmptyImage, SaveImage
from comfyflow import workflow


@workflow
def flow(color: int) -> SaveImage:
    image = EmptyImage(width=64, height=64, batch_size=1, color=color)
    return SaveImage(images=image, filename_prefix="flow")
"""


@contextmanager
def process(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One of our commands, and the address that it prints first."""
    started = subprocess.Popen(
        [sys.executable, "-m", "comfyflow", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        line = started.stdout.readline()
        yield started, next(word for word in line.split() if word.startswith("http")).rstrip("/;")
    finally:
        started.terminate()
        started.communicate(timeout=60)


async def seconds(acts: int, at_once: bool, act: Callable[[int], Awaitable[None]], first: int) -> list[float]:
    """What each act takes one after another, or all of them at once by their number."""
    if at_once:
        began = time.perf_counter()
        await asyncio.gather(*(act(first + number) for number in range(acts)))
        return [(time.perf_counter() - began) / acts]
    taken: list[float] = []
    for number in range(acts):
        began = time.perf_counter()
        await act(first + number)
        taken.append(time.perf_counter() - began)
    return taken


@dataclass
class Cost:
    """What acts took.

    Attributes:
        wall: Seconds of each act, or of each round by the number of its acts.
        here: Processor seconds of this process.
        service: Processor seconds of the service.
        acts: How many there were.
    """

    wall: list[float] = field(default_factory=list[float])
    here: float = 0.0
    service: float = 0.0
    acts: int = 0

    @property
    def seconds(self) -> float:
        return statistics.median(self.wall)

    @property
    def text(self) -> str:
        here, there = (used * 1000 / self.acts for used in (self.here, self.service))
        least = min(self.wall) * 1000
        processor = f"processor {here:.1f} ms here, {there:.1f} ms in the service"
        return f"median {self.seconds * 1000:.1f} ms, least {least:.1f} ms, {processor}"


@dataclass(frozen=True)
class Aim:
    """What was measured, and what it must not exceed.

    Attributes:
        name: What it is.
        measured: What was measured.
        most: The most that it may be.
        unit: The unit of both.
        costs: What it was made of.
    """

    name: str
    measured: float
    most: float
    unit: str
    costs: tuple[tuple[str, str], ...]

    @property
    def is_met(self) -> bool:
        return self.measured <= self.most

    @property
    def text(self) -> str:
        verdict = "met" if self.is_met else "NOT met"
        lines = [f"{self.name}: {self.measured:.2f} {self.unit}; aim: at most {self.most:g}: {verdict}"]
        lines += [f"  {name}: {cost}" for name, cost in self.costs]
        return "\n".join(lines)


def used(pid: int) -> float:
    """The processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def compare(
    server: str, service: str, pid: int, flow: Callable[[int], object]
) -> dict[str, tuple[Cost, Cost]]:
    """What runs and jobs cost: one after another, and at once."""
    found: dict[str, tuple[Cost, Cost]] = {}
    colors = iter(range(1, 1 << 24, 1000))  # a prompt that ran before would run no more
    async with AsyncClient(server) as client, aiohttp.ClientSession(service) as http:

        async def run(color: int) -> None:
            result = await client.run(flow(color))
            for file in result.files:
                await file.aread()

        async def job(color: int) -> None:
            wait = {"Prefer": "wait=60"}
            async with http.post("/workflows/flow/jobs", json={"color": color}, headers=wait) as answer:
                done = await answer.json()
            assert done["state"] == "completed", done
            for output in done["outputs"]:
                async with http.get(output["url"]) as answer:
                    answer.raise_for_status()
                    await answer.read()

        for name, acts, at_once in (("idle", ONE_BY_ONE, False), ("at once", AT_ONCE, True)):
            await seconds(5, at_once, run, next(colors))
            await seconds(5, at_once, job, next(colors))
            found[name] = Cost(), Cost()
            for _ in range(ROUNDS):
                for cost, act in zip(found[name], (run, job), strict=True):
                    here, there = time.process_time(), used(pid)
                    cost.wall += await seconds(acts, at_once, act, next(colors))
                    cost.here += time.process_time() - here
                    cost.service += used(pid) - there
                    cost.acts += acts
    return found


def started(server: str, folder: Path) -> tuple[float, float]:
    """Processor seconds of the libraries' import, and of the command up to its first answer; medians."""
    imports: list[float] = []
    starts: list[float] = []
    for number in range(STARTS):
        began = children()
        subprocess.run([sys.executable, "-c", "import fastapi, uvicorn"], check=True)
        imports.append(children() - began)
        began = children()
        with process(
            folder, "serve", "flow.py", "--server", server, "--port", "0", "--out", f"start{number}"
        ) as (_, url):
            httpx.get(f"{url}/workflows").raise_for_status()
        starts.append(children() - began)
    return statistics.median(imports), statistics.median(starts)


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flow.py").write_text(FLOW, encoding="utf-8")
        sys.path.insert(0, name)
        from flow import flow  # type: ignore[import-not-found]

        with (
            process(folder, "simulate", "--port", "0") as (_, server),
            process(folder, "serve", "flow.py", "--server", server, "--port", "0", "--depth", "50") as (
                serving,
                service,
            ),
        ):
            found = asyncio.run(compare(server, service, serving.pid, flow))
            imports, starts = started(server, folder)
    idle, at_once = found["idle"], found["at once"]
    aims = [
        Aim(
            "overhead of a job, one after another (job minus run)",
            (idle[1].seconds - idle[0].seconds) * 1000,
            IDLE_MILLISECONDS,
            "ms",
            (("run", idle[0].text), ("job", idle[1].text)),
        ),
        Aim(
            f"{AT_ONCE} at once (job by run)",
            at_once[1].seconds / at_once[0].seconds,
            BUSY_RATIO,
            "times",
            (("run", at_once[0].text), ("job", at_once[1].text)),
        ),
        Aim(
            "start (command by import, processor time)",
            starts / imports,
            START_RATIO,
            "times",
            (("import fastapi, uvicorn", f"{imports:.2f} s"), ("to the first answer", f"{starts:.2f} s")),
        ),
    ]
    print(f"load: {before:.1f} before, {os.getloadavg()[0]:.1f} after; {os.cpu_count()} processors")
    print(*(each.text for each in aims), sep="\n")


if __name__ == "__main__":
    main()
