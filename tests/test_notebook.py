"""What a notebook shows: reports as their problems, errors in a few lines that are the user's."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import httpx
import pytest

from comfyflow import AsyncClient, Client, notebook, validate_prompt
from comfyflow.client import apart
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.client.notebook_progress import notebook_progress
from comfyflow.client.run_event import NodeProgress, RunEvent, RunNode, RunQueued
from comfyflow.diff import diff
from comfyflow.errors import ComfyflowError, ExecutionError, ValidationError
from comfyflow.graph.prompt import read_prompt
from comfyflow.lock import check, make_lock
from comfyflow.lock.checked import Checked
from comfyflow.output_file import ImageFile, NodeOutput, OutputFile
from comfyflow.schema import Schema
from comfyflow.simulator import Simulator
from tests.simulated import NODES, SAVE
from tests.web_server import web_server

SCHEMA = Schema(NODES, "0.27.0")
WRONG = {"1": {"class_type": "ImageInvrt", "inputs": {}}, **{key: SAVE[key] for key in ("2", "9")}}


class Printer:
    """IPython's, as far as it is used."""

    def __init__(self) -> None:
        self.written = ""

    def text(self, text: str) -> None:
        self.written += text


def shown(value: Any) -> str:
    """What IPython prints for a value."""
    assert "_repr_pretty_" in vars(type(value)), "IPython takes the __repr__ of the class itself first"
    printer = Printer()
    value._repr_pretty_(printer, False)
    return printer.written


def rendered(error: BaseException) -> list[str]:
    """What IPython prints for an error that was raised."""
    lines: list[str] = error._render_traceback_()  # type: ignore[attr-defined]
    assert all(isinstance(line, str) and "\n" not in line for line in lines)
    return lines


def test_a_report_shows_its_problems() -> None:
    report = validate_prompt(WRONG, SCHEMA)
    assert shown(report) == str(report)
    assert "ImageInvrt" in shown(report)
    assert shown(report.errors[0]) == str(report.errors[0])


def test_what_is_compared_shows_what_is_different() -> None:
    other = {**SAVE, "1": {**SAVE["1"], "inputs": {**SAVE["1"]["inputs"], "width": 8}}}
    assert "width: 32 -> 8" in shown(diff(read_prompt(SAVE), read_prompt(other)))
    lock = make_lock({"a": SAVE}, SCHEMA)
    without = Schema({name: node for name, node in NODES.items() if name != "ImageInvert"}, "0.27.0")
    checked = Checked("a.json", None, tuple(check(SAVE, without, lock)))
    assert shown(checked).startswith("a.json: would not run\n")


def raised(call: Callable[[], object], kind: type[BaseException]) -> BaseException:
    """The error, with the traceback that it has where it is shown."""
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def test_a_failing_run_is_a_few_lines() -> None:
    with Simulator(NODES) as server, Client(server.url) as client:
        server.fail_next("the disk is full", class_type="SaveImage")

        def cell() -> object:
            return client.run(SAVE, timeout=30)

        lines = rendered(raised(cell, ExecutionError))
    assert len(lines) <= 8, "\n".join(lines)
    assert any(
        re.fullmatch(rf"{re.escape(__file__)}:\d+:  return client\.run\(SAVE, timeout=30\)", line)
        for line in lines
    )
    assert any(line.startswith("ExecutionError: ") and "the disk is full" in line for line in lines)
    package = str(Path(__file__).parents[1] / "comfyflow")
    assert not any(package in line or "site-packages" in line for line in lines)
    assert ".traceback" in lines[-1]


def test_an_awaited_run_that_fails_is_a_few_lines() -> None:
    async def cell() -> None:
        with Simulator(NODES) as server:
            async with AsyncClient(server.url) as client:
                server.fail_next("the disk is full", class_type="SaveImage")
                await client.run(SAVE, timeout=30)

    lines = rendered(raised(lambda: asyncio.run(cell()), ExecutionError))
    assert any("await client.run(SAVE, timeout=30)" in line for line in lines)
    assert len(lines) <= 10, "\n".join(lines)
    assert not any("asyncio" in line.partition(":  ")[0] for line in lines)


def test_a_refused_prompt_shows_its_report() -> None:
    error = raised(lambda: validate_prompt(WRONG, SCHEMA).raise_for_problems(), ValidationError)
    lines = rendered(error)
    assert [*str(error).split("\n")][1:] == lines[-len(str(error).split("\n")) + 1 :]


def test_a_long_message_is_cut_in_the_middle() -> None:
    error = ComfyflowError("\n".join(f"line {number}" for number in range(500)))
    lines = rendered(error)
    assert len(lines) == 31
    assert lines[0] == "ComfyflowError: line 0"
    assert lines[-2:] == ["… 470 more lines; str(error) has all", "line 499"]


