"""From a target to a run in flight; how to query a run, and how to end it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import ClientError, PromptLost, PromptRejected, SchemaError, ServerUnreachable, ValidationError
from ..graph.prompt import sendable
from ..json_types import is_object
from ..problem import Problem
from ..schema import Schema
from ..schema.schema import UNKNOWN
from ..source import Source, prompt_classes
from .backend import recognise
from .core import Core, about, in_time
from .flow import Flow, Watch, check_prompt_id
from .inputs import Uploaded, upload_inputs
from .options import (
    RunSettings,
    WaitSettings,
)
from .routes.node_class_routes import with_server_classes
from .run import Run, picture_senders
from .run_event import FileUploaded
from .submission import Submission, asked_policy, look_for_policy, with_choices
from .target import Target, prepare
from .waiting import Wait, ready_socket, require_pictures, require_socket

if TYPE_CHECKING:
    from ..validate import Report


State = Literal["pending", "running", "success", "partial_success", "error", "interrupted", "lost"]


_CANCEL_PAUSE: Final = 0.5


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
        run: What is known about it.
        prepared: The prompt that is run.
        report: What is wrong with the outputs that the server has dropped, or None.
        number: Its priority, if the server reported it.
    """

    run: Run
    prepared: Source
    report: Report | None
    number: float | None
    warnings: tuple[Problem, ...] = ()
    """What may still go wrong, as far as is known before it is sent."""
    outputs: frozenset[str] = frozenset()
    """The nodes that must give outputs; see `Backend.expected`."""


@dataclass
class Sending:
    """A prompt that will be sent, is being sent, or is on the server.

    Attributes:
        run: The prompt, from the moment that it may be on its way.
        accepted: Whether the server has confirmed that it has it.
        refused: Whether the server has refused it.
    """

    run: Run | None = None
    accepted: bool = False
    refused: bool = False


def start(core: Core, target: Target, options: RunSettings, attempt: Sending | None = None) -> Flow[Started]:
    """Check a target, upload its files, and queue it.

    Args:
        core: The client.
        target: What to run.
        options: How.
        attempt: Records its progress, in case of an interrupt.

    Raises:
        ValidationError: It has problems that the server would refuse or that would damage it.
        SocketUnavailable: Some of its pictures come only over the socket, and there is none.
        PromptRejected: The server refuses it.
        WaitTimeout: The time is up.
        ClientError: The server cannot be reached, or gives an error.
    """
    try:
        return (yield from _start(core, target, options, attempt or Sending()))
    except ServerUnreachable as error:
        told = in_time(core, error, "the prompt was not sent")
        if told is error:
            raise
        raise told from None


def _start(core: Core, target: Target, options: RunSettings, attempt: Sending) -> Flow[Started]:
    given = options.schema
    policy = asked_policy(options.node_failure_policy, options.extra_data)
    prepared = yield from prepare(core, target, given)  # a compile error does not need a server
    backend = yield from recognise(core)
    backend.refuse(options)
    if not backend.has_socket and core.hub.heard:  # they registered before the server was known
        require_socket(core)
    if prepared.workflow is None:
        prepared = replace(prepared, prompt=sendable(prepared.prompt))
    schema = given if given is not None else own_schema_of(prepared)
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
    if backend.has_socket and not run.polled:
        yield from ready_socket(core, bool(run.senders))
        core.hub.add(run)
    if options.validate:
        yield from require_pictures(core, run, wanted_socket is not None)
    attempt.run = run
    for upload in files.uploads:
        run._emit(FileUploaded(run.prompt_id, upload))
    submission = replace(_submission(core, prepared, options, schema), assets=files.assets)
    started = yield from queued(core, run, submission, prepared, attempt)
    yield from backend.listen(core, run)
    outputs = backend.expected(prompt, schema, submission.targets)
    return replace(started, warnings=(*checked.warnings, *doubts), outputs=outputs)


def queued(core: Core, run: Run, submission: Submission, prepared: Source, attempt: Sending) -> Flow[Started]:
    """Queue a prompt that is ready to be sent.

    Args:
        core: The client.
        run: The prompt; it takes the id that the server gives it.
        submission: What is sent.
        prepared: The prompt that is run.
        attempt: Records that the server has it.

    Raises:
        PromptRejected: The server refuses it.
        ClientError: The server cannot be reached, or gives an error.
    """
    try:
        accepted = yield from core.recognition.likely.submit(core, run, submission, prepared)
    except PromptRejected as error:
        attempt.refused = True
        raise (yield from with_choices(core, error, prepared)) from None
    attempt.accepted = True
    if accepted.prompt_id != run.prompt_id:
        core.hub.rename(run, accepted.prompt_id)
    report: Report | None = None
    if accepted.node_errors:
        from ..validate import Report

        run.senders -= accepted.node_errors.keys()
        said = {"node_errors": accepted.node_errors}
        report = Report.from_server(said, 200, prompt=submission.prompt, places=prepared.places)
    return Started(run, prepared, report, accepted.number)


