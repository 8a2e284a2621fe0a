"""Where a prompt is, what goes with it, and what becomes of one that nobody waits for: in virtual time."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from comfyflow.client.flow import Answer, Request
from comfyflow.client.interruption import abandon, add_note, is_interrupt
from comfyflow.client.options import RunSettings, WaitSettings
from comfyflow.client.run import Run
from comfyflow.client.run_event import RunQueued, RunStarted
from comfyflow.client.running import (
    RunStatus,
    Sending,
    Started,
    attach,
    cancel,
    cancels,
    start,
    status,
)
from comfyflow.client.waiting import Wait
from comfyflow.errors import (
    ClientError,
    PromptLost,
    PromptRejected,
    ServerError,
    ServerUnreachable,
    ValidationError,
    WaitTimeout,
)
from comfyflow.source import Source
from tests.flows import Flag, answer
from tests.model_server import OUTPUT, PROMPT, ModelServer
from tests.small_schema import schema

SENDER = {**PROMPT, "8": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}}}
STRANGER = "11111111-2222-4333-8444-555555555555"


def submitted(server: ModelServer, target: Any = PROMPT, **options: Any) -> Started:
    return server.world.drive(start(server.world.core, target, RunSettings(**options)))


def sent(server: ModelServer) -> dict[str, Any]:
    posts = [request for request in server.world.requests if request.path == "/api/prompt"]
    body: dict[str, Any] = json.loads(posts[-1].content or b"")
    return body


def state(server: ModelServer, run: Run) -> RunStatus:
    return server.world.drive(status(server.world.core, run))


def unknown(server: ModelServer, prompt_id: str = STRANGER) -> Run:
    core = server.world.core
    return Run(prompt_id, PROMPT, core.new_signal, core.clock)


# Where a prompt is


def test_every_place_in_the_queue_and_every_ending() -> None:
    server = ModelServer(seconds=10)
    runs = [submitted(server).run for _ in range(3)]
    assert [state(server, run) for run in runs] == [
        RunStatus("running", 0),
        RunStatus("pending", 1),
        RunStatus("pending", 2),
    ]
    server.world._pass(15)
    assert [state(server, run) for run in runs] == [
        RunStatus("success"),
        RunStatus("running", 0),
        RunStatus("pending", 1),
    ]


@pytest.mark.parametrize("ending", ["success", "partial_success", "error", "interrupted"])
def test_what_the_history_says_is_what_the_status_says(ending: str) -> None:
    prompt_id = str(uuid.uuid4())
    server = ModelServer(endings={prompt_id: ending})
    server.enqueue(prompt_id)
    server.world._pass(5)
    run = unknown(server, prompt_id)
    assert state(server, run) == RunStatus(ending)  # type: ignore[arg-type]
    server.world.drive(Wait(server.world.core, run, 60).outcome())
    server.world.requests.clear()
    assert state(server, run) == RunStatus(ending)  # type: ignore[arg-type]
    assert not server.world.requests, "the outcome is known"


@pytest.mark.parametrize(("cancelled", "says"), [(False, "lost"), (True, "interrupted")])
def test_a_prompt_that_is_nowhere(cancelled: bool, says: Any) -> None:
    """Both lists are looked at twice: it may go from one to the other in between."""
    server = ModelServer()
    run = unknown(server)
    run.cancelled = cancelled
    assert state(server, run) == RunStatus(says)
    paths = [request.path for request in server.world.requests]
    assert paths == ["/api/queue", f"/api/history/{STRANGER}"] * 2


def test_what_is_asked_is_told_to_whoever_listens() -> None:
    server = ModelServer(connected=False, seconds=10)
    first, second = submitted(server).run, submitted(server).run
    feeds = [run.feed_for(Flag()) for run in (first, second)]
    state(server, first), state(server, second)
    assert feeds[0].take() == RunStarted(first.prompt_id)
    assert feeds[1].take() == RunQueued(second.prompt_id, 1)


# Taking up a prompt


def taken_up(server: ModelServer, prompt_id: str) -> Started:
    return server.world.drive(attach(server.world.core, prompt_id))


def test_a_prompt_is_taken_up_wherever_it_is() -> None:
    server = ModelServer(seconds=10)
    running, waiting = str(uuid.uuid4()), str(uuid.uuid4())
    server.enqueue(running)
    server.enqueue(waiting, SENDER)
    for prompt_id, started, prompt in ((running, True, PROMPT), (waiting, False, SENDER)):
        found = taken_up(server, prompt_id)
        assert (found.run.prompt_id, found.number, found.report) == (prompt_id, 1, None)
        assert (found.run.started, found.run.seen, found.run.gap, found.run.unsure) == (
            started,
            True,
            True,
            True,
        )
        assert found.prepared.prompt == prompt
    server.world._pass(30)
    done = taken_up(server, waiting)
    assert (done.number, done.prepared.prompt) == (None, SENDER)
    assert not done.run.senders, "of its outputs only 9 was run"
    assert server.world.drive(Wait(server.world.core, done.run, 60).outcome()).outputs == {"9": OUTPUT}


def test_what_is_taken_up_hears_its_events() -> None:
    server = ModelServer(seconds=10)
    server.enqueue(STRANGER)
    run = taken_up(server, STRANGER).run
    server.world._pass(11)
    assert run.ending == "success"


def test_what_the_server_does_not_know_cannot_be_taken_up() -> None:
    server = ModelServer()
    with pytest.raises(PromptLost, match=f"has prompt {STRANGER} in neither queue nor history") as lost:
        taken_up(server, STRANGER)
    assert lost.value.prompt_id == STRANGER
    assert len(server.world.requests) == 4


@pytest.mark.parametrize(
    "ask", [attach, lambda core, prompt_id: status(core, Run(prompt_id, {}, Flag, core.clock))]
)
def test_errors_name_the_prompt_that_was_asked_for(ask: Any) -> None:
    server = ModelServer()
    server.world.respond = lambda _: answer(b"no", 401)
    with pytest.raises(ServerError) as refused:
        server.world.drive(ask(server.world.core, STRANGER))
    assert refused.value.prompt_id == STRANGER

    def silent(request: Request) -> Answer:
        server.world._pass(20)
        raise ServerUnreachable("nothing came", timed_out=True)

    server.world.respond = silent
    with pytest.raises(WaitTimeout, match="no answer within 10 s: nothing came") as late:
        server.world.drive(ask(server.world.core.within(10), STRANGER))
    assert late.value.prompt_id == STRANGER


# What goes with a prompt


EDITOR: dict[str, Any] = {"nodes": [], "links": [], "version": 0.4}


def test_the_editors_workflow_goes_beside_what_else_is_given() -> None:
    server = ModelServer()
    extra = {"extra_pnginfo": {"prompt_by": "me"}, "more": 1}
    submitted(server, editor_workflow=EDITOR, extra_data=extra)
    assert sent(server)["extra_data"] == {
        "extra_pnginfo": {"prompt_by": "me", "workflow": EDITOR},
        "more": 1,
    }
    assert extra == {"extra_pnginfo": {"prompt_by": "me"}, "more": 1}, "what was given is left as it is"


def test_no_workflow_goes_along_where_none_is_wanted_or_known() -> None:
    server = ModelServer()
    submitted(server, editor_workflow=EDITOR, workflow=False)
    assert sent(server)["extra_data"] == {}
    submitted(server)
    assert sent(server)["extra_data"] == {}


def test_the_workflow_of_what_is_run_goes_along() -> None:
    prepared = Source(PROMPT, editor=EDITOR)
    server = ModelServer()
    submitted(server, prepared)
    assert sent(server)["extra_data"] == {"extra_pnginfo": {"workflow": EDITOR}}
    other = {**EDITOR, "version": 1}
    submitted(server, prepared, editor_workflow=other)
    assert sent(server)["extra_data"] == {"extra_pnginfo": {"workflow": other}}


def test_a_workflow_is_written_where_the_classes_are_known() -> None:
    """Its widgets are named and in the order of the schema: without one that cannot be."""
    prompt = {
        "1": {"class_type": "Empty", "inputs": {"tint": 0.5, "width": 64}},
        "2": {"class_type": "Save", "inputs": {"image": ["1", 0]}},
    }
    server = ModelServer()
    submitted(server, prompt, schema=schema())
    nodes = sent(server)["extra_data"]["extra_pnginfo"]["workflow"]["nodes"]
    (empty,) = [node for node in nodes if node["type"] == "Empty"]
    assert empty["widgets_values"][:2] == [64, 0.5]


@pytest.mark.parametrize("wrong", ["text", [EDITOR], 3])
def test_a_workflow_that_is_none_is_refused(wrong: Any) -> None:
    server = ModelServer()
    with pytest.raises(ClientError, match=rf"editor's JSON, not {type(wrong).__name__}: read_workflow"):
        submitted(server, editor_workflow=wrong)
    assert server.posts == 0


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "the client's"),
        ({"partner_api_key": "this run's"}, "this run's"),
        ({"partner_api_key": ""}, "the client's"),
    ],
)
def test_the_key_of_a_run_comes_before_that_of_the_client(options: dict[str, Any], key: str) -> None:
    server = ModelServer()
    server.world.core.partner_api_key = "the client's"
    submitted(server, **options)
    assert sent(server)["extra_data"] == {"api_key_comfy_org": key}


def test_a_number_comes_before_front() -> None:
    server = ModelServer()
    submitted(server, front=True, number=-3.5)
    assert (sent(server).get("number"), sent(server).get("front")) == (-3.5, None)
    submitted(server, number=0)
    assert sent(server)["number"] == 0
    submitted(server, front=True)
    assert (sent(server).get("number"), sent(server).get("front")) == (None, True)


# What the server says of a prompt


def said_of(server: ModelServer, **said: Any) -> None:
    """Have the server's answer to a prompt say something else."""
    respond = server.world.respond

    def changed(request: Request) -> Answer:
        given = respond(request)
        if request.path != "/api/prompt":
            return given
        return answer({**json.loads(given.content), **said})

    server.world.respond = changed


