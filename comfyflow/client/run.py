"""One prompt in flight: what is known about it, from events, history and queue.

`Run` does no I/O and never raises on what it is fed. It may be fed from one thread and queried from another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ..graph.prompt import read_links, title_of
from ..json_types import object_or_empty, text_or_empty
from ..problem import Place
from . import event as server
from . import run_event as told
from .feed import Feed
from .flow import Signal
from .run_event import Ending, Outcome, RunEvent, RunNode, ending_with
from .thread_signal import ThreadSignal, has_lock

_LOG: Final = logging.getLogger("comfyflow.client")


PICTURE_CLASSES: Final = frozenset({"SaveImageWebsocket"})


_LIVE: Final = ("signal", "_clock", "_lock", "_backlog", "_feeds")
"""The attributes of a `Run` that tell others of it."""


class Run:
    """What is known about one prompt.

    Args:
        prompt_id: Its id.
        prompt: The prompt JSON; empty for someone else's prompt.
        new_signal: Makes a signal of the driver's kind.
        clock: A monotonic clock, in seconds.
        places: Where the user's source creates the nodes, by id.
    """

    def __init__(
        self,
        prompt_id: str,
        prompt: Mapping[str, Any],
        new_signal: Callable[[], Signal],
        clock: Callable[[], float],
        places: Mapping[str, Place] | None = None,
    ) -> None:
        self.prompt_id = prompt_id
        self.nodes: Final = run_nodes(prompt, places or {})
        self.signal: Final = new_signal()
        """Set when the run may have ended, or when the server should be asked."""
        self.seen: bool = False
        """Whether an event has named the prompt, so that the server has it."""
        self.started: bool = False
        self.ending: Ending | None = None
        """The end according to the events; the history decides."""
        self.recorded: bool = False
        """Whether the server has reported that the prompt is in the history."""
        self.gap: bool = False
        """Whether the socket was closed, so that events may be missing."""
        self.unsure: bool = False
        """Whether the server should be asked at once."""
        self.doubtful: bool = False
        """Whether it may have been queued twice."""
        self.cancelled: bool = False
        """Whether we asked to cancel it."""
        self.streamed: bool = False
        """Whether its own stream is reporting on it."""
        self.polled: bool = False
        """Whether it does not use the socket."""
        self.policy: str | None = None
        """What the server was asked to do when a node fails; None for the default."""
        self.policy_known: bool = True
        """Whether the server reports support for the policy."""
        self.senders: frozenset[str] = frozenset()
        """The nodes that send their pictures only over the socket."""
        self.ahead: int | None = None
        self.misses: int = 0
        self.last_news: float = clock()
        self.outcome: Outcome | None = None
        self._clock = clock
        self._away: float | None = None
        self._lock = threading.RLock()
        self._backlog = Feed(None)
        self._feeds: list[Feed] = []
        self._current: str | None = None
        self._progress: dict[str, tuple[float, float]] = {}
        self._finished: set[str] = set()
        self._outputs: dict[str, Mapping[str, Any]] = {}
        self._owners: dict[str, str] = {}
        self._pictures: dict[str, list[server.SocketImage]] = {}
        self._blocked: list[server.ExecutionFailed] = []
        self._cached: tuple[str, ...] = ()
        self._failure: server.ExecutionFailed | None = None
        self._node_failures: list[server.ExecutionNodeFailed] = []
        self._summary: server.ExecutionSummary | None = None
        self._interruption: server.ExecutionInterrupted | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What is known about it. A copy has no readers, and nothing more happens to it."""
        with self._lock:
            return {name: held for name, held in vars(self).items() if name not in _LIVE}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        live = (ThreadSignal(), time.monotonic, threading.RLock(), Feed(None), list[Feed]())
        vars(self).update(state, **dict(zip(_LIVE, live, strict=True)))

    @property
    def ended(self) -> bool:
        """Whether anything indicates that the run is over."""
        return self.outcome is not None or self.ending is not None or self.recorded

    @property
    def is_held(self) -> bool:
        """Whether this thread is in the middle of a change of it."""
        return has_lock(self._lock)

    def feed(self, event: server.PromptEvent | server.UnknownMessage, news: bool = True) -> None:
        """Take in an event of this prompt.

        Args:
            event: The event.
            news: Whether it proves that the server has the prompt and reports on it.
        """
        with self._lock:
            if news:
                self.seen = True
                self.misses = 0
                self.last_news = self._clock()
            reader = _READERS.get(type(event))
            if reader is not None and self.outcome is None:
                reader(self, event)

    def preview(self, node_id: str, image: bytes, kind: str) -> None:
        """Add a preview of a node's unfinished picture.

        Args:
            node_id: The node.
            image: The picture.
            kind: ``jpeg``, ``png``, ….
        """
        with self._lock:
            if self.outcome is None:
                self._emit(told.NodePreview(self.prompt_id, self.node(node_id), image, kind))

    def missed(self) -> None:
        """Note that the socket opened or closed: events may be missing, so the server must be asked."""
        with self._lock:
            self.gap = True
            self.unsure = True
            self._wake()

    def poke(self) -> None:
        """Make all waiters look again."""
        with self._lock:
            self._wake()

    def server_away(self, reason: str) -> None:
        """Note that the server does not answer; emitted once, however many wait.

        Args:
            reason: What went wrong.
        """
        with self._lock:
            if self._away is None and self.outcome is None:
                self._away = self._clock()
                _LOG.warning("prompt %s: the server does not respond: %s", self.prompt_id, reason)
                self._emit(told.ServerAway(self.prompt_id, reason))

    def server_back(self) -> None:
        """Note that the server answers; emitted if it was away before."""
        with self._lock:
            if self._away is not None:
                seconds, self._away = self._clock() - self._away, None
                _LOG.warning("prompt %s: the server responds again after %.0f s", self.prompt_id, seconds)
                self._emit(told.ServerBack(self.prompt_id, seconds))

    def queued(self, ahead: int, running: bool) -> None:
        """Note that the prompt is in the server's queue.

        Args:
            ahead: How many prompts run or wait before it.
            running: Whether it is running.
        """
        with self._lock:
            self.misses = 0
            self.seen = True
            if running and not self.started:
                self.started = True
                self._emit(told.RunStarted(self.prompt_id))
            elif not running and ahead != self.ahead:
                self._emit(told.RunQueued(self.prompt_id, ahead))
            self.ahead = 0 if running else ahead

    def finish(self, outcome: Outcome) -> None:
        """End the run. Only the first outcome counts."""
        with self._lock:
            if self.outcome is not None:
                return
            self.server_back()
            pictures = {node_id: tuple(pictures) for node_id, pictures in self._pictures.items()}
            failures = outcome.node_failures or tuple(self._node_failures)
            summary = outcome.summary or self._summary
            self.outcome = replace(
                outcome,
                ending=ending_with(outcome.ending, failures, summary) or outcome.ending,
                pictures=pictures,
                blocked=tuple(self._blocked),
                owners={**self._owners, **outcome.owners},
                cached=outcome.cached or self._cached,
                node_failures=failures,
                summary=summary,
            )
            self._catch_up(self.outcome)
            self._emit(told.RunDone(self.prompt_id, self.outcome))
            self._wake()

    def told_outcome(self) -> Outcome | None:
        """The outcome from the events alone; None if they are incomplete."""
        with self._lock:
            if self.ending == "error" and self._failure is not None:
                return Outcome("error", dict(self._outputs), failure=self._failure)
            if self.ending == "interrupted":
                return Outcome("interrupted", dict(self._outputs), interruption=self._interruption)
            ending = ending_with(self.ending, self._node_failures, self._summary)
            if ending in ("success", "partial_success") and not self.gap:
                return Outcome(ending, dict(self._outputs))
            return None

    def pictures_whole(self, node_id: str) -> bool:
        """Whether every picture of the nodes that send pictures over the socket has arrived."""
        with self._lock:
            sent = len(self._pictures.get(node_id, ()))
            return sent > 0 and (not self.gap or self._progress.get(node_id) == (sent, sent))

    def feed_for(self, signal: Signal) -> Feed:
        """All events so far and from now on, for one reader."""
        with self._lock:
            feed = self._backlog.copy_for(signal)
            self._feeds.append(feed)
            return feed

    def follow(self, feed: Feed) -> None:
        """Put all events so far, and from now on, into a given feed."""
        with self._lock:
            for event in self._backlog.events:
                feed.put(event)
            self._feeds.append(feed)

    def drop(self, feed: Feed) -> None:
        """Detach a reader."""
        with self._lock:
            if feed in self._feeds:
                self._feeds.remove(feed)

    def node(self, node_id: str, shown: str | None = None) -> RunNode:
        """The prompt's node for an id, which may be that of an expanded node."""
        for candidate in (shown, node_id, self._owners.get(node_id), node_id.partition(".")[0]):
            if candidate is not None and candidate in self.nodes:
                return self.nodes[candidate]
        return RunNode(shown or node_id, "", "", {})

    def has(self, node_id: str | None) -> bool:
        """Whether a node may belong to this prompt, directly or by expansion."""
        known = (node_id, self._owners.get(node_id or ""), (node_id or "").partition(".")[0])
        return node_id is None or not self.nodes or any(name in self.nodes for name in known)

    def describe(self) -> str:
        """Its state, as the end of a sentence."""
        with self._lock:
            if self.outcome is not None:
                return f"it has ended ({self.outcome.ending})"
            if self.ended:
                return "it has ended, but is not in the server's history yet"
            if self._current is not None:
                value, maximum = self._progress.get(self._current, (0.0, 0.0))
                steps = f", {value:g} of {maximum:g}" if maximum > 1 else ""
                return f"the server is at {self.node(self._current)}{steps}"
            if self.started:
                return "the server has started it"
            if self.ahead:
                return f"{self.ahead} prompts are before it in the queue"
            return "it waits in the queue" if self.seen else "no event has arrived for it"

    def _wake(self) -> None:
        self.signal.set()
        for feed in self._feeds:
            feed.wake()

    def _emit(self, event: RunEvent) -> None:
        self._backlog.put(event)
        for feed in self._feeds:
            feed.put(event)

    def _catch_up(self, outcome: Outcome) -> None:
        """Emit what the history knows and no event has reported: there was no socket, or it was late."""
        self._owners.update(outcome.owners)
        if outcome.from_history and not self.started:
            self.started = True
            self._emit(told.RunStarted(self.prompt_id))
        if outcome.cached and not self._cached:
            self._emit(told.NodesCached(self.prompt_id, tuple(map(self.node, outcome.cached))))
        for failure in outcome.node_failures[len(self._node_failures) :]:
            self._tell_failure(failure)
        for node_id, output in outcome.outputs.items():
            if output and node_id not in self._outputs:
                self._emit(told.NodeOutputs(self.prompt_id, self.node(node_id), output))

    def _start(self, _: server.ExecutionStart) -> None:
        if not self.started:
            self.started = True
            self._emit(told.RunStarted(self.prompt_id))

    def _cache(self, event: server.ExecutionCached) -> None:
        self._cached = event.nodes
        self._emit(told.NodesCached(self.prompt_id, tuple(self.node(name) for name in event.nodes)))

    def _execute(self, event: server.Executing) -> None:
        if event.node is None:
            self.recorded = True
            self._wake()
            return
        if not self.started:
            self.started = True
            self._emit(told.RunStarted(self.prompt_id))
        self._current = event.node
        self._emit(told.NodeStarted(self.prompt_id, self.node(event.node, event.display_node)))

    def _step(self, node: str, shown: str | None, value: float, maximum: float) -> None:
        if self._progress.get(node) != (value, maximum):
            self._progress[node] = (value, maximum)
            self._emit(told.NodeProgress(self.prompt_id, self.node(node, shown), value, maximum))

    def _progressed(self, event: server.Progress) -> None:
        node = event.node or self._current
        if node is not None:
            self._step(node, None, event.value, event.maximum)

    def _states(self, event: server.ProgressState) -> None:
        for node_id, state in event.nodes.items():
            if node_id in self._finished:
                continue
            if state.maximum > 1:
                self._step(node_id, state.display_node, state.value, state.maximum)
            if state.state == "finished":
                self._finished.add(node_id)
                node = self.node(node_id, state.display_node)
                self._emit(told.NodeFinished(self.prompt_id, node))

    def _output(self, event: server.Executed) -> None:
        self._owners[event.node] = event.display_node
        if event.output is not None:
            self._outputs[event.node] = event.output
        node = self.node(event.node, event.display_node)
        self._emit(told.NodeOutputs(self.prompt_id, node, event.output))

    def _picture(self, event: server.SocketImage) -> None:
        node_id = event.node or self._current
        if node_id is None:
            return
        node = self.node(node_id, event.display_node)
        if is_output_picture(node, event):
            self._pictures.setdefault(node.node_id, []).append(event)
            self._emit(told.NodePicture(self.prompt_id, node, event.image, event.format))
        else:
            self._emit(told.NodePreview(self.prompt_id, node, event.image, event.format))

    def _message(self, event: server.NodeMessage) -> None:
        self._emit(told.NodeText(self.prompt_id, self.node(event.node), event.text))

    def _custom(self, event: server.UnknownMessage) -> None:
        self._emit(told.RunMessage(self.prompt_id, event.type, event.data))

    def _succeed(self, event: server.ExecutionSuccess) -> None:
        # No waiter is woken: `executing {node: null}` follows at once, and only then the history
        # has the prompt. If it does not come, waiters look soon enough anyway.
        self._summary = event.summary
        self.ending = self.ending or "success"

    def _fail(self, event: server.ExecutionFailed) -> None:
        if event.blocked:
            self._blocked.append(event)
            node = self.node(event.node_id or "")
            self._emit(told.NodeBlocked(self.prompt_id, node, event.exception_message))
            return
        self._failure = self._failure or event
        self._summary = event.summary
        self._end("error")

    def _fail_node(self, event: server.ExecutionNodeFailed) -> None:
        self._node_failures.append(event)
        self._tell_failure(event)

    def _tell_failure(self, event: server.ExecutionNodeFailed) -> None:
        node = self.node(event.node_id or "", event.display_node)
        self._emit(
            told.NodeFailed(
                self.prompt_id, node, event.exception_type, event.exception_message, event.traceback
            )
        )

    def _interrupt(self, event: server.ExecutionInterrupted) -> None:
        self._interruption = event
        self._end("interrupted")

    def _end(self, ending: Ending) -> None:
        self.ending = self.ending or ending
        self._wake()


