"""Putting a prompt into a server's queue: exactly once, whatever the network does.

A server runs a repeated prompt id twice, and may answer 500 to a prompt that it has queued
(recordings of 0.3.64 and 0.27.0, s14 and l01). So nothing is sent again before the queue and the
history have been searched for the first attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..bounds import MIB, Bounds, check_json
from ..errors import BoundsError, PromptError, PromptRejected, ServerError, ServerUnreachable
from ..json_types import is_number, is_object
from ..problem import Place
from .core import Core, ask, error_of, parse_json, patiently, retry_after, server_words
from .flow import Answer, Flow, Request, json_body
from .queue_routes import history_entry, queue
from .run import Run
from .target import Prepared

_LOOKS: Final = (0.0, 0.1, 0.3, 0.8)
"""Pauses before each search for a prompt of which nobody knows whether it arrived."""

_REFUSAL: Final = Bounds(json=64 * MIB, values=2_000_000)
"""What is read of the answer that refuses a prompt."""


@dataclass(frozen=True)
class Accepted:
    """A prompt that the server has queued.

    Attributes:
        number: Its priority; None where the server's answer was lost.
        node_errors: What is wrong with outputs that the server has dropped, as it sent it.
        prompt_id: Under which id.
    """

    number: float | None
    node_errors: Mapping[str, Any]
    prompt_id: str


@dataclass(frozen=True)
class Submission:
    """What is sent with a prompt.

    Attributes:
        prompt: The prompt JSON.
        front: Whether it goes before all that wait.
        number: Its priority; the lowest runs first. Not sent again after a lost reply.
        extra_data: What the server stores with it: ``extra_pnginfo``, ``preview_method``, ….
        targets: Output nodes to run; None for all.
    """

    prompt: Mapping[str, Any]
    front: bool = False
    number: float | None = None
    extra_data: Mapping[str, Any] | None = field(default=None, repr=False)
    targets: Sequence[str] | None = None


def submit(core: Core, run: Run, submission: Submission, prepared: Prepared) -> Flow[Accepted]:
    """Queue a prompt.

    Args:
        core: The client.
        run: Hears the events; its prompt id is the one that is sent.
        submission: The prompt and what goes with it.
        prepared: What the prompt was made of, for messages.

    Raises:
        PromptRejected: The server refuses it.
        ServerError: Another error answer; the prompt is not queued.
        ServerUnreachable: The server did not answer, and may not have the prompt.
        PromptError: Something in it is no JSON.
    """
    request = _request(core, run, submission)
    for attempt in range(core.limits.retries + 1):
        pause = core.jitter(attempt)
        try:
            answer = yield from ask(core, request)
            pause = max(pause, retry_after(answer))
            if answer.ok:
                accepted = _read_accepted(core, request, answer)
                if run.doubtful:
                    yield from remove_double(core, run)
                return accepted
            failure: ServerError | ServerUnreachable = _refusal(core, request, answer, prepared)
        except ServerUnreachable as error:
            failure = error
        if not (isinstance(failure, ServerUnreachable) and failure.unsent):
            if (yield from _arrived(core, run)):
                return Accepted(None, {}, run.prompt_id)
            if isinstance(failure, ServerError) and failure.status == 500:
                raise failure
            run.doubtful = True
            request = _request(core, run, replace(submission, number=None))
        if attempt == core.limits.retries or core.left() == 0.0:
            raise failure
        yield from core.pause(pause)
    raise AssertionError("unreachable")


def remove_double(core: Core, run: Run) -> Flow[None]:
    """Delete the second copy of a prompt that turns out to have been queued twice."""
    listed = yield from queue(core)
    copies = [entry for entry in (*listed.running, *listed.pending) if entry.prompt_id == run.prompt_id]
    entry = None
    if len(copies) == 1 and copies[0] in listed.pending:
        entry = yield from history_entry(core, run.prompt_id)
    if len(copies) > 1 or entry is not None:
        body = json_body({"delete": [run.prompt_id]})
        yield from ask(core, Request("POST", "/api/queue", content=body))


def _arrived(core: Core, run: Run) -> Flow[bool]:
    """Whether the server has a prompt, after time enough for it to come in.

    Raises:
        ServerUnreachable: Nobody knows: the server has been away for too long.
    """
    for pause in _LOOKS:
        if pause:
            yield from core.pause(pause)
        try:
            if run.seen or (yield from patiently(core, lambda: _is_there(core, run))):
                return True
        except ServerUnreachable as error:
            raise ServerUnreachable(
                f"the answer to prompt {run.prompt_id} was lost, and since then the server has not "
                f"answered: it may be queued or not. {error}"
            ) from None
    return run.seen


def _is_there(core: Core, run: Run) -> Flow[bool]:
    listed = yield from queue(core)
    if listed.find(run.prompt_id) is not None:
        return True
    return (yield from history_entry(core, run.prompt_id)) is not None


def _request(core: Core, run: Run, submission: Submission) -> Request:
    body: dict[str, Any] = {
        "prompt": submission.prompt,
        "prompt_id": run.prompt_id,
        "client_id": core.client_id,
        "extra_data": submission.extra_data or {},
    }
    if submission.number is not None:
        body["number"] = submission.number
    elif submission.front:
        body["front"] = True
    if submission.targets is not None:
        body["partial_execution_targets"] = list(submission.targets)
    try:
        content = json_body(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise PromptError(f"the prompt, or what is sent with it, is no JSON: {error}") from None
    return Request("POST", "/api/prompt", content=content, repeatable=False)


def _read_accepted(core: Core, request: Request, answer: Answer) -> Accepted:
    said = parse_json(core, request, answer)
    prompt_id = said.get("prompt_id") if is_object(said) else None
    if not is_object(said) or not isinstance(prompt_id, str):
        raise ServerError(
            f"{request.label} of {core.address} did not give a prompt id; is that a ComfyUI server?",
            answer.status,
            "",
        )
    number, errors = said.get("number"), said.get("node_errors")
    known = number if is_number(number) else None
    return Accepted(known, errors if is_object(errors) else {}, prompt_id)


def _refusal(core: Core, request: Request, answer: Answer, prepared: Prepared) -> ServerError:
    """The error of an answer; raises at once where asking again cannot help."""
    error = error_of(core, request, answer)
    if answer.status == 400:
        raise rejected(answer, prepared.prompt, prepared.places, error)
    if answer.status < 500 and answer.status not in (408, 425, 429):
        raise error
    return error


def rejected(
    answer: Answer, prompt: Mapping[str, Any], places: Mapping[str, Place], error: ServerError
) -> Exception:
    """The refusal of a prompt as an error with its problems.

    Args:
        answer: The server's 400.
        prompt: What was sent.
        places: Where the user's source made the nodes.
        error: What to raise where the answer is in no form that a server uses.
    """
    import json

    from ..validate import Report

    try:
        check_json(answer.content, _REFUSAL, "the answer")
        body: object = json.loads(answer.content)
    except (BoundsError, ValueError, RecursionError):
        return error
    if not is_object(body) or "error" not in body:
        return error
    report = Report.from_server(body, answer.status, prompt=prompt, places=places)
    words = server_words(answer) or "the server refused the prompt"
    return PromptRejected(f"{words}\n{report}", report, answer.status)