def test_what_steers_a_terminal_is_not_shown() -> None:
    assert rendered(ComfyflowError("\x1b[2Jgone")) == [r"ComfyflowError: \x1b[2Jgone"]


def test_a_cell_is_named_as_one() -> None:
    program = compile("raise ComfyflowError('wrong')", "/tmp/ipykernel_41/17.py", "exec")  # noqa: S108
    error = raised(lambda: exec(program, {"ComfyflowError": ComfyflowError}), ComfyflowError)  # noqa: S102
    assert rendered(error)[-2:] == ["this notebook, line 1 of the cell", "ComfyflowError: wrong"]


HOSTILE = "</pre></td><script>hacked()</script><img src=x onerror=hacked()>"


class Tags(HTMLParser):
    """The elements of what a notebook is given."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") for name, _ in attrs)
        self.found.append(tag)


def html(value: Any) -> str:
    found: str = value._repr_html_()
    return found


def test_a_report_is_a_table() -> None:
    wrong = {**SAVE, "77": {"class_type": HOSTILE, "inputs": {}, "_meta": {"title": HOSTILE}}}
    tags = Tags(html(validate_prompt(wrong, SCHEMA)))
    assert set(tags.found) == {"table", "tr", "th", "td"}
    assert Tags(html(validate_prompt(SAVE, SCHEMA))).found == ["pre"]


def test_a_difference_is_a_picture_with_what_is_gone() -> None:
    added = {"class_type": HOSTILE, "inputs": {"x": HOSTILE}}
    gone = {"class_type": "Gone", "inputs": {"image": ["1", 0], "other": ["8", 0]}}
    before, after = {**SAVE, "7": gone, "8": gone}, {**SAVE, "7": added}
    shown_html = html(diff(read_prompt(before), read_prompt(after)))
    assert shown_html.count('class="cf-node cf-removed"') == 2
    assert shown_html.count('class="cf-node cf-added"') == 1
    assert "#7 (removed)" in shown_html
    assert "script" not in Tags(shown_html).found


def test_files_are_shown_as_what_they_are() -> None:
    image = ImageFile(HOSTILE + ".png", data=b"PNG")
    assert Tags(html(image)).found == ["img"]
    assert "data:image/png;base64,UE5H" in html(image)
    assert Tags(html(OutputFile("a.flac", data=b"x"))).found == ["audio"]
    assert Tags(html(OutputFile("a.mp4", data=b"x"))).found == ["video"]
    for name in ("a.svg", "a.html", HOSTILE):
        assert Tags(html(OutputFile(name, data=b"<script>"))).found == ["pre"]
    assert Tags(html(OutputFile("far.png"))).found == ["pre"]
    assert "has no client" in html(OutputFile("far.png"))


def test_a_large_file_is_only_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "LARGEST_SHOWN", 3)
    assert "4 bytes, too large to show" in html(ImageFile("a.png", data=b"1234"))
    assert Tags(html(ImageFile("a.png", data=b"123"))).found == ["img"]


def test_an_output_shows_its_files_and_its_text() -> None:
    output = NodeOutput({"text": [HOSTILE]}, extra=(ImageFile("a.png", data=b"x"),) * 30)
    tags = Tags(html(output))
    assert tags.found == ["img"] * 24 + ["pre"] * 2
    assert "6 more files" in html(output)
    assert Tags(html(NodeOutput(node_id="3"))).found == ["pre"]


def test_a_result_shows_what_its_nodes_gave() -> None:
    with Simulator(NODES) as server, Client(server.url) as client:
        result = client.run(SAVE, timeout=30)
        assert "img" in Tags(html(result)).found
        assert f"#{next(iter(result.outputs))}" in html(result)


class Cell:
    """IPython as far as a progress bar asks for it: what a cell shows, each time it changes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kernel: bool) -> None:
        self.shown: list[str] = []
        self.kernel = object() if kernel else None
        ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
        vars(ipython).update(get_ipython=lambda: self, display=display)
        vars(display).update(display=self.display)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, content: dict[str, str], *, raw: bool, display_id: bool = False) -> Cell:
        assert raw
        assert display_id is not bool(self.shown), "one bar, which changes"
        self.shown.append(content["text/html"])
        return self

    update = display


def test_a_run_in_a_notebook_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(monkeypatch, kernel=True)
    told: list[RunEvent] = []
    with Simulator(NODES) as server, Client(server.url) as client:
        client.run(SAVE, timeout=30)
        assert 'value="1" max="1"></progress> success' in cell.shown[-1]
        assert any("ImageInvert" in html for html in cell.shown)
        count = len(cell.shown)
        client.run(SAVE, timeout=30, on_event=told.append)
    assert told
    assert len(cell.shown) == count


