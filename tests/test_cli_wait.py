from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.client import Client, Handle
from comfyflow.client.run_event import NodeStarted, RunEvent, RunQueued
from comfyflow.simulator import Simulator
from tests.command import Command, Run
from tests.simulated import tireless
from tests.test_cli_run import SCRIPT as RUN
from tests.test_client_seed_faults import until

SCRIPT = f"""{RUN}
from comfynodes import LoadImage, SaveImageWebsocket

@workflow
def socket():
    return SaveImageWebsocket(images=EmptyImage(width=8, height=8))

@workflow
def loads(path: str):
    return SaveImage(images=LoadImage(image=path).IMAGE)
"""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(previews=True) as simulator:
        yield simulator


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "plain.py"
    path.write_text(SCRIPT)
    return str(path)


@pytest.fixture
def detached(command: Command, server: Simulator, script: str) -> Any:
    """Send a prompt that is not waited for; its id."""

    def send(*words: str) -> str:
        run = command("run", f"{script}:plain", "--server", server.url, "--detach", *words)
        assert run.code == 0, run.err
        return run.out.strip()

    return send


@pytest.fixture
def held(server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The queue is held until somebody who waits is told that a prompt is in it, and hears the server.

    Then each prompt works until he is told of a node: one that is over at once is only looked up.
    """
    events, told = Handle[Any].events, threading.Event()

    def let_go(self: Handle[Any], timeout: float | None = None) -> Iterator[RunEvent]:
        name = f"comfyflow-detached-{self.prompt_id}"
        for event in events(self, timeout):
            yield event
            if isinstance(event, RunQueued):
                until(lambda: name in server.instance.sockets.clients)
                server.instance.queue.hold(False)
            elif isinstance(event, NodeStarted):
                told.set()

    monkeypatch.setattr(Handle, "events", let_go)
    monkeypatch.setattr(server.faults, "slow_nodes", {None: 1.0})
    monkeypatch.setattr(server.faults, "wait", lambda _: told.wait(20))
    with server.held_queue():
        yield


def to(server: Simulator, folder: Path) -> tuple[str, ...]:
    return "--server", server.url, "--out", str(folder)


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out.splitlines()]


# comfyflow run --detach


def test_a_detached_run_prints_the_id_and_does_not_wait(
    command: Command, server: Simulator, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with server.held_queue():
        run = command("run", f"{script}:plain", "--server", server.url, "--detach", "--width", "32")
        prompt_id = run.out.strip()
        assert str(uuid.UUID(prompt_id)) == prompt_id
        assert run.code == 0
        assert run.err == f"comfyflow: sending prompt {prompt_id}\n"
        with Client(server.url) as client:
            assert client.attach(prompt_id).status().state == "pending"
    assert not (tmp_path / "output").exists()


def test_a_detached_run_in_json_is_one_object(
    command: Command, server: Simulator, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command("run", f"{script}:plain", "--simulate", "--out", str(tmp_path), "-q")
    picture = next(tmp_path.glob("*.png"))
    picture.rename("sky.png")
    words = ("run", f"{script}:loads", "--path", "sky.png", "--server", server.url, "--detach", "--json")
    run = command(*words)
    (told,) = lines(run)
    assert run.code == 0, run.err
    assert (told["event"], told["server"], told["dropped"]) == ("submitted", server.url, [])
    assert told["prompt_id"] == server.prompts[-1].prompt_id
    assert [(upload["input"], upload["file"]) for upload in told["uploads"]] == [("image", "sky.png")]


def test_a_detached_run_tells_its_seed(command: Command, server: Simulator, script: str) -> None:
    words = ("run", f"{script}:plain", "--server", server.url, "--detach", "--seed", "5")
    assert lines(command(*words, "--json"))[0]["seed"] == 5
    assert "seed 5\n" in command(*words).err
    assert "seed" not in command(*words, "-q").err


def test_the_id_is_told_before_the_prompt_is_sent(
    command: Command, server: Simulator, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends the command while it sends knows what to look for."""
    before = len(server.prompts)
    seen: list[int] = []
    received = server.received

    def receive(body: Any, prompt_id: str) -> None:
        received(body, prompt_id)
        sys.stderr.write("received\n")
        seen.append(len(server.prompts))

    monkeypatch.setattr(server, "received", receive)
    run = command("run", f"{script}:plain", "--server", server.url, "--detach")
    assert seen == [before + 1]
    assert run.err.splitlines() == [f"comfyflow: sending prompt {run.out.strip()}", "received"]


@pytest.mark.parametrize("fault", ["lose_reply", "answer_500"])
def test_a_lost_reply_is_no_second_prompt(
    command: Command, server: Simulator, script: str, fault: str, tmp_path: Path
) -> None:
    getattr(server, fault)()
    run = command("run", f"{script}:plain", "--server", server.url, "--detach")
    assert run.code == 0, run.err
    assert [prompt.prompt_id for prompt in server.prompts] == [run.out.strip()]
    assert run.err.count("sending prompt") == 1
    assert command("wait", run.out.strip(), "--server", server.url, "--out", str(tmp_path)).code == 0


def test_a_detached_run_that_is_refused(command: Command, server: Simulator, script: str) -> None:
    words = ("--server", server.url, "--detach")
    run = command("run", f"{script}:broken", *words)
    assert (run.code, run.out, server.prompts) == (1, "", [])
    assert "width is 0" in run.err
    assert "sending" not in run.err
    server.reject_next("no_prompt", "nothing in it")
    run = command("run", f"{script}:plain", *words, "--json")
    (told,) = lines(run)
    assert (run.code, told["event"], told["error"]) == (1, "error", "PromptRejected")


def test_pictures_that_only_a_listener_gets_are_not_detached(
    command: Command, server: Simulator, script: str
) -> None:
    run = command("run", f"{script}:socket", "--server", server.url, "--detach")
    assert (run.code, run.out, server.prompts) == (2, "", [])
    assert "Nothing was sent" in run.err
    assert "With --detach there is no listener" in run.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--simulate",), "the server of --simulate ends with the command"),
        (("--out", "x"), "--detach writes no files; pass --out to `comfyflow wait`"),
    ],
)
def test_what_means_nothing_to_a_detached_run(
    command: Command, script: str, words: tuple[str, ...], why: str
) -> None:
    run = command("run", f"{script}:plain", "--detach", *words)
    assert (run.code, run.out) == (2, "")
    assert why in run.err


