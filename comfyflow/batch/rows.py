"""The rows of a sweep: grids, seeds, files, folders of pictures, any Python iterable.

::

    rows = Rows.grid(steps=[10, 20, 30], sampler=["euler", "ddim"]) * Rows.seeds(4)
    rows = Rows.csv("rows.csv").checked(txt2img)
    for row in rows: ...

Rows are made one by one, on demand. `Rows.checked` types them by the parameters of the target. A source that
can be read twice (a grid, a file, a list) is checked completely before the first row is yielded, and all
problems are reported together. A source that can be read only once (a generator, an asynchronous source), and
everything after the first million rows, is checked as it comes: an invalid row then has `Row.problems`, and
must not be sent.
"""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from glob import iglob
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ..bounds import AXIS_VALUES, ROW_COLUMNS, ROWS_CHECKED
from ..errors import RowsError
from ..json_types import is_array
from ..nearest import nearest
from ..parameters import Parameters
from ..workflows import WorkflowFunction
from .columns import Columns, Converter, Text, columns_of, decode_json
from .row import ProblemList, Row, RowProblem
from .row_file import CsvFile, JsonLines
from .row_source import Axis, Given, Listed, Product, RowSource, Sample, SeedAxis, Streamed, indexed

_LISTED: Final = 5


class Rows(Iterable[Row], AsyncIterable[Row]):
    """Rows of parameters, made on demand.

    ``one * other`` is every row of one with every row of the other; the last varies fastest.

    Args:
        source: Where they come from; see the class methods.
        columns: The columns that they were typed by.
    """

    def __init__(self, source: RowSource, columns: Columns | None = None) -> None:
        self._source = source
        self._columns = columns
        self._counted: int | None = None

    @classmethod
    def of(cls, rows: Iterable[Any] | AsyncIterable[Any]) -> Rows:
        """Rows from Python.

        Args:
            rows: Mappings of parameters to values, or `Row`; a list of them, or an iterable, which may be
                endless or asynchronous.
        """
        if isinstance(rows, Rows):
            return rows
        if isinstance(rows, AsyncIterable):
            return cls(Streamed(rows))
        return cls(Listed(rows))

    @classmethod
    def grid(cls, *axes: str | Mapping[str, Iterable[Any]], **values: Iterable[Any]) -> Rows:
        """All combinations of some values.

        Args:
            axes: Values by the parameter's name; or axes as on the command line: ``steps=10,20,30``, with
                quotes around a string that contains a comma, or as a JSON array.
            values: The same as keywords.

        Raises:
            RowsError: An axis has no value, is given twice, or is invalid.
        """
        found: list[tuple[str, list[Any]]] = []
        for axis in (*axes, values):
            if isinstance(axis, str):
                found.append(_written(axis))
            else:
                found += [(name, _values(name, given)) for name, given in axis.items()]
        for name, given in found:
            if not given:
                raise RowsError(f"the axis {name} has no values")
        _refuse_twice([name for name, _ in found])
        return cls._product([Axis(name, given) for name, given in found])

    @classmethod
    def seeds(cls, count: int | str, *, key: int = 0) -> Rows:
        """Distinct seeds, the same ones each time.

        Args:
            count: How many; ``NAME=COUNT`` if the parameter is not called ``seed``.
            key: Another key gives other seeds.

        Raises:
            RowsError: It is not a number above 0.
        """
        name, separator, number = str(count).rpartition("=")
        try:
            many = int(number)
        except ValueError:
            many = 0
        if many < 1 or (separator and not name):
            raise RowsError(
                f"seeds must be COUNT, or NAME=COUNT, with a count above 0; not {str(count)!r:.60}"
            )
        return cls(SeedAxis(name or None, many, key))

    @classmethod
    def csv(cls, path: str | os.PathLike[str], *, encoding: str | None = None) -> Rows:
        """The rows of a CSV file, as spreadsheets write it; see `CsvFile`.

        Args:
            path: The file.
            encoding: Its encoding; by default UTF-8, or UTF-16 if it begins with its mark.

        Raises:
            RowsError: The file does not exist.
        """
        return cls(CsvFile(Path(path), encoding))

    @classmethod
    def jsonl(cls, path: str | os.PathLike[str]) -> Rows:
        """The rows of a JSON Lines file: one object per line.

        Args:
            path: The file.

        Raises:
            RowsError: The file does not exist.
        """
        return cls(JsonLines(Path(path)))

    @classmethod
    def each(cls, *written: str, **patterns: str) -> Rows:
        """A row for each file that matches a pattern, sorted by name.

        Args:
            written: ``image=photos/*.png``; ``**`` stands for any number of folders.
            patterns: The same as keywords. With several patterns, all combinations.

        Raises:
            RowsError: No file matches.
        """
        found: list[tuple[str, str]] = []
        for text in written:
            name, separator, pattern = text.partition("=")
            if not separator or not name or not pattern:
                raise RowsError(
                    f"files must be given as NAME=PATTERN, such as image=photos/*.png; not {text!r:.60}"
                )
            found.append((name.strip(), pattern))
        found += patterns.items()
        _refuse_twice([name for name, _ in found])
        return cls._product([Axis(name, _files(pattern)) for name, pattern in found])

    def __mul__(self, other: Rows) -> Rows:
        return self._product([self._source, other._source])

    def sample(self, count: int, *, key: int = 0) -> Rows:
        """A random sample of the rows; the same ones each time.

        Nothing is listed for it: the cost depends only on the size of the sample, not of the grid. A larger
        sample begins with the smaller one.

        Args:
            count: How many; all if there are fewer.
            key: Another key draws others.

        Raises:
            RowsError: It is not a number above 0, or these rows can be read only once.
        """
        if count < 1:
            raise RowsError(f"a sample must have at least 1 row, not {count}")
        return Rows(Sample(indexed(self._source), count, key), self._columns)

    def checked(self, columns: WorkflowFunction[..., Any] | Parameters | Columns) -> Rows:
        """The same rows, typed; see the module for what is checked now, and what is checked later.

        Args:
            columns: The target, or its columns.

        Raises:
            RowsError: They have problems; all are listed, by row and column.
        """
        known = columns_of(columns)
        problems = ProblemList()
        made = Rows(self._source.converted(Converter(known), problems), known)
        source = made._source
        if source.settled:
            for row in islice(made, 1):
                problems.add(replace(problem, row=None) for problem in row.problems)
        elif source.repeatable:
            rows = iter(made)
            count = 0
            for row in islice(rows, ROWS_CHECKED):
                count += 1
                problems.add(row.problems)
            if next(rows, None) is None:
                made._counted = count
        problems.refuse()
        return made

    @property
    def total(self) -> int | None:
        """How many rows there are; None if unknown or endless.

        For a file it is known once it has been checked.
        """
        return self._source.total if self._source.total is not None else self._counted

    def __iter__(self) -> Iterator[Row]:
        for number, given in enumerate(self._source):
            yield self._row(number, given)

    async def __aiter__(self) -> AsyncIterator[Row]:
        number = 0
        async for given in self._source:
            yield self._row(number, given)
            number += 1

    def __repr__(self) -> str:
        return f"<Rows: {'any number' if self.total is None else f'{self.total:,}'}>"

    def _row(self, number: int, given: Given) -> Row:
        problems = given.problems
        if self._columns is not None:
            required = self._columns.required
            if required and not required.keys() <= given.values.keys():
                named = {problem.column for problem in problems}
                problems += tuple(
                    RowProblem(name, reason, given.place)
                    for name, reason in required.items()
                    if name not in given.values and name not in named and not _is_broken(problems)
                )
        if problems:
            problems = tuple(replace(problem, row=number) for problem in problems)
        return Row(number, given.values, given.place, problems)

    @classmethod
    def _product(cls, parts: list[RowSource]) -> Rows:
        if not parts:
            raise RowsError("a grid must have at least one axis: steps=10,20,30")
        if len(parts) > ROW_COLUMNS:
            raise RowsError(f"a sweep can have at most {ROW_COLUMNS:,} axes, not {len(parts):,}")
        return cls(Product(parts) if len(parts) > 1 else parts[0])