def cancels(options: WaitSettings) -> bool:
    """Whether an interrupt cancels the prompt.

    Raises:
        ValueError: ``on_interrupt`` has an unknown value.
    """
    wanted = options.on_interrupt
    if wanted not in ("cancel", "leave"):
        raise ValueError(f'on_interrupt must be "cancel" or "leave", not {wanted!r}')
    return wanted == "cancel"


def check(prepared: Source, schema: Schema | None, files: Uploaded, options: RunSettings) -> Report:
    """Refuse a prompt with problems before it is sent.

    Without a schema nothing is known about its nodes; then only its shape is checked, for what kills a
    server's worker. Which files and models are installed is left to the server, whatever the schema lists.

    Args:
        prepared: The prompt.
        schema: The schema to check it against; None if there is none.
        files: The result of resolving its files.
        options: With ``validate`` false, only what would damage the server is refused.

    Returns:
        The remaining warnings.

    Raises:
        ValidationError: It has some.
    """
    from ..validate import validate_prompt

    report = validate_prompt(
        prepared.prompt,
        _without_files(schema) if schema is not None else UNKNOWN,
        places=prepared.places,
        partial_execution_targets=_chosen(prepared, options),
        file_exists=lambda _: True,  # they have been searched for
    )
    if files.errors:
        known = report if schema is not None else report.refused()
        raise ValidationError(known.with_errors(files.errors))
    if schema is not None and options.validate:
        report.raise_for_problems()
    elif report.refusals:
        raise ValidationError(report.refused())
    return report


def own_schema_of(prepared: Source) -> Schema | None:
    """The schema that a workflow's node classes were generated from, if there is one."""
    try:
        return prepared.own_schema()
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
    """Attach to a prompt that is on the server: from an earlier program, or from someone else.

    Args:
        core: The client.
        prompt_id: Its id.

    Raises:
        PromptLost: The server does not know it.
        TypeError: The id is not a string.
        ValueError: It is empty.
    """
    check_prompt_id(prompt_id)
    return (yield from about(core, prompt_id, _attach(core, prompt_id)))


def _attach(core: Core, prompt_id: str) -> Flow[Started]:
    backend = yield from recognise(core)
    if core.use_socket and backend.has_socket:
        yield from ready_socket(core)
    for _ in range(2):
        seen = yield from backend.look(core, prompt_id)
        if seen is not None:
            run = _taken_up(core, seen.prompt_id or prompt_id, seen.prompt, seen.targets)
            if seen.state != "ended":
                run.queued(seen.ahead, seen.state == "running")
                yield from backend.listen(core, run)
            return Started(run, Source(seen.prompt), None, seen.number)
    raise PromptLost(f"the server has prompt {prompt_id} in neither queue nor history", prompt_id)


def _taken_up(core: Core, prompt_id: str, prompt: Mapping[str, Any], targets: Sequence[str]) -> Run:
    """A run whose beginning was missed, and whose events go to the client that sent it."""
    run = Run(prompt_id, prompt, core.new_signal, core.clock)
    run.senders = picture_senders(prompt, targets)
    run.gap = run.unsure = True
    core.hub.add(run)
    return run


def status(core: Core, run: Run) -> Flow[RunStatus]:
    """Ask the server where a prompt is now.

    Raises:
        ServerUnreachable: The server does not answer.
    """
    return (yield from about(core, run.prompt_id, _status(core, run)))


def _status(core: Core, run: Run) -> Flow[RunStatus]:
    backend = core.recognition.likely
    for _ in range(2):
        if run.outcome is not None:
            return RunStatus(run.outcome.ending)
        seen = yield from backend.look(core, run.prompt_id)
        if seen is not None and seen.state != "ended":
            run.queued(seen.ahead, seen.state == "running")
            return RunStatus(seen.state, seen.ahead)
        if seen is not None and seen.outcome is not None:
            return RunStatus(seen.outcome.ending)
    return RunStatus("interrupted" if run.cancelled else "lost")


