"""A prompt that a server has: what one waits for, watches and cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ..output_file import FileSource
from ..problem import Problem
from .core import Core
from .flow import Flow
from .outcome import Outcome
from .result import Resolver, Result, error_of_outcome
from .run_event import RunEvent
from .running import RunStatus, Started, cancel, status
from .waiting import Wait

if TYPE_CHECKING:
    from ..validate import Report

T_co = TypeVar("T_co", covariant=True)

DEFAULT_TIMEOUT = 3600.0
"""Seconds that a wait takes at most where nothing else is said."""


class HandleCore(Generic[T_co]):
    """What `Handle` and `AsyncHandle` have in common.

    Args:
        core: The client.
        started: The prompt.
        source: Fetches files.
        resolve: What to make of the result; None for the result itself.
        resolvers: What the client makes of the outputs of some classes.
    """

    def __init__(
        self,
        core: Core,
        started: Started,
        source: FileSource,
        resolve: Callable[[Any], Any] | None,
        resolvers: dict[Any, Resolver[Any, Any]],
    ) -> None:
        self._core = core
        self._started = started
        self._source = source
        self._resolve = resolve
        self._resolvers = resolvers
        self._run = started.run

    @property
    def prompt_id(self) -> str:
        """The prompt's id, by which the server and `Client.attach` know it."""
        return self._run.prompt_id

    @property
    def number(self) -> float | None:
        """Its priority; None where the server's answer was lost."""
        return self._started.number

    @property
    def report(self) -> Report | None:
        """What the server found wrong with outputs that it dropped, or None."""
        return self._started.report

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What may go wrong although the server takes it; see `Report.warnings`."""
        return self._started.warnings

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it has not, as far as is known here."""
        return self._run.outcome

    def _result(self, timeout: float | None) -> Flow[T_co]:
        outcome = yield from Wait(self._core, self._run, timeout).outcome()
        error = error_of_outcome(self._run, outcome)
        if error is not None:
            raise error
        prepared = self._started.prepared
        result: Result[Any] = Result(self._run, prepared, self.report, self._source, self._resolvers)
        made: Any = result if self._resolve is None else self._resolve(result)
        return cast("T_co", made)

    def _status(self) -> Flow[RunStatus]:
        return status(self._core, self._run)

    def _cancel(self, timeout: float) -> Flow[bool]:
        return cancel(self._core, self._run, timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of prompt {self.prompt_id}: {self._run.describe()}>"


def is_last(event: RunEvent | None) -> bool:
    """Whether nothing comes after this event."""
    from .run_event import RunDone

    return event is None or isinstance(event, RunDone)
