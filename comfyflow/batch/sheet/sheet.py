"""A contact sheet: one page, with its thumbnails embedded or, if there are many, in a folder next to it."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ...bounds import SHEET_INLINE
from ...errors import PictureError
from ...saved_file import SavedFile, local_errors
from ..ledger import Ledger, batch_ledger
from ..record import STATES, State
from .content import SheetContent, sheet_id
from .page import sheet_page
from .thumbnail import Thumbnails

THUMBNAILS: Final = "thumbnails"
"""The name of the thumbnail folder, next to the ledger."""


@dataclass(frozen=True)
class ContactSheet:
    """A contact sheet that was written.

    Attributes:
        path: The page.
        folder: The folder with its thumbnails, which must stay next to it; None if they are embedded.
        rows: How many rows it shows.
        thumbnails: How many thumbnails it shows.
        made: How many of them were made now; the others existed.
        unreadable: The files without one, with the reason.
    """

    path: Path
    folder: Path | None
    rows: int
    thumbnails: int
    made: int
    unreadable: tuple[str, ...]


def contact_sheet(
    ledger: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    x: str | None = None,
    y: str | None = None,
    title: str | None = None,
    states: Sequence[State] = STATES,
    rows: Iterable[int] | None = None,
) -> ContactSheet:
    """Write a page that shows the outputs of a batch.

    The page requests only its own thumbnails and the files of the batch, and runs only its own script.
    Thumbnails are kept next to the ledger, and made once.

    Args:
        ledger: The batch's ledger, or the folder that has it.
        output: The page; its name must end with ``.html``.
        x: The parameter whose values are the columns of a grid. If neither axis is chosen, and exactly two
            parameters vary, those are used; otherwise the rows form a wall.
        y: The parameter whose values are its rows.
        title: Its title; by default the name of the batch's folder.
        states: Only rows in these states.
        rows: Only rows with these numbers.

    Returns:
        The sheet that was written.

    Raises:
        LedgerError: The ledger does not exist, or it cannot be read.
        PictureError: The name is not a page's, the parameter does not exist, or there is too much for a page.
        MissingExtraError: Pillow is not installed: the extra ``images``.
        SaveError: A file cannot be written.
    """
    target = Path(output)
    if target.suffix.lower() not in (".html", ".htm"):
        raise PictureError(
            f"a contact sheet must be a page: name it {target.stem or 'sheet'}.html, not {target}"
        )
    path = batch_ledger(Path(ledger))
    thumbnails = Thumbnails(path.parent, path.parent / THUMBNAILS)
    with Ledger(path) as opened:
        content = SheetContent(opened, thumbnails, _way(target.parent, path.parent), states, _chosen(rows))
    across, down = content.axes(x, y)
    made, troubles = thumbnails.make(content.files.values())
    there = [name for name in content.files if name not in troubles]
    beside = target.with_name(f"{target.stem}_files") if len(there) > SHEET_INLINE else None
    more: dict[str, Any] = {"id": sheet_id(path), "x": across, "y": down, "troubles": troubles}
    if beside is None:
        more["pictures"] = {name: _base64(thumbnails.folder / name) for name in there}
    else:
        _copy(thumbnails.folder, beside, there)
    folder = quote(f"{beside.name}/") if beside is not None else ""
    text = sheet_page(content.document(title or path.resolve().parent.name, folder, **more))
    with SavedFile(target, overwrite=True, renamed=False) as saved:
        saved.partial.write_text(text, encoding="utf-8")
    unreadable = tuple(f"{content.files[name].name}: {why}" for name, why in troubles.items())
    return ContactSheet(target, beside, len(content.rows), len(there), made, unreadable)


def _chosen(rows: Iterable[int] | None) -> Collection[int] | None:
    return None if rows is None else frozenset(rows)


def _way(page: Path, outputs: Path) -> str:
    """The path from a page's folder to the output folder, as part of a URL."""
    try:
        way = os.path.relpath(outputs.resolve(), page.resolve())
    except ValueError:  # different drives
        return f"{outputs.resolve().as_uri()}/"
    parts = Path(way).as_posix()
    return "./" if parts == "." else f"./{quote(parts.encode('utf-8', 'surrogateescape'))}/"


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _copy(source: Path, target: Path, names: Iterable[str]) -> None:
    """Put files into another folder too: as hard links, if the file system supports them.

    Raises:
        SaveError: They cannot be written.
    """
    with local_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        there = {each.name for each in target.iterdir()}
        for name in names:
            if name in there:
                continue
            with suppress(OSError):
                os.link(source / name, target / name)
                continue
            shutil.copyfile(source / name, target / name)
