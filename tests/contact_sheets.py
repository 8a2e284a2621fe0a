"""Ledgers for the tests of contact sheets: rows whose files are there, without a server."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.record import Added, Attempt, Change, Completed, SavedOutput, Sent, SetAside


def picture(number: int, side: int = 64) -> bytes:
    """A PNG of one color, which tells its number."""
    written = io.BytesIO()
    Image.new("RGB", (side, side), ((number * 53) % 256, (number * 101) % 256, number % 256)).save(
        written, "PNG"
    )
    return written.getvalue()


class Batch:
    """A folder of outputs with its ledger, row by row."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.changes: list[Change] = []
        self.count = 0

    def add(self, parameters: Mapping[str, Any]) -> tuple[int, str]:
        number = self.count
        self.count += 1
        attempt = Attempt(number, "http://127.0.0.1:8188", f"prompt-{number}", f"{number:064x}")
        self.changes += [Added(number, parameters), Sent(attempt, 1.0)]
        return number, attempt.prompt_id

    def done(
        self, parameters: Mapping[str, Any], *files: tuple[str, bytes], texts: dict[str, Any] | None = None
    ) -> int:
        number, prompt_id = self.add(parameters)
        saved = []
        for name, data in files:
            if "/" not in name and "\0" not in name:
                (self.folder / name).write_bytes(data)
            saved.append(SavedOutput(name, "9", len(data), hashlib.sha256(data).hexdigest()))
        self.changes.append(Completed(number, prompt_id, 3.5, tuple(saved), texts or {}))
        return number

    def failed(self, parameters: Mapping[str, Any], error: str) -> int:
        number, prompt_id = self.add(parameters)
        self.changes.append(SetAside(number, prompt_id, 2.0, "failed", "node_error", error))
        return number

    def write(self) -> Path:
        with Ledger(self.folder / LEDGER_NAME, create=True) as ledger:
            ledger.write(self.changes)
        self.changes = []
        return self.folder


def grid(folder: Path, xs: int, ys: int, make: Callable[[int], bytes] = picture) -> Batch:
    """A batch of ``steps`` by ``sampler``, whose rows have one picture each."""
    made = Batch(folder)
    for y in range(ys):
        for x in range(xs):
            number = made.count
            parameters = {"prompt": "a lighthouse", "steps": 10 * (x + 1), "sampler": f"sampler {y}"}
            made.done(parameters, (f"{number}_00000000_0.png", make(number)))
    return made


def document(page: Path) -> dict[str, Any]:
    """What a page was given."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    given: dict[str, Any] = json.loads(found[1])
    return given
