from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.cli import main
from comfyflow.cli.streams import plain
from comfyflow.client import Client, Handle
from comfyflow.simulator import NodeResult, Simulator
from tests.command import Command, Run
from tests.simulated import tireless
from tests.web_server import web_server

SCRIPT = """
from comfyflow import titled, workflow
from comfynodes import EmptyImage, PreviewAny, SaveImage, StringConcatenate

@workflow
def plain(width: int = 16, seed: int = 0):
    image = titled(EmptyImage(width=width, height=8, color=seed), "sky")
    text = PreviewAny(source=StringConcatenate(string_a="Hello", string_b="you", delimiter=" "))
    return SaveImage(images=image, filename_prefix="plain"), text

@workflow
def broken():
    return SaveImage(images=EmptyImage(width=0, height=8))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "plain.py"
    path.write_text(SCRIPT)
    return str(path)


def sent(server: Simulator) -> dict[str, Any]:
    """The inputs of the nodes that were last sent, by class."""
    return {node["class_type"]: node["inputs"] for node in server.prompts[-1].prompt.values()}


def test_run_writes_files_and_prints_paths_and_text(
    command: Command, server: Simulator, script: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = command("run", f"{script}:plain", "--server", server.url, "--out", str(out), "--width", "32")
    assert run.code == 0, run.err
    paths = [line for line in run.out.splitlines() if line.endswith(".png")]
    assert [Path(path).parent for path in paths] == [out]
    assert Path(paths[0]).read_bytes().startswith(b"\x89PNG")
    assert "Hello you" in run.out
    assert "running sky" in run.err


def test_quiet_prints_paths_alone(command: Command, server: Simulator, script: str, tmp_path: Path) -> None:
    run = command("run", f"{script}:plain", "--server", server.url, "--out", str(tmp_path), "-q")
    assert run.err == ""
    assert [line[-4:] for line in run.out.splitlines()] == [".png"]


def test_json_is_one_object_a_line(command: Command, server: Simulator, script: str, tmp_path: Path) -> None:
    words = ("--server", server.url, "--out", str(tmp_path), "--json", "--seed", "5")
    lines = [json.loads(line) for line in command("run", f"{script}:plain", *words).out.splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "submitted"
    assert {"started", "node", "output", "done", "files"} <= set(events)
    files = [line for line in lines if line["event"] == "files"]
    assert [len(line["files"]) for line in files if line["text"] is None] == [1]
    assert [line["text"] for line in files if line["text"]] == ["Hello you"]
    assert len({line["prompt_id"] for line in lines}) == 1


def test_set_changes_inputs_by_id_title_and_class(
    command: Command, server: Simulator, script: str, tmp_path: Path
) -> None:
    words = ("--server", server.url, "--out", str(tmp_path), "-q")
    settings = ("--set", "sky.width=64", "--set", "EmptyImage.height=48", "--set", "2.filename_prefix=x y")
    run = command("run", f"{script}:plain", *words, *settings)
    assert run.code == 0, run.err
    assert sent(server)["EmptyImage"] == {"width": 64, "height": 48, "batch_size": 1, "color": 0}
    assert sent(server)["SaveImage"]["filename_prefix"] == "x y"


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("sky.widht=3", "no input 'widht' to set; did you mean 'width'"),
        ("skye.width=3", "unknown node 'skye'; did you mean 'sky'"),
        ("width", "--set expects NODE.INPUT=VALUE"),
    ],
)
def test_set_says_what_would_be_right(command: Command, script: str, setting: str, why: str) -> None:
    run = command("run", f"{script}:plain", "--server", "127.0.0.1:9", "--set", setting)
    assert run.code == 2
    assert why in run.err


def test_a_random_seed_is_drawn_and_told(
    command: Command, server: Simulator, script: str, tmp_path: Path
) -> None:
    path = tmp_path / "prompt.json"
    sampler = {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}}
    unused = {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}
    save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}}
    path.write_text(json.dumps({"1": unused, "2": save, "3": sampler}))
    run = command("run", str(path), "--server", server.url, "--out", str(tmp_path), "--seed", "random")
    assert run.code == 0, run.err
    drawn = sent(server)["KSampler"]["seed"]
    assert drawn != 1
    assert f"seed {drawn}" in run.err
    assert "no seed to set" in command("run", f"{script}:broken", "--seed", "3").err


def test_problems_exit_with_1_and_send_nothing(command: Command, server: Simulator, script: str) -> None:
    before = len(server.prompts)
    run = command("run", f"{script}:broken", "--server", server.url)
    assert run.code == 1
    assert "plain.py:13" in run.err
    assert "width is 0" in run.err
    assert len(server.prompts) == before
    lines = command("run", f"{script}:broken", "--server", server.url, "--json").out.splitlines()
    assert json.loads(lines[-1])["report"]["error"] == "prompt_outputs_failed_validation"


def test_a_failure_on_the_server_exits_with_3(command: Command, server: Simulator, script: str) -> None:
    server.fail_next("the disk is full", class_type="SaveImage")
    run = command("run", f"{script}:plain", "--server", server.url, "--seed", "99")
    assert run.code == 3
    assert "plain.py:9" in run.err
    assert "the disk is full" in run.err


def test_no_server_says_what_to_do(command: Command, script: str) -> None:
    run = command("run", f"{script}:plain", "--server", "http://127.0.0.1:9")
    assert run.code == 2
    assert "--simulate" in run.err
    assert run.err.count("\n") == 1
    assert command("run", f"{script}:plain", "--server", "x", "--simulate").code == 2


def test_simulate_runs_without_a_server(command: Command, script: str, tmp_path: Path) -> None:
    run = command("run", f"{script}:plain", "--simulate", "--out", str(tmp_path), "-q")
    assert run.code == 0, run.err
    assert Path(run.out.strip()).is_file()


def test_the_server_can_be_named_by_environment_and_config_file(
    command: Command, server: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'server = "{server.url}"\n')
    monkeypatch.setenv("COMFYFLOW_CONFIG", str(config))
    monkeypatch.delenv("COMFYFLOW_SERVER", raising=False)
    assert server.url in command("status").out
    monkeypatch.setenv("COMFYFLOW_SERVER", "http://127.0.0.1:9")
    assert command("status").code == 2
    monkeypatch.delenv("COMFYFLOW_SERVER")
    config.write_text("server = ")
    run = command("status")
    assert run.code == 2
    assert "config.toml" in run.err


def test_the_servers_commands(command: Command, server: Simulator, script: str, tmp_path: Path) -> None:
    words = ("--server", server.url)
    assert json.loads(command("status", *words, "--json").out)["queue_remaining"] == 0
    assert "nothing is running or waiting" in command("queue", *words).out
    command("run", f"{script}:plain", *words, "--out", str(tmp_path / "first"), "--width", "24")
    prompt_id = server.prompts[-1].prompt_id
    listed = command("history", *words).out.splitlines()
    assert [line for line in listed if prompt_id in line and line.startswith("success")]
    assert json.loads(command("history", prompt_id, *words).out)["status"]["status_str"] == "success"
    assert command("history", "nothing", *words).code == 2
    run = command("download", prompt_id, *words, "--out", str(tmp_path / "second"))
    written = Path(run.out.strip())
    assert written.is_file()
    target = tmp_path / "seen.png"
    assert command("view", written.name, *words, "-o", str(target)).code == 0
    assert target.read_bytes() == written.read_bytes()
    shown = [sys.executable, "-m", "comfyflow", "view", written.name, *words, "-o", "-"]
    assert subprocess.run(shown, capture_output=True, cwd=tmp_path).stdout == written.read_bytes()
    assert not (tmp_path / "-").exists()
    assert command("upload", str(target), *words).out.strip() == "seen.png"
    assert "checkpoints" in command("models", *words).out
    assert command("models", "checkpoints", *words, "--json").code == 0
    assert command("cancel", *words).code == 2
    assert "cleared" in command("cancel", "--all", *words).out


@pytest.mark.skipif(sys.platform == "win32", reason="it is sent as a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)])
def test_ctrl_c_cancels_the_prompt_on_the_server(script: str, number: signal.Signals) -> None:
    with Simulator() as server:
        server.simulate("EmptyImage", lambda **_inputs: time.sleep(4))
        # A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C;
        # nohup has them ignore SIGHUP.
        program = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            f"signal.signal({int(number)}, signal.SIG_DFL) if {int(number)} != signal.SIGINT else None; "
            "from comfyflow.cli import main; main()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, "run", f"{script}:plain", "--server", server.url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "sky" in line:
                    break
            process.send_signal(number)
            told = process.stderr.read()
        assert process.returncode == 130
        assert "is cancelled on the server" in told
        with Client(server.url) as client:
            assert not client.queue().running


def only_line(run: Run) -> str:
    """What a command that failed has to say: one line."""
    assert run.code == 2, run
    assert run.out == ""
    assert run.err.startswith("comfyflow: ")
    assert run.err.count("\n") == 1, run.err
    return run.err


class Page(BaseHTTPRequestHandler):
    """Another web server than was meant."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")


