"""The server's queue, history and jobs: routes, and what their answers contain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...json_types import (
    array_or_empty,
    is_array,
    is_number,
    is_object,
    object_or_empty,
    text_or_empty,
    texts_in,
)
from ...number import read_count
from ...option import read_texts
from ...output_file import OutputFile
from ..core import Core, fetch_json, tell
from ..event import ExecutionFailed, ExecutionNodeFailed, ExecutionSummary
from ..flow import Flow, Request, check_prompt_id, json_body, prompt_segment
from ..message import read_failure, read_node_failure, read_summary
from ..run_event import Outcome, read_history_entry
from .server_routes import find_object


@dataclass(frozen=True)
class QueueEntry:
    """A prompt that is pending or running.

    Attributes:
        number: Its priority; the lowest runs first.
        prompt_id: Its id.
        prompt: The prompt JSON.
        extra_data: What was sent with it. 0.3.64 exposes other users' API keys here; they are removed.
        targets: The output nodes that it runs for.
    """

    number: float
    prompt_id: str
    prompt: Mapping[str, Any] = field(repr=False)
    extra_data: Mapping[str, Any] = field(repr=False)
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """What the server runs and what waits, each in running order."""

    running: tuple[QueueEntry, ...]
    pending: tuple[QueueEntry, ...]

    def __len__(self) -> int:
        return len(self.running) + len(self.pending)

    def find(self, prompt_id: str) -> int | None:
        """How many prompts are before this one: 0 if it is running; None if it is not there."""
        if any(entry.prompt_id == prompt_id for entry in self.running):
            return 0
        for index, entry in enumerate(self.pending):
            if entry.prompt_id == prompt_id:
                return len(self.running) + index
        return None

    def runs(self, prompt_id: str) -> bool:
        """Whether this prompt is running."""
        return any(entry.prompt_id == prompt_id for entry in self.running)


@dataclass(frozen=True)
class HistoryEntry:
    """A prompt that has ended.

    Attributes:
        prompt_id: Its id.
        outcome: How it ended; None if the entry does not say.
        prompt: The prompt JSON.
        raw: The server's own object.
        targets: The output nodes that it ran for.
    """

    prompt_id: str
    outcome: Outcome | None
    prompt: Mapping[str, Any] = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)
    targets: tuple[str, ...] = ()


def queue(core: Core) -> Flow[Queue]:
    """What the server runs and what waits."""
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/queue"), _is_queue)))
    return Queue(_entries(said.get("queue_running")), _entries(said.get("queue_pending")))


def queue_remaining(core: Core) -> Flow[int]:
    """How many prompts are pending or running."""
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/prompt"))))
    remaining = object_or_empty(said.get("exec_info")).get("queue_remaining")
    return int(remaining) if is_number(remaining) else 0


def delete_queued(core: Core, prompt_ids: Sequence[str]) -> Flow[None]:
    """Remove pending prompts from the queue. Unknown and running ones are ignored.

    Args:
        prompt_ids: Their ids.

    Raises:
        TypeError: It is one string, or something else than strings.
    """
    body = json_body({"delete": read_texts(prompt_ids, "prompt_ids", "ids")})
    yield from tell(core, Request("POST", "/api/queue", content=body))


def clear_queue(core: Core) -> Flow[None]:
    """Remove all pending prompts from the queue, including other users'."""
    yield from tell(core, Request("POST", "/api/queue", content=json_body({"clear": True})))


def history(
    core: Core, *, max_items: int | None = None, offset: int | None = None
) -> Flow[dict[str, HistoryEntry]]:
    """Prompts that have ended, by id, the oldest first.

    Args:
        max_items: How many; without an offset, the last ones.
        offset: How many to skip, counted from the oldest.

    Raises:
        TypeError: One is not a whole number.
    """
    asked = _whole((("max_items", max_items), ("offset", offset)))
    query = tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/history", query))))
    return {
        prompt_id: _history_entry(prompt_id, entry) for prompt_id, entry in said.items() if is_object(entry)
    }


def history_entry(core: Core, prompt_id: str) -> Flow[HistoryEntry | None]:
    """One prompt that has ended; None if the history does not have it.

    Args:
        prompt_id: Its id.

    Raises:
        TypeError: The id is not a string.
        ValueError: It is empty.
    """
    path = f"/api/history/{prompt_segment(prompt_id)}"
    asked = Request("GET", path)
    said = yield from fetch_json(
        core, asked, lambda value: is_object(value) and (not value or prompt_id in value)
    )
    entry = said.get(prompt_id)
    return _history_entry(prompt_id, entry) if is_object(entry) else None


