"""A real ComfyUI server that is started on this machine, from its source."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from tests.dask_fault_run import Process, free_port

_STARTS: Final = 1200.0
"""Seconds that a server may take to start."""

_ENDS: Final = 60.0
"""Seconds that a server may take to end."""


class RealServer(Process):
    """A server that a command starts; it listens on loopback.

    Args:
        command: Its words, with ``{port}`` and ``{base}``.
        folder: Where it is started.
        base: Its own folder, which exists; its log is written there.
        environment: Its variables; by default those of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        base: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        port = free_port()
        self.url: Final = f"http://127.0.0.1:{port}"
        self.base: Final = base
        self._log: Final = base / "server.log"
        self._folder: Final = folder
        self._environment: Final = environment
        super().__init__([word.replace("{port}", str(port)).replace("{base}", str(base)) for word in command])

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._words, cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        self._process.terminate()
        self._process.wait(_ENDS)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: It does not.
        """
        end = time.monotonic() + _STARTS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                log = self._log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{self.url} does not start:\n{log[-3000:]}")
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/system_stats", timeout=10).is_success
        except httpx.HTTPError:
            return False
