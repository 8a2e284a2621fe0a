"""The display of a run: for people, for scripts, or none."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..client.run_event import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeOutputs,
    NodeProgress,
    NodesCached,
    NodeStarted,
    NodeText,
    RunDone,
    RunEvent,
    RunMessage,
    RunQueued,
    RunStarted,
    ServerAway,
    ServerBack,
)
from .streams import plain, show_events_only

if TYPE_CHECKING:
    from rich.progress import TaskID

_LONGEST: Final = 160


class Display(Protocol):
    """A display for the events of a run."""

    def show(self, event: RunEvent) -> None:
        """Show an event."""
        ...

    def close(self) -> None:
        """Leave the screen in its final state."""
        ...


class SilentRun:
    """Shows nothing."""

    def show(self, event: RunEvent) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class RunJsonLines:
    """One JSON object per line, on standard output."""

    def show(self, event: RunEvent) -> None:
        """Write the event, if it is worth a line."""
        shown = event_json(event)
        if shown is not None:
            write_line(shown)

    def close(self) -> None:
        """Do nothing: every line has been written already."""


class Bars:
    """Bars on standard error: the queue and the nodes, the running node, its steps, rate and time.

    Args:
        nodes: How many nodes the prompt has.
    """

    def __init__(self, nodes: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._progress.start()
        self._total = nodes
        self._all: TaskID = self._progress.add_task("waiting", total=None, rate="", count="")
        self._nodes: dict[str, TaskID] = {}
        self._done: set[str] = set()
        self._current: str | None = None
        self._says_ends = False
        """Whether the server reports when a node ends; those before about 0.3.45 do not."""

    def show(self, event: RunEvent) -> None:
        """Advance the bars."""
        if isinstance(event, RunQueued):
            self._progress.update(self._all, description=f"in the queue, {event.ahead} before it")
        elif isinstance(event, RunStarted):
            self._progress.update(self._all, description="running")
            self._count()
        elif isinstance(event, NodesCached) and event.nodes:
            self._progress.console.print(f"{len(event.nodes)} nodes are cached", style="dim")
            self._count(*(node.node_id for node in event.nodes))
        elif isinstance(event, NodeStarted):
            self._only(event.node.node_id, plain(event.node))
            if self._current not in (None, event.node.node_id) and not self._says_ends:
                self._count(self._current or "")
            self._current = event.node.node_id
        elif isinstance(event, NodeFinished):
            self._says_ends = True
            self._count(event.node.node_id)
        elif isinstance(event, NodeProgress):
            bar = self._only(event.node.node_id, plain(event.node))
            count = f"{event.value:g}/{event.maximum:g}"
            self._progress.update(bar, completed=event.value, total=event.maximum, count=count)
            self._progress.update(bar, rate=self._rate(bar))
        elif isinstance(event, RunDone):
            if event.outcome.ending == "success":
                self._count(done=self._total)
        elif isinstance(event, NodeText):
            self._say(event)
        elif isinstance(event, (NodeBlocked, NodeFailed, ServerAway, ServerBack)):
            self._progress.console.print(plain(_trouble(event)), markup=False, highlight=False)

    def close(self) -> None:
        """Remove the bars from the screen."""
        self._progress.stop()

    def _count(self, *ended: str, done: int | None = None) -> None:
        """Advance the bar of all nodes."""
        self._done.update(ended)
        done = min(len(self._done), self._total) if done is None else done
        self._progress.update(self._all, completed=done, total=self._total, count=f"{done}/{self._total}")

    def _only(self, node_id: str, name: str) -> TaskID:
        """The bar of a node; other nodes' bars are removed."""
        for other in [key for key in self._nodes if key != node_id]:
            self._progress.remove_task(self._nodes.pop(other))
        if node_id not in self._nodes:
            from rich.markup import escape

            self._nodes[node_id] = self._progress.add_task(f"  {escape(name)}", total=None, rate="", count="")
        return self._nodes[node_id]

    def _say(self, event: NodeText) -> None:
        """Show a string next to its node's name; nodes that wait for a service send one per second."""
        from rich.markup import escape

        text = plain(f"{event.node}: {joined_lines(event.text)}")
        self._progress.update(
            self._only(event.node.node_id, plain(event.node)), description=f"  {escape(text)}"
        )

    def _rate(self, bar: TaskID) -> str:
        task = next((task for task in self._progress.tasks if task.id == bar), None)
        speed = task.speed if task is not None else None
        return f"{speed:.1f}/s" if speed else ""