@pytest.fixture
def page() -> Iterator[str]:
    with web_server(Page) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "why"),
    [(200, "a web page, not data"), (404, "gave 404"), (401, "requires credentials"), (502, "502")],
)
def test_what_is_no_comfyui_server_is_called_so(
    command: Command, page: str, status: int, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "status", status)
    said = only_line(command("status", "--server", page))
    assert why in said
    assert "that is not a ComfyUI server" in said or "into its address" in said


def test_a_server_that_never_answers_is_given_up(command: Command, script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        run = command("run", f"{script}:plain", "--server", address, "--timeout", "0.3")
    assert "timed out" in only_line(run)


def test_what_is_not_there_is_said_in_a_line(
    command: Command, server: Simulator, script: str, tmp_path: Path
) -> None:
    words = ("--server", server.url)
    assert "did you mean 'checkpoints'" in only_line(command("models", "chekpoints", *words))
    assert "has no model folder 'x'; available: " in only_line(command("models", "x", *words))
    assert "no file 'a/b.png' in its temp folder" in only_line(command("view", "a/b.png [temp]", *words))
    assert "no file '../x' in its output folder" in only_line(command("view", "../x", *words))
    assert "neither queue nor history" in only_line(command("download", "x", *words))
    assert "neither queue nor history" in only_line(command("cancel", "x", *words))
    assert "cannot read" in only_line(command("upload", str(tmp_path / "x.png"), *words))
    assert "x.json not found, neither as a file nor as a module" in only_line(
        command("run", "x.json", *words)
    )
    before = len(server.prompts)
    assert "is a file; name a folder" in only_line(command("run", f"{script}:plain", *words, "--out", script))
    assert len(server.prompts) == before
    busy = only_line(command("simulate", "--port", str(server.port)))
    assert "the port is in use. Choose another one, or 0" in busy


def test_history_lists_files_as_view_takes_them(
    command: Command, server: Simulator, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--server", server.url)
    command("run", f"{script}:plain", *words, "--set", "SaveImage.filename_prefix=deep/er/plain", "-q")
    name = command("history", *words, "-n", "1").out.split()[2]
    assert name == "deep/er/plain_00001_.png"
    assert command("view", name, *words).out == "plain_00001_.png\n"
    assert (tmp_path / "plain_00001_.png").read_bytes().startswith(b"\x89PNG")


def test_a_time_that_is_over(command: Command, server: Simulator, script: str, tmp_path: Path) -> None:
    with tireless(server):
        words = ("--server", server.url, "--out", str(tmp_path), "--timeout", "2", "--width", "33")
        run = command("run", f"{script}:plain", *words)
        prompt_id = server.prompts[-1].prompt_id
        assert run.code == 4
        assert "timed out after the 2 s of --timeout" in run.err
        assert f"`comfyflow cancel {prompt_id} --server {server.url}` stops it" in run.err
        assert "cancelled" in command("cancel", prompt_id, "--server", server.url).out


class Frozen(BaseHTTPRequestHandler):
    """A ComfyUI that is told of a prompt and says nothing from then on."""

    release: threading.Event
    frozen: threading.Event

    def do_GET(self) -> None:
        if self.frozen.is_set():
            self.release.wait(30)
            return
        answers = {"system_stats": {"system": {}}, "queue": {"queue_running": [], "queue_pending": []}}
        name = self.path.rpartition("/")[2]
        self.send_response(404 if name.startswith("ws") else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answers.get(name, {})).encode())

    def do_POST(self) -> None:
        self.frozen.set()
        self.release.wait(30)


@pytest.fixture
def frozen() -> Iterator[str]:
    Frozen.release, Frozen.frozen = threading.Event(), threading.Event()
    with web_server(Frozen) as url:
        yield url
        Frozen.release.set()


def test_a_server_that_freezes_when_it_gets_a_prompt(command: Command, frozen: str, script: str) -> None:
    words = ("run", f"{script}:plain", "--server", frozen, "--timeout", "2")
    run = command(*words, "--json")
    said = json.loads(run.out.splitlines()[-1])
    assert (run.code, said["error"]) == (4, "WaitTimeout")
    assert f"prompt {said['prompt_id']} may or may not be queued" in said["message"]
    Frozen.frozen.clear()
    run = command(*words)
    assert run.code == 4
    assert "timed out after the 2 s of --timeout: no answer within" in run.err
    assert re.search(
        r"prompt (\S+) may or may not be queued: POST /api/prompt .*`comfyflow cancel \1 --server \S+` stops",
        run.err,
    )


@contextlib.contextmanager
def slow(server: Simulator) -> Iterator[None]:
    """Prompts that take a while."""
    server.faults.slow_nodes = {None: 1.0}
    try:
        yield
    finally:
        server.faults.clear()


def queued_ids(client: Client) -> set[str]:
    queue = client.queue()
    return {entry.prompt_id for entry in (*queue.running, *queue.pending)}


@pytest.mark.parametrize(
    ("moment", "said"), [("before", "was not queued yet"), ("after", "is cancelled on the server")]
)
def test_ctrl_c_while_a_prompt_is_sent(
    command: Command, server: Simulator, script: str, moment: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Client._submit

    def interrupted(self: Client, *arguments: Any) -> Any:
        if moment == "after":
            submit(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "_submit", interrupted)
    with Client(server.url) as client:
        before = queued_ids(client)  # what an earlier test left to run
        with slow(server):
            run = command("run", f"{script}:plain", "--server", server.url, "--width", "34", "--json")
        assert run.code == 130
        assert said in run.err
        told = json.loads(run.out.splitlines()[-1])
        assert (told["event"], told["exit_code"]) == ("interrupted", 130)
        assert queued_ids(client) <= before


def test_ctrl_c_twice_leaves_the_prompt_and_says_so(
    command: Command, server: Simulator, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Handle, "events", interrupted)
    monkeypatch.setattr(Handle, "cancel", interrupted)
    run = command("run", f"{script}:plain", "--server", server.url)
    assert run.code == 130
    assert (
        f"may still run; `comfyflow cancel {server.prompts[-1].prompt_id} --server {server.url}` stops"
        in run.err
    )


def test_nobody_reads_the_output_any_more(server: Simulator, script: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from comfyflow.cli import main; main()", "run", f"{script}:plain"]
    words = ["--server", server.url, "--out", str(tmp_path), "--json"]
    with (
        slow(server),
        subprocess.Popen(
            [*command, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "submitted"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_can_show_it(
    server: Simulator, script: str, tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "grün ✓ \ud83d \x1b[31mred\x1b]0;title\x07 \x9b1m"
    server.simulate("PreviewAny", lambda **_: NodeResult(ui={"text": [text]}))
    for words in (("--json",), ("-q",), ()):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        arguments = ["run", f"{script}:plain", "--server", server.url, "--out", str(tmp_path), *words]
        monkeypatch.setattr(sys, "argv", ["comfyflow", *arguments])
        with contextlib.suppress(SystemExit):
            main()
        for stream in (out, err):
            stream.flush()
            shown = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
            assert "Traceback" not in shown
            if words == ("--json",):
                for line in shown.splitlines():
                    assert json.loads(line)


@given(st.text())
def test_a_text_of_a_server_steers_no_terminal(text: str) -> None:
    shown = plain(text)
    assert all(letter in "\n\t" or not unicodedata.category(letter).startswith("Cc") for letter in shown)
    assert plain(shown) == shown
    assert plain(f"a\x1b[1;31m{shown}\x1b[0m") == f"a{shown}"
