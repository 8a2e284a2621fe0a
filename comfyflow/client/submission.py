"""Putting a prompt into a server's queue: exactly once, whatever the network does.

A server runs a repeated prompt id twice, and may answer 500 to a prompt that it has queued (recordings of
0.3.64 and 0.27.0, s14 and l01). So nothing is resent before the queue and the history have been searched for
the first attempt.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

from ..bounds import MIB, Bounds, check_json
from ..errors import (
    BoundsError,
    ClientError,
    PromptError,
    PromptRejected,
    ServerError,
    ServerUnreachable,
    WaitTimeout,
)
from ..json_types import is_array, is_number, is_object, object_or_empty, text_or_empty
from ..problem import Place, Problem
from ..schema import Schema
from ..source import Source
from .backend import Input
from .core import Core, about, ask, error_of, may_pass, parse_json, patiently, retry_after, server_words, tell
from .flow import Answer, Flow, Request, json_body
from .options import NodeFailurePolicy
from .routes.node_class_routes import class_infos, whole_catalogue
from .routes.queue_routes import history_entry, queue
from .routes.server_routes import features
from .run import Run


def asked_policy(wanted: object, extra_data: Mapping[str, Any] | None) -> str | None:
    """The policy that a prompt requests.

    Args:
        wanted: The option ``node_failure_policy``.
        extra_data: What is sent with the prompt; it may contain a policy too.

    Returns:
        The policy; None for the server's default.

    Raises:
        ValueError: The option has an unknown value.
    """
    if wanted is not None and wanted not in get_args(NodeFailurePolicy):
        raise ValueError(f'node_failure_policy must be "continue_independent" or None, not {wanted!r}')
    given = wanted if wanted is not None else (extra_data or {}).get("node_failure_policy")
    return given if isinstance(given, str) else None


def look_for_policy(core: Core, run: Run, policy: str | None) -> Flow[tuple[Problem, ...]]:
    """Ask whether the server knows the policy that a prompt requests, and keep it with the run.

    Servers that know it list ``supports_node_failure_policy`` in ``/features``; those up to 0.36 do not have
    it. The prompt is sent in any case: an unknown policy does no harm.

    Args:
        core: The client.
        run: The prompt.
        policy: The requested policy; None if there is none.

    Returns:
        A warning if the server does not seem to know it.
    """
    if policy is None:
        return ()
    run.policy = policy
    try:
        known = (yield from features(core)).get("supports_node_failure_policy") is True
    except ServerError:  # older servers have no such route
        known = False
    run.policy_known = known
    message = (
        f"the server does not report support for the node failure policy {policy!r}; without it, "
        "the first node that fails ends the prompt"
    )
    return () if known else (Problem("node_failure_policy_unknown", message, severity="warning"),)


_MISSING_CLASS: Final = "missing_node_type"


_VERSION: Final = "0.27.0"
"""For a server whose kind is unknown."""


def with_choices(core: Core, error: PromptRejected, prepared: Source) -> Flow[PromptRejected]:
    """A refusal with the nearest installed names, if the server did not list them.

    Args:
        core: The client.
        error: The refusal.
        prepared: The prompt that was sent.

    Returns:
        The same refusal, with more detail if the server provides it.
    """
    from ..validate import Report

    body: Mapping[str, Any] = error.report.to_server_json()
    prompt: Mapping[str, Any] = prepared.prompt
    try:
        if error.report.error == _MISSING_CLASS:
            found: Mapping[str, Any] = yield from whole_catalogue(core)
            prompt = _with_saved_classes(prepared)
            body = _with_class_name(body, prompt)
        else:
            refused = ("value_not_in_list", "custom_validation_failed")
            names = {problem.class_type for problem in error.report.errors if problem.type in refused}
            infos = yield from class_infos(core, sorted(name for name in names if name), anew=True)
            found = {name: info for name, info in infos.items() if info is not None}
    except ClientError:
        return error
    if not found:
        return error
    report = Report.from_server(
        body,
        error.status,
        prompt=prompt,
        places=prepared.places,
        schema=Schema(found, _VERSION, str(core.address), is_whole=False),
    )
    first = report.error_message if error.report.error == _MISSING_CLASS else None
    return PromptRejected(f"{first or str(error).partition(chr(10))[0]}\n{report}", report, error.status)


def _with_saved_classes(prepared: Source) -> Mapping[str, Any]:
    """The prompt with the classes from the editor's JSON: the editor sends none that it does not know."""
    saved = {
        warning.node_id: warning.class_type
        for warning in prepared.warnings
        if isinstance(warning, Problem) and warning.type == "unknown_class"
    }
    prompt: Mapping[str, Any] = prepared.prompt
    return {
        node_id: {**node, "class_type": saved[node_id]} if saved.get(node_id) else node
        for node_id, node in prompt.items()
    }


