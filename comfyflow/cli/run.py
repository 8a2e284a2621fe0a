"""``comfyflow run``: a workflow, run on a server, its files on disk."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..annotation import Annotation
from ..errors import (
    ClientError,
    CommandError,
    ExecutionError,
    PartialSuccess,
    PromptError,
    PromptLost,
    PromptRejected,
    RunError,
    SchemaError,
    ValidationError,
    WaitTimeout,
)
from ..json_types import is_object
from ..source import Converting, prompt_classes
from . import FAILED, INTERRUPTED, PROBLEMS, TIMED_OUT, UNUSABLE
from .connection import connected, server_classes
from .options import (
    PATH,
    converting_options,
    given_schema,
    partner_api_key_option,
    reference_schema,
    server_option,
)
from .outputs import tell_missing, write_outputs
from .overrides import LARGEST_SEED, RANDOM, random_seed, set_inputs, set_seeds
from .plain_text import say
from .target import find_workflow, load_target
from .workflow_command import WorkflowCommand, target_argument

if TYPE_CHECKING:
    from ..client import Client, Handle, Result
    from ..client.inputs import Upload
    from ..client.options import NodeFailurePolicy, RunOptions
    from ..schema import Schema
    from ..source import Source
    from ..validate import Report

_TOLD_WHILE_RUNNING: Final = ("file_not_shown", "no_file_named", "not_finite", "node_failure_policy_unknown")
"""Warnings of which the result shows nothing, or nothing that explains it."""

_POLICIES: Final = ("continue_independent",)
"""`NodeFailurePolicy`, without the client, which ``--help`` does not need."""

_ON_ITS_WAY: Final = 0.5
"""Seconds that a prompt gets to arrive whose sending was interrupted."""


def _no_nan(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """A time that is a number; NaN is in every range.

    Raises:
        click.BadParameter: It is none.
    """
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"{value} is no number of seconds.")
    return value


@click.command("run", cls=WorkflowCommand)
@target_argument
@server_option
@partner_api_key_option
@click.option("--simulate", is_flag=True, help="Run it on the built-in simulator.")
@click.option(
    "--object-info",
    metavar="FILE",
    type=PATH,
    help="With --simulate: the classes, as GET /object_info gave them.",
)
@click.option("--out", metavar="DIR", type=PATH, default=Path("output"), help="Where files are written.")
@click.option("--set", "settings", metavar="NODE.INPUT=VALUE", multiple=True, help="Change an input.")
@click.option("--seed", metavar="N|random", help="The seed, or all seeds of a prompt.")
@click.option(
    "--allow-upload",
    is_flag=True,
    help="Upload files that the workflow's file names outside the current folder.",
)
@click.option(
    "--node-failure-policy",
    "policy",
    metavar="POLICY",
    type=click.Choice(_POLICIES),
    help="When a node fails: continue_independent runs all that does not need it.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    callback=_no_nan,
    help="How long to wait.",
)
@converting_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("-q", "--quiet", is_flag=True, help="Only the files' paths.")
@click.pass_context
def run(
    context: click.Context,
    target: str,
    server: str | None,
    simulate: bool,
    object_info: Path | None,
    out: Path,
    settings: tuple[str, ...],
    seed: str | None,
    allow_upload: bool,
    policy: NodeFailurePolicy | None,
    timeout: float | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a workflow and write what it gives; its parameters are options: --prompt "a cat".

    TARGET is FILE.py[:NAME], prompt JSON, or another workflow; - is standard input.

    Exit codes: 0 done; 1 the workflow has problems, or the server left outputs out; 2 it could
    not be tried, or not all that it gave could be fetched; 3 it failed on the server, all of it or
    some nodes (what the others gave is written); 4 the time is over; 130 Ctrl-C, and the prompt is
    cancelled; 141 nobody reads the output any more.
    """
    if object_info is not None and not simulate:
        raise CommandError("--object-info is for --simulate: a server says itself which classes it has")
    simulated = given_schema(None, object_info, None) if object_info is not None else None
    asks: Callable[[Iterable[str]], Schema] | None = None
    if simulated is not None:
        asks = partial(_these, simulated)
    elif not simulate:
        asks = partial(server_classes, server, timeout)
    loaded, used = _load(target, context.args, seed, Converting(editor, repair, asks, packs))
    loaded = set_inputs(loaded, settings)
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out {out} is a file; name a folder")
    with connected(server, simulate, timeout, simulated) as client:
        code = 0
        try:
            options: RunOptions = {"allow_upload": allow_upload, "node_failure_policy": policy}
            code = _run(client, loaded, out, timeout, options, as_json=as_json, quiet=quiet, seed=used)
        except (ValidationError, PromptRejected, PromptError) as error:
            code = _tell(error, PROBLEMS, as_json)
        except WaitTimeout as error:
            limit = "" if timeout is None else f"the {timeout:g} s of --timeout are over: "
            over = WaitTimeout(f"{limit}{error}", error.prompt_id)
            hint = "" if error.prompt_id is None else _later(error.prompt_id)
            code = _tell(over, TIMED_OUT, as_json, hint)
        except RunError as error:
            code = _tell(error, FAILED, as_json)
        except (ClientError, CommandError) as error:
            code = _tell(error, UNUSABLE, as_json)
        if code:
            raise click.exceptions.Exit(code)


