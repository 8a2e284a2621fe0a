"""Commands for a batch's ledger: show it, retry, cancel or export rows, lay them out on a page."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from ..errors import ClientError, CommandError, LedgerError
from .options import PATH, connection_options, credential_options, file_only, output_option
from .progress import write_line
from .streams import say

if TYPE_CHECKING:
    from ..batch.ledger import Ledger
    from ..batch.record import Attempt, RowRecord, State


_RANGE: Final = re.compile(r"(\d+)(?:-(\d+))?")
_MOST_ROWS: Final = 1_000_000
_TOLD: Final = 5
"""How many different errors are reported."""

_STATES: Final = ("pending", "in_progress", "completed", "failed", "invalid", "cancelled")
"""`comfyflow.batch.record.State`, without what it imports."""

ledger_argument: Final = click.argument("ledger", metavar="LEDGER", type=PATH)
rows_option: Final = click.option("--rows", "numbers", metavar="N,N-N,...", help="Only these rows: 3,7-9.")
states_option: Final = click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only rows in this state. Can be repeated.",
)


def _open(path: Path) -> Ledger:
    from ..batch.ledger import Ledger, batch_ledger

    return Ledger(batch_ledger(path))


def row_numbers(text: str | None) -> list[int] | None:
    """The rows that someone names: ``3,7-9``; None for all.

    Raises:
        CommandError: They are not valid.
    """
    if text is None:
        return None
    found: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise CommandError(f"--rows expects numbers and ranges, such as 3,7-9; not {part!r}")
        first = int(match[1])
        last = int(match[2] or first)
        if last - first >= _MOST_ROWS:
            raise CommandError(f"--rows {part} are more than {_MOST_ROWS:,} rows; omit it for all")
        found += range(first, last + 1)
    return found


@click.command("status", short_help="Show a batch's progress.")
@ledger_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(ledger: Path, as_json: bool) -> None:
    """Show a batch's progress: how many rows are done, what failed and why. LEDGER is the file or its
    folder.
    """
    with _open(ledger) as opened:
        counts, total, holder = opened.counts(), opened.kept("total"), opened.holder
        errors = Counter(
            (row.failure or row.state, (row.error or "").partition("\n")[0])
            for row in opened.rows(("failed", "invalid"))
        )
    told = errors.most_common(_TOLD)
    if as_json:
        listed = [{"failure": kind, "error": error, "rows": count} for (kind, error), count in told]
        held = None if holder is None else {"pid": holder.pid, "host": holder.host, "since": holder.since}
        write_line(
            {"total": total, **{state: counts[state] for state in _STATES}, "holder": held, "errors": listed}
        )
        return
    of = f" of {total:,}" if isinstance(total, int) else ""
    click.echo(f"{counts['completed']:,}{of} rows done")
    for state in ("in_progress", "pending", "failed", "invalid", "cancelled"):
        if counts[state]:
            click.echo(f"{counts[state]:,} {state.replace('_', ' ')}")
    for (kind, error), count in told:
        say(f"  {count:,} {kind}: {error}")
    if len(errors) > _TOLD:
        click.echo(f"  and {len(errors) - _TOLD:,} more kinds of errors")
    say(f"run by {holder}" if holder is not None else "no process is running it")


@click.command("retry", short_help="Retry rows that failed or were cancelled.")
@ledger_argument
@rows_option
@click.option(
    "--state",
    "states",
    type=click.Choice(("failed", "invalid", "cancelled")),
    multiple=True,
    help="Rows in this state. Can be repeated.  [default: failed]",
)
def retry(ledger: Path, numbers: str | None, states: tuple[State, ...]) -> None:
    """Retry rows that failed, were invalid or were cancelled, in the running batch or the next run."""
    with _open(ledger) as opened:
        count = opened.retry(row_numbers(numbers), states or ("failed",))
        opened.keep({"cancelled": False})
        holder = opened.holder
    by = "the process that runs the batch sends them" if holder else "the batch's command sends them"
    click.echo(f"{count:,} {'row waits' if count == 1 else 'rows wait'} again; {by}")


@click.command("cancel")
@ledger_argument
@rows_option
@credential_options
def cancel(ledger: Path, numbers: str | None) -> None:
    """Cancel waiting rows, and stop those that are on servers."""
    wanted = row_numbers(numbers)
    with _open(ledger) as opened:
        if wanted is None:
            opened.keep({"cancelled": True})
        count = opened.cancel(wanted)
        flying = [each for each in opened.attempts() if wanted is None or each.row in wanted]
        failed = asyncio.run(_stop(opened, flying)) if flying else []
        held = opened.holder is not None
    click.echo(f"{count:,} {'row that waited is' if count == 1 else 'rows that waited are'} cancelled")
    if flying and not failed:
        verb = "is" if len(flying) == 1 else "are"
        click.echo(f"{len(flying):,} on servers {verb} cancelled")
    for error in failed:
        say(f"comfyflow: {error}", err=True)
    if wanted is None and held:
        click.echo("the process that runs the batch ends")
    if failed:
        raise CommandError("rows on a server keep running there; cancel again when it answers")


async def _stop(ledger: Ledger, attempts: Sequence[Attempt]) -> list[str]:
    """Remove prompts from servers, and record it if no other process does; returns what went wrong."""
    from ..batch.fleet import NamedServers
    from ..batch.record import SetAside
    from ..batch.server import PATIENCE

    servers = NamedServers((), connection_options(), PATIENCE)
    failed: list[str] = []
    for url in dict.fromkeys(each.server for each in attempts):
        try:
            server = servers.make(url)
        except LedgerError as error:
            failed.append(str(error))
            continue
        theirs = [each for each in attempts if each.server == url]
        try:
            ended = await server.remove(each.prompt_id for each in theirs)
        except ClientError as error:
            failed.append(str(error))
            continue
        finally:
            await server.close()
        if ledger.holder is None:
            now = time.time()
            ledger.write(
                SetAside(each.row, each.prompt_id, now, "cancelled", None, "")
                for each in theirs
                if ended[each.prompt_id] != "completed"
            )
    return failed


@click.command("export")
@ledger_argument
@output_option
@click.option("--format", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True)
@states_option
@click.option("--parameters", is_flag=True, help="Print only the parameters, as rows for another batch.")
@rows_option
def export(
    ledger: Path,
    output: Path | None,
    form: str,
    states: tuple[State, ...],
    parameters: bool,
    numbers: str | None,
) -> None:
    """Write the rows with their results."""
    wanted = row_numbers(numbers)
    chosen = None if wanted is None else frozenset(wanted)
    with _open(ledger) as opened:

        def rows() -> Iterator[RowRecord]:
            listed = opened.rows(states or _STATES)
            return (row for row in listed if chosen is None or row.number in chosen)

        try:
            target = (
                nullcontext(sys.stdout) if output is None else output.open("w", encoding="utf-8", newline="")
            )
            with target as stream:
                if form == "jsonl":
                    for row in rows():
                        stream.write(json.dumps(_shown(row, parameters), ensure_ascii=False) + "\n")
                else:
                    _write_csv(stream, rows(), _names(rows()), parameters)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"cannot write {output or 'the output'}: {error.strerror or error}") from None


def _names(rows: Iterable[RowRecord]) -> list[str]:
    """The names of all parameters, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row.parameters))