def test_ctrl_c_while_a_detached_prompt_is_sent(
    command: Command, server: Simulator, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit: Any = Client._submit

    def interrupted(self: Client, *arguments: Any) -> Any:
        submit(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "_submit", interrupted)
    with server.held_queue():
        run = command("run", f"{script}:plain", "--server", server.url, "--detach", "--json")
        assert (run.code, lines(run)[-1]["event"]) == (130, "interrupted")
        with Client(server.url) as client:
            assert len(client.queue()) == 0


# comfyflow wait


def test_wait_writes_the_files_of_what_is_done_already(
    command: Command, server: Simulator, detached: Any, tmp_path: Path
) -> None:
    prompt_id = detached("--width", "32")
    with Client(server.url) as client:
        client.attach(prompt_id).wait()
    run = command("wait", prompt_id, "--server", server.url, "--out", str(tmp_path / "made"))
    assert run.code == 0, run.err
    *paths, text = run.out.splitlines()
    assert [Path(path).parent for path in paths] == [tmp_path / "made"]
    assert Path(paths[0]).read_bytes().startswith(b"\x89PNG")
    assert text == "Hello you"


@pytest.mark.usefixtures("held")
def test_wait_shows_the_progress_of_a_prompt_that_another_process_has_sent(
    command: Command, server: Simulator, detached: Any, tmp_path: Path
) -> None:
    """The server tells of a prompt to the client that has sent it: whoever waits is that client."""
    run = command("wait", prompt_id := detached(), *to(server, tmp_path), "--json")
    assert run.code == 0, run.err
    told = lines(run)
    assert [line["event"] for line in told][:2] == ["queued", "started"]
    assert "sky" in [line["title"] for line in told if line["event"] == "node"]
    assert [line["event"] for line in told][-1] == "files"
    assert {line["prompt_id"] for line in told} == {prompt_id}


def test_wait_for_several_fetches_each_in_the_order_in_which_they_end(
    command: Command, server: Simulator, detached: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = detached()
    with Client(server.url) as client:
        client.attach(first).wait()
    request.getfixturevalue("held")
    second, third = detached("--width", "24"), detached("--width", "32")
    words = ("--server", server.url, "--out", str(tmp_path))
    run = command("wait", third, first, second, third, *words, "--json")
    assert run.code == 0, run.err
    done = [line["prompt_id"] for line in lines(run) if line["event"] == "done"]
    assert done == [first, second, third]
    assert len(list(tmp_path.glob("plain_*.png"))) == 3
    shown = command("wait", first, second, *words)
    assert [line for line in shown.err.splitlines() if line.startswith("prompt ")] == [
        f"prompt {first}",
        f"prompt {second}",
    ]


def test_wait_for_a_prompt_of_somebody_else(command: Command, server: Simulator, tmp_path: Path) -> None:
    prompt_id = server.add_foreign_prompt(0.05)
    run = command("wait", prompt_id, "--server", server.url, "--out", str(tmp_path))
    assert run.code == 0, run.err


def test_two_that_wait_for_one_prompt_both_get_it(server: Simulator, detached: Any, tmp_path: Path) -> None:
    with server.held_queue():
        prompt_id = detached()
        words = ["wait", prompt_id, "--server", server.url, "--json", "--out"]
        others = [started(*words, str(tmp_path / name)) for name in ("one", "two")]
        for other in others:
            assert other.stdout is not None
            assert json.loads(other.stdout.readline())["event"] == "queued"
    for other in others:
        assert other.communicate(timeout=60)[1] == ""
        assert other.returncode == 0
    assert [len(list((tmp_path / name).glob("*.png"))) for name in ("one", "two")] == [1, 1]


def test_an_id_that_the_server_does_not_know(
    command: Command, server: Simulator, detached: Any, tmp_path: Path
) -> None:
    prompt_id = detached()
    words = ("--server", server.url, "--out", str(tmp_path))
    typo = ("1" if prompt_id[0] != "1" else "2") + prompt_id[1:]
    run = command("wait", typo, prompt_id, *words)
    assert run.code == 2
    assert f"has no prompt {typo!r}. Did you mean {prompt_id}?" in run.err
    assert len([line for line in run.out.splitlines() if line.endswith(".png")]) == 1
    assert f"Did you mean {prompt_id}?" in command("wait", prompt_id[:8], *words).err
    stranger = str(uuid.uuid4())
    run = command("wait", stranger, *words, "--json")
    (told,) = lines(run)
    assert (run.code, told["error"], told["prompt_id"]) == (2, "PromptLost", stranger)
    assert "`comfyflow history` list what it has" in told["message"]
    for strange in ("", "../history", "a/b?c"):
        run = command("wait", strange, *words)
        assert run.code == 2, strange
        assert f"has no prompt {strange!r}" in run.err


def test_what_failed_on_the_server_exits_with_3(
    command: Command, server: Simulator, detached: Any, tmp_path: Path
) -> None:
    server.fail_next("the disk is full", class_type="SaveImage")
    failed = detached()
    fine = detached("--width", "24")
    run = command("wait", failed, fine, "--server", server.url, "--out", str(tmp_path))
    assert run.code == 3
    assert "the disk is full" in run.err
    assert len(list(tmp_path.glob("plain_*.png"))) == 1


def test_a_prompt_that_is_deleted_while_it_is_waited_for(
    command: Command, server: Simulator, detached: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Handle[Any].events

    def deleted(self: Handle[Any], timeout: float | None = None) -> Any:
        with Client(server.url) as client:
            client.delete_queued([self.prompt_id])
        return events(self, timeout)

    monkeypatch.setattr(Handle, "events", deleted)
    with server.held_queue():
        run = command("wait", detached(), "--server", server.url, "--out", str(tmp_path))
    assert run.code == 3
    assert "neither queue nor history" in run.err


def test_the_time_is_over(command: Command, server: Simulator, detached: Any, tmp_path: Path) -> None:
    with server.held_queue():
        ids = [detached(), detached()]
        words = ("--server", server.url, "--out", str(tmp_path), "--timeout", "0.3")
        run = command("wait", *ids, *words, "--json")
        assert run.code == 4
        over = [line for line in lines(run) if line["event"] == "error"]
        assert [(line["error"], line["prompt_id"]) for line in over] == [
            ("WaitTimeout", each) for each in ids
        ]
        assert all("timed out after the 0.3 s of --timeout" in line["message"] for line in over)
        with Client(server.url) as client:
            assert len(client.queue()) == 2


def test_out_that_is_a_file(command: Command, server: Simulator, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    run = command("wait", "abc", "--server", server.url, "--out", str(tmp_path / "x"))
    assert run.code == 2
    assert "is a file; name a folder" in run.err


# Ctrl-C


def started(*words: str) -> subprocess.Popen[str]:
    # A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from comfyflow.cli import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="it is sent as a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_prompt_and_says_so(
    server: Simulator, detached: Any, tmp_path: Path, number: signal.Signals
) -> None:
    with tireless(server):
        prompt_id = detached()
        with started("wait", prompt_id, *to(server, tmp_path), "--json") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                if json.loads(line)["event"] == "started":
                    break
            process.send_signal(number)
            told = process.stderr.read()
        assert process.returncode == 130
        assert told == (
            f"comfyflow: prompt {prompt_id} keeps running: "
            f"`comfyflow cancel {prompt_id} --server {server.url}` stops it, "
            f"`comfyflow wait {prompt_id} --server {server.url}` waits for its files\n"
        )
        with Client(server.url) as client:
            assert client.queue().runs(prompt_id)
            client.interrupt(prompt_id)


def test_ctrl_c_with_cancel_stops_all_that_is_left(
    command: Command, server: Simulator, detached: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = detached()
    with Client(server.url) as client:
        client.attach(done).wait()
    events = Handle[Any].events

    def interrupted(self: Handle[Any], timeout: float | None = None) -> Any:
        if self.prompt_id == done:
            return events(self, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(Handle, "events", interrupted)
    words = ("--server", server.url, "--out", str(tmp_path))
    with server.held_queue():
        first, second = detached(), detached()
        run = command("wait", first, second, done, *words, "--json")
        assert run.code == 130
        left = [(line["prompt_id"], line["exit_code"]) for line in lines(run) if line["event"] == "left"]
        assert left == [(first, 130), (second, 130)]
        run = command("wait", first, second, done, *words, "--cancel")
        assert run.code == 130
        assert [line for line in run.err.splitlines() if line.endswith("is cancelled on the server")] == [
            f"comfyflow: prompt {second} is cancelled on the server",
            f"comfyflow: prompt {first} is cancelled on the server",
        ]
        with Client(server.url) as client:
            assert len(client.queue()) == 0
