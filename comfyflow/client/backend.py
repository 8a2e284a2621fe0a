"""What runs prompts at an address: ComfyUI itself, or the Comfy API v2 in front of one.

Who waits, cancels, uploads or saves asks a `Backend`, and need not know which of them it is.
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
"""Where a prompt names a file: node, input, and which of a list of files, or None."""


@dataclass(frozen=True)
class Sighting:
    """Where a server has a prompt.

    Attributes:
        state: ``pending``, ``running`` or ``ended``.
        ahead: How many prompts run or wait before it, while it is pending.
        outcome: How it ended; None while it has not, or where the server does not say.
        prompt: The prompt JSON, where the server tells it.
        targets: The output nodes that it runs for.
        number: Its priority, where the server says it.
        prompt_id: The server's own id of it; ``""`` where it is the one that was asked for.
    """

    state: Literal["pending", "running", "ended"]
    ahead: int = 0
    outcome: Outcome | None = None
    prompt: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    targets: tuple[str, ...] = ()
    number: float | None = None
    prompt_id: str = ""


class Backend(Protocol):
    """What is done with prompts and their files, in the way of one kind of server."""

    name: ClassVar[str]
    """What it is called: ``comfyui``, ``comfy-api-v2``."""

    has_socket: ClassVar[bool]
    """Whether events come over one WebSocket for all prompts of a client."""

    keeps_ids: ClassVar[bool]
    """Whether a prompt keeps the id that it is sent with."""
    has_folders: ClassVar[bool]
    """Whether files lie in folders, by name, rather than being assets."""

    def refuse(self, options: RunSettings) -> None:
        """Refuse what cannot be done here, before anything is sent.

        Raises:
            ClientError: Says what cannot be done, and what to do instead.
        """
        ...

    def submit(self, core: Core, run: Run, submission: Submission, prepared: Source) -> Flow[QueuedPrompt]:
        """Queue a prompt exactly once, whatever the network does; see `submission.submit`."""
        ...

    def listen(self, core: Core, run: Run) -> Flow[None]:
        """Have the events of a prompt come in from now on, where they are not coming already."""
        ...

    def find(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Where a prompt is; None where the server does not have it."""
        ...

    def look(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Where a prompt is, as `queued` and then `ended` tell it; None where neither has it.

        A prompt that ends between the two may be missed: whoever must know looks again, or asks `find`.
        """
        ...

    def queued(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Where a prompt is that waits or runs; None where none of that id does."""
        ...

    def ended(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """A prompt that has ended; None while it has not, or where the server does not know it."""
        ...

    def expected(
        self, prompt: Mapping[str, Any], schema: Schema | None, targets: Sequence[str] | None
    ) -> frozenset[str]:
        """The nodes of which outputs must come, for `dropped`; none where the server tells what it dropped.

        Args:
            prompt: The prompt JSON.
            schema: Says which classes are output nodes; None where nothing is known.
            targets: The output nodes that are run; None for all.
        """
        ...

    def dropped(self, run: Run, outcome: Outcome, started: Started) -> Report | None:
        """What is to be said of outputs that did not come, where the server does not say it of itself."""
        ...

    def stop(self, core: Core, prompt_id: str, seen: Sighting) -> Flow[None]:
        """Have a prompt taken out of the queue, or stopped."""
        ...

    def upload(
        self, core: Core, content: bytes | Path, name: str, kind: str, subfolder: str
    ) -> Flow[UploadedFile]:
        """Put a file where nodes that take files find it."""
        ...

    def has_file(self, core: Core, text: str) -> Flow[bool | None]:
        """Whether the server has a file that an input names; None where it does not say."""
        ...

    def file_request(self, core: Core, file: OutputFile, folder: str) -> Request:
        """The request for the bytes of an output file."""
        ...


_CLOUD: Final = "cloud.comfy.org"


_SERVERLESS: Final = ".run.comfy.app"


class Recognition:
    """What is spoken at the address of a client, as far as is known; shared by all copies of its core.

    Args:
        comfyui: For ComfyUI's own routes.
        api_v2: For the Comfy API v2.
        named: What the user says of it: a name, or ``auto``.
        host: The server's. Comfy Org serves the API v2 at some: Comfy Cloud takes prompts at
            ComfyUI's own route too and runs them, but has other routes for what becomes of them.

    Raises:
        ValueError: The name is none.
    """

    def __init__(self, comfyui: Backend, api_v2: Backend, named: str = "auto", host: str = "") -> None:
        self.comfyui: Final = comfyui
        self.api_v2: Final = api_v2
        self.known: Backend | None = None
        names = {comfyui.name: comfyui, api_v2.name: api_v2}
        if named in names:
            self.known = names[named]
        elif named != "auto":
            raise ValueError(f'backend is "auto", "{comfyui.name}" or "{api_v2.name}", not {named!r}')
        elif host == _CLOUD or host.endswith(_SERVERLESS):
            self.known = api_v2

    @property
    def likely(self) -> Backend:
        """What is spoken there; where nobody has found out yet, what most servers speak."""
        return self.known or self.comfyui

    def advice(self, request: Request, answer: Answer) -> str:
        """What to do where a route is missing that only ComfyUI has; ``""`` for any other error."""
        if self.known is not self.api_v2 or answer.status not in (404, 405):
            return ""
        if request.path.startswith("/api/v2/"):
            return ""
        return "the Comfy API v2 has no such route; the ComfyUI behind it has, at an address of its own"


def recognise(core: Core) -> Flow[Backend]:
    """Find out what is spoken at the address of a client, once, and before anything is queued there.

    ComfyUI answers for the history of any prompt: with an empty object where it has none. A server
    without that route could take a prompt, but would never tell how it ended.

    Args:
        core: The client.

    Raises:
        ServerError: Neither ComfyUI nor the Comfy API v2 answers there, nor anything that can be read.
    """
    found = core.recognition
    if found.known is not None:
        return found.known
    if core.hub.connections:  # who greets over the socket is ComfyUI
        found.known = found.comfyui
        return found.comfyui
    request = Request("GET", f"/api/history/{segment(str(uuid.uuid4()))}")
    try:
        yield from fetch_json(core, request, is_object)
        found.known = found.comfyui
    except ServerUnreachable:  # what is asked next says so, or finds the server back
        if core.left() == 0.0:
            raise
    except ServerError as error:
        if error.status in (404, 405, 501):
            found.known = yield from _without_history(core, request, error.status)
        elif error.status < 400:
            raise  # the page of something in between, again and again
    return found.likely


def _without_history(core: Core, request: Request, status: int) -> Flow[Backend]:
    """What is spoken at an address that has not ComfyUI's history.

    Raises:
        ServerError: Nothing that is known here, or the API v2 lets nobody in without a key.
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
        f"{core.address} is neither a ComfyUI server nor one of the Comfy API v2: {request.label} gave "
        f"{status}, and {jobs.label} gave {said.status} ({elsewhere(core.address)}). Nothing was sent",
        status,
    )


def no_such_feature(what: str, instead: str) -> ClientError:
    """The error where the API v2 cannot do something.

    Args:
        what: What is asked for: ``front=True``.
        instead: What to do, as a sentence.
    """
    return ClientError(f"the Comfy API v2 has nothing for {what}. {instead}")
