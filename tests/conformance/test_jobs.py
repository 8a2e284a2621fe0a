"""Which output stands for a job, and how many there are."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from . import prompts
from .session import Server, Session


@pytest.fixture
def text_first() -> prompts.Prompt:
    """Text, then a picture that is shown, in that order: each waits for the one before."""
    return {
        "1": prompts.node("PreviewAny", source=uuid.uuid4().hex),
        "2": prompts.picture(),
        "3": prompts.node("PreviewImage", images=["2", 0]),
    }


def job_of(server: Server, session: Session, prompt: prompts.Prompt) -> dict[str, Any]:
    if not server.is_new:
        pytest.skip("0.3.64 has no jobs")
    run = session.run(prompt)
    answer = server.http.get(f"/api/jobs/{run.prompt_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    (listed,) = [job for job in server.http.get("/api/jobs").json()["jobs"] if job["id"] == run.prompt_id]
    assert listed.items() <= found.items()
    return found


def test_pictures_are_counted(server: Server, session: Session) -> None:
    job = job_of(server, session, prompts.save(f"conformance/{uuid.uuid4().hex}"))
    assert job["outputs_count"] == 2
    assert job.get("previewable_outputs_count") == (2 if server.since(0, 33) else None)
    assert job["preview_output"]["type"] == "output"


def test_text_stands_for_a_job_only_where_nothing_else_does(
    server: Server, session: Session, text_first: prompts.Prompt
) -> None:
    job = job_of(server, session, text_first)
    assert job["outputs_count"] == 1
    first = next(iter(job["outputs"]))
    kind = "images" if server.since(0, 33) or first == "3" else "text"
    assert job["preview_output"]["mediaType"] == kind


def test_text_alone(server: Server, session: Session) -> None:
    job = job_of(server, session, {"1": prompts.node("PreviewAny", source="words")})
    assert (job["outputs_count"], job.get("previewable_outputs_count", 0)) == (0, 0)
    assert job["preview_output"]["content"] == "words"
