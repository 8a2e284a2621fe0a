"""The semantic diff: what is different between two graphs, whatever their ids and order."""

from __future__ import annotations

from ..collector import collector_paused
from ..graph import Graph
from ..graph.graph import check_graph
from .canonical import canonical_hash as canonical_hash
from .canonical import used_nodes as used_nodes
from .difference import Diff as Diff
from .difference import InputChange as InputChange
from .difference import Retitled as Retitled
from .difference import describe
from .matching import match
from .value import ABSENT as ABSENT
from .wiring import Wiring

__all__ = [
    "ABSENT",
    "Diff",
    "InputChange",
    "Retitled",
    "canonical_hash",
    "diff",
    "used_nodes",
]


def diff(before: Graph, after: Graph) -> Diff:
    """Compare two graphs by structure.

    Nodes are matched by class, values and surroundings, however they are numbered and ordered;
    ids only break ties. Values are equal if a server treats them as equal: 1 equals 1.0.

    Args:
        before: The first graph.
        after: The second.

    Raises:
        PromptError: A value cannot be written as JSON.
        TypeError: One is not a graph.
    """
    check_graph(before)
    check_graph(after)
    with collector_paused():
        return describe(before, after, match(Wiring([before, after])))
