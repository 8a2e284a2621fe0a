"""What a generated module imports, and which paths in it are marked as untrusted.

They are marked so that no file of the user's is sent for them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..dynamic import unfold_inputs
from ..graph import Graph, GraphNode, Link
from ..input_file import ForeignPath, foreign_path, is_annotated, is_plain_path
from ..json_types import is_array, is_object
from ..schema import NodeSchema, Schema
from ..schema.installed_files import is_media_file, takes_file
from .accepted import ANY
from .layout import Blank, Comment, Line
from .text import constant


@dataclass
class Imports:
    """The names that a module must import; added to as they are used.

    Attributes:
        package: The package of node classes.
        taken: Names that mean something else in the module: a type of that name is not imported.
        nodes: Node classes.
        comfyflow: Public names of comfyflow.
        node_module: Names of ``comfyflow.node``.
        sockets: Socket classes.
        choices: Aliases of lists of choices.
        typing: Names of ``typing``.
    """

    package: str
    taken: frozenset[str]
    nodes: set[str] = field(default_factory=set[str])
    comfyflow: set[str] = field(default_factory=set[str])
    node_module: set[str] = field(default_factory=set[str])
    sockets: set[str] = field(default_factory=set[str])
    choices: set[str] = field(default_factory=set[str])
    typing: set[str] = field(default_factory=set[str])

    def socket(self, name: str) -> str:
        """A socket class as it is called in annotations: itself, or ``Any``."""
        return self._type(name, self.sockets, self.choices)

    def choice(self, name: str) -> str:
        """An alias of a list of choices as it is called in annotations: itself, or ``Any``."""
        return self._type(name, self.choices, self.sockets)

    def any(self) -> str:
        """``Any``."""
        self.typing.add(ANY)
        return ANY

    def _type(self, name: str, wanted: set[str], others: set[str]) -> str:
        if name == ANY or name in self.taken or name in others:
            return self.any()
        wanted.add(name)
        return name

    def constant(self, value: Any) -> ast.expr:
        """A value, and the import of what marks the paths in it."""
        if holds_foreign_path(value):
            self.comfyflow.add(foreign_path.__name__)
        return constant(value)

    def lines(self) -> list[Line]:
        """The statements; comfyflow's are kept apart from the node package's, for linters differ
        on which of the two is a project's own.
        """
        ours = {"comfyflow": self.comfyflow, "comfyflow.node": self.node_module}
        nodes = {
            self.package: self.nodes,
            f"{self.package}.choices": self.choices,
            f"{self.package}.sockets": self.sockets,
        }
        lines: list[Line] = [_statement("typing", self.typing), Blank()] if self.typing else []
        lines += [_statement(module, names) for module, names in ours.items() if names]
        if any(nodes.values()):
            lines += [Blank(), Comment(["# isort: split"])]
        return lines + [_statement(module, names) for module, names in nodes.items() if names]


def _statement(module: str, names: Iterable[str]) -> ast.ImportFrom:
    return ast.ImportFrom(module, [ast.alias(one) for one in sorted(names, key=_key)], 0)


def _key(text: str) -> tuple[int, str, str]:
    """Constants, then classes, then functions, each without regard to case: as ruff sorts."""
    kind = 0 if text.isupper() and len(text) > 1 else 1 if text[:1].isupper() else 2
    return kind, text.casefold(), text


def with_marked_paths(graph: Graph, schema: Schema) -> Graph:
    """A graph in which each path that leaves the current folder is a `ForeignPath`.

    Only values of inputs that take a file are looked at; of a class that the schema does not know,
    all that look like the name of one.

    Args:
        graph: The graph.
        schema: The schema of its classes.
    """
    return graph.with_nodes(_marked(node, schema.get(node.class_type)) for node in graph.values())


def holds_foreign_path(value: Any) -> bool:
    """Whether a value is a path like that, or a list or an object that has one."""
    if is_object(value):
        value = list(value.values())
    return isinstance(value, ForeignPath) or (is_array(value) and any(map(holds_foreign_path, value)))


def _marked(node: GraphNode, known: NodeSchema | None) -> GraphNode:
    takes = None
    if known is not None:
        takes = {entry.name for entry in unfold_inputs(known.inputs, node.inputs) if takes_file(entry)}
        if not takes:
            return node
    inputs = {
        name: value
        if type(value) is Link or (takes is not None and name not in takes)
        else _value(value, unknown=takes is None)
        for name, value in node.inputs.items()
    }
    return node.with_inputs(inputs)


def _value(value: Any, *, unknown: bool) -> Any:
    if is_array(value):
        return [_value(one, unknown=unknown) for one in value]
    if is_object(value):
        return {key: _value(one, unknown=unknown) for key, one in value.items()}
    if not isinstance(value, str) or is_plain_path(value) or is_annotated(value):
        return value
    if not value or (unknown and not is_media_file(value)):
        return value
    return ForeignPath(value)
