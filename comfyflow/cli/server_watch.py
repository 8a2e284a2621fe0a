"""The state of a watched server: polled now and then, and received over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..client import AsyncClient
from ..client.event import (
    Connected,
    Disconnected,
    LogEntries,
    Progress,
    ProgressState,
    ServerEvent,
    Status,
)
from ..client_options import ClientOptions, Limits
from ..errors import ClientError, ServerError
from ..schema import Version
from ..timeout import within

if TYPE_CHECKING:
    from ..client import Device, SystemStats

QUEUE_ASKED: Final = 20
"""The longest queue that is requested: a server sends all prompts in full."""
_LIMITS: Final = Limits(connect=10.0, answer=20.0, retries=0)
"""A server that is loading a model may take some seconds to answer; one that is gone is polled again anyway.
"""
_MINUTE: Final = 60.0
_STEPS: Final = 20
"""How many of the last steps the rate is computed from."""
_BETWEEN: Final = 0.25
"""The shortest interval between polls, in seconds, however often the queue changes."""

_BAR: Final = re.compile(r"(\d{1,9})/(\d{1,9}) \[[^\]]{0,40}?(\d{1,6}(?:\.\d{1,6})?)\s?(it/s|s/it)")
"""The progress bar that samplers write to a server's log: ``35%|███  | 7/20 [00:03<00:05,  2.34it/s]``."""
LOG_SINCE: Final = Version(0, 3, 64)
"""The oldest release whose log is requested. Earlier ones raised when sending it without a terminal."""
_EXECUTED: Final = "Prompt executed"
"""The start of the log line that a prompt has ended."""


@dataclass
class RunningPrompt:
    """A prompt that a server runs.

    Attributes:
        prompt_id: Its id.
        nodes: How many nodes it has; None if not requested.
        classes: The classes of its nodes, by id.
        since: When it was first seen, by `time.monotonic`.
    """

    prompt_id: str
    nodes: int | None = None
    classes: Mapping[str, str] = field(default_factory=dict[str, str])
    since: float = 0.0


@dataclass
class Steps:
    """The progress of the running node.

    Attributes:
        value: The step.
        maximum: The number of steps.
        node_id: The node; None if only the steps are known, from the server's log.
        rate: Steps per second; None if not yet known.
    """

    value: float
    maximum: float
    node_id: str | None = None
    rate: float | None = None


