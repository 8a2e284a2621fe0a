"""The OpenAPI description of requests that are parsed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from ..json_types import is_array, is_object
from .answer import JobAnswer, RefusalAnswer
from .refusal import MEDIA_TYPE
from .request_body import FORM_TYPE, JSON_TYPE, LONGEST_KEY
from .served_workflow import ServedWorkflow
from .webhook import LONGEST_URL


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers to refused requests.

    Args:
        statuses: The HTTP statuses, in addition to those that every request can get.
    """
    content = {MEDIA_TYPE: {"schema": _inlined(RefusalAnswer.model_json_schema())}}
    every = (400, 403, 421, 422, 503)
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted({*statuses, *every})
    }


def job_operation(workflow: ServedWorkflow) -> dict[str, Any]:
    """The description of the operation that creates a job of a workflow.

    Args:
        workflow: The workflow.
    """
    schema = _inlined(workflow.schema)
    form = {**schema, "properties": {name: _field(each) for name, each in schema["properties"].items()}}
    return {
        "operation_id": f"run_{workflow.name}",
        "summary": f"Run {workflow.name}",
        "description": workflow.description,
        "status_code": 202,
        "response_model": JobAnswer,
        "responses": {
            200: {"description": "The job that the Idempotency-Key was used for", "model": JobAnswer},
            **refusals(401, 408, 413, 415, 429),
        },
        "openapi_extra": {
            "requestBody": {
                "required": bool(schema.get("required")),
                "content": {
                    JSON_TYPE: {"schema": schema, "example": workflow.example()},
                    FORM_TYPE: {"schema": form},
                },
            },
            "parameters": [
                _header(
                    "Idempotency-Key", "The same request with the same key is accepted only once.", _PRINTABLE
                ),
                _header(
                    "Webhook-URL",
                    "Notified of the end, with a signature.",
                    {"format": "uri", "maxLength": LONGEST_URL},
                ),
                _header(
                    "Prefer",
                    "`wait=10` answers when the job has ended, or after this many seconds.",
                    {"minLength": 0},
                ),
            ],
        },
    }


_PRINTABLE: Final = {"maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"}


def _header(name: str, description: str, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "minLength": 1, **more},
    }


def _field(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter as a form field: for a parameter that takes a file, the file itself is allowed."""
    if "x-upload" not in entry and entry.get("format") != "path":
        return entry
    return {
        **entry,
        "description": f"{entry.get('description', '')} The file itself, or a reference.".strip(),
    }


def _inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema with every definition inlined where it is referenced, unless it is recursive."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def inline(value: Any, within: tuple[str, ...]) -> Any:
        if is_array(value):
            return [inline(each, within) for each in value]
        if not is_object(value):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            name = reference.rpartition("/")[2]
            if name in within or name not in definitions:
                return {}
            more = {key: each for key, each in value.items() if key != "$ref"}
            return {**inline(definitions[name], (*within, name)), **inline(more, within)}
        return {key: inline(each, within) for key, each in value.items() if key not in ("$defs", "$schema")}

    made: dict[str, Any] = inline(schema, ())
    return made
