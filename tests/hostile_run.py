"""What becomes of an attacker's input: taken, refused, or a fault of ours.

Inputs are read in a process of their own that may use so much processor time and memory for each,
and that tells of every file it writes, every program it starts and every connection it makes.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import socket
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_type_hints

from comfyflow.codegen import Options, generate
from comfyflow.errors import ComfyflowError
from comfyflow.importer import convert_workflow, read_workflow
from comfyflow.python_source import to_python
from comfyflow.schema import load_schema
from tests.editor_json import SCHEMA, classes
from tests.hostile import Attacker

SECONDS: Final = 20
"""Processor time for one input."""
MEMORY: Final = 1536 * 1024 * 1024
"""Address space of the process that reads them."""
SILENCE: Final = 300
"""Seconds without a word after which the process is taken for stuck, however busy the machine is."""
BATCH: Final = 250
EDITORS: Final = ("1.27", "1.45", "1.49.6", "1.58.1")
TAKEN, REFUSED = "taken", "refused"
GOOD: Final = frozenset({TAKEN, REFUSED})


REACHING: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "socket.connect"}
)
"""What nothing does that only reads."""


@dataclass
class Found:
    """What became of many inputs.

    Attributes:
        counts: How many were taken, refused, and what else there was.
        faults: For each input that was neither: its number, what it was and what is known of it.
        seconds: The most processor time that one took.
        megabytes: The most memory that the process held.
    """

    counts: Counter[str] = field(default_factory=Counter[str])
    faults: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    seconds: float = 0.0
    megabytes: float = 0.0

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return f"{told}; at most {self.seconds:.1f} s of processor for one, {self.megabytes:.0f} MB"


def run_hostile(kind: str, count: int, seed: int, *, first: int = 0) -> Found:
    """Read so many inputs of a kind.

    Args:
        kind: ``schemas``, ``workflows`` or ``media``.
        count: How many.
        seed: Which.
        first: The number of the first one.
    """
    found = Found()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder, _listener() as (port, callers):
        numbers = list(range(first, first + count))
        while numbers:
            done = _batch(kind, seed, numbers[:BATCH], Path(folder), port, found)
            numbers = numbers[done:]
        if callers:
            found.counts["connected"] += len(callers)
            found.faults.append((-1, "connected", "somebody connected to the port in the texts"))
    return found


@contextlib.contextmanager
def _listener() -> Iterator[tuple[int, list[Any]]]:
    """A port that nobody may connect to, and who did."""
    callers: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, caller = server.accept()
                    connection.close()
                    callers.append(caller)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], callers
        server.shutdown(socket.SHUT_RDWR)


def _batch(kind: str, seed: int, numbers: list[int], folder: Path, port: int, found: Found) -> int:
    """Read some of the inputs in one process; how many are done with."""
    spawn = multiprocessing.get_context("spawn")
    answers, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_work, args=(kind, seed, numbers, str(folder), port, sender))
    process.start()
    sender.close()
    done = 0
    while done < len(numbers):
        try:
            heard = answers.recv() if answers.poll(SILENCE) else None
        except EOFError:
            heard = None
        if heard is None:
            process.kill()
            process.join()
            outcome = "too slow" if process.exitcode in (-24, -9) else "died"
            found.counts[outcome] += 1
            found.faults.append((numbers[done], outcome, f"exit code {process.exitcode}"))
            return done + 1
        outcome, told, seconds, megabytes = heard
        found.counts[outcome] += 1
        found.seconds, found.megabytes = max(found.seconds, seconds), max(found.megabytes, megabytes)
        if outcome not in GOOD:
            found.faults.append((numbers[done], outcome, told))
        done += 1
    process.join()
    return done


def _work(kind: str, seed: int, numbers: list[int], folder: str, port: int, sender: Any) -> None:
    import resource

    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader = Reader(kind, Path(folder), port)
    for number in numbers:
        used = resource.getrusage(resource.RUSAGE_SELF)
        before = used.ru_utime + used.ru_stime
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(before) + 1 + SECONDS, hard))
        outcome, told = reader.outcome(random.Random(f"{kind} {seed} {number}"), number)
        used = resource.getrusage(resource.RUSAGE_SELF)
        peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        sender.send((outcome, told, used.ru_utime + used.ru_stime - before, peak))
    sender.close()


class Reader:
    """Reads inputs, and watches what that does.

    Args:
        kind: Their kind.
        folder: A folder that is the reader's own.
        port: A port that nobody may connect to.
    """

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.canary = folder / "canary"
        self.secret = folder / "secret"
        self.secret.write_text("secret")
        self.inside = folder / "inside"
        self.inside.mkdir(exist_ok=True)
        self._port = port
        self._seen: list[str] = []
        self._read: Callable[[Attacker, int], None] = {
            "schemas": self._schema,
            "workflows": self._workflow,
            "media": self._media,
        }[kind]
        self._importable = folder / "importable"
        if kind != "schemas" and not self._importable.exists():
            generate(load_schema(classes(), "0.27.0")).write(self._importable / "hostile_nodes")
        sys.path.insert(0, str(self._importable))
        self._attacker(random.Random(0)).media()  # what is imported for the first time is imported now
        self._watching = False
        sys.addaudithook(self._audit)

    def outcome(self, rng: random.Random, number: int) -> tuple[str, str]:
        """What becomes of an input, and what is to be told of it."""
        attacker = self._attacker(rng)
        self._seen.clear()
        self._watching = True
        outcome, told = TAKEN, ""
        try:
            self._read(attacker, number)
        except ComfyflowError as error:
            outcome, told = REFUSED, str(error)
        except Exception:  # noqa: BLE001  # it is what is looked for
            outcome, told = "tracebacks", traceback.format_exc(limit=-6)
        finally:
            self._watching = False
        if self.canary.exists():
            self.canary.unlink()
            return "canary hits", told
        return ("escapes", "; ".join(self._seen)) if self._seen else (outcome, told)

    def _attacker(self, rng: random.Random) -> Attacker:
        return Attacker(rng, str(self.canary), str(self.secret), self._port)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if isinstance(path, (str, bytes)) and (writes or os.fsdecode(path) == str(self.secret)):
                self._check_path(event, path)
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod"):
            paths = [path for path in arguments if isinstance(path, (str, bytes))]
            folders = [held for held in arguments[len(paths) :] if isinstance(held, int)]
            for path, held in zip_longest(paths, folders[-len(paths) :], fillvalue=-1):
                self._check_path(event, path, held)
        elif event in REACHING:
            self._seen.append(f"{event} {arguments!r:.200}")

    def _check_path(self, event: str, path: str | bytes, folder: int = -1) -> None:
        above = Path(f"/proc/self/fd/{folder}").readlink() if folder >= 0 else ""
        real = os.path.realpath(Path(above, os.fsdecode(path)))
        if real != os.devnull and not real.startswith(f"{self.inside}{os.sep}"):
            self._seen.append(f"{event} {real}")

    def _schema(self, attacker: Attacker, number: int) -> None:
        """Node classes of an /object_info, imported and looked at."""
        file = self.inside / "object_info.json"
        file.write_text(json.dumps(attacker.schema()))
        schema = load_schema(file)
        package = generate(
            schema, Options(docs=attacker.rng.random() < 0.8, max_choices=attacker.one(0, 2, 100))
        )
        for skipped in package.skipped:
            if "comfyflow itself" in skipped.message:
                raise AssertionError(str(skipped))
        name = f"hostile_{number}"
        package.write(self.inside / name)
        sys.path.insert(0, str(self.inside))
        try:
            made = __import__(name)
            for each in made.__all__:
                _look_at(getattr(made, each))
            for each in made._MODULES:
                getattr(made, each)
        finally:
            sys.path.remove(str(self.inside))
            for module in [module for module in sys.modules if module.partition(".")[0] == name]:
                del sys.modules[module]
            _remove(self.inside / name)

    def _workflow(self, attacker: Attacker, number: int) -> None:
        text = json.dumps(attacker.workflow())
        self._convert(attacker, text.encode())

    def _media(self, attacker: Attacker, number: int) -> None:
        self._convert(attacker, attacker.media())

    def _convert(self, attacker: Attacker, data: bytes) -> None:
        """A file as a workflow, a prompt and a Python program, which is run."""
        found = read_workflow(data, name=attacker.text())
        given: Any = found.prompt
        if found.workflow is not None:
            conversion = convert_workflow(
                found.workflow,
                SCHEMA,
                editor=attacker.one(*EDITORS),
                repair=attacker.one(True, False),
                seed=1,
            )
            str([*conversion.warnings, conversion.graph])
            for key in list(conversion)[:5]:
                str(conversion.explain(key))
            json.dumps(conversion.prompt)
            given = conversion
        flat = attacker.one(True, False)
        source = to_python(given, SCHEMA, name=attacker.text(), flat=flat, package="hostile_nodes")
        module = ModuleType("hostile_workflow")
        exec(compile(source, "hostile_workflow.py", "exec", dont_inherit=True), vars(module))  # noqa: S102


def _look_at(cls: Any) -> None:
    """What an editor and `help` show of a class, and what a type checker reads."""
    get_type_hints(cls.__init__, localns=dict(vars(cls)))
    for held in (cls, *(each for each in vars(cls).values() if isinstance(each, type))):
        unseen = {unicodedata.category(one) for one in held.__doc__ or "" if one != "\n"} & {"Cc", "Cf"}
        if unseen:
            raise AssertionError(f"the docstring of {cls.__name__} holds {unseen}: {held.__doc__!r:.300}")


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def timed(kind: str, count: int, seed: int, *, first: int = 0) -> tuple[Found, float]:
    """As `run_hostile`, with the seconds that it took."""
    started = time.monotonic()
    found = run_hostile(kind, count, seed, first=first)
    return found, time.monotonic() - started
