"""A recorded session with a real server, had again with another one."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets
from PIL import Image

from tests.parity.shape import (
    UUID,
    first_difference,
    message_shape,
    remaining,
    shape_differences,
    shape_of,
    without_status,
)

_OPENED = re.compile(r"ws (\w+) opened with clientId=(?:None|'([^']*)')")
_CLOSING = re.compile(r"ws (\w+) closing")
_SENT = re.compile(r"ws (\w+) SEND (.*)", re.DOTALL)
_FILE = re.compile(r"\.(png|webp|flac|txt|latent)$")
PATIENCE = 4.0
MOST_WORK = 60.0
"""How long a slow node waits for a session at most, in seconds."""
PAUSE = 0.1
TLS = httpx.create_ssl_context()
"""Of no use here; making it anew for each client takes longer than most sessions."""
BEATS = 10
"""How often a session must have looked in vain for a message before a slow node ends."""
RAW_LIMIT = 300
"""Where the recorder cut what it sent."""


class Turns:
    """Whose turn it is, the session's or a slow node's.

    In the recording a request came while a node worked. Here the node works on until the session
    has made its requests and waits for what comes after the node, so that they come into the same
    node again, however busy the machine is.

    Args:
        paced: Whether the recording is about time. Then a node takes its time, by a clock that goes on only
            while the session waits: a session that is late finds the node where the recorder found it.
    """

    def __init__(self, *, paced: bool = False) -> None:
        self.paced = paced
        self.clock = 0.0
        self.beats = 0
        self.node_works = False
        self.over = False

    def beat(self) -> None:
        """The session waits for a message."""
        self.beats += 1
        self.clock += 0.005

    def session_acts(self) -> None:
        """The session has heard something, or asks for something."""
        self.beats = 0

    async def before_interrupt(self, *, slow: bool) -> None:
        """Wait until a slow node is in its work: before that, the interrupt would be for it.

        Args:
            slow: Whether what was heard of last is such a node.
        """
        for _ in range(int(PATIENCE / 0.005) if slow else 8):
            if self.node_works:
                return
            await asyncio.sleep(0.005)

    def work(self, seconds: float) -> None:
        """What a slow node does, in the worker's thread."""
        until = time.monotonic() + MOST_WORK
        end = self.clock + seconds
        self.beats = 0  # those before were for what this node's start has told since
        self.node_works = True
        if not self.paced:
            time.sleep(seconds)
        while (self.clock < end if self.paced else self.beats < BEATS) and not self.over:
            if time.monotonic() > until:
                break
            time.sleep(0.002)
        self.node_works = False

    async def pause(self, until: float, idle: Callable[[], bool]) -> None:
        """Let the clock go on, and the server do what it can do until then.

        Args:
            until: The time.
            idle: Whether the server has nothing to run.
        """
        while True:
            for _ in range(int(PATIENCE / 0.002)):
                if self.node_works or idle():
                    break
                await asyncio.sleep(0.002)
            if self.clock >= until:
                return
            await asyncio.sleep(0.01)
            self.clock += 0.01


@dataclass
class Listener:
    """One WebSocket and what came through it."""

    socket: Any
    expected: list[dict[str, Any]]
    turns: Turns
    got: list[Any] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    closed: bool = False
    patience: float = PATIENCE

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                self.turns.session_acts()
                self.got.append(json.loads(message) if isinstance(message, str) else message)
        except websockets.ConnectionClosed:
            pass

    async def wait_for(self, count: int) -> None:
        for _ in range(int(self.patience / 0.005)):
            if len(self.got) >= count or (self.task is not None and self.task.done()):
                self.turns.session_acts()
                return
            await asyncio.sleep(0.005)
            await self._round_trip()
            self.turns.beat()
        self.patience = 0.1  # it will not catch up any more

    async def _round_trip(self) -> None:
        """Have the server answer: what it sent before is here then, however busy the machine is."""
        with contextlib.suppress(websockets.ConnectionClosed, TimeoutError, asyncio.TimeoutError):
            answer = await self.socket.ping()
            await asyncio.wait_for(answer, 1)

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.socket.close()
            if self.task is not None:
                await self.task


@dataclass(frozen=True)
class Difference:
    """Where the replay was not like the recording."""

    scenario: str
    what: str
    recorded: str
    got: str

    def __str__(self) -> str:
        return f"{self.scenario}: {self.what}: recorded {self.recorded}, got {self.got}"


