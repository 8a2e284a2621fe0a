"""The editor workflow sent with a row, so that its files open in the editor."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from ..bounds import TEMPLATES
from ..client.core import Core
from ..client.flow import Flow
from ..client.routes.node_class_routes import class_infos
from ..errors import ConversionError, ExportError
from ..schema import Schema
from ..source import Source

_EMBEDS: Final = "EXTRA_PNGINFO"
"""The hidden input through which a node class gets the workflow, to write it into its files."""


class Embedding:
    """Exports the workflows of prompts, with the classes as the server describes them.

    A workflow is exported only if a node of the prompt takes one: a batch reads the history of every row,
    where the server repeats what was sent.
    """

    def __init__(self) -> None:
        self._schemas: OrderedDict[frozenset[str], Schema | None] = OrderedDict()

    def of(self, core: Core, source: Source) -> Flow[Mapping[str, Any] | None]:
        """The workflow of a prompt; None if no node takes it, or the editor cannot represent it.

        Args:
            core: The client of the server.
            source: The source, with the prompt as it is sent to the server.

        Raises:
            ClientError: The server cannot be asked for its classes.
        """
        nodes = source.prompt.values()
        classes = frozenset(name for node in nodes if isinstance(name := node.get("class_type"), str))
        if classes not in self._schemas:
            self._schemas[classes] = yield from _schema(core, classes)
            if len(self._schemas) > TEMPLATES:
                self._schemas.popitem(last=False)
        schema = self._schemas[classes]
        return None if schema is None else _written(source, schema)


def _schema(core: Core, classes: frozenset[str]) -> Flow[Schema | None]:
    """The classes of a prompt; None if none of them takes a workflow."""
    infos = yield from class_infos(core, classes)
    schema = Schema({name: info for name, info in infos.items() if info is not None})
    known = (schema.get(name) for name in classes)
    return schema if any(node is not None and _EMBEDS in node.hidden_types for node in known) else None


def _written(source: Source, schema: Schema) -> Mapping[str, Any] | None:
    """The editor's file with the row's values, if the prompt came from one; else a new workflow."""
    from ..exporter import to_workflow
    from ..exporter.writing import embedded_workflow

    if source.editor is not None:
        if not source.given:
            return source.editor
        try:
            return to_workflow(source, schema)
        except (ConversionError, ExportError):
            pass  # a new one can still be exported
    return embedded_workflow(source, schema)
