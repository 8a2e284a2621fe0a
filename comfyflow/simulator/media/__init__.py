"""Files of sound, video and 3D: what a server writes, in the same containers and codecs.

PyAV encodes and decodes, as it does in ComfyUI. Nothing random and no date goes into a file, so
the same prompt gives the same bytes wherever the same version of PyAV runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

DETERMINISTIC: Final = {"fflags": "+bitexact"}
"""Options of FFmpeg's muxers: no random ids, no name of the writer."""


def tags_of(prompt: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, str]:
    """A prompt and what belongs to it, as the tags of a file."""
    return {name: json.dumps(value) for name, value in {"prompt": prompt, **extra}.items()}


def set_tags(container: Any, tags: Mapping[str, str]) -> None:
    """Write tags into a container of PyAV, before its first packet."""
    for name, value in tags.items():
        container.metadata[name] = value