@dataclass
class Replay:
    """A scenario against a server.

    Attributes:
        turns: When a slow node may end.
        before_prompt: Told, before a prompt is sent, in which order the real server ran its outputs.
        paced: Whether to wait where the recorder waited.
        compared: How many things were compared.
        differences: Which of them differ.
        idle: Whether the server has nothing to run.
        slow_class: The class whose nodes are slow there.
        races: How many sockets heard the same run, with `status` at other places between.
    """

    path: Path
    url: str
    paced: bool = False
    compared: int = 0
    races: int = 0
    differences: list[Difference] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    before_prompt: Callable[[list[str] | None], None] | None = None
    listeners: dict[str, Listener] = field(default_factory=dict)
    idle: Callable[[], bool] | None = None
    turns: Turns = field(init=False)
    client_id: str = ""
    slow_class: str = "ImageBlur"
    _prompt: dict[str, Any] = field(default_factory=dict)
    _at: float = 0.0
    _recorded_at: float = 0.0

    def __post_init__(self) -> None:
        self.turns = Turns(paced=self.paced)

    @property
    def scenario(self) -> str:
        return self.path.stem

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        finally:
            self.turns.over = True

    async def _run(self) -> None:
        self.steps = json.loads(self.path.read_text(encoding="utf-8"))["steps"]
        self.outputs = dict(_output_orders(self.steps))
        limits = httpx.Limits(max_connections=4)
        async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=30, verify=TLS) as http:
            try:
                for step in sorted(self.steps, key=lambda step: step.get("t_sent", step["t"])):
                    await self._step(http, step)
                for name in list(self.listeners):
                    await self._finish(name)
            finally:
                for listener in self.listeners.values():
                    await listener.close()

    async def _step(self, http: httpx.AsyncClient, step: dict[str, Any]) -> None:
        if step["kind"] in ("http", "note"):
            await self._keep_pace(step.get("t_sent", step["t"]))
        if step["kind"] == "http" and "status" in step:
            await self._catch_up(step["t_sent"])
            await self._exchange(http, step)
        elif step["kind"] == "note":
            await self._note(http, step)

    async def _keep_pace(self, at: float) -> None:
        """Wait where the recorder waited, if the scenario is about time."""
        if self.paced:
            waited = at - self._recorded_at
            await self.turns.pause(self._at + waited if waited > PAUSE else 0.0, self.idle or (lambda: True))
        self._at, self._recorded_at = self.turns.clock, at

    async def _note(self, http: httpx.AsyncClient, step: dict[str, Any]) -> None:
        if match := _OPENED.match(step["text"]):
            await self._open(http, match[1], match[2], step["t"])
        elif match := _CLOSING.match(step["text"]):
            if match[1] in self.listeners:
                await self._catch_up(step["t"])
                await self._finish(match[1])
        elif (match := _SENT.match(step["text"])) and match[1] in self.listeners:
            await self._catch_up(step["t"])
            await self.listeners[match[1]].socket.send(match[2])

    async def _open(self, http: httpx.AsyncClient, name: str, client_id: str | None, at: float) -> None:
        await self._catch_up(at)
        end = next((step["t"] for step in self.steps if _closes(step, name) and step["t"] > at), math.inf)
        expected = [step for step in self.steps if step.get("conn") == name and at <= step["t"] <= end]
        await self._wait_for_queue(http, expected)
        address = self.url.replace("http", "ws", 1) + "/ws"
        self.client_id = client_id or self.client_id
        if client_id is not None:
            address += f"?clientId={client_id}"
        socket = await websockets.connect(address, max_size=None)
        listener = self.listeners[name] = Listener(socket, expected, self.turns)
        listener.task = asyncio.create_task(listener.listen())

    async def _wait_for_queue(self, http: httpx.AsyncClient, expected: list[dict[str, Any]]) -> None:
        """Wait until as many prompts are left as a new socket was greeted with.

        What a prompt without a client still sends goes to everybody, so to a socket that comes too early.
        """
        greetings = (remaining(step.get("data")) for step in expected[:1])
        if (left := next(greetings, None)) is None:
            return
        for _ in range(int(PATIENCE / 0.005)):
            if (await http.get("/prompt")).json()["exec_info"]["queue_remaining"] == left:
                return
            self.turns.beat()
            await asyncio.sleep(0.005)

    async def _catch_up(self, at: float) -> None:
        """Wait until everybody has heard as much as was heard by then."""
        for listener in self.listeners.values():
            if not listener.closed:
                await listener.wait_for(sum(step["t"] < at for step in listener.expected))
                self._learn(listener)

    def _learn(self, listener: Listener) -> None:
        for step, got in zip(listener.expected, listener.got, strict=False):
            if step["kind"] == "ws_text" and isinstance(got, dict):
                self._match(step["data"], got)

    async def _finish(self, name: str) -> None:
        listener = self.listeners.pop(name)
        await listener.wait_for(len(listener.expected))
        await asyncio.sleep(0.03)
        await listener.close()
        self._learn(listener)
        if len(listener.expected) == 1 < len(listener.got):
            return  # the recorder kept only the greeting
        recorded = [message_shape(step) for step in listener.expected]
        got = [shape_of(message) for message in listener.got]
        self._compare(f"messages to {name}", recorded, got)

    def _compare(self, what: str, recorded: list[str], got: list[str]) -> None:
        self.compared += len(recorded)
        if recorded == got:
            return
        run, our_run = without_status(recorded), without_status(got)
        if run == our_run and len(recorded) == len(got):
            # Statuses come from requests, the rest from the worker: which is first is a race.
            self.races += 1
            return
        self._differ(what, *first_difference(run, our_run))

    def _differ(self, what: str, recorded: object, got: object) -> None:
        self.differences.append(Difference(self.scenario, what, str(recorded)[:300], str(got)[:300]))

    async def _exchange(self, http: httpx.AsyncClient, step: dict[str, Any]) -> None:
        request = self._request(step)
        method, path = step["method"], self._renamed(step["path"])
        if path.endswith("/prompt") and method == "POST" and self.before_prompt is not None:
            self.before_prompt(self.outputs.get((step.get("json") or {}).get("prompt_id")))
        if path.endswith("/interrupt"):
            await self.turns.before_interrupt(slow=not self.paced and self._slow_node_runs())
        if isinstance(body := step.get("json_body"), dict) and isinstance(body.get("prompt"), dict):
            self._prompt = body["prompt"]
        answer = await http.request(method, path, params=self._renamed(step.get("params")), **request)
        label = f"{method} {re.sub(UUID, 'ID', step['path'])} {step.get('label', '')}".strip()
        self.compared += 1
        if answer.status_code != step["status"]:
            self._differ(
                f"status of {label}",
                f"{step['status']} {step.get('json')}",
                f"{answer.status_code} {answer.text}",
            )
            return
        if "etag" in step["headers"]:
            self.names[step["headers"]["etag"].strip('"')] = answer.headers.get("etag", "").strip('"')
        kind, expected = answer.headers.get("content-type"), step["headers"].get("content-type")
        if expected is not None and kind != expected and "octet" not in expected:
            self._differ(f"content type of {label}", expected, kind)
        if "json" in step and "json" in (kind or ""):
            got, wanted = answer.json(), step["json"]
            self.compared += 1
            if (step.get("params") or {}).get("sort_by") == "execution_duration":
                lasted = [each["execution_end_time"] - each["execution_start_time"] for each in got["jobs"]]
                if len(lasted) != len(wanted["jobs"]) or lasted != sorted(lasted):
                    self._differ(f"durations of {label}", wanted["jobs"], got["jobs"])
                # Which jobs are the shortest is each server's own affair.
                wanted, got = {**wanted, "jobs": []}, {**got, "jobs": []}
            self._match(wanted, got)
            for place, recorded, found in shape_differences(wanted, got):
                self._differ(f"keys of {label}{place}", recorded, found)

    def _slow_node_runs(self) -> bool:
        """Whether the last node that somebody heard of is a slow one of the last prompt."""
        heard = [
            message["data"]["node"]
            for listener in self.listeners.values()
            for message in listener.got
            if isinstance(message, dict) and message["type"] == "executing"
        ]
        node = self._prompt.get(heard[-1], {}) if heard else {}
        return bool(node.get("class_type") == self.slow_class)

    def _request(self, step: dict[str, Any]) -> dict[str, Any]:
        here = self.url.split("//", 1)[1]
        headers = {
            key: re.sub(r"127\.0\.0\.1:\d+", here, self._renamed(value))
            for key, value in step.get("request_headers", {}).items()
        }
        if "form" in step:
            form = _form(step["form"])
            return {**form, "headers": {**headers, **form.get("headers", {})}}
        if "json_body" in step:
            body = json.dumps(self._renamed(step["json_body"])).encode()
            return {"content": body, "headers": {"content-type": "application/json", **headers}}
        if "raw_body" in step:
            raw = (
                step["raw_body"].encode("latin-1")
                if step.get("label") == "latin1"
                else _raw(step["raw_body"], self.client_id)
            )
            return {"content": raw, "headers": headers}
        return {"headers": headers}

    def _renamed(self, value: Any) -> Any:
        text = json.dumps(value)
        for old, new in self.names.items():
            text = text.replace(old, new)
        return json.loads(text)

    def _match(self, recorded: Any, got: Any) -> None:
        """Learn which of our ids and files stand for which recorded ones."""
        if isinstance(recorded, dict) and isinstance(got, dict):
            for key in recorded.keys() & got.keys():
                self._match(recorded[key], got[key])
        elif isinstance(recorded, list) and isinstance(got, list):
            for one, other in zip(recorded, got, strict=False):
                self._match(one, other)
        elif isinstance(recorded, str) and isinstance(got, str) and recorded != got:
            self._learn_name(recorded, got)

    def _learn_name(self, recorded: str, got: str) -> None:
        if UUID.fullmatch(recorded) or _FILE.search(recorded):
            self.names.setdefault(recorded, got)


