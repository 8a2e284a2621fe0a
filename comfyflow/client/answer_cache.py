"""Answers about what a server has installed, kept for some seconds."""

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
"""The routes whose answers change only when something is installed."""


class AnswerCache:
    """Cached answers about what a server has installed.

    Args:
        seconds: How long an answer is valid; 0 caches nothing.
        clock: A monotonic clock, in seconds.
        life: Changes whenever the server may be a different one.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], life: Callable[[], object]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._life = life
        self._kept: dict[object, tuple[float, Answer]] = {}

    def fetch(self, request: Request, forward: Forward) -> Flow[Answer]:
        """The answer to a request: a cached one, or a new one, which is cached if it is worth it."""
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

    def again(self, life: Callable[[], object]) -> AnswerCache:
        """An empty one of the same kind.

        Args:
            life: Changes whenever the server may be a different one.
        """
        return AnswerCache(self._seconds, self._clock, life)

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()


def _is_kept(request: Request) -> bool:
    parts = request.path.split("/")
    return request.method == "GET" and parts[1:2] == ["api"] and parts[2:3] != [] and parts[2] in _KEPT


def _frozen(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(headers.items()))
