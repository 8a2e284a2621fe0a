"""Converts messages and binary frames of the WebSocket to events. Nothing here ever raises.

Sources: the recordings of 0.3.64 and 0.27.0; frames 3 and 4 as 0.27.0 and 0.33.0 send them, and
frame 3 with a prompt's id as the editor reads it; execution_node_error and the summary of failed
nodes as proposed for the servers after 0.36.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from ..json_types import is_array, is_number, is_object, text_of, text_or_empty, texts_in
from . import event as events
from .event import ServerEvent

PREVIEW_IMAGE: Final = 1


TEXT: Final = 3


PREVIEW_IMAGE_WITH_METADATA: Final = 4


FEATURE_FLAGS: Final = json.dumps(
    {
        "type": "feature_flags",
        "data": {"supports_preview_metadata": True, "supports_progress_text_metadata": True},
    }
)
"""What a client sends first: it asks that previews and text name their prompt.

0.27.0 and 0.33.0 know only the first; the second changes the form of frame 3.
"""


_FORMATS: Final = {1: "jpeg", 2: "png"}


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_SHOWN: Final = 200


def parse_message(message: str | bytes) -> ServerEvent:
    """Parse one socket message.

    Args:
        message: A text message or a binary frame.

    Returns:
        An event; `UnknownMessage`, `UnknownFrame` or `UnreadableMessage` if it is unknown or incomplete.
    """
    return parse_text(message) if isinstance(message, str) else parse_frame(message)


def parse_text(text: str) -> ServerEvent:
    """Parse a text message."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        return events.UnreadableMessage(text[:_SHOWN], f"not JSON: {error}")
    if not is_object(value) or not isinstance(value.get("type"), str):
        return events.UnreadableMessage(text[:_SHOWN], "not an object with a type")
    kind, data = value["type"], value.get("data")
    reader = _READERS.get(kind)
    if reader is None:
        if is_object(data) and (kind.startswith("assets.") or kind == "asset_download"):
            return events.AssetEvent(kind, data)
        return events.UnknownMessage(kind, data)
    if not is_object(data):
        return events.UnreadableMessage(text[:_SHOWN], f"{kind} has no object of data")
    event = reader(data)
    return (
        event
        if event is not None
        else events.UnreadableMessage(text[:_SHOWN], f"{kind} lacks a required field")
    )


def parse_frame(data: bytes) -> ServerEvent:
    """Parse a binary frame."""
    kind = _number_at(data, 0)
    event: ServerEvent | None = None
    if kind == PREVIEW_IMAGE and len(data) > 8:
        event = events.SocketImage(None, data[8:], _FORMATS.get(_number_at(data, 4) or 0, ""))
    elif kind == TEXT:
        event = _node_text(data)
    elif kind == PREVIEW_IMAGE_WITH_METADATA:
        event = _picture(data)
    return event if event is not None else events.UnknownFrame(kind, data)


def _node_text(data: bytes) -> ServerEvent | None:
    """Text from a node: ``node, text``; or ``prompt, node, text`` if the server knows the flag.

    The first field distinguishes the two: prompt ids are UUIDs, and no text begins with the length of a
    node's id.
    """
    first, at = _text_at(data, 4)
    if first is None:
        return None
    if _UUID.fullmatch(first):
        node, end = _text_at(data, at)
        if node is not None:
            return events.NodeMessage(first, node, data[end:].decode("utf-8", "replace"))
    return events.NodeMessage(None, first, data[at:].decode("utf-8", "replace"))


def _picture(data: bytes) -> ServerEvent | None:
    text, at = _text_at(data, 4)
    if text is None or at >= len(data):
        return None
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not is_object(said):
        return None
    node = text_of(said, "node_id")
    kind = text_or_empty(said.get("image_type")).lower().removeprefix("image/")
    return events.SocketImage(
        text_of(said, "prompt_id"),
        data[at:],
        {"jpg": "jpeg"}.get(kind, kind),
        node,
        text_of(said, "display_node_id") or text_of(said, "real_node_id") or node,
    )


