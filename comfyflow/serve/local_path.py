"""Paths of this machine in messages: the sender of a job sees the name of a file, not its folder."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_START: Final = r"(?:file:/+|~?/(?!/)|[A-Za-z]:[\\/]|\\\\)"
_QUOTED: Final = re.compile(rf"""(?<=['"`]){_START}[^'"`\n]*[\\/](?=[^'"`\n\\/]*['"`])""")
_FOLDER: Final = r"[^\s\\/'\"`<>|:;,()\[\]{}]+[\\/]+"
_BARE: Final = re.compile(
    rf"(?<![\w./~)\]\\-])(?:(?:file:/+|~?/(?!/))(?:{_FOLDER})+|(?:[A-Za-z]:[\\/]|\\\\)(?:{_FOLDER})*(?=[^\s\\/]))"
)
_SHORTEST: Final = 3
"""A shorter folder (``/``) says nothing."""


class LocalPaths:
    """Takes the folders of this machine out of messages.

    Args:
        folders: Folders that messages may name, whatever their names are made of. Those of Python, of
            temporary files, of the user and of the process are known.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        known = {Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir()), *folders}
        with suppress(OSError, RuntimeError):
            known |= {Path.cwd(), Path.home()}
        names = {str(each) for folder in known for each in (folder.absolute(), folder.resolve())}
        longest_first = sorted((name for name in names if len(name) >= _SHORTEST), key=len, reverse=True)
        self._known: Final = re.compile("|".join(map(_folder_pattern, longest_first)))

    def hidden(self, text: str, own: Collection[str] = ()) -> str:
        """A message in which files appear only by name. A path at the root of a disk stays.

        Args:
            text: The message.
            own: Strings from the reader: a path in one of them reveals nothing.
        """

        def shortened(match: re.Match[str]) -> str:
            return match[0] if any(match[0] in each for each in own) else ""

        for pattern in (_QUOTED, self._known, _BARE):
            text = pattern.sub(shortened, text)
        return text


def _folder_pattern(folder: str) -> str:
    """Matches what precedes the name of a file in a folder, or of the folder itself."""
    name = re.split(r"[\\/]", folder)[-1]
    parent, called = re.escape(folder[: len(folder) - len(name)]), re.escape(name)
    return rf"(?<![\w./~\]-]){parent}(?:{called}[\\/]+(?:{_FOLDER})*|(?={called}(?![\w-])))"
