"""A server's queue, history and socket as a model: no network, virtual time, faults by schedule."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from comfyflow.client.flow import Answer, Request
from comfyflow.client.message import parse_text
from comfyflow.client_options import Limits
from comfyflow.errors import ServerUnreachable
from tests.flows import World, answer

Fault = Literal["", "refused", "lost", "unanswered", "late", "error", "queued error", "busy", "cut"]
"""What happens to a request: the connection is refused; the request is lost; it is done, but not
answered; it is done half a second later, and not answered; it gives 500 and is not done; it gives
500 and is done; something in between says 503; the answer is cut short.
"""

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8}, "_meta": {"title": "a"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "SaveImage"}},
}
SUMMARY = {
    "has_errors": True,
    "execution_error_count": 1,
    "failed_node_ids": ["3"],
    "blocked_node_ids": ["4"],
    "blocked_output_node_ids": ["4"],
    "successful_output_node_ids": ["9"],
    "completion_status": "partial_success",
}
NODE_ERROR = {
    "node_id": "3",
    "display_node_id": "3",
    "node_type": "Broken",
    "exception_type": "ValueError",
    "exception_message": "no\n",
    "traceback": ["a line"],
    "current_inputs": {},
}
OUTPUT = {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}


@dataclass
class Job:
    """A prompt on the server."""

    prompt_id: str
    prompt: Mapping[str, Any]
    ending: str = "success"


@dataclass
class ModelServer:
    """What a server does with prompts.

    Attributes:
        seconds: How long a prompt runs.
        history_lag: How long after its last event a prompt comes into the history.
        faults: One a request, in order; then none.
        dropped: Whether the message of each number is lost on its way.
        connected: Whether the socket is there.
    """

    seconds: float = 1.0
    history_lag: float = 0.0
    faults: Iterable[Fault] = ()
    dropped: Callable[[int], bool] = lambda _: False
    connected: bool = True
    endings: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None

    def __post_init__(self) -> None:
        self.world = World(self.respond, self.limits)
        self.hub = self.world.core.hub
        self.pending: list[Job] = []
        self.running: Job | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.runs: Counter[str] = Counter()
        self.posts = 0
        self.numbers: list[Any] = []
        self.life = 0
        self._faults: Iterator[Fault] = iter(self.faults)
        self._messages = 0
        if self.connected:
            self.hub.opened()
        else:
            self.hub.broken("blocked")

    # HTTP

    def respond(self, request: Request) -> Answer:
        fault = next(self._faults, "")
        if fault == "refused":
            raise ServerUnreachable("refused", unsent=True)
        if fault == "lost":
            raise ServerUnreachable("reset")
        if fault == "late":
            self.world.at(self.world.now + 0.5, lambda: self._do(request))
            raise ServerUnreachable("timed out")
        if fault == "error":
            return answer(b"500 Internal Server Error", 500)
        if fault == "busy":
            return answer(b"busy", 503)
        done = self._do(request)
        if fault in ("unanswered", "cut"):
            raise ServerUnreachable("reset")
        return answer(b"500 Internal Server Error", 500) if fault == "queued error" else done

    def _do(self, request: Request) -> Answer:
        body: Any = json.loads(request.content) if request.content else {}
        if (request.method, request.path) == ("POST", "/api/prompt"):
            return self._post(body)
        if (request.method, request.path) == ("GET", "/api/queue"):
            running = [self._item(self.running)] if self.running is not None else []
            return answer(
                {"queue_running": running, "queue_pending": [self._item(job) for job in self.pending]}
            )
        if (request.method, request.path) == ("POST", "/api/queue"):
            for prompt_id in body.get("delete", ()):
                self.delete(prompt_id)
            return answer(b"")
        if (request.method, request.path) == ("POST", "/api/interrupt"):
            if self.running is not None and self.running.prompt_id == body.get("prompt_id"):
                self.running.ending = "interrupted"
                self._end(self.running, self.life)
            return answer(b"")
        if request.method == "GET" and request.path.startswith("/api/history/"):
            prompt_id = unquote(request.path.rpartition("/")[2])
            entry = self.history.get(prompt_id)
            return answer({prompt_id: entry} if entry is not None else {})
        raise AssertionError(request)

    def _post(self, body: dict[str, Any]) -> Answer:
        self.posts += 1
        self.numbers.append(body.get("number"))
        self.enqueue(body["prompt_id"], body["prompt"])
        return answer({"prompt_id": body["prompt_id"], "number": self.posts, "node_errors": {}})

    def _item(self, job: Job) -> list[Any]:
        return [1, job.prompt_id, job.prompt, {}, ["9"]]

    # Execution

    def enqueue(self, prompt_id: str, prompt: Mapping[str, Any] = PROMPT) -> None:
        self.pending.append(Job(prompt_id, prompt, self.endings.get(prompt_id, "success")))
        self._next()

    def delete(self, prompt_id: str) -> None:
        for job in self.pending:
            if job.prompt_id == prompt_id:
                self.pending.remove(job)
                return

    def restart(self) -> None:
        """All that is not on disk is gone."""
        self.life += 1
        self.pending.clear()
        self.running = None
        self.history.clear()
        if self.hub.connected:
            self.hub.broken("restart")
            self.world.at(self.world.now + 0.3, self.hub.opened)

    def _next(self) -> None:
        if self.running is None and self.pending:
            job = self.running = self.pending.pop(0)
            self.runs[job.prompt_id] += 1
            life = self.life
            self._say("execution_start", prompt_id=job.prompt_id, timestamp=1)
            self._say("execution_cached", prompt_id=job.prompt_id, nodes=[], timestamp=1)
            self._say("executing", prompt_id=job.prompt_id, node="9", display_node="9")
            self.world.at(self.world.now + self.seconds, lambda: self._end(job, life))

    def _end(self, job: Job, life: int) -> None:
        if life != self.life or self.running is not job:
            return
        about: dict[str, Any] = {"prompt_id": job.prompt_id, "timestamp": 2}
        before: list[Any] = []
        if job.ending == "partial_success":
            before = [["execution_node_error", {**about, **NODE_ERROR}]]
            self._say("execution_node_error", **before[0][1])
            about |= SUMMARY
        if job.ending in ("success", "partial_success"):
            self._say("executed", prompt_id=job.prompt_id, node="9", display_node="9", output=OUTPUT)
            name = "execution_success"
        elif job.ending == "interrupted":
            name, about = "execution_interrupted", {**about, "node_id": "9", "node_type": "SaveImage"}
        else:
            kind = {"exception_type": "ValueError", "exception_message": "no", "traceback": []}
            name, about = "execution_error", {**about, "node_id": "9", "node_type": "SaveImage", **kind}
        self._say(name, **about)
        good = job.ending in ("success", "partial_success")
        entry = {
            "prompt": self._item(job),
            "outputs": {"9": OUTPUT} if good else {},
            "status": {
                "status_str": "success" if good else "error",
                "completed": good,
                "messages": [*before, [name, about]],
            },
            "meta": {},
        }
        if self.history_lag:
            self.world.at(self.world.now + self.history_lag, lambda: self._record(job, entry, life))
        else:
            self._record(job, entry, life)

    def _record(self, job: Job, entry: dict[str, Any], life: int) -> None:
        """A prompt leaves the queue and comes into the history at once, as on real servers."""
        if life == self.life:
            self.running = None
            self.history[job.prompt_id] = entry
            self._say("executing", prompt_id=job.prompt_id, node=None)
            self._next()

    def _say(self, kind: str, **data: Any) -> None:
        self._messages += 1
        if self.hub.connected and not self.dropped(self._messages):
            self.hub.dispatch(parse_text(json.dumps({"type": kind, "data": data})))
