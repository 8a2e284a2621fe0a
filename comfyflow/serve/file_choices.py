"""The files that servers have for parameters that name one: models, LoRAs, and the like."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from ..bounds import LISTED_CHOICES
from ..client import AsyncClient
from ..client.routes.node_class_routes import class_infos
from ..errors import ComfyflowError
from ..json_types import is_array, is_object
from ..schema import Schema
from ..timeout import within
from .served_workflow import ServedWorkflow
from .service import Service

_SECONDS: Final = 10.0
"""How long an answer is kept: many clients must not ask a server more often."""
_LONGEST: Final = 15.0
"""How long a server may take."""


class FileChoices:
    """Asks the servers of a service which files they have.

    A server that is slow delays only those who wait for its answer: there is one request for all who want
    the same classes of one server, and no server or workflow waits for another.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked: dict[tuple[str, tuple[str, ...]], _Asked] = {}

    async def of(self, workflow: ServedWorkflow) -> dict[str, list[str]]:
        """The files for each parameter of a workflow that names one, as the servers list them.

        Args:
            workflow: The workflow.

        Returns:
            Lists by parameter; a parameter for which no server has any is not there.
        """
        wanted = {
            name: tuple(str(files).rpartition(".")[::2])
            for name, entry in workflow.schema["properties"].items()
            if (files := file_input_of(entry))
        }
        classes = tuple(sorted({class_type for class_type, _ in wanted.values()}))
        servers = self._service.options.servers if wanted else ()
        schemas = await asyncio.gather(*(self._schema(url, classes) for url in servers))
        found: dict[str, dict[str, None]] = {}
        for schema in schemas:
            for name, (class_type, input_name) in wanted.items():
                node = schema.get(class_type)
                inputs = node.inputs if node is not None else ()
                listed = next((entry.choices for entry in inputs if entry.name == input_name), None) or ()
                texts = (choice for choice in listed if isinstance(choice, str))
                found.setdefault(name, {}).update(dict.fromkeys(texts))
        return {name: [*files][:LISTED_CHOICES] for name, files in found.items() if files}

    async def _schema(self, url: str, classes: tuple[str, ...]) -> Schema:
        asked = self._asked.get((url, classes))
        if asked is None or time.monotonic() >= asked.until:
            asked = _Asked(asyncio.create_task(self._ask(url, classes)))
            asked.answer.add_done_callback(asked.answered)
            self._asked[url, classes] = asked
        return await asyncio.shield(asked.answer)  # a client that leaves must not end it for the others

    async def _ask(self, url: str, classes: tuple[str, ...]) -> Schema:
        infos: Mapping[str, Mapping[str, Any] | None] = {}
        # A server that is away offers nothing.
        with suppress(ComfyflowError, asyncio.TimeoutError):
            async with AsyncClient(url, **self._service.options.options) as client:
                flow = class_infos(client._core, classes)
                infos = await within(client._driver.drive(flow), _LONGEST)
        return Schema({name: info for name, info in infos.items() if info is not None})


class _Asked:
    """What a server was asked, and its answer.

    Attributes:
        answer: The answer, or the request for it.
        until: The time until which it is used.
    """

    def __init__(self, answer: asyncio.Task[Schema]) -> None:
        self.answer: Final = answer
        self.until: float = math.inf

    def answered(self, _: object) -> None:
        """Note when the answer came."""
        self.until = time.monotonic() + _SECONDS


def file_input_of(entry: Mapping[str, Any]) -> str:
    """The input whose files a parameter names, ``CLASS.INPUT``; empty where it names none.

    Args:
        entry: Its JSON Schema; of a list, that of its values counts.
    """
    found = entry.get("x-files")
    if isinstance(found, str):
        return found
    inner = [entry.get("items"), *(kinds if is_array(kinds := entry.get("anyOf")) else ())]
    return next((files for each in inner if is_object(each) and (files := file_input_of(each))), "")
