"""The result of recreating a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError, ReproductionError
from .comparison import Comparison, Tolerance, compare_files
from .model_check import CheckedModel
from .original import Original, read_original
from .reason import Reason, reasons
from .trial import Trial

if TYPE_CHECKING:
    from ..client import Client, Result
    from ..lock import Lock
    from ..output_file import OutputFile
    from ..source import Converting


@dataclass(frozen=True)
class Reproduction:
    """The result of recreating a file.

    Attributes:
        name: The file's name.
        prompt_id: The prompt that was run.
        server: The server that ran it.
        version: Its version, or None if it does not report it.
        converted: Whether the file carried no prompt, so that one was made from the editor's workflow.
        file: The closest new file; None if the run gave none.
        content: The new file's content; empty if there is none.
        comparison: How close it is; None if there is none.
        others: How many other files the run gave.
        reproduced: Whether it is close enough.
        reasons: Possible reasons for differences, the most likely first.
        models: The model files that the prompt names, and whether the server's are those that the file's
            workflow lists.
    """

    name: str
    prompt_id: str
    server: str
    version: str | None
    converted: bool
    file: OutputFile | None
    content: bytes = field(repr=False)
    comparison: Comparison | None
    others: int
    reproduced: bool
    reasons: Sequence[Reason] = ()
    models: Sequence[CheckedModel] = ()

    def to_json(self) -> dict[str, Any]:
        """The reproduction as plain JSON values."""
        return {
            "file": self.name,
            "reproduced": self.reproduced,
            "comparison": self.comparison.to_json() if self.comparison is not None else None,
            "new_file": self.file.annotated_name if self.file is not None else None,
            "node": self.file.node_id if self.file is not None else None,
            "other_files": self.others,
            "prompt_id": self.prompt_id,
            "server": self.server,
            "version": self.version,
            "converted": self.converted,
            "models": [model.to_json() for model in self.models],
            "reasons": [reason.to_json() for reason in self.reasons],
        }

    def __str__(self) -> str:
        if self.file is None or self.comparison is None:
            head = f"{self.name}: the prompt gave no file to compare with"
        else:
            verdict = "reproduced" if self.reproduced else "not reproduced"
            more = f", the closest of {self.others + 1}" if self.others else ""
            where = f"{self.file.annotated_name} of #{self.file.node_id}{more}"
            head = f"{self.name}: {verdict}: {self.comparison} ({where})"
        models = (model for model in self.models if model.listed is not None)
        return "\n".join([head, *(f"  {line}" for line in (*models, *self.reasons))])


def conclude(
    trial: Trial, result: Result[Any], server: str, tolerance: Tolerance = "content"
) -> Reproduction:
    """Compare a run's outputs with the original file.

    Args:
        trial: The trial that was run.
        result: Its result.
        server: The server's address.
        tolerance: How close the new file must be.

    Raises:
        MissingExtraError: The library that reads this kind of file is missing, and bytes alone are not
            enough.
        DownloadError: A file did not arrive in full.
    """
    original = trial.original
    files = result.files
    file, comparison, content = _nearest(original, files, tolerance)
    return Reproduction(
        original.name,
        result.prompt_id,
        server,
        trial.stats.system.comfyui_version,
        original.converted,
        file,
        content,
        comparison,
        max(len(files) - 1, 0),
        comparison is not None and comparison.within(tolerance),
        tuple(reasons(trial, comparison, content, result.outcome.cached)),
        tuple(trial.checked_models),
    )


def _nearest(
    original: Original, files: Sequence[OutputFile], tolerance: Tolerance
) -> tuple[OutputFile | None, Comparison | None, bytes]:
    """The file that is closest to the original, how close it is, and its content."""
    nearest: tuple[OutputFile | None, Comparison | None, bytes] = (None, None, b"")
    for file in files:
        content = file.bytes()
        try:
            found = compare_files(original.data, content)
        except MissingExtraError as error:
            if tolerance != "bytes":
                raise
            found = Comparison("different", "file", form=f"different bytes; {error}")
        if nearest[1] is None or found.rank < nearest[1].rank:
            nearest = (file, found, content)
        if found.closeness == "bytes":
            break
    return nearest


def reproduce(
    client: Client,
    file: str | os.PathLike[str] | Original,
    *,
    lock: Lock | None = None,
    tolerance: Tolerance = "content",
    input_files: Mapping[str, str | os.PathLike[str]] | None = None,
    comfyui: str | os.PathLike[str] | None = None,
    converting: Converting | None = None,
    allow_paid: bool = False,
    timeout: float | None = None,
) -> Reproduction:
    """Recreate a file from the prompt that it carries, and compare.

    Args:
        client: Runs the prompt.
        file: A picture, a video, a sound or another file made by ComfyUI.
        lock: The record of the server that made it (`comfyflow.lock.make_lock`).
        tolerance: How close the new file must be: the same ``bytes``; the same pixels or samples
            (``content``), in any bytes; or the largest mean difference, from 0 to 1.
        input_files: Files that the prompt reads and the server lacks, by their names in the prompt.
        comfyui: The server's ComfyUI folder, if it can be read here: its model files are compared with the
            hashes that the file's workflow lists.
        converting: How to convert the editor's workflow, if the file carries no prompt.
        allow_paid: Whether to allow nodes that call paid services.
        timeout: Seconds for the run; None for no limit.

    Raises:
        WorkflowFileError: The file carries neither a prompt nor a workflow.
        ModelFileError: The folder is not that of a ComfyUI.
        ReproductionError: Input files are missing, or it would cost something.
        ClientError: The server does not run it; see `Client.run`.
    """
    folder = Path(comfyui) if comfyui is not None else None
    original = file if isinstance(file, Original) else read_original(file)
    trial = Trial(client, original, original.source(converting), lock, folder)
    trial.give(client, input_files or {})
    refuse(trial, allow_paid=allow_paid)
    result = client.run(trial.source, editor_workflow=original.editor, timeout=timeout)
    return conclude(trial, result, client.url, tolerance)


def refuse(trial: Trial, *, allow_paid: bool) -> None:
    """Refuse what cannot or must not be run.

    Args:
        trial: The trial to run.
        allow_paid: Whether to allow nodes that call paid services.

    Raises:
        ReproductionError: Input files are missing, or it would cost something.
    """
    if trial.missing:
        named = ", ".join(map(str, trial.missing))
        raise ReproductionError(
            f"the server does not have input files that the prompt reads: {named}; they were not found "
            "locally either"
        )
    if trial.partner_nodes and not allow_paid:
        nodes = ", ".join(f"#{node_id} {node.class_type}" for node_id, node in trial.partner_nodes.items())
        raise ReproductionError(f"the prompt has nodes that call paid services: {nodes}; nothing was run")
