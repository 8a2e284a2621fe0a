"""From something to run to a run in flight; and what can be asked of one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from typing_extensions import TypedDict

from ..errors import (
    ClientError,
    PromptLost,
    PromptRejected,
    SchemaError,
    ServerUnreachable,
    ValidationError,
)
from ..graph.prompt import sendable
from ..json_types import is_object
from ..problem import Problem
from ..schema import Schema
from ..source import Source, prompt_classes
from .core import Core, about, in_time
from .failure_policy import NodeFailurePolicy, asked_policy, look_for_policy
from .flow import Flow, Watch
from .inputs import OnUpload, Uploaded, upload_inputs
from .listening import ready_socket, require_pictures
from .node_class import with_server_classes
from .queue_routes import Queue, delete_queued, history_entry, interrupt, queue
from .refusal import with_choices
from .run import Run, picture_senders
from .run_event import FileUploaded, RunEvent
from .submission import Submission, submit
from .target import Target, prepare
from .waiting import Wait

if TYPE_CHECKING:
    from ..validate import Report

OnInterrupt: TypeAlias = Literal["cancel", "leave"]
State = Literal["pending", "running", "success", "partial_success", "error", "interrupted", "lost"]

DEFAULT_TIMEOUT: Final = 3600.0
"""Seconds that a wait takes at most where nothing else is said."""
_CANCEL_PAUSE: Final = 0.5
_UNKNOWN: Final = Schema({}, "0.27.0", "nothing", is_whole=False)
"""What is known of a server of which nobody has said what it is."""


class RunOptions(TypedDict, total=False):
    """How a prompt is run.

    Attributes:
        front: Before all that wait.
        number: Its priority; the lowest runs first. It is not sent again after a lost reply.
        prompt_id: Its id, a lowercase UUID; a new one by default.
        extra_data: What the server stores with it.
        editor_workflow: The editor's workflow, to be embedded in the files; by default the one that
            is run, if it is one.
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


@dataclass(frozen=True)
class RunStatus:
    """Where a prompt is.

    Attributes:
        state: ``pending``, ``running``, or how it ended.
        ahead: How many prompts run or wait before it, while it is pending.
    """

    state: State
    ahead: int = 0


@dataclass(frozen=True)
class Started:
    """A prompt that the server has.

    Attributes:
        run: What is known of it.
        prepared: What is run.
        report: What is wrong with outputs that the server has dropped, or None.
        number: Its priority, where the server said it.
    """

    run: Run
    prepared: Source
    report: Report | None
    number: float | None
    warnings: tuple[Problem, ...] = ()
    """What may go wrong all the same, as far as is known before it is sent."""


@dataclass
class Attempt:
    """A prompt that is to be sent, is being sent, or is on the server.

    Attributes:
        run: The prompt, from the moment at which it may be on its way.
        accepted: Whether the server has said that it has it.
    """

    run: Run | None = None
    accepted: bool = False


def start(core: Core, target: Target, options: RunSettings, attempt: Attempt | None = None) -> Flow[Started]:
    """Check something, upload its files, and queue it.

    Args:
        core: The client.
        target: What to run.
        options: How.
        attempt: Is told how far it has come, for whoever is interrupted meanwhile.

    Raises:
        ValidationError: It has problems that the server would refuse, or be damaged by.
        SocketUnavailable: Some of its pictures come over the socket alone, and there is none.
        PromptRejected: The server refuses it.
        WaitTimeout: The time is over.
        ClientError: The server cannot be reached, or gives an error.
    """
    try:
        return (yield from _start(core, target, options, attempt or Attempt()))
    except ServerUnreachable as error:
        told = in_time(core, error, "the prompt was not sent")
        if told is error:
            raise
        raise told from None


