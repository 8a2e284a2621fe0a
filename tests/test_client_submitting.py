"""Submitting against a model of a server, in virtual time: nothing is lost or queued twice."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections import Counter
from typing import Any

import pytest

from comfyflow.client.options import RunSettings
from comfyflow.client.routes.queue_routes import interrupt
from comfyflow.client.running import cancel, start, status
from comfyflow.client.submission import remove_double
from comfyflow.client_options import Limits
from comfyflow.errors import ClientError, ServerError, ServerUnreachable, WaitTimeout
from tests.flows import answer
from tests.model_server import OUTPUT, PROMPT, Fault, ModelServer
from tests.test_client_waiting import submitted, waited


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
    with pytest.raises(ServerUnreachable, match="may or may not be queued") as caught:
        submitted(server)
    assert caught.value.prompt_id


def test_a_time_limit_counts_for_submitting_too() -> None:
    server = ModelServer(connected=False)

    def hangs(request: Any) -> Any:
        assert request.timeout is not None
        server.world._pass(request.timeout)
        raise ServerUnreachable("timed out")

    server.world.respond = hangs
    prompt_id = str(uuid.uuid4())
    with pytest.raises(WaitTimeout, match="the prompt was not sent") as caught:
        server.world.drive(start(server.world.core.within(5), PROMPT, RunSettings(prompt_id=prompt_id)))
    assert caught.value.prompt_id is None
    assert server.world.now < 8
    with pytest.raises(WaitTimeout, match=r"no answer within 5 s: .* may or may not be queued") as caught:
        server.world.drive(start(server.world.core.within(5), PROMPT, RunSettings()))
    assert caught.value.prompt_id
    assert server.world.now < 16


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_nobody_there_is_no_matter_of_time(seconds: float) -> None:
    server = ModelServer(connected=False, faults=["refused"] * 50)
    with pytest.raises((ServerUnreachable, WaitTimeout)) as caught:
        server.world.drive(start(server.world.core.within(seconds), PROMPT, RunSettings()))
    assert isinstance(caught.value, ServerUnreachable if seconds else WaitTimeout)
    assert caught.value.prompt_id is None, "nothing was sent"


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
    with pytest.raises(WaitTimeout, match="no longer answers") as late:
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
    """Of a pnginfo that is not an object 0.27.0 answers 500 to every GET /api/jobs from then on."""
    server = ModelServer()
    with pytest.raises(ClientError, match="extra_pnginfo"):
        submitted(server, extra_data={"extra_pnginfo": "text"})
    assert server.posts == 0
