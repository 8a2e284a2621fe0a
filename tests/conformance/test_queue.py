"""The queue and the history; stopping what runs or waits."""

from __future__ import annotations

import uuid

import pytest

from . import prompts
from .session import Server, Session


def test_what_runs_and_what_waits(server: Server, session: Session) -> None:
    prompt = prompts.slow()
    running = server.submit(prompt, client_id=session.client_id)
    server.wait_until_running(running)
    waiting = server.submit(prompts.preview())
    queue = server.queue()
    assert queue.keys() == {"queue_running", "queue_pending"}
    (item,) = queue["queue_running"]
    assert item[1:3] == [running, prompt]
    assert item[3]["client_id"] == session.client_id
    assert item[4] == ["99"]
    assert [pending[1] for pending in queue["queue_pending"]] == [waiting]
    assert server.http.get("/prompt").json() == {"exec_info": {"queue_remaining": 2}}
    server.entry(waiting)


def test_deleting_what_waits(server: Server, session: Session) -> None:
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    gone, kept = server.submit(prompts.preview()), server.submit(prompts.preview())
    answer = server.http.post("/queue", json={"delete": [gone, str(uuid.uuid4()), running]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert [item[1] for item in server.queue()["queue_pending"]] == [kept]
    server.entry(kept)
    assert server.http.get(f"/history/{gone}").json() == {}
    assert server.entry(running)["status"]["status_str"] == "success"


def test_clearing_the_queue(server: Server, session: Session) -> None:
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    gone = [server.submit(prompts.preview()) for _ in range(2)]
    assert server.http.post("/queue", json={"clear": True}).status_code == 200
    assert server.queue()["queue_pending"] == []
    server.entry(running)
    assert all(server.http.get(f"/history/{prompt_id}").json() == {} for prompt_id in gone)


@pytest.mark.parametrize("by_id", [True, False])
def test_interrupting(server: Server, session: Session, by_id: bool) -> None:
    prompt_id = server.submit(prompts.slow(), client_id=session.client_id)
    session.until(lambda message: message.type == "executing" and message.data["node"] == "2")
    body = {"prompt_id": prompt_id} if by_id else {}
    assert server.http.post("/interrupt", json=body).content == b""
    heard = session.until(lambda message: message.is_end)
    (told,) = [message.data for message in heard if message.type == "execution_interrupted"]
    assert told.keys() == {"prompt_id", "node_id", "node_type", "executed", "timestamp"}
    assert told["node_type"] == "ImageBlur"
    status = server.entry(prompt_id)["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)
    assert status["messages"][-1][0] == "execution_interrupted"


def test_interrupting_another_prompt_or_nothing(server: Server, session: Session) -> None:
    assert server.http.post("/interrupt").status_code == 200
    prompt_id = server.submit(prompts.slow(2), client_id=session.client_id)
    server.wait_until_running(prompt_id)
    server.http.post("/interrupt", json={"prompt_id": str(uuid.uuid4())})
    assert server.entry(prompt_id)["status"]["status_str"] == "success"


def test_an_interrupted_prompt_does_not_poison_the_next(server: Server, session: Session) -> None:
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    following = server.submit(prompts.preview(), client_id=session.client_id)
    server.http.post("/interrupt", json={"prompt_id": running})
    assert server.entry(running)["status"]["status_str"] == "error"
    assert server.entry(following)["status"]["status_str"] == "success"


def test_an_entry_of_the_history(session: Session) -> None:
    prompt = prompts.preview()
    run = session.run(prompt, extra_data={"extra_pnginfo": {"workflow": {"id": "w"}}})
    assert run.entry.keys() == {"prompt", "outputs", "status", "meta"}
    number, prompt_id, stored, extra, outputs = run.entry["prompt"]
    assert (prompt_id, stored, outputs) == (run.prompt_id, prompt, ["2"])
    assert type(number) is int
    assert extra["extra_pnginfo"] == {"workflow": {"id": "w"}}
    assert extra["client_id"] == session.client_id
    assert run.entry["meta"] == {
        "2": {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}
    }
    told = {"status_str", "completed", "messages"}
    if session.server.http.get("/features").json().get("supports_node_failure_policy"):
        told.add("execution_summary")
    assert run.entry["status"].keys() == told
    kinds = [kind for kind, _ in run.entry["status"]["messages"]]
    assert kinds == ["execution_start", "execution_cached", "execution_success"]


def test_pages_of_the_history(server: Server) -> None:
    ids = [server.submit(prompts.preview()) for _ in range(3)]
    server.entry(ids[-1])
    whole = list(server.http.get("/history").json())
    assert whole[-3:] == ids

    def page(**params: int) -> list[str]:
        return list(server.http.get("/history", params=params).json())

    assert page(max_items=2) == ids[-2:]
    assert page(max_items=2, offset=0) == whole[:2]
    assert page(offset=len(whole) - 1) == ids[-1:]
    assert page(max_items=10**6) == whole
    assert page(offset=10**6) == []
    assert server.http.get("/history", params={"max_items": "x"}).status_code == 500


def test_forgetting_history(server: Server) -> None:
    first, second = (server.submit(prompts.preview()) for _ in range(2))
    server.entry(second)
    assert server.http.post("/history", json={"delete": [first, str(uuid.uuid4())]}).content == b""
    assert server.http.get(f"/history/{first}").json() == {}
    assert second in server.http.get("/history").json()
    assert server.http.post("/history", json={"clear": True}).status_code == 200
    assert server.http.get("/history").json() == {}


def test_jobs(server: Server, session: Session) -> None:
    if server.http.get("/api/jobs").status_code == 404:
        assert not server.is_new
        pytest.skip("a server without jobs")
    workflow_id = str(uuid.uuid4())
    extra = {"extra_pnginfo": {"workflow": {"id": workflow_id}}}
    done = session.run(prompts.preview(), extra_data=extra).prompt_id
    failed = session.run(prompts.failing(uuid.uuid4().hex)).prompt_id
    running = server.submit(prompts.slow(), client_id=session.client_id)
    server.wait_until_running(running)
    waiting = server.submit(prompts.preview())

    def jobs(**params: str | int) -> dict[str, str]:
        listed = server.http.get("/api/jobs", params=params).json()
        assert listed.keys() == {"jobs", "pagination"}
        return {job["id"]: job["status"] for job in listed["jobs"]}

    everything = jobs()
    assert everything[done] == "completed"
    assert everything[failed] == "failed"
    assert (everything[running], everything[waiting]) == ("in_progress", "pending")
    assert jobs(status="pending,in_progress").keys() == {running, waiting}
    assert jobs(workflow_id=workflow_id).keys() == {done}
    assert len(jobs(limit=1, offset=1)) == 1
    assert server.http.get("/api/jobs", params={"status": "bogus"}).status_code == 400
    assert server.http.get("/jobs").status_code == 404

    job = server.http.get(f"/api/jobs/{done}").json()
    assert job.keys() >= {"id", "status", "priority", "create_time", "outputs_count", "outputs", "workflow"}
    assert job["preview_output"]["nodeId"] == "2"
    assert job["workflow_id"] == workflow_id
    assert server.http.get(f"/api/jobs/{failed}").json()["execution_error"]["node_id"] == "1"
    assert server.http.get(f"/api/jobs/{uuid.uuid4()}").status_code == 404

    def cancel(prompt_id: str) -> object:
        return server.http.post(f"/api/jobs/{prompt_id}/cancel").json()["cancelled"]

    assert [cancel(waiting), cancel(waiting), cancel(done), cancel(running)] == [True, False, False, True]
    server.entry(running)
    assert server.http.get(f"/api/jobs/{running}").json()["status"] == "cancelled"
    assert server.http.get(f"/api/jobs/{waiting}").status_code == 404
    batch = server.http.post("/api/jobs/cancel", json={"job_ids": [done, "x"]})
    assert (batch.status_code, batch.json()["invalid_ids"]) == (400, ["x"])
    assert server.http.post("/api/jobs/cancel", json={"job_ids": [done]}).json() == {"cancelled": False}
