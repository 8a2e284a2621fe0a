"""The servers of a batch: which there are, which of them answer, and what each offers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ..errors import ClientError, ServerUnreachable
from .books import Books
from .fleet import Fleet, RowServer
from .record import Attempt
from .report import ServerEvent, ServerStanding
from .schedule import Schedule

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds that a server that does not answer is skipped for; they double from the first to the last."""

_GIVEN_UP: Final = 600.0
"""Seconds after which a batch without any server ends."""


class ServerPool:
    """The servers of a batch.

    Args:
        fleet: Creates them.
        schedule: Learns which of them answer, and what they offer.
        books: Records what happens to prompts.
        is_busy: Whether servers have rows.
        abandoned: Reads the attempts whose prompts may still be on a server that was away.
        beside: Runs something beside the main loop.
        wake: Called when the schedule may have changed.
    """

    def __init__(
        self,
        fleet: Fleet,
        schedule: Schedule,
        books: Books,
        *,
        is_busy: Callable[[], bool],
        abandoned: Callable[[], Awaitable[Sequence[Attempt]]],
        beside: Callable[[Callable[[], Awaitable[None]]], None],
        wake: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._schedule = schedule
        self._books = books
        self._is_busy = is_busy
        self._abandoned = abandoned
        self._beside = beside
        self._wake = wake
        self._servers: dict[str, RowServer] = {}
        self._former: dict[str, RowServer] = {}
        self._asking: dict[str, asyncio.Event] = {}
        self._reasons: dict[str, str] = {}
        self._useful = time.monotonic()
        self._met = False

    def __contains__(self, url: str) -> bool:
        return url in self._servers

    def __getitem__(self, url: str) -> RowServer:
        return self._servers[url]

    def standing(self) -> tuple[ServerStanding, ...]:
        """How each server stands."""
        return tuple(
            ServerStanding(
                url,
                self._schedule.is_available(url),
                tuple(sorted(self._schedule.of(url))),
                self._books.completed[url],
                server.doing(),
                self._reasons.get(url, ""),
            )
            for url, server in self._servers.items()
        )

    async def start(self, out: Path) -> None:
        """Add the servers that the fleet starts with.

        Args:
            out: The output folder.
        """
        for name in await self._fleet.start(out):
            self._join(name)

    async def watch(self) -> None:
        """Add servers that join later, for as long as any may."""
        await self._fleet.watch(self._join)

    def leave_prompts(self) -> None:
        """Leave what is on the servers for the next run to find."""
        for server in (*self._servers.values(), *self._former.values()):
            server.leaves_prompts = True

    async def close(self) -> None:
        """Close all connections."""
        for server in (*self._servers.values(), *self._former.values()):
            await server.close()
        await self._fleet.close()

    def former(self, name: str) -> RowServer:
        """A server that had rows when an earlier process ended, whether or not it is in this run."""
        if self._fleet.is_own(name):
            self._join(name)
        server = self._servers.get(name) or self._former.get(name)
        if server is None:
            server = self._former[name] = self._fleet.make(name)
        return server

    def lose(self, url: str, reason: str) -> None:
        """Note that a server does not answer."""
        if self._reasons.get(url) != reason:
            self._books.tell(ServerEvent(url, available=False, reason=reason))
        self._reasons[url] = reason
        self._schedule.away(url)

    def ask(self, url: str) -> None:
        """Ask a server again what it has, and remove what it should no longer have."""
        self._asking[url].set()

    def ask_for_classes(self) -> None:
        """Ask for node classes that waiting rows need and of which nothing is known."""
        for url in self._servers:
            if self._schedule.is_available(url) and self._schedule.unknown(url):
                self.ask(url)

    def used(self) -> None:
        """Note that rows are being sent."""
        self._useful = time.monotonic()

    def give_up(self) -> None:
        """End the batch if rows wait and there is no server for them.

        Raises:
            ServerUnreachable: This has lasted too long.
        """
        if self._is_busy() or not self._schedule.waiting:
            self.used()
        elif time.monotonic() - self._useful > _GIVEN_UP:
            raise self._nobody()

    def _nobody(self) -> ServerUnreachable:
        said = "; ".join(f"{url}: {reason}" for url, reason in self._reasons.items())
        waiting = self._books.counts["pending"]
        rows = f"{waiting:,} {'row waits' if waiting == 1 else 'rows wait'}; " if waiting else ""
        return ServerUnreachable(
            f"no server takes rows ({said or 'none answers'}); {rows}run the same command again to continue"
        )

    def _join(self, name: str) -> None:
        """Add a server, which gets rows once it has listed what it has."""
        if name in self._servers:
            return
        server = self._fleet.make(name)
        if server.url not in self._servers:
            self._servers[server.url] = server
            self._schedule.add_server(server.url)
            self._asking[server.url] = asyncio.Event()
            self._beside(partial(self._attend, server))

    async def _attend(self, server: RowServer) -> None:
        """Ask a server what it has, and skip it for a while if it does not answer."""
        url, asking = server.url, self._asking[server.url]
        pause = _FIRST_PAUSE
        while True:
            asking.clear()
            try:
                offers = await server.offers(self._schedule.unknown(url))
                await self._settle(server)
            except ClientError as error:
                self.lose(url, str(error).partition("\n")[0])
                alone = not (self._fleet.is_open or self._met or self._is_busy())
                if alone and len(self._reasons) == len(self._servers):
                    raise self._nobody() from None
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if not self._schedule.is_available(url):
                self._reasons.pop(url, None)
                self._books.tell(ServerEvent(url, available=True))
            pause, self._met = _FIRST_PAUSE, True
            self._schedule.available(url, offers)
            self._wake()
            if not self._schedule.unknown(url):
                await asking.wait()
                if not self._schedule.is_available(url):
                    await asyncio.sleep(pause)

    async def _settle(self, server: RowServer) -> None:
        """Remove prompts from a server that was away, whose rows were sent elsewhere."""
        left = [each.prompt_id for each in await self._abandoned() if each.server == server.url]
        if left:
            for prompt_id, ending in (await server.remove(left)).items():
                self._books.settled(prompt_id, ending)
