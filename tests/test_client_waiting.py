"""Submitting and waiting against a model of a server, in virtual time, with faults by schedule."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from comfyflow.client.core import Limits
from comfyflow.client.failure import error_of_outcome
from comfyflow.client.outcome import Outcome
from comfyflow.client.queue_routes import interrupt
from comfyflow.client.run import Run
from comfyflow.client.run_event import RunDone
from comfyflow.client.running import Started, attach, cancel, start, status
from comfyflow.client.submission import remove_double
from comfyflow.client.waiting import Wait
from comfyflow.errors import (
    ClientError,
    ExecutionError,
    Interrupted,
    PromptLost,
    ServerError,
    ServerUnreachable,
    WaitTimeout,
)
from tests.flows import answer
from tests.model_server import OUTPUT, PROMPT, Fault, ModelServer


def submitted(server: ModelServer, **options: Any) -> Started:
    return server.world.drive(start(server.world.core, PROMPT, options))


def waited(server: ModelServer, run: Run, seconds: float | None = 600.0) -> Outcome:
    return server.world.drive(Wait(server.world.core, run, seconds).outcome())


def test_one_prompt_needs_three_requests() -> None:
    server = ModelServer()
    run = submitted(server).run
    outcome = waited(server, run)
    assert (outcome.ending, outcome.outputs, outcome.from_history) == ("success", {"9": OUTPUT}, True)
    assert [request.path for request in server.world.requests] == [
        "/api/prompt",
        f"/api/history/{run.prompt_id}",
    ]


def test_a_wait_that_begins_after_the_end() -> None:
    server = ModelServer()
    run = submitted(server).run
    server.world._pass(100)
    assert waited(server, run).ending == "success"


def test_a_run_before_the_answer_to_the_post() -> None:
    """Events came before the answer in 3 to 7 % of real runs, all of them in 2 to 3 %."""
    server = ModelServer(seconds=0.0001, faults=["unanswered"])
    run = submitted(server).run
    assert waited(server, run).ending == "success"
    assert server.posts == 1


def test_without_a_socket() -> None:
    server = ModelServer(connected=False, seconds=30)
    outcome = waited(server, submitted(server).run)
    assert (outcome.ending, outcome.outputs) == ("success", {"9": OUTPUT})
    assert server.world.now < 33


def test_a_silent_socket_is_hung_up() -> None:
    server = ModelServer(dropped=lambda _: True, seconds=5)
    hung_up: list[bool] = []
    server.hub.hang_up = lambda: hung_up.append(True)
    outcome = waited(server, submitted(server).run)
    assert outcome.ending == "success"
    assert hung_up == [True]
    assert server.world.now < 5 + server.world.core.limits.quiet_most + 3


def test_a_long_node_without_news_is_asked_about_rarely() -> None:
    server = ModelServer(seconds=300)
    assert waited(server, submitted(server).run).ending == "success"
    assert len(server.world.requests) < 100


def test_history_that_comes_late() -> None:
    server = ModelServer(history_lag=3)
    outcome = waited(server, submitted(server).run)
    assert outcome.ending == "success"
    assert outcome.from_history


def test_history_that_never_comes_leaves_the_events() -> None:
    server = ModelServer(history_lag=1e9)
    outcome = waited(server, submitted(server).run)
    assert (outcome.ending, outcome.outputs, outcome.from_history) == ("success", {"9": OUTPUT}, False)


def test_history_that_never_comes_after_a_gap_is_a_loss() -> None:
    server = ModelServer(history_lag=1e9, seconds=2)
    run = submitted(server).run
    server.world.at(1, lambda: (server.hub.broken("cut"), server.hub.opened()))
    assert waited(server, run).ending == "lost"


def test_an_error_of_a_node() -> None:
    prompt_id = str(uuid.uuid4())
    server = ModelServer(endings={prompt_id: "error"})
    run = submitted(server, prompt_id=prompt_id).run
    error = error_of_outcome(run, waited(server, run))
    assert isinstance(error, ExecutionError)
    assert (error.node_id, error.class_type, error.exception_type) == ("9", "SaveImage", "ValueError")


def test_a_prompt_that_somebody_deletes() -> None:
    server = ModelServer(seconds=20)
    first, second = submitted(server).run, submitted(server).run
    server.world.at(5, lambda: server.delete(second.prompt_id))
    assert isinstance(error_of_outcome(second, waited(server, second)), PromptLost)
    assert waited(server, first).ending == "success"


def test_a_server_that_restarts() -> None:
    server = ModelServer(seconds=20)
    run = submitted(server).run
    server.world.at(5, server.restart)
    assert isinstance(error_of_outcome(run, waited(server, run)), PromptLost)
    assert server.world.now < 10


@pytest.mark.parametrize(("looks", "ending"), [(2, "success"), (3, "lost")])
def test_a_prompt_is_lost_when_three_looks_in_a_row_find_it_nowhere(looks: int, ending: str) -> None:
    server = ModelServer(connected=False, seconds=60)
    run = submitted(server).run
    respond = server.world.respond
    hidden = iter(range(looks))

    def forgetful(request: Any) -> Any:
        if request.path == "/api/queue" and next(hidden, None) is not None:
            return answer({"queue_running": [], "queue_pending": []})
        return respond(request)

    server.world.respond = forgetful
    assert waited(server, run).ending == ending


def test_looks_that_find_a_prompt_nowhere_count_only_in_a_row() -> None:
    server = ModelServer(connected=False, seconds=60)
    run = submitted(server).run
    respond = server.world.respond
    looks = iter([True, True, False] * 3)

    def flickering(request: Any) -> Any:
        if request.path == "/api/queue" and next(looks, False):
            return answer({"queue_running": [], "queue_pending": []})
        return respond(request)

    server.world.respond = flickering
    assert waited(server, run).ending == "success"


def test_a_prompt_is_not_lost_while_it_goes_from_queue_to_history() -> None:
    """The history is asked before and after the queue."""
    for moment in range(1, 60):
        server = ModelServer(connected=False, seconds=0.5 + moment * 0.0003)
        assert waited(server, submitted(server).run).ending == "success"


def test_a_timeout_says_where_it_is() -> None:
    server = ModelServer(seconds=100)
    first, second = submitted(server).run, submitted(server).run
    with pytest.raises(WaitTimeout, match=r"SaveImage #9|it waits in the queue") as caught:
        waited(server, first, 5)
    assert caught.value.prompt_id == first.prompt_id
    with pytest.raises(WaitTimeout, match="1 prompts are before it"):
        waited(server, second, 5)
    assert waited(server, first).ending == "success"


def test_a_server_that_stays_away() -> None:
    server = ModelServer(seconds=1000, limits=Limits(patience=20))
    run = submitted(server).run

    def away(_: object) -> Any:
        raise ServerUnreachable("refused", unsent=True)

    server.world.respond = away
    server.hub.broken("gone")
    with pytest.raises(ServerUnreachable, match=run.prompt_id):
        waited(server, run, None)
    assert server.world.now < 40


def hanging(server: ModelServer) -> Any:
    """Requests that are taken and never answered."""

    def hang(request: Any) -> Any:
        server.world._pass(server.world.core.limits.answer if request.timeout is None else request.timeout)
        raise ServerUnreachable("was not answered in time")

    return hang


@pytest.mark.parametrize("connected", [True, False])
def test_a_server_that_answers_no_more_does_not_stretch_a_wait(connected: bool) -> None:
    server = ModelServer(seconds=1000, connected=connected)
    run = submitted(server).run
    began = server.world.now
    server.world.respond = hanging(server)
    with pytest.raises(WaitTimeout):
        waited(server, run, 5)
    assert server.world.now - began < 8
    began = server.world.now
    with pytest.raises((WaitTimeout, ServerUnreachable)):
        server.world.drive(cancel(server.world.core, run, 5))
    assert server.world.now - began < 8


@pytest.mark.parametrize("seconds", ["30", "nan", "-1", "1e99", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_server_that_asks_for_patience_does_not_stretch_a_wait(seconds: str) -> None:
    server = ModelServer(seconds=1000, connected=False)
    run = submitted(server).run
    server.world.respond = lambda _: dataclasses.replace(answer({}, 503), headers={"retry-after": seconds})
    began = server.world.now
    with pytest.raises(WaitTimeout):
        waited(server, run, 5)
    with pytest.raises(ServerError):
        server.world.drive(start(server.world.core.within(5), PROMPT, {}))
    assert server.world.now - began < 15


def test_credentials_that_are_refused_end_a_wait() -> None:
    server = ModelServer(seconds=1000, connected=False)
    run = submitted(server).run
    server.world.respond = lambda _: answer({"error": "no"}, 401)
    with pytest.raises(ServerError, match="401"):
        waited(server, run, None)


def test_a_closed_client_ends_a_wait() -> None:
    server = ModelServer(seconds=1000)
    run = submitted(server).run
    server.world.at(3, server.hub.close)
    with pytest.raises(ClientError, match="closed"):
        waited(server, run, None)


# Submitting


@pytest.mark.parametrize("fault", ["lost", "unanswered", "late", "queued error", "busy", "cut", "refused"])
def test_one_fault_neither_loses_nor_doubles(fault: Fault) -> None:
    server = ModelServer(faults=[fault], connected=False)
    run = submitted(server, number=-3).run
    assert waited(server, run).ending == "success"
    assert server.runs == {run.prompt_id: 1}


def test_a_number_is_not_sent_twice() -> None:
    """A second prompt of the same id and number damages the server's heap."""
    server = ModelServer(faults=["lost"])
    submitted(server, number=-3)
    assert server.numbers == [None]
    server = ModelServer(faults=["refused"])
    submitted(server, number=-3)
    assert server.numbers == [-3]


