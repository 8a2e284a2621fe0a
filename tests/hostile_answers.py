"""Hostile answers: both clients and the command against a server that answers what no server should.

Bad is a case that hung, raised something else than a `ComfyflowError`, wrote outside its folder, showed
a credential to another server, or took too much memory. Each is printed with its seed.
"""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from unittest import mock

from comfyflow import load_schema
from comfyflow.bounds import MIB, Bounds
from comfyflow.client import Limits
from comfyflow.errors import ComfyflowError
from tests.clients import KINDS, connected
from tests.hostile_server import HostileServer
from tests.web_server import web_server

HUNG: Final = 30.0
"""Seconds after which a case counts as hung; the longest right one takes a few."""
MEMORY: Final = 600 * MIB
"""How much a run may add to what the process holds at most."""
SECRET: Final = "secret-5f0c2a"  # it is looked for where it must not be
BOUNDS: Final = Bounds(
    answer=8 * MIB, json=4 * MIB, values=300_000, file=8 * MIB, message=MIB, rate=4096, grace=1, text=MIB,
    text_values=50_000,
)  # fmt: skip
LIMITS: Final = Limits(
    connect=1.0, answer=0.7, socket=0.3, quiet=0.2, quiet_most=0.3, poll=0.05, poll_most=0.2, history=0.5,
    patience=0.5, retries=1, backoff=0.02, backoff_most=0.05,
)  # fmt: skip
PROMPT: Final = {
    "2": {"class_type": "Paint", "inputs": {"size": 8, "name": "a"}},
    "1": {"class_type": "Save", "inputs": {"images": ["2", 0]}},
}


@dataclass
class Found:
    """What became of the cases.

    Attributes:
        total: How many.
        right: How many gave something.
        errors: How many ended in each kind of `ComfyflowError`.
        bad: What must not be, with the seed.
        memory: Bytes that the process has held at most beyond what it held before.
    """

    total: int = 0
    right: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    memory: int = 0

    def add(self, other: Found) -> None:
        """Count what another process has found; its memory is its own."""
        self.total += other.total
        self.right += other.right
        self.errors += other.errors
        self.bad += other.bad
        self.memory = max(self.memory, other.memory)

    def __str__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.errors.items())) or "none"
        return (
            f"{self.total} hostile answers: {self.right} gave something; typed errors: {told}; "
            f"{self.memory // MIB} MiB more at most; {len(self.bad)} bad"
        )


def _runs(client: Any, out: Path, rng: random.Random) -> object:
    result = client.run(PROMPT, timeout=1, validate=rng.random() < 0.5)
    paths = client.download(result, out, overwrite=rng.random() < 0.5)
    return [paths, [file.info for file in result.files]]


def _submits(client: Any, out: Path, rng: random.Random) -> object:
    handle = client.submit(PROMPT, validate=False)
    for event in handle.events(0.7):
        repr(event)
    handle.status()
    return [client.read(file) for file in handle.result(0.5).files[:1]]


def _asks(client: Any, out: Path, rng: random.Random) -> object:
    names = ["system_stats", "queue", "history", "object_info", "schema", "features", "settings", "users"]
    names += ["model_folders", "embeddings", "samplers", "checkpoints", "logs", "workflow_templates"]
    return repr(getattr(client, rng.choice(names))())[:1000]


def _reads(client: Any, out: Path, rng: random.Random) -> object:
    files = [file for entry in client.history().values() for file in _files(entry.raw)]
    return client.download(files[:3], out)


def _files(raw: Any) -> list[Any]:
    from comfyflow.json_types import object_or_empty
    from comfyflow.output_file import NodeOutput

    outputs = object_or_empty(object_or_empty(raw).get("outputs"))
    return [file for output in outputs.values() for file in NodeOutput(object_or_empty(output)).files]


def _uploads(client: Any, out: Path, rng: random.Random) -> object:
    return client.upload_image(b"x" * 100, name="a.png").reference


def _metadata(client: Any, out: Path, rng: random.Random) -> object:
    from comfyflow.output_file import ImageFile

    return len(ImageFile("a.png", data=client.view("a.png")).metadata)


OPERATIONS: Final[list[Callable[[Any, Path, random.Random], object]]] = [
    _runs, _runs, _submits, _asks, _asks, _reads, _uploads, _metadata
]  # fmt: skip
COMMANDS: Final = (
    ["status", "--json"],
    ["queue"],
    ["history"],
    ["models"],
    ["nodes", "paint"],
    ["view", "../../a.png"],
    ["gen-stubs", "--out", "made"],
    ["run", "prompt.json", "--out", "out", "--timeout", "1"],
    ["download", "x", "--out", "out"],
    ["run", "prompt.json", "--detach", "--timeout", "1"],
    ["wait", "x", "y", "--out", "out", "--timeout", "1"],
    ["validate", "prompt.json"],
)


