"""``comfyflow simulate``: the simulated server on its own."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, object_info_option


@click.command("simulate")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8188, help="The port; 0 picks a free one."
)
@object_info_option
@click.option(
    "--profile",
    metavar="VERSION",
    default="0.33.0",
    help="ComfyUI version: 0.37.0, 0.33.0, 0.27.0 or 0.3.64.",
)
@click.option("--root", metavar="DIR", type=PATH, help="The folder for its input and output folders.")
@click.option("--assets", is_flag=True, help="Serve assets, like a server started with --enable-assets.")
@click.option("--frontend", is_flag=True, help="Serve ComfyUI's editor: pip install 'comfyflow-dsl[editor]'.")
def simulate(
    port: int, object_info: Path | None, profile: str, root: Path | None, assets: bool, frontend: bool
) -> None:
    """Run a ComfyUI server without models until Ctrl-C; its images are marked as simulated.

    With --frontend, the printed address opens the real editor in a browser.
    """
    from ..simulator import serve

    serve(
        object_info,
        profile,
        port,
        root,
        assets=assets,
        frontend=frontend,
        on_start=lambda server: click.echo(
            f"a simulated ComfyUI {server.profile.version} listens at {server.url}; Ctrl-C stops it"
        ),
    )
