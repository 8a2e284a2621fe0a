"""A batch on real ComfyUI servers on this machine, of which one is killed and started again in the middle.

::

    python -m tools.batch_real --folder ComfyUI -- .venv/bin/python main.py --cpu --listen 127.0.0.1 \\
        --port {port} --base-directory {base} --disable-auto-launch --database-url sqlite:///{base}/comfy.db

Each server has its own port and base directory. The rows go through nodes that need no model, and
each gives a picture whose color tells its row. It ends with 1 if a row was lost, or was run twice though the
server still knew of the first time, or if a file is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.row import Row
from tests.batch_fault_run import BatchFaultRun, attempts_of, completed_rows
from tests.batches import Made, numbered

from .real_server import RealServer

PATIENCE = 1200.0
"""Seconds that the killed server may be away; its rows are not sent elsewhere."""

MOST = 1000
"""How many rows have colors that differ by more than a server rounds."""


def color_of(number: int) -> tuple[int, int, int]:
    """The color of a row: a step in a channel for each digit."""
    return number // 100 * 24 + 8, number // 10 % 10 * 24 + 8, number % 10 * 24 + 8


class Pictures:
    """Prompts of which each gives a picture that tells its row."""

    def prepare(self, row: Row) -> Made:
        red, green, blue = color_of(row.number)
        color = red << 16 | green << 8 | blue
        image = {"width": 64, "height": 64, "batch_size": 1, "color": color}
        blur = {"image": ["2", 0], "blur_radius": 3, "sigma": 1.0}
        return Made(
            {
                "1": {"class_type": "EmptyImage", "inputs": image},
                "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
                "3": {"class_type": "ImageBlur", "inputs": blur},
                "4": {
                    "class_type": "SaveImage",
                    "inputs": {"images": ["3", 0], "filename_prefix": prefix(row.number)},
                },
            }
        )


def prefix(number: int) -> str:
    return f"row-{number}-"


class Server(RealServer):
    """A server that knows when it was killed.

    Args:
        command: Its words, with ``{port}`` and ``{base}``.
        folder: Where it is started.
        base: A separate folder.
    """

    def __init__(self, command: list[str], folder: Path, base: Path) -> None:
        self.killed: float | None = None
        for name in ("custom_nodes", "input"):  # ComfyUI does not start without the first of them
            (base / name).mkdir(parents=True)
        super().__init__(command, folder, base)

    def kill(self) -> None:
        self.killed = time.time()
        super().kill()

    def executed(self) -> Counter[int]:
        """How often it ran each row since it was started last."""
        entries: dict[str, Any] = httpx.get(f"{self.url}/history", timeout=60).json()
        named = (entry["prompt"][2]["4"]["inputs"]["filename_prefix"] for entry in entries.values())
        return Counter(int(name.split("-")[1]) for name in named)

    def before(self) -> set[int]:
        """The rows that it ran before it was killed."""
        files = [path for path in (self.base / "output").glob("row-*") if self.killed is not None]
        return {int(path.name.split("-")[1]) for path in files if path.stat().st_mtime < (self.killed or 0)}


def run(command: list[str], folder: Path, scratch: Path, rows: int, servers: int) -> BatchFaultRun:
    """Run a batch, and kill the first server when a third of the rows is completed."""
    found, began, out = BatchFaultRun(rows), time.monotonic(), scratch / "out"
    with ExitStack() as stack:
        started: list[Server] = []
        for number in range(servers):
            started.append(Server(command, folder, scratch / f"server-{number}"))
            stack.callback(started[-1].kill)
        for server in started:
            server.wait()
        stop = threading.Event()

        def kill() -> None:
            while completed_rows(out) < rows // 3:
                if stop.wait(0.02):
                    return
            started[0].restart()
            found.restarts += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            urls = [server.url for server in started]
            summary = asyncio.run(
                Batch(Pictures(), numbered(rows), servers=urls, out=out, patience=PATIENCE).run()
            )
        finally:
            stop.set()
            killer.join()
        if not summary.is_whole:
            found.lost.append(str(summary))
        started[0].wait()
        check(found, started, out)
    found.seconds = time.monotonic() - began
    return found


def check(found: BatchFaultRun, servers: list[Server], out: Path) -> None:
    """What happened to each row: in the ledger, in the folder of the outputs, and on the servers."""
    executed = sum((server.executed() for server in servers), Counter[int]())
    before = set[int]().union(*(server.before() for server in servers))
    with Ledger(out / LEDGER_NAME) as ledger:
        rows = {row.number: row for row in ledger.rows()}
    for number in range(found.rows):
        row = rows.get(number)
        if row is None or row.state != "completed" or len(row.files) != 1:
            found.lost.append(f"row {number}: {row}")
            continue
        if executed[number] > 1:
            found.doubled.append(f"row {number}: run {executed[number]} times; {attempts_of(out, number)}")
        found.repeated += number in before and executed[number] > 0
        path = out / row.files[0].name
        with Image.open(path) as picture:
            pixel: Any = picture.convert("RGB").getpixel((32, 32))
        wanted = (255 - channel for channel in color_of(number))
        right = all(abs(one - other) <= 2 for one, other in zip(pixel, wanted, strict=True))
        if not right or hashlib.sha256(path.read_bytes()).hexdigest() != row.files[0].sha256:
            found.wrong.append(f"row {number}: {path.name} is {pixel}")


def main() -> int:
    words = argparse.ArgumentParser(description="Real servers: no row lost or doubled, no file wrong.")
    words.add_argument("--folder", type=Path, default=Path(), help="where the servers are started")
    words.add_argument("--rows", type=int, default=200, choices=range(1, MOST + 1), metavar="COUNT")
    words.add_argument("--servers", type=int, default=2)
    words.add_argument("command", nargs="+", metavar="COMMAND")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = run(asked.command, asked.folder.resolve(), Path(scratch), asked.rows, asked.servers)
    print(found)
    return 0 if found.is_right and found.restarts else 1


if __name__ == "__main__":
    sys.exit(main())
