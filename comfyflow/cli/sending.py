"""A prompt on its way to a server: its progress, and sending one without waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from ..errors import CommandError, SocketUnavailable
from . import INTERRUPTED, PROBLEMS
from .ending import cancel_prompt, note
from .streams import say

if TYPE_CHECKING:
    from ..client import Client, Handle
    from ..client.flow import Answer, Flow, Forward, Request
    from ..client.inputs import Upload
    from ..client.options import RunOptions
    from ..source import Source

_TOLD_WHILE_RUNNING: Final = ("file_not_shown", "no_file_named", "not_finite", "node_failure_policy_unknown")
"""Warnings about things that the result does not show or explain."""

_DETACHED: Final = "comfyflow-detached-"


def detached_client_id(prompt_id: str) -> str:
    """The client id for a prompt that someone else will wait for.

    A server reports a prompt's progress only to the client that sent it. With an id derived from the
    prompt's, any waiter on any machine is that client, without displacing another.

    Args:
        prompt_id: The prompt's id.
    """
    return f"{_DETACHED}{prompt_id}"


def refuse_waiting(context: click.Context, simulate: bool) -> None:
    """Refuse options that make no sense without waiting for the prompt.

    Args:
        context: The command's.
        simulate: The option ``--simulate``.

    Raises:
        CommandError: There is one.
    """
    if simulate:
        raise CommandError(
            "the server of --simulate ends with the command; start `comfyflow simulate`, and use "
            "--detach with --server"
        )
    if context.get_parameter_source("out") is ParameterSource.COMMANDLINE:
        raise CommandError("--detach writes no files; pass --out to `comfyflow wait`")


class Dispatch:
    """A prompt that a command sends.

    Args:
        client: Sends it.
        target: What to run.
        prompt_id: Its id.
        seed: The seed to report.
        as_json: JSON lines on standard output.
        quiet: Whether to print as little as possible.
    """

    def __init__(
        self,
        client: Client,
        target: Source,
        prompt_id: str,
        seed: int | None,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        self.client: Final = client
        self.as_json: Final = as_json
        self.quiet: Final = quiet
        self._target = target
        self._prompt_id = prompt_id
        self._seed = seed
        self._handle: Handle[Any] | None = None
        self._announced = False

    def submit(self, options: RunOptions, timeout: float | None) -> Handle[Any]:
        """Send it and report progress.

        Args:
            options: How to run it.
            timeout: Seconds for everything.
        """
        self._begin()
        handle = self._submit({**options, "on_upload": self._tell_upload}, timeout)
        if self.as_json:
            self._write({"event": "submitted", "seed": self._seed})
        self._warn(handle)
        for line in self._dropped(handle):
            self._write({"event": "dropped", **line})
        return handle

    def detach(self, options: RunOptions, timeout: float | None) -> int:
        """Send it, and print its id once the server has it; returns the exit code.

        The id is printed to standard error before the prompt is sent, in case this command is interrupted.

        Args:
            options: How to run it.
            timeout: Seconds for everything.

        Raises:
            SocketUnavailable: It has pictures that only a listener receives.
        """
        uploads: list[dict[str, Any]] = []

        def on_upload(upload: Upload) -> None:
            say(str(upload), err=True)
            uploads.append(_upload_json(upload))

        self._begin()
        remove = self.client.use(self._announce)
        try:
            handle = self._submit({**options, "on_upload": on_upload, "websocket": False}, timeout)
        except SocketUnavailable as error:
            raise SocketUnavailable(f"{error}. With --detach there is no listener: run it without") from None
        except KeyboardInterrupt:
            self.cancel()
            raise click.exceptions.Exit(INTERRUPTED) from None
        finally:
            remove()
        self._warn(handle)
        dropped = self._dropped(handle)
        if self.as_json:
            known = {"event": "submitted", "server": self.client.url, "number": handle.number}
            self._write({**known, "seed": self._seed, "uploads": uploads, "dropped": dropped})
        else:
            click.echo(handle.prompt_id)
        return PROBLEMS if dropped else 0

    def cancel(self) -> None:
        """Stop it, and report what happened to it."""
        cancel_prompt(self.client, self._prompt_id, self._handle, as_json=self.as_json)

    def _begin(self) -> None:
        for warning in self._target.warnings:
            say(warning, err=True)
        if self._seed is not None and not self.as_json and not self.quiet:
            click.echo(f"seed {self._seed}", err=True)

    def _submit(self, options: RunOptions, timeout: float | None) -> Handle[Any]:
        wanted: RunOptions = {**options, "editor_workflow": self._target.editor, "prompt_id": self._prompt_id}
        self._handle = self.client.submit(self._target, timeout=timeout, **wanted)
        return self._handle

    def _announce(self, request: Request, forward: Forward) -> Flow[Answer]:
        if request.label == "POST /api/prompt" and not self._announced:
            self._announced = True
            note(f"sending prompt {self._prompt_id}")
        return (yield from forward(request))

    def _warn(self, handle: Handle[Any]) -> None:
        for problem in handle.warnings:
            if problem.type in _TOLD_WHILE_RUNNING:
                say(problem, err=True)

    def _dropped(self, handle: Handle[Any]) -> list[dict[str, Any]]:
        """Report which outputs the server dropped, and why; returns the lines for a program."""
        report = handle.report
        if report is None:
            return []
        say(report, err=True)
        problems = report.to_json()["problems"]
        return [
            {
                "node": problem.node_id,
                "class_type": problem.class_type,
                "title": problem.title,
                "message": problem.message,
                "problems": problems,
            }
            for problem in report.warnings
            if problem.type == "output_dropped"
        ]

    def _tell_upload(self, upload: Upload) -> None:
        """Report each file that leaves this computer: with --quiet too."""
        if self.as_json:
            self._write({"event": "upload", **_upload_json(upload)})
        else:
            say(str(upload), err=True)

    def _write(self, line: dict[str, Any]) -> None:
        if self.as_json:
            from .progress import write_line

            prompt_id = self._prompt_id if self._handle is None else self._handle.prompt_id
            write_line({"prompt_id": prompt_id, **line})


def _upload_json(upload: Upload) -> dict[str, Any]:
    return {
        "node": upload.node_id,
        "input": upload.input_name,
        "file": upload.file,
        "name": upload.reference,
        "note": upload.note or None,
    }
