"""A batch through a bad network to servers that restart, killed and resumed; and what became of each row.

``python -m tests.batch_fault_run OUT COUNT URL...`` is the process that is killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.row import Row
from comfyflow.simulator import Simulator
from tests.batches import Made, numbered
from tests.fault_gateway import FaultGateway
from tests.fault_proxy import FaultProxy
from tests.fault_run import LIMITS

SECONDS = 3600.0
"""What a run may take. No server is away for so long: a row that goes elsewhere may run twice."""


class Both:
    """Prompts of which each gives a text, and every other a picture too, that tell their row."""

    def prepare(self, row: Row) -> Made:
        number: int = row.parameters["n"]  # type: ignore[assignment]
        join = {"string_a": f"row {number}", "string_b": "!", "delimiter": ""}
        prompt: dict[str, Any] = {
            "1": {"class_type": "StringConcatenate", "inputs": join},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        }
        if number % 2:
            image = {"width": 8, "height": 8, "batch_size": 1, "color": number}
            saved = {"images": ["3", 0], "filename_prefix": f"row{number}"}
            prompt["3"] = {"class_type": "EmptyImage", "inputs": image}
            prompt["4"] = {"class_type": "SaveImage", "inputs": saved}
        return Made(prompt)


@dataclass
class BatchFaultRun:
    """What became of the rows.

    Attributes:
        rows: How many there are.
        lost: Rows that are not completed.
        doubled: Rows that a server took once more although the first prompt was still there to be found.
        repeated: Rows that were sent again because the server that had them restarted.
        wrong: Files and texts that are not their row's, or not as the ledger has them, or not in it.
        kills: How often the process was killed.
        restarts: How often a server restarted.
        faults: How many requests had a fault.
    """

    rows: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    restarts: int = 0
    faults: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        return (
            f"{self.rows} rows in {self.seconds:.0f} s: {len(self.lost)} lost, {len(self.doubled)} doubled, "
            f"{len(self.wrong)} wrong; {self.kills} kills, {self.restarts} restarts ({self.repeated} rows "
            f"repeated that a restart had taken), {self.faults} of {self.requests} requests with a fault"
            + "".join(f"\n  {each}" for each in (*self.lost, *self.doubled, *self.wrong)[:20])
        )


@dataclass
class Life:
    """A server, and at which of its prompts it restarted."""

    server: Simulator
    starts: list[int] = field(default_factory=list)

    def restart(self) -> None:
        """Begin the next life, and note where: after the old one's last prompt, before the new one listens.

        Were it noted afterwards, what comes meanwhile would count as the old life's, and a row that the
        restart had taken as doubled.
        """
        start = self.server.start

        def begin() -> Simulator:
            self.starts.append(len(self.server.prompts))
            return start()

        with patch.object(self.server, "start", begin):
            self.server.restart()

    def of(self, index: int) -> int:
        return sum(1 for start in self.starts if start <= index)


def run_batch_faults(
    out: Path,
    seed: int,
    rows: int,
    *,
    servers: int = 2,
    kills: int = 3,
    restarts: int = 2,
    badness: float = 1.0,
) -> BatchFaultRun:
    """Run a batch.

    Args:
        out: The folder of its outputs.
        seed: Of everything that is drawn.
        rows: How many rows.
        servers: How many servers.
        kills: How often the process is killed with SIGKILL.
        restarts: How often a server restarts.
        badness: How many of the connections have a fault.
    """
    chance = random.Random(seed)
    found = BatchFaultRun(rows)
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        lives = [Life(stack.enter_context(Simulator())) for _ in range(servers)]
        gateways, proxies = [], []
        for number, life in enumerate(lives):
            gateway = FaultGateway(lambda life=life: life.server.port, seed + number, 0.1 * badness)  # type: ignore[misc]
            gateways.append(stack.enter_context(gateway))
            proxy = FaultProxy(lambda gateway=gateway: gateway.port, seed + number, badness)  # type: ignore[misc]
            proxies.append(stack.enter_context(proxy))
        command = [sys.executable, "-m", "tests.batch_fault_run", str(out), str(rows)]
        command += [proxy.url for proxy in proxies]
        marks = sorted(chance.randrange(rows) for _ in range(kills))
        with _restarting(lives, restarts, out, rows, chance):
            for mark in marks:
                found.kills += _killed(command, out, mark, chance.uniform(0, 0.3), lives)
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            found.lost.append(done.stderr[-2000:])
        found.restarts = sum(len(life.starts) for life in lives)
        count_executed(found, lives, out)
        check_rows(found, out)
        counted = sum((gateway.faults for gateway in gateways), Counter[str]())
        found.requests = sum(counted.values())
        found.faults = sum(count for name, count in counted.items() if not name.endswith(": good"))
    found.seconds = time.monotonic() - began
    return found


def completed_rows(out: Path) -> int:
    if not (out / LEDGER_NAME).exists():
        return 0
    with Ledger(out / LEDGER_NAME) as ledger:
        return ledger.counts()["completed"]


def _killed(command: list[str], out: Path, mark: int, pause: float, lives: list[Life]) -> bool:
    """Start the process and kill it once so many rows are completed; gives whether it still ran.

    The servers begin nothing more by then: a process that is faster than this one would end before.
    """
    end = time.monotonic() + SECONDS
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and completed_rows(out) < mark and time.monotonic() < end:
            time.sleep(0.05)
        for life in lives:
            life.server.instance.queue.hold(True)
        time.sleep(pause)
        alive = process.poll() is None
        process.kill()
    for life in lives:
        life.server.instance.queue.hold(False)
    return alive


@contextmanager
def _restarting(lives: list[Life], times: int, out: Path, rows: int, chance: random.Random) -> Iterator[None]:
    """Restart servers, each once so many rows are completed, until the block ends."""
    stop = threading.Event()
    marks = sorted(chance.randrange(rows) for _ in range(times))
    chosen = [chance.choice(lives) for _ in marks]

    def restart() -> None:
        for mark, life in zip(marks, chosen, strict=True):
            while completed_rows(out) < mark:
                if stop.wait(0.05):
                    return
            life.restart()

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def count_executed(found: BatchFaultRun, lives: list[Life], out: Path) -> None:
    """Count what the servers took: a row once, and again only where a restart had taken it."""
    taken: dict[int, list[tuple[int, int]]] = {}
    for number, life in enumerate(lives):
        for index, received in enumerate(life.server.prompts):
            row = int(received.prompt["1"]["inputs"]["string_a"].removeprefix("row "))
            taken.setdefault(row, []).append((number, life.of(index)))
    for row, times in taken.items():
        surviving = [each for each in times if each[1] == len(lives[each[0]].starts)]
        if len(set(times)) < len(times) or len(surviving) > 1:
            found.doubled.append(f"row {row}: taken by {times} (server, life); {attempts_of(out, row)}")
        found.repeated += len(times) - 1


def attempts_of(out: Path, row: int) -> str:
    """What the ledger says of the attempts of a row."""
    asked = "SELECT server, prompt_id, sent, ended, ending, error FROM attempt WHERE row = ? ORDER BY sent"
    with closing(sqlite3.connect(out / LEDGER_NAME)) as database:
        return "; ".join(map(str, database.execute(asked, (row,)).fetchall()))


def check_rows(found: BatchFaultRun, out: Path) -> None:
    listed: set[str] = set()
    with Ledger(out / LEDGER_NAME) as ledger:
        rows = {row.number: row for row in ledger.rows()}
    for number in range(found.rows):
        row = rows.get(number)
        if row is None or row.state != "completed":
            found.lost.append(f"row {number}: {row}")
            continue
        if row.texts.get("2") != [f"row {number}!"]:
            found.wrong.append(f"row {number}: {row.texts}")
        if len(row.files) != number % 2:
            found.wrong.append(f"row {number}: {len(row.files)} files")
        for file in row.files:
            listed.add(file.name)
            data = (out / file.name).read_bytes()
            with Image.open(out / file.name) as picture:
                color = picture.convert("RGB").getpixel((0, 0))
            right = color == (number >> 16, number >> 8 & 255, number & 255)
            if not right or hashlib.sha256(data).hexdigest() != file.sha256 or len(data) != file.size:
                found.wrong.append(f"row {number}: {file.name}")
    strangers = {path.name for path in out.iterdir() if path.suffix in (".png", ".part")} - listed
    found.wrong.extend(f"{name} is in no ledger" for name in sorted(strangers))


def main() -> int:
    out, count, *urls = sys.argv[1:]
    batch = Batch(
        Both(),
        numbered(int(count)),
        servers=urls,
        out=Path(out),
        options={"limits": LIMITS},
        patience=SECONDS,
    )
    summary = asyncio.run(batch.run())
    print(json.dumps(dict(summary.counts)))
    return 0 if summary.is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
