"""``comfyflow mcp``, as clients start it and talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from comfyflow.agents.http import PATH, Guarded
from comfyflow.cli.mcp import mcp
from comfyflow.recipes import txt2img
from comfyflow.simulator import Simulator
from tests.agent import SECONDS, Agent, author, pictures, text
from tests.command import Command
from tests.documents import BLOCK

ROOT = Path(__file__).parents[1]
COMMAND = ["-m", "comfyflow", "mcp"]
ENVIRONMENT = {"COMFYFLOW_CACHE": "off", "PYTHONWARNINGS": "default"}


def over_stdio(folder: Path, *words: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=[*COMMAND, *words], cwd=folder, env=ENVIRONMENT)


@contextlib.contextmanager
def over_http(folder: Path, *words: str) -> Iterator[str]:
    """A server on a free port; gives its address."""
    started = subprocess.Popen(
        [sys.executable, *COMMAND, *words, "--http", "0"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            assert started.stderr is not None
            line = started.stderr.readline().strip()
            assert line.startswith("http://127.0.0.1:"), line + started.stderr.read()
            yield line
        finally:
            started.send_signal(signal.SIGINT)
            started.communicate(timeout=SECONDS)


def status_of(address: str, **headers: str) -> int:
    asked: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    all_headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **headers,
    }
    request = urllib.request.Request(address, json.dumps(asked).encode(), all_headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def act_as_author(server: Any, folder: Path) -> None:
    async def session() -> None:
        async with Client(server) as client:
            await author(Agent(client), folder)
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools["txt2img"].input_schema["properties"]["steps"]["maximum"] == 10_000
            made = await Agent(client).call("txt2img", prompt="a cat", steps=2, width=64, height=64)
            assert len(pictures(made)) == 1, text(made)

    asyncio.run(asyncio.wait_for(session(), 3 * SECONDS))


def test_an_agent_writes_a_workflow_over_standard_input_and_output(tmp_path: Path) -> None:
    flow = tmp_path / "flow.py"
    text = (ROOT / "examples/txt2img.py").read_text(encoding="utf-8")
    flow.write_text(f"{text}\nprint('a program that talks')\n", encoding="utf-8")
    act_as_author(over_stdio(tmp_path, str(flow), "--simulate"), tmp_path)


@pytest.mark.slow
def test_an_agent_writes_a_workflow_over_http(tmp_path: Path) -> None:
    with over_http(tmp_path, str(ROOT / "examples/txt2img.py"), "--simulate") as address:
        act_as_author(address, tmp_path)
        other = address.replace("127.0.0.1", "localhost")
        assert status_of(address, Host="evil.example") == 421
        assert status_of(address, Origin="http://evil.example") == 403
        assert status_of(other) != 421


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110  # a simulator in another thread tells no event of this loop
        await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_call_that_is_given_up_takes_its_prompt_off_the_server(tmp_path: Path, transport: str) -> None:
    prompt = {**txt2img("a lighthouse", steps=1_000, width=64, height=64).to_prompt()}

    async def session(address: Any, server: Simulator) -> None:
        async with Client(address) as client:
            agent, queue = Agent(client), server.instance.queue
            call = asyncio.create_task(agent.call("run_workflow", workflow=prompt, wait_seconds=SECONDS))
            await until(lambda: bool(queue.snapshot()[0]))
            call.cancel()
            await until(lambda: not queue.remaining)

    with Simulator(step_seconds=1.0) as server, contextlib.ExitStack() as stack:
        words = ("--server", server.url)
        started = over_stdio(tmp_path, *words) if transport == "stdio" else None
        address = started or stack.enter_context(over_http(tmp_path, *words))
        asyncio.run(asyncio.wait_for(session(address, server), SECONDS))


@pytest.mark.parametrize(
    "given", [("--host", "192.0.2.1"), ("--allow-host", "studio.lan"), ("--agent-token", "secret")]
)
def test_what_is_for_http_alone_is_refused_without_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, str]
) -> None:
    monkeypatch.setattr("anyio.run", lambda _: None)  # it would serve the tests' standard input
    run = command("mcp", "--root", str(tmp_path), *given)
    assert run.code == 2
    assert "give --http PORT too" in run.err


@pytest.mark.parametrize("given", [[], ["--agent-token", "sesame"], ["--allow-host", "studio"]])
def test_a_server_that_others_reach_wants_a_token_and_a_name(
    command: Command, tmp_path: Path, given: list[str]
) -> None:
    words = ["mcp", "--root", str(tmp_path), "--http", "0", "--host", "192.0.2.1", *given]
    refused = command(*words)
    assert refused.code == 2
    assert "--agent-token" in refused.err
    assert "--allow-host" in refused.err


def test_who_does_not_show_the_token_is_not_answered() -> None:
    inside: list[str] = []
    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        inside.append("called")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask(*headers: tuple[bytes, bytes]) -> None:
        await Guarded(app, "sesame")({"type": "http", "headers": [*headers]}, None, send)

    for header in (b"", b"Bearer", b"Bearer sesam", b"bearer sesame ", b"Basic sesame"):
        asyncio.run(ask((b"authorization", header)))
    asyncio.run(ask())
    assert [each["status"] for each in sent if "status" in each] == [401] * 6
    assert inside == []
    asyncio.run(ask((b"authorization", b"Bearer sesame")))
    assert inside == ["called"]


def entries(text: str, language: str) -> dict[str, Any]:
    """The servers in the configuration of a client."""
    if language == "json":
        found = json.loads(text)
        return {**found.get("mcpServers", {}), **found.get("servers", {})}
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return dict(tomllib.loads(text)["mcp_servers"])


def test_what_the_page_tells_clients_is_understood() -> None:
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    shown = [(block["text"], block["language"]) for block in BLOCK.finditer(page)]
    told = [
        found for text, kind in shown if kind in ("json", "toml") for found in entries(text, kind).values()
    ]
    assert len(told) == 4
    for entry in told:
        if "url" in entry:
            assert entry["url"].endswith(PATH)
            continue
        assert entry["command"] == "comfyflow"
        command, *words = entry["args"]
        assert command == "mcp"
        with mcp.make_context("mcp", words) as context:
            assert context.params["root"] == Path()
    lines = [
        line for text, kind in shown if not kind for line in text.splitlines() if "comfyflow mcp " in line
    ]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line.partition("comfyflow mcp ")[2].replace("@token.txt", "token"))
        mcp.make_context("mcp", words).close()


@pytest.mark.slow
def test_the_program_of_the_page_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    (program,) = [block["text"] for block in BLOCK.finditer(page) if block["language"] == "python"]
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "flow.py").write_text((ROOT / "examples/txt2img.py").read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=3 * SECONDS,
    )
    assert "KSampler" in done.stdout, done.stderr
    assert "success ['output/" in done.stdout
    assert len(list((tmp_path / "output").iterdir())) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="it is sent as a signal")
def test_sigterm_ends_it_while_its_client_says_nothing(tmp_path: Path) -> None:
    asked = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    with subprocess.Popen(
        [sys.executable, *COMMAND],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == -signal.SIGTERM
