"""Strategies for the arguments of a single node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from ...errors import SchemaError
from ...node import Output, raw_node
from ...schema import NodeSchema, Schema
from ...schema.input_schema import ANY
from .arguments import Arguments
from .vocabulary import EVERY, NEVER, Vocabulary

_PLENTY: Final = 1_000_000


def node_inputs(
    node: NodeSchema,
    links: Callable[[tuple[str, ...]], st.SearchStrategy[Any]] | None = None,
    values: Mapping[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[dict[str, Any]]:
    """What a node of a class can be given, by wire name: ``raw_node(node.class_type, inputs)``.

    Args:
        node: The class.
        links: Draws what a socket of some types is linked to; ``("*",)`` for any type. By
            default, the first output of a raw node whose class is called as the type.
        values: By input, what is given there in place of all that the schema allows.

    Raises:
        SchemaError: An input can be given nothing: a list of files without a file, a range with
            nothing in it.
    """
    vocabulary = _OneNode(node, values or {})
    if vocabulary.cost_of_node(node, {}) == NEVER:
        names = [entry.name for entry in node.inputs if vocabulary.of_input(entry, {}) == NEVER]
        raise SchemaError(f"{node.class_type}: nothing fits {', '.join(map(repr, names))}")
    return _inputs(vocabulary, node, links or _any_output)


@st.composite
def _inputs(
    draw: st.DrawFn,
    vocabulary: Vocabulary,
    node: NodeSchema,
    links: Callable[[tuple[str, ...]], st.SearchStrategy[Any]],
) -> dict[str, Any]:
    arguments = Arguments(draw, vocabulary, {}, _PLENTY)
    arguments.fill(node, {})
    for demand in arguments.demands:
        arguments.inputs[demand.input_name] = draw(links(_named(demand.types)))
    return arguments.inputs


class _OneNode(Vocabulary):
    """One class, for which every link can be made."""

    def __init__(self, node: NodeSchema, values: Mapping[str, st.SearchStrategy[Any]]) -> None:
        schema = Schema({node.class_type: node.raw})
        super().__init__(schema, values={node.class_type: values})

    def cost_of_types(self, types: Iterable[str]) -> float:
        return 0 if tuple(types) else NEVER


def _named(types: tuple[str, ...]) -> tuple[str, ...]:
    """The types of a socket as a schema writes them."""
    return (ANY,) if EVERY in types else tuple(kind for kind in types if kind != ANY)


def _any_output(types: tuple[str, ...]) -> st.SearchStrategy[Output[Any]]:
    return st.builds(lambda: raw_node(types[0])[0])