def fuzz(count: int, seed: int) -> Found:
    """Carry out some cases.

    Args:
        count: How many.
        seed: That of the first; they are counted on.
    """
    found = Found()
    logging.disable(logging.CRITICAL)
    root = Path(tempfile.mkdtemp(prefix="comfyflow-fuzz-")).resolve()
    before, here = _peak(), Path.cwd()
    try:
        with _other_server() as (elsewhere, came), HostileServer(_names(root), elsewhere) as server:
            for number in range(seed, seed + count):
                server.begin(number)
                bad = _case(number, server, root, found)
                if any(SECRET in each for each in came):
                    bad.append("a credential went to another server")
                    came.clear()
                found.bad += [f"seed {number}: {each}" for each in bad]
                for each in bad:
                    print(f"seed {number}: {each}", flush=True)
    finally:
        os.chdir(here)
        shutil.rmtree(root, ignore_errors=True)
        logging.disable(logging.NOTSET)
    found.memory = _peak() - before
    if found.memory > MEMORY:
        found.bad.append(f"{found.memory // MIB} MiB of memory")
    return found


def _names(root: Path) -> list[str]:
    away = [
        "../escaped.png",
        "../../escaped",
        "..\\escaped.png",
        "/escaped.png",
        f"{root}/escaped.png",
        "~/x",
    ]
    away += ["a/../../escaped.png", "..", ".", "", "\0.png", "con", "a" * 5000 + ".png", "a\nb.png", "-rf"]
    return [*away, "C:\\escaped.png", "\u202egnp.exe", "\ud800.png", "file:///etc/passwd", "%2e%2e%2fescaped"]


def _case(number: int, server: HostileServer, root: Path, found: Found) -> list[str]:
    folder = root / "inside"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    os.chdir(folder)
    outcome: list[BaseException | None] = []

    def carry_out() -> None:
        try:
            _operate(number, server, folder)
        except BaseException as error:  # noqa: BLE001  # it is what is looked for
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=carry_out, daemon=True)
    begun = time.monotonic()
    thread.start()
    thread.join(HUNG)
    found.total += 1
    if not outcome:
        frame = sys._current_frames().get(thread.ident or 0)
        stack = "".join(traceback.format_stack(frame)[-4:]) if frame is not None else ""
        return [f"hung for {time.monotonic() - begun:.0f} s\n{stack}"]
    (error,) = outcome
    bad: list[str] = []
    if error is None:
        found.right += 1
    elif isinstance(error, ComfyflowError):
        found.errors[type(error).__name__] += 1
        if SECRET in str(error):
            bad.append("a credential is shown")
    else:
        bad.append("".join(traceback.format_exception(error))[-1500:])
    escaped = [path for path in root.rglob("*") if path != folder and folder not in path.parents]
    written = [path.name for path in folder.iterdir() if path.name not in ("out", "prompt.json", "made")]
    written = [name for name in written if name != "a.png"]  # what `view` writes, by its name
    bad += [f"written outside: {path}" for path in (*escaped, *written)]
    for path in escaped:
        path.unlink(missing_ok=True)
    return bad


def _operate(number: int, server: HostileServer, folder: Path) -> None:
    rng = random.Random(number)
    choice = rng.randrange(10)
    if choice < 2:
        _command(list(rng.choice(COMMANDS)), server, folder)
    elif choice < 3:
        schema = load_schema(server.url, bearer=SECRET, bounds=BOUNDS, limits=LIMITS)
        repr(schema)
        list(schema)
    else:
        options: dict[str, Any] = {"bearer": SECRET, "bounds": BOUNDS, "limits": LIMITS}
        with connected(rng.choice(KINDS), server.url, **options) as client:
            rng.choice(OPERATIONS)(client, folder / "out", rng)


def _command(words: list[str], server: HostileServer, folder: Path) -> None:
    """Run a command as a shell does; its errors are lines, and only its exit code is an exception."""
    import json

    from comfyflow.cli import main

    (folder / "prompt.json").write_text(json.dumps(PROMPT))
    bounds = "answer=8M json=4M values=300000 file=8M message=1M rate=4096 grace=1 text=1M text_values=50000"
    environment = {"COMFYFLOW_BOUNDS": bounds, "COMFYFLOW_BEARER": SECRET, "COMFYFLOW_CONFIG": ""}
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", ["comfyflow", *words, "--server", server.url]),
        mock.patch("comfyflow.client.core.Limits", return_value=LIMITS),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as end:
            if end.code not in (0, 1, 2, 3, 4, None):
                raise RuntimeError(f"exit code {end.code}: {said.getvalue()[-500:]}") from None
    if SECRET in said.getvalue():
        raise RuntimeError("a credential is shown")


@contextlib.contextmanager
def _other_server() -> Any:
    """A server that must not be shown a credential: its address, and what came."""
    came: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with web_server(Noting) as url:
        yield f"{url}/taken", came


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fuzz_in_processes(count: int, seed: int, jobs: int = 8) -> Found:
    """Carry out cases in several processes: most of the time a server is waited for.

    Args:
        count: How many.
        seed: That of the first.
        jobs: How many processes.
    """
    jobs = max(1, min(jobs, count))
    shares = [count // jobs + (job < count % jobs) for job in range(jobs)]
    firsts = [seed + sum(shares[:job]) for job in range(jobs)]
    found = Found()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(fuzz, shares, firsts):
            found.add(part)
    return found
