from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.simulated import tireless

SQUARE = """
from comfyflow import workflow
from comfynodes import EmptyImage, SaveImage

@workflow
def square(color: int, size: int = 8) -> SaveImage:
    return SaveImage(images=EmptyImage(width=size, height=size, color=color), filename_prefix="square")
"""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "square.py"
    path.write_text(SQUARE)
    return path


def rows(out: Path) -> list[tuple[str, dict[str, object]]]:
    with Ledger(out / LEDGER_NAME) as ledger:
        return [(row.state, dict(row.parameters)) for row in ledger.rows()]


def test_a_grid_runs_and_the_same_command_again_has_nothing_to_do(
    tmp_path: Path, script: Path, server: Simulator, command: Command
) -> None:
    out = tmp_path / "out"
    words = ["batch", str(script), "--grid", "color=1,2", "--size", "16", "--server", server.url]
    words += ["--out", str(out)]
    done = command(*words)
    assert done.code == 0, done.err
    assert "2 of 2 rows done" in done.err
    assert rows(out) == [
        ("completed", {"size": 16, "color": 1}),
        ("completed", {"size": 16, "color": 2}),
    ]
    assert len(list(out.glob("*.png"))) == 2
    again = command(*words, "--json")
    assert again.code == 0
    summary = json.loads(again.out.splitlines()[-1])
    assert (summary["event"], summary["completed"]) == ("summary", 2)
    assert len(server.prompts) == 2


def test_status_retry_cancel_and_export(
    tmp_path: Path, script: Path, server: Simulator, command: Command
) -> None:
    out = tmp_path / "out"
    server.fail_next("a bad day")
    words = ["batch", str(script), "--grid", "color=1,2,3", "--server", server.url, "--out", str(out)]
    done = command(*words, "--depth", "1")
    assert done.code == 3, done.err
    assert "row 0 failed" in done.err
    assert "comfyflow batch retry" in done.err
    told = command("batch", "status", str(out))
    assert told.out.splitlines()[:2] == ["2 of 3 rows done", "1 failed"]
    assert "node_error: " in told.out
    assert "a bad day" in told.out
    assert json.loads(command("batch", "status", str(out), "--json").out)["failed"] == 1
    listed = list(csv.DictReader(command("batch", "export", str(out)).out.splitlines()))
    assert [row["state"] for row in listed] == ["failed", "completed", "completed"]
    again = command("batch", "export", str(out), "--state", "failed", "--parameters", "--format", "jsonl")
    assert [json.loads(line) for line in again.out.splitlines()] == [{"color": 1}]
    said = command("batch", "retry", str(out / LEDGER_NAME))
    assert said.out == "1 row waits again; the batch's command sends them\n"
    assert command("batch", "cancel", str(out), "--rows", "0-1").out == "1 row that waited is cancelled\n"
    assert command("batch", "retry", str(out), "--state", "cancelled").code == 0
    assert command(*words).code == 0
    assert {state for state, _ in rows(out)} == {"completed"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grid", "colr=1"], "colr is not a parameter; did you mean 'color'?"),
        (["--grid", "color=1,x"], "value 2: color expects an integer"),
        (["--csv", "absent.csv"], "absent.csv"),
        ([], "a batch needs rows: --grid"),
        (["--gird", "color=1,2"], "unknown parameter --gird; did you mean --grid?"),
        (["--colr", "1"], "colr is not a parameter; did you mean 'color'?"),
        (["--color", "1"], "a batch needs rows: --grid"),
        (["--grid", "color=1", "--size"], "--size needs a value"),
        (["--grid", "color=1", "--szie", "8"], "szie"),
        (["rows.csv"], "'rows.csv' is not an option; to read rows from it: --csv rows.csv"),
        (["rows.txt"], "'rows.txt' is not an option"),
    ],
)
def test_what_is_wrong_with_the_rows_is_told_before_anything_is_sent(
    tmp_path: Path, script: Path, server: Simulator, words: list[str], said: str, command: Command
) -> None:
    done = command("batch", str(script), *words, "--server", server.url, "--out", str(tmp_path / "out"))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert server.prompts == []
    assert not (tmp_path / "out").exists()


def test_a_ledger_that_is_none_and_rows_that_are_none(tmp_path: Path, command: Command) -> None:
    assert "ledger not found" in command("batch", "status", str(tmp_path)).err
    with Ledger(tmp_path / LEDGER_NAME, create=True):
        pass
    assert "--rows expects numbers" in command("batch", "retry", str(tmp_path), "--rows", "3,x").err


