"""A server in a separate process that answers GET /object_info, for peers that ask one, and for us.

``/sent`` says how many bytes it has sent since it was asked that before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote


@contextmanager
def serving_object_info(path: Path) -> Iterator[str]:
    """The URL of a loopback server with the nodes of a schema file, while the block runs."""
    command = [sys.executable, __file__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def serve(path: Path) -> None:
    """Answer until the process is ended."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    # The reference schema has no prose; peers take for granted that each node has some.
    nodes = {name: {"description": "", **node} for name, node in schema.get("nodes", schema).items()}
    stats = {"system": {"comfyui_version": schema.get("comfyui_version", "0.33.0")}, "devices": []}
    pages = {
        "/object_info": json.dumps(nodes).encode(),
        "/embeddings": b"[]",
        "/system_stats": json.dumps(stats).encode(),
    }
    sent: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.replace("//", "/").removeprefix("/api")
            body = pages.get(path)
            if path.startswith("/object_info/"):
                name = unquote(path.removeprefix("/object_info/"))
                body = json.dumps({name: nodes[name]} if name in nodes else {}).encode()
                sent.append(len(body))
            elif path == "/sent":
                body = str(sum(sent)).encode()
                sent.clear()
            else:
                sent.append(len(body or b""))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
