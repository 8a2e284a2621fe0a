"""Answers about jobs: state, small pictures, links to files, and the hash."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mcp.types import ContentBlock, ImageContent, ResourceLink

from ..batch.sheet.thumbnail import SIDE, kind_of, thumbnail
from ..bounds import AGENT_ANSWER, THUMBNAIL_SOURCE, readable
from ..errors import MissingExtraError, PictureError
from .answer import ToolAnswer, one_line

if TYPE_CHECKING:
    from .job import AgentJob, JobFile
    from .root import Root

OUTPUTS: Final = "comfyflow://jobs/"
"""The prefix of the address of a job's file."""

_PICTURES: Final = 4
_FILES: Final = 20
_SHARE: Final = 0.6
"""The share of an answer that is for pictures."""
_LONGEST_TEXT: Final = 4_000

JOB_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "job_id": {"type": "string", "description": "Also the prompt's id on the server."},
        "state": {"type": "string"},
        "hash": {"type": "string", "description": "A hash of what was run, independent of ids and titles."},
        "files": {"type": "array", "items": {"type": "string"}},
        "valid": {"type": "boolean", "description": "If it was not sent: see validate_workflow."},
        "ok": {"type": "boolean"},
        "rests_on_files": {"type": "boolean"},
        "errors": {"type": "integer"},
        "warnings": {"type": "integer"},
    },
}


def file_address(job: AgentJob, number: int) -> str:
    """The address that an agent reads a job's file at.

    Args:
        job: The job.
        number: The index of the file.
    """
    return f"{OUTPUTS}{job.id}/{number}/{quote(job.files[number].path.name)}"


def job_answer(job: AgentJob, root: Root, side: int = SIDE, limit: int = AGENT_ANSWER) -> ToolAnswer:
    """The answer for a job.

    Args:
        job: The job.
        root: The folder that its files are named relative to.
        side: The longer side of pictures, in pixels; 0 for none.
        limit: The size limit of the answer, in bytes.
    """
    data: dict[str, Any] = {"job_id": job.id, "state": job.state, "hash": job.digest}
    if not job.ended:
        text = (
            f"job {job.id} ({job.name}) is {job.state}: {one_line(job.step)}\nhash {job.digest or 'unknown'}"
        )
        return ToolAnswer(
            f"{text}\ncall job_status with wait_seconds to wait for it, or cancel_job to stop it",
            data,
            limit=limit,
        )
    lines = [
        f"{job.state}: job {job.id} ({job.name}), {job.seconds:.1f} s",
        f"hash {job.digest or 'unknown'}",
    ]
    lines += [f"problem: {trouble}" for trouble in job.troubles]
    lines += [f"file {line}" for line in _file_lines(job, root)]
    lines += [f"text of node {one_line(node_id)}: {text[:_LONGEST_TEXT]}" for node_id, text in job.texts]
    data["files"] = [root.shown(file.path) for file in job.files[:_FILES]]
    blocks: list[ContentBlock] = [*_pictures(job, side, limit), *_links(job)]
    return ToolAnswer(
        "\n".join(lines), data, blocks, job.state not in ("success", "partial_success", "cancelled"), limit
    )


def _file_lines(job: AgentJob, root: Root) -> Iterator[str]:
    for file in job.files[:_FILES]:
        kind = f"{file.media_type}, {readable(file.size)}"
        yield f"{root.shown(file.path)} ({kind}) of node {one_line(file.node_id)}"
    if len(job.files) > _FILES:
        yield f"… and {len(job.files) - _FILES} more in {root.shown(job.files[0].path.parent)}"


def _links(job: AgentJob) -> Iterator[ResourceLink]:
    for number, file in enumerate(job.files[:_FILES]):
        yield ResourceLink(
            name=file.path.name, uri=file_address(job, number), mime_type=file.media_type, size=file.size
        )


def _pictures(job: AgentJob, side: int, limit: int) -> Iterator[ImageContent]:
    """The first pictures, each as large as fits."""
    shown = [file for file in job.files if kind_of(file.path.name) in ("picture", "video")][:_PICTURES]
    for file in shown if side else ():
        data = _fitting(file, side, int(limit * _SHARE / len(shown)))
        if data:
            yield ImageContent(data=data, mime_type="image/webp")


def _fitting(file: JobFile, side: int, room: int) -> str:
    """A picture in base64 that fits into the available bytes; ``""`` if none can be made."""
    if file.size > THUMBNAIL_SOURCE:
        return ""
    try:
        content = file.path.read_bytes()
        while side >= 16:
            data = base64.b64encode(thumbnail(content, kind_of(file.path.name), side)).decode()
            if len(data) <= room:
                return data
            side = side * 3 // 4
    except (OSError, MissingExtraError, PictureError):
        return ""
    return ""
