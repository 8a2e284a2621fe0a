"""What became of ComfyUI's own node classes from release to release.

The facts stand in ``node_history.json``, which ``tools/node_history.py`` writes from the /object_info
of the releases that are known. Read only where something is generated, is missing or is migrated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("node_history.json")


@cache
def releases() -> Mapping[str, Mapping[str, Any]]:
    """What each known release changed, by its version, the oldest first."""
    found: dict[str, Mapping[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def older_defaults(class_type: str) -> Mapping[str, Any]:
    """The defaults that inputs of a class of ComfyUI's had in an older release and then lost, by name."""
    return _older_defaults().get(class_type, {})


@cache
def _older_defaults() -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for release in releases().values():
        for class_type, changed in release["changed"].items():
            for name, lost in changed.get("inputs", {}).items():
                if "default" in lost:
                    found.setdefault(class_type, {})[name] = lost["default"]
    return found
