"""Rows in files: CSV as spreadsheets write it, and JSON Lines.

Files are read line by line, each time the rows are iterated. Every row knows the line that it begins on.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Generator, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from typing_extensions import override

from ..bounds import ROW_COLUMNS, ROW_LENGTH
from ..errors import ParameterError, RowsError
from ..json_types import is_object
from .columns import Column, Converter, Text, decode_json
from .row import JSON, ProblemList, RowProblem
from .row_source import Given, RowSource

_SEPARATORS: Final = ",;\t"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?\d+,\d+\s*")
_ROUNDED: Final = re.compile(r"\s*\d(?:[.,]\d+)?E\+?\d+\s*", re.IGNORECASE)
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")

_Record = tuple[int, "list[str] | str"]
"""A line, and the cells of the row that begins there; or why it cannot be read."""


class _Unreadable(Exception):
    """A file cannot be read from some line on; the string says why."""


class CsvFile(RowSource):
    """The rows of a CSV file: the first line names the columns.

    The separator is comma, semicolon or tab, whichever is most frequent in the first line, or the one given
    by a ``sep=`` line before it. An empty cell means the default; rows without values are skipped, and so are
    columns whose name begins with ``#``.

    Args:
        path: The file.
        encoding: How it is encoded; by default UTF-8, or UTF-16 if it begins with its mark.

    Raises:
        RowsError: The file does not exist.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        self._encoding = encoding or _encoding_of(path)

    @override
    def __iter__(self) -> Iterator[Given]:
        header, rows = self._read()
        return self.rows(header, rows, {index: None for index, name in enumerate(header) if _counts(name)})

    @override
    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        try:
            header, rows = self._read()
        except RowsError as error:
            problems.add([RowProblem("", str(error))])
            return _CsvColumns(self, None)
        rows.close()
        columns: dict[int, Column | None] = {}
        first: dict[str, int] = {}
        for index, name in enumerate(header):
            if not _counts(name):
                continue
            column = converter.column(name)
            key = name if isinstance(column, str) else column.name
            if key in first:
                where = f"columns {_letters(first[key])} and {_letters(index)}"
                problems.add([RowProblem(name, f"appears twice: in {where}", self._place(1))])
            elif isinstance(column, str):
                problems.add([RowProblem(name, column, self._place(1))])
            else:
                columns[index] = column
            first.setdefault(key, index)
        return _CsvColumns(self, columns)

    def converted_rows(self, columns: Mapping[int, Column | None]) -> Iterator[Given]:
        """Yield the rows, with the cells of these columns as JSON.

        Args:
            columns: The columns by their position.

        Raises:
            RowsError: It can no longer be read.
        """
        return self.rows(*self._read(), columns)

    def rows(
        self, header: list[str], rows: Iterator[_Record], columns: Mapping[int, Column | None]
    ) -> Iterator[Given]:
        """Yield the rows.

        Args:
            header: The names of the columns.
            rows: The lines below.
            columns: The columns to use, by position; the cells of None stay strings.
        """
        for line, cells in rows:
            place = self._place(line)
            if isinstance(cells, str):
                yield Given({}, place, (RowProblem("", cells, place),))
                continue
            if not any(cells):
                continue
            values: dict[str, JSON] = {}
            problems = _unnamed(header, cells, place)
            for index, column in columns.items():
                text = cells[index] if index < len(cells) else ""
                if not text:
                    continue
                if column is None:
                    values[header[index]] = Text(text)
                    continue
                try:
                    values[column.name] = self._value(column, text)
                except ParameterError as error:
                    problems += (RowProblem(header[index], _explained(error.reason, text), place),)
            yield Given(values, place, problems)

    def _value(self, column: Column, text: str) -> JSON:
        try:
            return column.of_text(text)
        except ParameterError:
            if self._separator != ";" or not _DECIMAL_COMMA.fullmatch(text):
                raise
            try:
                return column.of_text(text.replace(",", "."))
            except ParameterError:
                pass
            raise

    def _read(self) -> tuple[list[str], Generator[_Record]]:
        """The names of the columns, and the lines below.

        Raises:
            RowsError: There is no readable first line.
        """
        records = self._records()
        line, first = next(records, (1, "it is empty; the first line must name the columns"))
        if isinstance(first, str):
            raise RowsError(f"{self._place(line)}: {first}")
        if len(first) > ROW_COLUMNS:
            raise RowsError(f"{self._path} has {len(first):,} columns; at most {ROW_COLUMNS:,} are read")
        return [name.strip() for name in first], records

    def _records(self) -> Generator[_Record]:
        line = 1
        try:
            with _opened(self._path, self._encoding) as file:
                lines = _lines(file, self._encoding)
                first = next(lines, "")
                told = first[4:].strip("\r\n") if first[:4].casefold() == "sep=" else ""
                before = 1 if told else 0
                if told:
                    first = next(lines, "")
                self._separator = told if len(told) == 1 else _separator_of(first)
                reader = csv.reader(chain([first], lines), delimiter=self._separator, strict=True)
                line += before
                for cells in reader:
                    if cells:
                        yield line, cells
                    line = reader.line_num + before + 1
        except csv.Error as error:
            yield line, _about(error)
        except _Unreadable as error:
            yield line, str(error)
        except OSError as error:
            yield line, f"cannot be read: {error.strerror or error}"

    def _place(self, line: int) -> str:
        return f"{self._path.name}, line {line}"


