"""What comes over the socket, as events: every known form, and nothing that raises."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client import event as events
from comfyflow.client.message import FEATURE_FLAGS, parse_frame, parse_message, parse_text
from tests.recordings import RECORDINGS, scenarios

ID = "6d5c9a4e-1111-4222-8333-444455556666"


def said(kind: str, **data: Any) -> events.ServerEvent:
    return parse_text(json.dumps({"type": kind, "data": data}))


def test_messages_of_a_run() -> None:
    assert said("status", status={"exec_info": {"queue_remaining": 3}}, sid="a") == events.Status(3, "a")
    assert said("execution_start", prompt_id=ID, timestamp=5) == events.ExecutionStart(ID, 5.0)
    assert said("execution_cached", prompt_id=ID, nodes=["1"]) == events.ExecutionCached(ID, ("1",))
    assert said("executing", prompt_id=ID, node="5.0.0.1", display_node="5") == events.Executing(
        ID, "5.0.0.1", "5"
    )
    assert said("executing", prompt_id=ID, node=None) == events.Executing(ID, None, None)
    assert said("progress", prompt_id=ID, node="3", value=2, max=20) == events.Progress(ID, "3", 2.0, 20.0)
    assert said("execution_success", prompt_id=ID, timestamp=1) == events.ExecutionSuccess(ID, 1.0)
    assert said("executed", prompt_id=ID, node="9", display_node="9", output=None) == events.Executed(
        ID, "9", "9", None
    )


def test_a_reconnect_tells_the_node_without_the_prompt() -> None:
    assert said("executing", node="3") == events.Executing(None, "3", "3")


def test_progress_state() -> None:
    entry = {"value": 1.0, "max": 4, "state": "running", "display_node_id": "5", "parent_node_id": None}
    state = said("progress_state", prompt_id=ID, nodes={"5.0.0.1": entry, "6": {}, "7": 3})
    assert isinstance(state, events.ProgressState)
    assert state.nodes == {
        "5.0.0.1": events.NodeState("5.0.0.1", 1.0, 4.0, "running", "5"),
        "6": events.NodeState("6", 0.0, 1.0, "", "6"),
    }


def test_an_error_and_a_block_are_told_apart() -> None:
    fields = {"prompt_id": ID, "node_id": "3", "node_type": "KSampler", "exception_message": "no\n"}
    failed = said("execution_error", exception_type="ValueError", timestamp=4, traceback=["a", 1], **fields)
    assert isinstance(failed, events.ExecutionFailed)
    assert (failed.exception_message, failed.traceback, failed.blocked) == ("no", ("a",), False)
    blocked = said("execution_error", exception_type="ExecutionBlocked", **fields)
    assert isinstance(blocked, events.ExecutionFailed)
    assert blocked.blocked


def test_a_failure_of_a_blocked_node_at_run_time_ends_the_run() -> None:
    ended = said("execution_error", prompt_id=ID, exception_type="ExecutionBlocked", timestamp=1)
    assert isinstance(ended, events.ExecutionFailed)
    assert not ended.blocked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"type": 4}',
        '{"type": "executing"}',
        '{"type": "executing", "data": {}}',
        '{"type": "executing", "data": {"node": null}}',
        '{"type": "executing", "data": {"node": 4, "prompt_id": "a"}}',
        '{"type": "executed", "data": {"node": "9"}}',
        '{"type": "execution_success", "data": {"prompt_id": null}}',
        '{"type": "execution_success", "data": []}',
        '{"type": "progress", "data": {"value": null, "max": 3}}',
        '{"type": "progress_state", "data": {"prompt_id": "a", "nodes": []}}',
        "[" * 100_000,
        '{"type": "status", "data": ' + "9" * 5000 + "}",
    ],
)
def test_what_cannot_be_read_is_kept(text: str) -> None:
    assert isinstance(parse_text(text), events.UnreadableMessage)


def test_values_that_json_does_not_have() -> None:
    text = '{"type": "progress", "data": {"prompt_id": "a", "node": "3", "value": NaN, "max": Infinity}}'
    assert isinstance(parse_text(text), events.UnreadableMessage)
    huge = f'{{"type": "execution_start", "data": {{"prompt_id": "a", "timestamp": {"9" * 400}}}}}'
    assert parse_text(huge) == events.ExecutionStart("a", None)


def test_unknown_types_are_kept() -> None:
    assert said("my.pack/thing", a=1) == events.UnknownMessage("my.pack/thing", {"a": 1})
    assert parse_text('{"type": "rec.list", "data": [1]}') == events.UnknownMessage("rec.list", [1])
    assert parse_text('{"type": "bare"}') == events.UnknownMessage("bare", None)


def test_other_known_types() -> None:
    assert said("feature_flags", max_upload_size=5) == events.FeatureFlags({"max_upload_size": 5})
    assert said("notification", value="hello", id="n") == events.Notification("hello", "n")
    assert said("assets.seed.started", total=3) == events.AssetEvent("assets.seed.started", {"total": 3})
    logs = said("logs", entries=[{"t": "1", "m": "line\n"}, 3], size=None)
    assert isinstance(logs, events.LogEntries)
    assert logs.entries == ("line\n",)


def test_preview_frames() -> None:
    """The picture's kind stands at byte 4, not at byte 1."""
    assert parse_frame(struct.pack(">II", 1, 1) + b"\xff\xd8x") == events.SocketImage(
        None, b"\xff\xd8x", "jpeg"
    )
    assert parse_frame(struct.pack(">II", 1, 2) + b"\x89P") == events.SocketImage(None, b"\x89P", "png")
    assert parse_frame(struct.pack(">II", 1, 9) + b"?") == events.SocketImage(None, b"?", "")


