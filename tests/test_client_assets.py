"""Assets and jobs as servers tell them, whatever they tell; and uploads that need not be sent."""

from __future__ import annotations

import hashlib
import json
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client.flow import Answer, Request
from comfyflow.client.routes.asset_routes import asset_tags, assets, read_asset, upload_asset
from comfyflow.client.routes.queue_routes import read_job
from comfyflow.errors import ClientError, SimulatorError
from comfyflow.simulator import Simulator
from tests.flows import World, answer

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
JOB = [
    "id",
    "status",
    "priority",
    "create_time",
    "execution_start_time",
    "execution_end_time",
    "outputs_count",
]
JOB += ["previewable_outputs_count", "preview_output", "workflow_id", "execution_error", "execution_errors"]
JOB += ["completion_status", "has_errors", "execution_error_count", "outputs", "execution_status"]
ASSET = ["id", "name", "hash", "asset_hash", "loader_path", "display_name", "size", "mime_type", "tags"]
ASSET += ["preview_url", "job_id", "prompt_id", "user_metadata", "metadata", "created_at", "created_new"]


@given(st.dictionaries(st.sampled_from(JOB), values) | values)
def test_no_job_breaks_the_list(entry: Any) -> None:
    job = read_job(entry)
    assert (job is not None) == (isinstance(entry, dict) and isinstance(entry.get("id"), str))


@given(st.dictionaries(st.sampled_from(ASSET), values) | values)
def test_no_asset_breaks_the_list(entry: Any) -> None:
    asset = read_asset(entry)
    assert (asset is not None) == (isinstance(entry, dict) and isinstance(entry.get("id"), str))


def test_a_job_in_full() -> None:
    job = read_job(
        {
            "id": "a",
            "status": "completed",
            "priority": 3,
            "create_time": 5,
            "execution_start_time": 6,
            "execution_end_time": 7,
            "outputs_count": 2,
            "previewable_outputs_count": 1,
            "preview_output": {
                "filename": "b.png",
                "subfolder": "c",
                "type": "temp",
                "nodeId": "9",
                "mediaType": "images",
            },
            "workflow_id": "w",
            "completion_status": "partial_success",
            "has_errors": True,
            "execution_error_count": 1,
            "execution_errors": [{"node_id": "3", "exception_type": "ValueError"}, 7],
        }
    )
    assert job is not None
    assert (job.status, job.priority, job.create_time, job.execution_end_time) == ("completed", 3, 5, 7)
    assert (job.outputs_count, job.previewable_outputs_count, job.workflow_id) == (2, 1, "w")
    assert job.preview is not None
    assert job.preview.file is not None
    assert (job.preview.node_id, job.preview.file.annotated_name) == ("9", "c/b.png [temp]")
    assert job.summary is not None
    assert job.summary.partial
    assert [failure.node_id for failure in job.node_failures] == ["3"]


def test_a_text_stands_for_a_job() -> None:
    said = {"content": "beginning", "truncated": True, "nodeId": "2", "mediaType": "text"}
    job = read_job({"id": "a", "preview_output": said})
    assert job is not None
    assert job.preview is not None
    assert (job.preview.text, job.preview.truncated, job.preview.file) == ("beginning", True, None)


class Server:
    """Answers as a server with assets does."""

    def __init__(self, version: str, known: bool = False) -> None:
        self.version = version
        self.known = known
        self.world = World(self.respond)

    def respond(self, request: Request) -> Answer:
        if request.path == "/api/system_stats":
            return answer({"system": {"comfyui_version": self.version}})
        if request.path == "/api/assets/tags/refine":
            return answer({"tag_counts": {"a": 1, "b": "c"}})
        if request.method == "HEAD":
            return answer(b"", 200 if self.known else 404)
        if request.method == "POST":
            return answer({"id": "1", "name": "n", "created_new": not self.known}, 201)
        return answer({"assets": [], "total": 0, "has_more": False})

    def query(self) -> dict[str, str]:
        return dict(self.world.requests[-1].query)


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("0.33.0", {"tags_all": "a,b", "tags_none": "c"}),
        ("0.40.1", {"tags_all": "a,b", "tags_none": "c"}),
        ("who knows", {"tags_all": "a,b", "tags_none": "c"}),
        ("0.27.0", {"include_tags": "a,b", "exclude_tags": "c"}),
    ],
)
def test_tags_are_asked_for_as_the_server_knows_them(version: str, asked: dict[str, str]) -> None:
    """What a server does not know it ignores: it would list everything."""
    server = Server(version)
    server.world.drive(assets(server.world.core, tags_all=["a", "b"], tags_none=["c"], limit=3))
    assert server.query() == {**asked, "limit": "3"}
    counts = server.world.drive(asset_tags(server.world.core, tags_all=["a", "b"], tags_none=["c"]))
    assert (server.query(), counts) == (asked, {"a": 1})


def test_a_server_that_would_ignore_a_tag_is_not_asked() -> None:
    server = Server("0.27.0")
    with pytest.raises(ClientError, match=r"0\.27\.0 .* does not support tags_any"):
        server.world.drive(assets(server.world.core, tags_any=["a"]))
    assert [request.path for request in server.world.requests] == ["/api/system_stats"]


def test_nothing_is_asked_of_the_version_without_tags() -> None:
    server = Server("0.27.0")
    server.world.drive(assets(server.world.core, name_contains="x"))
    assert [request.path for request in server.world.requests] == ["/api/assets"]


@pytest.mark.parametrize("known", [True, False])
def test_content_that_the_server_has_is_not_sent(
    known: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    hashing: Any = ModuleType("blake3")
    hashing.blake3 = hashlib.sha256  # of the same length
    monkeypatch.setitem(sys.modules, "blake3", hashing)
    path = tmp_path / "a.bin"
    path.write_bytes(b"content")
    server = Server("0.33.0", known)
    made = server.world.drive(upload_asset(server.world.core, path, tags=["input", "x"]))
    assert made.created_new is not known
    looked, posted = server.world.requests
    digest = f"blake3:{hashlib.sha256(b'content').hexdigest()}"
    assert looked.path == f"/api/assets/hash/{digest.replace(':', '%3A')}"
    if known:
        assert posted.path == "/api/assets/from-hash"
        assert json.loads(posted.content or b"") == {"hash": digest, "name": "a.bin", "tags": ["input", "x"]}
    else:
        assert (posted.path, posted.fields) == ("/api/assets", {"tags": "input,x", "name": "a.bin"})
        assert posted.parts[0].content == path


def test_without_the_package_for_hashes_content_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blake3", None)
    server = Server("0.33.0", known=True)
    server.world.drive(upload_asset(server.world.core, b"content"))
    assert [request.path for request in server.world.requests] == ["/api/assets"]


def test_a_simulator_without_assets_says_so() -> None:
    with pytest.raises(SimulatorError, match="has no assets"):
        Simulator(profile="0.3.64", assets=True)
    with pytest.raises(SimulatorError, match="assets=True"):
        Simulator().assets_of()
