"""Answers that a client keeps for a while: lists of what a server has, which it takes long to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .flow import Answer, Flow, Forward, Request

_KEPT: Final = frozenset(
    {
        "embeddings",
        "extensions",
        "experiment",
        "features",
        "global_subgraphs",
        "i18n",
        "models",
        "node_replacements",
        "object_info",
        "view_metadata",
        "workflow_templates",
    }
)
"""The routes whose answers change only when somebody installs something."""


class AnswerCache:
    """What a server has said of what it has.

    Args:
        seconds: For how long an answer is good; 0 keeps nothing.
        clock: Seconds, monotonic.
        life: Changes whenever the server may be another one than before.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], life: Callable[[], object]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._life = life
        self._kept: dict[object, tuple[float, Answer]] = {}

    def fetch(self, request: Request, forward: Forward) -> Flow[Answer]:
        """The answer to a request: a kept one, or a new one, which is kept if it is worth it."""
        if self._seconds <= 0 or not _is_kept(request):
            return (yield from forward(request))
        key = (self._life(), request.path, request.query, _frozen(request.headers))
        known = self._kept.get(key)
        if known is not None and self._clock() - known[0] < self._seconds:
            return known[1]
        answer = yield from forward(request)
        if answer.ok:
            self._kept[key] = (self._clock(), answer)
        return answer

    def clear(self) -> None:
        """Ask anew from now on."""
        self._kept.clear()


def _is_kept(request: Request) -> bool:
    parts = request.path.split("/")
    return request.method == "GET" and parts[1:2] == ["api"] and parts[2:3] != [] and parts[2] in _KEPT


def _frozen(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(headers.items()))
