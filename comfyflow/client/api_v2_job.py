"""Jobs of the Comfy API v2, in the terms that this package uses for prompts.

The forms are from the API's published description (2.0.0) and from comfy-api-proxy 0.1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..json_types import (
    array_or_empty,
    is_array,
    is_number,
    is_object,
    object_or_empty,
    text_of,
    text_or_empty,
)
from .backend import Sighting
from .event import ExecutionFailed
from .flow import Answer, json_body
from .run_event import Outcome
from .submission import refusal_body

LABEL: Final = "comfyflow"
"""The label of a job that holds the id that this package gave the prompt."""


_KEYS: Final = {
    "image": "images",
    "video": "video",
    "audio": "audio",
    "latent": "latents",
}
"""The output key for each kind of file; the API reports only the kind."""


_WAITING: Final = frozenset({"queued"})


_ENDINGS: Final = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class ApiJob:
    """A job.

    Attributes:
        id: Its id.
        status: ``queued``, ``running``, ``canceling``, ``succeeded``, ``failed``, ``canceled`` or
            ``expired``; newer servers may use others.
        label: The id that this package gave the prompt, if the job has it.
        raw: The server's own object.
    """

    id: str
    status: str
    label: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @property
    def sighting(self) -> Sighting | None:
        """Where the prompt is; None if the server does not have it.

        comfy-api-proxy (0.1.6) looks in ComfyUI's history and then in its queue, and reports ``expired`` if
        the job is in neither, which includes a job that ends in between. So ``expired`` is not an end, but a
        reason to ask again.
        """
        if self.status == "expired":
            return None
        if self.status in _ENDINGS:
            return Sighting("ended", 0, self.outcome, prompt_id=self.id)
        if self.status in _WAITING:
            return Sighting("pending", queue_position(self.raw), prompt_id=self.id)
        return Sighting("running", prompt_id=self.id)

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        outputs = read_outputs(self.raw.get("outputs"))
        if self.status == "succeeded":
            return Outcome("success", outputs, from_history=True, entry=self.raw)
        if self.status == "canceled":
            return Outcome("interrupted", outputs, from_history=True, entry=self.raw)
        return Outcome("error", outputs, failure=self._failure(), from_history=True, entry=self.raw)

    def _failure(self) -> ExecutionFailed | None:
        said = self.raw.get("error")
        if not is_object(said):
            return None
        return ExecutionFailed(
            self.id,
            text_of(said, "node_id"),
            text_of(said, "class_type"),
            text_or_empty(said.get("code")),
            text_or_empty(said.get("message")).rstrip("\n"),
            tuple(text_or_empty(said.get("traceback")).splitlines()),
            timestamp=0.0,  # without one it would only be blocked
            raw=said,
        )


def read_api_job(value: object) -> ApiJob | None:
    """Parse a job as the server sends it; None if it is not one."""
    if not is_object(value) or not isinstance(value.get("id"), str) or not value["id"]:
        return None
    label = value.get("metadata")
    if is_object(label):
        label = label.get(LABEL)
    return ApiJob(value["id"], text_or_empty(value.get("status")), text_or_empty(label), value)


def queue_position(said: Mapping[str, Any]) -> int:
    """How many prompts run or wait before this one: the first waiting prompt is at position 1."""
    position = said.get("queue_position")
    return int(position) if is_number(position) and 0 <= position < 1 << 31 else 0


def read_outputs(listed: object) -> dict[str, Mapping[str, Any]]:
    """A job's files by node, in ComfyUI's form.

    Other properties of a file (its asset's id and hash, its address) are kept; a size of 0 means unknown.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for output in array_or_empty(listed):
        if not is_object(output) or not isinstance(output.get("name"), str):
            continue
        key = _KEYS.get(text_or_empty(output.get("type")), "files")
        files = found.setdefault(text_or_empty(output.get("node_id")), {})
        files.setdefault(key, []).append(_read_file(output))
    return dict(found)


def _read_file(said: Mapping[str, Any]) -> dict[str, Any]:
    left_out = ("node_id", "name", "type", "job_id")
    info = {name: value for name, value in said.items() if name not in left_out and value is not None}
    if not info.get("size_bytes"):
        info.pop("size_bytes", None)
    return {**info, "filename": said["name"], "subfolder": "", "type": "output"}


def error_code(answer: Answer) -> str:
    """The code of an error answer, such as ``invalid_workflow``; empty if it has none."""
    return text_or_empty(_error_in(answer).get("code"))


def as_comfyui_refusal(answer: Answer) -> Answer:
    """The answer that refuses a job, in the form of ComfyUI's refusal of a prompt."""
    said = _error_in(answer)
    errors = object_or_empty(object_or_empty(said.get("details")).get("node_errors"))
    body: dict[str, Any] = {
        "error": {
            "type": text_or_empty(said.get("code")) or "invalid_workflow",
            "message": text_or_empty(said.get("message")) or "the server refused the workflow",
            "details": "",
            "extra_info": {},
        },
        "node_errors": {node_id: _node_error(entry) for node_id, entry in errors.items()},
    }
    return Answer(answer.status, answer.headers, json_body(body))


def _node_error(entry: object) -> object:
    """The errors of one node: ComfyUI's own object, or the short list from the API's description."""
    if not is_array(entry):
        return entry
    errors = [
        {
            "type": text_or_empty(error.get("reason")),
            "message": text_or_empty(error.get("message")) or text_or_empty(error.get("reason")),
            "details": text_or_empty(error.get("field")),
            "extra_info": {"input_name": text_or_empty(error.get("field"))},
        }
        for error in entry
        if is_object(error)
    ]
    return {"errors": errors, "dependent_outputs": [], "class_type": ""}


def _error_in(answer: Answer) -> Mapping[str, Any]:
    return object_or_empty(refusal_body(answer).get("error"))
