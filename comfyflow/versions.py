"""What changed since which release, in one form for servers, editors and whatever else has releases.

`validate.rules` has the facts of servers, `importer.editor_rules` those of editors, `simulator.profile`
those of what the simulator can be; `docs/versions.md` shows them all.

A class of rules lists its facts as `Since`: what held at first, and what holds since which release.
Its instances have a `version`, and each fact is theirs as of that version: a release that changes
something is one pair more in one line.

    class Rules:
        keeps_line_ends = Since(False, ("1.40", True))
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar, overload

from .schema.version import Version

T = TypeVar("T")


class Released(Protocol):
    """Something that has a version."""

    @property
    def version(self) -> Version | str:
        """The version, or what names it."""
        ...


class Since(Generic[T]):
    """A fact that changed with releases.

    Args:
        first: What holds in the oldest release.
        changes: Since which release what holds, the oldest first.
    """

    def __init__(self, first: T, *changes: tuple[str, T]) -> None:
        self.first = first
        self.changes: Final = tuple((release(text), value) for text, value in changes)
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def at(self, version: Version) -> T:
        """What holds in a version."""
        held = self.first
        for since, value in self.changes:
            if version < since:
                break
            held = value
        return held

    @overload
    def __get__(self, rules: None, owner: type) -> Since[T]: ...
    @overload
    def __get__(self, rules: Released, owner: type) -> T: ...
    def __get__(self, rules: Released | None, owner: type) -> Any:
        if rules is None:
            return self
        version = rules.version
        held = self.at(release(version) if isinstance(version, str) else version)
        vars(rules)[self._name] = held  # from now on it is found there
        return held


def release(text: str) -> Version:
    """The version that a string names.

    Raises:
        ValueError: It names none.
    """
    version = Version.parse(text)
    if version is None:
        raise ValueError(f"{text!r} is not a version")
    return version
