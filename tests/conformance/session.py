"""A client without comfyflow: plain HTTP and WebSocket."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PATIENCE = 120.0
"""Seconds: a real server on a busy machine takes some for a chain of nodes."""
Prompt = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A message of the socket, or a binary frame (`type` is ``frame N``)."""

    type: str
    data: Any

    @classmethod
    def read(cls, raw: str | bytes) -> Message:
        if isinstance(raw, bytes):
            return cls(f"frame {int.from_bytes(raw[:4], 'big')}", raw[4:])
        said = json.loads(raw)
        return cls(said["type"], said["data"])

    @property
    def is_of_pack(self) -> bool:
        """Whether a pack sends it, to everybody and at any time: these name theirs with a dot."""
        return "." in self.type

    @property
    def is_end(self) -> bool:
        return self.type == "executing" and self.data["node"] is None


@dataclass
class Run:
    """A prompt and all that was heard until it ended."""

    prompt_id: str
    messages: list[Message]
    entry: dict[str, Any]

    @property
    def types(self) -> list[str]:
        return [message.type for message in self.messages]

    @property
    def run_types(self) -> list[str]:
        """Without ``status``, whose place is a race with HTTP."""
        return [kind for kind in self.types if kind != "status"]

    def of(self, kind: str) -> list[Any]:
        return [message.data for message in self.messages if message.type == kind]

    @property
    def outputs(self) -> dict[str, Any]:
        return self.entry["outputs"]


@dataclass
class Session:
    """One client: a socket under its id."""

    server: Server
    socket: ClientConnection
    client_id: str
    greeting: Message

    def next(self, timeout: float = PATIENCE) -> Message:
        while (message := Message.read(self.socket.recv(timeout))).is_of_pack:
            pass
        return message

    def until(self, ended: Callable[[Message], bool]) -> list[Message]:
        heard: list[Message] = []
        while not heard or not ended(heard[-1]):
            heard.append(self.next())
        return heard

    def rest(self, silence: float = 0.3) -> list[Message]:
        """What comes until nothing has come for a while."""
        heard: list[Message] = []
        with contextlib.suppress(TimeoutError):
            while True:
                heard.append(self.next(silence))
        return heard

    def send(self, text: str) -> None:
        self.socket.send(text)

    def say_flags(self, **flags: bool) -> Any:
        self.send(json.dumps({"type": "feature_flags", "data": flags}))
        return self.until(lambda message: message.type == "feature_flags")[-1].data

    def run(self, prompt: Prompt, **body: Any) -> Run:
        prompt_id = self.server.submit(prompt, client_id=self.client_id, **body)
        heard = self.until(lambda message: message.is_end and message.data["prompt_id"] == prompt_id)
        return Run(prompt_id, heard, self.server.entry(prompt_id))


@dataclass
class Server:
    """A server under test."""

    url: str
    http: httpx.Client
    checkpoint: str | None = None
    version: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        said = self.http.get("/system_stats").json()["system"]["comfyui_version"]
        self.version = tuple(int(part) for part in said.split(".")[:3])

    @property
    def is_new(self) -> bool:
        """Whether it is 0.27 or later rather than 0.3.64."""
        return self.since(0, 27)

    def since(self, *version: int) -> bool:
        """Whether it is of that version or a later one."""
        return self.version >= version

    @contextlib.contextmanager
    def session(self, client_id: str | None = None, path: str = "/ws") -> Iterator[Session]:
        client_id = client_id or uuid.uuid4().hex
        address = self.url.replace("http", "ws", 1) + f"{path}?clientId={client_id}"
        with connect(address, max_size=None, max_queue=None) as socket:
            yield Session(self, socket, client_id, Message.read(socket.recv(PATIENCE)))

    def post_prompt(self, prompt: Any, **body: Any) -> httpx.Response:
        return self.http.post("/prompt", json={"prompt": prompt, **body})

    def submit(self, prompt: Prompt, **body: Any) -> str:
        answer = self.post_prompt(prompt, **body)
        assert answer.status_code == 200, answer.text
        prompt_id: str = answer.json()["prompt_id"]
        return prompt_id

    def entry(self, prompt_id: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The history of a prompt; waits for it."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            answer = self.http.get(f"/history/{prompt_id}").json()
            if answer:
                return answer[prompt_id]
            time.sleep(0.01)
        raise AssertionError(f"{prompt_id} is not in the history")

    def wait_until_idle(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.http.get("/prompt").json()["exec_info"]["queue_remaining"] == 0:
                return
            time.sleep(0.01)
        raise AssertionError("the queue never became empty")

    def wait_until_running(self, prompt_id: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if any(item[1] == prompt_id for item in self.queue()["queue_running"]):
                return
            time.sleep(0.005)
        raise AssertionError(f"{prompt_id} never ran")

    def queue(self) -> dict[str, list[Any]]:
        return self.http.get("/queue").json()
