"""Sending prompts: ids, numbers, targets, refusals."""

from __future__ import annotations

import re
import uuid

import pytest

from . import prompts
from .session import Server, Session

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_the_answer(server: Server) -> None:
    answer = server.post_prompt(prompts.preview()).json()
    assert answer.keys() == {"prompt_id", "number", "node_errors"}
    assert UUID.fullmatch(answer["prompt_id"])
    assert type(answer["number"]) is int
    assert answer["node_errors"] == {}


def test_an_id_of_ones_own(server: Server) -> None:
    prompt_id = str(uuid.uuid4())
    assert server.submit(prompts.preview(), prompt_id=prompt_id) == prompt_id
    assert server.entry(prompt_id)["prompt"][1] == prompt_id


@pytest.mark.parametrize(
    "wrong", ["hello", str(uuid.uuid4()).upper(), uuid.uuid4().hex, 5], ids=["word", "upper", "hex", "number"]
)
def test_an_id_that_is_no_canonical_uuid(server: Server, wrong: object) -> None:
    answer = server.post_prompt(prompts.preview(), prompt_id=wrong)
    if server.is_new:
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_prompt_id"
        assert answer.json()["node_errors"] == {}
    else:
        assert answer.json()["prompt_id"] == str(wrong)


def test_an_id_used_twice_runs_twice_and_the_history_keeps_the_last(server: Server, session: Session) -> None:
    prompt_id = str(uuid.uuid4())
    first = session.run(prompts.preview(), prompt_id=prompt_id)
    second = session.run(prompts.preview(), prompt_id=prompt_id)
    assert first.prompt_id == second.prompt_id
    assert second.entry["prompt"][0] == first.entry["prompt"][0] + 1
    assert list(server.http.get("/history").json()).count(prompt_id) == 1


def test_the_queue_is_in_order_of_number(server: Server, session: Session) -> None:
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    later = server.submit(prompts.preview(), number=10**6)
    normal = server.submit(prompts.preview())
    front = server.submit(prompts.preview(), front=True)
    pending = sorted(server.queue()["queue_pending"], key=lambda item: item[0])
    assert [item[1] for item in pending] == [front, normal, later]
    assert type(pending[-1][0]) is float
    assert pending[0][0] < 0
    for prompt_id in (running, front, normal, later):
        server.entry(prompt_id)
    listed = list(server.http.get("/history").json())
    assert sorted((front, normal, later), key=listed.index) == [front, normal, later]


def test_a_refused_prompt_uses_a_number_up(server: Server, session: Session) -> None:
    before = server.post_prompt(prompts.preview()).json()["number"]
    server.post_prompt({"1": prompts.node("NoSuchClass")})
    assert server.post_prompt(prompts.preview()).json()["number"] == before + 2


def test_partial_targets(server: Server, session: Session) -> None:
    prompt = prompts.save("conformance/partial")
    run = session.run(prompt, partial_execution_targets=["8"])
    assert run.outputs.keys() == {"8"}
    assert run.entry["prompt"][4] == ["8"]
    for targets in ([], ["2"], ["77"]):
        answer = server.post_prompt(prompt, partial_execution_targets=targets)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_no_outputs")


def test_one_bad_output_beside_a_good_one(server: Server, session: Session) -> None:
    prompt = {**prompts.preview(), "3": prompts.node("SaveImage", images=["1", 0])}
    answer = server.post_prompt(prompt, client_id=session.client_id)
    assert answer.status_code == 200
    (entry,) = answer.json()["node_errors"].values()
    assert entry.keys() == {"errors", "dependent_outputs", "class_type"}
    assert entry["errors"][0]["type"] == "required_input_missing"
    assert entry["errors"][0]["extra_info"] == {"input_name": "filename_prefix"}
    assert server.entry(answer.json()["prompt_id"])["outputs"].keys() == {"2"}


