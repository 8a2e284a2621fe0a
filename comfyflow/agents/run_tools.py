"""Tools that run workflows, check on them, and write files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
from pydantic import Field

from ..batch.sheet.thumbnail import SIDE
from ..errors import CommandError, ConversionError, WorkflowFileError
from ..json_types import object_or_empty
from ..saved_file import SavedFile
from ..source import Source, prompt_classes, read_file
from .answer import ToolAnswer, one_line
from .job import AgentJob
from .job_answer import JOB_SCHEMA, job_answer
from .python_text import python_text
from .tool import ENDS, LOOKS, RUNS, WRITES, AgentTool, BoundedArguments, Progress, ToolArguments
from .workflow_tools import WorkflowArguments, digest_of, prompt_text, report_of, valid_data

if TYPE_CHECKING:
    from ..schema import Schema
    from .workbench import Workbench

_CANCEL_SECONDS: Final = 10.0


class RunWorkflow(WorkflowArguments):
    """Run a workflow on the server, and return small versions of its pictures, its files and its hash.

    It is checked first. A job that takes longer than wait_seconds keeps running: job_status reports on it,
    and cancel_job stops it. The files are written below the root.
    """

    wait_seconds: float | None = Field(
        None,
        ge=0,
        le=3_600,
        description="How long to wait for it; the default is set when this MCP server is started.",
    )
    thumbnail: int = Field(
        SIDE, ge=0, le=1_024, description="The longer side of pictures, in pixels; 0 for none."
    )


class JobStatus(BoundedArguments):
    """Report a job's state, and its outputs if it has ended. Without job_id, list the jobs."""

    job_id: str | None = Field(None, description="The id from run_workflow.")
    wait_seconds: float = Field(0, ge=0, le=3_600, description="How long to wait for its end.")
    thumbnail: int = Field(SIDE, ge=0, le=1_024, description="See run_workflow.")


class CancelJob(ToolArguments):
    """Cancel a job: remove it from the queue, or stop it while it runs."""

    job_id: str = Field(description="The id from run_workflow.")


class WriteWorkflow(WorkflowArguments):
    """Write a workflow to a file below the root: prompt JSON, JSON that opens in the editor, or Python.

    An existing file is replaced only with overwrite, and only if it contains a workflow in JSON.
    """

    path: str = Field(description="The file, relative to the root: .json, or .py for Python.")
    form: Literal["prompt", "editor", "python"] = Field("prompt", description="The form to write.")
    overwrite: bool = Field(False, description="Replace an existing JSON file.")


async def run_workflow(bench: Workbench, asked: RunWorkflow, progress: Progress) -> ToolAnswer:
    """Carry out `RunWorkflow`."""
    name = asked.workflow if isinstance(asked.workflow, str) and len(asked.workflow) < 200 else "workflow"
    seconds = bench.wait_seconds if asked.wait_seconds is None else asked.wait_seconds
    return await run_given(
        bench, (asked.workflow, asked.parameters), name, seconds, progress, asked.thumbnail, asked.max_bytes
    )


async def run_given(
    bench: Workbench,
    given: tuple[object, Mapping[str, Any]],
    name: str,
    seconds: float,
    progress: Progress,
    thumbnail: int,
    limit: int,
) -> ToolAnswer:
    """Check a workflow, send it, and wait for a while.

    If the client cancels the call, the prompt is removed from the server.

    Args:
        bench: What tools share.
        given: The argument of `Workbench.read`.
        name: The job's name.
        seconds: How long to wait.
        progress: Reports the progress.
        thumbnail: The longer side of pictures, in pixels.
        limit: The size limit of the answer, in bytes.
    """
    ready = await bench.aside(_ready, bench, *given)
    if isinstance(ready, ToolAnswer):
        ready.limit = limit
        return ready
    job = AgentJob(one_line(name), *ready, bench.out)
    bench.add(job)
    try:
        await wait_for(job, seconds, progress)
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CANCEL_SECONDS):
            await job.cancel()
        raise
    return await bench.aside(job_answer, job, bench.root, thumbnail, limit)


async def wait_for(job: AgentJob, seconds: float, progress: Progress) -> None:
    """Wait until a job has ended, or the time is up.

    Args:
        job: The job.
        seconds: How long to wait at most.
        progress: Called on progress.
    """
    end = time.monotonic() + seconds
    told = -1.0
    while not job.ended and (left := end - time.monotonic()) > 0:
        if job.done > told:
            told = job.done
            await progress(told, job.total, one_line(job.step))
        with anyio.move_on_after(left):
            await job.change()
    if job.state in ("success", "partial_success") and told < job.total:
        await progress(job.total, job.total, job.state)


