"""Commands whose standard streams, terminal or current folder are gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.cli.streams import can_ask
from comfyflow.client import Client
from comfyflow.simulator import Simulator
from tests.simulated import NODES, SAVE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams")

COMMAND = "from comfyflow.cli import main; main()"
SIGNALS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "signal.signal(signal.SIGHUP, signal.{}); "
)
"""The tests themselves may run in the background or under nohup, which have them ignore signals."""
SECONDS = 60


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as simulator:
        yield simulator


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "save.json"
    path.write_text(json.dumps(SAVE))
    return str(path)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def ran(closed: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command some of whose streams a shell has closed."""
    line = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", COMMAND, *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, env=environment(), **more)


@pytest.mark.parametrize(
    "words", [("run", "-"), ("hash", "-"), ("compile", "-"), ("validate", "-", "--json")]
)
def test_standard_input_that_is_closed_is_told_in_one_line(words: tuple[str, ...]) -> None:
    told = "comfyflow: standard input is closed, and - reads the workflow from it; name a file\n"
    run = ran("<&-", *words)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", told)


def test_an_agent_that_cannot_write_is_told() -> None:
    pytest.importorskip("mcp")
    run = ran("<&-", "mcp")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        "comfyflow: standard input is closed, and an agent writes to it; give --http PORT for HTTP\n"
    )


def test_whoever_is_not_there_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not can_ask()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_output_that_is_closed_ends_no_command(
    closed: str, server: Simulator, file: str, tmp_path: Path
) -> None:
    run = ran(closed, "run", file, "--server", server.url, "--out", "made", cwd=tmp_path)
    assert run.returncode == 0, run
    assert "Traceback" not in run.stderr
    assert len([*(tmp_path / "made").iterdir()]) == 1
    assert ran(closed, "hash", file).returncode == 0
    gone = ran(closed, "hash", "gone.json", cwd=tmp_path)
    assert gone.returncode == 2
    assert gone.stdout == ""


@pytest.mark.parametrize("words", ["graph FILE -o -", "contact-sheet gone.db -o -"])
def test_a_command_that_does_not_write_to_standard_output_says_so(
    words: str, file: str, tmp_path: Path
) -> None:
    run = ran("", *words.replace("FILE", file).split(), cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "- is standard output, which this command does not write to; name a file" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["save.json"]


def test_a_current_folder_that_is_gone_is_named(tmp_path: Path, server: Simulator) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    line = f'rmdir "{folder}"; exec "$0" "$@"'
    words = ["sh", "-c", line, sys.executable, "-c", COMMAND, "status", "--server", server.url]
    run = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=SECONDS
    )
    told = "comfyflow: the current folder no longer exists: change to another one\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", told)


def ended(process: subprocess.Popen[Any]) -> int:
    """The exit status of a process, which is killed if it does not end."""
    try:
        return process.wait(SECONDS)
    finally:
        process.kill()


def read_terminal(master: int, told: list[bytes]) -> None:
    """Read what a terminal shows, until nobody writes to it any more: it holds some 4,000 bytes only."""
    with contextlib.suppress(OSError):  # so Linux tells of the end
        while piece := os.read(master, 65536):
            told.append(piece)


@pytest.mark.parametrize("hung_up", [True, False])
def test_a_terminal_that_is_closed_cancels_the_prompt(server: Simulator, file: str, hung_up: bool) -> None:
    """What is written to such a terminal would raise, and the prompt would run on."""
    server.instance.queue.hold(True)
    master, terminal = os.openpty()
    told: list[bytes] = []
    reading = threading.Thread(target=read_terminal, args=(master, told))
    program = SIGNALS.format("SIG_DFL") + COMMAND
    line = [sys.executable, "-c", program, "run", file, "--server", server.url]
    with subprocess.Popen(line, env=environment(), stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        if not hung_up:
            reading.start()
        with Client(server.url) as client:
            end = time.monotonic() + SECONDS
            while not client.queue().pending and time.monotonic() < end:
                time.sleep(0.02)
            if hung_up:
                os.close(master)
            process.send_signal(signal.SIGHUP)
            assert ended(process) == 130
            assert not client.queue().pending
            assert not client.queue().running
    if not hung_up:
        reading.join(SECONDS)
        os.close(master)
        assert b"is cancelled on the" in b"".join(told)  # a terminal of 80 columns may wrap the line there


def test_a_command_under_nohup_goes_on(server: Simulator, file: str, tmp_path: Path) -> None:
    server.instance.queue.hold(True)
    line = [sys.executable, "-c", SIGNALS.format("SIG_IGN") + COMMAND]
    line += ["run", file, "--server", server.url, "--out", str(tmp_path / "made"), "-q"]
    with subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        with Client(server.url) as client:
            end = time.monotonic() + SECONDS
            while not client.queue().pending and time.monotonic() < end:
                time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        server.instance.queue.hold(False)
        assert ended(process) == 0
