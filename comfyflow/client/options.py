"""How prompts are run: every option, with what it is where it is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from ..schema import Schema
    from .inputs import OnUpload
    from .run_event import RunEvent


NodeFailurePolicy: TypeAlias = Literal["continue_independent"]
"""What a server can be asked to do when a node fails, other than to end the prompt."""


OnInterrupt: TypeAlias = Literal["cancel", "leave"]


DEFAULT_TIMEOUT: Final = 3600.0
"""Seconds that a wait takes at most where nothing else is said."""


class RunOptions(TypedDict, total=False):
    """How a prompt is run.

    Attributes:
        front: Before all that wait.
        number: Its priority; the lowest runs first. It is not sent again after a lost reply.
        prompt_id: Its id, a lowercase UUID; a new one by default.
        extra_data: What the server stores with it.
        editor_workflow: The editor's workflow, to be embedded in the files; by default the one that
            is run, if it is one.
        workflow: Whether a workflow of the editor is embedded in the files, so that they open in the
            editor. Where none is run and none is given, one is written of what is run, if all its
            classes are known.
        partner_api_key: The key for nodes that call paid services.
        targets: The output nodes to run, nodes or ids; None for all.
        validate: Whether to check it before it is sent. What would damage the server is refused
            in any case.
        schema: What to check it against, instead of what the node classes were generated from. Which
            files and models are installed the server says, whatever is listed there.
        allow_upload: Whether files are uploaded that somebody else's JSON names anywhere on this
            computer; otherwise only those below the current folder are.
        on_upload: Told of each file that was uploaded; an `AsyncClient` awaits what it gives.
            Without it, the logger ``comfyflow.uploads`` is told.
        websocket: False does without the socket for this prompt and asks the server instead. None: as
            the client was made.
        node_failure_policy: ``continue_independent`` has all nodes run that do not need one that
            failed; the run then ends in `PartialSuccess`. By default the first failure ends the
            prompt, as it does on a server that does not know the policy (to 0.36 at least).
    """

    front: bool
    number: float | None
    prompt_id: str | None
    extra_data: Mapping[str, Any] | None
    editor_workflow: Mapping[str, Any] | None
    workflow: bool
    partner_api_key: str | None
    targets: Sequence[Any] | None
    validate: bool
    schema: Schema | None
    allow_upload: bool
    on_upload: OnUpload | None
    websocket: bool | None
    node_failure_policy: NodeFailurePolicy | None


class SubmitOptions(RunOptions, total=False):
    """How a prompt is queued.

    Attributes:
        timeout: Seconds for all that is done until it is queued; by default as long as it takes.
    """

    timeout: float | None


class WaitOptions(RunOptions, total=False):
    """How a prompt is run and waited for.

    Attributes:
        timeout: Seconds for all of it; None for as long as it takes; an hour by default.
        on_event: Told what happens meanwhile. An `AsyncClient` awaits what it gives.
        on_interrupt: What becomes of the prompt when the wait is broken off, by Ctrl-C or by a
            task that is cancelled (``task.cancel()``, ``asyncio.wait_for``). ``cancel``, the
            default, takes it off the server, which holds up the interrupt for some seconds at
            most; a second one ends that at once. ``leave`` lets it go on.
    """

    timeout: float | None
    on_event: Callable[[RunEvent], object] | None
    on_interrupt: OnInterrupt


@dataclass(frozen=True, repr=False)  # it may hold secrets
class RunSettings:
    """How a prompt is run: `RunOptions`, and what they are where they are left out."""

    front: bool = False
    number: float | None = None
    prompt_id: str | None = None
    extra_data: Mapping[str, Any] | None = None
    editor_workflow: Mapping[str, Any] | None = None
    workflow: bool = True
    partner_api_key: str | None = None
    targets: Sequence[Any] | None = None
    validate: bool = True
    schema: Schema | None = None
    allow_upload: bool = False
    on_upload: OnUpload | None = None
    websocket: bool | None = None
    node_failure_policy: NodeFailurePolicy | None = None


@dataclass(frozen=True, repr=False)  # it may hold secrets
class SubmitSettings(RunSettings):
    """How a prompt is queued: `SubmitOptions`."""

    timeout: float | None = None


@dataclass(frozen=True, repr=False)  # it may hold secrets
class WaitSettings(RunSettings):
    """How a prompt is run and waited for: `WaitOptions`."""

    timeout: float | None = DEFAULT_TIMEOUT
    on_event: Callable[[RunEvent], object] | None = None
    on_interrupt: OnInterrupt = "cancel"