def test_a_run_in_a_shell_of_ipython_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    Cell(monkeypatch, kernel=False)
    assert notebook_progress() is None
    monkeypatch.delitem(sys.modules, "IPython")
    assert notebook_progress() is None


def test_a_bar_shows_steps_and_escapes_names(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(monkeypatch, kernel=True)
    bar = notebook_progress()
    assert bar is not None
    node = RunNode("1", HOSTILE, HOSTILE, {})
    for event in (RunQueued("p", 2), NodeProgress("p", node, 3, 20), NodeProgress("p", node, 3, 20)):
        bar(event)
    assert len(cell.shown) == 2
    assert "2 before it" in cell.shown[0]
    assert 'value="3" max="20"' in cell.shown[1]
    assert Tags(cell.shown[1]).found == ["progress"]


async def shown_awaited(url: str) -> str:
    """What a cell shows that awaits a run."""
    async with AsyncClient(url) as client:
        result = await client.run(SAVE, timeout=30)
        tasks = asyncio.all_tasks()
        found = html(result)
        assert asyncio.all_tasks() == tasks
        await client.queue()  # its own connections are as they were
        return found


def test_a_result_of_an_async_client_shows_its_pictures() -> None:
    with Simulator(NODES) as server:
        found = asyncio.run(shown_awaited(server.url))
    assert "img" in Tags(found).found
    assert not [thread for thread in threading.enumerate() if thread.name == "comfyflow-files"]


def test_outputs_and_files_of_an_async_client_are_shown_too() -> None:
    async def cell(url: str) -> tuple[str, str]:
        async with AsyncClient(url) as client:
            result = await client.run(SAVE, timeout=30)
            return html(result["9"]), html(result.files[0])

    with Simulator(NODES) as server:
        for found in asyncio.run(cell(server.url)):
            assert "img" in Tags(found).found


class Picture(BaseHTTPRequestHandler):
    """A server with one picture, which notes how it is asked."""

    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"PNG")


def test_what_is_shown_is_fetched_with_the_credentials_hooks_and_cookies_of_its_client() -> None:
    hooked: list[str] = []

    async def hook(request: httpx.Request) -> None:
        hooked.append(request.url.path)

    with web_server(Picture) as url:
        client = AsyncClient(url, bearer="secret", event_hooks={"request": [hook]})
        client._driver._http.cookies.set("session", "1", domain="127.0.0.1")
        assert "base64,UE5H" in html(ImageFile("a.png", source=client))
    assert hooked == ["/api/view"]
    assert Picture.asked[-1]["authorization"] == "Bearer secret"
    assert Picture.asked[-1]["cookie"] == "session=1"


def test_what_a_closed_async_client_gave_is_not_shown() -> None:
    async def cell(url: str) -> Any:
        async with AsyncClient(url) as client:
            return await client.run(SAVE, timeout=30)

    with Simulator(NODES) as server:
        found = html(asyncio.run(cell(server.url)))
    assert "this client is closed" in found


def test_a_server_that_does_not_answer_does_not_hold_a_notebook_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "SECONDS", 0.5)
    file = ImageFile("a.png")
    with socket.create_server(("127.0.0.1", 0)) as silent:

        async def cell() -> tuple[str, float]:
            async with AsyncClient(f"http://127.0.0.1:{silent.getsockname()[1]}") as client:
                files = [ImageFile(f"{number}.png", source=client) for number in range(9)]
                began = time.monotonic()
                return html(NodeOutput(extra=tuple(files))), time.monotonic() - began

        found, seconds = asyncio.run(cell())
    assert seconds < 3
    assert found.count("did not arrive within 0.5 s") + found.count("no answer within 0.5 s") == 9
    assert not [thread for thread in threading.enumerate() if thread.name == "comfyflow-files"]
    assert "has no client" in html(file)


def test_a_large_file_of_an_async_client_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "LARGEST_SHOWN", 30)
    with Simulator(NODES) as server:
        found = asyncio.run(shown_awaited(server.url))
    assert "it has more than 30 bytes, too many to show here" in found


def test_a_transport_of_an_async_client_is_not_used_in_another_loop() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    client = AsyncClient(transport=transport)
    assert "was given a transport" in html(ImageFile("a.png", source=client))


def test_an_error_while_a_file_is_fetched_is_raised_where_it_is_shown() -> None:
    def broken(request: Request, forward: Forward) -> Flow[Answer]:
        raise ZeroDivisionError("of the user")
        yield from forward(request)

    client = AsyncClient("http://127.0.0.1:9", middleware=[broken])
    with pytest.raises(ZeroDivisionError, match="of the user"):
        html(ImageFile("a.png", source=client))
