"""``comfyflow contact-sheet``: the outputs of a batch on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import CommandError
from .batch_ledger import ledger_argument, row_numbers, rows_option, states_option
from .options import PATH
from .plain_text import say

if TYPE_CHECKING:
    from ..batch.record import State

_TOLD: Final = 5
"""How many files without a thumbnail are reported."""


@click.command("contact-sheet", short_help="Show a batch's results on one page.")
@ledger_argument
@click.option(
    "-o", "--output", metavar="FILE", type=PATH, help="The page to write; its name must end with .html."
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
    for line in made.unreadable[:_TOLD]:
        say(f"  without a thumbnail: {line}", err=True)
    if len(made.unreadable) > _TOLD:
        click.echo(f"  and {len(made.unreadable) - _TOLD:,} more", err=True)


def _serve(ledger: Path, port: int, *, numbers: list[int] | None, **chosen: Any) -> None:
    from ..batch.sheet.live import LiveSheet

    rows = None if numbers is None else frozenset(numbers)
    sheet = LiveSheet(ledger, port, numbers=rows, **chosen)
    click.echo(f"{sheet.url} (Ctrl-C stops it)")
    sheet.run()