def _these(schema: Schema, _names: Iterable[str]) -> Schema:
    return schema


def _load(
    text: str, words: Sequence[str], seed: str | None, converting: Converting
) -> tuple[Source, int | None]:
    """The target with its seed: the function's own parameter, or all seeds of the prompt."""
    found = find_workflow(text) if seed is not None else None
    if seed is not None and found is not None and "seed" in found.parameters:
        limit = Annotation.of(found.typed_parameters()["seed"]).largest
        largest = LARGEST_SEED if limit is None else max(0, min(int(limit), LARGEST_SEED))
        value = str(random_seed(largest)) if seed == RANDOM else seed
        return load_target(text, [*words, "--seed", value], narrowed=True), _whole(value)
    loaded = load_target(text, words, None, converting, narrowed=True)
    if seed is None:
        return loaded, None
    return set_seeds(loaded, seed, _known_schema(loaded, converting))


def _whole(text: str) -> int | None:
    """The seed as it is told; None where the workflow takes something else than a number."""
    try:
        return int(text)
    except ValueError:
        return None


def _known_schema(target: Source, converting: Converting) -> Schema | None:
    try:
        own = target.own_schema()
        if own is not None:
            return own
        if converting.classes is not None and is_object(target.prompt):
            return converting.classes(prompt_classes(target.prompt))
        return reference_schema()
    except SchemaError:
        return None


def _run(
    client: Client,
    target: Source,
    out: Path,
    timeout: float | None,
    options: RunOptions,
    *,
    as_json: bool,
    quiet: bool,
    seed: int | None,
) -> int:
    for warning in target.warnings:
        say(warning, err=True)
    if seed is not None and not as_json and not quiet:
        click.echo(f"seed {seed}", err=True)
    from .progress import write_line

    prompt_id = str(uuid.uuid4())  # known before it is sent: Ctrl-C may come at any time
    handle: Handle[Any] | None = None
    end = None if timeout is None else time.monotonic() + timeout
    try:
        options = {
            **options,
            "editor_workflow": target.editor,
            "prompt_id": prompt_id,
            "on_upload": lambda upload: _tell_upload(upload, prompt_id, as_json),
        }
        handle = client.submit(target, timeout=timeout, **options)
        if as_json:
            write_line({"prompt_id": handle.prompt_id, "event": "submitted", "seed": seed})
        for problem in handle.warnings:
            if problem.type in _TOLD_WHILE_RUNNING:
                say(problem, err=True)
        if handle.report is not None:
            _tell_dropped(handle, handle.report, as_json=as_json)
        left = None if end is None else max(end - time.monotonic(), 0.0)
        partial: PartialSuccess | None = None
        try:
            result = _follow(handle, left, as_json=as_json, quiet=quiet)
        except PartialSuccess as error:
            partial, result = error, error.result
    except KeyboardInterrupt:
        _cancel(client, prompt_id, handle, as_json=as_json)
        raise click.exceptions.Exit(INTERRUPTED) from None
    try:
        code = _write(client, result, out, as_json=as_json, quiet=quiet)
        return code if partial is None else _tell_partial(partial, as_json=as_json)
    except KeyboardInterrupt:
        _say(f"interrupted; `comfyflow download {handle.prompt_id}` fetches what the prompt gave")
        raise click.exceptions.Exit(INTERRUPTED) from None