def _output_orders(steps: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Prompt id to the order in which its outputs were run."""
    for step in steps:
        answer = step.get("json")
        for prompt_id, entry in answer.items() if isinstance(answer, dict) else ():
            prompt = entry.get("prompt") if isinstance(entry, dict) else None
            if isinstance(prompt, list) and len(prompt) == 5 and isinstance(prompt[4], list):
                yield prompt_id, prompt[4]


def _form(form: dict[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in form.items() if isinstance(value, str)}
    files = {
        key: (value["filename"], _content(value), value["content_type"])
        for key, value in form.items()
        if isinstance(value, dict)
    }
    if any(not name for name, _, _ in files.values()):
        # httpx sends no empty file name; written out by hand.
        _, content, kind = next(iter(files.values()))
        body = (
            b'--b\r\nContent-Disposition: form-data; name="image"; filename=""\r\n'
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n"
        )
        return {"content": body, "headers": {"content-type": "multipart/form-data; boundary=b"}}
    return {"data": data, "files": files} if files else {"data": data}


def _content(file: dict[str, Any]) -> bytes:
    if not file["len"]:
        return b""
    if file["len"] > 10**7:
        return bytes(file["len"])
    digest = hashlib.sha256(file["sha256"].encode()).digest()
    if file["content_type"] != "image/png":
        return digest[: file["len"]]
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), tuple(digest[:4])).save(buffer, format="PNG")
    return buffer.getvalue()


def _raw(body: str, client_id: str) -> bytes:
    if match := re.fullmatch(r"<(\d+) bytes>", body):
        return bytes(int(match[1]))
    if match := re.fullmatch(r"<PreviewAny with a constant nested (\d+) (\w+) deep>", body):
        depth = int(match[1])
        opening, closing = ("[", "]") if match[2] == "lists" else ('{"a":', "}")
        nested = opening * depth + "1" + closing * depth
        prompt = f'{{"1":{{"class_type":"PreviewAny","inputs":{{"source":{{"a":{nested}}}}}}}}}'
        return f'{{"prompt":{prompt},"client_id":"{client_id}"}}'.encode()
    if len(body) == RAW_LIMIT:
        body += _rest_of(body, client_id)
    return body.encode("utf-8", "surrogatepass")


def _rest_of(body: str, client_id: str) -> str:
    """What the recorder cut off."""
    if body.endswith('"clien'):
        return f't_id": "{client_id}"}}'
    if body.endswith("x"):
        return "x" * 10**6 + f'"}}}}}}, "client_id": "{client_id}"}}'
    return body[-1] * 10**5


def _closes(step: dict[str, Any], name: str) -> bool:
    return step["kind"] == "note" and step["text"].startswith(f"ws {name} reader ended")
