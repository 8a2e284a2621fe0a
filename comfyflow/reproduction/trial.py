"""A file's prompt on its way to a server: checked, and its input files found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..client.inputs import Upload
from ..client.routes.node_class_routes import class_infos
from ..dynamic import unfold_inputs
from ..errors import ReproductionError, ServerError
from ..graph import Link
from ..graph.prompt import read_nodes
from ..input_file import UploadedFile, bare_name, is_file, is_plain_path
from ..lock import Drift, Lock, check
from ..model_files.folder import is_model_name
from ..schema import Schema, Version, takes_file
from ..schema.installed_files import is_media_file
from ..source import Source, prompt_classes
from .model_check import CheckedModel, check_models

if TYPE_CHECKING:
    from ..client import Client, SystemStats
    from ..schema import NodeSchema
    from .original import Original

_MISSING: Final = frozenset({400, 403, 404})
"""Answers for a file that a server does not have or serve."""


@dataclass(frozen=True)
class NeededFile:
    """An input file that a prompt names.

    Attributes:
        node_id: The node that reads it.
        class_type: Its class.
        input_name: The input.
        reference: Its name in the prompt.
        digest: The SHA-256 of the file that was read when the original was made; None if the original does
            not record it.
        there: Whether the server has it; None if unknown.
        same: Whether the file that will be read is the one that was read; None if unknown.
    """

    node_id: str
    class_type: str
    input_name: str
    reference: str
    digest: str | None = None
    there: bool | None = None
    same: bool | None = None

    @property
    def is_here(self) -> bool:
        """Whether there is a local file of that name below the current folder, which is then uploaded."""
        plain = is_plain_path(self.reference) and is_media_file(self.reference)
        return plain and is_file(self.reference)

    def __str__(self) -> str:
        return f"{self.reference} (of #{self.node_id} {self.class_type}.{self.input_name})"


class Trial:
    """The prompt that made a file, checked against a server and ready to run there.

    Args:
        client: The client of the server.
        original: The file.
        source: The prompt that made it.
        lock: The record of the server that made it, or None.
        comfyui: The server's ComfyUI folder, whose model files are then compared; None if it cannot be read
            here.
    """

    def __init__(
        self,
        client: Client,
        original: Original,
        source: Source,
        lock: Lock | None = None,
        comfyui: Path | None = None,
    ) -> None:
        self.original: Final = original
        self.source: Source = source
        self.lock: Final = lock
        self.stats: Final[SystemStats] = client.system_stats()
        self.classes: Final[Schema] = self._asked(client)
        self.drifts: Final[Sequence[Drift]] = [
            drift
            for drift in check(source.prompt, self.classes, lock, places=source.places)
            if drift.type != "file_missing"  # `files` reports more about them
        ]
        self.checked_models: Final[Sequence[CheckedModel]] = check_models(
            source.prompt, original.editor, self.classes, client, comfyui
        )
        self.files: list[NeededFile] = [self._looked_for(client, file) for file in self._needed()]
        for file in self.files:
            if file.there:  # and not the local file of the same name
                self.source = self.source.with_input(
                    file.node_id, file.input_name, UploadedFile.named(file.reference)
                )

    @property
    def version(self) -> Version | None:
        """The server's version; None if it does not report it."""
        return self.stats.version

    @property
    def simulated(self) -> bool:
        """Whether the server is a simulator, which has no models."""
        return (self.stats.system.pytorch_version or "").endswith("+simulated")

    @property
    def device(self) -> str:
        """The server's device, or ``""``."""
        devices = self.stats.devices
        return (devices[0].name or "") if devices else ""

    @property
    def missing(self) -> list[NeededFile]:
        """Input files that neither the server nor this computer has."""
        return [file for file in self.files if file.there is False and not file.is_here]

    @cached_property
    def partner_nodes(self) -> Mapping[str, NodeSchema]:
        """The nodes that call paid services, by id, with their classes."""
        return self.using(lambda node: node.api_node)

    @cached_property
    def unchecked_models(self) -> list[str]:
        """The model files that the prompt names, without duplicates, except those whose hash is known."""
        values = (value for node in read_nodes(self.source.prompt).values() for value in node.inputs.values())
        names = dict.fromkeys(value for value in values if is_model_name(value))
        known = {model.name for model in self.checked_models if model.same is not None}
        return [name for name in names if name.replace("\\", "/") not in known]

    def using(self, holds: Callable[[NodeSchema], bool]) -> dict[str, NodeSchema]:
        """The nodes whose class meets a condition, by id, with their classes.

        Args:
            holds: The condition.
        """
        nodes = read_nodes(self.source.prompt).items()
        known = ((node_id, self.classes.get(node.class_type)) for node_id, node in nodes)
        return {node_id: found for node_id, found in known if found is not None and holds(found)}

    def give(self, client: Client, given: Mapping[str, str | os.PathLike[str]]) -> list[Upload]:
        """Upload input files under their names in the prompt.

        Args:
            client: The client of the server.
            given: The files, by name.

        Returns:
            The uploads.

        Raises:
            ReproductionError: The prompt does not name the file, or it cannot be read.
        """
        uploads: list[Upload] = []
        for reference, path in given.items():
            needed = [file for file in self.files if reference in (file.reference, bare_name(file.reference))]
            if not needed:
                named = ", ".join(file.reference for file in self.files) or "none"
                raise ReproductionError(f"the prompt has no input file {reference!r}; it has: {named}")
            wanted = UploadedFile.named(needed[0].reference)
            try:
                with open(path, "rb") as opened:  # noqa: PTH123 (any path is allowed)
                    content = opened.read()
            except OSError as error:
                raise ReproductionError(f"cannot read {os.fspath(path)}: {error.strerror}") from None
            stored = client.upload_image(
                content, name=wanted.name, subfolder=wanted.subfolder, type=wanted.type
            )
            for file in needed:
                self.source = self.source.with_input(file.node_id, file.input_name, stored)
                uploads.append(Upload(file.node_id, file.input_name, os.fspath(path), stored.reference))
                known = replace(file, there=True, same=_is_same(file.digest, content))
                self.files[self.files.index(file)] = known
        return uploads

    def _asked(self, client: Client) -> Schema:
        """The prompt's node classes, from the server."""
        names = sorted(prompt_classes(self.source.prompt))
        infos = client._driver.drive(class_infos(client._core, names, anew=True))
        known = {name: info for name, info in infos.items() if info is not None}
        return Schema(known, self.stats.version, client.url, editor=self.stats.editor)

    def _needed(self) -> Iterator[NeededFile]:
        for node_id, node in read_nodes(self.source.prompt).items():
            known = self.classes.get(node.class_type)
            entries = unfold_inputs(known.inputs, node.inputs) if known is not None else ()
            for entry in entries:
                value = node.inputs.get(entry.name)
                named = takes_file(entry) and isinstance(value, str) and not isinstance(value, Link)
                if named and (entry.upload is not None or is_media_file(bare_name(str(value)))):
                    digest = self.original.digest_of(node_id)
                    yield NeededFile(node_id, node.class_type, entry.name, str(value), digest)

    def _looked_for(self, client: Client, file: NeededFile) -> NeededFile:
        """The file, with whether the server has it, and whether it is the one that was read."""
        asked = UploadedFile.named(file.reference)
        query = {"filename": asked.name, "type": asked.type, "subfolder": asked.subfolder}
        if not asked.name:
            return file
        if file.digest is None:
            answer = client.request("HEAD", "/api/view", query=query)
            there = True if answer.ok else False if answer.status in _MISSING else None
            return replace(file, there=there)
        try:
            content = client.view(asked.name, subfolder=asked.subfolder, type=asked.type)
        except ServerError as error:
            return replace(file, there=False if error.status in _MISSING else None)
        return replace(file, there=True, same=_is_same(file.digest, content))


def _is_same(digest: str | None, content: bytes) -> bool | None:
    return None if digest is None else hashlib.sha256(content).hexdigest() == digest
