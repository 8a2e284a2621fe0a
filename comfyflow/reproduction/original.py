"""A file that ComfyUI made: what it holds, and what it says of how it was made."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ..container import container_of
from ..errors import ReproductionError, WorkflowFileError
from ..importer.workflow_file import LARGEST, read_workflow
from ..json_types import array_or_empty, is_number, object_or_empty
from ..schema import Version
from ..source import Converting, Source, editor_nodes

_CORE: Final = "comfy-core"
"""What the editor calls ComfyUI's own nodes in a node's ``properties.cnr_id``."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_CONTROLS: Final = frozenset({"randomize", "increment", "decrement"})
"""What the editor does to a seed after each run, where it is not kept."""


@dataclass(frozen=True)
class Original:
    """A file that ComfyUI made, with what it carries.

    Attributes:
        name: What to call it.
        data: The whole file.
        prompt: The prompt that made it; None where it carries only the editor's workflow.
        editor: The editor's workflow, or None.
    """

    name: str
    data: bytes = field(repr=False)
    prompt: Mapping[str, Any] | None = field(repr=False)
    editor: Mapping[str, Any] | None = field(repr=False)

    @property
    def converted(self) -> bool:
        """Whether its prompt has to be made of the editor's workflow."""
        return self.prompt is None

    @property
    def kind(self) -> str:
        """What people call such a file: ``PNG``, ``MP4``."""
        container = container_of(self.data)
        return container.name if container is not None else "file"

    def source(self, converting: Converting | None = None) -> Source:
        """What made it, to be run.

        Args:
            converting: How the editor's workflow is converted, where there is no prompt.

        Raises:
            ConversionError: It cannot become a prompt.
        """
        return Source.of_json(
            self.prompt, self.editor, name=Path(self.name).name, converting=converting, file=self.name
        )

    @cached_property
    def versions(self) -> Mapping[str, Sequence[str]]:
        """The versions of ComfyUI (``comfy-core``) and of packs with which its nodes were put on the
        canvas, by the pack's id; as far as the editor's workflow says them.
        """
        found: defaultdict[str, set[str]] = defaultdict(set)
        for node in editor_nodes(self.editor):
            said = object_or_empty(node.get("properties"))
            pack, version = said.get("cnr_id") or said.get("aux_id"), said.get("ver")
            if isinstance(pack, str) and isinstance(version, str) and pack and version:
                found[pack].add(version)
        return {pack: sorted(versions, key=_order) for pack, versions in found.items()}

    @property
    def core_versions(self) -> Sequence[Version]:
        """The versions of ComfyUI among them, the lowest first."""
        read = [Version.parse(version) for version in self.versions.get(_CORE, ())]
        return [version for version in read if version is not None]

    @property
    def seed_controls(self) -> list[str]:
        """The ids of nodes on the canvas whose seed the editor changes after each run."""
        return [str(node.get("id")) for node in editor_nodes(self.editor) if _changes_seed(node)]

    def digest_of(self, node_id: str) -> str | None:
        """The SHA-256 of the file that a node such as ``LoadImage`` read when this one was made.

        Servers write what tells them that a node has changed into the prompt that they embed, as
        ``is_changed``; for nodes that read one file it is this.

        Args:
            node_id: The node.
        """
        node = object_or_empty(object_or_empty(self.prompt).get(node_id))
        marks = array_or_empty(node.get("is_changed"))
        mark = marks[0] if len(marks) == 1 else None
        return mark if isinstance(mark, str) and _SHA256.fullmatch(mark) else None


def read_original(file: str | os.PathLike[str]) -> Original:
    """Read a file that ComfyUI made.

    Args:
        file: A picture, a video, a sound, or another file that carries a prompt or a workflow.

    Raises:
        WorkflowFileError: It cannot be read, or carries neither.
        ReproductionError: It is JSON: nothing that was made.
        MissingExtraError: A library is missing that reads such files.
    """
    path = Path(file)
    name = os.fspath(file)
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise WorkflowFileError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > LARGEST:
        raise WorkflowFileError(f"{name} is larger than {LARGEST} bytes")
    if data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        raise ReproductionError(
            f"{name} is JSON and no file that ComfyUI made of it: there is nothing to compare with. "
            f"`comfyflow run {name}` runs it"
        )
    found = read_workflow(data, name=name)
    return Original(name, data, found.prompt, found.workflow)


def _changes_seed(node: Mapping[str, Any]) -> bool:
    """Whether a number among a node's widgets is followed by what becomes of it after a run."""
    values: Sequence[Any] = array_or_empty(node.get("widgets_values"))
    return any(_is_control(*pair) for pair in pairwise(values))


def _is_control(value: Any, control: Any) -> bool:
    return is_number(value) and isinstance(control, str) and control in _CONTROLS


def _order(version: str) -> tuple[Version, str]:
    return Version.parse(version) or Version(0), version
