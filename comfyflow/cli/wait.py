"""``comfyflow wait``: wait for prompts that are already on a server, and save their files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from ..errors import ClientError, PromptLost, WaitTimeout
from ..nearest import nearest
from . import INTERRUPTED, UNUSABLE
from .connection import chosen_server, connected
from .ending import cancel_prompt, ended, follow, later, note, tell_error, write_result
from .options import PATH, connection_options, server_option, timeout_option
from .sending import detached_client_id
from .streams import say

if TYPE_CHECKING:
    from ..client import Client, Handle
    from ..client_options import ClientOptions

_LIKE: Final = 0.8
"""How similar an id must be to be suggested: any two prompt ids have half their characters in common."""

_SEARCHED: Final = 200
"""How many prompts of the history are searched for the nearest id."""

_PREFIX: Final = 4
"""The shortest prefix that is accepted as an id."""


class _Prompt(NamedTuple):
    """A prompt that the server has.

    Attributes:
        prompt_id: Its id.
        client_id: The client that the server reports it to, if that is the one that waits.
        handle: The handle that it was found with, if it has ended.
    """

    prompt_id: str
    client_id: str | None = None
    handle: Handle[Any] | None = None


@click.command("wait")
@click.argument("prompt_ids", metavar="ID...", nargs=-1, required=True)
@server_option
@click.option("--out", metavar="DIR", type=PATH, default=Path("output"), help="The folder to write files to.")
@timeout_option
@click.option("--cancel", is_flag=True, help="Cancel the prompts on Ctrl-C; otherwise they keep running.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the files' paths.")
def wait(
    prompt_ids: tuple[str, ...],
    server: str | None,
    out: Path,
    timeout: float | None,
    cancel: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Wait for prompts on a server, and save their output files.

    ID is printed by `comfyflow run --detach` and listed by `comfyflow queue`. A prompt may have ended
    already, and may have been sent from another machine. With several, finished prompts come first,
    then the others in the order of the queue.

    Exit codes, the highest of all prompts: 0 done; 2 the server does not know the id or does not
    respond, or not all outputs could be downloaded; 3 it failed on the server, entirely or in some
    nodes (the outputs of the others are saved); 4 the timeout has passed; 130 Ctrl-C, and the prompts
    keep running unless --cancel is given; 141 the output's reader has gone.
    """
    if out.exists() and not out.is_dir():
        raise click.BadParameter(f"{out} is a file; name a folder", param_hint="'--out'")
    end = None if timeout is None else time.monotonic() + timeout
    with connected(server, seconds=timeout, more={"websocket": False}) as client:
        ids = list(dict.fromkeys(prompt_ids))
        code, done = 0, set[str]()
        try:
            known = _known(client, ids)
            for prompt_id in ids:
                if all(prompt.prompt_id != prompt_id for prompt in known):
                    done.add(prompt_id)
                    code = max(code, tell_error(_unknown(client, prompt_id), UNUSABLE, as_json))
            for prompt in known:
                if len(known) > 1 and not as_json and not quiet:
                    say(f"prompt {prompt.prompt_id}", err=True)
                fetching = _Fetching(client, server, prompt, out, end, as_json=as_json, quiet=quiet)
                code = max(code, ended(fetching.fetch, timeout, as_json=as_json))
                done.add(prompt.prompt_id)
        except KeyboardInterrupt:
            left = [prompt_id for prompt_id in ids if prompt_id not in done]
            _leave(client, left, cancel=cancel, as_json=as_json)
            raise click.exceptions.Exit(INTERRUPTED) from None
    if code:
        raise click.exceptions.Exit(code)


class _Fetching:
    """A prompt to wait for.

    Args:
        client: A client without a socket.
        server: The option ``--server``.
        prompt: The prompt.
        out: The folder for its files.
        end: The deadline, by `time.monotonic`.
        as_json: JSON lines on standard output.
        quiet: Only the files' paths.
    """

    def __init__(
        self,
        client: Client,
        server: str | None,
        prompt: _Prompt,
        out: Path,
        end: float | None,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        self._client = client
        self._server = server
        self._prompt = prompt
        self._out = out
        self._end = end
        self._as_json = as_json
        self._quiet = quiet

    def fetch(self) -> int:
        """Wait for it and save its outputs; returns the exit code.

        Raises:
            RunError: It gave no result.
            WaitTimeout: The time is up.
            ClientError: The server does not answer.
        """
        from ..client import Client

        if self._prompt.client_id is None:
            return self._fetch(self._client)
        listening: ClientOptions = {**connection_options(), "client_id": self._prompt.client_id}
        with Client(chosen_server(self._server), **listening) as client:
            return self._fetch(client)

    def _fetch(self, client: Client) -> int:
        prompt_id = self._prompt.prompt_id
        left = None if self._end is None else self._end - time.monotonic()
        if left is not None and left <= 0:
            raise WaitTimeout(f"prompt {prompt_id} is no longer watched; it keeps running", prompt_id)
        handle = self._prompt.handle or client.attach(prompt_id)
        result, partial = follow(handle, left, as_json=self._as_json, quiet=self._quiet)
        return write_result(client, result, partial, self._out, as_json=self._as_json, quiet=self._quiet)


def _known(client: Client, prompt_ids: Sequence[str]) -> list[_Prompt]:
    """The prompts that the server has: ended ones first, then the others in queue order."""
    listed = client.queue()
    asked = {
        entry.prompt_id: entry.extra_data.get("client_id") for entry in (*listed.running, *listed.pending)
    }
    over: list[_Prompt] = []
    for prompt_id in prompt_ids:
        if prompt_id not in asked and prompt_id:
            with contextlib.suppress(PromptLost):
                over.append(_Prompt(prompt_id, handle=client.attach(prompt_id)))
    waiting = [
        _Prompt(prompt_id, detached if client_id == (detached := detached_client_id(prompt_id)) else None)
        for prompt_id, client_id in asked.items()
        if prompt_id in prompt_ids
    ]
    return over + waiting


def _unknown(client: Client, prompt_id: str) -> PromptLost:
    """The error for an unknown id, with the id that may have been meant."""
    listed: list[str] = []
    with contextlib.suppress(ClientError):
        queue = client.queue()
        listed = [entry.prompt_id for entry in (*queue.running, *queue.pending)]
        listed += client.history(max_items=_SEARCHED)
    begun = [each for each in listed if len(prompt_id) >= _PREFIX and each.startswith(prompt_id)]
    near = begun[0] if len(begun) == 1 else nearest(prompt_id, listed, cutoff=_LIKE)
    advice = (
        f"Did you mean {near}?"
        if near is not None
        else "`comfyflow queue` and `comfyflow history` list what it has; a restarted server "
        "forgets earlier prompts, or another server may have it (--server)"
    )
    return PromptLost(f"{client.url} has no prompt {prompt_id!r}. {advice}", prompt_id)


def _leave(client: Client, prompt_ids: Sequence[str], *, cancel: bool, as_json: bool) -> None:
    """Report that prompts keep running without a waiter; or cancel them, the last one first."""
    if cancel:
        # If the running one came first, the next would start.
        for prompt_id in reversed(prompt_ids):
            with contextlib.suppress(PromptLost):  # it has ended by itself
                cancel_prompt(client, prompt_id, client.attach(prompt_id), as_json=as_json)
        return
    from .progress import write_line

    for prompt_id in prompt_ids:
        said = f"prompt {prompt_id} keeps running"
        note(f"{said}: {later(prompt_id)}")
        if as_json:
            line = {"prompt_id": prompt_id, "event": "left", "message": said, "exit_code": INTERRUPTED}
            write_line(line)
