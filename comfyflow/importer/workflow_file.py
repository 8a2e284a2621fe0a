"""Reading workflows of every form that the editor loads, from files of every kind that carry one."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ..bounds import Bounds, exceeded, marks
from ..errors import BoundsError, MissingExtraError, WorkflowFileError
from ..json_types import is_array, is_object

Kind = Literal["editor", "prompt", "both"]

LARGEST: Final = 1024 * 1024 * 1024
"""The largest file that is read, in bytes: a video may be large."""
LARGEST_JSON: Final = 256 * 1024 * 1024
"""The largest JSON text that is parsed, in bytes; what it becomes takes several times as much."""
_WRAPPED: Final = 4
"""How many wrappings are taken off: a history holds an entry, which holds an item, …"""


@dataclass(frozen=True)
class WorkflowFile:
    """What a file holds.

    Attributes:
        prompt: The prompt JSON that the server ran, or None.
        workflow: The editor's JSON, or None.
        source: What to call the file.
    """

    prompt: Mapping[str, Any] | None
    workflow: Mapping[str, Any] | None
    source: str

    @property
    def kind(self) -> Kind:
        """Which of the two it holds."""
        if self.prompt is not None and self.workflow is not None:
            return "both"
        return "editor" if self.workflow is not None else "prompt"


def read_workflow(
    source: str | os.PathLike[str] | bytes | Mapping[str, Any], *, name: str | None = None
) -> WorkflowFile:
    """Read a workflow from any supported file.

    Supported are editor JSON (version 0.4 and 1) and prompt JSON, bare or wrapped
    (``{"prompt": …}``, an entry of the history, an item of the queue), and both inside PNG, WebP,
    JPEG, AVIF, GIF, SVG, GLB, safetensors and latents, MP4, MOV, WebM, MKV, FLAC, MP3, Ogg and Opus.

    Args:
        source: A file, the bytes of one, or a JSON object.
        name: What to call it in messages; by default, as the file.

    Raises:
        WorkflowFileError: It cannot be read, or holds no workflow.
    """
    if isinstance(source, Mapping):
        return _found(source, name or "the object")
    if isinstance(source, bytes):
        return _read(source, name or "the data")
    path = Path(source)
    name = name or str(path)
    try:
        if path.stat().st_size > LARGEST:
            raise WorkflowFileError(f"{name} is larger than {LARGEST} bytes")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WorkflowFileError(f"cannot read {name}: {reason}") from None
    return _read(data, name)


def _read(data: bytes, source: str) -> WorkflowFile:
    data = _as_utf_8(data, source)
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        return _found(_parsed(data, source), source)
    from ..embedded_text import embedded_texts

    try:
        texts = embedded_texts(data)
    except (MissingExtraError, BoundsError) as error:
        raise WorkflowFileError(f"{source}: {error}") from None
    values = {
        name.lower(): _parsed(text.encode("utf-8", "surrogatepass"), f"the {name.lower()} in {source}")
        for name, text in texts.items()
        if name.lower() in ("prompt", "workflow")
    }
    if not values:
        raise WorkflowFileError(_nothing(start, source))
    return _found(values, source)


def _as_utf_8(data: bytes, source: str) -> bytes:
    """JSON in UTF-16, which is what ``>`` writes in Windows PowerShell, in UTF-8; all else as it is."""
    if data[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data
    if data[:256].decode("utf-16", "replace").lstrip()[:1] not in ("{", "["):
        return data
    if len(data) > 2 * LARGEST_JSON:
        raise WorkflowFileError(f"{source} is larger than {LARGEST_JSON} bytes")
    try:
        return data.decode("utf-16", "surrogatepass").encode("utf-8", "surrogatepass")
    except UnicodeError as error:
        raise WorkflowFileError(f"{source} is not valid JSON: {error}") from None


def _nothing(start: bytes, source: str) -> str:
    if start[:1] == b"<" and b"<svg" not in start.lower():
        return f"{source} is a web page, not a workflow"
    if not start:
        return f"{source} is empty"
    return f"{source} holds no workflow: it is neither JSON nor a file that carries a prompt or a workflow"


def _parsed(data: bytes, source: str) -> Any:
    if len(data) > LARGEST_JSON:
        raise WorkflowFileError(f"{source} is larger than {LARGEST_JSON} bytes")
    bounds = Bounds.from_environment()
    if marks(data) > bounds.values:
        raise WorkflowFileError(exceeded("values", bounds, source))
    try:
        return json.loads(data.decode("utf-8-sig", "surrogatepass"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise WorkflowFileError(f"{source} is not valid JSON: {error}") from None


def _found(value: Any, source: str) -> WorkflowFile:
    prompt, workflow = _unwrapped(value, source, _WRAPPED)
    if prompt is None and workflow is None:
        raise WorkflowFileError(
            f"{source} is JSON but neither an editor workflow (it has no list of nodes) nor a prompt "
            "(its members have no class_type)"
        )
    return WorkflowFile(prompt, workflow, source)


Pair = tuple["Mapping[str, Any] | None", "Mapping[str, Any] | None"]


def _unwrapped(value: Any, source: str, depth: int) -> Pair:
    """The prompt and the workflow in a JSON value, wrapped as servers and tools wrap them."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = _parsed(value.encode("utf-8", "surrogatepass"), source)
    if depth == 0:
        return None, None
    if is_array(value):  # an item of the queue: number, id, prompt, extra data, outputs
        return _item(value, source, depth - 1)
    if not is_object(value):
        return None, None
    if is_array(value.get("nodes")):
        return None, value
    if is_prompt(value):
        return value, None
    prompt, workflow = _merged(
        [value.get("prompt"), value.get("workflow"), value.get("output")], source, depth - 1
    )
    extra = value.get("extra_data")
    if workflow is None and is_object(extra):
        workflow = _pnginfo(extra, source, depth - 1)
    if prompt is None and workflow is None and len(value) == 1:  # {prompt id: an entry of the history}
        return _unwrapped(next(iter(value.values())), source, depth - 1)
    return prompt, workflow


def _item(value: Any, source: str, depth: int) -> Pair:
    if len(value) < 3 or not is_object(value[2]):
        return _unwrapped(value[0], source, depth) if len(value) == 1 else (None, None)
    prompt, workflow = _unwrapped(value[2], source, depth)
    if len(value) > 3 and is_object(value[3]):
        workflow = workflow or _pnginfo(value[3], source, depth)
    return prompt, workflow


def _pnginfo(extra: Mapping[str, Any], source: str, depth: int) -> Mapping[str, Any] | None:
    info = extra.get("extra_pnginfo")
    return _unwrapped(info.get("workflow"), source, depth)[1] if is_object(info) else None


def _merged(values: list[Any], source: str, depth: int) -> Pair:
    prompt: Mapping[str, Any] | None = None
    workflow: Mapping[str, Any] | None = None
    for value in values:
        if value is not None:
            found = _unwrapped(value, source, depth)
            prompt, workflow = prompt or found[0], workflow or found[1]
    return prompt, workflow


def is_prompt(value: object) -> bool:
    """Whether a JSON value is a prompt: an object of objects, one of which has a class."""
    return (
        is_object(value)
        and any(is_object(node) and "class_type" in node for node in value.values())
        and all(is_object(node) for node in value.values())
    )