def cancel(core: Core, run: Run, timeout: float) -> Flow[bool]:
    """Remove a prompt from the queue, or stop it, and wait until it is gone.

    An interrupt that comes between two prompts is lost on a real server, so it is repeated.

    Args:
        core: The client.
        run: The prompt.
        timeout: Seconds to wait for its end.

    Returns:
        Whether there was anything to cancel.

    Raises:
        WaitTimeout: It is still running.
    """
    waiting = Wait(core, run, timeout)
    return (yield from about(waiting.core, run.prompt_id, _cancel(waiting, run)))


def _cancel(waiting: Wait, run: Run) -> Flow[bool]:
    backend = waiting.core.recognition.likely
    asked, pause = False, 0.02
    while True:
        seen = yield from backend.queued(waiting.core, run.prompt_id)
        if seen is None:
            break
        if not run.ended:
            asked = run.cancelled = True
            yield from backend.stop(waiting.core, run.prompt_id, seen)
        waiting.check_time()
        yield Watch(run.signal, waiting.deadline.within(pause))
        run.signal.clear()
        pause = min(2 * pause, _CANCEL_PAUSE)
    run.unsure = True
    run.poke()
    return asked


def _prompt_id(options: RunSettings) -> str:
    wanted = options.prompt_id
    if wanted is None:
        return str(uuid.uuid4())
    try:
        canonical = str(uuid.UUID(wanted))
    except (ValueError, AttributeError, TypeError):
        canonical = None
    if canonical != wanted:
        raise ClientError(f"a prompt id must be a lowercase UUID with hyphens, not {wanted!r:.80}")
    return wanted


def _refuse_used(core: Core, prompt_id: str) -> Flow[None]:
    """A server runs a repeated id twice and mixes the two up, so it is refused here."""
    if (yield from core.recognition.likely.look(core, prompt_id)) is not None:
        raise ClientError(f"the server already has a prompt {prompt_id}; give each prompt its own id")


def _editor_workflow(
    prepared: Source, options: RunSettings, schema: Schema | None
) -> Mapping[str, Any] | None:
    """The editor workflow to send along: the given one, the one that is run, or one exported from that."""
    if not options.workflow:
        return None
    given: object = options.editor_workflow
    if given is not None and not is_object(given):
        raise ClientError(
            f"editor_workflow must be the editor's JSON, not {type(given).__name__}: "
            "read_workflow(FILE).workflow"
            " reads it from a file"
        )
    known = options.editor_workflow or prepared.editor
    if known is not None or schema is None:
        return known
    from ..exporter.writing import embedded_workflow

    return embedded_workflow(prepared, schema)


def extra_data(
    core: Core,
    editor: Mapping[str, Any] | None,
    given: Mapping[str, Any] | None = None,
    partner_api_key: str | None = None,
) -> dict[str, Any]:
    """The extra data to send with a prompt.

    Args:
        core: The client; its key for nodes that call paid services is the default.
        editor: The editor's workflow, for the files that the prompt gives; None for none.
        given: The user's own extra data.
        partner_api_key: A key for this prompt.
    """
    extra = dict(given or {})
    if editor is not None:
        known = extra.get("extra_pnginfo")
        extra["extra_pnginfo"] = {**(known if is_object(known) else {}), "workflow": editor}
    if (key := partner_api_key or core.partner_api_key) is not None:
        extra["api_key_comfy_org"] = key
    return extra


def _submission(core: Core, prepared: Source, options: RunSettings, schema: Schema | None) -> Submission:
    editor = _editor_workflow(prepared, options, schema)
    extra = extra_data(core, editor, options.extra_data, options.partner_api_key)
    policy = options.node_failure_policy
    if policy is not None:  # the first form of the servers' change reads it here, the last one in the body
        extra["node_failure_policy"] = policy
    if not is_object(extra.get("extra_pnginfo", {})):
        raise ClientError("extra_data['extra_pnginfo'] must be an object: anything else breaks the server")
    ids = _chosen(prepared, options)
    return Submission(prepared.prompt, options.front, options.number, extra, ids, policy)


def _chosen(prepared: Source, options: RunSettings) -> list[str] | None:
    """The ids of the outputs to run; None for all."""
    targets = options.targets
    return None if targets is None else _target_ids(prepared, targets)


def _target_ids(prepared: Source, targets: Sequence[Any]) -> list[str]:
    if isinstance(targets, str):  # of a letter each, there may be nodes of these ids
        raise TypeError(f"targets must be a list of nodes or ids, not a string: write [{targets!r}]")
    return [target if isinstance(target, str) else prepared.id_of(target) for target in targets]
