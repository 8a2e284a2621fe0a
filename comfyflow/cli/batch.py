"""``comfyflow batch``: a sweep of rows on many servers, and what can be done with its ledger."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from ..configuration import named_servers
from ..errors import CommandError, ParameterError
from ..source import Converting
from . import FAILED, INTERRUPTED, PROBLEMS
from .batch_ledger import cancel, export, retry, status
from .connection import server_classes, simulated_server
from .options import (
    PATH,
    connection_options,
    converting_options,
    partner_api_key_option,
    server_url,
    servers_option,
)
from .parameters import option_like
from .streams import say
from .target import find_workflow, load_target
from .workflow_command import WorkflowCommand, target_argument

if TYPE_CHECKING:
    from ..batch import Batch, Rows, Standing, Summary
    from ..batch.dask_fleet import DaskServers
    from ..batch.fleet import Fleet
    from ..batch.refill import Recipe

_DEFAULT: Final = "run"


class BatchCommands(click.Group):
    """The commands of a batch; any other word is the target to run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; ``run`` need not be among them."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group("batch", cls=BatchCommands)
def batch() -> None:
    """Run many prompts on many servers: comfyflow batch sweep.py --grid steps=10,20 --seeds 8.

    A ledger beside the outputs records what happened to each row: run the same command again to
    continue where an earlier one ended, however it ended. `comfyflow batch run --help` lists the options.
    """


@batch.command(_DEFAULT, cls=WorkflowCommand, short_help="Run a workflow once for each row.")
@target_argument
@click.option("--grid", "grids", metavar="NAME=VALUE,...", multiple=True, help="Add an axis to the grid.")
@click.option("--each", "files", metavar="NAME=PATTERN", multiple=True, help="Add an axis of files.")
@click.option("--csv", metavar="FILE", type=PATH, help="Read rows from a CSV file.")
@click.option(
    "--jsonl", metavar="FILE", type=PATH, help="Read rows from a file of JSON objects, one per line."
)
@click.option("--seeds", metavar="COUNT", help="Add COUNT seeds; NAME=COUNT for another parameter.")
@click.option(
    "--sample", metavar="COUNT", type=click.IntRange(min=1), help="Run only a random sample of COUNT rows."
)
@servers_option
@partner_api_key_option
@click.option("--simulate", is_flag=True, help="Run it on the built-in simulator.")
@click.option("--dask", metavar="SCHEDULER", help="Run it on the workers of this Dask scheduler.")
@click.option("--shared", metavar="DIR", help="With --dask: the --out folder, as the workers see it.")
@click.option(
    "--out", metavar="DIR", type=PATH, default=Path("output"), help="The folder for files and ledger."
)
@click.option(
    "--depth",
    metavar="COUNT",
    type=click.IntRange(1, 100),
    default=3,
    help="How many rows to queue per server.",
)
@converting_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what went wrong.")
@click.pass_context
def run(
    context: click.Context,
    /,
    target: str,
    servers: tuple[str, ...],
    simulate: bool,
    dask: str | None,
    shared: str | None,
    out: Path,
    depth: int,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **axes: Any,
) -> None:
    """Run a workflow once per row; a parameter that all rows share is an option: --prompt "a cat".

    TARGET is FILE.py[:NAME], prompt JSON, or another workflow. All combinations of --grid, --each,
    --csv, --jsonl and --seeds are run; the last one varies fastest.

    Exit codes: 0 all rows are done; 1 some rows are invalid; 2 it could not start or continue; 3 some
    rows failed; 130 Ctrl-C: once stops after the running rows, twice stops at once, as SIGTERM does.
    """
    if sum(map(bool, (servers, simulate, dask))) > 1:
        raise CommandError("pass one of --server, --simulate and --dask")
    if shared and not dask:
        raise CommandError("--shared needs --dask: other servers send their files")
    urls = () if simulate or dask else tuple(server_url(each.url) for each in named_servers(servers))
    asks = functools.partial(server_classes, urls[0], None) if urls else None
    recipe = _recipe(target, Converting(editor, repair, asks, packs))
    rows = sweep(recipe, context.args, **axes)
    with contextlib.ExitStack() as stack:
        if simulate:
            urls = (stack.enter_context(simulated_server()),)
        fleet = _dask_servers(dask, shared, depth) if dask else urls
        summary = _run(recipe, rows, fleet, out, depth, as_json=as_json, quiet=quiet)
    code = _tell(summary, as_json=as_json, quiet=quiet)
    if code:
        raise click.exceptions.Exit(code)


def _recipe(target: str, converting: Converting) -> Recipe:
    from ..batch.refill import Recipe
    from ..named_inputs import named_inputs_beside

    function = find_workflow(target)
    if function is not None and not converting.asked:
        return Recipe.of(function)
    source = load_target(target, (), None, converting)
    return Recipe.of(source, named=named_inputs_beside(target, source.graph))


