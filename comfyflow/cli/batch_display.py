"""The display of a running batch: a table on a terminal, lines elsewhere, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..batch.report import BatchEvent, RowEvent, ServerEvent, Standing
from .progress import write_line
from .streams import plain, say, show_events_only

if TYPE_CHECKING:
    from rich.console import RenderableType

_LINE_SECONDS: Final = 10.0
_A_SECOND: Final = 4
_LONGEST: Final = 200


class BatchDisplay(Protocol):
    """A display for the events of a batch."""

    def show(self, event: BatchEvent) -> None:
        """Show an event."""
        ...

    def close(self) -> None:
        """Leave the screen in its final state."""
        ...


class Silent:
    """Shows only what went wrong."""

    def show(self, event: BatchEvent) -> None:
        """Write a row that is set aside."""
        _tell_trouble(event)

    def close(self) -> None:
        """Nothing."""


class BatchJsonLines:
    """One JSON object per line, on standard output."""

    def show(self, event: BatchEvent) -> None:
        """Write it."""
        write_line(batch_event_json(event))

    def close(self) -> None:
        """Do nothing: every line has been written already."""


class Lines:
    """A line every few seconds on standard error, and one for each row that is set aside.

    Args:
        standing: Returns the batch's progress.
    """

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._standing = standing
        self._next = 0.0
        self._said = ""

    def show(self, event: BatchEvent) -> None:
        """Write what went wrong, and now and then the progress."""
        _tell_trouble(event)
        now = self._standing()
        if now.seconds >= self._next:
            self._next = now.seconds + _LINE_SECONDS
            self._say(now)

    def close(self) -> None:
        """Write the final progress."""
        self._say(self._standing())

    def _say(self, now: Standing) -> None:
        line, before = progress_line(now), self._said
        self._said = line
        if line != before:
            say(line, err=True)


class Table:
    """A bar and the servers, on standard error.

    Args:
        standing: Returns the batch's progress.
    """

    def __init__(self, standing: Callable[[], Standing]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._standing = standing
        self._live = Live(
            get_renderable=self._picture,
            console=Console(stderr=True),
            refresh_per_second=_A_SECOND,
            transient=True,
        )

    def show(self, event: BatchEvent) -> None:
        """Write what went wrong above the table, which shows the rest."""
        if not self._live.is_started:
            self._live.start()
        line = trouble(event)
        if line:
            self._live.console.print(plain(line), markup=False, highlight=False)

    def close(self) -> None:
        """Remove the table, and write the final progress."""
        self._live.stop()
        say(progress_line(self._standing()), err=True)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.markup import escape
        from rich.progress_bar import ProgressBar
        from rich.table import Table as Grid

        now = self._standing()
        servers = Grid.grid(padding=(0, 2))
        for each in now.servers:
            rows = ", ".join(map(str, each.rows))
            doing = f"row {rows}" if rows else "free"
            what = f"{doing}: {each.doing}" if each.doing else doing
            left_alone = f"skipped: {each.reason}" if each.reason else "is being queried"
            shown = what if each.available else left_alone
            servers.add_row(
                escape(plain(each.url)), f"{each.completed:,} done", escape(plain(shown)[:_LONGEST])
            )
        bar = ProgressBar(total=now.total, completed=now.ended, width=40, pulse=now.total is None)
        return Group(escape(progress_line(now)), bar, servers)


def batch_display(standing: Callable[[], Standing], *, as_json: bool, quiet: bool) -> BatchDisplay:
    """The display for the output.

    Args:
        standing: Returns the batch's progress.
        as_json: One JSON object per line.
        quiet: Only what went wrong.
    """
    show_events_only()
    if as_json:
        return BatchJsonLines()
    if quiet:
        return Silent()
    return Table(standing) if sys.stderr.isatty() else Lines(standing)


def progress_line(now: Standing) -> str:
    """A batch's progress, in one line."""
    of = "" if now.total is None else f" of {now.total:,}"
    parts = [f"{now.counts['completed']:,}{of} rows done"]
    parts += [
        f"{now.counts[state]:,} {state}" for state in ("failed", "invalid", "cancelled") if now.counts[state]
    ]
    if now.counts["in_progress"]:
        parts.append(f"{now.counts['in_progress']:,} running")
    if now.here:
        parts.append(f"{now.rate:.1f} per second")
    left = now.seconds_left
    if left is not None and left > 0:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds for people: ``3 h 05 min``, ``4 min 10 s``, ``12 s``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"


def trouble(event: BatchEvent) -> str:
    """What went wrong, in one line; empty if nothing did."""
    if isinstance(event, ServerEvent):
        return "" if event.available else f"{event.url} is skipped for a while: {_first(event.reason)}"
    if event.state in ("failed", "invalid"):
        what = "failed" if event.state == "failed" else "is invalid"
        return f"row {event.number} {what}: {_first(event.error)}"
    if event.state == "pending" and event.failure is not None:
        return f"row {event.number} is sent again ({event.failure}): {_first(event.error)}"
    return ""


def _tell_trouble(event: BatchEvent) -> None:
    line = trouble(event)
    if line:
        say(line, err=True)


def _first(text: str) -> str:
    return text.partition("\n")[0][:_LONGEST]


def batch_event_json(event: BatchEvent) -> dict[str, Any]:
    """An event as plain JSON."""
    if isinstance(event, ServerEvent):
        shown: dict[str, Any] = {"event": "server", "server": event.url, "available": event.available}
        return {**shown, "reason": event.reason} if event.reason else shown
    return row_json(event)


def row_json(event: RowEvent) -> dict[str, Any]:
    """What happened to a row as plain JSON."""
    shown: dict[str, Any] = {"event": "row", "row": event.number, "state": event.state}
    if event.server is not None:
        shown |= {"server": event.server, "prompt_id": event.prompt_id}
    if event.failure is not None or event.error:
        shown |= {"failure": event.failure, "error": event.error}
    if event.files:
        shown["files"] = [file.name for file in event.files]
    return shown
