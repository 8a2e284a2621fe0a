"""Where rows come from: axes of a grid and their product, samples, lists, streams.

A source yields rows one by one and stores none. `RowSource.converted` returns the same source with its values
converted to JSON: those of an axis immediately, those of other sources as they come.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import prod
from typing import Any, NamedTuple

from typing_extensions import override

from ..bounds import AXIS_VALUES
from ..errors import ParameterError, RowsError
from ..json_types import is_object
from .columns import LARGEST_SEED, Converter, cell
from .draw import Draw
from .row import ProblemList, Row, RowProblem


class Given(NamedTuple):
    """A row from a source.

    Attributes:
        values: Values by column name.
        place: Where it is, or ``""``.
        problems: Its problems.
    """

    values: Mapping[str, Any]
    place: str = ""
    problems: tuple[RowProblem, ...] = ()


class RowSource(ABC):
    """Where rows come from.

    Attributes:
        total: How many rows there are; None if unknown or endless.
        repeatable: Whether the rows can be read a second time.
        settled: Whether all rows have the same columns, and every value has been checked.
    """

    total: int | None = None
    repeatable: bool = True
    settled: bool = False

    @abstractmethod
    def __iter__(self) -> Iterator[Given]: ...

    async def __aiter__(self) -> AsyncIterator[Given]:
        for given in self:
            yield given

    def at(self, index: int) -> Given | None:
        """The row at a position; None if rows can only be read in sequence."""
        del index
        return None

    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        """The same source with JSON values.

        Args:
            converter: Converts values to JSON.
            problems: Collects problems of all rows: a column name, a value of an axis.
        """
        del problems
        return Converted(self, converter)


class Converted(RowSource):
    """Another source, whose rows are converted as they come."""

    def __init__(self, source: RowSource, converter: Converter) -> None:
        self._source = source
        self._converter = converter
        self.total: int | None = source.total
        self.repeatable: bool = source.repeatable

    @override
    def __iter__(self) -> Iterator[Given]:
        return map(self._convert, self._source)

    @override
    async def __aiter__(self) -> AsyncIterator[Given]:
        async for given in self._source:
            yield self._convert(given)

    @override
    def at(self, index: int) -> Given | None:
        found = self._source.at(index)
        return None if found is None else self._convert(found)

    def _convert(self, given: Given) -> Given:
        values, problems = self._converter.values(given.values, given.place)
        return Given(values, given.place, given.problems + problems)


class Axis(RowSource):
    """One column with its values: one row for each.

    Args:
        name: The column; ``""`` for the seeds.
        values: The values; strings that users wrote are `Text`.
    """

    def __init__(self, name: str, values: Sequence[Any], *, settled: bool = False) -> None:
        self._name = name
        self._values = values
        self.total: int | None = len(values)
        self.settled: bool = settled

    @override
    def __iter__(self) -> Iterator[Given]:
        for value in self._values:
            yield Given({self._name: value})

    @override
    def at(self, index: int) -> Given | None:
        return Given({self._name: self._values[index]})

    @override
    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        column = converter.column(self._name)
        if isinstance(column, str):
            problems.add([RowProblem(self._name, column)])
            return Axis(self._name, [None] * len(self._values), settled=True)

        def made(number: int, value: Any) -> Any:
            try:
                return cell(column, value)
            except ParameterError as error:
                problems.add([RowProblem(self._name, error.reason, f"value {number}")])
                return None

        values = [made(number, value) for number, value in enumerate(self._values, 1)]
        return Axis(column.name, values, settled=True)


class SeedAxis(RowSource):
    """Distinct seeds: the same ones in every batch with the same key.

    Args:
        name: The column; None for the default one.
        count: How many.
        key: Selects which ones.
        largest: The largest seed.
    """

    def __init__(
        self, name: str | None, count: int, key: int, largest: int = LARGEST_SEED, *, settled: bool = False
    ) -> None:
        self._name = name
        self._key = key
        self._seeds = Draw(largest + 1, key)
        self.total: int | None = count
        self.settled: bool = settled

    @override
    def __iter__(self) -> Iterator[Given]:
        for seed in islice(self._seeds, self.total):
            yield Given({self._name or "seed": seed})

    @override
    def at(self, index: int) -> Given | None:
        return Given({self._name or "seed": self._seeds[index]})

    @override
    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        name, count = self._name, self.total or 0
        try:
            column = converter.columns.seed() if name is None else converter.columns.column(name)
            largest = LARGEST_SEED if column.largest is None else min(int(column.largest), LARGEST_SEED)
            if count > largest + 1:
                raise ParameterError(column.name, f"has only {largest + 1:,} different values, not {count:,}")
            made = SeedAxis(column.name, count, self._key, largest, settled=True)
            for given in islice(made, 1):
                column.of_value(given.values[column.name])
        except ParameterError as error:
            problems.add([RowProblem(name or "seed", error.reason)])
            return SeedAxis(name or "seed", count, self._key, settled=True)
        return made


class Product(RowSource):
    """Every row of one source with every row of the others; the last one varies fastest.

    Args:
        parts: The sources. Only the first may be readable only once.

    Raises:
        RowsError: Another one can be read only once, or is endless.
    """

    def __init__(self, parts: Sequence[RowSource]) -> None:
        self._parts = tuple(parts)
        for part in self._parts[1:]:
            if not part.repeatable:
                raise RowsError(
                    "rows of a generator or a stream can be read only once: put them first, "
                    "or make them a list"
                )
        totals = [part.total for part in self._parts]
        known = [total for total in totals if total is not None]
        self.total: int | None = prod(known) if len(known) == len(totals) else None
        self.repeatable: bool = self._parts[0].repeatable
        self.settled: bool = all(part.settled for part in self._parts)

    @override
    def __iter__(self) -> Iterator[Given]:
        return self._from(0)

    @override
    async def __aiter__(self) -> AsyncIterator[Given]:
        async for outer in self._parts[0]:
            for given in self._with(outer, 1):
                yield given

    def _from(self, depth: int) -> Iterator[Given]:
        for outer in self._parts[depth]:
            yield from self._with(outer, depth + 1)

    def _with(self, outer: Given, depth: int) -> Iterator[Given]:
        if depth == len(self._parts):
            yield outer
            return
        for inner in self._from(depth):
            yield _merged(outer, inner)

    @override
    def at(self, index: int) -> Given | None:
        made = Given({})
        for part in reversed(self._parts):
            if part.total is None:
                return None
            index, own = divmod(index, part.total)
            found = part.at(own)
            if found is None:
                return None
            made = _merged(found, made)
        return made

    @override
    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        return Product([part.converted(converter, problems) for part in self._parts])


class Sample(RowSource):
    """Some rows of a source, drawn without repetition; a larger sample begins with the smaller one.

    Args:
        source: The source, whose rows are available by position.
        count: How many; all if there are fewer.
        key: Selects which ones.
    """

    def __init__(self, source: RowSource, count: int, key: int) -> None:
        self._source = source
        self._count = count
        self._key = key
        self.total: int | None = min(count, source.total or 0)
        self.settled: bool = source.settled

    @override
    def __iter__(self) -> Iterator[Given]:
        for index in islice(Draw(self._source.total or 0, self._key), self.total):
            found = self._source.at(index)
            if found is not None:
                yield found

    @override
    def at(self, index: int) -> Given | None:
        return self._source.at(Draw(self._source.total or 0, self._key)[index])

    @override
    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        return Sample(self._source.converted(converter, problems), self._count, self._key)


class Listed(RowSource):
    """Rows from Python: mappings, or `Row`.

    Args:
        rows: A list or other collection of them, or an iterable.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = rows
        self.repeatable: bool = hasattr(rows, "__len__")
        self.total: int | None = len(rows) if hasattr(rows, "__len__") else None  # type: ignore[arg-type]

    @override
    def __iter__(self) -> Iterator[Given]:
        return map(given_of, self._rows)

    @override
    def at(self, index: int) -> Given | None:
        return given_of(self._rows[index]) if isinstance(self._rows, Sequence) else None


