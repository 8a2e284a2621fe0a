"""Jobs: the queue and the history as one list (0.6 and later)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from aiohttp import web

from ...json_types import is_list, is_object, object_or_empty
from ..instance import ServerInstance, instance_of, simulator_of
from ..profile import Profile
from ..prompt_queue import QueueItem

ROUTES = web.RouteTableDef()

STATUSES: Final = ("pending", "in_progress", "completed", "failed", "cancelled")
MAX_TEXT: Final = 1024
_SHOWN_KINDS: Final = frozenset({"images", "video", "audio", "3d", "text"})
_SOLID_ENDINGS: Final = (".obj", ".fbx", ".gltf", ".glb", ".usdz")
_TEXT_ENDINGS: Final = (".txt", ".md", ".json")
_SAVED, _PREVIEW, _TEXT_FILE, _RAW_TEXT = range(4)
"""What stands for a job, the best first."""


class BadQueryError(ValueError):
    """A query that is answered 400; never leaves this module."""


@ROUTES.get("/api/jobs")
async def get_jobs(request: web.Request) -> web.Response:
    """All jobs, filtered, sorted, a page of them."""
    query = request.query
    try:
        wanted = _statuses(query.get("status"))
        sort_by, order = _sorting(query)
        limit, offset = _limit(query), _offset(query)
    except BadQueryError as error:
        return web.json_response({"error": str(error)}, status=400)
    profile = simulator_of(request).profile
    jobs = [job for job in _jobs(instance_of(request), profile) if job["status"] in wanted]
    workflow_id = query.get("workflow_id")
    if workflow_id:
        jobs = [job for job in jobs if job.get("workflow_id") == workflow_id]
    jobs.sort(key=_duration if sort_by == "execution_duration" else _created, reverse=order == "desc")
    page = jobs[offset:] if limit is None else jobs[offset : offset + limit]
    pagination = {
        "offset": offset,
        "limit": limit,
        "total": len(jobs),
        "has_more": offset + len(page) < len(jobs),
    }
    return web.json_response({"jobs": page, "pagination": pagination})


@ROUTES.get("/api/jobs/{job_id}")
async def get_job(request: web.Request) -> web.Response:
    """One job."""
    job_id, queue = request.match_info["job_id"], instance_of(request).queue
    entry = queue.entry(job_id)
    if entry is not None:
        return web.json_response(_finished(job_id, entry, simulator_of(request).profile, whole=True))
    running, pending = queue.snapshot()
    for status, items in (("in_progress", running), ("pending", pending)):
        for item in items:
            if item.prompt_id == job_id:
                return web.json_response(_waiting(item, status, simulator_of(request).profile))
    return web.json_response({"error": "Job not found"}, status=404)


@ROUTES.post("/api/jobs/{job_id}/cancel")
async def post_cancel(request: web.Request) -> web.Response:
    """Stop a job that runs, forget one that waits."""
    return web.json_response({"cancelled": _cancel(instance_of(request), request.match_info["job_id"])})


@ROUTES.post("/api/jobs/cancel")
async def post_cancel_all(request: web.Request) -> web.Response:
    """Stop several jobs."""
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return web.json_response({"error": "Request body must be valid JSON"}, status=400)
    ids = object_or_empty(body).get("job_ids")
    if not is_list(ids):
        return web.json_response({"error": "job_ids must be a list"}, status=400)
    invalid = [job_id if isinstance(job_id, str) else repr(job_id) for job_id in ids if not is_job_id(job_id)]
    if invalid:
        error = {"error": "job_ids contains invalid id(s)", "invalid_ids": invalid}
        return web.json_response(error, status=400)
    done = [_cancel(instance_of(request), job_id) for job_id in ids]
    return web.json_response({"cancelled": any(done)})


def is_job_id(value: object) -> bool:
    """Whether it is a UUID in the only form that 0.27 takes: lowercase, with hyphens."""
    if not isinstance(value, str):
        return False
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _cancel(instance: ServerInstance, job_id: str) -> bool:
    if instance.queue.is_running(job_id):
        instance.interrupt()
        return True
    return instance.queue.delete(job_id)


def _jobs(instance: ServerInstance, profile: Profile) -> Iterator[dict[str, Any]]:
    running, pending = instance.queue.snapshot()
    for status, items in (("in_progress", running), ("pending", pending)):
        for item in items:
            yield _waiting(item, status, profile)
    for prompt_id, entry in instance.queue.history().items():
        yield _finished(prompt_id, entry, profile)


def _waiting(item: QueueItem, status: str, profile: Profile) -> dict[str, Any]:
    return _pruned(
        {
            "id": item.prompt_id,
            "status": status,
            "priority": item.number,
            "create_time": item.extra_data.get("create_time"),
            "outputs_count": 0,
            "previewable_outputs_count": 0 if profile.previewable_counts else None,
            "workflow_id": _workflow_id(item.extra_data),
        }
    )


def _finished(
    prompt_id: str, entry: Mapping[str, Any], profile: Profile, whole: bool = False
) -> dict[str, Any]:
    number, _, prompt, extra_data, _ = entry["prompt"]
    times, error, status = dict[str, Any](), None, "completed"
    node_errors: list[Any] = []
    if entry["status"]["status_str"] == "error":
        status = "failed"
    for kind, told in entry["status"]["messages"]:
        if kind == "execution_start":
            times["execution_start_time"] = told["timestamp"]
        elif kind in ("execution_success", "execution_error", "execution_interrupted"):
            times["execution_end_time"] = told["timestamp"]
        if kind == "execution_error":
            error = told
        elif kind == "execution_node_error":
            node_errors.append(told)
        elif kind == "execution_interrupted" and status == "failed":
            status = "cancelled"
    count, previewable, shown = _summary(entry["outputs"], profile.text_stands_last)
    job = _pruned(
        {
            "id": prompt_id,
            "status": status,
            "priority": number,
            "create_time": extra_data.get("create_time"),
            "execution_start_time": times.get("execution_start_time"),
            "execution_end_time": times.get("execution_end_time"),
            "execution_error": error,
            **_completion(entry["status"], profile),
            "outputs_count": count,
            "previewable_outputs_count": previewable if profile.previewable_counts else None,
            "preview_output": shown,
            "workflow_id": _workflow_id(extra_data),
        }
    )
    if whole:
        job |= {
            "outputs": _as_files(entry["outputs"]),
            "execution_status": entry["status"],
            "workflow": {"prompt": prompt, "extra_data": extra_data},
        }
        if profile.node_failure_policy:
            job["execution_errors"] = node_errors
    return job


def _completion(status: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """What a job says about nodes that failed in it; nothing where it failed as a whole."""
    summary = object_or_empty(status.get("execution_summary"))
    succeeded = status["status_str"] == "success"
    if not profile.node_failure_policy or not (summary or succeeded):
        return {}
    return {
        "completion_status": summary.get("completion_status", "success" if succeeded else None),
        "has_errors": bool(summary),
        "execution_error_count": summary.get("execution_error_count", 0),
    }


def _workflow_id(extra_data: Mapping[str, Any]) -> Any:
    """The id of the editor's workflow. One that is not an object breaks the list, as in life."""
    return extra_data.get("extra_pnginfo", {}).get("workflow", {}).get("id")


