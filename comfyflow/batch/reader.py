"""Rows on demand: those that wait in the ledger, then the rest of the sweep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ..errors import ComfyflowError, LedgerError
from ..schema.schema import UNKNOWN
from ..source import Source
from .ledger import PAGE, Ledger, stored_parameters
from .record import LONGEST_ERROR
from .row import Row
from .schedule import Need

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

_AT_ONCE: Final = 16
"""After this many rows, other tasks get their turn."""


class OtherBatchError(LedgerError):
    """A ledger that is another batch's."""


class PreparedRow(Protocol):
    """A row as a prompt: see `Recipe.prepare`."""

    @property
    def hash(self) -> str:
        """Its hash: at least eight hexadecimal digits."""
        ...

    @property
    def classes(self) -> frozenset[str]:
        """Its node classes."""
        ...

    @property
    def models(self) -> frozenset[str]:
        """The files that must be installed, as servers list them."""
        ...

    @property
    def uploads(self) -> Sequence[object]:
        """The local files that the prompt names."""
        ...

    @property
    def source(self) -> Source:
        """The prompt with its files, and with where its nodes were created."""
        ...


class RowMaker(Protocol):
    """Turns rows into prompts: see `Recipe`."""

    def prepare(self, row: Row) -> PreparedRow:
        """The prompt of a row."""
        ...


@dataclass(frozen=True)
class ReadRow:
    """A row that is ready to be sent, or that cannot be.

    Attributes:
        row: The row.
        is_new: Whether the ledger does not have it yet.
        prepared: Its prompt; None if it has none.
        problem: Why it has none.
    """

    row: Row
    is_new: bool
    prepared: PreparedRow | None
    problem: str = ""

    @property
    def need(self) -> Need:
        """What it needs from a server."""
        if self.prepared is None:
            return Need(frozenset())
        return Need(self.prepared.classes, self.prepared.models)


class RowReader:
    """Reads the rows of a batch.

    Args:
        ledger: The ledger.
        call: Uses the ledger, in the thread that owns it.
        maker: Makes prompts of rows.
        rows: The sweep.
        folder: The folder that the batch was started in, which relative file paths are relative to.
    """

    def __init__(
        self,
        ledger: Ledger,
        call: Callable[[Callable[[], T]], Awaitable[T]],
        maker: RowMaker,
        rows: Iterable[Row] | AsyncIterable[Row],
        folder: Path | None = None,
    ) -> None:
        self._ledger = ledger
        self._call: Any = call
        self._maker = maker
        self._rows = rows
        self._judged: set[frozenset[str]] = set()
        self._folder = None if folder is None or folder == Path.cwd() else folder

    async def pending(self, known: Callable[[int], bool]) -> AsyncIterator[ReadRow]:
        """Yield the rows of the ledger that wait.

        Args:
            known: Whether a row need not be read, because it is already in memory.
        """
        start = 0
        while True:
            found = await self._call(lambda start=start: self._ledger.page(("pending",), start))
            for record in found:
                if not known(record.number):
                    yield self.read(Row(record.number, record.parameters), is_new=False)
            if len(found) < PAGE:
                return
            start = found[-1].number + 1

    async def rest(self) -> AsyncIterator[ReadRow]:
        """Yield the rows of the sweep that the ledger does not have.

        Raises:
            LedgerError: Those that it has are different: it belongs to another batch.
        """
        size: int = await self._call(lambda: self._ledger.size)
        number, stored = 0, list[str]()
        async for row in _each(self._rows):
            if number < size:
                if number % PAGE == 0:
                    page = range(number, min(number + PAGE, size))
                    stored = await self._call(
                        lambda page=page: self._ledger.parameters(page.start, page.stop)
                    )
                self._compare(row, number, stored[number % PAGE])
            else:
                yield self.read(row, is_new=True)
            number += 1
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if number < size:
            raise OtherBatchError(
                f"{self._ledger.path} has {size:,} rows, but this sweep only {number:,}: it is the ledger of "
                "another batch; choose another folder with --out"
            )

    def _compare(self, row: Row, number: int, stored: str) -> None:
        if stored_parameters(row.parameters) != stored:
            raise OtherBatchError(
                f"{self._ledger.path} is the ledger of another batch: its row {number} is {stored:.200}, but "
                f"here it is {stored_parameters(row.parameters):.200}; choose another folder with --out"
            )

    def read(self, row: Row, *, is_new: bool) -> ReadRow:
        """Prepare a row: its prompt, or why there is none.

        Args:
            row: The row.
            is_new: Whether the ledger does not have it yet.

        Raises:
            LedgerError: It names a file in the folder that the batch was started in, which is not this one.
        """
        problems = getattr(row, "problems", ())
        if problems:
            return ReadRow(row, is_new, None, "; ".join(map(str, problems))[:LONGEST_ERROR])
        try:
            prepared = self._maker.prepare(row)
            self._refuse_other_files(row, prepared)
            refused = self._refused(prepared)
            return ReadRow(row, is_new, None if refused else prepared, refused)
        except LedgerError:
            raise
        except (ComfyflowError, TypeError, ValueError) as error:
            return ReadRow(row, is_new, None, str(error)[:LONGEST_ERROR])

    def _refuse_other_files(self, row: Row, prepared: PreparedRow) -> None:
        """Refuse a path that means a different file here than where the batch was started."""
        if self._folder is None:
            return
        for use in prepared.uploads:
            path = getattr(use, "path", None)
            if isinstance(path, Path) and _is_other(path, self._folder / path):
                raise LedgerError(
                    f"row {row.number} names the file {path}, which is in {self._folder}, where the "
                    "batch was started; run the same command there"
                )

    def _refused(self, prepared: PreparedRow) -> str:
        """What in this prompt would damage a server; checked once for prompts with the same classes.

        The server itself reports everything else.
        """
        if prepared.classes in self._judged:
            return ""
        from ..validate import validate_prompt

        report = validate_prompt(prepared.source.prompt, UNKNOWN, file_exists=lambda _: True)
        if report.refusals:
            return str(report.refused())[:LONGEST_ERROR]
        self._judged.add(prepared.classes)
        return ""


def begun_in(ledger: Ledger) -> Path:
    """The folder that a batch was started in; if unknown, this one from now on."""
    known = ledger.kept("folder")
    if not isinstance(known, str):
        known = str(Path.cwd())
        ledger.keep({"folder": known})
    return Path(known)


def _is_other(here: Path, there: Path) -> bool:
    """Whether a path means a different file in another folder, which still exists."""
    return there.exists() and not (here.exists() and here.samefile(there))


async def _each(rows: Iterable[Row] | AsyncIterable[Row]) -> AsyncIterator[Row]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