def _start(core: Core, target: Target, options: RunSettings, attempt: Attempt) -> Flow[Started]:
    given = options.schema
    policy = asked_policy(options.node_failure_policy, options.extra_data)
    prepared = yield from prepare(core, target, given)
    if prepared.workflow is None:
        prepared = replace(prepared, prompt=sendable(prepared.prompt))
    schema = given if given is not None else schema_of(prepared)
    if schema is not None and given is None:
        schema = yield from with_server_classes(core, schema, prompt_classes(prepared.prompt))
    wanted = options.targets
    files = yield from upload_inputs(
        core,
        prepared,
        schema,
        allow=options.allow_upload,
        targets=None if wanted is None else _target_ids(prepared, wanted),
        look=options.validate,
        on_upload=options.on_upload,
    )
    prompt = files.prompt
    prepared = replace(prepared, prompt=prompt)
    checked = check(prepared, schema, files, options)
    run = Run(_prompt_id(options), prompt, core.new_signal, core.clock, prepared.places)
    if options.prompt_id is not None:
        yield from _refuse_used(core, run.prompt_id)
    doubts = yield from look_for_policy(core, run, policy)
    run.senders = picture_senders(prompt, _chosen(prepared, options))
    wanted_socket = options.websocket
    run.polled = not (core.use_socket if wanted_socket is None else wanted_socket)
    if not run.polled:
        yield from ready_socket(core, bool(run.senders))
        core.hub.add(run)
    if options.validate:
        yield from require_pictures(core, run, wanted_socket is not None)
    attempt.run = run
    for upload in files.uploads:
        run._emit(FileUploaded(run.prompt_id, upload))
    try:
        accepted = yield from submit(core, run, _submission(core, prepared, options), prepared)
    except PromptRejected as error:
        raise (yield from with_choices(core, error, prepared)) from None
    attempt.accepted = True
    if accepted.prompt_id != run.prompt_id:
        core.hub.rename(run, accepted.prompt_id)
    report: Report | None = None
    if accepted.node_errors:
        from ..validate import Report

        run.senders -= accepted.node_errors.keys()
        said = {"node_errors": accepted.node_errors}
        report = Report.from_server(said, 200, prompt=prompt, places=prepared.places)
    return Started(run, prepared, report, accepted.number, (*checked.warnings, *doubts))


def cancels(options: WaitSettings) -> bool:
    """Whether an interrupt cancels the prompt.

    Raises:
        ValueError: ``on_interrupt`` is none of its values.
    """
    wanted = options.on_interrupt
    if wanted not in ("cancel", "leave"):
        raise ValueError(f'on_interrupt is "cancel" or "leave", not {wanted!r}')
    return wanted == "cancel"


def check(prepared: Source, schema: Schema | None, files: Uploaded, options: RunSettings) -> Report:
    """Refuse a prompt with problems before it is sent.

    Without a schema nothing is known of its nodes; then only its shape is looked at, for what
    kills a server's worker. Which files and models are installed is the server's to say, whatever
    the schema lists.

    Args:
        prepared: The prompt.
        schema: What to check it against; None where there is none.
        files: What became of its files.
        options: With ``validate`` false, only what would damage the server is refused.

    Returns:
        What is left to say of it.

    Raises:
        ValidationError: It has some.
    """
    from ..validate import validate_prompt

    report = validate_prompt(
        prepared.prompt,
        _without_files(schema) if schema is not None else _UNKNOWN,
        places=prepared.places,
        partial_execution_targets=_chosen(prepared, options),
        file_exists=lambda _: True,  # they have been looked for
    )
    if files.errors:
        known = report if schema is not None else report.refused()
        raise ValidationError(known.with_errors(files.errors))
    if schema is not None and options.validate:
        report.raise_for_problems()
    elif report.refusals:
        raise ValidationError(report.refused())
    return report


def schema_of(prepared: Source) -> Schema | None:
    """The schema that a workflow's node classes were generated from, if there is one."""
    if prepared.workflow is None:
        return None
    try:
        return prepared.workflow.schema()
    except SchemaError:
        return None


def _without_files(schema: Schema) -> Schema:
    """A schema without what was installed when it was read."""
    if not schema.files_known:
        return schema
    kept: Schema | None = schema.derived.get(_without_files)
    if kept is None:
        kept = Schema(schema.raw, schema.version, schema.source, files_known=False)
        schema.derived[_without_files] = kept
    return kept


def attach(core: Core, prompt_id: str) -> Flow[Started]:
    """Take up a prompt that is on the server: of an earlier program, or of somebody else.

    Args:
        core: The client.
        prompt_id: Its id.

    Raises:
        PromptLost: The server does not know it.
    """
    return (yield from about(core, prompt_id, _attach(core, prompt_id)))


def _attach(core: Core, prompt_id: str) -> Flow[Started]:
    if core.use_socket:
        yield from ready_socket(core)
    for _ in range(2):
        listed = yield from queue(core)
        found = [entry for entry in (*listed.running, *listed.pending) if entry.prompt_id == prompt_id]
        if found:
            run = _taken_up(core, prompt_id, found[0].prompt, found[0].targets)
            run.queued(listed.find(prompt_id) or 0, listed.runs(prompt_id))
            return Started(run, Source(found[0].prompt), None, found[0].number)
        entry = yield from history_entry(core, prompt_id)
        if entry is not None:
            run = _taken_up(core, prompt_id, entry.prompt, entry.targets)
            return Started(run, Source(entry.prompt), None, None)
    raise PromptLost(f"the server has prompt {prompt_id} in neither queue nor history", prompt_id)


