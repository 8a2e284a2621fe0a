"""The content of a contact sheet: rows with their parameters, files and errors, as JSON for the page.

All strings are untrusted. The page gets them as data, never as markup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ...bounds import SHEET_ROWS, SHEET_SIZE, readable
from ...errors import PictureError
from ...json_types import is_array
from ...nearest import did_you_mean
from ...picture.text import drawable
from ..ledger import Ledger
from ..record import STATES, RowRecord, SavedOutput, State
from .thumbnail import MEDIA_TYPES, Thumbnails, kind_of

_LEAST_FILLED: Final = 0.5
"""An automatically chosen grid has something in at least this share of its cells."""


class SheetContent:
    """The rows of a ledger for a sheet.

    Args:
        ledger: Where they are.
        thumbnails: The thumbnails of their files.
        beside: The path from the page to the output folder, for the files themselves, as part of a URL.
        states: Only rows in these states.
        numbers: Only these rows; None for all.

    Raises:
        LedgerError: The ledger cannot be read.
        PictureError: There are too many rows for a page.
    """

    def __init__(
        self,
        ledger: Ledger,
        thumbnails: Thumbnails,
        beside: str,
        states: Sequence[State] = STATES,
        numbers: Collection[int] | None = None,
    ) -> None:
        self._thumbnails = thumbnails
        self._beside = beside
        self.columns: dict[str, dict[str, int]] = {}
        """The parameters by name: each of their values, as JSON, with its number."""
        self.files: dict[str, SavedOutput] = {}
        """The files that have a thumbnail, by the thumbnail's name."""
        self.outputs: dict[str, Path] = {}
        """The files that browsers can show, by name."""
        self.rows: list[dict[str, Any]] = []
        size = 0
        for row in ledger.rows(states):
            if numbers is not None and row.number not in numbers:
                continue
            self.rows.append(self._row(row))
            size += len(row.error or "") + sum(map(len, self.rows[-1].get("texts", ())))
            if len(self.rows) > SHEET_ROWS:
                raise PictureError(
                    f"{ledger.path} has more than {SHEET_ROWS:,} rows, which is too many for a page; "
                    "choose some of them with --rows or --state"
                )
        width = len(self.columns)
        for each in self.rows:  # a parameter that appeared later
            each["values"] += [-1] * (width - len(each["values"]))
        size += sum(len(value) for values in self.columns.values() for value in values)
        if size > SHEET_SIZE:
            raise PictureError(
                f"the text of {ledger.path} is larger than {readable(SHEET_SIZE)}, which is too much for "
                "a page; choose some of its rows with --rows or --state"
            )

    def _row(self, row: RowRecord) -> dict[str, Any]:
        made: dict[str, Any] = {"number": row.number, "state": STATES.index(row.state)}
        for name in row.parameters:
            self.columns.setdefault(name, {})
        values: list[int] = []
        for name, known in self.columns.items():
            if name in row.parameters:
                values.append(known.setdefault(json.dumps(row.parameters[name]), len(known)))
            else:
                values.append(-1)
        made["values"] = values
        if row.error or row.failure:
            made["error"] = drawable(f"{row.failure or row.state}: {row.error or ''}")
        if row.texts:
            made["texts"] = [_shown_text(text) for text in row.texts.values()]
        if row.sent is not None and row.ended is not None:
            made["seconds"] = round(max(row.ended - row.sent, 0.0), 3)
        if row.files:
            made["files"] = [self._file(file) for file in row.files]
        return made

    def _file(self, file: SavedOutput) -> dict[str, Any]:
        made: dict[str, Any] = {"name": drawable(file.name), "kind": kind_of(file.name)}
        thumbnail = self._thumbnails.name(file)
        if thumbnail:
            made["thumbnail"] = thumbnail
            self.files[thumbnail] = file
        source = self._thumbnails.source(file)
        if source is not None and source.suffix.lower() in MEDIA_TYPES:
            self.outputs[file.name] = source
            made["url"] = self._beside + quote(file.name, safe="")
        return made

    def axes(self, x: str | None, y: str | None) -> tuple[int | None, int | None]:
        """The columns that a grid uses as axes; None for no grid.

        Args:
            x: The parameter chosen for the columns of the grid.
            y: The parameter for its rows. If neither is chosen and two parameters vary, those are used.

        Raises:
            PictureError: The parameter does not exist.
        """
        names = list(self.columns)
        for name in (x, y):
            if name is not None and name not in self.columns:
                known = f"there are {', '.join(map(repr, names))}" if names else "the rows have none"
                hint = did_you_mean(name, names, known)
                raise PictureError(f"the rows have no parameter {name!r:.80}; {hint:.500}")
        if x is not None or y is not None:
            return (None if x is None else names.index(x)), (None if y is None else names.index(y))
        varying = [index for index, values in enumerate(self.columns.values()) if self._varies(index, values)]
        if len(varying) != 2:
            return None, None
        across, down = varying
        cells = {(row["values"][across], row["values"][down]) for row in self.rows}
        whole = len({one for one, _ in cells}) * len({other for _, other in cells})
        return (across, down) if len(cells) >= whole * _LEAST_FILLED else (None, None)

    def _varies(self, index: int, values: dict[str, int]) -> bool:
        return len(values) > 1 or any(row["values"][index] < 0 for row in self.rows)

    def document(self, title: str, folder: str, **more: Any) -> dict[str, Any]:
        """Everything that the page needs.

        Args:
            title: The sheet's title.
            folder: The path from the page to the thumbnails, as part of a URL.
            more: Other data for the page.
        """
        columns = [
            {"name": name, "values": list(values), "label": drawable(name)}
            for name, values in self.columns.items()
        ]
        return {
            "title": drawable(title),
            "states": list(STATES),
            "columns": columns,
            "rows": self.rows,
            "folder": folder,
            **more,
        }


def _shown_text(text: object) -> str:
    """The text of a node: usually a list of strings."""
    if is_array(text) and all(isinstance(each, str) for each in text):
        return drawable("\n".join(map(str, text)))
    return drawable(text)


def sheet_id(path: Path) -> str:
    """The key that a page stores its favourites under: the same for each sheet of a ledger."""
    return hashlib.sha256(str(path.resolve()).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def script_json(value: object) -> str:
    """JSON that can be embedded in a page: all ASCII, without anything that begins or ends markup."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
