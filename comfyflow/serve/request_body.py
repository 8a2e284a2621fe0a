"""The parameters in a request: JSON, or a form with files; read within bounds."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ..batch.columns import Text
from ..bounds import (
    SERVED_FIELD,
    SERVED_FIELDS,
    SERVED_FILES,
    SERVED_JSON,
    SERVED_SECONDS,
    SERVED_VALUES,
    marks,
    readable,
)
from ..json_types import is_object
from ..timeout import within
from .refusal import Refusal
from .served_workflow import ServedWorkflow
from .upload_folder import UploadFolder

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
LONGEST_KEY: Final = 255
"""The longest idempotency key, in characters."""


async def read_values(request: Request, workflow: ServedWorkflow, uploads: UploadFolder) -> dict[str, Any]:
    """Read the parameters of a request, for `ServedWorkflow.check`.

    Args:
        request: The request.
        workflow: The workflow that they are for.
        uploads: The folder for files.

    Raises:
        Refusal: It is too large or too slow, or neither JSON nor a form.
        SaveError: A file cannot be written.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == FORM_TYPE:
            return await within(_form(request, workflow, uploads), SERVED_SECONDS)
        if kind == JSON_TYPE or (not kind and request.headers.get("content-length") in (None, "0")):
            return await within(_json(request), SERVED_SECONDS)
    except asyncio.TimeoutError:
        raise Refusal(408, "too_slow", f"the request did not arrive in {SERVED_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise Refusal(400, "broken_off", "the request was cut off") from None
    raise Refusal(415, "media_type", f"parameters must be sent as {JSON_TYPE} or {FORM_TYPE}")


async def _json(request: Request) -> dict[str, Any]:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > SERVED_JSON:
            raise Refusal(413, "too_large", f"JSON may have at most {readable(SERVED_JSON)}")
    if not data:
        return {}
    if marks(bytes(data)) > SERVED_VALUES:
        raise Refusal(413, "too_large", f"JSON may have at most {SERVED_VALUES:,} values")
    try:
        found = json.loads(data, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "bad_json", f"the body is not JSON: {error}"[:400]) from None
    if not is_object(found):
        raise Refusal(400, "bad_json", "the body must be a JSON object of parameters")
    return dict(found)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a usable number")


def _number(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _no_number(text[:40])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; duplicate names are refused as ambiguous."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name appears twice in one object")
    for text in (*made, *made.values()):
        if isinstance(text, str):
            text.encode()  # a lone surrogate is not valid text, and the ledger cannot store it
    return made


async def _form(request: Request, workflow: ServedWorkflow, uploads: UploadFolder) -> dict[str, Any]:
    tail = _Tail(request)
    limits = {"max_files": SERVED_FILES, "max_fields": SERVED_FIELDS, "max_part_size": SERVED_FIELD}
    given: dict[str, list[Any]] = {}
    try:
        async with Request(request.scope, tail.receive).form(**limits) as form:  # closes the files
            if not tail.is_whole:
                raise Refusal(400, "broken_off", "the form ends before its last boundary")
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    given.setdefault(name, []).append(Text(value))
                elif value.filename or value.size:  # otherwise a field without a chosen file
                    given.setdefault(name, []).append(await _kept(name, value, workflow, uploads))
    except HTTPException as error:
        raise Refusal(400, "bad_form", f"the form cannot be read: {error.detail}"[:400]) from None
    return {name: _value(values, name, workflow) for name, values in given.items()}


class _Tail:
    """Keeps the end of a form: the parser does not report whether it has seen the last boundary.

    Args:
        request: The request.
    """

    def __init__(self, request: Request) -> None:
        _, options = parse_options_header(request.headers.get("content-type", ""))
        self._end: Final = b"--" + options.get(b"boundary", b"") + b"--"
        self._receive: Final = request.receive
        self._tail = b""

    async def receive(self) -> Message:
        """Receive the next chunk."""
        message = await self._receive()
        self._tail = (self._tail + message.get("body", b""))[-len(self._end) - len(b"\r\n") :]
        return message

    @property
    def is_whole(self) -> bool:
        """Whether it ended with the last boundary."""
        return self._tail.rstrip(b"\r\n").endswith(self._end)


async def _kept(name: str, file: UploadFile, workflow: ServedWorkflow, uploads: UploadFolder) -> str:
    reference = await asyncio.to_thread(uploads.keep, file.file)
    if reference is None:
        said = "got a file that is not a picture, video, sound, model or latent"
        problem = workflow.problem(name, said, file.filename)
        raise Refusal(422, "file_kind", problem.message, [problem])
    return reference


def _value(values: list[Any], name: str, workflow: ServedWorkflow) -> Any:
    """The value of a field, or a list if it is given several times."""
    entry = workflow.parameters.find(name)
    collects = entry is not None and entry.annotation.collects
    if len(values) == 1 and not (collects and not isinstance(values[0], Text)):
        return values[0]
    return [str(each) for each in values]


def header_text(headers: Mapping[str, str], name: str, longest: int) -> str | None:
    """A request header that must be a short string; None if it is missing.

    Raises:
        Refusal: It is too long, or contains invalid characters.
    """
    found = headers.get(name)
    if found is None:
        return None
    if not 0 < len(found) <= longest or not found.isprintable() or not found.isascii():
        raise Refusal(400, "bad_header", f"{name} must have 1 to {longest} printable ASCII characters")
    return found