def sweep(
    recipe: Recipe,
    words: Sequence[str],
    *,
    grids: Sequence[str] = (),
    files: Sequence[str] = (),
    csv: Path | None = None,
    jsonl: Path | None = None,
    seeds: str | None = None,
    sample: int | None = None,
) -> Rows:
    """The rows that the options specify, typed by the target.

    Raises:
        CommandError: The options specify no rows, or a word is not an option.
        RowsError: The rows have problems.
    """
    from ..batch import Rows

    parts = [Rows.grid(each) for each in grids]
    parts += [Rows.each(each) for each in files]
    parts += [Rows.csv(csv)] if csv is not None else []
    parts += [Rows.jsonl(jsonl)] if jsonl is not None else []
    parts += [Rows.seeds(seeds)] if seeds is not None else []
    fixed = dict(_fixed(words))
    if not parts:
        for name in fixed:
            _expect_column(recipe, name)
        raise CommandError(
            "a batch needs rows: --grid steps=10,20,30, --seeds 8, --csv rows.csv, --jsonl rows.jsonl, "
            "--each image=photos/*.png"
        )
    rows = functools.reduce(lambda one, other: one * other, parts)
    if fixed:
        rows = Rows.grid({name: [value] for name, value in fixed.items()}) * rows
    if sample is not None:
        rows = rows.sample(sample)
    return rows.checked(recipe.columns)


def _expect_column(recipe: Recipe, name: str) -> None:
    """If no rows are given, an unknown parameter may be a mistyped option for rows.

    Raises:
        CommandError: There is no parameter of that name.
    """
    try:
        recipe.columns.column(name)
    except ParameterError as error:
        hint = option_like(f"--{name.replace('_', '-')}")
        said = f"unknown parameter --{name}; {hint}" if hint else f"{error.name} {error.reason}"
        raise CommandError(said) from None


def _fixed(words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The parameters that all rows share, as they are on the command line.

    Raises:
        CommandError: A word is not an option, or an option has no value.
    """
    from ..batch.columns import Text

    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, separator, value = word.partition("=")
        if not name.startswith("--") or len(name) < len("--x"):
            hint = _rows_like(name) or option_like(name)
            raise CommandError(f"{word!r} is not an option{f'; {hint}' if hint else ''}")
        if not separator:
            if not rest:
                raise CommandError(f"{name} needs a value: {name} VALUE")
            value = rest.pop(0)
        yield name[2:].replace("-", "_"), Text(value)


def _rows_like(word: str) -> str:
    """The option for a file of rows; empty if a word is not the name of one."""
    kinds = {".csv": "--csv", ".jsonl": "--jsonl", ".ndjson": "--jsonl"}
    option = kinds.get(Path(word).suffix.lower())
    return f"to read rows from it: {option} {word}" if option else ""


def _dask_servers(scheduler: str, shared: str | None, depth: int) -> DaskServers:
    from ..batch.dask_fleet import DaskServers
    from .worker import quiet_dask

    quiet_dask()
    return DaskServers(scheduler, shared=shared or "", depth=depth, options=connection_options())


def _run(
    recipe: Recipe,
    rows: Rows,
    servers: Sequence[str] | Fleet,
    out: Path,
    depth: int,
    *,
    as_json: bool,
    quiet: bool,
) -> Summary:
    from ..batch import Batch
    from .batch_display import batch_display

    def standing() -> Standing:
        return made.standing

    shown = batch_display(standing, as_json=as_json, quiet=quiet)
    made = Batch(
        recipe,
        rows,
        servers=servers,
        out=out,
        depth=depth,
        options=connection_options(),
        on_event=shown.show,
    )
    try:
        return asyncio.run(_interruptible(made))
    finally:
        shown.close()


async def _interruptible(made: Batch) -> Summary:
    with _interrupts(made, asyncio.get_running_loop()):
        return await made.run()


@contextlib.contextmanager
def _interrupts(made: Batch, loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Make the first Ctrl-C end a batch cleanly, the second immediately, as SIGTERM, the third as usual."""
    times = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal times
        # SIGTERM is usually followed by SIGKILL: there is no time to wait for running rows.
        times = max(times + 1, 1 if number == signal.SIGINT else 2)
        if times == 1:
            say(
                "comfyflow: no more rows are sent; Ctrl-C again cancels those already on servers",
                err=True,
            )
            loop.call_soon_threadsafe(made.finish)
        elif times == 2:
            say("comfyflow: cancelling rows on the servers", err=True)
            loop.call_soon_threadsafe(made.stop)
        else:
            signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(summary: Summary, *, as_json: bool, quiet: bool) -> int:
    """Print a batch's summary; returns the exit code."""
    counts = summary.counts
    code = FAILED if counts["failed"] else PROBLEMS if counts["invalid"] else 0
    code = INTERRUPTED if summary.stopped else code
    if as_json:
        from .progress import write_line

        write_line(
            {
                "event": "summary",
                **dict(counts.items()),
                "seconds": round(summary.seconds, 3),
                "out": str(summary.out),
                "ledger": str(summary.ledger),
                "exit_code": code,
            }
        )
    elif not quiet:
        click.echo(f"{summary.ledger} records each row's result; the files are beside it", err=True)
        if counts["pending"] or counts["in_progress"]:
            click.echo("run the same command again to continue", err=True)
        if counts["failed"]:
            click.echo(
                f"`comfyflow batch retry {summary.ledger}` and the same command retry failed rows",
                err=True,
            )
    return code


for _command in (status, retry, cancel, export):
    batch.add_command(_command)
