"""Strategies for whole workflows, valid for a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ...errors import SchemaError
from ...graph import Graph, Link
from ...node import Node, Output, raw_node, titled, with_id
from ...prompt import Prompt, to_prompt
from ...schema import Schema
from .catalogue import Choose, GivenValues, Pool
from .drawing import Drawing

if TYPE_CHECKING:
    from ...workflows import Workflow

MAX_NODES = 16
"""How many nodes a drawn workflow has at most, if nothing else is said."""


def graphs(
    schema: Schema,
    *,
    max_nodes: int = MAX_NODES,
    max_branches: int | None = None,
    choose: Choose | None = None,
    values: GivenValues | None = None,
    titles: bool = True,
) -> st.SearchStrategy[Graph]:
    """Graphs that a server with this schema accepts.

    Every node leads to an output node; every required input is linked to an output of its type
    or has a value within its range or list; DynamicCombos have an option and what it asks for,
    Autogrow inputs as many slots as they must have, or more. A node class is left out where it
    cannot be satisfied: a list of files is empty, or nothing gives what it needs.

    They shrink to few nodes, to links to what is there already, to defaults, and to no optional
    inputs.

    Args:
        schema: The node classes.
        max_nodes: The largest number of nodes.
        max_branches: How many times a new end is begun, at most; by default, while there is room.
        choose: Says which node classes may be used; by default, all.
        values: By class and input, what is given there in place of all that the schema allows, for
            checks that a node makes in its own Python. Those of ComfyUI's core are known.
        titles: Whether some of the nodes have titles.

    Raises:
        SchemaError: Nothing can be drawn (when the first example is).
    """
    return st.deferred(lambda: _graphs(Pool(schema, choose, values), max_nodes, max_branches, titles))


def prompts(
    schema: Schema,
    *,
    max_nodes: int = MAX_NODES,
    choose: Choose | None = None,
    values: GivenValues | None = None,
    titles: bool = True,
) -> st.SearchStrategy[Prompt]:
    """Prompt JSON that a server with this schema accepts. See `graphs`."""
    return graphs(schema, max_nodes=max_nodes, choose=choose, values=values, titles=titles).map(to_prompt)


def workflows(
    schema: Schema,
    *,
    max_nodes: int = MAX_NODES,
    choose: Choose | None = None,
    values: GivenValues | None = None,
    titles: bool = True,
) -> st.SearchStrategy[Workflow[Any]]:
    """Workflows of raw nodes, with the ids of the drawn graph. See `graphs`.

    The roots are the nodes that nothing is linked to.
    """
    return graphs(schema, max_nodes=max_nodes, choose=choose, values=values, titles=titles).map(workflow_of)


def workflow_of(graph: Graph) -> Workflow[Any]:
    """A graph as a workflow of raw nodes, with its ids and titles.

    Args:
        graph: Its nodes stand in an order in which they could run, as drawn ones do.
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


@st.composite
def _graphs(draw: st.DrawFn, pool: Pool, max_nodes: int, max_branches: int | None, titles: bool) -> Graph:
    least = pool.totals[0]
    if max_nodes < least:
        raise SchemaError(f"the smallest workflow of this schema has {least} nodes; max_nodes is {max_nodes}")
    return Drawing(draw, pool, draw(st.integers(least, max_nodes))).graph(max_branches, titles)
