"""``comfyflow status``: what servers are and what they are doing, once or continuously."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from ..configuration import named_servers
from . import UNUSABLE
from .connection import connected
from .options import connection_options, json_text, server_url, servers_option
from .streams import plain, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .server_watch import ServerWatch

_A_SECOND: Final = 4
_LINE_SECONDS: Final = 10.0
_LONGEST: Final = 200


@click.command("status")
@servers_option
@click.option("--watch", is_flag=True, help="Continue until Ctrl-C, which ends it with exit code 0.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=2.0,
    help="With --watch: how often to poll a server.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; one object per line with --watch.")
def status(servers: tuple[str, ...], watch: bool, interval: float, as_json: bool) -> None:
    """Show what servers are and what they are doing; repeat --server for several.

    With --watch, the queue, running prompts and their progress, memory and rates are shown
    live in a terminal, and as lines elsewhere. A server that stops responding is shown as gone, and polled
    again.

    Exit codes: 0 every server responded, or Ctrl-C ended --watch; 2 one did not respond.
    """
    from .server_watch import ServerWatch

    named = named_servers(servers)
    if not watch and len(named) == 1:
        with connected(named[0].url if servers else None):
            pass  # gives advice if none answers
    options = connection_options()
    watched = [ServerWatch(server_url(each.url), options) for each in named]
    if watch:
        _watch(watched, interval, as_json=as_json)
        return
    asyncio.run(_look(watched))
    if as_json:
        told = [_whole_json(each) for each in watched]
        click.echo(json_text(told[0] if len(told) == 1 else told), nl=False)
    else:
        for each in watched:
            say("\n".join(_lines(each)))
    if not all(each.up for each in watched):
        raise click.exceptions.Exit(UNUSABLE)


async def _look(watched: Sequence[ServerWatch]) -> None:
    await asyncio.gather(*(each.look() for each in watched))


def _whole_json(server: ServerWatch) -> dict[str, Any]:
    """What a server is and what it is doing, with everything that it reports."""
    return {**server.to_json(), **(server.stats or {})}


def _lines(server: ServerWatch) -> list[str]:
    if not server.up:
        return [f"{plain(server.url)}: gone: {server.reason}"]
    return [
        f"ComfyUI {server.version} at {server.url}",
        f"queue: {server.remaining} running or waiting",
        *([f"runs: {server.doing}"] if server.running else []),
        *(
            f"device: {device.name}, {size(device.vram_free)} of {size(device.vram_total)} free"
            for device in server.devices
        ),
    ]


def size(value: object) -> str:
    """Bytes for people."""
    return f"{value / 2**30:.1f} GiB" if isinstance(value, (int, float)) else "?"


# Continuously


class _View(Protocol):
    """A display of servers."""

    def changed(self, server: ServerWatch) -> None:
        """Show news of a server."""
        ...

    def close(self) -> None:
        """Leave the screen in its final state."""
        ...


def _watch(watched: Sequence[ServerWatch], interval: float, *, as_json: bool) -> None:
    """Watch servers until Ctrl-C."""
    view = _view(watched, interval, as_json=as_json)
    for each in watched:
        each.tell(view.changed)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_watch_all(watched, interval))
    finally:
        view.close()


def _view(watched: Sequence[ServerWatch], interval: float, *, as_json: bool) -> _View:
    if as_json:
        return _JsonLines(interval)
    return _Table(watched) if sys.stdout.isatty() else _TextLines()


async def _watch_all(watched: Sequence[ServerWatch], interval: float) -> None:
    await asyncio.gather(*(each.watch(interval) for each in watched))


class _JsonLines:
    """One JSON object per line: for each server when its queue changes, and otherwise at most once per
    interval.

    Args:
        interval: Seconds between lines that differ only in steps and memory.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._said: dict[int, tuple[object, float]] = {}

    def changed(self, server: ServerWatch) -> None:
        """Write it."""
        from .progress import write_line

        key, now = _key(server), time.monotonic()
        before = self._said.get(id(server))
        if before is None or before[0] != key or now - before[1] >= self._interval:
            self._said[id(server)] = (key, now)
            write_line(server.to_json())

    def close(self) -> None:
        """Do nothing: every line has been written already."""


class _TextLines:
    """A line for a server when its queue changes, and every few seconds while it works."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[object, float]] = {}

    def changed(self, server: ServerWatch) -> None:
        """Write it."""
        key, now = _key(server), time.monotonic()
        before = self._said.get(id(server))
        steps_on = before is not None and server.steps is not None and now - before[1] >= _LINE_SECONDS
        if before is None or before[0] != key or steps_on:
            self._said[id(server)] = (key, now)
            say(_line(server))
            sys.stdout.flush()

    def close(self) -> None:
        """Nothing."""


def _key(server: ServerWatch) -> object:
    """The part of the state that is worth an immediate line."""
    running = tuple(each.prompt_id for each in server.running)
    return (server.up, server.reason, server.remaining, running, server.ended)


def _line(server: ServerWatch) -> str:
    if not server.up:
        return f"{server.url}: {_state(server)}"
    parts = [f"{server.waiting} waiting", f"runs {server.doing}"]
    if server.ended:
        parts.append(_rate(server))
    return f"{server.url}: {', '.join(parts)}"


def _state(server: ServerWatch) -> str:
    return f"gone: {server.reason}"[:_LONGEST] if server.up is False else "being asked"


def _rate(server: ServerWatch) -> str:
    rate = server.per_minute
    return f"{server.ended} ended" + (f", {rate:.1f} per minute" if rate else "")


class _Table:
    """A table of the servers, which is redrawn continuously.

    Args:
        watched: The servers.
    """

    def __init__(self, watched: Sequence[ServerWatch]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            get_renderable=lambda: self.picture(watched),
            console=Console(file=sys.stdout),
            refresh_per_second=_A_SECOND,
        )
        self._live.start()

    def changed(self, server: ServerWatch) -> None:
        """Do nothing: it is redrawn a few times a second."""

    def close(self) -> None:
        """Leave the last one on the screen."""
        self._live.stop()

    @staticmethod
    def picture(watched: Sequence[ServerWatch]) -> RenderableType:
        """The current table."""
        from rich.box import SIMPLE
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=SIMPLE)
        for title in ("server", "waiting", "runs", "memory free", "ended"):
            table.add_column(title, overflow="fold")  # the end of an address tells servers apart
        for server in watched:
            name = escape(plain(server.url))
            if not server.up:
                table.add_row(name, "", escape(plain(_state(server))), "", "", style="dim")
                continue
            memory = "\n".join(
                f"{size(device.vram_free)} of {size(device.vram_total)}" for device in server.devices
            )
            doing = escape(plain(server.doing))
            table.add_row(name, str(server.waiting), doing, memory, _rate(server) if server.ended else "")
        return table
