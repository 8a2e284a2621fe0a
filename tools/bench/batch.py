"""A batch beside a bare loop of httpx requests, and its memory over many rows.

Eight simulators run in separate processes. Both send the same prompts and read the same histories;
the batch keeps its ledger, too. ``python -m tools.bench.batch --rows 100000`` is the whole of it. What
counts is processor time: eight servers share the machine with whom they serve.

Where ``sniffio`` is not installed, httpcore searches for it at every request; the client of a batch avoids
that. With ``--spared`` the bare loop does so too.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import httpx

from comfyflow.batch import Row, arun

from ._batch_workflow import join
from ._process import ROOT

ROWS = 2000
FEW = 1000
SERVERS = 8
ROUNDS = 3
DEPTH = 8
LIMIT = 1.3
FLAT = 1.2
MEGABYTES = 150


def prompt(word: str) -> dict[str, Any]:
    """What the batch's workflow function becomes."""
    join = {"string_a": word, "string_b": "!", "delimiter": ""}
    return {
        "1": {"class_type": "StringConcatenate", "inputs": join},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


async def bare(words: Iterator[str], urls: list[str]) -> None:
    """A chunk of prompts to each server, and when it has run them, their histories."""

    async def serve(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            while chunk := list(islice(words, DEPTH)):
                ids = [str(uuid.uuid4()) for _ in chunk]
                for word, prompt_id in zip(chunk, ids, strict=True):
                    body = {"prompt": prompt(word), "prompt_id": prompt_id, "client_id": "bare"}
                    (await client.post("/api/prompt", json=body)).raise_for_status()
                while (await client.get("/api/prompt")).json()["exec_info"]["queue_remaining"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                for word, prompt_id in zip(chunk, ids, strict=True):
                    entry = (await client.get(f"/api/history/{prompt_id}")).json()[prompt_id]
                    assert entry["outputs"]["2"]["text"] == [f"{word}!"]

    await asyncio.gather(*map(serve, urls))


async def batch(words: Iterator[str], urls: list[str], out: Path) -> None:
    rows = (Row(number, {"word": word}) for number, word in enumerate(words))
    summary = await arun(join, rows, servers=urls, out=out, depth=DEPTH)
    assert summary.is_whole, summary


def measure(way: str, count: int, urls: list[str], out: Path) -> None:
    """Run one way in this process, and print what it took."""
    if way == "spared":
        sys.modules.setdefault("sniffio", cast("Any", None))
    importlib.import_module("comfyflow.client")  # what a process does once is not overhead of a row
    words = (f"{out.name} {number}" for number in range(count))
    began, used = time.perf_counter(), time.process_time()
    asyncio.run(batch(words, urls, out) if way == "batch" else bare(words, urls))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)
    print(json.dumps([time.process_time() - used, time.perf_counter() - began, peak]))


@contextmanager
def simulators() -> Iterator[list[str]]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stubs'}"}
    with ExitStack() as stack:
        urls: list[str] = []
        for _ in range(SERVERS):
            command = [sys.executable, "-m", "comfyflow", "simulate", "--port", "0"]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            assert process.stdout is not None
            line = process.stdout.readline()
            urls.append(next(word for word in line.split() if word.startswith("http://")).rstrip(".,;"))
        yield urls


def run(way: str, count: int, urls: list[str], folder: Path) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and peak megabytes of one way in a separate process."""
    out = folder / uuid.uuid4().hex
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tools.bench.batch",
            "--way",
            way,
            "--rows",
            str(count),
            "--out",
            str(out),
            *urls,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    cpu, wall, peak = json.loads(done.stdout.splitlines()[-1])
    return cpu, wall, peak


def main() -> None:
    words = argparse.ArgumentParser(description="A batch beside a bare loop, and its memory.")
    words.add_argument("--rows", type=int, default=ROWS)
    words.add_argument("--rounds", type=int, default=None, help="pairs of runs; one for many rows")
    words.add_argument("--spared", action="store_true", help="have the bare loop not search for sniffio")
    words.add_argument("--way", choices=("bare", "spared", "batch"), help=argparse.SUPPRESS)
    words.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    words.add_argument("urls", nargs="*", help=argparse.SUPPRESS)
    asked = words.parse_args([] if sys.argv[1:2] == ["batch"] else None)
    if asked.way is not None:
        measure(asked.way, asked.rows, asked.urls, asked.out)
        return
    rounds = asked.rounds or (ROUNDS if asked.rows <= 10 * ROWS else 1)
    with tempfile.TemporaryDirectory() as folder, simulators() as urls:
        theirs = "spared" if asked.spared else "bare"
        run(theirs, 10 * SERVERS, urls, Path(folder))
        _, _, few = run("batch", FEW, urls, Path(folder))
        found = {
            way: [run(way, asked.rows, urls, Path(folder)) for _ in range(1)] for way in (theirs, "batch")
        }
        for _ in range(rounds - 1):
            for way, runs in found.items():
                runs.append(run(way, asked.rows, urls, Path(folder)))
    cost = {way: statistics.median(cpu for cpu, _, _ in runs) for way, runs in found.items()}
    wall = {way: statistics.median(each for _, each, _ in runs) for way, runs in found.items()}
    peak = max(each for _, _, each in found["batch"])
    ratio = statistics.median(
        own[0] / bare[0] for own, bare in zip(found["batch"], found[theirs], strict=True)
    )
    print(f"{asked.rows:,} rows on {SERVERS} simulators, {rounds} pairs of runs")
    for way in found:
        print(
            f"{way:6} {cost[way] / asked.rows * 1000:6.2f} ms of processor a row, "
            f"{wall[way] / asked.rows * 1000:6.2f} ms of wall time"
        )
    print(f"processor ratio {ratio:.2f} (at most {LIMIT}), wall ratio {wall['batch'] / wall[theirs]:.2f}")
    times = f"{peak / few:.2f} times that of {FEW:,} rows (at most {FLAT})"
    print(f"memory {peak:.0f} MiB (at most {MEGABYTES}), {times}")


if __name__ == "__main__":
    main()
