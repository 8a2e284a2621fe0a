"""A progress bar in the cell of a notebook, while the cell waits for a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any, Final

from .run_event import (
    NodeProgress,
    NodesCached,
    NodeStarted,
    RunDone,
    RunEvent,
    RunQueued,
    RunStarted,
    ServerAway,
    ServerBack,
)

_BAR: Final = '<progress value="{value:g}" max="{maximum:g}"></progress> {words}'
_WAITING: Final = "<progress></progress> {words}"


class NotebookProgress:
    """Shows a run's progress in place; use it as ``on_event``.

    Args:
        display: IPython's ``display``.
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None
        self._shown = ""

    def __call__(self, event: RunEvent) -> None:
        """Show an event."""
        html = _html(event)
        if html is None or html == self._shown:
            return
        self._shown = html
        content = {"text/html": html, "text/plain": "a run"}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def notebook_progress() -> NotebookProgress | None:
    """The display for a run in the cell that waits for it; None outside notebooks."""
    interactive = sys.modules.get("IPython")
    ask = getattr(interactive, "get_ipython", None)
    if ask is None or getattr(ask(), "kernel", None) is None:
        return None
    return NotebookProgress(import_module("IPython.display").display)


def _html(event: RunEvent) -> str | None:
    if isinstance(event, RunQueued):
        return _WAITING.format(words=f"in the queue, {event.ahead} before it")
    if isinstance(event, RunStarted):
        return _WAITING.format(words="running")
    if isinstance(event, NodesCached) and event.nodes:
        return _WAITING.format(words=f"{len(event.nodes)} nodes are cached")
    if isinstance(event, NodeStarted):
        return _WAITING.format(words=escape(str(event.node)))
    if isinstance(event, NodeProgress):
        words = f"{escape(str(event.node))}: {event.value:g} of {event.maximum:g}"
        return _BAR.format(value=event.value, maximum=max(event.maximum, 1), words=words)
    if isinstance(event, ServerAway):
        return _WAITING.format(words="the server does not respond, trying again")
    if isinstance(event, ServerBack):
        return _WAITING.format(words="the server responds again")
    if isinstance(event, RunDone):
        return _BAR.format(value=1, maximum=1, words=event.outcome.ending.replace("_", " "))
    return None