def _number_at(data: bytes, at: int) -> int | None:
    return int.from_bytes(data[at : at + 4], "big") if len(data) >= at + 4 else None


def _text_at(data: bytes, at: int) -> tuple[str | None, int]:
    length = _number_at(data, at)
    end = at + 4 + (length or 0)
    if length is None or end > len(data):
        return None, at
    return data[at + 4 : end].decode("utf-8", "replace"), end


def _status(data: Mapping[str, Any]) -> ServerEvent | None:
    status = data.get("status")
    info = status.get("exec_info") if is_object(status) else None
    remaining = info.get("queue_remaining") if is_object(info) else None
    known = isinstance(remaining, int) and not isinstance(remaining, bool)
    return events.Status(remaining if known else None, text_of(data, "sid"))


def _feature_flags(data: Mapping[str, Any]) -> ServerEvent | None:
    return events.FeatureFlags(data)


def _start(data: Mapping[str, Any]) -> ServerEvent | None:
    prompt_id = text_of(data, "prompt_id")
    return events.ExecutionStart(prompt_id, _time(data)) if prompt_id is not None else None


def _cached(data: Mapping[str, Any]) -> ServerEvent | None:
    prompt_id = text_of(data, "prompt_id")
    return (
        events.ExecutionCached(prompt_id, texts_in(data.get("nodes")), _time(data))
        if prompt_id is not None
        else None
    )


def _executing(data: Mapping[str, Any]) -> ServerEvent | None:
    if "node" not in data:
        return None
    node, prompt_id = text_of(data, "node"), text_of(data, "prompt_id")
    if (node is None and data["node"] is not None) or (node is None and prompt_id is None):
        return None
    return events.Executing(prompt_id, node, text_of(data, "display_node") or node)


def _progress(data: Mapping[str, Any]) -> ServerEvent | None:
    value, maximum = _amount(data.get("value")), _amount(data.get("max"))
    if value is None or maximum is None:
        return None
    return events.Progress(text_of(data, "prompt_id"), text_of(data, "node"), value, maximum)


def _progress_state(data: Mapping[str, Any]) -> ServerEvent | None:
    prompt_id, nodes = text_of(data, "prompt_id"), data.get("nodes")
    if prompt_id is None or not is_object(nodes):
        return None
    states: dict[str, events.NodeState] = {}
    for node_id, entry in nodes.items():
        if not is_object(entry):
            continue
        value, maximum = _amount(entry.get("value")), _amount(entry.get("max"))
        states[node_id] = events.NodeState(
            node_id,
            value if value is not None else 0.0,
            maximum if maximum is not None else 1.0,
            text_or_empty(entry.get("state")),
            text_of(entry, "display_node_id") or node_id,
        )
    return events.ProgressState(prompt_id, states)


def _executed(data: Mapping[str, Any]) -> ServerEvent | None:
    prompt_id, node, output = text_of(data, "prompt_id"), text_of(data, "node"), data.get("output")
    if prompt_id is None or node is None:
        return None
    shown = text_of(data, "display_node") or node
    return events.Executed(prompt_id, node, shown, output if is_object(output) else None)


def _success(data: Mapping[str, Any]) -> ServerEvent | None:
    prompt_id = text_of(data, "prompt_id")
    if prompt_id is None:
        return None
    return events.ExecutionSuccess(prompt_id, _time(data), read_summary(data))


def read_failure(data: Mapping[str, Any]) -> events.ExecutionFailed | None:
    """Parse an ``execution_error``, from the socket or from a history entry."""
    prompt_id = text_of(data, "prompt_id")
    if prompt_id is None:
        return None
    return events.ExecutionFailed(
        prompt_id,
        text_of(data, "node_id"),
        text_of(data, "node_type"),
        text_or_empty(data.get("exception_type")),
        text_or_empty(data.get("exception_message")).rstrip("\n"),
        texts_in(data.get("traceback")),
        texts_in(data.get("executed")),
        _time(data),
        data,
        read_summary(data),
    )