NODE_ERRORS = {
    "8": {
        "errors": [{"type": "required_input_missing", "message": "", "details": "", "extra_info": {}}],
        "dependent_outputs": ["8"],
        "class_type": "SaveImageWebsocket",
    }
}


def test_outputs_that_the_server_drops_are_reported_and_not_waited_for() -> None:
    server = ModelServer()
    said_of(server, node_errors=NODE_ERRORS, number=7)
    started = submitted(server, SENDER)
    assert started.number == 7
    assert started.report is not None
    assert started.report.valid
    assert [problem.class_type for problem in started.report.node_errors["8"]] == ["SaveImageWebsocket"]
    assert started.run.senders == set()
    server = ModelServer()
    assert submitted(server, SENDER).report is None
    assert submitted(server, SENDER).run.senders == {"8"}
    assert submitted(server, SENDER, targets=["9"]).run.senders == set()


@pytest.mark.parametrize("number", ["7", None, [7], True])
@pytest.mark.parametrize("errors", [None, [], "none"])
def test_odd_answers_are_read_as_far_as_they_make_sense(number: object, errors: object) -> None:
    server = ModelServer()
    said_of(server, node_errors=errors, number=number)
    started = submitted(server)
    assert (started.number, started.report) == (None, None)


@pytest.mark.parametrize("validate", [True, False])
def test_what_would_damage_a_server_is_never_sent(validate: bool) -> None:
    server = ModelServer()
    deep: Any = 1
    for _ in range(600):
        deep = {"in": deep}
    prompt = {**PROMPT, "1": {"class_type": "EmptyImage", "inputs": {"width": deep}}}
    with pytest.raises(ValidationError) as refused:
        submitted(server, prompt, validate=validate)
    assert {problem.type for problem in refused.value.report.problems} == {"nested_too_deep"}
    assert server.posts == 0


