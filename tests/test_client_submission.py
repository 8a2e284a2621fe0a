"""What is sent and what is made of the answer, without a network."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from comfyflow.client.flow import Answer, Request
from comfyflow.client.http import closed
from comfyflow.client.options import RunSettings
from comfyflow.client.run import Run
from comfyflow.client.running import Started, start
from comfyflow.client.submission import QueuedPrompt, Submission, read_refusal, submit
from comfyflow.errors import (
    ClientError,
    PromptError,
    PromptRejected,
    ServerError,
    ServerUnreachable,
    WaitTimeout,
)
from comfyflow.problem import Place, Problem
from comfyflow.source import Source
from tests.flows import World, answer
from tests.model_server import PROMPT, Fault, ModelServer

PREPARED = Source(PROMPT)


def submitted(server: ModelServer, target: Any = PROMPT, **options: Any) -> Started:
    return server.world.drive(start(server.world.core, target, RunSettings(**options)))


def queued(respond: Any, submission: Submission | None = None, prepared: Source = PREPARED) -> QueuedPrompt:
    world = World(respond)
    run = Run("its-id", PROMPT, world.core.new_signal, world.core.clock)
    return world.drive(submit(world.core, run, submission or Submission(prepared.prompt), prepared))


# What cannot be sent

WITHOUT_JSON: list[tuple[Any, str]] = [
    (math.nan, "nan is not a number that JSON can hold"),
    (-math.inf, "-inf is not a number that JSON can hold"),
    ({"a": [1, {"b": math.inf}]}, "inf is not a number that JSON can hold"),
    (b"bytes", "b'bytes' (bytes) cannot be written as JSON"),
    ([{1, 2}], "{1, 2} (set) cannot be written as JSON"),
    (range(3), "range(0, 3) (range) cannot be written as JSON"),
]


@pytest.mark.parametrize(("value", "says"), WITHOUT_JSON)
def test_every_value_that_no_json_can_hold_is_named_with_its_node_and_input(value: Any, says: str) -> None:
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": value, "color": value}},
        "2": {"inputs": {"fine": [1.5, None, True, "text"], "wrong": value}},
        "3": {"class_type": "Noted", "inputs": {}, "_meta": {"title": value}},
    }
    prepared = Source(prompt, places={"1": Place("job.py", 7)})
    with pytest.raises(PromptError) as refused:
        queued(None, Submission(prompt, extra_data={"note": value}), prepared)
    assert str(refused.value).splitlines() == [
        f"job.py:7: EmptyImage #1, input 'height': {says}",
        f"job.py:7: EmptyImage #1, input 'color': {says}",
        f"node #2, input 'wrong': {says}",
        f"Noted #3: {says}",
        f"extra_data: {says}",
    ]


def test_what_contains_itself_is_refused_and_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(PromptError, match="the prompt, or what is sent with it, is not valid JSON"):
        queued(None, Submission({"1": {"class_type": "A", "inputs": {"a": endless}}}))


# What is sent


def test_what_is_left_out_is_not_sent() -> None:
    sent: list[Any] = []

    def respond(request: Request) -> Answer:
        sent.append(json.loads(request.content or b""))
        return answer({"prompt_id": "its-id"})

    assert queued(respond, Submission(PROMPT, client_id="mine")) == QueuedPrompt(None, {}, "its-id")
    queued(respond, Submission(PROMPT, targets=(), node_failure_policy="continue_independent"))
    assert sent[0] == {"prompt": PROMPT, "prompt_id": "its-id", "client_id": "mine", "extra_data": {}}
    assert sent[1]["partial_execution_targets"] == []
    assert sent[1]["node_failure_policy"] == "continue_independent"


def test_no_time_is_left_to_send_it() -> None:
    server = ModelServer()
    core = server.world.core.within(2)
    server.world.now = 2.0
    run = Run("its-id", PROMPT, core.new_signal, core.clock)
    with pytest.raises(WaitTimeout, match="the 2 s were over before the prompt was sent") as late:
        server.world.drive(submit(core, run, Submission(PROMPT), PREPARED))
    assert late.value.prompt_id is None
    assert server.posts == 0


# What the server answers


@pytest.mark.parametrize("said", [[], {}, {"prompt_id": 3}, {"prompt_id": None}, "its-id"])
def test_an_answer_without_an_id_is_none_of_comfyuis(said: Any) -> None:
    asked: list[str] = []

    def respond(request: Request) -> Answer:
        asked.append(request.path)
        if request.path == "/api/prompt":
            return answer(said)
        return answer({"queue_running": [], "queue_pending": []} if request.path == "/api/queue" else {})

    with pytest.raises(ServerError, match=r"did not give a prompt id; is that a ComfyUI server\?") as odd:
        queued(respond)
    assert (odd.value.status, odd.value.body, odd.value.prompt_id) == (200, "", "its-id")
    assert "the server has it in neither queue nor history" in str(odd.value)
    assert asked.count("/api/prompt") == 5


def looked_for(server: ModelServer) -> bool:
    return any(request.path != "/api/prompt" for request in server.world.requests)


def test_a_prompt_that_comes_late_was_not_looked_for_before() -> None:
    """It is certain that it was not sent, so nobody need ask."""
    server = ModelServer(faults=["refused"] * 4, seconds=50)
    run = submitted(server).run
    assert (server.posts, run.doubtful, looked_for(server)) == (1, False, False)


@pytest.mark.parametrize("first", [[], ["lost", *[""] * 8]])
def test_a_prompt_is_named_in_an_error_if_it_may_be_there(first: list[Fault]) -> None:
    server = ModelServer(faults=[*first, *["refused"] * 5], seconds=50)
    with pytest.raises(ServerUnreachable) as gone:
        submitted(server)
    assert gone.value.unsent
    assert (gone.value.prompt_id is not None, looked_for(server)) == (bool(first), bool(first))
    assert server.posts == 0


REFUSED = {
    "error": {
        "type": "prompt_no_outputs",
        "message": "Prompt has no outputs",
        "details": "",
        "extra_info": {},
    },
    "node_errors": {},
}
OTHER = ServerError("what else", 400, "")


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"null", b'"error"', b"{}", b'{"node_errors": {}}', b"[" * 10_000, b"\xff"],
)
def test_a_400_in_no_form_of_the_servers_is_told_as_it_is(content: bytes) -> None:
    assert read_refusal(Answer(400, {}, content), PROMPT, {}, OTHER) is OTHER


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (REFUSED, "Prompt has no outputs"),
        ({"error": {}}, "the server refused the prompt"),
        ({"error": "no"}, "no"),
    ],
)
def test_a_refusal_says_what_the_server_says_and_what_is_wrong(body: Any, says: str) -> None:
    found = read_refusal(answer(body, 400), PROMPT, {}, OTHER)
    assert isinstance(found, PromptRejected)
    assert (found.status, found.report.valid) == (400, False)
    head, _, report = str(found).partition("\n")
    assert says in head
    assert report == str(found.report)


def test_a_refusal_names_the_lines_that_made_the_nodes() -> None:
    error = {
        "type": "required_input_missing",
        "message": "m",
        "details": "d",
        "extra_info": {"input_name": "images"},
    }
    body = {
        "error": {
            "type": "prompt_outputs_failed_validation",
            "message": "failed",
            "details": "",
            "extra_info": {},
        },
        "node_errors": {"9": {"errors": [error], "dependent_outputs": ["9"], "class_type": "SaveImage"}},
    }
    found = read_refusal(answer(body, 400), PROMPT, {"9": Place("job.py", 3)}, OTHER)
    assert isinstance(found, PromptRejected)
    (problem,) = found.report.errors
    assert (problem.node_id, problem.input_name, problem.place) == ("9", "images", Place("job.py", 3))


CLASSES = {
    "EmptyImage": {"input": {"required": {"width": ["INT", {}]}}, "output": ["IMAGE"], "output_node": False},
    "SaveImage": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": True},
}


def lacking(title: str | None, catalogue: Any) -> ModelServer:
    """A server without the class of node 1."""
    server = ModelServer()
    info = {"node_id": "1", "class_type": "X", "node_title": title}
    error = {"type": "missing_node_type", "message": "said", "details": "Node ID '#1'", "extra_info": info}

    def respond(request: Request) -> Answer:
        if request.path == "/api/prompt":
            return answer({"error": error, "node_errors": {}}, 400)
        assert request.path in ("/api/object_info", "/object_info")
        if isinstance(catalogue, Exception):
            raise catalogue
        return answer(catalogue)

    server.world.respond = respond
    return server


LACKS = "he server has no node class 'EmptyImag'; the pack that provides it may not be installed."


@pytest.mark.parametrize(
    ("title", "first"),
    [("EmptyImag", "said"), ("Canvas", f"Node 'Canvas' not found: t{LACKS}"), (None, f"T{LACKS}")],
)
def test_a_class_that_is_missing_is_named_once(title: str | None, first: str) -> None:
    prompt = {**PROMPT, "1": {"class_type": "EmptyImag", "inputs": {"width": 8}}}
    with pytest.raises(PromptRejected) as refused:
        submitted(lacking(title, CLASSES), prompt)
    assert str(refused.value).splitlines()[0] == first
    (problem,) = refused.value.report.errors
    assert (problem.class_type, problem.suggestion) == ("EmptyImag", "Did you mean 'EmptyImage'?")


@pytest.mark.parametrize("catalogue", [{}, ServerUnreachable("gone"), ServerError("no", 404, "")])
def test_a_catalogue_that_does_not_come_leaves_the_refusal_as_it_is(catalogue: Any) -> None:
    prompt = {**PROMPT, "1": {"class_type": "EmptyImag", "inputs": {"width": 8}}}
    with pytest.raises(PromptRejected) as refused:
        submitted(lacking("EmptyImag", catalogue), prompt)
    (problem,) = refused.value.report.errors
    assert (problem.type, problem.suggestion) == ("missing_node_type", None)


def test_only_a_class_that_was_unknown_is_put_back() -> None:
    """The editor sends no class that it does not know; other warnings say nothing of classes."""
    warnings = [
        Problem("unknown_class", "m", severity="warning", node_id="1", class_type="EmptyImag"),
        Problem("widget_dropped", "m", severity="warning", node_id="9", class_type="Wrong"),
    ]
    prompt = {**PROMPT, "1": {"class_type": "", "inputs": {"width": 8}}}
    with pytest.raises(PromptRejected) as refused:
        submitted(lacking(None, CLASSES), Source(prompt, warnings=warnings))
    assert "no node class 'EmptyImag'" in str(refused.value)
    (problem,) = refused.value.report.errors
    assert problem.class_type == "EmptyImag"
    assert refused.value.report._subject.class_type("9") == "SaveImage"


@pytest.mark.parametrize("before", [0, 1])
def test_a_client_that_is_closed_before_a_prompt_is_sent_names_none(before: int) -> None:
    """One that is closed before it is sent again names it: the server may have got the first."""
    posts = [0]

    def respond(request: Request) -> Answer:
        if request.method == "GET":
            return answer({"queue_running": [], "queue_pending": []} if request.path == "/api/queue" else {})
        posts[0] += 1
        if posts[0] <= before:
            raise ServerUnreachable("it broke off")
        raise closed(request)

    with pytest.raises(ClientError, match="this client is closed; make a new one") as caught:
        queued(respond)
    assert caught.value.prompt_id == ("its-id" if before else None)