def _is_broken(problems: tuple[RowProblem, ...]) -> bool:
    """Whether a row could not be read at all: its missing values need not be reported then."""
    return any(not problem.column for problem in problems)


def _written(axis: str) -> tuple[str, list[Any]]:
    """The name and the values of an axis on a command line.

    Raises:
        RowsError: It is not an axis.
    """
    name, separator, text = axis.partition("=")
    name = name.strip()
    if not separator or not name:
        raise RowsError(f"an axis must be NAME=VALUE,VALUE,…, not {axis!r:.60}")
    if text.lstrip()[:1] == "[":
        try:
            values = decode_json(text)
        except (ValueError, RecursionError):
            values = None  # a string that begins like that
        if is_array(values):
            return name, _values(name, values)
    try:
        cells = next(csv.reader([text], skipinitialspace=True, strict=True), list[str]())
    except csv.Error as error:
        raise RowsError(
            f"the axis {name} cannot be read: {error}; double the quotes within a string"
        ) from None
    if "" in cells:
        raise RowsError(f'the axis {name} has an empty value; write it as JSON: {name}=["", "…"]')
    return name, _values(name, map(Text, cells))


def _values(name: str, given: Iterable[Any]) -> list[Any]:
    if isinstance(given, (str, bytes, Mapping)):
        raise RowsError(f"the axis {name} takes a list of values, not {given!r:.60}")
    values = list(islice(given, AXIS_VALUES + 1))
    if len(values) > AXIS_VALUES:
        raise RowsError(f"the axis {name} has more than {AXIS_VALUES:,} values")
    return values


def _refuse_twice(names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise RowsError(f"the axis {name} is given twice; give all its values together: {name}=…,…")


def _files(pattern: str) -> list[Text]:
    """The files that match a pattern, sorted.

    Raises:
        RowsError: There is none, or there are too many.
    """
    pattern = os.path.expanduser(pattern)  # noqa: PTH111  # a pattern is not a path
    found: list[str] = []
    for path in iglob(pattern, recursive=True):  # noqa: PTH207  # keeps a pattern relative or absolute
        if os.path.isfile(path):  # noqa: PTH113
            found.append(path)
            if len(found) > AXIS_VALUES:
                raise RowsError(f"{pattern} matches more than {AXIS_VALUES:,} files")
    if not found:
        raise RowsError(f"no file matches {pattern}{_beside(pattern)}")
    return [Text(path) for path in sorted(found)]


def _beside(pattern: str) -> str:
    """What exists where a pattern looks: the end of a message."""
    folder, wanted = os.path.split(pattern)
    where = Path(folder or ".")
    try:
        names = sorted(path.name for path in islice(where.iterdir(), 1000) if path.is_file())
    except OSError:
        return f"; folder not found: {where}" if "*" not in folder and not where.exists() else ""
    if not names:
        return f"; {where} has no files"
    near = nearest(wanted, names)
    if near is not None and "*" not in wanted:
        return f"; did you mean {os.path.join(folder, near)}?"  # noqa: PTH118
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"; {where} has {', '.join(names[:_LISTED])}{more}"
