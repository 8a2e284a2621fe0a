"""Which release of the editor is followed, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..errors import ConversionError
from ..json_types import object_or_empty
from ..schema import Schema, Version
from .editor_rules import NEWEST, OLDEST, EditorRules, rules_of
from .javascript import shown

_WRITTEN: Final = re.compile(r"v?\d{1,9}(\.\d{1,9}){1,3}([-+]\S*)?")
_FIRST: Final = Version(1)
"""Versions before this one say nothing: servers without an editor give 0.0.0."""


class EditorChoice(NamedTuple):
    """The editor that is followed.

    Attributes:
        rules: Its rules.
        reason: Why this one, as a part of a sentence.
        notes: What is to be said about it, each with the kind of problem that it is.
    """

    rules: EditorRules
    reason: str
    notes: tuple[tuple[str, str], ...]


def choose_editor(asked: str | None, schema: Schema, workflow: Mapping[str, Any]) -> EditorChoice:
    """Choose the editor: the one asked for, the server's, the file's, the newest known.

    Args:
        asked: The version asked for, or None.
        schema: The server's classes; it knows which editor the server requires, if that was said.
        workflow: The workflow; it may say which editor saved it.

    Raises:
        ConversionError: What was asked for is no version.
    """
    saved = saved_by(workflow)
    if asked is not None:
        version = _parsed(str(asked))
        if version is None or _WRITTEN.fullmatch(str(asked).strip()) is None:
            raise ConversionError(f"{shown(asked)} is no version of the editor; write it as 1.45 or 1.45.20")
        reason = "which was asked for"
    elif (required := _version(schema.editor)) is not None:
        version, reason = required, f"which is the editor of {schema.source}"
    elif saved is not None:
        version, reason = saved, "which saved the workflow"
    else:
        version, reason = NEWEST, "the newest one known"
    notes = _notes(version, reason, saved)
    return EditorChoice(rules_of(version), reason, notes)


def saved_by(workflow: Mapping[str, Any]) -> Version | None:
    """The editor that saved a workflow, if the file says it."""
    return _version(object_or_empty(workflow.get("extra")).get("frontendVersion"))


def _version(said: object) -> Version | None:
    version = _parsed(said) if isinstance(said, str) else None
    return version if version is not None and version >= _FIRST else None


@lru_cache(maxsize=64)
def _parsed(text: str) -> Version | None:
    return Version.parse(text)


def _notes(version: Version, reason: str, saved: Version | None) -> tuple[tuple[str, str], ...]:
    """One sentence where the editor followed, or the one that saved the file, is not known."""
    is_known = version >= OLDEST and version[:2] <= NEWEST[:2]
    if is_known and (saved is None or saved[:2] <= NEWEST[:2]):
        return ()
    known = f"known are {_short(OLDEST)} to {_short(NEWEST)}"
    if not is_known:
        nearest = _short(min(max(version, OLDEST), NEWEST))
        text = (
            f"editor {_short(version)}, {reason}, is not known ({known}): the nearest, {nearest}, is followed"
        )
        return (("editor_unknown", text),)
    text = (
        f"editor {_short(saved or version)} saved the workflow, which is newer than those known ({known}):"
        f" {_short(version)}, {reason}, is followed"
    )
    return (("editor_unknown", text),)


def _short(version: Version) -> str:
    return f"{version.major}.{version.minor}"
