"""``comfyflow simulate``: the simulated server on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CommandError
from .options import ObjectInfo

_PORT = 8188
_NEWEST = "0.27.0"


def simulate(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = _PORT,
    object_info: ObjectInfo = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="VERSION", help="0.27.0 or 0.3.64.")
    ] = "0.27.0",
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="Its input and output folders.")
    ] = None,
) -> None:
    """Run a ComfyUI server without models until Ctrl-C; it says in its pictures that it is one."""
    try:
        from ..simulator import serve
    except ImportError as error:
        raise CommandError(
            f"the simulator needs its extra: pip install 'comfyflow-dsl[simulator]' ({error})"
        ) from None
    serve(
        object_info,
        profile,
        port,
        root,
        on_start=lambda server: typer.echo(
            f"a simulated ComfyUI {server.profile.version} listens at {server.url}; Ctrl-C stops it"
        ),
    )
