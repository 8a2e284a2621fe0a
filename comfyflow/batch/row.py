"""One row of a sweep: the parameters of one prompt, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from ..bounds import ROW_PROBLEMS
from ..errors import RowsError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""A value that JSON can hold."""

_SHOWN: Final = 20
"""At most this many different problems are reported."""
_PLACES: Final = 3
"""At most this many places are reported for a problem of many rows."""


@dataclass(frozen=True)
class RowProblem:
    """A problem of a row.

    Attributes:
        column: The column, as given; ``""`` if the row as a whole is wrong.
        reason: The predicate of a sentence whose subject is the column.
        place: Where the row is: ``rows.csv, line 7``; ``""`` if only its number is known.
        row: The number of the row; None if all rows have the problem, such as a wrong column name.
    """

    column: str
    reason: str
    place: str = ""
    row: int | None = None

    @property
    def where(self) -> str:
        """The place, or else the number of the row."""
        return self.place or ("" if self.row is None else f"row {self.row}")

    @property
    def sentence(self) -> str:
        """The problem, without the place."""
        return f"{self.column} {self.reason}" if self.column else self.reason

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


@dataclass(frozen=True)
class Row:
    """The parameters of one prompt.

    Attributes:
        number: Its position in the sweep, from 0.
        parameters: JSON values by the parameter's name; missing ones have their defaults.
        place: Where it is: ``rows.csv, line 7``; ``""`` if only its number is known.
        problems: Its problems. A row with problems must not be sent.
    """

    number: int
    parameters: Mapping[str, JSON]
    place: str = field(default="", compare=False)
    problems: tuple[RowProblem, ...] = ()

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"row {self.number} ({self.place})" if self.place else f"row {self.number}"


class ProblemList:
    """The problems of many rows, to report them together; if there are very many, the first are kept."""

    def __init__(self) -> None:
        self.kept: list[RowProblem] = []
        self.count: int = 0

    def add(self, problems: Iterable[RowProblem]) -> None:
        """Add problems."""
        for problem in problems:
            self.count += 1
            if len(self.kept) < ROW_PROBLEMS:
                self.kept.append(problem)

    def refuse(self) -> None:
        """Raise if there are any.

        Raises:
            RowsError: There are problems.
        """
        if self.count:
            raise RowsError("\n".join(self._lines()), self.kept, self.count)

    def _lines(self) -> Iterable[str]:
        groups: dict[str, list[RowProblem]] = {}
        for problem in self.kept:
            groups.setdefault(problem.sentence, []).append(problem)
        beyond = self.count - len(self.kept)
        one = self.count == 1
        yield f"{self.count:,} problem{'' if one else 's'} in the rows; nothing was sent"
        for sentence, group in islice(groups.items(), _SHOWN):
            places = list(dict.fromkeys(problem.where for problem in group if problem.where))
            more = len(places) - _PLACES
            where = "; ".join(places[:_PLACES]) + (f"; and {more:,} more" if more > 0 else "")
            yield f"  {where}: {sentence}" if where else f"  {sentence}"
        hidden = len(groups) - _SHOWN
        if hidden > 0 or beyond:
            yield f"  and {f'{hidden} more of other kinds' if hidden > 0 else f'{beyond:,} more'}"
