"""A file made by ComfyUI: its content, and what it records about how it was made."""

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
"""The editor's name for ComfyUI's own nodes in a node's ``properties.cnr_id``."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_CONTROLS: Final = frozenset({"randomize", "increment", "decrement"})
"""What the editor does to a seed after each run, unless it is fixed."""


@dataclass(frozen=True)
class Original:
    """A file made by ComfyUI, with the prompt that it carries.

    Attributes:
        name: Its name.
        data: Its content.
        prompt: The prompt that made it; None if it carries only the editor's workflow.
        editor: The editor's workflow, or None.
    """

    name: str
    data: bytes = field(repr=False)
    prompt: Mapping[str, Any] | None = field(repr=False)
    editor: Mapping[str, Any] | None = field(repr=False)

    @property
    def converted(self) -> bool:
        """Whether its prompt must be made from the editor's workflow."""
        return self.prompt is None

    @property
    def kind(self) -> str:
        """The common name of its type: ``PNG``, ``MP4``."""
        container = container_of(self.data)
        return container.name if container is not None else "file"

    def source(self, converting: Converting | None = None) -> Source:
        """The prompt that made it, ready to run.

        Args:
            converting: How to convert the editor's workflow, if there is no prompt.

        Raises:
            ConversionError: It cannot be converted to a prompt.
        """
        return Source.of_json(
            self.prompt, self.editor, name=Path(self.name).name, converting=converting, file=self.name
        )

    @cached_property
    def versions(self) -> Mapping[str, Sequence[str]]:
        """The versions of ComfyUI (``comfy-core``) and of the packs that its nodes were placed with, by pack
        id, as far as the editor's workflow records them.
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
        """The ids of nodes whose seed the editor changes after each run."""
        return [str(node.get("id")) for node in editor_nodes(self.editor) if _changes_seed(node)]

    def digest_of(self, node_id: str) -> str | None:
        """The SHA-256 of the file that a node such as ``LoadImage`` read when this one was made.

        Servers record in the embedded prompt, as ``is_changed``, how they detect that a node has changed; for
        nodes that read one file it is this hash.

        Args:
            node_id: The node.
        """
        node = object_or_empty(object_or_empty(self.prompt).get(node_id))
        marks = array_or_empty(node.get("is_changed"))
        mark = marks[0] if len(marks) == 1 else None
        return mark if isinstance(mark, str) and _SHA256.fullmatch(mark) else None


def read_original(file: str | os.PathLike[str]) -> Original:
    """Read a file made by ComfyUI.

    Args:
        file: A picture, a video, a sound, or another file that carries a prompt or a workflow.

    Raises:
        WorkflowFileError: It cannot be read, or carries neither.
        ReproductionError: It is JSON, not an output.
        MissingExtraError: The library that reads this kind of file is missing.
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
            f"{name} is JSON, not an output of ComfyUI, so there is nothing to compare with. "
            f"`comfyflow run {name}` runs it"
        )
    found = read_workflow(data, name=name)
    return Original(name, data, found.prompt, found.workflow)


def _changes_seed(node: Mapping[str, Any]) -> bool:
    """Whether a number among a node's widgets is followed by a control for changing it after a run."""
    values: Sequence[Any] = array_or_empty(node.get("widgets_values"))
    return any(_is_control(*pair) for pair in pairwise(values))


def _is_control(value: Any, control: Any) -> bool:
    return is_number(value) and isinstance(control, str) and control in _CONTROLS


def _order(version: str) -> tuple[Version, str]:
    return Version.parse(version) or Version(0), version