def _with_class_name(body: Mapping[str, Any], prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """A server's answer, completed by the class if it names only the node's title, or nothing."""
    said = object_or_empty(body.get("error"))
    info = object_or_empty(said.get("extra_info"))
    node = object_or_empty(prompt.get(str(info.get("node_id"))))
    class_type, title = node.get("class_type"), info.get("node_title")
    if not isinstance(class_type, str) or title == class_type:
        return body
    lacks = f"the server has no node class {class_type!r}; the pack that provides it may not be installed"
    message = f"Node {title!r} not found: {lacks}." if title else f"T{lacks[1:]}."
    return {**body, "error": {**said, "message": message}}


_LOOKS: Final = (0.0, 0.1, 0.3, 0.8)
"""Pauses before each search for a prompt that may or may not have arrived."""


_REFUSAL: Final = Bounds(json=64 * MIB, values=2_000_000)
"""How much is read of an answer that refuses a prompt."""


_CRASHES: Final = 1
"""How often a prompt is resent after a 500: usually the server would answer 500 again."""


@dataclass(frozen=True)
class QueuedPrompt:
    """A prompt that the server has queued.

    Attributes:
        number: Its priority; None if the server's answer was lost.
        node_errors: The errors of outputs that the server has dropped, as it sent them.
        prompt_id: The id that it is queued under.
    """

    number: float | None
    node_errors: Mapping[str, Any]
    prompt_id: str


@dataclass(frozen=True)
class Submission:
    """A prompt with everything that is sent along.

    Attributes:
        prompt: The prompt JSON.
        front: Whether it goes before all waiting prompts.
        number: Its priority; the lowest runs first. Not resent after a lost reply.
        extra_data: What the server stores with it: ``extra_pnginfo``, ``preview_method``, ….
        targets: Output nodes to run; None for all.
        node_failure_policy: What to do when a node fails; None for the server's default.
        client_id: The socket that its events go to; None for the client's own.
        assets: The ids of files that are assets, by their place in the prompt; ComfyUI's own routes do not
            need them.
    """

    prompt: Mapping[str, Any]
    front: bool = False
    number: float | None = None
    extra_data: Mapping[str, Any] | None = field(default=None, repr=False)
    targets: Sequence[str] | None = None
    node_failure_policy: str | None = None
    client_id: str | None = None
    assets: Mapping[Input, str] = field(default_factory=dict[Input, str])


def submit(core: Core, run: Run, submission: Submission, prepared: Source) -> Flow[QueuedPrompt]:
    """Queue a prompt.

    Args:
        core: The client.
        run: Receives the events; its prompt id is the one that is sent.
        submission: The prompt and what is sent along.
        prepared: What the prompt was made from, for messages.

    Raises:
        PromptRejected: The server refuses it.
        ServerError: The server answered with another error; the prompt is not queued.
        ServerUnreachable: The server did not answer, and may not have the prompt.
        WaitTimeout: The time is up; the prompt may or may not be queued.
        PromptError: Something in it cannot be written as JSON.

    After the first attempt to send it, every error carries the prompt's id.
    """
    request = _request(core, run, submission, prepared)
    if core.left() == 0.0:
        raise WaitTimeout(f"the {core.given:.3g} s were over before the prompt was sent")
    sent = _Sent(core, run, submission, prepared)
    accepted = yield from about(core, run.prompt_id, sent.accepted(request))
    if isinstance(accepted, ClientError):
        raise accepted
    return accepted


class _Sent:
    """A prompt that is on its way.

    Args:
        core: The client.
        run: Hears the events.
        submission: The prompt and what is sent along.
        prepared: What the prompt was made from.
    """

    def __init__(self, core: Core, run: Run, submission: Submission, prepared: Source) -> None:
        self._core = core
        self._run = run
        self._submission = submission
        self._prepared = prepared
        self._crashes = 0
        self._pause = 0.0

    def accepted(self, request: Request) -> Flow[QueuedPrompt | ClientError]:
        """Send it until the server has it, but never while the server may already have it.

        Returns:
            The server's answer; the error if it is certain that it was never sent.
        """
        core, run = self._core, self._run
        for attempt in range(core.limits.retries + 1):
            self._pause = core.jitter(attempt)
            said = yield from self._send(request)
            if isinstance(said, QueuedPrompt):
                yield from remove_double(core, run)
                return said
            if not isinstance(said, (ServerError, ServerUnreachable)):
                return said
            if not (isinstance(said, ServerUnreachable) and said.unsent):
                if (yield from _arrived(core, run, said)):
                    return QueuedPrompt(None, {}, run.prompt_id)
                run.doubtful = True
                request = _request(core, run, replace(self._submission, number=None), self._prepared)
                said.of_prompt(run.prompt_id, "the server has it in neither queue nor history")
            crashed = isinstance(said, ServerError) and said.status == 500
            self._crashes += crashed
            if self._crashes > _CRASHES or attempt == core.limits.retries or core.left() == 0.0:
                if isinstance(said, ServerUnreachable) and said.unsent and not run.doubtful:
                    return said
                raise said
            yield from core.pause(self._pause)
        raise AssertionError("unreachable")

    def _send(self, request: Request) -> Flow[QueuedPrompt | ClientError]:
        """Send it once. An error that a retry may cure is returned, and one of a client closed before it."""
        try:
            answer = yield from ask(self._core, request)
        except ClientError as error:
            if isinstance(error, ServerUnreachable) or (error._unsent and not self._run.doubtful):
                return error
            raise
        self._pause = max(self._pause, retry_after(answer))
        if not answer.ok:
            return _refusal(self._core, request, answer, self._prepared)
        try:
            return _read_accepted(self._core, request, answer)
        except ServerError as error:
            return error


def remove_double(core: Core, run: Run) -> Flow[None]:
    """Delete the copies of a prompt that turns out to have been queued more than once.

    If that fails, it costs server time, but not the result.
    """
    if run.doubtful:
        with contextlib.suppress(ServerUnreachable, ServerError):
            yield from _remove_copies(core, run.prompt_id)


def _remove_copies(core: Core, prompt_id: str) -> Flow[None]:
    """Delete all but one. A server deletes one waiting copy per request.

    While all of them wait, a request that may or may not have been carried out must not be repeated: it could
    delete the last one too.
    """
    listed = yield from queue(core)
    waiting = [entry for entry in listed.pending if entry.prompt_id == prompt_id]
    begun = listed.runs(prompt_id)
    if waiting and not begun:
        begun = (yield from history_entry(core, prompt_id)) is not None
    for _ in waiting if begun else waiting[1:]:
        delete = Request("POST", "/api/queue", content=json_body({"delete": [prompt_id]}), repeatable=begun)
        yield from tell(core, delete)


def _arrived(core: Core, run: Run, failure: ServerError | ServerUnreachable) -> Flow[bool]:
    """Whether the server has a prompt, after enough time for it to arrive.

    Raises:
        ServerUnreachable: Unknown: the server has been away for too long.
        ServerError: Unknown: the server gives an error that waiting does not cure.
    """
    for pause in _LOOKS:
        if pause:
            yield from core.pause(pause)
        try:
            if run.seen or (yield from patiently(core, lambda: _is_there(core, run))):
                return True
        except (ServerUnreachable, ServerError) as error:
            if run.seen:
                return True
            raise _unknown(run.prompt_id, failure, error) from None
    return run.seen


def _unknown(
    prompt_id: str, failure: ServerError | ServerUnreachable, error: ServerError | ServerUnreachable
) -> ServerError | ServerUnreachable:
    """The error if a prompt was sent and there is no way to find out whether it arrived."""
    said = f"prompt {prompt_id} may or may not be queued: {failure}; and since then {error}"
    if isinstance(error, ServerError):
        return ServerError(said, error.status, error.body)
    return ServerUnreachable(said, timed_out=error.timed_out)


def _is_there(core: Core, run: Run) -> Flow[bool]:
    listed = yield from queue(core)
    if listed.find(run.prompt_id) is not None:
        return True
    return (yield from history_entry(core, run.prompt_id)) is not None


def _request(core: Core, run: Run, submission: Submission, prepared: Source) -> Request:
    body: dict[str, Any] = {
        "prompt": submission.prompt,
        "prompt_id": run.prompt_id,
        "client_id": submission.client_id or core.client_id,
        "extra_data": submission.extra_data or {},
    }
    if submission.number is not None:
        body["number"] = submission.number
    elif submission.front:
        body["front"] = True
    if submission.targets is not None:
        body["partial_execution_targets"] = list(submission.targets)
    if submission.node_failure_policy is not None:
        body["node_failure_policy"] = submission.node_failure_policy
    content = prompt_body(body, submission, prepared)
    return Request("POST", "/api/prompt", content=content, repeatable=False)


def prompt_body(body: Mapping[str, Any], submission: Submission, prepared: Source) -> bytes:
    """The request body, as JSON.

    Args:
        body: The object to send.
        submission: What it was made from.
        prepared: What the prompt was made from.

    Raises:
        PromptError: Something in it cannot be written as JSON; each of these values is named with its place.
    """
    try:
        return json_body(body)
    except (ValueError, TypeError, RecursionError) as error:
        told = "\n".join(_no_json(submission, prepared))
        raise PromptError(
            told or f"the prompt, or what is sent with it, is not valid JSON: {error}"
        ) from None


def _no_json(submission: Submission, prepared: Source) -> Iterator[str]:
    """Each value that cannot be written as JSON, with its node and input."""
    for node_id, node in submission.prompt.items():
        entry = object_or_empty(node)
        inputs = object_or_empty(entry.get("inputs"))
        place = prepared.places.get(node_id)
        where = f"{place}: " if place is not None else ""
        who = f"{where}{text_or_empty(entry.get('class_type')) or 'node'} #{node_id}"
        for name, value in inputs.items():
            if (strange := _strange(value)) is not None:
                yield f"{who}, input {name!r}: {strange}"
        rest = {name: value for name, value in entry.items() if name != "inputs"}
        if (strange := _strange(rest)) is not None:
            yield f"{who}: {strange}"
    if (strange := _strange(submission.extra_data)) is not None:
        yield f"extra_data: {strange}"


def _strange(value: object) -> str | None:
    """The part of a value that cannot be written as JSON; None if all of it can."""
    waiting, seen = [value], set[int]()
    while waiting:
        held = waiting.pop()
        if isinstance(held, float) and not math.isfinite(held):
            return f"{held} is not a number that JSON can hold"
        if is_object(held) or is_array(held):
            if id(held) not in seen:
                seen.add(id(held))
                waiting.extend(held.values() if is_object(held) else held)
        elif not isinstance(held, (str, int, float, type(None))):
            return f"{held!r:.60} ({type(held).__name__}) cannot be written as JSON"
    return None


def _read_accepted(core: Core, request: Request, answer: Answer) -> QueuedPrompt:
    said = parse_json(core, request, answer)
    prompt_id = said.get("prompt_id") if is_object(said) else None
    if not is_object(said) or not isinstance(prompt_id, str) or not prompt_id:
        raise ServerError(
            f"{request.label} of {core.address} did not give a prompt id; is that a ComfyUI server?",
            answer.status,
            "",
        )
    number, errors = said.get("number"), said.get("node_errors")
    known = number if is_number(number) else None
    return QueuedPrompt(known, errors if is_object(errors) else {}, prompt_id)


def _refusal(core: Core, request: Request, answer: Answer, prepared: Source) -> ServerError:
    """The error of an answer; raises at once if a retry cannot help."""
    error = error_of(core, request, answer)
    if answer.status == 400:
        raise read_refusal(answer, prepared.prompt, prepared.places, error)
    if not may_pass(error):
        raise error
    return error


def read_refusal(
    answer: Answer, prompt: Mapping[str, Any], places: Mapping[str, Place], error: ServerError
) -> Exception:
    """The refusal of a prompt as an error with its problems.

    Args:
        answer: The server's 400.
        prompt: The prompt that was sent.
        places: Where the user's source creates the nodes.
        error: What to raise if the answer is not in any form that servers use.
    """
    from ..validate import Report

    body = refusal_body(answer)
    if "error" not in body:
        return error
    report = Report.from_server(body, answer.status, prompt=prompt, places=places)
    words = server_words(answer) or "the server refused the prompt"
    return PromptRejected(f"{words}\n{report}", report, answer.status)


def refusal_body(answer: Answer) -> Mapping[str, Any]:
    """The object in an answer that refuses a prompt or a job; empty if there is none."""
    import json

    try:
        check_json(answer.content, _REFUSAL, "the answer")
        body: object = json.loads(answer.content)
    except (BoundsError, ValueError, RecursionError):
        return {}
    return object_or_empty(body)