def _shown(row: RowRecord, only_parameters: bool) -> dict[str, Any]:
    if only_parameters:
        return dict(row.parameters)
    return {
        "row": row.number,
        "state": row.state,
        "parameters": dict(row.parameters),
        "server": row.server,
        "prompt_id": row.prompt_id,
        "prompt_hash": row.prompt_hash,
        "attempts": row.attempts,
        "failure": row.failure,
        "error": row.error,
        "sent": row.sent,
        "ended": row.ended,
        "texts": dict(row.texts),
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in row.files],
    }


_FIRST: Final = ("row", "state")
_LAST: Final = ("server", "prompt_id", "prompt_hash", "attempts", "failure", "error", "files")


def _write_csv(stream: TextIO, rows: Iterable[RowRecord], names: Sequence[str], only: bool) -> None:
    table = io.StringIO()
    writer = csv.writer(table)

    def flush() -> None:
        stream.write(table.getvalue())
        table.seek(0)
        table.truncate()

    writer.writerow(names if only else (*_FIRST, *names, *_LAST))
    for row in rows:
        values = [_cell(row.parameters.get(name)) for name in names]
        if not only:
            shown = _shown(row, False)
            shown["files"] = " ".join(file.name for file in row.files)
            values = [*(shown[name] for name in _FIRST), *values, *(shown[name] for name in _LAST)]
        writer.writerow(values)
        flush()
    flush()