class _CsvColumns(RowSource):
    """A CSV file whose columns are known; None if it cannot be read."""

    def __init__(self, file: CsvFile, columns: Mapping[int, Column | None] | None) -> None:
        self._file = file
        self._columns = columns

    @override
    def __iter__(self) -> Iterator[Given]:
        return iter(()) if self._columns is None else self._file.converted_rows(self._columns)


class JsonLines(RowSource):
    """The rows of a JSON Lines file: one object per line. Empty lines are skipped.

    Args:
        path: The file.

    Raises:
        RowsError: The file does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = _encoding_of(path)

    @override
    def __iter__(self) -> Iterator[Given]:
        line = 0
        try:
            with _opened(self._path, self._encoding) as file:
                for line, text in enumerate(_lines(file, self._encoding), 1):
                    if text.strip():
                        yield self._row(text, f"{self._path.name}, line {line}")
        except _Unreadable as error:
            yield _broken(str(error), f"{self._path.name}, line {line + 1}")
        except OSError as error:
            yield _broken(f"cannot be read: {error.strerror or error}", f"{self._path.name}, line {line + 1}")

    def _row(self, text: str, place: str) -> Given:
        twice: list[str] = []

        def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            made = dict(pairs)
            if len(made) != len(pairs):
                twice.extend(name for name in made if sum(name == other for other, _ in pairs) > 1)
            return made

        try:
            value = decode_json(text, members)
        except (ValueError, RecursionError) as error:
            hint = "; JSON Lines has one object per line" if text.lstrip()[:1] == "[" else ""
            return _broken(f"is not JSON: {error}{hint}", place)
        if twice:
            return _broken(f"has {', '.join(map(repr, twice))} twice", place)
        if not is_object(value):
            return _broken(
                f"is not a JSON object but {text.strip()!r:.60}; JSON Lines has one per line", place
            )
        return Given(value, place)


def _broken(why: str, place: str) -> Given:
    return Given({}, place, (RowProblem("", why, place),))


def _counts(name: str) -> bool:
    return bool(name) and not name.startswith("#")


def _unnamed(header: list[str], cells: list[str], place: str) -> tuple[RowProblem, ...]:
    """The problems of cells in columns without a name."""
    if len(cells) <= len(header) and "" not in header:
        return ()
    found = [index for index, text in enumerate(cells) if text and header[index : index + 1] == [""]]
    found += [index for index in range(len(header), len(cells)) if cells[index]]
    hint = ""
    if any(text[:1] == " " and text.lstrip()[:1] == '"' for text in cells):
        hint = "; there must be no space between a separator and a quote"
    return tuple(
        RowProblem("", f"{cells[index]!r:.60} is in column {_letters(index)}, which has no name{hint}", place)
        for index in found
    )


def _letters(index: int) -> str:
    """A spreadsheet's name for a column: A, B, … Z, AA."""
    name = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def _explained(reason: str, text: str) -> str:
    if _ROUNDED.fullmatch(text):
        return f"{reason} (a spreadsheet has rounded a large number: format the column as text)"
    return reason


def _about(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text or "field limit" in text:
        return "the row that begins here does not end: a quote is not closed"
    return f"cannot be read: {text}"


def _separator_of(line: str) -> str:
    """The separator in a first line: the most frequent candidate outside quotes."""
    outside = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)


def _encoding_of(path: Path) -> str:
    """A file's encoding, by its first bytes.

    Raises:
        RowsError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise RowsError(f"{path} cannot be read: {error.strerror or error}") from None
    return next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")


def _opened(path: Path, encoding: str) -> IO[str]:
    try:
        return path.open(encoding=encoding, newline="", errors="surrogateescape")
    except LookupError:
        raise _Unreadable(f"unknown encoding {encoding!r}") from None


def _lines(file: IO[str], encoding: str) -> Iterator[str]:
    """The lines of a file, with line ends.

    Raises:
        _Unreadable: A line is too long, or not in the encoding.
    """
    while True:
        try:
            line = file.readline(ROW_LENGTH + 1)
        except UnicodeError as error:
            raise _Unreadable(f"is not in the encoding {encoding}: {error}") from None
        if not line:
            return
        if len(line) > ROW_LENGTH:
            raise _Unreadable(f"the line is longer than {ROW_LENGTH:,} characters")
        if not line.isascii() and _NO_UTF8.search(line):
            raise _Unreadable(
                f"is not in the encoding {encoding}; save the file as UTF-8 "
                "(in Excel: CSV UTF-8), or specify its encoding"
            )
        if "\0" in line:
            raise _Unreadable("contains a NUL character, which text never does; is it a file of rows?")
        yield line
