"""The classes of a running server, of which only those are asked for that someone looks at.

A workflow uses a dozen of the thousands that a server with many packs has. What is known about a class is
what the server says now: lists of files, and packs, change. Looking at all classes fetches all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ..bounds import ASKED_SINGLY
from ..nearest import nearest
from .catalogue import LargeCatalogue, Outline, mentioning, modules, outlines


class ClassSource(Protocol):
    """A server, as far as its classes go. Each method raises `SchemaError` where it does not answer."""

    def singly(self, names: list[str]) -> Mapping[str, Any] | None:
        """What it says about single classes; those that it lacks are not in it.

        None if it does not count single ones.
        """
        ...

    def whole(self) -> Mapping[str, Any]:
        """What it says about all."""
        ...

    def kept_names(self) -> list[str]:
        """What its classes were called when all of them were last requested; none if they never were."""
        ...


class AskedClasses(LargeCatalogue):
    """The entries of a server's /object_info by name, asked for when they are looked at.

    Args:
        source: The server.
        most: How many are asked for by themselves, before all are.
    """

    def __init__(self, source: ClassSource, most: int = ASKED_SINGLY) -> None:
        self._source = source
        self._most = most
        self._found: dict[str, Any] = {}
        self._lacking: set[str] = set()
        self._whole: Mapping[str, Any] | None = None

    def expect(self, names: Iterable[str]) -> None:
        """Ask for classes that will be looked at, at once.

        Raises:
            SchemaError: The server does not answer.
        """
        new = [name for name in dict.fromkeys(names) if name not in self._found and name not in self._lacking]
        if self._whole is not None or not new:
            return
        said: Mapping[str, Any] | None = None
        if len(self._found) + len(self._lacking) + len(new) <= self._most:
            said = self._source.singly(new)
        if said is None:
            self.whole()
            return
        self._found.update((name, said[name]) for name in new if name in said)
        self._lacking.update(name for name in new if name not in said)

    def whole(self) -> Mapping[str, Any]:
        """All classes.

        Raises:
            SchemaError: The server does not answer.
        """
        if self._whole is None:
            self._whole = self._source.whole()
            self._found.clear()
            self._lacking.clear()
        return self._whole

    @property
    def is_whole(self) -> bool:
        """Whether all classes were asked for."""
        return self._whole is not None

    def nearest(self, name: str) -> str | None:
        """The class whose name is most like one that the server lacks.

        A name that was kept is reported only if the server still has the class.
        """
        if self._whole is None:
            kept = self._source.kept_names()
            near = nearest(name, kept) if name not in kept else None
            if near is not None and near in self:
                return near
        return nearest(name, self.whole())

    def __getitem__(self, name: str) -> Any:
        self.expect([name])
        return (self._found if self._whole is None else self._whole)[name]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        self.expect([name])
        return name in (self._found if self._whole is None else self._whole)

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    def __repr__(self) -> str:
        known = len(self._found if self._whole is None else self._whole)
        return f"<AskedClasses: {known}{'' if self.is_whole else ' so far'}>"

    def outlines(self) -> Iterator[Outline]:
        """See `LargeCatalogue`."""
        return outlines(self.whole())

    def modules(self) -> Iterator[str]:
        """See `LargeCatalogue`."""
        return modules(self.whole())

    def mentioning(self, text: str) -> Iterator[Any]:
        """See `LargeCatalogue`."""
        return mentioning(self.whole(), text)