def is_output_picture(node: RunNode, picture: server.SocketImage) -> bool:
    """Whether a picture from the socket is an output, not a preview of something unfinished.

    ``SaveImageWebsocket`` sends its outputs as previews. Nodes of other packs that do the same are recognized
    by this: previews are JPEG, and come from nodes that others depend on.
    """
    return node.class_type in PICTURE_CLASSES or (node.sink and picture.format == "png")


def picture_senders(prompt: Mapping[str, Any], targets: Collection[str] | None) -> frozenset[str]:
    """The nodes of a prompt that send their pictures only over the socket.

    Args:
        prompt: The prompt JSON.
        targets: The outputs that are run; None for all.
    """
    return frozenset(
        node_id
        for node_id, node in prompt.items()
        if object_or_empty(node).get("class_type") in PICTURE_CLASSES
        and (targets is None or node_id in targets)
    )


def run_nodes(prompt: Mapping[str, Any], places: Mapping[str, Place]) -> dict[str, RunNode]:
    """The nodes of a prompt, for events to refer to."""
    used = {
        link.node_id
        for node in prompt.values()
        for _, link in read_links(object_or_empty(node).get("inputs"))
    }
    nodes: dict[str, RunNode] = {}
    for node_id, node in prompt.items():
        entry = object_or_empty(node)
        title = title_of(entry) or ""
        class_type = text_or_empty(entry.get("class_type"))
        nodes[node_id] = RunNode(node_id, class_type, title, places, node_id not in used)
    return nodes


_READERS: Final[Mapping[type[server.BaseServerEvent], Callable[[Run, Any], None]]] = {
    server.ExecutionStart: Run._start,
    server.ExecutionCached: Run._cache,
    server.Executing: Run._execute,
    server.Progress: Run._progressed,
    server.ProgressState: Run._states,
    server.Executed: Run._output,
    server.SocketImage: Run._picture,
    server.NodeMessage: Run._message,
    server.UnknownMessage: Run._custom,
    server.ExecutionSuccess: Run._succeed,
    server.ExecutionFailed: Run._fail,
    server.ExecutionNodeFailed: Run._fail_node,
    server.ExecutionInterrupted: Run._interrupt,
}