class ServerWatch:
    """A watched server.

    Args:
        url: Its address.
        options: How to connect to it.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        url: str,
        options: ClientOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url: str = url
        self.up: bool | None = None
        self.reason: str = ""
        self.stats: SystemStats | None = None
        self.remaining: int = 0
        self.running: list[RunningPrompt] = []
        self.steps: Steps | None = None
        self.ended: int = 0
        self._options: ClientOptions = {"limits": _LIMITS, **(options or {})}
        self._changed: Callable[[ServerWatch], object] = lambda _: None
        self._clock = clock
        self._since = clock()
        self._heard = 0
        self._hears_log = False
        self._ends: deque[float] = deque(maxlen=1000)
        self._moments: deque[tuple[float, float]] = deque(maxlen=_STEPS)

    def tell(self, changed: Callable[[ServerWatch], object]) -> None:
        """Set the function to call when there is news."""
        self._changed = changed

    # State

    @property
    def version(self) -> str:
        """The server's version, ``?`` if it does not report it."""
        return (self.stats.system.comfyui_version if self.stats is not None else None) or "?"

    @property
    def devices(self) -> Sequence[Device]:
        """Its compute devices."""
        return self.stats.devices if self.stats is not None else ()

    @property
    def per_minute(self) -> float | None:
        """How many prompts ended in the last minute, or a minute at the pace so far; None at first."""
        now = self._clock()
        seconds = min(now - self._since, _MINUTE)
        if seconds < 1 or not self._ends:
            return None
        return sum(now - end <= _MINUTE for end in self._ends) * _MINUTE / seconds

    @property
    def doing(self) -> str:
        """What it is running, in a few words."""
        if not self.running:
            return "nothing"
        first = self.running[0]
        nodes = f" ({first.nodes} nodes)" if first.nodes is not None else ""
        said = [f"{first.prompt_id[:8]}{nodes}, {max(self._clock() - first.since, 0):.0f} s"]
        steps = self.steps
        if steps is not None:
            name = first.classes.get(steps.node_id or "", "")
            node = f"#{steps.node_id} {name}".rstrip() + " " if steps.node_id is not None else ""
            rate = f", {steps.rate:.1f}/s" if steps.rate else ""
            said.append(f"{node}{steps.value:g}/{steps.maximum:g}{rate}")
        if len(self.running) > 1:
            said.append(f"and {len(self.running) - 1} more")
        return "; ".join(said)

    @property
    def waiting(self) -> int:
        """How many prompts wait."""
        return max(self.remaining - len(self.running), 0)

    def to_json(self) -> dict[str, Any]:
        """The state, as plain JSON values."""
        if not self.up:
            return {"url": self.url, "up": self.up, "error": self.reason or None}
        steps = self.steps
        told = (
            {"value": steps.value, "max": steps.maximum, "node": steps.node_id, "rate": steps.rate}
            if steps
            else None
        )
        return {
            "url": self.url,
            "up": True,
            "queue_remaining": self.remaining,
            "waiting": self.waiting,
            "running": [
                {
                    "prompt_id": each.prompt_id,
                    "nodes": each.nodes,
                    "seconds": round(self._clock() - each.since, 1),
                }
                for each in self.running
            ],
            "progress": told,
            "ended": self.ended,
            "per_minute": self.per_minute,
            "memory": [
                {"device": device.name, "free": device.vram_free, "total": device.vram_total}
                for device in self.devices
            ],
        }

    # Events

    def hear(self, event: ServerEvent) -> bool:
        """Handle a socket event; returns whether to ask the server for more."""
        if isinstance(event, Status) and event.queue_remaining is not None:
            self._heard += 1
            self._count(event.queue_remaining)
            return True
        if isinstance(event, Progress):
            self._step(event.value, event.maximum, event.node)
        elif isinstance(event, ProgressState):
            for state in event.nodes.values():
                if state.state == "running" and state.maximum > 1:
                    self._step(state.value, state.maximum, state.display_node or state.node_id)
        elif isinstance(event, LogEntries):
            self._read_log("".join(event.entries))
        return isinstance(event, (Connected, Disconnected))

    def lost(self, reason: str) -> None:
        """Note that the server does not answer."""
        new = self.up is not False or reason != self.reason
        self.up, self.reason, self.running, self.steps, self.remaining = False, reason, [], None, 0
        if new:
            self._changed(self)

    def _tell(self) -> None:
        """Report news, once it is known what the server is."""
        if self.up is not None:
            self._changed(self)

    def _count(self, remaining: int) -> None:
        """Set the length of the queue."""
        fewer = self.remaining - remaining if self.up else 0
        self.remaining = remaining
        if fewer > 0:
            self.ended += fewer
            self._ends.extend([self._clock()] * fewer)
        if not remaining:
            self.running, self.steps = [], None
        self._tell()

    def _step(self, value: float, maximum: float, node_id: str | None, rate: float | None = None) -> None:
        before = self.steps
        if before is None or before.node_id != node_id or value < before.value:
            self._moments.clear()
        self._moments.append((self._clock(), value))
        (first, least), (last, most) = self._moments[0], self._moments[-1]
        if rate is None and last > first:
            rate = (most - least) / (last - first)
        self.steps = Steps(value, maximum, node_id, rate)
        self._tell()

    def _read_log(self, text: str) -> None:
        """Read a sampler's steps from the log: a server does not report the progress of others' prompts."""
        if _EXECUTED in text:
            self.steps = None
        known = self.steps is not None and self.steps.node_id is not None
        bars = [] if known else _BAR.findall(text)
        if bars:
            value, maximum, rate, unit = bars[-1]
            speed = float(rate)
            self._step(float(value), float(maximum), None, 1 / speed if unit == "s/it" and speed else speed)

    # Requests

    async def look(self, client: AsyncClient | None = None) -> None:
        """Ask the server what it is and what it is doing.

        Args:
            client: The client to use; by default a new one.
        """
        if client is None:
            async with AsyncClient(self.url, **self._options) as made:
                await self.look(made)
            return
        heard = self._heard
        try:
            stats, remaining = await asyncio.gather(client.system_stats(), client.queue_remaining())
            running = await self._asked(client, remaining) if remaining else []
        except ClientError as error:
            self.lost(str(error))
            return
        self.up, self.reason, self.stats, self.url = True, "", stats, client.url
        self._take(running)
        # Events received in the meantime are newer than the answer.
        self._count(remaining if heard == self._heard else self.remaining)

    def _take(self, running: Sequence[RunningPrompt]) -> None:
        known = {each.prompt_id: each.since for each in self.running}
        if [each.prompt_id for each in running] != list(known):
            self.steps = None
        now = self._clock()
        for each in running:
            each.since = known.get(each.prompt_id, now)
        self.running = list(running)

    async def _asked(self, client: AsyncClient, remaining: int) -> list[RunningPrompt]:
        """Ask what it is running. For a long queue only ids are requested, if the server supports that."""
        if remaining <= QUEUE_ASKED:
            listed = await client.queue()
            return [
                RunningPrompt(each.prompt_id, len(each.prompt), _classes(each.prompt))
                for each in listed.running
            ]
        try:
            return [RunningPrompt(each.id) for each in await client.jobs(status=["in_progress"])]
        except ServerError:
            return self.running  # older than 0.6

    async def watch(self, interval: float) -> None:
        """Watch the server until the task is cancelled, even while the server is gone.

        Args:
            interval: Seconds between polls.
        """
        async with AsyncClient(self.url, **self._options) as client:
            wanted = asyncio.Event()
            listening = asyncio.create_task(self._listen(client, wanted))
            try:
                while True:
                    wanted.clear()
                    await self.look(client)
                    await self._ask_for_log(client)
                    await asyncio.sleep(min(_BETWEEN, interval))
                    with contextlib.suppress(asyncio.TimeoutError):
                        await within(wanted.wait(), interval)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _ask_for_log(self, client: AsyncClient) -> None:
        """Subscribe to the log, once per connection."""
        version = self.stats.version if self.up and self.stats is not None else None
        if version is not None and version >= LOG_SINCE and not self._hears_log:
            self._hears_log = True
            with contextlib.suppress(ClientError):
                await client.subscribe_logs()

    async def _listen(self, client: AsyncClient, wanted: asyncio.Event) -> None:
        """Receive the server's events; without a socket it is only polled."""
        with contextlib.suppress(ClientError):
            async for event in client.events():
                if isinstance(event, Connected):
                    self._hears_log = False  # it may be a different server by now
                if self.hear(event):
                    wanted.set()


def _classes(prompt: Mapping[str, Any]) -> dict[str, str]:
    from ..graph.prompt import read_nodes

    return {node_id: node.class_type for node_id, node in read_nodes(prompt).items()}
