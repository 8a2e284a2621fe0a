"""A pytest plugin that runs tests of the client through the real comfy-api-proxy.

``pytest -p tests.api_v2_suite tests/test_client_server.py`` puts the proxy in front of every simulator. What
cannot hold there stands in `tests/api_v2_limits.py`, and must fail for the reason that is given.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Generator
from contextlib import ExitStack
from types import FrameType
from typing import Any, Final

import httpx
import pytest
from typing_extensions import Self, override

import comfyflow.simulator
from comfyflow.simulator import Simulator
from tests.api_v2_limits import LIMITS
from tests.api_v2_proxy import proxied

SECONDS: Final = 60
"""How long a test may take."""


class ProxiedSimulator(Simulator):
    """A simulator whose address is that of a proxy in front of it."""

    _proxy: str = ""

    @override
    def start(self) -> Self:
        super().start()
        if not self._proxy:  # a restart keeps it
            self._stack = ExitStack()
            self._proxy = self._stack.enter_context(proxied(super().url))
            _RUNNING.append(self)
        return self

    @override
    def stop(self) -> None:
        if self._proxy:
            _RUNNING.remove(self)
            self._proxy = ""
            self._stack.close()
        super().stop()

    @property
    @override
    def url(self) -> str:
        return self._proxy or super().url

    def empty(self) -> None:
        """Take off what a test has left that did not come to its end."""
        with contextlib.suppress(httpx.HTTPError):  # a test may have stopped it
            httpx.post(f"{super().url}/queue", json={"clear": True})
            httpx.post(f"{super().url}/interrupt")


_RUNNING: Final[list[ProxiedSimulator]] = []


class TooLong(Exception):
    """A test waits for what never comes."""


def _late(signum: int, frame: FrameType | None) -> None:
    raise TooLong("the test takes too long")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Bound each test."""
    limit = LIMITS.get(_name(item))
    before = signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS if limit is None else limit.seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        for simulator in _RUNNING:
            simulator.empty()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a test fail that passes although it cannot, or that fails for another reason."""
    report = yield
    limit = LIMITS.get(_name(item))
    if limit is None or call.when != "call":
        return report
    if call.excinfo is None:
        report.outcome, report.longrepr = "failed", f"it passes: take it out of LIMITS ({limit.why})"
    elif re.search(limit.fails, f"{call.excinfo.typename}: {call.excinfo.value}"):
        report.outcome, report.wasxfail = "skipped", limit.why
    return report


def _name(item: pytest.Item) -> str:
    return f"{item.path.stem}.{getattr(item, 'originalname', item.name)}"


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Refuse limits of tests that there are none of."""
    files = {item.path.stem for item in items}
    known = {_name(item) for item in items}
    gone = [name for name in LIMITS if name.partition(".")[0] in files and name not in known]
    if gone:
        raise pytest.UsageError(f"tests/api_v2_limits.py names tests that are not there: {', '.join(gone)}")


comfyflow.simulator.Simulator = ProxiedSimulator  # type: ignore[misc]
