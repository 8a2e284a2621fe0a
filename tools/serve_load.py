"""Many clients of `comfyflow serve` for a while: what happens to their jobs, and the service's memory.

``python -m tools.serve_load`` is 200 clients for a minute, on loopback and the simulator. Each client sends a
job, waits for its end, fetches its file, and sends the next one. What was accepted must have ended well,
and the service must hold no more memory in the last quarter than in the second, except for a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

from .bench.serve import FLOW, process

CLIENTS = 200
SECONDS = 60.0
GROWTH = 1.1
_PAUSE = 0.5


async def client(
    http: httpx.AsyncClient, colors: itertools.count[int], end: float, told: Counter[str]
) -> None:
    """One client: job after job until the time is up."""
    while time.monotonic() < end:
        color = next(colors)
        answer = await http.post("/workflows/flow/jobs", json={"color": color}, headers={"Prefer": "wait=60"})
        if answer.status_code != httpx.codes.ACCEPTED:
            told[f"status {answer.status_code}"] += 1
            await asyncio.sleep(_PAUSE)
            continue
        told["accepted"] += 1
        job = answer.json()
        while job["state"] in ("pending", "in_progress"):
            await asyncio.sleep(_PAUSE)
            job = (await http.get(job["url"])).json()
        told[job["state"]] += 1
        for output in job["outputs"]:
            content = (await http.get(output["url"])).content
            told["files"] += len(content) == output["size"]


def resident(pid: int) -> int:
    """The memory that a process holds, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


async def watch(pid: int, end: float) -> list[int]:
    """Its memory, twice a second."""
    found: list[int] = []
    while time.monotonic() < end:
        found.append(resident(pid))
        await asyncio.sleep(_PAUSE)
    return found


async def load(url: str, pid: int, clients: int, seconds: float) -> tuple[Counter[str], list[int]]:
    """What happened to the jobs, and the memory of the service meanwhile."""
    told: Counter[str] = Counter()
    colors = itertools.count(1)
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=180, limits=limits) as http:
        watching = asyncio.create_task(watch(pid, end))
        await asyncio.gather(*(client(http, colors, end, told) for _ in range(clients)))
        listed = (await http.get("/jobs?state=completed&limit=1")).json()
        told["listed"] = len(listed["jobs"])
        return told, await watching


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flow.py").write_text(FLOW, encoding="utf-8")
        with (
            process(folder, "simulate", "--port", "0") as (_, server),
            process(folder, "serve", "flow.py", "--server", server, "--port", "0") as (service, url),
        ):
            told, memory = asyncio.run(load(url, service.pid, options.clients, options.seconds))
    lost = told["accepted"] - told["completed"]
    quarter = max(1, len(memory) // 4)
    first, last = max(memory[quarter : 2 * quarter]), max(memory[-quarter:])
    print(
        f"{told['accepted']:,} jobs of {options.clients} clients in {options.seconds:g} seconds: {lost} lost"
    )
    print(f"{dict(told)}")
    print(
        f"memory: {first >> 20} MiB in the second quarter, {last >> 20} MiB in the last: "
        f"{last / first:.2f} times"
    )
    well = not lost and told["files"] == told["completed"] and last <= GROWTH * first
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
