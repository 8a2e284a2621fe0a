"""Prompts of jobs: the workflow that a row names, its parameters, and only files that may be sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..batch.refill import Prepared
from ..batch.row import JSON, Row
from ..errors import ComfyflowError, RowsError
from ..json_types import object_or_empty
from ..schema.installed_files import is_media_file
from .served_workflow import ServedWorkflow
from .upload_folder import UploadFolder, texts_of

WORKFLOW: Final = "workflow"
PARAMETERS: Final = "parameters"


def job_row(number: int, workflow: str, values: Mapping[str, JSON]) -> Row:
    """The row of a job.

    Args:
        number: Its number.
        workflow: The workflow that it runs.
        values: The parameters.
    """
    return Row(number, {WORKFLOW: workflow, PARAMETERS: dict(values)})


class JobMaker:
    """Makes the prompts of jobs; see `RowMaker`.

    No string in a request is taken as a local file. Only uploads of requests are, and media files in the
    workflow's own folder that the workflow itself names.

    Args:
        workflows: The served workflows, by name.
        uploads: The files that came with requests.
        allow_paid: Whether to allow nodes that call paid services.
    """

    def __init__(
        self, workflows: Mapping[str, ServedWorkflow], uploads: UploadFolder, *, allow_paid: bool = False
    ) -> None:
        self._workflows = workflows
        self._uploads = uploads
        self._allow_paid = allow_paid

    def prepare(self, row: Row) -> Prepared:
        """The prompt of a row.

        Raises:
            RowsError: The workflow is no longer served, it calls a paid service, or its code raised.
            ComfyflowError: See `Recipe.prepare`.
        """
        name = row.parameters.get(WORKFLOW)
        workflow = self._workflows.get(str(name))
        if workflow is None:
            raise RowsError(f"the workflow {name!r:.100} is no longer served")
        values: Mapping[str, Any] = object_or_empty(row.parameters.get(PARAMETERS))
        try:
            prepared = workflow.recipe.prepare(Row(row.number, self._uploads.with_paths(values)))
        except (ComfyflowError, TypeError, ValueError):
            raise
        except Exception as error:  # the workflow's own code may raise anything
            raise RowsError(f"the workflow raised {type(error).__name__}: {error}") from error
        paid = [] if self._allow_paid else paid_classes(workflow, prepared)
        if paid:
            raise RowsError(paid_message(paid))
        texts = texts_of(values)
        uses = tuple(use for use in prepared.uploads if self._may_be_sent(workflow, use.path, texts))
        return dataclasses.replace(prepared, uploads=uses)

    def _may_be_sent(self, workflow: ServedWorkflow, path: Path, texts: set[str]) -> bool:
        if self._uploads.has(path):
            return True
        own = str(path) not in texts and is_media_file(path.name)
        return own and workflow.folder in path.resolve().parents


def paid_classes(workflow: ServedWorkflow, prepared: Prepared) -> list[str]:
    """The classes of a prompt that call paid services, as far as the local schema knows.

    Args:
        workflow: The workflow.
        prepared: Its prompt.
    """
    schema = workflow.recipe.schema
    found = ((name, schema.get(name)) for name in prepared.classes) if schema is not None else ()
    return sorted(name for name, known in found if known is not None and known.api_node)


def paid_message(classes: Sequence[str]) -> str:
    """The message about nodes that call paid services.

    Args:
        classes: Their classes.
    """
    verb = "calls" if len(classes) == 1 else "call"
    return f"{', '.join(classes)} {verb} a paid service; `comfyflow serve --allow-paid` allows it"