def test_an_event_is_proof_enough() -> None:
    """No need to search where the socket has already told of the prompt."""
    server = ModelServer(faults=["unanswered"])
    submitted(server)
    assert [request.path for request in server.world.requests] == ["/api/prompt"]


def test_a_500_that_is_not_queued_is_repeated_once() -> None:
    """A server that cannot take a prompt says so each time; something in between may say it once."""
    server = ModelServer(faults=["error"])
    run = submitted(server).run
    assert waited(server, run).ending == "success"
    assert server.runs == {run.prompt_id: 1}
    server = ModelServer()
    posts: list[Any] = []
    respond = server.world.respond

    def crash(request: Any) -> Any:
        if request.path != "/api/prompt":
            return respond(request)
        posts.append(request)
        return answer(b"500 Internal Server Error", 500)

    server.world.respond = crash
    prompt_id = str(uuid.uuid4())
    with pytest.raises(ServerError, match=f"{prompt_id}: the server has it in neither") as caught:
        submitted(server, prompt_id=prompt_id)
    assert caught.value.status == 500
    assert caught.value.prompt_id == prompt_id
    assert len(posts) == 2


def test_a_late_copy_is_taken_out_of_the_queue() -> None:
    server = ModelServer(seconds=100)
    busy = submitted(server).run
    server._faults = iter(["lost"])
    run = submitted(server).run
    assert run.doubtful
    server.enqueue(run.prompt_id)
    assert [job.prompt_id for job in server.pending] == [run.prompt_id] * 2
    assert waited(server, run).ending == "success"
    server.world._pass(1000)
    assert server.runs == {busy.prompt_id: 1, run.prompt_id: 1}


