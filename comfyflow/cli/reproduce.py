"""``comfyflow reproduce``: recreate a file made by ComfyUI from the prompt that it carries, and compare."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import CommandError, PromptError, PromptRejected, ReproductionError, ValidationError
from ..source import Converting
from . import INTERRUPTED, PROBLEMS, UNUSABLE
from .connection import connected, server_classes
from .ending import ended, follow, note, tell_error
from .options import (
    PATH,
    converting_options,
    json_text,
    partner_api_key_option,
    server_option,
    timeout_option,
)
from .sending import Dispatch
from .streams import can_ask, say

if TYPE_CHECKING:
    from ..client import Client
    from ..reproduction.comparison import Tolerance
    from ..reproduction.reproduction import Reproduction
    from ..reproduction.trial import NeededFile, Trial
    from ..schema import Schema


_WORDS: Final[Mapping[str, Tolerance]] = {"bytes": "bytes", "content": "content"}


def _tolerance(context: click.Context, parameter: click.Parameter, value: str) -> Tolerance:
    """``bytes``, ``content``, or a number from 0 to 1.

    Raises:
        click.BadParameter: It is not one of these.
    """
    word = _WORDS.get(value)
    if word is not None:
        return word
    number = -1.0
    with contextlib.suppress(ValueError):
        number = float(value)
    if not 0 <= number <= 1:
        raise click.BadParameter(
            f"{value!r} is not bytes, content, or a number from 0 to 1.", context, parameter
        )
    return number


@click.command("reproduce")
@click.argument("file", metavar="FILE", type=PATH)
@server_option
@partner_api_key_option
@click.option("--simulate", is_flag=True, help="Run it on the built-in simulator.")
@click.option(
    "--lock", metavar="FILE", type=PATH, help="The record of the server that made it, from comfyflow lock."
)
@click.option(
    "--tolerance",
    metavar="bytes|content|NUMBER",
    callback=_tolerance,
    default="content",
    help="How close it must be: the same bytes, the same pixels or samples, or a mean difference (0 to 1).",
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=FILE",
    multiple=True,
    help="A file that the prompt reads and the server lacks. Can be repeated.",
)
@click.option(
    "--comfyui",
    metavar="DIR",
    type=PATH,
    help="The server's ComfyUI folder, to compare model files with the hashes that FILE lists.",
)
@click.option(
    "--out", metavar="DIR", type=PATH, default=Path("output"), help="The folder to write the new file to."
)
@click.option("--fresh", is_flag=True, help="Make the server drop cached results first.")
@click.option("--allow-paid", is_flag=True, help="Run nodes that call paid services too.")
@timeout_option
@converting_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show progress.")
def reproduce(
    file: Path,
    server: str | None,
    simulate: bool,
    lock: Path | None,
    tolerance: Tolerance,
    inputs: tuple[str, ...],
    comfyui: Path | None,
    out: Path,
    fresh: bool,
    allow_paid: bool,
    timeout: float | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Recreate an image, a video or a sound from the workflow it carries, and compare.

    FILE was made by ComfyUI and carries its prompt; if it carries only the editor workflow, that is
    converted. The new file is compared with it, and possible reasons for differences are listed.

    Exit codes: 0 it is within --tolerance; 1 it is not, or the output is missing; 2 it could not be
    tried: the file carries nothing, the server lacks nodes, models or input files, or does not
    respond; 3 it failed on the server; 4 the timeout has passed; 130 Ctrl-C, and the prompt is
    cancelled; 141 the output's reader has gone.
    """
    from ..lock import read_lock
    from ..reproduction.original import read_original

    original = read_original(file)
    locked = read_lock(lock) if lock is not None else None
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out {out} is a file; name a folder")
    asks: Callable[[Iterable[str]], Schema] | None = None
    if original.converted:
        note(f"{file} carries no prompt; the editor's workflow is converted")
        asks = None if simulate else partial(server_classes, server, timeout)
    given = dict(map(_named, inputs))
    with connected(server, simulate, timeout) as client:
        from ..reproduction.trial import Trial

        source = original.source(Converting(editor, repair, asks, packs))
        trial = Trial(client, original, source, locked, comfyui)
        _tell(trial, client, quiet=quiet or as_json)
        for upload in trial.give(client, {**given, **_asked_for(trial, given, as_json)}):
            say(str(upload), err=True)
        running = _Running(client, trial, tolerance, out, as_json=as_json, quiet=quiet)
        code = ended(partial(running.run, timeout, allow_paid, fresh), timeout, as_json=as_json)
    if code:
        raise click.exceptions.Exit(code)