def _summary(outputs: Mapping[str, Any], text_last: bool) -> tuple[int, int, dict[str, Any] | None]:
    """How many files there are, how many of them can be shown, and which one stands for the job.

    A saved file goes before a preview, and what came first before what came later. Text that is
    not a file is never counted.

    Args:
        outputs: What the nodes gave.
        text_last: Whether files of text, and then other text, go behind all others.
    """
    count, previewable = 0, 0
    ranked: dict[int, dict[str, Any]] = {}
    for node_id, kind, item in _items(outputs):
        if not is_object(item):
            if kind == "text":
                rank = _RAW_TEXT if text_last else _PREVIEW
                ranked.setdefault(rank, {**_text(str(item)), "nodeId": node_id, "mediaType": kind})
            continue
        count += 1
        if not _is_shown(kind, item):
            continue
        previewable += 1
        if text_last and _is_text(kind, item):
            rank = _TEXT_FILE
        else:
            rank = _SAVED if item.get("type") == "output" else _PREVIEW
        shown = {**item, "nodeId": node_id, "mediaType": item.get("mediaType", kind)}
        ranked.setdefault(rank, shown)
    return count, previewable, ranked[min(ranked)] if ranked else None


def _items(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for node_id, shown in outputs.items():
        for kind, items in object_or_empty(shown).items():
            if kind != "animated" and is_list(items):
                for item in items:
                    yield node_id, kind, _as_file(item)


def _as_files(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs as one job tells them: 3D files that are named by a string are files, null is left out."""
    return {
        node_id: {
            kind: [_as_file(item) for item in items if item is not None]
            if kind != "animated" and is_list(items)
            else items
            for kind, items in shown.items()
        }
        if is_object(shown)
        else shown
        for node_id, shown in outputs.items()
    }


def _as_file(item: Any) -> Any:
    if isinstance(item, str) and item.lower().endswith(_SOLID_ENDINGS):
        return {"filename": item, "type": "output", "subfolder": "", "mediaType": "3d"}
    return item


def _is_shown(kind: str, item: Mapping[str, Any]) -> bool:
    media = str(item.get("format", ""))
    endings = _SOLID_ENDINGS + _TEXT_ENDINGS
    return kind in _SHOWN_KINDS or media.startswith(("video/", "audio/")) or _name(item).endswith(endings)


def _is_text(kind: str, item: Mapping[str, Any]) -> bool:
    return kind == "text" or _name(item).endswith(_TEXT_ENDINGS)


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("filename", "")).lower()


def _text(text: str) -> dict[str, Any]:
    if len(text) <= MAX_TEXT:
        return {"content": text}
    return {"content": text[:MAX_TEXT], "truncated": True}


def _pruned(job: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if value is not None}


def _statuses(given: str | None) -> Iterable[str]:
    if not given:
        return STATUSES
    wanted = [part.strip().lower() for part in given.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in STATUSES]
    if unknown:
        known = ", ".join(STATUSES)
        raise BadQueryError(f"Invalid status value(s): {', '.join(unknown)}. Valid values: {known}")
    return wanted


def _sorting(query: Mapping[str, str]) -> tuple[str, str]:
    sort_by, order = query.get("sort_by", "created_at").lower(), query.get("sort_order", "desc").lower()
    if sort_by not in ("created_at", "execution_duration"):
        raise BadQueryError("sort_by must be 'created_at' or 'execution_duration'")
    if order not in ("asc", "desc"):
        raise BadQueryError("sort_order must be 'asc' or 'desc'")
    return sort_by, order


def _limit(query: Mapping[str, str]) -> int | None:
    if "limit" not in query:
        return None
    limit = _integer("limit", query["limit"])
    if limit <= 0:
        raise BadQueryError("limit must be a positive integer")
    return limit


def _offset(query: Mapping[str, str]) -> int:
    return max(_integer("offset", query["offset"]), 0) if "offset" in query else 0


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadQueryError(f"{name} must be an integer") from None


def _created(job: Mapping[str, Any]) -> Any:
    return job.get("create_time", 0)


def _duration(job: Mapping[str, Any]) -> Any:
    start, end = job.get("execution_start_time"), job.get("execution_end_time")
    return end - start if start and end else 0