def read_node_failure(data: Mapping[str, Any]) -> events.ExecutionNodeFailed | None:
    """Parse an ``execution_node_error``, from the socket or from a history entry."""
    prompt_id, node = text_of(data, "prompt_id"), text_of(data, "node_id")
    shown = text_of(data, "display_node_id")
    if prompt_id is None:
        return None
    return events.ExecutionNodeFailed(
        prompt_id,
        node or shown,
        shown or node,
        text_of(data, "node_type"),
        text_or_empty(data.get("exception_type")),
        text_or_empty(data.get("exception_message")).rstrip("\n"),
        texts_in(data.get("traceback")),
        _time(data),
        data,
    )


def read_summary(data: Mapping[str, Any]) -> events.ExecutionSummary | None:
    """Parse what an event, a history entry's status or a job reports about failed nodes.

    Returns:
        The summary; None if there is none.
    """
    if not any(name in data for name in _SUMMARY):
        return None
    count = _amount(data.get("execution_error_count"))
    return events.ExecutionSummary(
        text_of(data, "completion_status"),
        int(count) if count is not None and count > 0 else 0,
        texts_in(data.get("failed_node_ids")),
        texts_in(data.get("blocked_node_ids")),
        texts_in(data.get("blocked_output_node_ids")),
        texts_in(data.get("successful_output_node_ids")),
        data.get("has_errors") is True,
    )


_SUMMARY: Final = frozenset(part.name for part in fields(events.ExecutionSummary))


def read_interruption(data: Mapping[str, Any]) -> events.ExecutionInterrupted | None:
    """Parse an ``execution_interrupted``, from the socket or from a history entry."""
    prompt_id = text_of(data, "prompt_id")
    if prompt_id is None:
        return None
    return events.ExecutionInterrupted(
        prompt_id,
        text_of(data, "node_id"),
        text_of(data, "node_type"),
        texts_in(data.get("executed")),
        _time(data),
    )


def _logs(data: Mapping[str, Any]) -> ServerEvent | None:
    entries = data.get("entries")
    if not is_array(entries):
        return None
    return events.LogEntries(
        tuple(text_or_empty(entry.get("m")) for entry in entries if is_object(entry)), data
    )


def _notification(data: Mapping[str, Any]) -> ServerEvent | None:
    return events.Notification(text_or_empty(data.get("value")), text_of(data, "id"))


def _time(data: Mapping[str, Any]) -> float | None:
    return _amount(data.get("timestamp"))


def _amount(value: object) -> float | None:
    try:
        return float(value) if is_number(value) and math.isfinite(value) else None
    except OverflowError:
        return None


EVENT_CLASSES: Final[Mapping[str, type[events.BaseServerEvent]]] = {
    "status": events.Status,
    "feature_flags": events.FeatureFlags,
    "execution_start": events.ExecutionStart,
    "execution_cached": events.ExecutionCached,
    "executing": events.Executing,
    "progress": events.Progress,
    "progress_state": events.ProgressState,
    "executed": events.Executed,
    "execution_success": events.ExecutionSuccess,
    "execution_error": events.ExecutionFailed,
    "execution_node_error": events.ExecutionNodeFailed,
    "execution_interrupted": events.ExecutionInterrupted,
    "logs": events.LogEntries,
    "notification": events.Notification,
}
"""The class of each type of message that has one."""


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], ServerEvent | None]]] = {
    "status": _status,
    "feature_flags": _feature_flags,
    "execution_start": _start,
    "execution_cached": _cached,
    "executing": _executing,
    "progress": _progress,
    "progress_state": _progress_state,
    "executed": _executed,
    "execution_success": _success,
    "execution_error": read_failure,
    "execution_node_error": read_node_failure,
    "execution_interrupted": read_interruption,
    "logs": _logs,
    "notification": _notification,
}