class _Running:
    """A trial that a command runs.

    Args:
        client: Runs the trial.
        trial: The trial.
        tolerance: How close the new file must be.
        out: The folder to write it to.
        as_json: Whether to print one JSON object.
        quiet: Whether to hide progress.
    """

    def __init__(
        self, client: Client, trial: Trial, tolerance: Tolerance, out: Path, *, as_json: bool, quiet: bool
    ) -> None:
        self._client = client
        self._trial = trial
        self._tolerance: Tolerance = tolerance
        self._out = out
        self._as_json = as_json
        self._quiet = quiet or as_json

    def run(self, timeout: float | None, allow_paid: bool, fresh: bool) -> int:
        """Run it and report the result; returns the exit code."""
        from ..reproduction.reproduction import conclude, refuse

        try:
            refuse(self._trial, allow_paid=allow_paid)
        except ReproductionError as error:
            hint = "--allow-paid runs them" if not self._trial.missing else "--input NAME=FILE gives them"
            return tell_error(error, UNUSABLE, self._as_json, hint)
        end = None if timeout is None else time.monotonic() + timeout
        if fresh:
            self._client.free(free_memory=True)
        sending = Dispatch(
            self._client, self._trial.source, str(uuid.uuid4()), None, as_json=False, quiet=self._quiet
        )
        try:
            handle = sending.submit({}, timeout)
            left = None if end is None else max(end - time.monotonic(), 0.0)
            result, _ = follow(handle, left, as_json=False, quiet=self._quiet)
        except KeyboardInterrupt:
            sending.cancel()
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (ValidationError, PromptRejected, PromptError) as error:
            return tell_error(error, UNUSABLE, self._as_json)
        return self._told(conclude(self._trial, result, self._client.url, self._tolerance))

    def _told(self, made: Reproduction) -> int:
        written = self._write(made)
        if self._as_json:
            files = {"written": [str(path) for path in written]}
            click.echo(json_text({**made.to_json(), **files}), nl=False)
        else:
            say(made)
            for path in written:
                say(path)
        return 0 if made.reproduced else PROBLEMS

    def _write(self, made: Reproduction) -> list[Path]:
        """Write the new file; if pictures differ, both and their difference."""
        from ..saved_file import SavedFile

        if made.file is None or made.comparison is None:
            return []
        self._out.mkdir(parents=True, exist_ok=True)
        with SavedFile.at(self._out, made.file.name, None) as saved:
            saved.partial.write_bytes(made.content)
        written = [saved.path]
        if made.comparison.medium == "picture" and made.comparison.mean:
            from ..container import open_picture
            from ..testing.picture import difference_sheet

            both = (open_picture(self._trial.original.data), open_picture(made.content))
            with SavedFile.at(self._out, f"{saved.path.stem}.difference.png", None) as shown:
                difference_sheet(*both).save(shown.partial, "PNG")
            written.append(shown.path)
        return written


def _named(text: str) -> tuple[str, str]:
    name, separator, file = text.partition("=")
    if not separator or not name or not file:
        raise click.BadParameter(f"{text!r} is not NAME=FILE", param_hint="'--input'")
    return name, file


def _tell(trial: Trial, client: Client, *, quiet: bool) -> None:
    """Print what is run, where, and what the server lacks."""
    if not quiet:
        original = trial.original
        kept = "its prompt" if not original.converted else "the editor's workflow"
        version = trial.stats.system.comfyui_version or "of unknown version"
        say(f"{original.kind} with {kept}: {len(trial.source.prompt)} nodes", err=True)
        said = original.core_versions
        made = f"; the file's nodes are from {', '.join(map(str, said))}" if said else ""
        lock = f"; the lock is for {trial.lock.version}" if trial.lock is not None else ""
        say(f"ComfyUI {version} at {client.url}{made}{lock}", err=True)
    for drift in trial.drifts:
        if drift.severity == "error" or (drift.severity == "warning" and not quiet):
            say(drift, err=True)


def _asked_for(trial: Trial, given: dict[str, str], as_json: bool) -> dict[str, str]:
    """Ask for missing input files on a terminal."""
    found: dict[str, str] = {}
    if as_json or not can_ask():
        return found
    for file in _once(trial.missing):
        if file.reference not in given:
            asked = f"the server does not have {file}; which file is it?"
            found[file.reference] = str(click.prompt(asked, err=True, type=click.Path(exists=True)))
    return found


def _once(files: Iterable[NeededFile]) -> Iterable[NeededFile]:
    return {file.reference: file for file in files}.values()
