"""Texts in videos and sounds, whatever their container, read by PyAV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ..bounds import Bounds, exceeded, marks
from ..container import open_recording
from ..errors import BoundsError
from ..extra import needing
from ..json_types import is_object

_WANTED: Final = frozenset({"prompt", "workflow"})
_COMMENT: Final = "comment"
"""Where VideoHelperSuite puts both, as one JSON object."""


def recording_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a video or a sound.

    Raises:
        MissingExtraError: PyAV is not installed.
        BoundsError: The texts are larger than they may be.
    """
    with needing("reading video and sound", "media"):
        from av.error import FFmpegError
    try:
        with open_recording(data) as container:
            tags = [dict[str, str](part.metadata) for part in (container, *container.streams)]
    except (FFmpegError, OSError, ValueError, MemoryError):
        return
    if sum(len(text) for tag in tags for text in tag.values()) > bounds.text:
        raise BoundsError(exceeded("text", bounds, "what the recording says of itself"))
    for tag in tags:
        for name, text in tag.items():
            key = name.lower().rpartition(":")[2]
            if key in _WANTED:
                yield key, text
            elif key == _COMMENT:
                yield from named_texts(text)


def named_texts(text: str) -> Iterator[tuple[str, str]]:
    """The prompt and the workflow in a JSON object that holds both."""
    if marks(text) > Bounds.from_environment().text_values:
        return
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not is_object(value):
        return
    if _WANTED.isdisjoint(value):
        yield ("workflow" if isinstance(value.get("nodes"), list) else "prompt"), text
    for name in _WANTED & value.keys():
        inner = value[name]
        yield name, inner if isinstance(inner, str) else json.dumps(inner)
