"""The servers that tests run on: a simulator, or a real one that was named on the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import PromptRejected, ValidationError
from ..nearest import nearest
from ..schema import Schema
from .session import Session

if TYPE_CHECKING:
    from ..simulator import ReceivedPrompt, Simulator
    from ..validate import Report


@contextlib.contextmanager
def simulator(schema: Schema) -> Generator[Simulator, None, None]:
    """A simulator that has these node classes, and behaves as the recorded server that is nearest
    to their version.
    """
    from ..simulator import Simulator
    from ..simulator.profile import Profile

    with Simulator(schema, profile=Profile.nearest(schema.version).version) as server:
        yield server


class RealServer:
    """A real server in the place of the simulator. What only a simulator can do skips the test.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._before = {prompt.prompt_id for prompt in self._received()}

    @property
    def prompts(self) -> list[ReceivedPrompt]:
        """The prompts that it got since the test began, those that have ended first."""
        return [prompt for prompt in self._received() if prompt.prompt_id not in self._before]

    def _received(self) -> Iterable[ReceivedPrompt]:
        from ..client import Client, HistoryEntry, QueueEntry
        from ..simulator import ReceivedPrompt

        with Client(self.url) as client:
            queue = client.queue()
            known: list[HistoryEntry | QueueEntry] = [*client.history().values()]
            known += [*queue.running, *queue.pending]
        return [ReceivedPrompt(each.prompt_id, each.prompt, None, {"prompt": each.prompt}) for each in known]

    def __getattr__(self, name: str) -> Any:
        from ..simulator import Simulator

        if hasattr(Simulator, name):
            pytest.skip(f"comfy_server.{name} needs the simulator, but the server is {self.url}")
        raise AttributeError(f"a server has no {name!r}")


class NeedsModels:
    """Skips tests marked ``needs_models`` where the server has not got a model.

    Args:
        session: A run of pytest with a server.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Look whether the models that the marker names are there."""
        names = [name for marker in item.iter_markers("needs_models") for name in marker.args]
        if names:
            there = set(_choices(self._session.schema))
            lost = [name for name in names if name not in there]
            if lost:
                pytest.skip(_words(lost, there, self._session))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Where the server refused a prompt for nothing but models that are not there, skip."""
        try:
            return (yield)
        except (PromptRejected, ValidationError) as error:
            lost = _lost_models(error.report) if item.get_closest_marker("needs_models") else []
            if not lost:
                raise
            pytest.skip(_words(lost, set(_choices(self._session.schema)), self._session))


def _choices(schema: Schema) -> Iterator[str]:
    """Everything that can be chosen on a server, its model files too."""
    for node in schema.values():
        for entry in node.inputs:
            yield from (choice for choice in entry.choices or () if isinstance(choice, str))


def _lost_models(report: Report) -> list[str]:
    """The choices that a prompt was refused for, if for nothing else."""
    problems = [problem for node in report.node_errors.values() for problem in node]
    if any(problem.type != "value_not_in_list" for problem in problems):
        return []
    return [str(problem.extra_info.get("received_value", problem.input_name)) for problem in problems]


def _words(lost: Iterable[str], there: Iterable[str], session: Session) -> str:
    words: list[str] = []
    for name in lost:
        near = nearest(name, there)
        words.append(f"{name} (it has {near})" if near is not None else name)
    return f"{session.server} does not have {', '.join(words)}"