def _tell_upload(upload: Upload, prompt_id: str, as_json: bool) -> None:
    """Say which file has left this computer: with --quiet too."""
    if not as_json:
        say(str(upload), err=True)
        return
    from .progress import write_line

    write_line(
        {
            "prompt_id": prompt_id,
            "event": "upload",
            "node": upload.node_id,
            "input": upload.input_name,
            "file": upload.file,
            "name": upload.reference,
            "note": upload.note or None,
        }
    )


def _follow(handle: Handle[Any], timeout: float | None, *, as_json: bool, quiet: bool) -> Any:
    from .progress import display

    shown = display(len(handle._run.nodes), as_json=as_json, quiet=quiet)
    try:
        for event in handle.events(timeout):
            shown.show(event)
        return handle.result(timeout)
    finally:
        shown.close()


def _cancel(client: Client, prompt_id: str, handle: Handle[Any] | None, *, as_json: bool) -> None:
    """Stop a prompt, sent or being sent, and say what became of it."""
    prompt_id = handle.prompt_id if handle is not None else prompt_id
    name = f"prompt {prompt_id}"
    _say(f"cancelling {name} …")
    said = ""
    try:
        stopped = _sent(client, prompt_id, handle).cancel()
        said = f"{name} is cancelled on the server" if stopped else f"{name} had ended already"
    except PromptLost:
        said = f"{name} had not been queued yet"
    except ClientError as error:
        said = f"{name} may go on, {_later(prompt_id)}: {error}"
    except KeyboardInterrupt:
        said = f"{name} may go on, {_later(prompt_id)}"
    _say(said)
    if as_json:
        from .progress import write_line

        write_line(
            {"prompt_id": prompt_id, "event": "interrupted", "message": said, "exit_code": INTERRUPTED}
        )


def _sent(client: Client, prompt_id: str, handle: Handle[Any] | None) -> Handle[Any]:
    """The prompt, though its answer may not have come.

    Raises:
        PromptLost: The server has not got it.
    """
    if handle is not None:
        return handle
    try:
        return client.attach(prompt_id)
    except PromptLost:
        time.sleep(_ON_ITS_WAY)
        return client.attach(prompt_id)


def _later(prompt_id: str) -> str:
    return f"`comfyflow cancel {prompt_id}` stops it, `comfyflow download {prompt_id}` waits for its files"


def _say(text: str) -> None:
    say(f"comfyflow: {text}", err=True)


def _write(client: Client, result: Result[Any], out: Path, *, as_json: bool, quiet: bool) -> int:
    """Write what the prompt gave; returns the exit code."""
    code = 0 if write_outputs(client, result, out, as_json=as_json, quiet=quiet) else UNUSABLE
    for node_id, error in result.missing.items():
        if isinstance(error, PromptRejected):
            code = code or PROBLEMS  # told before it ran
        elif not isinstance(error, ExecutionError):  # the partial success tells all of these
            code = UNUSABLE
            tell_missing(result, node_id, error, as_json=as_json)
    whole = not code and result.completion_status == "success"
    if whole and not result._ids() and not as_json and not quiet:
        blocked = ", ".join(f"#{failure.node_id}" for failure in result.outcome.blocked)
        click.echo(
            "it ran, and gave no files" + (f": node {blocked} was blocked" if blocked else ""), err=True
        )
    return code


def _tell_partial(error: PartialSuccess, *, as_json: bool) -> int:
    """Say what failed and what did not run; returns the exit code."""
    if not as_json:
        _say(str(error.args[0]))
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


def _tell_dropped(handle: Handle[Any], report: Report, *, as_json: bool) -> None:
    """Say which outputs the server runs the prompt without, and why."""
    say(report, err=True)
    if as_json:
        from .progress import write_line

        errors = report.to_json()["problems"]
        for problem in report.warnings:
            if problem.type == "output_dropped":
                line = {"prompt_id": handle.prompt_id, "event": "dropped", "node": problem.node_id}
                shown = {"class_type": problem.class_type, "title": problem.title}
                write_line({**line, **shown, "message": problem.message, "problems": errors})


def _tell(error: Exception, code: int, as_json: bool, hint: str = "") -> int:
    if as_json:
        from .progress import write_line

        report = getattr(error, "report", None)
        shown = {"event": "error", "error": type(error).__name__, "message": str(error), "exit_code": code}
        if (prompt_id := getattr(error, "prompt_id", None)) is not None:
            shown["prompt_id"] = prompt_id
        write_line({**shown, "report": report.to_json()} if report is not None else shown)
    else:
        _say(f"{error} ({hint})" if hint else str(error))
    return code
