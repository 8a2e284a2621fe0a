"""Running a batch from Python."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Sequence
from inspect import CORO_CREATED, getcoroutinestate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configuration import named_servers
from ..errors import CommandError
from .driver import DEPTH, WINDOW, Batch
from .refill import Recipe
from .report import BatchEvent, Summary
from .rows import Rows
from .schedule import check_counts
from .server import PATIENCE

if TYPE_CHECKING:
    from ..client import ClientOptions


def run(
    target: object,
    rows: Iterable[Any] | AsyncIterable[Any],
    *,
    servers: str | Sequence[str] = (),
    out: str | os.PathLike[str] = "output",
    depth: int = DEPTH,
    window: int = WINDOW,
    patience: float = PATIENCE,
    options: ClientOptions | None = None,
    on_event: Callable[[BatchEvent], object] | None = None,
) -> Summary:
    """Run a target once for each row, and wait for the end.

    ::

        rows = Rows.grid(steps=[10, 20, 30]) * Rows.seeds(8)
        summary = batch.run(txt2img, rows, servers=["http://gpu1:8188", "http://gpu2:8188"], out="sweep")

    Repeating the call continues where an earlier one ended, however it ended: the ledger in the folder knows
    what happened to each row. Ctrl-C leaves prompts on the servers, for the next call to find.

    Args:
        target: What to run: a workflow function, a workflow, prompt JSON, the editor's JSON, a file, or a
            `Recipe`.
        rows: A sweep: `Rows`, or an iterable of mappings of parameters to values, which may be endless or
            asynchronous.
        servers: The addresses of the servers; empty for the configured ones.
        out: The output folder and the ledger.
        depth: How many rows to queue per server.
        window: How many rows may wait to be sent; among these, a server gets rows that need the models that
            it has loaded.
        patience: Seconds that a server may be away before its rows are sent elsewhere.
        options: How to connect to servers: see `ClientOptions`.
        on_event: Called with each event; it must not block.

    Returns:
        What happened to the rows.

    Raises:
        RowsError: The rows have problems; nothing was sent.
        LedgerError: The ledger cannot be used: it belongs to another batch, or another process is running it.
        SaveError: An output cannot be written.
        ServerUnreachable: No server takes the rows.
        ComfyflowError: `target` cannot be run: see `Recipe.of`.
    """
    return _waited(
        arun(
            target,
            rows,
            servers=servers,
            out=out,
            depth=depth,
            window=window,
            patience=patience,
            options=options,
            on_event=on_event,
        ),
        "batch.run cannot wait here, because an event loop runs: await batch.arun(...)",
    )


def _waited(running: Coroutine[Any, Any, Summary], otherwise: str) -> Summary:
    """What a coroutine gives, in a new loop.

    Raises:
        CommandError: A loop runs here: in a notebook, or in an async function.
    """
    try:
        return asyncio.run(running)
    except RuntimeError:
        if getcoroutinestate(running) != CORO_CREATED:
            raise
        running.close()
        raise CommandError(otherwise) from None


async def arun(
    target: object,
    rows: Iterable[Any] | AsyncIterable[Any],
    *,
    servers: str | Sequence[str] = (),
    out: str | os.PathLike[str] = "output",
    depth: int = DEPTH,
    window: int = WINDOW,
    patience: float = PATIENCE,
    options: ClientOptions | None = None,
    on_event: Callable[[BatchEvent], object] | None = None,
) -> Summary:
    """Run a target once for each row, for asyncio; see `run`.

    A cancelled task leaves prompts on the servers, for the next call to find; `Batch.finish` and `Batch.stop`
    end a batch cleanly.

    Args:
        target: See `run`.
        rows: See `run`.
        servers: See `run`.
        out: See `run`.
        depth: See `run`.
        window: See `run`.
        patience: See `run`.
        options: See `run`.
        on_event: See `run`.

    Returns:
        What happened to the rows.

    Raises:
        ComfyflowError: See `run`.
    """
    recipe = target if isinstance(target, Recipe) else Recipe.of(target)
    given = (servers,) if isinstance(servers, str) else tuple(servers)
    batch = Batch(
        recipe,
        Rows.of(rows).checked(recipe.columns),
        servers=given or tuple(each.url for each in named_servers()),
        out=Path(out),
        depth=depth,
        window=window,
        options=options,
        patience=patience,
        on_event=on_event,
    )
    return await batch.run()


def submit(
    target: object,
    rows: Iterable[Any] | AsyncIterable[Any],
    client: Any,
    *,
    out: str | os.PathLike[str] = "output",
    shared: str | os.PathLike[str] | None = None,
    depth: int = DEPTH,
    window: int = WINDOW,
    patience: float = PATIENCE,
    on_event: Callable[[BatchEvent], object] | None = None,
) -> Summary:
    """Run a target once for each row on the workers of a Dask cluster, and wait for the end.

    Each worker is beside its own ComfyUI: ``comfyflow worker SCHEDULER --comfyui URL``. The ledger stays
    here, and repeating the call continues where an earlier one ended. Workers that join get rows.

    Args:
        target: See `run`.
        rows: See `run`.
        client: A ``distributed.Client``, or the address of a scheduler. The batch opens its own connection to
            that scheduler.
        out: The output folder and the ledger.
        shared: That folder as the workers see it, if they do: then they write the files there. Otherwise the
            files come back in chunks.
        depth: How many rows to queue per server.
        window: See `run`.
        patience: Seconds that a worker may be away before its rows are sent elsewhere.
        on_event: Called with each event; it must not block.

    Returns:
        What happened to the rows.

    Raises:
        MissingExtraError: Dask is not installed.
        ComfyflowError: See `run`.
    """
    check_counts(depth, window)
    recipe = target if isinstance(target, Recipe) else Recipe.of(target)
    checked = Rows.of(rows).checked(recipe.columns)
    from .dask_fleet import DaskServers

    address = client if isinstance(client, str) else client.scheduler.address
    security = None if isinstance(client, str) else client.security

    fleet = DaskServers(
        address,
        security=security,
        shared="" if shared is None else os.fspath(shared),
        depth=depth,
        patience=patience,
    )
    batch = Batch(
        recipe, checked, servers=fleet, out=Path(out), depth=depth, window=window, on_event=on_event
    )
    return _waited(
        batch.run(),
        "batch.submit cannot wait here, because an event loop runs: call it with asyncio.to_thread",
    )
