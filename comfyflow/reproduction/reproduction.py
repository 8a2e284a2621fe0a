"""What became of a file that was made again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError, ReproductionError
from .comparison import Comparison, Tolerance, compare_files
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
    """What became of a file that was made again.

    Attributes:
        name: What the file is called.
        prompt_id: The prompt that was run.
        server: The server that ran it.
        version: Its version, or None where it does not say it.
        converted: Whether the file carried no prompt, so that it was made of the editor's workflow.
        file: The new file that is nearest to it; None where the run gave none.
        content: The new file itself; empty where there is none.
        comparison: How near it is; None where there is none.
        others: How many other files the run gave.
        reproduced: Whether it is as near as was wanted.
        reasons: What may have made it another, the most likely first.
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
            "reasons": [reason.to_json() for reason in self.reasons],
        }

    def __str__(self) -> str:
        if self.file is None or self.comparison is None:
            head = f"{self.name}: the prompt gave no file to compare it with"
        else:
            verdict = "reproduced" if self.reproduced else "not reproduced"
            more = f", the nearest of {self.others + 1}" if self.others else ""
            where = f"{self.file.annotated_name} of #{self.file.node_id}{more}"
            head = f"{self.name}: {verdict}: {self.comparison} ({where})"
        return "\n".join([head, *(f"  {reason}" for reason in self.reasons)])


def conclude(
    trial: Trial, result: Result[Any], server: str, tolerance: Tolerance = "content"
) -> Reproduction:
    """Compare what a run gave with the file that it was to be.

    Args:
        trial: What was run.
        result: What it gave.
        server: The server's address.
        tolerance: How near the new file has to be.

    Raises:
        MissingExtraError: A library is missing that reads such files, and bytes alone do not do.
        DownloadError: A file did not arrive whole.
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
    )


def _nearest(
    original: Original, files: Sequence[OutputFile], tolerance: Tolerance
) -> tuple[OutputFile | None, Comparison | None, bytes]:
    """The file that is nearest to the original, how near it is, and what is in it."""
    nearest: tuple[OutputFile | None, Comparison | None, bytes] = (None, None, b"")
    for file in files:
        content = file.bytes()
        try:
            found = compare_files(original.data, content)
        except MissingExtraError as error:
            if tolerance != "bytes":
                raise
            found = Comparison("different", "file", form=f"other bytes; {error}")
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
    converting: Converting | None = None,
    allow_paid: bool = False,
    timeout: float | None = None,
) -> Reproduction:
    """Make a file again from what it carries, and compare.

    Args:
        client: Runs the prompt.
        file: A picture, a video, a sound or another file that ComfyUI made.
        lock: What was noted of the server that made it (`comfyflow.lock.make_lock`).
        tolerance: How near the new file has to be: the same ``bytes``; the same pixels or samples
            (``content``), in whatever bytes; or the largest mean difference, from 0 to 1.
        input_files: Files that the prompt reads and the server does not have, by the names that the
            prompt has for them.
        converting: How the editor's workflow is converted, where the file carries no prompt.
        allow_paid: Whether nodes may be run that call paid services.
        timeout: Seconds for the run; None for as long as it takes.

    Raises:
        WorkflowFileError: The file carries neither a prompt nor a workflow.
        ReproductionError: Input files are missing, or it would cost something.
        ClientError: The server does not run it; see `Client.run`.
    """
    original = file if isinstance(file, Original) else read_original(file)
    trial = Trial(client, original, original.source(converting), lock)
    trial.give(client, input_files or {})
    refuse(trial, allow_paid=allow_paid)
    result = client.run(trial.source, editor_workflow=original.editor, timeout=timeout)
    return conclude(trial, result, client.url, tolerance)


def refuse(trial: Trial, *, allow_paid: bool) -> None:
    """Refuse what cannot be run, or must not.

    Args:
        trial: What is to be run.
        allow_paid: Whether nodes may be run that call paid services.

    Raises:
        ReproductionError: Input files are missing, or it would cost something.
    """
    if trial.missing:
        named = ", ".join(map(str, trial.missing))
        raise ReproductionError(
            f"the server does not have input files that the prompt reads: {named}; there are none of these "
            "names here either"
        )
    if trial.partner_nodes and not allow_paid:
        nodes = ", ".join(f"#{node_id} {node.class_type}" for node_id, node in trial.partner_nodes.items())
        raise ReproductionError(f"the prompt has nodes that call paid services: {nodes}; nothing was run")
