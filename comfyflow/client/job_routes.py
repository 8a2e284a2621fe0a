"""Routes about jobs: what newer servers (0.6 and later) call prompts that are known to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..json_types import array_or_empty, is_number, is_object, object_or_empty, text_or_empty
from ..output_file import OutputFile
from .core import Core, fetch_json
from .event import ExecutionFailed, ExecutionNodeFailed, ExecutionSummary
from .flow import Flow, Request, json_body
from .message import read_failure, read_node_failure, read_summary
from .route import segment
from .server_routes import find_object


@dataclass(frozen=True)
class JobPreview:
    """The output that stands for a job: a saved file before a preview, and text last (since 0.33).

    Attributes:
        node_id: The node that gave it.
        media_type: Under which key it did: ``images``, ``video``, ``audio``, ``3d``, ``text``.
        file: The file, which `Client.read` fetches; None for a text.
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
        status: ``pending``, ``in_progress``, ``completed``, ``failed`` or ``cancelled``; of newer
            servers perhaps another. A partial success is ``completed``: see `summary`.
        priority: Its number in the queue.
        create_time: When it was queued.
        execution_start_time: When the server began with it.
        execution_end_time: When it ended.
        outputs_count: How many files it gave.
        previewable_outputs_count: How many of them can be shown; None before 0.33.
        preview: The output that stands for it.
        workflow_id: The id of the editor's workflow.
        failure: Why it failed.
        node_failures: Nodes that failed without ending it (`Client.job`, after 0.36).
        summary: What the server says of nodes that failed; None where it says nothing.
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
        """What the server says under a name; a job was a dictionary before it had a type."""
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
            none for all.
        workflow_id: Only those of the editor's workflow of this id.
        sort_by: ``created_at`` or ``execution_duration``.
        sort_order: ``asc`` or ``desc``.
        limit: How many.
        offset: How many to skip.

    Raises:
        ServerError: The server is older than 0.6 (404), or an argument is wrong (400).
    """
    asked: tuple[tuple[str, object], ...] = (
        ("status", ",".join(status) or None),
        ("workflow_id", workflow_id),
        ("sort_by", sort_by),
        ("sort_order", sort_order),
        ("limit", limit),
        ("offset", offset),
    )
    query = tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/jobs", query))))
    found = (read_job(entry) for entry in array_or_empty(said.get("jobs")))
    return [entry for entry in found if entry is not None]


def job(core: Core, prompt_id: str) -> Flow[Job | None]:
    """One job, with what it gave; None where there is none, or the server is older than 0.6.

    Args:
        prompt_id: The prompt's id.
    """
    return read_job((yield from find_object(core, Request("GET", f"/api/jobs/{segment(prompt_id)}"))))


def cancel_jobs(core: Core, prompt_ids: Sequence[str]) -> Flow[bool]:
    """Cancel prompts, pending or running (0.26 and later).

    Args:
        prompt_ids: Their ids.

    Returns:
        Whether any of them was there to be cancelled.

    Raises:
        ServerError: The server is older (404), or an id is none (400).
    """
    body = json_body({"job_ids": list(prompt_ids)})
    said = object_or_empty((yield from fetch_json(core, Request("POST", "/api/jobs/cancel", content=body))))
    return said.get("cancelled") is True


def read_job(entry: object) -> Job | None:
    """A job as a server tells it; None for what is none."""
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
