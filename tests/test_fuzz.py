"""A few hundred of the inputs that ``python -m tools.fuzz`` reads by the thousand."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.hostile import KINDS, Attacker
from tests.hostile_run import GOOD, REFUSED, TAKEN, Reader, run_hostile

pytest.importorskip("resource")


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_input_is_taken_or_refused(kind: str) -> None:
    found = run_hostile(kind, 70, seed=8)
    assert found.faults == []
    assert sum(found.counts.values()) == 70
    assert found.counts.keys() == GOOD


def run(read: str) -> str:
    """What a reader, in a process of its own, makes of an input that it reads so."""
    import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    answers, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_read, args=(read, sender))
    process.start()
    outcome: str = answers.recv()
    process.join()
    return outcome


def _read(code: str, sender: object) -> None:
    import tempfile
    from multiprocessing.connection import Connection

    assert isinstance(sender, Connection)
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader("workflows", Path(folder), 9)

        def read(attacker: Attacker, number: int) -> None:
            exec(code, {"attacker": attacker, "inside": reader.inside, "Path": Path, "sys": sys})  # noqa: S102

        reader._read = read
        sender.send(reader.outcome(random.Random(1), 1)[0])


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("pass", TAKEN),
        ("from comfyflow.errors import SchemaError\nraise SchemaError('no')", REFUSED),
        ("raise KeyError(1)", "tracebacks"),
        ("eval(attacker.texts[0])", "canary hits"),
        ("Path(inside, 'x').write_text('x')", TAKEN),
        ("Path(inside, '..', 'x').write_text('x')", "escapes"),
        ("Path(attacker.secret).read_text()", "escapes"),
        ("Path(attacker.secret).unlink()", "escapes"),
        ("import subprocess; subprocess.run(['true'])", "escapes"),
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))", "escapes"),
    ],
)
def test_the_reader_sees_what_it_looks_for(code: str, outcome: str) -> None:
    assert run(code) == outcome
