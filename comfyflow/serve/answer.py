"""The service's answers, as models for its OpenAPI document."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..batch.record import SavedOutput, State
from ..batch.sheet.thumbnail import MEDIA_TYPES
from ..bounds import SERVED_THUMBNAIL_SOURCE
from .channel import Channel
from .job_ledger import KnownJob
from .job_maker import PARAMETERS
from .local_path import LocalPaths
from .upload_folder import texts_of

_SHOWN: Final = {**MEDIA_TYPES, ".txt": "text/plain; charset=utf-8", ".json": "application/json"}
OTHER_TYPE: Final = "application/octet-stream"
_LARGE: Final = 128 * 1024
"""A smaller picture is shown as it is."""


def media_type(name: str) -> str:
    """The media type of an output: one that browsers do not execute, or that of plain bytes.

    Args:
        name: The name of its file.
    """
    return _SHOWN.get(PurePosixPath(name).suffix.lower(), OTHER_TYPE)


def has_thumbnail(file: SavedOutput) -> bool:
    """Whether a picture is so large that a thumbnail is worth it, and can have one.

    Args:
        file: An output.
    """
    large = _LARGE <= file.size <= SERVED_THUMBNAIL_SOURCE
    return large and media_type(file.name).startswith("image/") and _has_pillow()


@cache
def _has_pillow() -> bool:
    return find_spec("PIL") is not None


class _Answer(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class ProblemAnswer(_Answer):
    """A problem of a parameter's value."""

    parameter: str
    message: str
    value: Any = None
    limit: dict[str, Any] = Field(description="What the parameter takes, in terms of JSON Schema.")


class RefusalAnswer(_Answer):
    """A request that is refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="A code for programs.")
    detail: str
    problems: list[ProblemAnswer] | None = Field(None, description="The problems of each parameter.")


class OutputAnswer(_Answer):
    """An output file of a job."""

    n: int
    url: str
    name: str
    media_type: str
    size: int
    sha256: str
    thumbnail: str | None = Field(None, description="The address of a small picture, for a large one.")


class FailureAnswer(_Answer):
    """Why a job failed."""

    kind: str = Field(description="`node_error`, `out_of_memory`, `server_gone`, `invalid`, …")
    message: str


class ProgressAnswer(_Answer):
    """The progress of a job."""

    phase: Literal["queued", "running"]
    ahead: int | None = Field(None, description="How many prompts are before it on its server.")
    cached: int | None = Field(None, description="How many nodes are cached.")
    node: str | None = None
    class_type: str | None = None
    title: str | None = None
    value: float | None = None
    maximum: float | None = None
    finished: bool | None = None
    server_away: bool | None = Field(
        None, description="Whether its server does not answer; it may still run there."
    )


class JobAnswer(_Answer):
    """A job."""

    id: str
    workflow: str
    state: State
    created: float = Field(description="In seconds since 1970, like all times.")
    sent: float | None = Field(None, description="When it was last sent to a server.")
    ended: float | None = None
    parameters: dict[str, Any]
    failure: FailureAnswer | None = None
    progress: ProgressAnswer | None = None
    before: int | None = Field(
        None, description="For a pending job, how many jobs sent before it have not ended."
    )
    outputs: list[OutputAnswer]
    texts: dict[str, list[str]] = Field(description="Its text outputs, by node id.")
    url: str
    events: str = Field(description="The address of its live events.")
    workflow_url: str = Field(description="Its workflow for ComfyUI's editor.")


class JobsAnswer(_Answer):
    """Jobs, the newest first."""

    jobs: list[JobAnswer]
    next: str | None = Field(None, description="The address of the next page; null on the last page.")


class WorkflowAnswer(_Answer):
    """A served workflow."""

    name: str
    description: str
    jobs: str
    schema_url: str
    example: dict[str, Any] = Field(description="Example parameters.")


class ChoicesAnswer(_Answer):
    """The files that the servers have for parameters that name one."""

    choices: dict[str, list[str]] = Field(description="Files by parameter.")


class WorkflowsAnswer(_Answer):
    """The served workflows."""

    workflows: list[WorkflowAnswer]
    editor: bool = Field(description="Whether `POST /jobs/ID/open` opens jobs in a server's editor.")


class OpenedAnswer(_Answer):
    """Where the editor has the workflow of a job."""

    server: str = Field(description="The server's address, which shows its editor.")
    name: str = Field(description="What the workflow is called in the sidebar of the editor.")


class HealthAnswer(_Answer):
    """The health of the service."""

    status: Literal["ok", "no_server", "not_ready"]
    version: str
    servers: dict[str, bool] = Field(description="The number of servers is only shown to authorized clients.")
    pending: int
    in_progress: int


def job_answer(known: KnownJob, paths: LocalPaths, channel: Channel | None = None) -> dict[str, Any]:
    """Describe a job.

    Args:
        known: The job.
        paths: Hides the folders of files on this machine.
        channel: Its channel; None if there is none.
    """
    job, record = known.job, known.record
    url = f"/jobs/{job.id}"
    parameters = record.parameters.get(PARAMETERS, {})
    failure = None
    if record.state in ("failed", "invalid"):
        message = paths.hidden(record.error or "", texts_of(parameters))
        failure = {"kind": record.failure or record.state, "message": message}
    return {
        "id": job.id,
        "workflow": job.workflow,
        "state": record.state,
        "created": job.created,
        "sent": record.sent,
        "ended": record.ended,
        "parameters": parameters,
        "failure": failure,
        "progress": (channel.progress or None) if channel is not None else None,
        "before": None,
        "outputs": [
            {
                "n": n,
                "url": f"{url}/outputs/{n}",
                "name": file.name,
                "media_type": media_type(file.name),
                "size": file.size,
                "sha256": file.sha256,
                "thumbnail": f"{url}/outputs/{n}/thumbnail" if has_thumbnail(file) else None,
            }
            for n, file in enumerate(record.files)
        ],
        "texts": {node: [str(text) for text in texts] for node, texts in record.texts.items()},
        "url": url,
        "events": f"{url}/events",
        "workflow_url": f"{url}/workflow",
    }
