"""Writing what a prompt gave: one file that does not come costs no other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CommandError
from .plain_text import say

if TYPE_CHECKING:
    from ..client import Client, Result
    from ..output_file import NodeOutput


def write_outputs(
    client: Client, result: Result[Any], out: Path, *, as_json: bool = False, quiet: bool = True
) -> bool:
    """Write the files of every node into a folder, and tell their paths and the texts.

    What cannot be downloaded is reported; the rest is written.

    Args:
        client: Fetches them.
        result: What the prompt gave.
        out: The folder.
        as_json: One JSON object a node.
        quiet: Whether texts are left out.

    Returns:
        Whether every file is there.

    Raises:
        CommandError: The folder cannot be written into.
    """
    whole = True
    missing = result.missing
    for node_id in result._ids():
        if node_id not in missing:
            output = result[node_id]
            try:
                tried = client._download_each(output, out)
            except OSError as error:
                raise CommandError(f"cannot write into {out}: {error.strerror}") from None
            paths = [path for path in tried if isinstance(path, Path)]
            _tell(result, output, paths, as_json=as_json, quiet=quiet)
            for file, got in zip(output.files, tried, strict=True):
                if not isinstance(got, Path):
                    whole = False
                    tell_missing(result, node_id, got, file.annotated_name, as_json=as_json)
    return whole


def tell_missing(
    result: Result[Any], node_id: str, error: Exception, file: str | None = None, *, as_json: bool
) -> None:
    """Say what of a node is not available, and why.

    Args:
        result: What the prompt gave.
        node_id: The node.
        error: Why.
        file: The file as the server names it; None for all that the node was to give.
        as_json: As a JSON line.
    """
    if as_json:
        from .progress import write_line

        what = {"prompt_id": result.prompt_id, "event": "missing", "node": node_id, "file": file}
        write_line({**what, "error": type(error).__name__, "message": str(error)})
    else:
        say(f"comfyflow: {error}", err=True)


def _tell(result: Result[Any], output: NodeOutput, paths: list[Path], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        from .progress import write_line

        line = {"prompt_id": result.prompt_id, "event": "files", "node": output.node_id}
        write_line({**line, "files": [str(path) for path in paths], "text": output.text or None})
        return
    for path in paths:
        say(path)
    if output.text and not quiet:
        say(output.text)
