"""What happens to a prompt that a command has sent or waits for: its report, its files and the exit code.

One file that does not come costs no other.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import (
    ClientError,
    CommandError,
    ExecutionError,
    PartialSuccess,
    PromptError,
    PromptLost,
    PromptRejected,
    RunError,
    ValidationError,
    WaitTimeout,
)
from . import FAILED, INTERRUPTED, PROBLEMS, TIMED_OUT, UNUSABLE
from .streams import say

if TYPE_CHECKING:
    from ..client import Client, Handle, Result
    from ..output_file import NodeOutput


_ON_ITS_WAY: Final = 0.5
"""How many seconds a prompt has to arrive after its sending was interrupted."""


def ended(action: Callable[[], int], timeout: float | None, *, as_json: bool) -> int:
    """Carry out an action on a prompt, and report its error.

    Args:
        action: Returns the exit code.
        timeout: The option ``--timeout``.
        as_json: As a JSON line on standard output.

    Returns:
        The exit code.
    """
    try:
        return action()
    except (ValidationError, PromptRejected, PromptError) as error:
        return tell_error(error, PROBLEMS, as_json)
    except WaitTimeout as error:
        limit = "" if timeout is None else f"timed out after the {timeout:g} s of --timeout: "
        over = WaitTimeout(f"{limit}{error}", error.prompt_id)
        hint = "" if error.prompt_id is None else later(error.prompt_id)
        return tell_error(over, TIMED_OUT, as_json, hint)
    except RunError as error:
        return tell_error(error, FAILED, as_json)
    except (ClientError, CommandError) as error:
        return tell_error(error, UNUSABLE, as_json)


def follow(
    handle: Handle[Any], timeout: float | None, *, as_json: bool, quiet: bool
) -> tuple[Result[Any], PartialSuccess | None]:
    """Show what happens to a prompt until it ends.

    Returns:
        The result; and the failure, if it is partial.

    Raises:
        RunError: It gave no result.
        WaitTimeout: The time is up.
        ServerUnreachable: The server has been unreachable for too long.
    """
    from .progress import display

    shown = display(len(handle._run.nodes), as_json=as_json, quiet=quiet)
    try:
        for event in handle.events(timeout):
            shown.show(event)
        return handle.result(timeout), None
    except PartialSuccess as error:
        return error.result, error
    finally:
        shown.close()


def cancel_prompt(client: Client, prompt_id: str, handle: Handle[Any] | None, *, as_json: bool) -> None:
    """Stop a prompt, sent or being sent, and report what happened to it."""
    from ..client.interruption import CANCELLING_SECONDS

    prompt_id = handle.prompt_id if handle is not None else prompt_id
    name = f"prompt {prompt_id}"
    note(f"cancelling {name} …")
    said = ""
    try:
        stopped = _sent(client, prompt_id, handle).cancel(CANCELLING_SECONDS)
        said = f"{name} is cancelled on the server" if stopped else f"{name} had already ended"
    except PromptLost:
        said = f"{name} was not queued yet"
    except ClientError as error:
        said = f"{name} may still run; {later(prompt_id)}: {error}"
    except KeyboardInterrupt:
        said = f"{name} may still run; {later(prompt_id)}"
    note(said)
    if as_json:
        from .progress import write_line

        write_line(
            {"prompt_id": prompt_id, "event": "interrupted", "message": said, "exit_code": INTERRUPTED}
        )


def _sent(client: Client, prompt_id: str, handle: Handle[Any] | None) -> Handle[Any]:
    """Find the prompt, even if its answer has not come.

    Raises:
        PromptLost: The server does not have it.
        WaitTimeout: The server does not answer.
    """
    if handle is not None:
        return handle
    from ..client.interruption import CANCELLING_SECONDS
    from ..client.running import attach

    core = client._core.within(CANCELLING_SECONDS)
    try:
        started = client._driver.drive(attach(core, prompt_id))
    except PromptLost:
        time.sleep(_ON_ITS_WAY)
        started = client._driver.drive(attach(core, prompt_id))
    return client._handle(started, None)


def later(prompt_id: str) -> str:
    """What can be done about a prompt that keeps running, with the server that was given."""
    on = f"{prompt_id}{_server_given()}"
    return f"`comfyflow cancel {on}` stops it, `comfyflow wait {on}` waits for its files"


def _server_given() -> str:
    context = click.get_current_context(silent=True)
    given = context.params.get("server") if context is not None else None
    servers = [given] if isinstance(given, str) else list(given or ())
    if len(servers) != 1:
        return ""
    from ..client.address import read_address

    address, _ = read_address(servers[0])  # without the credentials in it
    return f" --server {shlex.quote(address.url)}"


def note(text: str) -> None:
    """Print a message to standard error, under the command's name."""
    say(f"comfyflow: {text}", err=True)


def write_result(
    client: Client,
    result: Result[Any],
    partial: PartialSuccess | None,
    out: Path,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Save a prompt's outputs, and report missing ones.

    Args:
        client: Downloads the files.
        result: Its result.
        partial: The failure, if the result is partial.
        out: The folder.
        as_json: As JSON lines on standard output.
        quiet: Only the files' paths.

    Returns:
        The exit code.
    """
    try:
        code = _write(client, result, out, as_json=as_json, quiet=quiet)
    except KeyboardInterrupt:
        note(
            f"interrupted; `comfyflow wait {result.prompt_id}{_server_given()}` downloads the prompt's files"
        )
        raise click.exceptions.Exit(INTERRUPTED) from None
    return code if partial is None else _tell_partial(partial, as_json=as_json)


def _write(client: Client, result: Result[Any], out: Path, *, as_json: bool, quiet: bool) -> int:
    code = 0 if write_outputs(client, result, out, as_json=as_json, quiet=quiet) else UNUSABLE
    for node_id, error in result.missing.items():
        if isinstance(error, PromptRejected):
            code = code or PROBLEMS  # reported before it ran
        elif not isinstance(error, ExecutionError):  # the partial success includes all of these
            code = UNUSABLE
            tell_missing(result, node_id, error, as_json=as_json)
    whole = not code and result.completion_status == "success"
    if whole and not result._ids() and not as_json and not quiet:
        blocked = ", ".join(f"#{failure.node_id}" for failure in result.outcome.blocked)
        click.echo(
            "it ran but produced no files" + (f": node {blocked} was blocked" if blocked else ""), err=True
        )
    return code


def _tell_partial(error: PartialSuccess, *, as_json: bool) -> int:
    """Report what failed and what did not run; returns the exit code."""
    if not as_json:
        note(str(error.args[0]))
        return FAILED
    from .progress import write_line

    result = error.result
    line = {
        "prompt_id": result.prompt_id,
        "event": "partial_success",
        "failed": list(result.failed),
        "blocked": list(result.blocked),
        "outputs": list(result.outputs),
        "message": str(error.args[0]),
        "exit_code": FAILED,
    }
    write_line(line)
    return FAILED


def tell_error(error: Exception, code: int, as_json: bool, hint: str = "") -> int:
    """Report what went wrong; returns the given exit code."""
    if as_json:
        from .progress import write_line

        report = getattr(error, "report", None)
        shown = {"event": "error", "error": type(error).__name__, "message": str(error), "exit_code": code}
        if (prompt_id := getattr(error, "prompt_id", None)) is not None:
            shown["prompt_id"] = prompt_id
        write_line({**shown, "report": report.to_json()} if report is not None else shown)
    else:
        note(f"{error} ({hint})" if hint else str(error))
    return code


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
