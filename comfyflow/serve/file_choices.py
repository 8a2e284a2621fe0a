"""The files that servers have for parameters that name one: models, LoRAs, and the like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from ..bounds import LISTED_CHOICES
from ..client import AsyncClient
from ..errors import ComfyflowError
from ..json_types import is_array, is_object
from ..schema import Schema
from .served_workflow import ServedWorkflow
from .service import Service

_SECONDS: Final = 10.0
"""How long an answer is kept: many clients must not ask a server more often."""
_LONGEST: Final = 15.0
"""How long a server may take."""


class FileChoices:
    """Asks the servers of a service which files they have.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: dict[str, tuple[float, dict[str, list[str]]]] = {}
        self._asking = asyncio.Lock()

    async def of(self, workflow: ServedWorkflow) -> dict[str, list[str]]:
        """The files for each parameter of a workflow that names one, as the servers list them.

        Args:
            workflow: The workflow.

        Returns:
            Lists by parameter; a parameter for which no server has any is not there.
        """
        async with self._asking:
            since, found = self._kept.get(workflow.name, (-_SECONDS, {}))
            if time.monotonic() - since >= _SECONDS:
                found = await self._ask(workflow)
                self._kept[workflow.name] = time.monotonic(), found
            return found

    async def _ask(self, workflow: ServedWorkflow) -> dict[str, list[str]]:
        wanted = {
            name: tuple(str(files).rpartition(".")[::2])
            for name, entry in workflow.schema["properties"].items()
            if (files := files_of(entry))
        }
        classes = sorted({class_type for class_type, _ in wanted.values()})
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

    async def _schema(self, url: str, class_types: Sequence[str]) -> Schema:
        raw: dict[str, Any] = {}
        # A server that is away offers nothing.
        with suppress(ComfyflowError, asyncio.TimeoutError):
            await asyncio.wait_for(self._infos(url, class_types, raw), _LONGEST)
        return Schema(raw)

    async def _infos(self, url: str, class_types: Sequence[str], raw: dict[str, Any]) -> None:
        async with AsyncClient(url, **self._service.options.options) as client:
            for class_type in class_types:
                raw.update(await client.object_info(class_type))


def files_of(entry: Mapping[str, Any]) -> str:
    """The input whose files a parameter names, ``CLASS.INPUT``; empty where it names none.

    Args:
        entry: Its JSON Schema; of a list, that of its values counts.
    """
    found = entry.get("x-files")
    if isinstance(found, str):
        return found
    inner = [entry.get("items"), *(kinds if is_array(kinds := entry.get("anyOf")) else ())]
    return next((files for each in inner if is_object(each) and (files := files_of(each))), "")
