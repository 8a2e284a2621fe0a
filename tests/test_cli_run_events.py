"""``comfyflow run``: what comes over the socket is shown, and what only comes over it is not lost."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.cli.progress import Bars, display, joined_lines
from comfyflow.client.run_event import NodeText, RunNode, ServerAway, ServerBack
from comfyflow.simulator import NodeContext, NodeResult, Simulator
from tests.command import Command, Run
from tests.socketless import socketless


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def written(folder: Path, prompt: dict[str, Any]) -> str:
    path = folder / f"{uuid.uuid4()}.json"
    path.write_text(json.dumps(prompt))
    return str(path)


def test_texts_and_messages_of_nodes_are_shown(command: Command, server: Simulator, tmp_path: Path) -> None:
    """A node that waits for a service says so once a second: a line is written when it says something new."""

    def show(source: str, context: NodeContext) -> NodeResult:
        for second in range(5):
            context.text(f"Status: Queued\nTime elapsed: {second}s")
        context.text("Status: Completed")
        server.send("pack.stage", {"prompt_id": context.prompt_id, "stage": 7})
        return NodeResult(ui={"text": [source]})

    server.simulate("PreviewAny", show)

    def run(*more: str) -> Run:
        prompt = {"1": {"class_type": "PreviewAny", "inputs": {"source": str(uuid.uuid4())}}}
        return command(
            "run", written(tmp_path, prompt), "--server", server.url, "--out", str(tmp_path), *more
        )

    shown = run()
    assert shown.code == 0, shown.err
    said = [line for line in shown.err.splitlines() if "Status" in line]
    assert said == [
        "PreviewAny #1: Status: Queued; Time elapsed: 0s",
        "PreviewAny #1: Status: Completed",
    ]
    lines = [json.loads(line) for line in run("--json").out.splitlines()]
    texts = [line["text"] for line in lines if line["event"] == "text"]
    assert (len(texts), texts[-1]) == (6, "Status: Completed")
    messages = [line for line in lines if line["event"] == "message"]
    assert [(line["type"], line["data"]["stage"]) for line in messages] == [("pack.stage", 7)]


def test_a_bar_shows_the_text_of_its_node(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    bars = Bars(nodes=1)
    node = RunNode("1", "Flux", "Flux", {})
    for second in range(3):
        bars.show(NodeText("id", node, f"[bold]Status[/bold]\nTime: {second}s"))
    assert [task.description for task in bars._progress.tasks][1:] == [
        r"  Flux #1: \[bold]Status\[/bold]; Time: 2s"
    ]
    bars.close()


def test_a_server_that_is_away_and_back_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = (ServerAway("id", "no answer\nat all"), ServerBack("id", 2.4))
    said = [
        "the server does not respond, trying again: no answer; at all",
        "the server responds again after 2 s",
    ]
    for options in ({"as_json": False, "quiet": False}, {"as_json": True, "quiet": False}):
        shown = display(1, **options)
        for event in told:
            shown.show(event)
        shown.close()
    printed = capsys.readouterr()
    assert printed.err.splitlines() == said
    assert [json.loads(line) for line in printed.out.splitlines()] == [
        {"prompt_id": "id", "event": "server_away", "message": "no answer\nat all"},
        {"prompt_id": "id", "event": "server_back", "seconds": 2.4},
    ]
    monkeypatch.setattr("sys.stderr", io.StringIO())
    bars = Bars(1)
    for event in told:
        bars.show(event)
    bars.close()


def test_a_long_text_is_cut() -> None:
    assert joined_lines("a\n\n b \n") == "a; b"
    assert len(joined_lines("x" * 10_000)) == 160


def test_pictures_that_only_a_socket_brings_are_not_lost(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    image = {"width": 8, "height": 8, "batch_size": 1, "color": 3}
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": image},
        "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    }
    words = ("run", written(tmp_path, prompt), "--out", str(tmp_path / "out"))
    with socketless(server.url) as url:
        shown = command(*words, "--server", url)
        assert shown.code == 2
        assert "SaveImageWebsocket #2 gives pictures only over the WebSocket" in shown.err
        assert "403" in shown.err
        assert not server.prompts
    assert command(*words, "--server", server.url).code == 0
    assert len(list((tmp_path / "out").iterdir())) == 1
