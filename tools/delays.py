"""A pytest plugin that finds tests that race: ``pytest -p tools.delays tests/test_….py``, without xdist.

A thread that has just sent something sleeps now and then, as a busy machine makes it wait. The receiver then
continues before the sender has done what follows. A test that fails only with this plugin does not wait for
what it looks at, or the product does not.

``COMFYFLOW_DELAYS_SEED`` chooses other moments. The same seed need not give the same run, because
threads draw in the order in which they arrive.
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
