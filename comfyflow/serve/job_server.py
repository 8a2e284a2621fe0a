"""The servers of a service: batch servers whose events are received, and which get only permitted files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from ..batch.fleet import NamedServers
from ..batch.refill import FileUse
from ..batch.schedule import Offer
from ..batch.server import PATIENCE, BatchServer, Ended
from ..client.flow import Flow
from ..client.inputs import upload_once
from ..client.routes.node_class_routes import class_infos
from ..client.run import Run
from ..input_file import InputFile
from ..source import Source, prompt_classes
from .job_maker import paid_message

if TYPE_CHECKING:
    from ..batch.record import Attempt
    from ..client import ClientOptions


class JobServer(BatchServer):
    """A server of a service; see `BatchServer`.

    Args:
        url: Its address.
        options: How to connect to it.
        patience: Seconds that it may be away before its rows are sent elsewhere.
        on_run: Called with each prompt that is about to be sent, or was found, and its row.
        allow_paid: Whether to allow nodes that call paid services.
    """

    def __init__(
        self,
        url: str,
        options: ClientOptions,
        patience: float,
        *,
        on_run: Callable[[int, Run], object],
        allow_paid: bool,
    ) -> None:
        super().__init__(url, options, patience, listens=True)
        self._on_run = on_run
        self._allow_paid = allow_paid
        self._paid: frozenset[str] = frozenset()

    @override
    async def offers(self, classes: Iterable[str]) -> Mapping[str, Offer | None]:
        """Ask for node classes, and note which of them call paid services."""
        names = sorted(classes)
        offers = await super().offers(names)
        infos = await self._drive(class_infos(self.client._core, names))
        paid = {name for name, info in infos.items() if info is not None and info.get("api_node") is True}
        self._paid |= paid
        return offers

    @override
    async def send(
        self, attempt: Attempt, source: Source, *, uploads: Sequence[object], alone: bool = False
    ) -> Ended:
        """Send a prompt, unless it calls a paid service and must not."""
        paid = [] if self._allow_paid else sorted(self._paid & prompt_classes(source.prompt))
        if paid:
            return Ended("invalid", paid_message(paid))
        if uploads and source.workflow is not None:
            # Embedded workflows would reveal the function's arguments, such as paths on this computer.
            source = dataclasses.replace(source, workflow=None, compiled=None, given={})
        return await super().send(attempt, source, uploads=uploads, alone=alone)

    @override
    def followed(self, attempt: Attempt, run: Run) -> None:
        super().followed(attempt, run)
        self._on_run(attempt.row, run)

    @override
    def uploaded(self, source: Source, uploads: Sequence[object]) -> Flow[Mapping[str, Any] | Ended]:
        """Upload these files and no others: a string in a request is never a local file."""
        prompt: dict[str, Any] = dict(source.prompt)
        for use in uploads:
            if not isinstance(use, FileUse):
                continue
            file = InputFile.of(use.path)
            if file is None or not use.path.is_file():
                return Ended("invalid", f"the file for {use.input_name} of node #{use.node_id} is gone")
            sent, _ = yield from upload_once(self.client._core, file)
            node = prompt[use.node_id]
            prompt[use.node_id] = {**node, "inputs": {**node["inputs"], use.input_name: sent.reference}}
        return prompt


class JobServers(NamedServers):
    """The servers of a service; see `NamedServers`. A service waits for them without a limit.

    Args:
        urls: The addresses.
        options: How to connect to them.
        on_run: See `JobServer`.
        allow_paid: See `JobServer`.
        patience: Seconds that one may be away before its rows are sent elsewhere.
    """

    is_open = True

    def __init__(
        self,
        urls: Sequence[str],
        options: ClientOptions,
        *,
        on_run: Callable[[int, Run], object],
        allow_paid: bool,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(urls, options, patience)
        self._on_run = on_run
        self._allow_paid = allow_paid

    @override
    def make(self, name: str) -> JobServer:
        """Create a server by its address."""
        return JobServer(
            name, self._options, self._patience, on_run=self._on_run, allow_paid=self._allow_paid
        )
