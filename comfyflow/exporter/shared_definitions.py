"""Several uses of one subgraph: what they must have in common, and what each may have of its own.

Since 1.46 the values saved on the node of a subgraph count, for each use its own; from 1.41 to 1.45 they do
not, so that all uses send the values inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph import ROOT, Graph, Link
from ..importer.editor_rules import EditorRules
from .board import Boards, PromotedValue


def unlike(
    graph: Graph, boards: Boards, fed: Mapping[tuple[str, str], PromotedValue], rules: EditorRules
) -> set[str]:
    """The scopes that say that they are uses of one definition, and are not.

    Args:
        graph: The graph.
        boards: Its canvases.
        fed: The inputs that take the value of an unlinked input of a subgraph.
        rules: The release of the editor.
    """
    own_values = frozenset(fed) if keeps_own_values(rules) else frozenset[tuple[str, str]]()
    models: dict[str, Any] = {}
    found: set[str] = set()
    for scope in graph.scopes.values():
        if scope.definition:
            told = _told(graph, boards, scope.scope_id, own_values)
            if models.setdefault(scope.definition, told) != told:
                found.add(scope.scope_id)
    return found


def give_own_values(graph: Graph, boards: Boards) -> None:
    """Save on the nodes of subgraphs that are used more than once what each shows."""
    uses: dict[str, int] = {}
    for scope in graph.scopes.values():
        uses[scope.definition] = uses.get(scope.definition, 0) + 1
    for scope in graph.scopes.values():
        if scope.definition and uses[scope.definition] > 1:
            host = boards.host(scope.scope_id)
            host.values = [
                scope.inputs[index].value
                if index < len(scope.inputs) and host.inputs[index].source is None
                else None
                for index in boards.shown(scope.scope_id)
            ]


def keeps_own_values(rules: EditorRules) -> bool:
    """Whether the values saved on the node of a subgraph count."""
    return rules.host_values or rules.host_copies


def _told(graph: Graph, boards: Boards, scope_id: str, own_values: frozenset[tuple[str, str]]) -> Any:
    """All that the definition of a scope says, but for places and for the values that are its own."""
    board = boards.boards[scope_id]
    nodes: list[Any] = []
    for local, draft in board.nodes.items():
        node_id = f"{scope_id}:{local}" if scope_id != ROOT else local
        node = graph.get(node_id)
        inputs = node.inputs if node is not None else {}
        constants = [
            (name, repr(value))
            for name, value in inputs.items()
            if type(value) is not Link and (node_id, name) not in own_values
        ]
        slots = [(slot.name, slot.source, slot.widget) for slot in draft.inputs]
        nodes.append(
            (local, draft.type, node.title if node is not None else None, slots, constants, draft.mode)
        )
    entering = [(entry.name, entry.type, entry.label) for entry in board.inputs]
    leaving = [(entry.name, entry.type, entry.label, entry.source) for entry in board.outputs]
    return (sorted(nodes, key=lambda told: str(told[0])), entering, leaving)