def test_whoever_is_interrupted_knows_how_far_it_came() -> None:
    """What was refused was sent, but is not there; of what was not sent there is no run."""
    server, attempts = ModelServer(), [Sending(), Sending(), Sending()]
    core = server.world.core
    run = server.world.drive(start(core, PROMPT, RunSettings(), attempts[0])).run
    assert attempts[0] == Sending(run, accepted=True)
    respond = server.world.respond
    server.world.respond = lambda _: answer({"error": {"type": "prompt_no_outputs"}}, 400)
    with pytest.raises(PromptRejected):
        server.world.drive(start(core, PROMPT, RunSettings(), attempts[1]))
    assert attempts[1].run is not None
    assert (attempts[1].accepted, attempts[1].refused) == (False, True)
    server.world.requests.clear()
    assert abandoned(server, attempts[1]) == ""
    assert not server.world.requests
    server.world.respond = respond
    with pytest.raises(ClientError, match="already has a prompt"):
        server.world.drive(start(core, PROMPT, RunSettings(prompt_id=run.prompt_id), attempts[2]))
    assert attempts[2] == Sending()


@pytest.mark.parametrize(("prompt", "waits"), [(SENDER, 2.0), (PROMPT, 0.0)])
def test_only_pictures_are_worth_waiting_for_a_socket_that_fails_at_first(prompt: Any, waits: float) -> None:
    server = ModelServer(connected=False)
    server.world.at(2.0, server.hub.opened)
    assert submitted(server, prompt).run.polled is False
    assert server.world.now == pytest.approx(waits, abs=0.1)


@pytest.mark.parametrize(("wanted", "uses", "polled"), [
    (None, True, False), (None, False, True), (True, False, False), (False, True, True),
])  # fmt: skip
def test_a_run_may_say_whether_it_listens(wanted: bool | None, uses: bool, polled: bool) -> None:
    server = ModelServer()
    server.world.core.use_socket = uses
    run = submitted(server, websocket=wanted).run
    assert run.polled is polled
    server.world._pass(5)
    assert (run.ending == "success") is not polled, "what listens hears"


# What becomes of a prompt that nobody waits for


