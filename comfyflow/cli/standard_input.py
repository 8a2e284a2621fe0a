"""``-`` in place of a file: a workflow that another command writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

STDIN: Final = "-"
NAME: Final = "<stdin>"
_CHUNK: Final = 1024 * 1024


def given_file(text: str) -> tuple[Path | bytes, str]:
    """What to read a workflow from, and what to call it.

    Args:
        text: A file, or ``-`` for standard input. A file of that name is ``./-``.

    Raises:
        WorkflowFileError: Standard input gives more than the largest file may have.
    """
    return (_standard_input(), NAME) if text == STDIN else (Path(text), text)


def shown_name(target: str) -> str:
    """What to call a target in a message."""
    return NAME if target == STDIN else target


def _standard_input() -> bytes:
    from ..errors import WorkflowFileError
    from ..importer.workflow_file import LARGEST

    data = bytearray()
    while chunk := sys.stdin.buffer.read(_CHUNK):
        data += chunk
        if len(data) > LARGEST:
            raise WorkflowFileError(f"{NAME} is larger than {LARGEST} bytes")
    return bytes(data)