def test_a_preview_with_its_node() -> None:
    about = {"node_id": "5.0.0.1", "prompt_id": ID, "display_node_id": "5", "image_type": "image/png"}
    text = json.dumps(about).encode()
    frame = struct.pack(">II", 4, len(text)) + text + b"\x89PNG"
    assert parse_frame(frame) == events.SocketImage(ID, b"\x89PNG", "png", "5.0.0.1", "5")


def test_a_text_of_a_node() -> None:
    frame = struct.pack(">II", 3, 2) + b"12" + "grün".encode()
    assert parse_frame(frame) == events.NodeMessage(None, "12", "grün")


def test_a_text_that_names_its_prompt() -> None:
    prompt_id = struct.pack(">I", len(ID)) + ID.encode()
    frame = struct.pack(">I", 3) + prompt_id + struct.pack(">I", 4) + b"12:3" + "grün".encode()
    assert parse_frame(frame) == events.NodeMessage(ID, "12:3", "grün")
    assert parse_frame(struct.pack(">I", 3) + prompt_id + b"text") == events.NodeMessage(None, ID, "text")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0",
        struct.pack(">I", 1),
        struct.pack(">II", 1, 1),
        struct.pack(">I", 2) + b"abc",
        struct.pack(">II", 3, 900) + b"ab",
        struct.pack(">II", 4, 0xFFFFFFFF) + b"{}",
        struct.pack(">II", 4, 2) + b"{}",
        struct.pack(">II", 4, 2) + b"[]x",
        struct.pack(">II", 4, 2) + b"{x!",
        struct.pack(">I", 77) + b"future",
    ],
)
def test_frames_that_are_unknown_or_cut_short_are_kept(frame: bytes) -> None:
    event = parse_frame(frame)
    assert isinstance(event, events.UnknownFrame)
    assert event.data == frame


def test_what_is_said_first() -> None:
    """Previews are to name their node, and texts their prompt."""
    flags = {"supports_preview_metadata": True, "supports_progress_text_metadata": True}
    assert json.loads(FEATURE_FLAGS) == {"type": "feature_flags", "data": flags}


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = [
    "status feature_flags execution_start execution_cached executing progress progress_state executed",
    "execution_success execution_error execution_interrupted logs notification assets.seed.x other",
]
KEYS = "prompt_id node nodes display_node output value max status sid timestamp entries exception_type"


@given(st.sampled_from(" ".join(KINDS).split()), st.dictionaries(st.sampled_from(KEYS.split()), anything))
def test_no_message_raises(kind: str, data: dict[str, Any]) -> None:
    assert isinstance(parse_message(json.dumps({"type": kind, "data": data})), events.ServerEvent)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert isinstance(parse_message(text), events.ServerEvent)


@given(st.integers(0, 5), st.integers(0, 40) | st.integers(0, 2**32 - 1), st.binary(max_size=60))
def test_no_frame_raises(kind: int, length: int, rest: bytes) -> None:
    for frame in (rest, struct.pack(">I", kind) + rest, struct.pack(">II", kind, length) + rest):
        assert isinstance(parse_message(frame), events.ServerEvent)


@pytest.mark.parametrize("path", scenarios(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recorded_message_is_known(path: Path) -> None:
    for step in json.loads(path.read_text())["steps"]:
        if step["kind"] == "ws_text":
            event = parse_text(json.dumps(step["data"]))
            custom = str(step["data"].get("type", "")).startswith("rec.")
            assert isinstance(event, events.UnknownMessage) == custom, step
            assert not isinstance(event, events.UnreadableMessage), step


def test_the_recordings_are_there() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings of real servers in {RECORDINGS}")
    assert len(scenarios()) > 80