def abandoned(server: ModelServer, attempt: Sending) -> str:
    return server.world.drive(abandon(server.world.core, attempt))


def test_nothing_is_cancelled_of_what_was_not_sent_or_has_ended() -> None:
    server = ModelServer()
    assert abandoned(server, Sending()) == ""
    run = submitted(server).run
    server.world.drive(Wait(server.world.core, run, 60).outcome())
    server.world.requests.clear()
    assert abandoned(server, Sending(run, accepted=True)) == ""
    assert not server.world.requests


@pytest.mark.parametrize(("accepted", "seen"), [(True, False), (False, True)])
def test_what_the_server_has_is_cancelled_at_once(accepted: bool, seen: bool) -> None:
    server = ModelServer(seconds=100)
    run = submitted(server).run
    run.seen = seen
    assert abandoned(server, Sending(run, accepted)) == ""
    assert (server.running, run.cancelled) == (None, True)
    assert server.world.now < 0.5


@pytest.mark.parametrize("answers_in", [0.0, 0.2, 0.45])
@pytest.mark.parametrize(("arrives", "cancelled"), [(0.0, True), (0.4, True), (2.0, False)])
def test_what_was_on_its_way_is_looked_for_several_times(
    arrives: float, cancelled: bool, answers_in: float
) -> None:
    """However slowly the server answers."""
    server = ModelServer(seconds=100, connected=False)

    def respond(request: Request) -> Answer:
        server.world._pass(answers_in)
        return server.respond(request)

    server.world.respond = respond
    run = unknown(server)
    server.world.at(arrives * (1 + 10 * answers_in), lambda: server.enqueue(run.prompt_id))
    said = abandoned(server, Sending(run))
    assert server.world.now < 7.0
    assert run.cancelled is cancelled
    if cancelled:
        assert said == ""
        assert server.runs[run.prompt_id] <= 1
        assert server.running is None
    else:
        assert said.startswith(f"prompt {run.prompt_id} may still be running on the server: ")
        server.world._pass(15)
        assert server.running is not None


def test_what_could_not_be_cancelled_may_go_on() -> None:
    server = ModelServer(seconds=100)
    run = submitted(server).run
    server.world.respond = lambda _: answer(b"no", 403)
    said = abandoned(server, Sending(run, accepted=True))
    assert said.startswith(f"prompt {run.prompt_id} may still be running on the server: ")
    assert "403" in said
    server.world.respond = server.respond
    stopped: list[Request] = []

    def deaf(request: Request) -> Answer:
        if request.path == "/api/interrupt":
            stopped.append(request)
            return answer(b"")
        return server.respond(request)

    server.world.respond = deaf
    before = server.world.now
    assert "has not ended after 5 s" in abandoned(server, Sending(run, accepted=True))
    assert server.world.now - before == pytest.approx(5, abs=0.1)
    assert len(stopped) > 5, "an interrupt may be lost: it is repeated"


def test_cancelling_ends_as_soon_as_the_prompt_is_out() -> None:
    server = ModelServer(seconds=100)
    run = submitted(server).run
    assert server.world.drive(cancel(server.world.core, run, 10)) is True
    assert (run.unsure, run.signal.is_set()) == (True, True), "whoever waits looks again"
    assert server.world.now < 1
    stranger = unknown(server)
    assert server.world.drive(cancel(server.world.core, stranger, 10)) is False
    assert not stranger.cancelled


# Interrupts


def test_what_an_interrupt_does_is_one_of_two_words() -> None:
    assert cancels(WaitSettings()) is True
    assert cancels(WaitSettings(on_interrupt="leave")) is False
    with pytest.raises(ValueError, match='on_interrupt must be "cancel" or "leave", not \'stop\''):
        cancels(WaitSettings(on_interrupt="stop"))  # type: ignore[arg-type]


def test_which_exceptions_are_interrupts() -> None:
    found = {
        kind
        for kind in (KeyboardInterrupt, SystemExit, GeneratorExit, ValueError, ClientError)
        if is_interrupt(kind())
    }
    assert found == {KeyboardInterrupt, SystemExit}


class Old(KeyboardInterrupt):
    """An exception of Python 3.10."""

    add_note = None


def test_a_note_stands_below_an_interrupt() -> None:
    new, old = KeyboardInterrupt("first"), Old("first")
    for interrupt in (new, old):
        add_note(interrupt, "")
        assert interrupt.args == ("first",)
        add_note(interrupt, "prompt 1 may go on")
    assert old.args == ("first", "prompt 1 may go on")
    assert new.args == ("first",) if hasattr(new, "add_note") else old.args
    assert getattr(new, "__notes__", ["prompt 1 may go on"]) == ["prompt 1 may go on"]
