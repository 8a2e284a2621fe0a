"""``comfyflow run``: a workflow, run on a server, its files on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import (
    ClientError,
    CommandError,
    PromptRejected,
    RunError,
    SchemaError,
    ValidationError,
    WaitTimeout,
)
from . import FAILED, INTERRUPTED, PROBLEMS, TIMED_OUT
from .connection import connected
from .options import Server, reference_schema
from .overrides import RANDOM, random_seed, set_inputs, set_seeds
from .target import Target, load_target

if TYPE_CHECKING:
    from ..client import Client, Handle, Result
    from ..output_file import NodeOutput
    from ..schema import Schema

_OUTPUT = Path("output")


def run(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="FILE.py[:NAME], prompt JSON, …")],
    server: Server = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Run it on the built-in simulator.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where files are written.")] = _OUTPUT,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NODE.INPUT=VALUE", help="Change an input.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N|random", help="The seed, or all seeds of a prompt.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="How long to wait.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the files' paths.")] = False,
) -> None:
    """Run a workflow and write what it gives; its parameters are options: --prompt "a cat".

    Exit codes: 0 done; 1 the workflow has problems; 2 it could not be tried; 3 it failed on the
    server; 4 the time is over; 130 Ctrl-C, and the prompt is cancelled.
    """
    loaded, used = _load(target, context.args, seed)
    set_inputs(loaded, settings or ())
    with connected(server, simulate) as client:
        code = 0
        try:
            _run(client, loaded, out, timeout, as_json=as_json, quiet=quiet, seed=used)
        except (ValidationError, PromptRejected) as error:
            code = _tell(error, PROBLEMS, as_json)
        except WaitTimeout as error:
            code = _tell(error, TIMED_OUT, as_json)
        except RunError as error:
            code = _tell(error, FAILED, as_json)
        if code:
            raise typer.Exit(code)


def _load(text: str, words: list[str], seed: str | None) -> tuple[Target, int | None]:
    """The target with its seed: the function's own parameter, or all seeds of the prompt."""
    drawn = random_seed() if seed == RANDOM else None
    if seed is not None and text_has_parameter(text, "seed"):
        value = str(drawn) if drawn is not None else seed
        return load_target(text, [*words, "--seed", value]), drawn
    loaded = load_target(text, words)
    if seed is None:
        return loaded, None
    return loaded, set_seeds(loaded, seed, _known_schema(loaded))


def text_has_parameter(text: str, name: str) -> bool:
    """Whether a target is a workflow function with a parameter of that name."""
    from .target import find_workflow

    found = find_workflow(text)
    return found is not None and name in found.parameters


def _known_schema(target: Target) -> Schema | None:
    try:
        return target.workflow.schema() if target.workflow is not None else reference_schema()
    except SchemaError:
        return None


def _run(
    client: Client,
    target: Target,
    out: Path,
    timeout: float | None,
    *,
    as_json: bool,
    quiet: bool,
    seed: int | None,
) -> None:
    for warning in target.warnings:
        typer.echo(str(warning), err=True)
    if seed is not None and not as_json and not quiet:
        typer.echo(f"seed {seed}", err=True)
    subject: Any = target.workflow if target.workflow is not None else target.prompt
    from .progress import write_line

    handle = client.submit(subject, editor_workflow=target.editor_workflow)
    if as_json:
        write_line({"prompt_id": handle.prompt_id, "event": "submitted", "seed": seed})
    if handle.report is not None:
        typer.echo(str(handle.report), err=True)
    result = _follow(handle, timeout, as_json=as_json, quiet=quiet)
    _write(client, result, out, as_json=as_json, quiet=quiet)


def _follow(handle: Handle[Any], timeout: float | None, *, as_json: bool, quiet: bool) -> Any:
    from .progress import display

    shown = display(as_json=as_json, quiet=quiet)
    try:
        for event in handle.events(timeout):
            shown.show(event)
        return handle.result(timeout)
    except KeyboardInterrupt:
        shown.close()
        _cancel(handle)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        shown.close()


def _cancel(handle: Handle[Any]) -> None:
    typer.echo(f"comfyflow: cancelling prompt {handle.prompt_id} …", err=True)
    try:
        stopped = handle.cancel()
    except ClientError as error:
        typer.echo(f"comfyflow: {error}", err=True)
        return
    what = "is cancelled on the server" if stopped else "had ended already"
    typer.echo(f"comfyflow: prompt {handle.prompt_id} {what}", err=True)


def _write(client: Client, result: Result[Any], out: Path, *, as_json: bool, quiet: bool) -> None:
    from .progress import write_line

    for node_id, output in result.outputs.items():
        try:
            paths = client.download(output, out)
        except OSError as error:
            raise CommandError(f"cannot write into {out}: {error.strerror}") from None
        if as_json:
            write_line(_output_json(result, node_id, output, paths))
            continue
        for path in paths:
            typer.echo(str(path))
        if output.text and not quiet:
            typer.echo(output.text)
    if not result.outputs and not as_json and not quiet:
        typer.echo("it ran, and gave no files", err=True)


def _output_json(result: Result[Any], node_id: str, output: NodeOutput, paths: list[Path]) -> dict[str, Any]:
    return {
        "prompt_id": result.prompt_id,
        "event": "files",
        "node": node_id,
        "files": [str(path) for path in paths],
        "text": output.text or None,
    }


def _tell(error: Exception, code: int, as_json: bool) -> int:
    if as_json:
        from .progress import write_line

        report = getattr(error, "report", None)
        shown = {"event": "error", "error": type(error).__name__, "message": str(error), "exit_code": code}
        write_line({**shown, "report": report.to_json()} if report is not None else shown)
    else:
        typer.echo(f"comfyflow: {error}", err=True)
    return code
