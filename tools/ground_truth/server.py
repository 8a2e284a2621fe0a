"""A real ComfyUI server, started from its source on this machine, that says what it thinks of prompts.

It gets its own folder with an empty file for each kind of model, and one more route, which only
validates: nothing is ever run. It listens on loopback only.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from ..real_server import RealServer

MODEL: Final = "made.safetensors"
"""The file of each kind of model."""

_NO_MODELS: Final = ("configs", "diffusers", "vae_approx")
_ROUTE: Final = """
import execution
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}


@PromptServer.instance.routes.post("/verdict")
async def verdict(request):
    valid, error, outputs, node_errors = await execution.validate_prompt("made", await request.json(), None)
    return web.json_response({
        "valid": valid,
        "error": error["type"] if error else None,
        "outputs": sorted(outputs),
        "node_errors": {
            node_id: sorted(
                [each["type"], (each.get("extra_info") or {}).get("input_name") or ""]
                for each in found["errors"]
            )
            for node_id, found in node_errors.items()
        },
    })
"""


class Server:
    """A server that answers.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def object_info(self) -> dict[str, Any]:
        """Its node classes."""
        found: dict[str, Any] = self._ask("/object_info")
        return found

    def version(self) -> str:
        """The release of ComfyUI."""
        return str(self._ask("/system_stats")["system"]["comfyui_version"])

    def verdict(self, prompt: Any) -> Any:
        """What its own validation says about a prompt.

        Returns:
            As in the file: valid, error, outputs, node_errors; or None where it fails itself.
        """
        try:
            return self._ask("/verdict", prompt)
        except URLError as error:
            if getattr(error, "code", 0) == 500:
                return None
            raise

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(self.url + path, data, headers), timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def running(source: Path, python: Path, hash_seed: int) -> Generator[Server, None, None]:
    """Start a server, and end it.

    Args:
        source: A checkout of ComfyUI.
        python: An interpreter that has what ComfyUI requires.
        hash_seed: Of the interpreter: a server goes through inputs in the order of a set.

    Raises:
        RuntimeError: It does not start.
    """
    words = [str(python), "main.py", "--cpu", "--listen", "127.0.0.1", "--port", "{port}"]
    words += ["--base-directory", "{base}", "--disable-auto-launch"]
    with tempfile.TemporaryDirectory(prefix="comfyflow-truth-") as folder:
        _fill(Path(folder), source)
        started = RealServer(words, source, Path(folder), {**os.environ, "PYTHONHASHSEED": str(hash_seed)})
        try:
            started.wait()
            yield Server(started.url)
        finally:
            started.end()


def _fill(base: Path, source: Path) -> None:
    shutil.copytree(source / "models", base / "models")
    shutil.copytree(source / "input", base / "input")
    shutil.copytree(source / "custom_nodes", base / "custom_nodes")
    (base / "custom_nodes" / "verdict_route.py").write_text(_ROUTE, encoding="utf-8")
    for kind in (base / "models").iterdir():
        if kind.is_dir() and kind.name not in _NO_MODELS:
            (kind / MODEL).touch()