class RunLines:
    """One line per node on standard error, if there is no terminal to show bars."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def show(self, event: RunEvent) -> None:
        """Write the node that starts, its text if the first line is new, why a node does not run or has
        failed, and that the server is away.
        """
        if isinstance(event, NodeStarted):
            print(f"running {plain(event.node)}", file=sys.stderr, flush=True)
        elif isinstance(event, (NodeBlocked, NodeFailed, ServerAway, ServerBack)):
            print(plain(_trouble(event)), file=sys.stderr, flush=True)
        elif isinstance(event, NodeText):
            first = event.text.partition("\n")[0]
            if self._said.get(event.node.node_id) != first:
                self._said[event.node.node_id] = first
                print(plain(f"{event.node}: {joined_lines(event.text)}"), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing."""


def joined_lines(text: str) -> str:
    """A string of several lines, shortened to one."""
    shown = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def display(nodes: int, *, as_json: bool, quiet: bool) -> Display:
    """The display for where the output goes.

    Args:
        nodes: How many nodes the prompt has.
        as_json: JSON lines on standard output.
        quiet: Nothing.
    """
    show_events_only()
    if as_json:
        return RunJsonLines()
    if quiet:
        return SilentRun()
    return Bars(nodes) if sys.stderr.isatty() else RunLines()


def event_json(event: RunEvent) -> dict[str, Any] | None:
    """An event as plain JSON; None if it is not worth a line (pictures, ends of nodes)."""
    shown: dict[str, Any] | None = None
    if isinstance(event, RunQueued):
        shown = {"event": "queued", "ahead": event.ahead}
    elif isinstance(event, RunStarted):
        shown = {"event": "started"}
    elif isinstance(event, NodesCached):
        shown = {"event": "cached", "nodes": [node.node_id for node in event.nodes]}
    elif isinstance(event, NodeStarted):
        shown = {"event": "node", **_node(event)}
    elif isinstance(event, NodeProgress):
        shown = {"event": "progress", **_node(event), "value": event.value, "max": event.maximum}
    elif isinstance(event, NodeText):
        shown = {"event": "text", **_node(event), "text": event.text}
    elif isinstance(event, RunMessage):
        shown = {"event": "message", "type": event.type, "data": event.data}
    elif isinstance(event, (NodeBlocked, NodeFailed, ServerAway, ServerBack)):
        shown = _trouble_json(event)
    elif isinstance(event, NodeOutputs):
        shown = {"event": "output", **_node(event), "output": event.raw}
    elif isinstance(event, RunDone):
        shown = {"event": "done", "ending": event.outcome.ending}
    return None if shown is None else {"prompt_id": event.prompt_id, **shown}


def _trouble_json(event: NodeBlocked | NodeFailed | ServerAway | ServerBack) -> dict[str, Any]:
    if isinstance(event, ServerAway):
        return {"event": "server_away", "message": event.reason}
    if isinstance(event, ServerBack):
        return {"event": "server_back", "seconds": round(event.seconds, 3)}
    if isinstance(event, NodeBlocked):
        return {"event": "blocked", **_node(event), "message": event.message}
    raised = {"exception_type": event.exception_type, "message": event.exception_message}
    return {"event": "node_error", **_node(event), **raised}


def _trouble(event: NodeBlocked | NodeFailed | ServerAway | ServerBack) -> str:
    if isinstance(event, ServerAway):
        return f"the server does not respond, trying again: {joined_lines(event.reason)}"
    if isinstance(event, ServerBack):
        return f"the server responds again after {event.seconds:.0f} s"
    if isinstance(event, NodeFailed):
        why = f"{event.exception_type}: {joined_lines(event.exception_message)}"
        return f"{event.node} failed, but the rest continues: {why}"
    why = event.message.removeprefix("Execution Blocked: ")
    return f"{event.node} is blocked and does not run: {why}"


def write_line(value: dict[str, Any]) -> None:
    """Write a JSON object as a line of standard output, and flush it."""
    print(json.dumps(value, default=str), flush=True)


def _node(
    event: NodeStarted | NodeProgress | NodeText | NodeBlocked | NodeFailed | NodeOutputs,
) -> dict[str, Any]:
    node = event.node
    return {"node": node.node_id, "class_type": node.class_type, "title": node.title}
