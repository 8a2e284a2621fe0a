"""Where rows come from: axes of a grid and their product, samples, lists, streams.

A source gives rows one by one and holds none. `RowSource.converted` gives the same source with its
values turned into JSON: those of an axis at once, those of other sources as they come.
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
    """A row as a source gives it.

    Attributes:
        values: Values by the name of the column.
        place: Where it stands, or ``""``.
        problems: What is wrong with it.
    """

    values: Mapping[str, Any]
    place: str = ""
    problems: tuple[RowProblem, ...] = ()


class RowSource(ABC):
    """Where rows come from.

    Attributes:
        total: How many rows there are; None where that is not known, or where there is no end.
        repeatable: Whether the rows can be read a second time.
        settled: Whether all rows have the same columns, and each value was checked already.
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
        """The row at a position; None where rows can only be read one after another."""
        del index
        return None

    def converted(self, converter: Converter, problems: ProblemList) -> RowSource:
        """The same with values of JSON.

        Args:
            converter: What turns values into JSON.
            problems: Takes what is wrong with all rows at once: the name of a column, a value of an axis.
        """
        del problems
        return Converted(self, converter)


class Converted(RowSource):
    """Another source, each row converted as it comes."""

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
    """One column with its values; a row for each.

    Args:
        name: The column; ``""`` is that of the seeds.
        values: The values; texts that people wrote are `Text`.
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
    """Seeds, each another: the same ones in every batch with the same key.

    Args:
        name: The column; None is the one that seeds are for.
        count: How many.
        key: Which ones.
        largest: The largest.
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
    """Every row of one source with every row of the others; the last one turns fastest.

    Args:
        parts: The sources. Only the first may be one that can be read once.

    Raises:
        RowsError: Another one can be read only once, or has no end.
    """

    def __init__(self, parts: Sequence[RowSource]) -> None:
        self._parts = tuple(parts)
        for part in self._parts[1:]:
            if not part.repeatable:
                raise RowsError(
                    "rows of a generator or a stream can be read only once: let them stand first, "
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
        source: The source; its rows can be asked for by position.
        count: How many; all of them where there are no more.
        key: Which ones.
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
    """Rows of Python: mappings, or `Row`.

    Args:
        rows: A list of them, another collection, or what gives them one after another.
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
    """Rows of Python that come asynchronously.

    Args:
        rows: What gives them.
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
    """A row of Python.

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
        f"a row is a mapping of parameters to values, not {row!r:.60} ({type(row).__name__}){hint}"
    )


def listed(source: RowSource) -> RowSource:
    """A source of which rows can be asked for by position: itself, or what it has in a list.

    Raises:
        RowsError: It has no end, or too many rows.
    """
    if source.total is not None and (source.total == 0 or source.at(0) is not None):
        return source
    if not source.repeatable:
        raise RowsError("a sample can be drawn of a grid, a file or a list, not of a generator or a stream")
    rows = list(islice(source, AXIS_VALUES + 1))
    if len(rows) > AXIS_VALUES:
        raise RowsError(f"a sample can be drawn of {AXIS_VALUES:,} rows of a file, and there are more")
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
