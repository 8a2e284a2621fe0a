"""Which row goes to which server next, without I/O.

A server gets only rows that it can run: those whose node classes it has, and whose files it lists. A row
whose files no server lists goes to any server with its classes, which reports what is wrong: some accept more
than they list. Rows that need the same models go to the same server, one after the other, so that it loads
them once: a server keeps its models for as long as rows wait for them, and then takes those that most rows
wait for and fewest servers have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral, Real
from typing import Final

from ..errors import CommandError

_LOOKED_AT: Final = 64
"""How many kinds of rows are compared when a server switches to another one."""

_OVERTAKEN: Final = 4
"""A waiting row is taken before all others after this many times the window."""


@dataclass(frozen=True)
class Need:
    """What a row needs from a server.

    Attributes:
        classes: Node classes.
        models: Files that must be installed, as servers list them.
    """

    classes: frozenset[str]
    models: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Offer:
    """A node class that a server has.

    Attributes:
        files: Every choice that its inputs currently list.
        is_open: Whether it has inputs whose choices only the server knows.
    """

    files: frozenset[str] = frozenset()
    is_open: bool = False


@dataclass(frozen=True)
class Assignment:
    """A row to send.

    Attributes:
        number: The row.
        server: The server.
        alone: Whether to free the server before it.
    """

    number: int
    server: str
    alone: bool = False


@dataclass
class _Server:
    """What is known about a server.

    Attributes:
        available: Whether it answered when it was last asked.
        asked: Its answers about the requested classes; None for a class that it does not have.
        in_flight: The rows that it has.
        warm: What its last row needs.
        reserved: The row that it will run alone, once it has nothing else.
        alone: Whether it is running that row.
    """

    available: bool = False
    asked: dict[str, Offer | None] = field(default_factory=dict[str, "Offer | None"])
    in_flight: set[int] = field(default_factory=set[int])
    warm: Need | None = None
    reserved: int | None = None
    alone: bool = False

    def lacks(self, need: Need) -> tuple[list[str], list[str]]:
        """The classes and files that it lacks."""
        classes = sorted(name for name in need.classes if self.asked.get(name) is None)
        offers = [offer for name in need.classes if (offer := self.asked.get(name)) is not None]
        if any(offer.is_open for offer in offers):
            return classes, []
        return classes, sorted(need.models.difference(*(offer.files for offer in offers)))

    def can_run(self, need: Need) -> bool:
        return not any(self.lacks(need))


def check_counts(depth: object, window: object) -> None:
    """Refuse counts of rows with which a batch would wait forever.

    Args:
        depth: How many rows to queue per server.
        window: How many rows may wait.

    Raises:
        CommandError: One of them is not a count.
    """
    for name, count, kind in (("depth", depth, Integral), ("window", window, Real)):
        if not isinstance(count, kind) or not float(count) >= 1:
            raise CommandError(f"{name} must be a number of rows, at least 1, not {count!r}")


class Schedule:
    """The waiting rows, the servers, and which server gets what.

    Args:
        depth: How many rows to queue per server.
        window: How many rows may wait; a row that four times as many have overtaken is next.

    Raises:
        CommandError: One of them is not a count.
    """

    def __init__(self, depth: int, window: int) -> None:
        check_counts(depth, window)
        self.depth: Final = depth
        self._patience: Final = _OVERTAKEN * window
        self._servers: dict[str, _Server] = {}
        self._kinds: dict[Need, deque[int]] = {}
        self._waiting: dict[int, Need] = {}
        self._alone: dict[int, Need] = {}
        self._classes: set[str] = set()
        self._newest = -1
        self._runnable: dict[tuple[str, Need], bool] = {}

    # Servers

    def add_server(self, url: str) -> None:
        """Add a server; it gets nothing before it is `available`."""
        self._servers.setdefault(url, _Server())

    def unknown(self, url: str) -> frozenset[str]:
        """The classes that waiting rows need and that a server has not been asked for."""
        return frozenset(self._classes - self._servers[url].asked.keys())

    def available(self, url: str, offers: Mapping[str, Offer | None]) -> None:
        """Note that a server answers.

        Args:
            url: The server.
            offers: Its answers about the requested classes; None for a class that it does not have.
        """
        server = self._servers[url]
        server.available = True
        server.asked.update(offers)
        self._runnable.clear()

    def away(self, url: str) -> None:
        """Note that a server does not answer: it gets nothing until it is `available` again.

        When it comes back it may have other files, and no models in memory.
        """
        server = self._servers[url]
        server.available = False
        server.reserved = server.warm = None
        server.asked.clear()
        self._runnable.clear()

    def is_available(self, url: str) -> bool:
        """Whether a server gets rows."""
        return self._servers[url].available

    # Rows

    def add(self, number: int, need: Need, *, again: bool = False) -> None:
        """Add a waiting row.

        Args:
            number: The row.
            need: What it needs.
            again: Whether it was sent before: then it goes first within its kind.
        """
        self._waiting[number] = need
        if need not in self._kinds:
            self._classes |= need.classes
        kind = self._kinds.setdefault(need, deque())
        if again:
            kind.appendleft(number)
        else:
            kind.append(number)
        self._newest = max(self._newest, number)

    def add_alone(self, number: int, need: Need) -> None:
        """Add a row that waits for an idle server."""
        self._alone[number] = need
        self._classes |= need.classes

    def remove(self, number: int) -> None:
        """Remove a waiting row."""
        self._waiting.pop(number, None)
        if self._alone.pop(number, None) is not None:
            for server in self._servers.values():
                if server.reserved == number:
                    server.reserved = None

    def taken(self, url: str, number: int) -> None:
        """Note that a server has a row from an earlier run."""
        self._servers[url].in_flight.add(number)

    def finished(self, url: str, number: int) -> None:
        """Note that a server no longer has a row."""
        server = self._servers[url]
        server.in_flight.discard(number)
        if server.alone and not server.in_flight:
            server.alone = False

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return len(self._waiting) + len(self._alone)

    @property
    def in_flight(self) -> int:
        """How many rows servers have."""
        return sum(len(server.in_flight) for server in self._servers.values())

    def waits(self, number: int) -> bool:
        """Whether a row waits."""
        return number in self._waiting or number in self._alone

    def of(self, url: str) -> frozenset[int]:
        """The rows that a server has."""
        return frozenset(self._servers[url].in_flight)

    # Decisions

    def assign(self) -> list[Assignment]:
        """Give rows to servers until none is free, or no row is left that one can run."""
        found: list[Assignment] = []
        self._reserve()
        for url, server in self._servers.items():
            number = server.reserved
            if number is not None and server.available and not server.in_flight:
                server.reserved, server.alone, server.warm = None, True, None
                del self._alone[number]
                server.in_flight.add(number)
                found.append(Assignment(number, url, alone=True))
        free = [url for url, server in self._servers.items() if self._is_free(server)]
        while free:
            # One each, the server with the fewest first: this spreads the last rows of a sweep.
            free.sort(key=lambda url: len(self._servers[url].in_flight))
            free = [url for url in free if self._give(url, found) and self._is_free(self._servers[url])]
        return found

    def _is_free(self, server: _Server) -> bool:
        taken = server.alone or server.reserved is not None
        return server.available and not taken and len(server.in_flight) < self.depth

    def _give(self, url: str, found: list[Assignment]) -> bool:
        need = self._choose(url)
        if need is None:
            return False
        number = self._take(need)
        server = self._servers[url]
        server.in_flight.add(number)
        server.warm = need
        found.append(Assignment(number, url))
        return True

    def _take(self, need: Need) -> int:
        kind = self._kinds[need]
        number = kind.popleft()
        del self._waiting[number]
        if not self._trim(need):
            del self._kinds[need]
        return number

    def _trim(self, need: Need) -> bool:
        """Drop the rows at a kind's head that no longer wait; returns whether any is left."""
        kind = self._kinds[need]
        while kind and kind[0] not in self._waiting:
            kind.popleft()
        return bool(kind)

    def _choose(self, url: str) -> Need | None:
        """The kind of rows that a server gets next."""
        for need in [need for need in islice(self._kinds, _LOOKED_AT) if not self._trim(need)]:
            del self._kinds[need]
        server = self._servers[url]
        kinds = [need for need in islice(self._kinds, _LOOKED_AT) if self._can_run(url, need)]
        overtaken = [need for need in kinds if self._kinds[need][0] < self._newest - self._patience]
        if overtaken:
            return min(overtaken, key=lambda need: self._kinds[need][0])
        warm = server.warm
        if warm is not None:
            if warm in self._kinds and self._trim(warm) and self._can_run(url, warm):
                return warm
            same = next((need for need in kinds if need.models == warm.models), None)
            if same is not None:
                return same
        others = [each.warm for each in self._servers.values() if each is not server and each.available]
        return max(
            kinds,
            key=lambda need: (
                len(self._kinds[need]) / (1 + sum(1 for each in others if each == need)),
                -self._kinds[need][0],
            ),
            default=None,
        )

    def _can_run(self, url: str, need: Need) -> bool:
        known = self._runnable.get((url, need))
        if known is None:
            classes, files = self._servers[url].lacks(need)
            known = not classes and (not files or self._is_unlisted(need))
            self._runnable[url, need] = known
        return known

    def _is_unlisted(self, need: Need) -> bool:
        """Whether all servers were asked, and none has the classes and lists all the files."""
        servers = self._servers.values()
        return all(need.classes <= each.asked.keys() and not each.can_run(need) for each in servers)

    def _reserve(self) -> None:
        """Choose a server for each row that must run alone: the one that is free soonest."""
        reserved = {server.reserved for server in self._servers.values()}
        for number, need in self._alone.items():
            if number in reserved:
                continue
            fitting = [
                server
                for url, server in self._servers.items()
                if server.available
                and server.reserved is None
                and not server.alone
                and self._can_run(url, need)
            ]
            if fitting:
                min(fitting, key=lambda server: len(server.in_flight)).reserved = number

    def impossible(self) -> dict[int, str]:
        """The rows that no server can run, each with the reason; they no longer wait.

        A row is not reported while a server that might run it has not been asked.
        """
        found: dict[int, str] = {}
        if not self._servers:
            return found
        for need in [*self._kinds, *self._alone.values()]:
            known = all(need.classes <= server.asked.keys() for server in self._servers.values())
            if not known or any(not server.lacks(need)[0] for server in self._servers.values()):
                continue
            reason = self._reason(need)
            for number in (*self._kinds.pop(need, ()), *self._alone):
                if self._waiting.get(number, self._alone.get(number)) == need:
                    found[number] = reason
        for number in found:
            self.remove(number)
        return found

    def _reason(self, need: Need) -> str:
        lacks = {url: server.lacks(need)[0] for url, server in self._servers.items()}
        for name in sorted(need.classes):
            if all(name in classes for classes in lacks.values()):
                return (
                    f"no server has the node class {name!r}; the pack that provides it may not be installed"
                )
        said = (f"{url} lacks {', '.join(classes)}" for url, classes in lacks.items())
        return f"no server has all node classes that it needs: {'; '.join(said)}"