class Streamed(RowSource):
    """Rows from Python that come asynchronously.

    Args:
        rows: An asynchronous iterable of them.
    """

    repeatable = False

    def __init__(self, rows: AsyncIterable[Any]) -> None:
        self._rows = rows

    @override
    def __iter__(self) -> Iterator[Given]:
        raise TypeError("these rows come asynchronously: read them with `async for`")

    @override
    async def __aiter__(self) -> AsyncIterator[Given]:
        async for row in self._rows:
            yield given_of(row)


def given_of(row: Any) -> Given:
    """A row from Python.

    Args:
        row: A mapping, or a `Row`.

    Raises:
        RowsError: It is something else.
    """
    if isinstance(row, Row):
        return Given(row.parameters, row.place, row.problems)
    if is_object(row):
        return Given({str(name): value for name, value in row.items()})
    hint = ""
    if isinstance(row, str):
        hint = "; a DataFrame gives rows by to_dict('records')"
    raise RowsError(
        f"a row must be a mapping of parameters to values, not {row!r:.60} ({type(row).__name__}){hint}"
    )


def indexed(source: RowSource) -> RowSource:
    """A source whose rows are available by position: itself, or its rows in a list.

    Raises:
        RowsError: It is endless, or has too many rows.
    """
    if source.total is not None and (source.total == 0 or source.at(0) is not None):
        return source
    if not source.repeatable:
        raise RowsError(
            "a sample can be drawn from a grid, a file or a list, but not from a generator or a stream"
        )
    rows = list(islice(source, AXIS_VALUES + 1))
    if len(rows) > AXIS_VALUES:
        raise RowsError(
            f"a sample can be drawn from at most {AXIS_VALUES:,} rows of a file, and there are more"
        )
    return _Kept(rows)


class _Kept(RowSource):
    def __init__(self, rows: Sequence[Given]) -> None:
        self._rows = rows
        self.total: int | None = len(rows)

    @override
    def __iter__(self) -> Iterator[Given]:
        return iter(self._rows)

    @override
    def at(self, index: int) -> Given | None:
        return self._rows[index]


def _merged(one: Given, other: Given) -> Given:
    values = {**one.values, **other.values}
    problems = one.problems + other.problems
    place = f"{one.place}, {other.place}" if one.place and other.place else one.place or other.place
    if len(values) != len(one.values) + len(other.values):
        problems += tuple(
            RowProblem(name, "is given twice: by two parts of the sweep", place)
            for name in one.values
            if name in other.values
        )
    return Given(values, place, problems)
