"""The workflow of a job for ComfyUI's editor: as a file, and in a server's list of workflows."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

from ..batch.refill import Prepared
from ..batch.row import Row
from ..client import AsyncClient
from ..errors import ComfyflowError
from ..source import Source
from .job_ledger import KnownJob
from .refusal import Refusal
from .service import Service


async def job_workflow(service: Service, known: KnownJob) -> dict[str, Any]:
    """The workflow that a job ran, as the editor reads it.

    It is made again from the job's parameters, so it is the same only while the served workflow is.

    Args:
        service: Has the job.
        known: The job.

    Returns:
        The editor's JSON.

    Raises:
        Refusal: The workflow has changed since, is no longer served, or the editor cannot represent it.
    """
    from ..exporter import to_workflow
    from ..exporter.writing import FRONTEND

    record = known.record
    try:
        prepared = service.maker(allow_paid=True).prepare(Row(record.number, record.parameters))
        if record.prompt_hash not in (None, prepared.hash):
            raise Refusal(
                410,
                "changed",
                f"{known.job.workflow} has changed since this job ran; the pictures that it gave carry it",
            )
        schema = service.workflows[known.job.workflow].recipe.schema
        editor = schema.editor if schema is not None else None
        return await asyncio.to_thread(
            to_workflow,
            _without_paths(prepared),
            schema,
            frontend=editor or FRONTEND,
            name=known.job.workflow,
        )
    except Refusal:
        raise
    except (ComfyflowError, TypeError, ValueError) as error:
        raise Refusal(410, "no_workflow", service.paths.hidden(str(error).partition("\n")[0])) from error


async def open_job(service: Service, known: KnownJob) -> dict[str, str]:
    """Save a job's workflow where the sidebar of the editor lists it, of the server that ran the job.

    The editor opens no file by its address, so a user opens the server's page and finds it there.

    Args:
        service: Has the job.
        known: The job.

    Returns:
        The server's address and the workflow's name.

    Raises:
        Refusal: See `job_workflow`; or the service's servers have no editor.
        ClientError: The server does not take it.
    """
    if not service.options.editor:
        raise Refusal(
            422,
            "no_editor",
            "the servers of this service have no editor: GET /jobs/ID/workflow gives the file",
        )
    made = await job_workflow(service, known)
    servers, name = service.options.servers, f"{known.job.workflow} {known.job.id[:8]}"
    url = known.record.server if known.record.server in servers else servers[0]
    content = json.dumps(made, ensure_ascii=False).encode("utf-8", "surrogatepass")
    async with AsyncClient(url, **service.options.options) as client:
        await client.put_userdata(f"workflows/{name}.json", content)
    return {"server": url, "name": name}


def _without_paths(prepared: Prepared) -> Source:
    """A prompt that names uploaded files as servers do, not by their paths on this machine."""
    if not prepared.uploads:
        return prepared.source
    prompt: dict[str, Any] = dict(prepared.prompt)
    for use in prepared.uploads:
        node = prompt[use.node_id]
        prompt[use.node_id] = {**node, "inputs": {**node["inputs"], use.input_name: use.path.name}}
    # The function's arguments, which are kept with the prompt, contain the paths.
    return dataclasses.replace(
        prepared.source, prompt=prompt, workflow=None, compiled=None, given={}, read=None
    )