def test_no_server_at_all_is_said_soon() -> None:
    server = ModelServer(faults=["refused"] * 50)
    with pytest.raises(ServerUnreachable):
        submitted(server)
    assert server.world.now < 5


def test_an_answer_that_nobody_can_look_up() -> None:
    server = ModelServer(connected=False, limits=Limits(patience=10))
    server._faults = iter(["unanswered", *["refused"] * 1000])  # type: ignore[list-item]
    with pytest.raises(ServerUnreachable, match="may be queued or not") as caught:
        submitted(server)
    assert caught.value.prompt_id


def test_a_time_limit_counts_for_submitting_too() -> None:
    server = ModelServer(connected=False)

    def hangs(request: Any) -> Any:
        assert request.timeout is not None
        server.world._pass(request.timeout)
        raise ServerUnreachable("was not answered in time")

    server.world.respond = hangs
    prompt_id = str(uuid.uuid4())
    with pytest.raises(WaitTimeout, match="the prompt was not sent") as caught:
        server.world.drive(start(server.world.core.within(5), PROMPT, {"prompt_id": prompt_id}))
    assert caught.value.prompt_id is None
    assert server.world.now < 8
    with pytest.raises(WaitTimeout, match=r"no answer within 5 s: .* may be queued or not") as caught:
        server.world.drive(start(server.world.core.within(5), PROMPT, {}))
    assert caught.value.prompt_id
    assert server.world.now < 16


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_nobody_there_is_no_matter_of_time(seconds: float) -> None:
    server = ModelServer(connected=False, faults=["refused"] * 50)
    with pytest.raises((ServerUnreachable, WaitTimeout)) as caught:
        server.world.drive(start(server.world.core.within(seconds), PROMPT, {}))
    assert isinstance(caught.value, ServerUnreachable if seconds else WaitTimeout)
    assert caught.value.prompt_id is None, "nothing was sent"