def delete_history(core: Core, prompt_ids: Sequence[str]) -> Flow[None]:
    """Remove prompts from the history. Their files stay.

    Args:
        prompt_ids: Their ids.

    Raises:
        TypeError: It is one string, or something else than strings.
    """
    body = json_body({"delete": read_texts(prompt_ids, "prompt_ids", "ids")})
    yield from tell(core, Request("POST", "/api/history", content=body))


def clear_history(core: Core) -> Flow[None]:
    """Remove all prompts from the history, including other users'."""
    yield from tell(core, Request("POST", "/api/history", content=json_body({"clear": True})))


def interrupt(core: Core, prompt_id: str | None = None) -> Flow[None]:
    """Stop the running prompt.

    Args:
        prompt_id: Stop only this prompt, and only if it is running. None stops any running prompt, including
            other users'.

    Raises:
        TypeError: The id is not a string.
        ValueError: It is empty: a server would stop any prompt.
    """
    if prompt_id is not None:
        check_prompt_id(prompt_id)
    body = json_body({"prompt_id": prompt_id} if prompt_id is not None else {})
    named = prompt_id is not None  # without a name, a second request might stop the next one
    yield from tell(core, Request("POST", "/api/interrupt", content=body, repeatable=named))


def _whole(given: Iterable[tuple[str, int | None]]) -> tuple[tuple[str, int | None], ...]:
    """Counts, by name. What a negative one means is the server's business.

    Raises:
        TypeError: One is not a whole number.
    """
    return tuple(
        (name, None if value is None else read_count(value, name, least=None)) for name, value in given
    )


def _is_queue(value: object) -> bool:
    """Whether an answer is a queue: any other answer does not prove that it is empty."""
    return is_object(value) and any(is_array(value.get(name)) for name in ("queue_running", "queue_pending"))


def _entries(listed: object) -> tuple[QueueEntry, ...]:
    """The prompts of a queue. A server lists pending ones in the order of its heap."""
    found = [entry for value in array_or_empty(listed) if (entry := _entry(value)) is not None]
    return tuple(sorted(found, key=lambda entry: entry.number))


def _entry(value: object) -> QueueEntry | None:
    parts = [*array_or_empty(value), None, None, None, None, None][:5]
    number, prompt_id, prompt, extra, targets = parts
    if not isinstance(prompt_id, str):
        return None
    shown = {
        name: said
        for name, said in object_or_empty(extra).items()
        if name not in ("api_key_comfy_org", "auth_token_comfy_org")
    }
    return QueueEntry(
        number if is_number(number) else 0.0, prompt_id, object_or_empty(prompt), shown, texts_in(targets)
    )


def _history_entry(prompt_id: str, entry: Mapping[str, Any]) -> HistoryEntry:
    stored = array_or_empty(entry.get("prompt"))
    prompt = object_or_empty(stored[2] if len(stored) > 2 else None)
    targets = texts_in(stored[4] if len(stored) > 4 else None)
    return HistoryEntry(prompt_id, read_history_entry(entry, prompt_id), prompt, entry, targets)


@dataclass(frozen=True)
class JobPreview:
    """The output that represents a job: a saved file before a preview, and text last (since 0.33).

    Attributes:
        node_id: The node that gave it.
        media_type: The output key: ``images``, ``video``, ``audio``, ``3d``, ``text``.
        file: The file, which `Client.read` fetches; None for text.
        text: The text; None for a file.
        truncated: Whether the text is only the beginning.
    """

    node_id: str
    media_type: str
    file: OutputFile | None = None
    text: str | None = None
    truncated: bool = False


@dataclass(frozen=True)
class Job:
    """A prompt that waits, runs or has ended. Times are milliseconds since 1970.

    Attributes:
        id: The prompt's id.
        status: ``pending``, ``in_progress``, ``completed``, ``failed`` or ``cancelled``; newer servers may
            use others. A partial success is ``completed``: see `summary`.
        priority: Its number in the queue.
        create_time: When it was queued.
        execution_start_time: When the server started it.
        execution_end_time: When it ended.
        outputs_count: How many files it gave.
        previewable_outputs_count: How many of them can be shown; None before 0.33.
        preview: The output that represents it.
        workflow_id: The id of the editor's workflow.
        failure: Why it failed.
        node_failures: Nodes that failed without ending it (`Client.job`, after 0.36).
        summary: What the server reports about nodes that failed; None if it says nothing.
        outputs: What nodes gave, by id (`Client.job`).
        raw: The server's own object.
    """

    id: str
    status: str
    priority: float | None = None
    create_time: float | None = None
    execution_start_time: float | None = None
    execution_end_time: float | None = None
    outputs_count: int = 0
    previewable_outputs_count: int | None = None
    preview: JobPreview | None = None
    workflow_id: str | None = None
    failure: ExecutionFailed | None = None
    node_failures: tuple[ExecutionNodeFailed, ...] = ()
    summary: ExecutionSummary | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def __getitem__(self, name: str) -> Any:
        """A property of the server's object by name; a job was a dictionary before it had a type."""
        return self.raw[name]


