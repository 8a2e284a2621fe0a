"""The workflow of a job for ComfyUI's editor."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from ..batch.refill import Prepared
from ..batch.row import Row
from ..errors import ComfyflowError
from ..exporter import to_workflow
from ..exporter.writing import FRONTEND
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
        Refusal: The workflow has changed since, is not served any more, or the editor cannot hold it.
    """
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


def _without_paths(prepared: Prepared) -> Source:
    """A prompt that calls uploaded files what servers call them, and not where they stand on this machine."""
    if not prepared.uploads:
        return prepared.source
    prompt: dict[str, Any] = dict(prepared.prompt)
    for use in prepared.uploads:
        node = prompt[use.node_id]
        prompt[use.node_id] = {**node, "inputs": {**node["inputs"], use.input_name: use.path.name}}
    # What is known beside the prompt (the arguments of the function) has the paths.
    return dataclasses.replace(
        prepared.source, prompt=prompt, workflow=None, compiled=None, given={}, read=None
    )