async def job_status(bench: Workbench, asked: JobStatus, progress: Progress) -> ToolAnswer:
    """Carry out `JobStatus`."""
    if asked.job_id is None:
        lines = [f"{job.id} {job.name}: {job.state}" for job in reversed(bench.jobs.values())]
        return ToolAnswer("\n".join(lines) or "there are no jobs", limit=asked.max_bytes)
    job = bench.job(asked.job_id)
    await wait_for(job, asked.wait_seconds, progress)
    return await bench.aside(job_answer, job, bench.root, asked.thumbnail, asked.max_bytes)


async def cancel_job(bench: Workbench, asked: CancelJob, _progress: Progress) -> ToolAnswer:
    """Carry out `CancelJob`."""
    job = bench.job(asked.job_id)
    was = job.state
    await job.cancel()
    told = f"job {job.id} had already ended: {was}" if was == job.state else f"job {job.id} is {job.state}"
    return ToolAnswer(told)


async def write_workflow(bench: Workbench, asked: WriteWorkflow, _progress: Progress) -> ToolAnswer:
    """Carry out `WriteWorkflow`."""

    def write() -> ToolAnswer:
        path = bench.root.inside(asked.path)
        suffix = ".py" if asked.form == "python" else ".json"
        if path.suffix != suffix:
            raise CommandError(f"{one_line(asked.path)} must end with {suffix} for the form {asked.form}")
        replaced = path.exists()
        if replaced and not (asked.overwrite and _is_workflow(path, suffix)):
            shown = bench.root.shown(path)
            raise CommandError(f"{shown} already exists; overwrite replaces only JSON files with a workflow")
        source, schema = bench.read(asked.workflow, asked.parameters)
        text = _text(source, schema, asked.form)
        with SavedFile(path, overwrite=replaced, renamed=False) as saved:
            saved.partial.write_text(text, encoding="utf-8")
        return ToolAnswer(f"wrote {bench.root.shown(path)}: {len(text.encode()):,} bytes, {asked.form}")

    return await bench.aside(write)


def _text(source: Source, schema: Schema, form: str) -> str:
    if form == "python":
        return python_text(source, schema, name=source.name)
    if form == "prompt":
        return prompt_text(source)
    import json

    from ..exporter import to_workflow

    return json.dumps(to_workflow(source, schema=schema), indent=2, ensure_ascii=False) + "\n"


def _is_workflow(path: Path, suffix: str) -> bool:
    """Whether a file may be replaced: it contains a workflow, not something written by hand."""
    if suffix != ".json":
        return False
    try:
        read_file(path)
    except WorkflowFileError:
        return False
    return True


def _ready(bench: Workbench, given: object, parameters: Mapping[str, Any]) -> tuple[Source, str] | ToolAnswer:
    """A workflow that may be sent, with its hash; or why it must not be."""
    try:
        source, schema = bench.read(given, parameters)
    except ConversionError as error:
        return ToolAnswer(str(error), is_error=True)
    report = report_of(source, schema)
    if not report.ok and not report.rests_on_files:
        text = f"not sent: the server would refuse it.\n{report}"
        return ToolAnswer(text, valid_data(report), is_error=True)
    paid = [] if bench.allow_paid else _paid(source, schema)
    if paid:
        names = ", ".join(map(one_line, paid[:5]))
        raise CommandError(
            f"not sent: {names} call paid services. The user allows that with `comfyflow mcp --allow-paid`"
        )
    return source, digest_of(source, schema)


def _paid(source: Source, schema: Schema) -> list[str]:
    names = sorted(prompt_classes(object_or_empty(source.prompt)))
    return [name for name in names if (node := schema.get(name)) is not None and node.api_node]


RUN_TOOLS: Final[tuple[AgentTool[Any], ...]] = (
    AgentTool("run_workflow", "Run a workflow", RunWorkflow, RUNS, run_workflow, JOB_SCHEMA),
    AgentTool("job_status", "Look at a job", JobStatus, LOOKS, job_status),
    AgentTool("cancel_job", "Cancel a job", CancelJob, ENDS, cancel_job),
    AgentTool("write_workflow", "Write a workflow to a file", WriteWorkflow, WRITES, write_workflow),
)
