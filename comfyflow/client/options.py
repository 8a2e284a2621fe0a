"""How prompts are run: every option, with its default."""

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
"""What a server can do when a node fails, other than end the prompt."""


OnInterrupt: TypeAlias = Literal["cancel", "leave"]


DEFAULT_TIMEOUT: Final = 3600.0
"""The default limit of a wait, in seconds."""


class RunOptions(TypedDict, total=False):
    """How a prompt is run.

    Attributes:
        front: Put it before all waiting prompts.
        number: Its priority; the lowest runs first. It is not sent again after a lost reply.
        prompt_id: Its id, a lowercase UUID; a new one by default.
        extra_data: What the server stores with it.
        editor_workflow: The editor's workflow to embed in the files; by default the one that is run, if it is
            one.
        workflow: Whether to embed an editor workflow in the files, so that they open in the editor. If none
            is run and none is given, one is exported from what is run, provided all its classes are known.
        partner_api_key: The key for nodes that call paid services.
        targets: The output nodes to run, nodes or ids; None for all.
        validate: Whether to check it before it is sent. Prompts that would damage the server are always
            refused.
        schema: What to check it against, instead of the schema that the node classes were generated from.
            Which files and models are installed is left to the server, whatever the schema lists.
        allow_upload: Whether to upload files anywhere on this computer that a workflow file names; otherwise
            only those below the current folder.
        on_upload: Called with each uploaded file; an `AsyncClient` awaits its result. Without it, uploads go
            to the logger ``comfyflow.uploads``.
        websocket: False polls the server for this prompt instead of using the socket. None: the client's own
            setting.
        node_failure_policy: ``continue_independent`` runs all nodes that do not need a failed one; the run
            then ends in `PartialSuccess`. By default the first failure ends the prompt, as it does on a
            server that does not know the policy (to 0.36 at least).
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
        timeout: Seconds for everything until it is queued; no limit by default.
    """

    timeout: float | None


class WaitOptions(RunOptions, total=False):
    """How a prompt is run and waited for.

    Attributes:
        timeout: Seconds for everything; None for no limit; an hour by default.
        on_event: Called with each event. An `AsyncClient` awaits its result.
        on_interrupt: What happens to the prompt when the wait is interrupted, by Ctrl-C or because its task
            is cancelled (``task.cancel()``, ``asyncio.wait_for``). ``cancel``, the default, removes it from
            the server, which delays the interrupt by a few seconds at most; a second interrupt skips that.
            ``leave`` lets it run.
    """

    timeout: float | None
    on_event: Callable[[RunEvent], object] | None
    on_interrupt: OnInterrupt


@dataclass(frozen=True, repr=False)  # it may contain secrets
class RunSettings:
    """How a prompt is run: `RunOptions`, with their defaults."""

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


@dataclass(frozen=True, repr=False)  # it may contain secrets
class SubmitSettings(RunSettings):
    """How a prompt is queued: `SubmitOptions`."""

    timeout: float | None = None


@dataclass(frozen=True, repr=False)  # it may contain secrets
class WaitSettings(RunSettings):
    """How a prompt is run and waited for: `WaitOptions`."""

    timeout: float | None = DEFAULT_TIMEOUT
    on_event: Callable[[RunEvent], object] | None = None
    on_interrupt: OnInterrupt = "cancel"
