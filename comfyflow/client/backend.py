"""What runs prompts at an address: ComfyUI itself, or the Comfy API v2 in front of one.

Code that waits, cancels, uploads or saves asks a `Backend`, and need not know which one it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeAlias

from ..errors import ClientError, ServerError, ServerUnreachable
from ..input_file import UploadedFile
from ..json_types import is_array, is_object
from ..output_file import OutputFile
from .address import elsewhere
from .core import Core, ask, error_of, fetch_json, parse_json
from .flow import Answer, Flow, Request, segment
from .run import Run
from .run_event import Outcome

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source
    from ..validate import Report
    from .options import RunSettings
    from .running import Started
    from .submission import QueuedPrompt, Submission

Input: TypeAlias = "tuple[str, str, int | None]"
"""Where a prompt names a file: node, input, and index in a list of files, or None."""


@dataclass(frozen=True)
class Sighting:
    """Where a prompt is on a server.

    Attributes:
        state: ``pending``, ``running`` or ``ended``.
        ahead: How many prompts run or wait before it, while it is pending.
        outcome: How it ended; None while it has not, or where the server does not say.
        prompt: The prompt JSON, if the server reports it.
        targets: The output nodes that it runs for.
        number: Its priority, if the server reports it.
        prompt_id: The server's own id for it; ``""`` if it is the one that was asked for.
    """

    state: Literal["pending", "running", "ended"]
    ahead: int = 0
    outcome: Outcome | None = None
    prompt: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    targets: tuple[str, ...] = ()
    number: float | None = None
    prompt_id: str = ""


class Backend(Protocol):
    """How one kind of server handles prompts and their files."""

    name: ClassVar[str]
    """Its name: ``comfyui``, ``comfy-api-v2``."""

    has_socket: ClassVar[bool]
    """Whether events come over one WebSocket for all prompts of a client."""

    keeps_ids: ClassVar[bool]
    """Whether a prompt keeps the id that it was sent with."""
    has_folders: ClassVar[bool]
    """Whether files are in folders, by name, rather than being assets."""

    def refuse(self, options: RunSettings) -> None:
        """Refuse what this server cannot do, before anything is sent.

        Raises:
            ClientError: Names what cannot be done, and what to do instead.
        """
        ...

    def submit(self, core: Core, run: Run, submission: Submission, prepared: Source) -> Flow[QueuedPrompt]:
        """Queue a prompt exactly once, whatever the network does; see `submission.submit`."""
        ...

    def listen(self, core: Core, run: Run) -> Flow[None]:
        """Receive the events of a prompt from now on, unless they already come in."""
        ...

    def find(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Where a prompt is; None if the server does not have it."""
        ...

    def look(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Find a prompt with `queued` and then `ended`; None if neither has it.

        A prompt that ends between the two may be missed: to be sure, look again or use `find`.
        """
        ...

    def queued(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Find a prompt that waits or runs; None if there is none with that id."""
        ...

    def ended(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Find a prompt that has ended; None while it has not, or if the server does not know it."""
        ...

    def expected(
        self, prompt: Mapping[str, Any], schema: Schema | None, targets: Sequence[str] | None
    ) -> frozenset[str]:
        """The nodes that must give outputs, for `dropped`; empty if the server itself reports what it
        dropped.

        Args:
            prompt: The prompt JSON.
            schema: Says which classes are output nodes; None if unknown.
            targets: The output nodes that are run; None for all.
        """
        ...

    def dropped(self, run: Run, outcome: Outcome, started: Started) -> Report | None:
        """The report on missing outputs, if the server does not report them itself."""
        ...

    def stop(self, core: Core, prompt_id: str, seen: Sighting) -> Flow[None]:
        """Remove a prompt from the queue, or stop it."""
        ...

    def upload(
        self, core: Core, content: bytes | Path, name: str, kind: str, subfolder: str
    ) -> Flow[UploadedFile]:
        """Upload a file to where nodes find it."""
        ...

    def has_file(self, core: Core, text: str) -> Flow[bool | None]:
        """Whether the server has a file that an input names; None if it does not say."""
        ...

    def file_request(self, core: Core, file: OutputFile, folder: str) -> Request:
        """The request for the bytes of an output file."""
        ...


_CLOUD: Final = "cloud.comfy.org"


_SERVERLESS: Final = ".run.comfy.app"


class Recognition:
    """The protocol that a client's server speaks, as far as known; shared by all copies of its core.

    Args:
        comfyui: For ComfyUI's own routes.
        api_v2: For the Comfy API v2.
        named: What the user specified: a name, or ``auto``.
        host: The server's host. Comfy Org serves the API v2 at some hosts: Comfy Cloud also accepts and runs
            prompts sent to ComfyUI's own route, but has other routes to follow them.

    Raises:
        ValueError: The name is unknown.
    """

    def __init__(self, comfyui: Backend, api_v2: Backend, named: str = "auto", host: str = "") -> None:
        self.comfyui: Final = comfyui
        self.api_v2: Final = api_v2
        self.known: Backend | None = None
        names = {comfyui.name: comfyui, api_v2.name: api_v2}
        if named in names:
            self.known = names[named]
        elif named != "auto":
            raise ValueError(f'backend must be "auto", "{comfyui.name}" or "{api_v2.name}", not {named!r}')
        elif host == _CLOUD or host.endswith(_SERVERLESS):
            self.known = api_v2

    @property
    def likely(self) -> Backend:
        """The protocol spoken there; until it is known, the one that most servers speak."""
        return self.known or self.comfyui

    def advice(self, request: Request, answer: Answer) -> str:
        """Advice if a route is missing that only ComfyUI has; ``""`` for any other error."""
        if self.known is not self.api_v2 or answer.status not in (404, 405):
            return ""
        if request.path.startswith("/api/v2/"):
            return ""
        return "the Comfy API v2 does not have this route; the ComfyUI behind it does, at its own address"


def recognise(core: Core) -> Flow[Backend]:
    """Find out which protocol a client's server speaks, once, before anything is queued.

    ComfyUI answers a history request for any prompt, with an empty object if it has none. A server without
    that route could accept a prompt, but could not report how it ended.

    Args:
        core: The client.

    Raises:
        ServerError: Neither ComfyUI nor the Comfy API v2 answers there.
    """
    found = core.recognition
    if found.known is not None:
        return found.known
    if core.hub.connections:  # a server that greets over the socket is ComfyUI
        found.known = found.comfyui
        return found.comfyui
    request = Request("GET", f"/api/history/{segment(str(uuid.uuid4()))}")
    try:
        yield from fetch_json(core, request, is_object)
        found.known = found.comfyui
    except ServerUnreachable:  # the next request reports it, or finds the server back
        if core.left() == 0.0:
            raise
    except ServerError as error:
        if error.status in (404, 405, 501):
            found.known = yield from _without_history(core, request, error.status)
        elif error.status < 400:
            raise  # a proxy's page, again and again
    return found.likely


def _without_history(core: Core, request: Request, status: int) -> Flow[Backend]:
    """The protocol at an address without ComfyUI's history.

    Raises:
        ServerError: It is not a known protocol, or the API v2 requires a key.
    """
    jobs = Request("GET", "/api/v2/jobs", (("limit", "1"),))
    said = yield from ask(core, jobs)
    if said.status in (401, 403):
        raise error_of(core, jobs, said)
    if said.ok:
        listed: object = parse_json(core, jobs, said)
        if is_object(listed) and is_array(listed.get("jobs")):
            return core.recognition.api_v2
    raise ServerError(
        f"{core.address} is neither a ComfyUI nor a Comfy API v2 server: {request.label} gave "
        f"{status}, and {jobs.label} gave {said.status} ({elsewhere(core.address)}). Nothing was sent",
        status,
    )


def no_such_feature(what: str, instead: str) -> ClientError:
    """The error for something that the API v2 cannot do.

    Args:
        what: The requested option: ``front=True``.
        instead: What to do, as a sentence.
    """
    return ClientError(f"the Comfy API v2 does not support {what}. {instead}")
