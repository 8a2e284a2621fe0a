"""What marks a package of generated node classes. Light: the command and pytest's plugin begin with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STUBS: Final = "comfynodes"
"""The package that is meant where none is named: comfyflow brings one, `gen-stubs` writes one."""

SCHEMA_FILE: Final = "schema.json"
"""The name of the file that `gen-stubs` writes beside the modules."""

MARKER: Final = "py.typed"


def is_generated(folder: Path) -> bool:
    """Whether a folder is a package that `gen-stubs` wrote."""
    return (folder / SCHEMA_FILE).is_file() and (folder / MARKER).is_file()
