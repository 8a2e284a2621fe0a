"""Driving the client's flows without a network and without waiting: time passes when it is said to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from comfyflow.client.address import read_address
from comfyflow.client.api_v2 import ApiV2
from comfyflow.client.backend import Recognition
from comfyflow.client.comfyui_backend import ComfyUI
from comfyflow.client.core import Core
from comfyflow.client.flow import Answer, Flow, Gather, Request, Send, Signal, Sleep, StartSocket, Watch
from comfyflow.client_options import Limits

T = TypeVar("T")
Respond = Callable[[Request], Answer]


class Flag:
    """A signal for one thread."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set


class World:
    """A clock, and what happens at which time.

    Args:
        respond: Answers requests, or raises `ServerUnreachable`.
        limits: The client's limits.
        url: The server's address.
    """

    def __init__(
        self, respond: Respond, limits: Limits | None = None, url: str = "http://server:8188"
    ) -> None:
        address, credentials = read_address(url)
        self.now = 0.0
        self.respond = respond
        self.core = Core(
            address,
            credentials,
            Flag,
            Recognition(ComfyUI(), ApiV2(), "comfyui"),
            limits=limits,
            clock=lambda: self.now,
        )
        self.core.random.seed(1)
        self.requests: list[Request] = []
        self._planned: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Have something happen when the clock shows this time."""
        self._planned.append((seconds, len(self._planned), action))
        self._planned.sort(key=lambda entry: entry[:2])

    def drive(self, flow: Flow[T], most: int = 100_000) -> T:
        """Carry out a flow. It fails if it does not come to an end."""
        try:
            effect = next(flow)
            for _ in range(most):
                try:
                    value = self._perform(effect)
                except Exception as error:  # noqa: BLE001, PERF203  # the flow decides
                    effect = flow.throw(error)
                else:
                    effect = flow.send(value)
        except StopIteration as stop:
            return stop.value
        raise AssertionError(f"the flow has not ended after {most} steps, at {self.now} s")

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Send):
            self.requests.append(effect.request)
            self._pass(0.001)
            answer = self.respond(effect.request)
            if effect.sink is not None and effect.sink.start(answer):
                effect.sink.write(answer.content)
            return answer
        if isinstance(effect, Sleep):
            return self._pass(effect.seconds)
        if isinstance(effect, Watch):
            return self._watch(effect.signal, effect.seconds)
        if isinstance(effect, Gather):
            return [self.drive(flow) for flow in effect.flows]
        assert isinstance(effect, StartSocket)
        return None

    def _watch(self, signal: Signal, seconds: float) -> bool:
        end = self.now + seconds
        while not signal.is_set() and self.now < end:
            following = [time for time, _, _ in self._planned if time <= end]
            self._pass(max((following[0] if following else end) - self.now, 1e-9))
        return signal.is_set()

    def _pass(self, seconds: float) -> None:
        end = self.now + seconds
        while self._planned and self._planned[0][0] <= end:
            time, _, action = self._planned.pop(0)
            self.now = max(self.now, time)
            action()
        self.now = max(self.now, end)


def answer(value: object, status: int = 200) -> Answer:
    """An answer with JSON, or with text where the value is one."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Answer(status, {}, content)


def sequence(*answers: Answer | Exception) -> Respond:
    """Answers in turn; exceptions are raised."""
    left: Iterator[Answer | Exception] = iter(answers)

    def respond(request: Request) -> Answer:
        following = next(left)
        if isinstance(following, Exception):
            raise following
        return following

    return respond
