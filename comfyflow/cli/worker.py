"""``comfyflow worker``: a Dask worker beside a ComfyUI server."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from .options import PATH, connection_options, credential_options, partner_api_key_option, server_url
from .streams import say


def quiet_dask() -> None:
    """Make Dask log only errors; it configures its logging on import.

    Raises:
        MissingExtraError: It is not installed.
    """
    from ..batch.dask_worker import dask_distributed

    dask_distributed()
    logging.getLogger("distributed").setLevel(logging.ERROR)


@click.command("worker")
@click.argument("scheduler", metavar="SCHEDULER")
@click.option("--comfyui", metavar="URL", required=True, help="The ComfyUI server beside it.")
@click.option(
    "--name", metavar="NAME", default="", help="The server's name in ledgers.  [default: MACHINE:PORT]"
)
@click.option(
    "--host",
    metavar="ADDRESS",
    help="The address to listen on.  [default: the one the scheduler reaches it by]",
)
@click.option("--scratch", metavar="DIR", type=PATH, help="The folder for files in transit.")
@credential_options
@partner_api_key_option
def worker(scheduler: str, comfyui: str, name: str, host: str | None, scratch: Path | None) -> None:
    """Run rows of batches on a ComfyUI server: comfyflow worker tcp://head:8786 --comfyui 127.0.0.1:8188.

    It waits for a scheduler that is not running yet, and for one that restarts, until Ctrl-C. Anyone who
    can reach a scheduler can run anything on its workers: use TLS, or a private network.
    """
    from ..batch.dask_worker import work

    quiet_dask()
    asyncio.run(
        work(
            scheduler,
            server_url(comfyui),
            name=name,
            options=connection_options(),
            scratch=scratch,
            host=host,
            say=lambda text: say(f"comfyflow: {text}", err=True),
        )
    )
