"""A pytest plugin that finds tests that race: ``pytest -p tools.delays tests/test_….py``, without xdist.

A thread that has just sent something is made to wait now and then, as a busy machine makes it wait:
whoever has the answer goes on before the sender has done what comes after it. A test that fails with this
plugin and not without it looks at once at what it must wait for, or the product does.

``COMFYFLOW_DELAYS_SEED`` chooses other moments. The same seed need not give the same run, since threads
draw in the order in which they come.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

OFTEN = 0.3
"""Which part of the calls is followed by a wait."""
LONGEST = 0.03
"""Seconds of the longest wait."""

_drawn = random.Random(os.environ.get("COMFYFLOW_DELAYS_SEED", "1"))


def _late(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, after which a thread that is not the main one sleeps now and then."""

    def late(*args: Any, **options: Any) -> Any:
        answer = call(*args, **options)
        if threading.current_thread() is not threading.main_thread() and _drawn.random() < OFTEN:
            time.sleep(_drawn.random() * LONGEST)
        return answer

    return late


def pytest_configure() -> None:
    for name in ("send", "sendall", "sendmsg", "shutdown"):
        if hasattr(socket.socket, name):
            setattr(socket.socket, name, _late(getattr(socket.socket, name)))
    threading.Thread.run = _late(threading.Thread.run)  # type: ignore[method-assign]
