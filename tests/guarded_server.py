"""A server of a few nodes that wants a password and a token, and notes what it is asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.test_schema import V1_NODE
from tests.web_server import web_server

SAVE = {**V1_NODE, "name": "Save", "output_node": True, "input": {"required": {}}, "output": []}
NODES = {"Old": {**V1_NODE, "input": {"required": {"size": ["INT", {"default": 8}]}}}, "Save": SAVE}


@dataclass
class Guarded:
    """What it wants, and what came.

    Attributes:
        port: Where it listens.
        wanted: The query and the headers without which it answers 401.
        posted: What was sent: path and JSON.
        seen: Each request: path, query, headers in small letters.
    """

    port: int = 0
    wanted_query: dict[str, str] = field(default_factory=dict)
    wanted_headers: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    seen: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@contextmanager
def guarded(**wanted: object) -> Iterator[Guarded]:
    state = Guarded(**wanted)  # type: ignore[arg-type]

    class Guard(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.seen.append((parts.path, query, headers))
            right = state.wanted_query.items() <= query.items()
            status, body = 200, self._body(parts.path)
            if not right or not state.wanted_headers.items() <= headers.items():
                status, body = 401, b"who are you?"
            elif not body:
                status, body = 404, b"no such thing"
            self.send_response(status)
            if status == 401 and state.challenge:
                self.send_header("WWW-Authenticate", state.challenge)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            state.posted.append((urlsplit(self.path).path, sent))
            body = json.dumps({"prompt_id": sent.get("prompt_id"), "number": 1, "node_errors": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self, path: str) -> bytes:
            answers: dict[str, object] = {
                "/api/object_info": NODES,
                "/api/system_stats": {"system": {"comfyui_version": "0.27.0"}, "devices": []},
                "/api/queue": {"queue_running": [], "queue_pending": []},
                "/api/history": {},
                "/api/models": ["checkpoints"],
                "/api/prompt": {"exec_info": {"queue_remaining": 0}},
            }
            if path.startswith("/api/history/"):
                return b"{}"
            return json.dumps(answers[path]).encode() if path in answers else b""

    with web_server(Guard) as url:
        state.port = urlsplit(url).port or 0
        yield state
