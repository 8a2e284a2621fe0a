"""Batches for tests: rows whose prompts tell which row they are, and simulators that count them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comfyflow.batch.driver import Batch
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.record import RowRecord
from comfyflow.batch.report import BatchEvent
from comfyflow.batch.row import Row
from comfyflow.client import Limits
from comfyflow.simulator import Simulator
from comfyflow.source import Source

LIMITS = Limits(connect=3, answer=5, socket=2, quiet=0.5, quiet_most=1, poll_most=0.3, backoff=0.02)


@dataclass(frozen=True)
class Made:
    """A prompt that was made of a row."""

    prompt: Mapping[str, Any]
    models: frozenset[str] = frozenset()

    uploads: tuple[object, ...] = ()

    @property
    def source(self) -> Source:
        return Source(self.prompt)

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.prompt).encode()).hexdigest()

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(node["class_type"] for node in self.prompt.values())


class Texts:
    """Prompts of which each gives a text that tells its row."""

    def prepare(self, row: Row) -> Made:
        join = {"string_a": f"row {row.parameters['n']}", "string_b": "!", "delimiter": ""}
        return Made(
            {
                "1": {"class_type": "StringConcatenate", "inputs": join},
                "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
            }
        )


class Pictures:
    """Prompts of which each gives a picture whose color tells its row."""

    def prepare(self, row: Row) -> Made:
        image = {"width": 8, "height": 8, "batch_size": 1, "color": row.parameters["n"]}
        saved = {"images": ["1", 0], "filename_prefix": f"row{row.number}"}
        return Made(
            {
                "1": {"class_type": "EmptyImage", "inputs": image},
                "2": {"class_type": "SaveImage", "inputs": saved},
            }
        )


def numbered(count: int) -> list[Row]:
    return [Row(number, {"n": number}) for number in range(count)]


def batch(
    maker: Any,
    rows: Iterable[Row],
    servers: Iterable[Simulator | str],
    out: Path,
    events: list[BatchEvent] | None = None,
    **options: Any,
) -> Batch:
    urls = [each if isinstance(each, str) else each.url for each in servers]
    told = None if events is None else events.append
    return Batch(maker, rows, servers=urls, out=out, options={"limits": LIMITS}, on_event=told, **options)


def records(out: Path) -> list[RowRecord]:
    with Ledger(out / LEDGER_NAME) as ledger:
        return list(ledger.rows())


def executed(*servers: Simulator) -> Counter[str]:
    """How often each prompt was accepted, by what tells its row."""
    return Counter(
        str(next(iter(received.prompt.values()))["inputs"]) for each in servers for received in each.prompts
    )


async def until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it has not happened"
        await asyncio.sleep(0.005)