def jobs(
    core: Core,
    *,
    status: Sequence[str] = (),
    workflow_id: str | None = None,
    sort_by: str | None = None,
    sort_order: Literal["asc", "desc"] | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Flow[list[Job]]:
    """Prompts that wait, run or have ended.

    Args:
        status: Some of ``pending``, ``in_progress``, ``completed``, ``failed``, ``cancelled``;
            empty for all.
        workflow_id: Only those of the editor workflow with this id.
        sort_by: ``created_at`` or ``execution_duration``.
        sort_order: ``asc`` or ``desc``.
        limit: How many.
        offset: How many to skip.

    Raises:
        TypeError: `status` is one string, or `limit` or `offset` is not a whole number.
        ServerError: The server is older than 0.6 (404), or an argument is wrong (400).
    """
    asked: tuple[tuple[str, object], ...] = (
        ("status", ",".join(read_texts(status, "status")) or None),
        ("workflow_id", workflow_id),
        ("sort_by", sort_by),
        ("sort_order", sort_order),
        *_whole((("limit", limit), ("offset", offset))),
    )
    query = tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/jobs", query))))
    found = (read_job(entry) for entry in array_or_empty(said.get("jobs")))
    return [entry for entry in found if entry is not None]


def job(core: Core, prompt_id: str) -> Flow[Job | None]:
    """One job with its outputs; None if there is none, or the server is older than 0.6.

    Args:
        prompt_id: The prompt's id.

    Raises:
        TypeError: The id is not a string.
        ValueError: It is empty.
    """
    return read_job((yield from find_object(core, Request("GET", f"/api/jobs/{prompt_segment(prompt_id)}"))))


def cancel_jobs(core: Core, prompt_ids: Sequence[str]) -> Flow[bool]:
    """Cancel prompts, pending or running (0.26 and later).

    Args:
        prompt_ids: Their ids.

    Returns:
        Whether any of them could be cancelled.

    Raises:
        TypeError: `prompt_ids` is one string, or something else than strings.
        ServerError: The server is older (404), or an id is invalid (400).
    """
    body = json_body({"job_ids": read_texts(prompt_ids, "prompt_ids", "ids")})
    said = object_or_empty((yield from fetch_json(core, Request("POST", "/api/jobs/cancel", content=body))))
    return said.get("cancelled") is True


def read_job(entry: object) -> Job | None:
    """Parse a job as a server sends it; None if it is not one."""
    if not is_object(entry) or not isinstance(entry.get("id"), str):
        return None
    prompt_id: str = entry["id"]
    failure = entry.get("execution_error")
    failures = (
        read_node_failure({"prompt_id": prompt_id, **error})
        for error in array_or_empty(entry.get("execution_errors"))
        if is_object(error)
    )
    status = object_or_empty(entry.get("execution_status"))
    whole = status.get("execution_summary")
    return Job(
        prompt_id,
        text_or_empty(entry.get("status")),
        _number(entry, "priority"),
        _number(entry, "create_time"),
        _number(entry, "execution_start_time"),
        _number(entry, "execution_end_time"),
        _count(entry, "outputs_count") or 0,
        _count(entry, "previewable_outputs_count"),
        _preview(entry.get("preview_output"), prompt_id),
        entry["workflow_id"] if isinstance(entry.get("workflow_id"), str) else None,
        read_failure({"prompt_id": prompt_id, **failure}) if is_object(failure) else None,
        tuple(error for error in failures if error is not None),
        read_summary(whole if is_object(whole) else entry),
        object_or_empty(entry.get("outputs")),
        entry,
    )


def _preview(said: object, prompt_id: str) -> JobPreview | None:
    if not is_object(said):
        return None
    node_id, media = text_or_empty(said.get("nodeId")), text_or_empty(said.get("mediaType"))
    name = said.get("filename")
    if isinstance(name, str):
        file = OutputFile(
            name,
            text_or_empty(said.get("subfolder")),
            text_or_empty(said.get("type")) or "output",
            key=media,
            node_id=node_id,
            prompt_id=prompt_id,
        )
        return JobPreview(node_id, media, file)
    if isinstance(said.get("content"), str):
        return JobPreview(node_id, media, None, said["content"], said.get("truncated") is True)
    return JobPreview(node_id, media)


def _number(entry: Mapping[str, Any], name: str) -> float | None:
    value = entry.get(name)
    return value if is_number(value) else None


def _count(entry: Mapping[str, Any], name: str) -> int | None:
    value = _number(entry, name)
    return int(value) if value is not None and 0 <= value < 1 << 53 else None