def test_a_model_that_no_server_has_is_one_line(tmp_path: Path, command: Command) -> None:
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
    }
    file = tmp_path / "prompt.json"
    file.write_text(json.dumps(prompt))
    with Simulator(models={"checkpoints": ["b.safetensors"]}) as server:
        words = ["--grid", "1.ckpt_name=b.safetensors,c.safetensors", "--server", server.url]
        done = command("batch", str(file), *words, "--out", str(tmp_path / "out"))
        assert done.code == 1, done.err
        (line,) = [line for line in done.err.splitlines() if "row 1 is invalid" in line]
        assert "c.safetensors" in line
        assert "b.safetensors" in line
        assert len(server.prompts) == 1


def test_a_folder_that_is_a_file_is_one_line(
    tmp_path: Path, script: Path, server: Simulator, command: Command
) -> None:
    (tmp_path / "out").write_text("")
    done = command(
        "batch", str(script), "--grid", "color=1", "--server", server.url, "--out", str(tmp_path / "out")
    )
    assert done.code == 2
    assert "cannot write" in done.err
    assert len(done.err.strip().splitlines()) <= 2


def started(script: Path, server: Simulator, out: Path, *words: str) -> subprocess.Popen[str]:
    order = [sys.executable, "-m", "comfyflow", "batch", str(script), "--server", server.url]
    return subprocess.Popen(
        [*order, "--out", str(out), *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def wait(server: Simulator, count: int) -> None:
    end = time.monotonic() + 60
    while len(server.prompts) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_once_finishes_what_runs(tmp_path: Path, script: Path, server: Simulator) -> None:
    out = tmp_path / "out"
    server.instance.queue.hold(True)
    with started(script, server, out, "--grid", "color=1,2,3,4,5,6") as process:
        wait(server, 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("no more rows are sent" in line for line in process.stderr)
        server.instance.queue.hold(False)
        assert process.wait(60) == 130
        process.stderr.read()
    states = [state for state, _ in rows(out)]
    assert states == ["completed"] * 3 + ["pending"] * 3
    assert len(server.prompts) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_twice_takes_what_runs_off_the_server(tmp_path: Path, script: Path, server: Simulator) -> None:
    out = tmp_path / "out"
    with tireless(server), started(script, server, out, "--grid", "color=1,2,3,4") as process:
        wait(server, 3)
        assert process.stderr is not None
        for said in ("no more rows are sent", "cancelling rows on the servers"):
            process.send_signal(signal.SIGINT)
            assert any(said in line for line in process.stderr), said
        assert process.wait(60) == 130
        process.stderr.read()
        assert server.instance.queue.remaining == 0
    assert {state for state, _ in rows(out)} == {"pending"}


@pytest.mark.skipif(sys.platform == "win32", reason="it is sent as a signal")
def test_sigterm_takes_what_runs_off_the_server(tmp_path: Path, script: Path, server: Simulator) -> None:
    out = tmp_path / "out"
    with tireless(server), started(script, server, out, "--grid", "color=1,2,3,4") as process:
        wait(server, 3)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("cancelling rows on the servers" in line for line in process.stderr)
        assert process.wait(60) == 130
        process.stderr.read()
        assert server.instance.queue.remaining == 0
    assert {state for state, _ in rows(out)} == {"pending"}


def test_cancel_from_outside_ends_a_batch_that_runs(
    tmp_path: Path, script: Path, server: Simulator, command: Command
) -> None:
    out = tmp_path / "out"
    server.instance.queue.hold(True)
    with started(script, server, out, "--grid", "color=1,2,3,4,5") as process:
        wait(server, 3)
        said = command("batch", "cancel", str(out))
        assert said.code == 0, said.err
        assert "3 on servers are cancelled" in said.out
        assert process.wait(60) == 130
        assert process.stderr is not None
        process.stderr.read()
    assert server.instance.queue.remaining == 0
    assert {state for state, _ in rows(out)} == {"cancelled"}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
    tmp_path: Path, script: Path, server: Simulator, command: Command
) -> None:
    """A limit for the size of files stands for a disk that is full: SQLite and we get an error to write."""
    out = tmp_path / "out"
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\n"
        "from comfyflow.cli import main; sys.argv[0] = 'comfyflow'; main()\n"
    )
    grid = ["batch", str(script), "--grid", f"color={','.join(map(str, range(60)))}", "--server", server.url]
    full = subprocess.run(
        [sys.executable, "-c", program, *grid, "--out", str(out)], capture_output=True, text=True
    )
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert "free some space" in full.stderr or "check the disk" in full.stderr
    done = command(*grid, "--out", str(out))
    assert done.code == 0, done.err
    assert [state for state, _ in rows(out)] == ["completed"] * 60
    assert len({received.prompt["1"]["inputs"]["color"] for received in server.prompts}) == 60
    assert len(server.prompts) == 60
