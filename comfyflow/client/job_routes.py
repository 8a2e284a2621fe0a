"""Routes about jobs: what newer servers (0.6 and later) call prompts that are known to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..json_types import array_or_empty, is_object, object_or_empty
from .core import Core, fetch_json
from .flow import Flow, Request, json_body
from .route import segment
from .server_routes import find_object


def jobs(
    core: Core,
    *,
    status: Sequence[str] = (),
    workflow_id: str | None = None,
    sort_by: str | None = None,
    sort_order: Literal["asc", "desc"] | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Flow[list[dict[str, Any]]]:
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
    return [dict(entry) for entry in array_or_empty(said.get("jobs")) if is_object(entry)]


def job(core: Core, prompt_id: str) -> Flow[dict[str, Any] | None]:
    """One job, with what it gave; None where there is none, or the server is older than 0.6.

    Args:
        prompt_id: The prompt's id.
    """
    return (yield from find_object(core, Request("GET", f"/api/jobs/{segment(prompt_id)}")))


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