REFUSALS = {
    "required_input_missing": {"1": prompts.node("EmptyImage", width=8, height=8, color=1)},
    "value_smaller_than_min": {"1": prompts.node("EmptyImage", width=0, height=8, batch_size=1, color=1)},
    "value_bigger_than_max": {"1": prompts.node("EmptyImage", width=10**6, height=8, batch_size=1, color=1)},
    "invalid_input_type": {"1": prompts.node("EmptyImage", width="wide", height=8, batch_size=1, color=1)},
    "exception_during_inner_validation": {"1": prompts.node("ImageInvert", image=["77", 0])},
    "value_not_in_list": {
        "0": prompts.picture(),
        "1": prompts.node("ImageScaleBy", image=["0", 0], upscale_method="bogus", scale_by=2.0),
    },
    "return_type_mismatch": {
        "0": prompts.node("PrimitiveInt", value=1),
        "1": prompts.node("ImageInvert", image=["0", 0]),
    },
    "bad_linked_input": {"1": prompts.node("ImageInvert", image=["1"])},
    "custom_validation_failed": {"1": prompts.node("LoadImage", image="no such file.png")},
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_prompt_is_refused(server: Server, kind: str) -> None:
    prompt = {**REFUSALS[kind], "9": prompts.node("PreviewImage", images=["1", 0])}
    answer = server.post_prompt(prompt)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "prompt_outputs_failed_validation"
    assert error.keys() == {"type", "message", "details", "extra_info"}
    entry = answer.json()["node_errors"]["1"]
    assert entry["errors"][0]["type"] == kind
    assert entry["errors"][0]["extra_info"].get("input_name") is not None
    assert entry["dependent_outputs"] == ["9"]
    assert entry["class_type"] == prompt["1"]["class_type"]


def test_a_class_that_is_not_there(server: Server) -> None:
    answer = server.post_prompt({"5": prompts.node("NoSuchClass")})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["details"] == "Node ID '#5'"
    if server.is_new:
        assert error["type"] == "missing_node_type"
        assert error["extra_info"]["class_type"] == "NoSuchClass"
    else:
        assert error["type"] == "invalid_prompt"
    assert answer.json()["node_errors"] == {}


def test_a_prompt_without_outputs(server: Server) -> None:
    answer = server.post_prompt({"1": prompts.picture()})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_no_outputs")


def test_values_are_stored_converted(server: Server) -> None:
    prompt = prompts.preview()
    prompt["1"]["inputs"]["width"] = "32"
    entry = server.entry(server.submit(prompt))
    assert entry["prompt"][2]["1"]["inputs"]["width"] == 32


def test_no_prompt_at_all(server: Server) -> None:
    for body in ({}, []):
        answer = server.http.post("/prompt", json=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "no_prompt")


@pytest.mark.parametrize("body", ["{bad", "", "null", '{"prompt": null}', '{"prompt": 5}'])
def test_a_body_that_cannot_be_read(server: Server, body: str) -> None:
    answer = server.http.post("/prompt", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("500 Internal Server Error")


def test_secrets_and_the_time_of_creation(server: Server, session: Session) -> None:
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    secret = {"api_key_comfy_org": "a secret", "other": 1}
    prompt_id = server.submit(prompts.preview(), extra_data=secret)
    (waiting,) = (item for item in server.queue()["queue_pending"] if item[1] == prompt_id)
    assert len(waiting) == 5
    assert ("a secret" in str(waiting)) is not server.is_new
    extra = server.entry(prompt_id)["prompt"][3]
    assert extra["other"] == 1
    assert "a secret" not in str(extra)
    assert ("create_time" in extra) is server.is_new


def test_nan_is_written_as_it_came(server: Server) -> None:
    body = '{"prompt": {"1": {"class_type": "PreviewAny", "inputs": {"source": {"a": NaN}}}}}'
    answer = server.http.post("/prompt", content=body, headers={"content-type": "application/json"})
    prompt_id = answer.json()["prompt_id"]
    server.entry(prompt_id)
    assert "NaN" in server.http.get(f"/history/{prompt_id}").text