def _taken_up(core: Core, prompt_id: str, prompt: Mapping[str, Any], targets: Sequence[str]) -> Run:
    """A run whose beginning was not heard, and whose events go to the client that has sent it."""
    run = Run(prompt_id, prompt, core.new_signal, core.clock)
    run.senders = picture_senders(prompt, targets)
    run.gap = run.unsure = True
    core.hub.add(run)
    return run


def status(core: Core, run: Run) -> Flow[RunStatus]:
    """Where a prompt is now, by asking the server.

    Raises:
        ServerUnreachable: The server does not answer.
    """
    return (yield from about(core, run.prompt_id, _status(core, run)))


def _status(core: Core, run: Run) -> Flow[RunStatus]:
    for _ in range(2):
        if run.outcome is not None:
            return RunStatus(run.outcome.ending)
        listed = yield from queue(core)
        ahead = listed.find(run.prompt_id)
        if ahead is not None:
            running = listed.runs(run.prompt_id)
            run.queued(ahead, running)
            return RunStatus("running" if running else "pending", ahead)
        entry = yield from history_entry(core, run.prompt_id)
        if entry is not None and entry.outcome is not None:
            return RunStatus(entry.outcome.ending)
    return RunStatus("interrupted" if run.cancelled else "lost")


def cancel(core: Core, run: Run, timeout: float) -> Flow[bool]:
    """Take a prompt out of the queue, or stop it; come back when it is out.

    An interrupt that comes between two prompts is lost on a real server, so it is repeated.

    Args:
        core: The client.
        run: The prompt.
        timeout: Seconds to wait for its end.

    Returns:
        Whether there was anything to cancel.

    Raises:
        WaitTimeout: It still runs.
    """
    waiting = Wait(core, run, timeout)
    return (yield from about(waiting.core, run.prompt_id, _cancel(waiting, run)))


def _cancel(waiting: Wait, run: Run) -> Flow[bool]:
    asked, pause = False, 0.02
    while True:
        listed = yield from queue(waiting.core)
        if listed.find(run.prompt_id) is None:
            break
        if not run.ended:
            asked = run.cancelled = True
            yield from _stop(waiting.core, run, listed)
        waiting.check_time()
        yield Watch(run.signal, waiting.deadline.within(pause))
        run.signal.clear()
        pause = min(2 * pause, _CANCEL_PAUSE)
    run.unsure = True
    run.poke()
    return asked


def _stop(core: Core, run: Run, listed: Queue) -> Flow[None]:
    if listed.runs(run.prompt_id):
        yield from interrupt(core, run.prompt_id)
    else:
        yield from delete_queued(core, [run.prompt_id])


def _prompt_id(options: RunSettings) -> str:
    wanted = options.prompt_id
    if wanted is None:
        return str(uuid.uuid4())
    try:
        canonical = str(uuid.UUID(wanted))
    except (ValueError, AttributeError, TypeError):
        canonical = None
    if canonical != wanted:
        raise ClientError(f"a prompt id is a lowercase UUID with hyphens, not {wanted!r:.80}")
    return wanted


def _refuse_used(core: Core, prompt_id: str) -> Flow[None]:
    """A server runs a repeated id twice and mixes the two up: so it is refused here."""
    listed = yield from queue(core)
    if listed.find(prompt_id) is not None or (yield from history_entry(core, prompt_id)) is not None:
        raise ClientError(f"the server already has a prompt {prompt_id}; give each its own id")


def _submission(core: Core, prepared: Source, options: RunSettings) -> Submission:
    extra = dict(options.extra_data or {})
    editor = options.editor_workflow or prepared.editor
    if editor is not None:
        known = extra.get("extra_pnginfo")
        extra["extra_pnginfo"] = {**(known if is_object(known) else {}), "workflow": editor}
    policy = options.node_failure_policy
    if policy is not None:  # the first form of the servers' change reads it here, the last one in the body
        extra["node_failure_policy"] = policy
    if (key := options.partner_api_key or core.partner_api_key) is not None:
        extra["api_key_comfy_org"] = key
    if not is_object(extra.get("extra_pnginfo", {})):
        raise ClientError("extra_data['extra_pnginfo'] must be an object: anything else breaks the server")
    ids = _chosen(prepared, options)
    return Submission(prepared.prompt, options.front, options.number, extra, ids, policy)


def _chosen(prepared: Source, options: RunSettings) -> list[str] | None:
    """The ids of the outputs that are to run; None for all."""
    targets = options.targets
    return None if targets is None else _target_ids(prepared, targets)


def _target_ids(prepared: Source, targets: Sequence[Any]) -> list[str]:
    return [target if isinstance(target, str) else prepared.id_of(target) for target in targets]