# Answers that are none

PAGE = b"<html>Starting</html>"


@pytest.mark.parametrize("words", [PAGE, b"OK", b'{"error": "asleep"}', b"[]", b"", b'{"prompt_id'])
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("connected", [True, False])
def test_a_good_answer_that_is_none_is_asked_for_again(words: bytes, done: bool, connected: bool) -> None:
    """The first two, of every route, whether or not the server has done what it was asked."""
    server = ModelServer(seconds=30, connected=connected, dropped=lambda number: number > 2)
    respond, asked = server.world.respond, Counter[str]()

    def replaced(request: Any) -> Any:
        asked[request.label] += 1
        if asked[request.label] > 2:
            return respond(request)
        if done:
            respond(request)
        return answer(words)

    server.world.respond = replaced
    run = submitted(server).run
    assert waited(server, run).outputs == {"9": OUTPUT}
    assert server.runs == {run.prompt_id: 1}


@pytest.mark.parametrize("words", [PAGE, b"OK", b"[]"])
def test_answers_that_are_never_any_name_the_prompt(words: bytes) -> None:
    server = ModelServer(seconds=1000, connected=False, limits=Limits(patience=10))
    run = submitted(server).run
    server.world.respond = lambda _: answer(words)
    with pytest.raises(ServerUnreachable, match=run.prompt_id) as lost:
        waited(server, run, None)
    with pytest.raises(WaitTimeout, match="does not answer any more") as late:
        waited(server, run, 5)
    server.world.respond = lambda _: answer(words)
    with pytest.raises((ServerError, ServerUnreachable)) as sent:
        submitted(server)
    with pytest.raises(ServerError) as asked:
        server.world.drive(status(server.world.core, run))
    with pytest.raises(ServerError) as stopped:
        server.world.drive(cancel(server.world.core, run, 60))
    for caught in (lost, late, asked, stopped):
        assert caught.value.prompt_id == run.prompt_id
        assert run.prompt_id in str(caught.value)
    assert uuid.UUID(sent.value.prompt_id)


def test_a_queue_that_cannot_be_read_does_not_lose_a_prompt_that_is_queued() -> None:
    """A copy may be there twice; that nobody can look is no error of the prompt."""
    server = ModelServer(faults=["lost"])
    respond, posts = server.world.respond, [0]

    def failing(request: Any) -> Any:
        posts[0] += request.path == "/api/prompt"
        if request.path == "/api/queue" and posts[0] == 2:
            return answer(b"500 Internal Server Error", 500)
        return respond(request)

    server.world.respond = failing
    run = submitted(server).run
    assert run.doubtful
    assert waited(server, run).ending == "success"
    assert server.runs == {run.prompt_id: 1}


def test_a_copy_is_deleted_once_while_all_of_them_wait() -> None:
    """A server deletes one for each time that it is asked: the last one is not to go."""
    server = ModelServer(seconds=100)
    busy = submitted(server).run
    run = submitted(server).run
    run.doubtful = True
    server.enqueue(run.prompt_id)
    respond = server.world.respond

    def unanswered(request: Any) -> Any:
        done = respond(request)
        if (request.method, request.path) == ("POST", "/api/queue"):
            raise ServerUnreachable("reset")
        return done

    server.world.respond = unanswered
    server.world.drive(remove_double(server.world.core, run))
    assert [job.prompt_id for job in server.pending] == [run.prompt_id]
    assert waited(server, run).ending == "success"
    assert server.runs == {busy.prompt_id: 1, run.prompt_id: 1}


