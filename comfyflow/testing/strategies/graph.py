"""Strategies for whole workflows, valid for a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from typing_extensions import TypedDict, Unpack

from ...errors import SchemaError
from ...graph import Graph, Link
from ...graph.prompt import Prompt, to_prompt
from ...node import Node, Output, raw_node, titled, with_id
from ...option import refuse_strangers, spelled
from ...schema import Schema
from .drawn_graph import DrawnGraph
from .vocabulary import Choose, GivenValues, Pool, Vocabulary

if TYPE_CHECKING:
    from ...workflows import Workflow

MAX_NODES = 16
"""How many nodes a drawn workflow has at most, if nothing else is said."""


class GraphOptions(TypedDict, total=False):
    """Settings of generated graphs.

    Attributes:
        max_nodes: The largest number of nodes (16).
        max_branches: How many times a new end is begun, at most; by default, while there is room.
        choose: Says which node classes may be used; by default, all.
        values: By class and input, what is given there in place of all that the schema allows,
            for checks that a node makes in its own Python. Those of ComfyUI's core are known.
        largest: No number is larger that need not be: workflows of small pictures run quickly.
        titles: Whether some of the nodes have titles (True).
    """

    max_nodes: int
    max_branches: int | None
    choose: Choose | None
    values: GivenValues | None
    largest: int | None
    titles: bool


@dataclass(frozen=True)
class GraphSettings:
    """What is said of drawn graphs: `GraphOptions`, and what they are where they are left out."""

    max_nodes: int = MAX_NODES
    max_branches: int | None = None
    choose: Choose | None = None
    values: GivenValues | None = None
    largest: int | None = None
    titles: bool = True


@spelled(GraphOptions, GraphSettings)
def graphs(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Graph]:
    """Graphs that a server with this schema accepts.

    Every node leads to an output node; every required input is linked to an output of its type
    or has a value within its range or list; inputs that a key unfolds have an option and what it asks for,
    inputs that grow as many slots as they must have, or more. A node class is left out where it
    cannot be satisfied: a list of files is empty, or nothing gives what it needs.

    They shrink to few nodes, to links to what is there already, to defaults, and to no optional
    inputs.

    Args:
        schema: The node classes.
        options: See `GraphOptions`.

    Raises:
        SchemaError: Nothing can be drawn (when the first example is).
    """
    refuse_strangers("graphs", options, GraphOptions, "schema")
    wanted = GraphSettings(**options)
    return st.deferred(lambda: _graphs(_pool(schema, wanted), wanted))


@spelled(GraphOptions, GraphSettings)
def prompts(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Prompt]:
    """Prompt JSON that a server with this schema accepts. See `graphs`."""
    return graphs(schema, **options).map(to_prompt)


@spelled(GraphOptions, GraphSettings)
def workflows(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Workflow[Any]]:
    """Workflows of raw nodes, with the ids of the drawn graph. See `graphs`.

    The roots are the nodes that nothing is linked to.
    """
    return graphs(schema, **options).map(workflow_of)


def workflow_of(graph: Graph) -> Workflow[Any]:
    """A graph as a workflow of raw nodes, with its ids and titles.

    Args:
        graph: Its nodes are in an order in which they could run, as drawn ones do.
    """
    from ...workflows import Workflow

    made: dict[str, Any] = {}
    ends: dict[str, Node] = {}
    for node_id, node in graph.items():
        inputs: dict[str, Any] = {}
        for name, value in node.inputs.items():
            if type(value) is Link:
                output: Output[Any] = made[value.node_id][value.slot]
                inputs[name] = output
                ends.pop(value.node_id, None)
            else:
                inputs[name] = value
        made[node_id] = ends[node_id] = with_id(raw_node(node.class_type, inputs), node_id)
        if node.title is not None:
            titled(made[node_id], node.title)
    return Workflow(*ends.values())


def _pool(schema: Schema, options: GraphSettings) -> Pool:
    vocabulary = Vocabulary(schema, options.choose, options.values, options.largest)
    return Pool(vocabulary)


@st.composite
def _graphs(draw: st.DrawFn, pool: Pool, options: GraphSettings) -> Graph:
    least, most = pool.totals[0], options.max_nodes
    if most < least:
        raise SchemaError(f"the smallest workflow of this schema has {least} nodes; max_nodes is {most}")
    drawing = DrawnGraph(draw, pool, draw(st.integers(least, most)))
    return drawing.graph(options.max_branches, options.titles)
