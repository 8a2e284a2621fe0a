"""Waiting: for a prompt to end, for the socket to open, for events from it.

Events come first, the history decides, and while the socket is silent the server is polled: so waiting works
with the socket blocked, and nothing that a server forgets can make a wait endless.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import ClientError, ServerError, ServerUnreachable, SocketUnavailable, WaitTimeout
from ..number import read_timeout
from .backend import Sighting
from .core import Core, about, may_pass
from .event import ServerEvent
from .feed import Feed
from .flow import Flow, Signal, StartSocket, Watch, sleep
from .routes.server_routes import system_stats
from .run import Run
from .run_event import Outcome, RunEvent
from .submission import remove_double
from .web_socket import DueCall, Listener

_RECORD_PAUSE: Final = 0.25
"""How long to wait for ``executing {node: null}`` after ``execution_success``; it indicates that the history
has the prompt (missing at the success itself in 17 of 50 runs of 0.27.0).
"""


_MISS_PAUSES: Final = (0.3, 1.0)
"""The interval between checks that must find a prompt in neither list before it is given up."""


_CUT: Final = 0.05
"""A request that times out that close to the end of a wait may have been cut off by it."""


_LATE_EVENTS: Final = 0.25
"""How long events may still be in transit when the history already has the end."""


_LATE_PICTURES: Final = 5.0
"""The same if pictures come over the socket, which is their only source."""


class Deadline:
    """The deadline of a wait.

    Args:
        core: Its clock counts.
        seconds: From now on; None for no limit.

    Raises:
        TypeError: They are not a number.
    """

    def __init__(self, core: Core, seconds: float | None) -> None:
        self._clock = core.clock
        self.seconds: Final[float | None] = read_timeout(seconds)
        self._end = None if self.seconds is None else core.clock() + max(self.seconds, 0.0)

    def within(self, seconds: float) -> float:
        """A pause, cut short by the deadline."""
        return seconds if self._end is None else max(min(seconds, self._end - self._clock()), 0.0)

    @property
    def left(self) -> float | None:
        """The seconds that are left; None for no limit."""
        return None if self._end is None else max(self._end - self._clock(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and self._clock() >= self._end


class Wait:
    """One wait for one run: how often to poll the server.

    Args:
        core: The client.
        run: The run.
        seconds: How long to wait; None for no limit. A deadline that runs already keeps its end.
    """

    def __init__(self, core: Core, run: Run, seconds: float | Deadline | None) -> None:
        self.deadline: Final = seconds if isinstance(seconds, Deadline) else Deadline(core, seconds)
        self.core: Final = core.within(self.deadline.left)
        """No request to the server takes longer than the wait itself."""
        self.core.given = self.deadline.seconds
        self.run = run
        self._asked = core.clock()
        self._pause = 0.0
        self._away: float | None = None
        self._trouble = ""
        self._searched = False

    def outcome(self) -> Flow[Outcome]:
        """The outcome, when there is one.

        Raises:
            WaitTimeout: The time is up.
            ServerUnreachable: The server has been unreachable for too long.
        """
        return (yield from about(self.core, self.run.prompt_id, self._outcome()))

    def _outcome(self) -> Flow[Outcome]:
        while self.run.outcome is None:
            yield from self.step(None)
        return self.run.outcome

    def next_event(self, feed: Feed) -> Flow[RunEvent | None]:
        """The next event, or None after the last one.

        Raises:
            WaitTimeout: The time is up.
            ServerUnreachable: The server has been unreachable for too long.
        """
        return (yield from about(self.core, self.run.prompt_id, self._next_event(feed)))

    def _next_event(self, feed: Feed) -> Flow[RunEvent | None]:
        while True:
            event = feed.take()
            if event is not None or self.run.outcome is not None:
                return event if event is not None else feed.take()
            yield from self.step(feed.signal)

    def step(self, signal: Signal | None) -> Flow[None]:
        """Wait until something happens, or do what is due.

        Args:
            signal: Set when something happens; None waits only for the end of the run.
        """
        run = self.run
        if self.core.hub.stop.is_set():
            raise ClientError(
                f"the client was closed while waiting for prompt {run.prompt_id}, which may still be "
                "running: another client can wait for it with attach, or cancel it"
            )
        if run.doubtful and run.started and not self._searched:
            self._searched = True
            yield from remove_double(self.core, run)
        if run.ended:
            yield from self._settle()
            return
        self.check_time()
        pause = self._until_asking()
        if pause > 0:
            yield Watch(signal or run.signal, self.deadline.within(pause))
            (signal or run.signal).clear()
        else:
            yield from self._ask()

    def check_time(self) -> None:
        """Raise if the time is up.

        Raises:
            WaitTimeout: It is.
        """
        if not self.deadline.passed:
            return
        run, limit = self.run, f"{self.deadline.seconds:.3g} s"
        away = "" if self._away is None else f", but the server no longer answers ({self._trouble})"
        if run.ended:
            said = f"has no result after {limit}: {run.describe()}{away}. Wait again"
        else:
            advice = "The timeout does not stop it: wait again, or cancel it"
            said = f"has not ended after {limit}; {run.describe()}{away}. {advice}"
        raise WaitTimeout(f"prompt {run.prompt_id} {said}", run.prompt_id)

    @property
    def _told(self) -> bool:
        """Whether the socket or a stream reports on the run."""
        return (self.core.hub.connected or self.run.streamed) and not self.run.polled

    def _until_asking(self) -> float:
        """The seconds until the next poll, if nothing happens before."""
        run, limits = self.run, self.core.limits
        if run.unsure:
            return 0.0
        if self._told:
            if self._pause == 0.0 or run.last_news > self._asked:
                self._pause = limits.quiet
            since = max(run.last_news, self._asked)
        else:
            self._pause = self._pause or limits.poll
            since = self._asked
        return since + self._pause - self.core.clock()

    def _ask(self) -> Flow[None]:
        run, limits = self.run, self.core.limits
        run.unsure = False
        connected, since = self._told, self.core.clock()
        try:
            yield from self._look()
        except (ServerUnreachable, ServerError) as error:
            yield from self._bear(error, since)
        else:
            self._away = None
        self._asked = self.core.clock()
        longest = limits.quiet_most if connected else limits.poll_most
        self._pause = min(max(self._pause, limits.poll) * (2.0 if connected else 1.5), longest)

    def _look(self) -> Flow[bool]:
        """Ask the server where the prompt is.

        Returns:
            Whether the history says how it ended.
        """
        run = self.run
        seen = yield from self.core.recognition.likely.find(self.core, run.prompt_id)
        run.server_back()
        if (yield from self._recorded(seen)):
            return True
        if seen is not None:
            run.queued(seen.ahead, seen.state == "running")
            return False
        if run.misses == len(_MISS_PAUSES):
            yield from self._finish(_gone(run, "it is now in neither queue nor history"))
        else:
            yield from sleep(self.deadline.within(_MISS_PAUSES[run.misses]))
            run.misses += 1
            run.unsure = True
        return False

    def _ended(self) -> Flow[bool]:
        seen = yield from self.core.recognition.likely.ended(self.core, self.run.prompt_id)
        self.run.server_back()
        return (yield from self._recorded(seen))

    def _recorded(self, seen: Sighting | None) -> Flow[bool]:
        if seen is None or seen.outcome is None:
            return False
        yield from self._hear_out()
        yield from self._finish(seen.outcome)
        return True

    def _hear_out(self) -> Flow[None]:
        """The history has the end, but the socket has not reported it: events are late, or the socket is
        deaf.

        Nothing more is expected from a deaf socket: it is reopened.
        """
        run, hub = self.run, self.core.hub
        late = Deadline(self.core, self.deadline.within(_LATE_PICTURES if run.senders else _LATE_EVENTS))
        while self._told and not (run.ended or run.gap or hub.stop.is_set()):
            if late.passed:
                if not self.deadline.passed:
                    hub.hang_up()
                return
            yield Watch(run.signal, late.within(_LATE_PICTURES))
            run.signal.clear()

    def _settle(self) -> Flow[None]:
        """The events report the end: find out how it ended.

        The history may lag even if the events are complete. After a gap the server may also have restarted,
        and know nothing about the prompt.
        """
        run = self.run
        run.signal.clear()
        if not run.recorded:
            yield Watch(run.signal, self.deadline.within(_RECORD_PAUSE))
        told = run.told_outcome()
        if told is not None and told.ending in ("error", "interrupted"):
            yield from self._finish(told)
            return
        over = Deadline(self.core, self.core.limits.history)
        pause = 0.01
        while run.outcome is None:
            since = self.core.clock()
            try:
                whole = run.told_outcome() is not None
                if (yield from self._ended() if whole else self._look()):
                    return
                self._away = None
            except (ServerUnreachable, ServerError) as error:
                yield from self._bear(error, since)
            if over.passed and self._away is None:
                told = run.told_outcome()
                reason = "it has ended, but the server's history does not have it"
                yield from self._finish(told or _gone(run, reason))
                return
            self.check_time()
            yield from sleep(self.deadline.within(pause))
            pause = min(pause * 2, 1.0)

    def _bear(self, error: ServerUnreachable | ServerError, since: float) -> Flow[None]:
        """The server did not answer: keep trying for a while. Raises if that cannot help.

        It knew its routes when the prompt was queued: a 404 now comes from a proxy, while the server is away.
        """
        if not may_pass(error) and not (isinstance(error, ServerError) and error.status == 404):
            raise error
        now = self.core.clock()
        hurried = self.deadline.within(_CUT) < _CUT and now - since < self.core.limits.answer
        if hurried and isinstance(error, ServerUnreachable) and error.timed_out:
            return  # the wait has cut it off, which says nothing about the server
        self._away = self._away if self._away is not None else now
        self._trouble = str(error)
        self.run.server_away(self._trouble)
        if now - self._away > self.core.limits.patience:
            raise ServerUnreachable(
                f"prompt {self.run.prompt_id} was queued, but the server has not answered for "
                f"{now - self._away:.0f} s: {error}"
            ) from None
        self.check_time()
        yield from sleep(
            self.deadline.within(self.core.limits.poll_most * self.core.random.uniform(0.5, 1.0))
        )

    def _finish(self, outcome: Outcome) -> Flow[None]:
        run = self.run
        run.finish(outcome)
        self.core.hub.remove(run)
        yield from remove_double(self.core, run)


def _gone(run: Run, reason: str) -> Outcome:
    """The end of a prompt that the server no longer knows: cancelled, if we cancelled it."""
    return Outcome("interrupted" if run.cancelled else "lost", reason=reason)


_LONG = 3600.0


def require_socket(core: Core) -> None:
    """Refuse to listen if no events can come.

    Raises:
        ClientError: The client does not use a socket.
    """
    if not core.use_socket:
        raise ClientError(
            "this client was made with websocket=False, so it receives no events; "
            "handle.events() and on_event report on a prompt by polling the server"
        )
    if not core.recognition.likely.has_socket:
        raise ClientError(
            "the Comfy API v2 has no WebSocket for all prompts; handle.events() and on_event report on one"
        )


def ready_socket(core: Core, needed: bool = False) -> Flow[None]:
    """Open the socket, or find out that it is unavailable, before a prompt is sent.

    Args:
        core: The client.
        needed: Whether the prompt is useless without it: then it is tried for as long as ``Limits.socket``
            allows.
    """
    if core.hub.connected:
        return
    left, longest = core.left(), core.limits.socket
    # Leave time for what follows: a server may answer everything but the socket.
    seconds = longest if left is None else min(left / 2, longest)
    if needed:
        yield from _until_open(core, seconds)
    else:
        yield StartSocket()
        yield Watch(core.hub.settled, seconds)


def require_pictures(core: Core, run: Run, told: bool) -> Flow[None]:
    """Refuse a prompt whose pictures would be lost, before anything is sent.

    Args:
        core: The client.
        run: The prompt.
        told: Whether the choice to use the socket was made for this prompt.

    Raises:
        SocketUnavailable: A node sends its pictures only over the socket, and there is none.
        ServerUnreachable: The server does not answer either.
    """
    connected = core.hub.connected and not run.polled
    if connected or not run.senders:
        return
    names = ", ".join(str(run.nodes[node_id]) for node_id in sorted(run.senders))
    if not core.recognition.likely.has_socket:
        why = "which the Comfy API v2 does not have"
    elif not run.polled:
        yield from system_stats(core)  # if nothing is there, report that
        why = core.hub.failure or "the server has not answered yet"
        why = f"which cannot be opened at {core.address.socket_url(core.client_id)}: {why}"
    elif told:
        why = "which this prompt was told to do without (websocket=False)"
    else:
        why = "which this client was made without (websocket=False)"
    raise SocketUnavailable(
        f"{names} gives pictures only over the WebSocket, {why}. Nothing was sent. "
        "SaveImage and PreviewImage give the same pictures without it; or leave the node out with targets="
    )


def connect(core: Core, timeout: float | None) -> Flow[None]:
    """Open the socket; see `Client.connect`."""
    require_socket(core)
    seconds = core.limits.socket if timeout is None else read_timeout(timeout)
    yield from _until_open(core, seconds)
    if core.hub.stop.is_set():
        raise ClientError("this client is closed; make a new one")
    if not core.hub.connected:
        why = core.hub.failure or "the server has not answered yet"
        within = "" if seconds is None else f" within {seconds:g} s"
        raise SocketUnavailable(f"no WebSocket at {core.address.socket_url(core.client_id)}{within}: {why}")


def _until_open(core: Core, seconds: float | None) -> Flow[None]:
    """Wait until the socket is open, however many attempts it takes."""
    listener: Listener[ServerEvent] = Listener(core.new_signal(), 1)
    core.hub.listen(listener)
    waited = Deadline(core, seconds)
    yield StartSocket()
    while not (core.hub.connected or listener.closed or waited.passed):
        yield Watch(listener.signal, waited.within(_LONG))
        listener.signal.clear()
    core.hub.unlisten(listener)


def next_event(core: Core, listener: Listener[ServerEvent], deadline: Deadline) -> Flow[ServerEvent | None]:
    """The next event; None when the time is up or the client is closed."""
    while (event := listener.take()) is None:
        if not (yield from _arrives(core, listener, deadline)):
            return None
    return event


def next_call(core: Core, due: Listener[DueCall]) -> Flow[DueCall | None]:
    """The next function to call; None when the client is closed."""
    endless = Deadline(core, None)
    while (call := due.take()) is None:
        if not (yield from _arrives(core, due, endless)):
            return None
    return call


def _arrives(core: Core, listener: Listener[Any], deadline: Deadline) -> Flow[bool]:
    """Wait until there may be something to take; returns whether anything can still come."""
    yield StartSocket()
    if listener.waiting:
        return True
    if listener.closed or core.hub.stop.is_set() or deadline.passed:
        return False
    yield Watch(listener.signal, deadline.within(_LONG))
    listener.signal.clear()
    return True