def test_every_copy_of_a_prompt_that_runs_is_deleted() -> None:
    server = ModelServer(seconds=100)
    run = submitted(server).run
    run.doubtful = True
    for _ in range(3):
        server.enqueue(run.prompt_id)
    server._faults = iter(["", "error", "busy"])
    server.world.drive(remove_double(server.world.core, run))
    assert not server.pending
    assert waited(server, run).ending == "success"


def test_a_route_that_is_gone_for_a_while_does_not_end_a_wait() -> None:
    """Something in between says 404 of a server that it does not find."""
    server = ModelServer(seconds=10, connected=False)
    run = submitted(server).run
    respond = server.world.respond
    server.world.respond = lambda request: answer(PAGE, 404) if server.world.now < 20 else respond(request)
    assert waited(server, run).ending == "success"


def test_an_interrupt_of_whatever_runs_is_not_repeated() -> None:
    """The second one might stop the next prompt."""
    server = ModelServer()
    server.world.respond = lambda _: answer(b"busy", 503)
    with pytest.raises(ServerError):
        server.world.drive(interrupt(server.world.core))
    assert len(server.world.requests) == 1
    with pytest.raises(ServerError):
        server.world.drive(interrupt(server.world.core, str(uuid.uuid4())))
    assert len(server.world.requests) == 2 + server.world.core.limits.retries


def test_a_server_that_gives_prompts_ids_of_its_own() -> None:
    """As servers did before 0.3.45, or one behind something that rewrites what is sent."""
    server = ModelServer(seconds=3)
    respond = server.world.respond

    def renaming(request: Any) -> Any:
        if request.path != "/api/prompt":
            return respond(request)
        body = {**json.loads(request.content), "prompt_id": "its-own"}
        return respond(dataclasses.replace(request, content=json.dumps(body).encode()))

    server.world.respond = renaming
    run = submitted(server).run
    assert run.prompt_id == "its-own"
    assert waited(server, run).outputs == {"9": OUTPUT}
    assert server.runs == {"its-own": 1}


def test_an_own_prompt_id() -> None:
    server = ModelServer()
    mine = str(uuid.uuid4())
    assert submitted(server, prompt_id=mine).run.prompt_id == mine
    with pytest.raises(ClientError, match="already has a prompt"):
        submitted(server, prompt_id=mine)
    for wrong in (mine.upper(), "abc", "", f"{{{mine}}}"):
        with pytest.raises(ClientError, match="lowercase UUID"):
            submitted(server, prompt_id=wrong)


def test_what_is_sent() -> None:
    server = ModelServer()
    editor = {"nodes": [], "links": []}
    submitted(
        server,
        front=True,
        extra_data={"preview_method": "none"},
        editor_workflow=editor,
        partner_api_key="comfyui-key",
        targets=["9"],
    )
    body = json.loads(server.world.requests[0].content or b"")
    assert uuid.UUID(body.pop("prompt_id")).version == 4
    assert body == {
        "prompt": PROMPT,
        "client_id": server.world.core.client_id,
        "front": True,
        "extra_data": {
            "preview_method": "none",
            "extra_pnginfo": {"workflow": editor},
            "api_key_comfy_org": "comfyui-key",
        },
        "partial_execution_targets": ["9"],
    }


def test_extra_data_that_breaks_servers_is_refused() -> None:
    """Of a pnginfo that is no object 0.27.0 answers 500 to every GET /api/jobs from then on."""
    server = ModelServer()
    with pytest.raises(ClientError, match="extra_pnginfo"):
        submitted(server, extra_data={"extra_pnginfo": "text"})
    assert server.posts == 0


# Cancelling and taking up


def test_cancelling_what_waits_and_what_runs() -> None:
    server = ModelServer(seconds=50)
    first, second = submitted(server).run, submitted(server).run
    core = server.world.core
    assert server.world.drive(status(core, first)).state == "running"
    assert server.world.drive(status(core, second)).ahead == 1
    assert server.world.drive(cancel(core, second, 10)) is True
    assert server.world.drive(cancel(core, first, 10)) is True
    for run in (first, second):
        assert isinstance(error_of_outcome(run, waited(server, run)), Interrupted)
    assert server.world.drive(cancel(core, first, 10)) is False
    assert server.runs == {first.prompt_id: 1}