def _cell(value: object) -> object:
    """A parameter as a spreadsheet cell."""
    return value if isinstance(value, (str, type(None))) else json.dumps(value, ensure_ascii=False)


_UNSHOWN_NAMED: Final = 5
"""How many files without a thumbnail are reported."""


@click.command("contact-sheet", short_help="Show a batch's results on one page.")
@ledger_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=PATH,
    callback=file_only,
    help="The page to write; its name must end with .html.",
)
@click.option("--x", metavar="NAME", help="The parameter whose values become the columns.")
@click.option("--y", metavar="NAME", help="The parameter whose values become the rows.")
@click.option("--title", metavar="TEXT", help="The page's title.  [default: the batch's folder]")
@states_option
@rows_option
@click.option("--watch", is_flag=True, help="Serve it on this machine; new rows appear as they finish.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=0,
    help="With --watch: the port; 0 picks a free one.",
)
def contact_sheet(
    ledger: Path,
    output: Path | None,
    x: str | None,
    y: str | None,
    title: str | None,
    states: tuple[State, ...],
    numbers: str | None,
    watch: bool,
    port: int,
) -> None:
    """Show a batch's results on one page: a grid of two parameters, or a wall.

    LEDGER is the file or its folder.

    The page works from disk. It filters, sorts, compares two rows, and exports favourites as rows for
    `comfyflow batch --jsonl`. Thumbnails are kept beside the ledger, so the next sheet only makes new
    ones. The page holds up to 500 thumbnails; more are in a folder beside it. --watch serves the page
    of a running batch.
    """
    from ..batch.record import STATES

    states = states or STATES
    chosen = row_numbers(numbers)
    if watch:
        if output is not None:
            raise CommandError("give -o or --watch, not both")
        _serve(ledger, port, x=x, y=y, title=title, states=states, numbers=chosen)
        return
    if output is None:
        raise CommandError("name the page with -o sheet.html, or serve it with --watch")
    from ..batch import contact_sheet as write_sheet

    made = write_sheet(ledger, output, x=x, y=y, title=title, states=states, rows=chosen)
    beside = f"; its thumbnails are in {made.folder}, next to it" if made.folder is not None else ""
    say(
        f"{made.path}: {made.rows:,} rows, {made.thumbnails:,} thumbnails, {made.made:,} of them new{beside}",
        err=True,
    )
    for line in made.unreadable[:_UNSHOWN_NAMED]:
        say(f"  without a thumbnail: {line}", err=True)
    if len(made.unreadable) > _UNSHOWN_NAMED:
        click.echo(f"  and {len(made.unreadable) - _UNSHOWN_NAMED:,} more", err=True)


def _serve(ledger: Path, port: int, *, numbers: list[int] | None, **chosen: Any) -> None:
    from ..batch.sheet.live import LiveSheet

    rows = None if numbers is None else frozenset(numbers)
    sheet = LiveSheet(ledger, port, numbers=rows, **chosen)
    click.echo(f"{sheet.url} (Ctrl-C stops it)")
    with contextlib.suppress(KeyboardInterrupt):
        sheet.run()
