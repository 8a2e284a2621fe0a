"""Starting a real server: here one that only answers, or that does not start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

from tools.real_server import RealServer

ANSWERS = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = os.environ.get("WORD", "").encode()
        self.send_response(200 if self.path == "/system_stats" else 404)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_server_answers_once_it_was_waited_for_also_after_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ANSWERS, "{port}", "{base}"]
    server = RealServer(command, tmp_path, tmp_path, {**os.environ, "WORD": "here"})
    try:
        server.wait()
        server.restart()
        server.wait()
        assert httpx.get(f"{server.url}/system_stats").text == "here"
    finally:
        server.end()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/system_stats")


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = RealServer([sys.executable, "-c", "raise SystemExit('no {base}')"], tmp_path, tmp_path)
    try:
        with pytest.raises(RuntimeError, match=f"does not start:\nno {tmp_path}"):
            server.wait()
    finally:
        server.end()