def test_an_interrupt_that_is_lost_between_two_prompts_is_repeated() -> None:
    server = ModelServer(seconds=50)
    run = submitted(server).run
    server.world.requests.clear()
    respond, ignored = server.world.respond, []

    def deaf(request: Any) -> Any:
        if request.path == "/api/interrupt" and len(ignored) < 3:
            ignored.append(request)
            return answer(b"")
        return respond(request)

    server.world.respond = deaf
    assert server.world.drive(cancel(server.world.core, run, 10)) is True
    assert waited(server, run).ending == "interrupted"
    assert len(ignored) == 3


def test_a_node_that_does_not_stop() -> None:
    server = ModelServer(seconds=500)
    run = submitted(server).run
    respond = server.world.respond
    server.world.respond = lambda asked: answer(b"") if asked.path == "/api/interrupt" else respond(asked)
    with pytest.raises(WaitTimeout):
        server.world.drive(cancel(server.world.core, run, 10))


def test_taking_up_a_prompt() -> None:
    server = ModelServer(seconds=10)
    run = submitted(server).run
    again = server.world.drive(attach(server.world.core, run.prompt_id)).run
    assert again.nodes["9"].class_type == "SaveImage"
    assert waited(server, again).outputs == {"9": OUTPUT}
    done = server.world.drive(attach(server.world.core, run.prompt_id)).run
    assert waited(server, done).ending == "success"
    with pytest.raises(PromptLost):
        server.world.drive(attach(server.world.core, str(uuid.uuid4())))


# Any schedule of faults

faults: st.SearchStrategy[Fault] = st.sampled_from(
    ["", "", "", "refused", "lost", "unanswered", "late", "queued error", "busy", "cut"]
)


@settings(max_examples=max(300, settings().max_examples))
@given(
    schedule=st.lists(faults, max_size=40),
    lost=st.sets(st.integers(1, 30)),
    connected=st.booleans(),
    seconds=st.floats(0.001, 40),
    lag=st.sampled_from([0.0, 0.0, 0.01, 1.0, 5.0]),
    ending=st.sampled_from(["success", "success", "partial_success", "error"]),
    restart=st.none() | st.floats(0.01, 60),
    cuts=st.lists(st.floats(0.01, 60), max_size=3),
)
def test_no_schedule_loses_doubles_or_hangs(
    schedule: list[Fault],
    lost: set[int],
    connected: bool,
    seconds: float,
    lag: float,
    ending: str,
    restart: float | None,
    cuts: list[float],
) -> None:
    """One prompt, any faults: it ends in its own result or in an error that says what happened."""
    prompt_id = str(uuid.UUID(int=7, version=4))
    server = ModelServer(
        seconds, lag, schedule, lambda number: number in lost, connected, {prompt_id: ending}
    )
    if restart is not None:
        server.world.at(restart, server.restart)
    for moment in cuts:
        server.world.at(moment, lambda: server.hub.broken("cut"))
        server.world.at(moment + 0.2, lambda: server.hub.opened() if connected else None)
    run = Run(prompt_id, PROMPT, server.world.core.new_signal, server.world.core.clock)
    try:
        started = submitted(server, prompt_id=prompt_id)
        run = started.run
        feed = run.feed_for(server.world.core.new_signal())
        outcome = waited(server, run)
    except (ServerUnreachable, ServerError) as error:
        note(f"{error}")
        assert schedule, "an error without a fault"
        assert server.runs[prompt_id] <= 1
        return
    note(f"{outcome} after {server.world.now} s, {len(server.world.requests)} requests")
    assert server.runs[prompt_id] == 1 or restart is not None
    assert server.world.now < 300
    if outcome.ending in ("success", "partial_success"):
        assert ending == outcome.ending
        assert outcome.outputs == {"9": OUTPUT}
    elif outcome.ending == "lost":
        assert restart is not None
    else:
        assert outcome.ending == ending
        assert error_of_outcome(run, outcome) is not None
    told = [event for event in iter(feed.take, None) if isinstance(event, RunDone)]
    assert [dataclasses.astuple(event)[0] for event in told] == [prompt_id]
