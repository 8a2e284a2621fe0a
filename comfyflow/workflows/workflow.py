"""A workflow: what is reachable from the nodes that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, overload

from ..collector import collector_paused
from ..errors import CompileError, GraphError, NodeUsageError, SchemaError
from ..graph import Graph
from ..graph.prompt import Prompt, to_prompt, write_nodes
from ..node import Node
from ..problem import Place
from ..record import Record
from .compile import Ids, NodePlaces, build_graph, graph_nodes, module_names, number_nodes, reachable_nodes
from .root import root_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import TypeVarTuple, Unpack

    from ..picture import Picture, Theme
    from ..schema import Schema
    from ..validate import Report

R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
if TYPE_CHECKING:
    Roots = TypeVarTuple("Roots")


class Compiled(Record):
    """A workflow, compiled: its graph, its prompt, and the way back to the user's nodes.

    Attributes:
        graph: The graph.
        ids: The id of each node that the user made and that is in the prompt.
    """

    graph: Graph
    ids: Ids

    _names: ClassVar[tuple[str, ...]] = ("graph", "ids")

    def __init__(self, graph: Graph, ids: Ids) -> None:
        self.__dict__.update(graph=graph, ids=ids)

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt JSON."""
        with collector_paused():
            return to_prompt(self.graph)

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The user's nodes by id."""
        return {node_id: node for node, node_id in self.ids.items()}

    @property
    def places(self) -> Mapping[str, Place]:
        """Where the user created each node, by id; computed on demand."""
        return self.graph.places

    def id_of(self, node: Node) -> str:
        """The id of one of the user's nodes.

        Raises:
            GraphError: The node is not in this workflow, or is bypassed.
        """
        node_id = self.ids.get(node)
        if node_id is None:
            raise GraphError(f"{node!r} is not in this workflow, or is bypassed")
        return node_id


class Call(NamedTuple):
    """The call of a function that made a workflow."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __copy__(self) -> Call:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Call:
        from copy import deepcopy

        return Call(self.function, deepcopy(self.args, memo), deepcopy(self.kwargs, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        # By its name the function is found decorated, which is another object: pickled, a call is None.
        return type(None), ()


class Workflow(Generic[R_co]):
    """A graph to check, compile and run: its roots and everything they depend on.

    Args:
        roots: Nodes (or outputs of nodes) to run; or tuples, lists, dicts, named tuples and
            dataclasses of them. The result has the same shape; see also `output_of`.

    Raises:
        NodeUsageError: A root is not a node.
    """

    @overload
    def __init__(self: Workflow[S], root: S, /) -> None: ...

    @overload
    def __init__(self: Workflow[tuple[Unpack[Roots]]], /, *roots: Unpack[Roots]) -> None: ...

    def __init__(self, /, *roots: Any) -> None:  # type: ignore[misc]  # mypy compares no *Roots with Any
        self._root: Any = roots[0] if len(roots) == 1 else roots
        self._roots = tuple(dict.fromkeys(root_nodes(self._root)))
        if not self._roots:
            raise NodeUsageError("a workflow needs at least one node; does the function return its nodes?")
        self._name = ""
        self._call: Call | None = None
        self._canvas: Path | None = None

    @property
    def root(self) -> R_co:
        """What the workflow was made of: the node, or nodes, in the shape of its result."""
        root: R_co = self._root
        return root

    @property
    def roots(self) -> tuple[Node, ...]:
        """The nodes that it is run for."""
        return self._roots

    @property
    def name(self) -> str:
        """The name of the function that made it, or ``""``."""
        return self._name

    def compile(self) -> Compiled:
        """Compile the graph as it is now.

        Raises:
            CompileError: Two nodes have the same id, or a value cannot be written as JSON.
        """
        with collector_paused():
            ids = self._ids()
            return Compiled(build_graph(ids), ids)

    @property
    def graph(self) -> Graph:
        """The graph as it is now."""
        return self.compile().graph

    def to_prompt(self) -> Prompt:
        """The prompt JSON: what ``POST /prompt`` takes as ``prompt``.

        Raises:
            CompileError: See `compile`.
        """
        return _prompt_of(self._ids())

    def schema(self) -> Schema:
        """The schema that its node classes were generated from.

        Raises:
            SchemaError: No node of it comes from a generated package.
        """
        return _schema_of(module_names(self._roots))

    def validate(self, schema: Schema | None = None) -> Report:
        """Check the graph the way the server does, and for what the server misses.

        Args:
            schema: The schema of the server in use; by default, the one that the node classes
                were generated from.

        Raises:
            CompileError: See `compile`.
            SchemaError: No schema was given, and none of the nodes has one.
        """
        from ..validate import validate_prompt

        ids = self._ids()
        prompt = _prompt_of(ids)
        schema = schema if schema is not None else _schema_of({type(node).__module__ for node in ids})
        return validate_prompt(prompt, schema, places=NodePlaces(ids))

    def picture(self, schema: Schema | None = None, *, check: bool = False, theme: Theme = "auto") -> Picture:
        """Draw it the way the editor does. A notebook shows the picture; ``picture().save("x.svg")`` writes
        it.

        Args:
            schema: The schema of the server in use; by default, the one that the node classes were
                generated from, if there is one.
            check: Mark what `validate` finds in the drawing.
            theme: Light or dark background; ``auto`` follows the reader's system.

        Raises:
            CompileError: See `compile`.
            SchemaError: `check` is set, but there is no schema.
        """
        from ..picture import Picture

        problems = self.validate(schema).problems if check else ()
        if schema is None:
            with suppress(SchemaError):
                schema = self.schema()
        return Picture(self.compile().graph, schema, problems=problems, title=self.name, theme=theme)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {**self.picture()._repr_mimebundle_(), "text/plain": repr(self)}

    def _ids(self) -> Ids:
        with collector_paused():
            return number_nodes(reachable_nodes(self._roots))

    def __getstate__(self) -> dict[str, Any]:
        # Sources first: what a node is linked to is known by then, and a long chain needs no deep stack.
        nodes: list[Node] = []
        with suppress(CompileError):  # they form a cycle
            nodes = reachable_nodes(self._roots)
        return {"_nodes": nodes, **self.__dict__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        del state["_nodes"]
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"<Workflow {self._name or 'of ' + ', '.join(node._class_type for node in self._roots)}>"


def _prompt_of(ids: Ids) -> Prompt:
    with collector_paused():
        return write_nodes(graph_nodes(ids), shared=False)


def _schema_of(modules: Iterable[str]) -> Schema:
    from ..schema.package import package_schema

    return package_schema(modules)
