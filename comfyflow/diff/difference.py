"""What is different between two graphs, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..graph import Graph, GraphNode, Link
from ..notebook import pretty_text, text_html
from .pairing import NONE, Pairing
from .value import ABSENT, node_line, printable_name, shown_change, shown_value


@dataclass(frozen=True)
class InputChange:
    """An input of a node that has changed.

    Attributes:
        before: The node in the first graph.
        after: The same node in the second.
        input_name: The input's wire name.
        old: Its value or `Link` in the first graph, or `ABSENT`.
        new: Its value or `Link` in the second, or `ABSENT`.
    """

    before: GraphNode
    after: GraphNode
    input_name: str
    old: Any
    new: Any

    @property
    def is_rewired(self) -> bool:
        """Whether a link was added, removed or moved; otherwise a value changed."""
        return type(self.old) is Link or type(self.new) is Link

    def to_json(self) -> dict[str, Any]:
        """The change as plain JSON values, the input as it is in a prompt."""
        shown: dict[str, Any] = {**_pair_json(self.before, self.after), "input_name": self.input_name}
        for key, value in (("before", self.old), ("after", self.new)):
            if value is not ABSENT:
                shown[key] = list(value) if type(value) is Link else value
        return shown


@dataclass(frozen=True)
class Retitled:
    """A node with a new title.

    Attributes:
        before: The node in the first graph.
        after: The same node in the second.
    """

    before: GraphNode
    after: GraphNode

    def to_json(self) -> dict[str, Any]:
        """The titles and the node as plain JSON values."""
        return {
            **_pair_json(self.before, self.after),
            "before": self.before.title,
            "after": self.after.title,
        }


@dataclass(frozen=True)
class Diff:
    """The differences between two graphs.

    Attributes:
        before: The first graph.
        after: The second.
        pairs: The matched nodes: id in the first graph to id in the second.
        removed: Nodes that only the first graph has.
        added: Nodes that only the second has.
        changed: Inputs whose values differ.
        rewired: Inputs that are linked differently.
        retitled: Nodes whose titles differ; none if one of the graphs has no titles at all.
        exact: Whether equal parts are certain to be reported as equal. Where hundreds of nodes look
            alike, the comparison may be given up, and equal parts reported as different.
        renumbered: The `pairs` whose ids differ, which does not count as a difference.
    """

    before: Graph
    after: Graph
    pairs: Mapping[str, str]
    removed: tuple[GraphNode, ...]
    added: tuple[GraphNode, ...]
    changed: tuple[InputChange, ...]
    rewired: tuple[InputChange, ...]
    retitled: tuple[Retitled, ...]
    exact: bool

    @property
    def renumbered(self) -> dict[str, str]:
        """The pairs with different ids."""
        return {ours: theirs for ours, theirs in self.pairs.items() if ours != theirs}

    @property
    def empty(self) -> bool:
        """Whether only ids and order differ."""
        return self.runs_the_same and not self.retitled

    @property
    def runs_the_same(self) -> bool:
        """Whether only ids, order and titles differ."""
        return not (self.removed or self.added or self.changed or self.rewired)

    _repr_pretty_ = pretty_text

    def _repr_html_(self) -> str:
        from ..picture import difference_picture, known_classes

        return f"{text_html(self)}{difference_picture(self, known_classes()).svg}"

    def __str__(self) -> str:
        lines = [*self._node_lines(), *self._change_lines()]
        if not self.exact:
            lines.append("(too many nodes look alike: some reported differences may not be real)")
        count = len(self.renumbered)
        if count and not lines:
            return f"the same, but {count} node{'s have' if count > 1 else ' has'} another id"
        return "\n".join(lines) or "the same"

    def to_json(self) -> dict[str, Any]:
        """The differences as plain JSON values."""
        return {
            "same": self.empty,
            "exact": self.exact,
            "removed": [_node_json(node) for node in self.removed],
            "added": [_node_json(node) for node in self.added],
            "changed": [change.to_json() for change in self.changed],
            "rewired": [change.to_json() for change in self.rewired],
            "retitled": [retitled.to_json() for retitled in self.retitled],
            "renumbered": self.renumbered,
        }

    def _node_lines(self) -> Iterator[str]:
        for node in self.removed:
            yield f"- {node_line(node)}"
        for node in self.added:
            yield f"+ {node_line(node)}"
            for name, value in node.inputs.items():
                yield f"    {printable_name(name)}: {shown_value(value, self.after)}"

    def _change_lines(self) -> Iterator[str]:
        """Changed nodes in the first graph's order, each with all that is different of it."""
        details: dict[str, list[str]] = {}
        for change in (*self.changed, *self.rewired):
            value = shown_change(change.old, self.before, change.new, self.after)
            details.setdefault(change.before.node_id, []).append(
                f"    {printable_name(change.input_name)}: {value}"
            )
        for retitled in self.retitled:
            value = shown_change(retitled.before.title, self.before, retitled.after.title, self.after)
            details.setdefault(retitled.before.node_id, []).append(f"    title: {value}")
        for node_id, node in self.before.items():
            if node_id in details:
                now = self.pairs[node_id]
                moved = f" (now #{printable_name(now)})" if now != node_id else ""
                yield f"~ {node_line(node)}{moved}"
                yield from details[node_id]


def describe(before: Graph, after: Graph, pairing: Pairing) -> Diff:
    """The differences that a pairing leaves.

    Args:
        before: The first graph.
        after: The second.
        pairing: The pairing of the wiring of both.
    """
    nodes, split, partner = pairing.wiring.nodes, pairing.split, pairing.partner
    pairs = [(nodes[one], nodes[partner[one]], one) for one in range(split) if partner[one] != NONE]
    changes = [
        InputChange(one, other, name, one.inputs.get(name, ABSENT), other.inputs.get(name, ABSENT))
        for one, other, place in pairs
        for name in pairing.differing_inputs(place, partner[place])
    ]
    removed = tuple(nodes[place] for place in range(split) if partner[place] == NONE)
    added = tuple(nodes[place] for place in range(split, len(nodes)) if partner[place] == NONE)
    return Diff(
        before=before,
        after=after,
        pairs={one.node_id: other.node_id for one, other, _ in pairs},
        removed=removed,
        added=added,
        changed=tuple(change for change in changes if not change.is_rewired),
        rewired=tuple(change for change in changes if change.is_rewired),
        retitled=()
        if _only_one_has_titles(before, after)
        else tuple(Retitled(one, other) for one, other, _ in pairs if one.title != other.title),
        exact=pairing.exact or not (removed or added or changes),
    )


def _only_one_has_titles(before: Graph, after: Graph) -> bool:
    """Whether one graph names every node and the other none: prompts are often sent without."""
    ours, theirs = (sum(node.title is not None for node in graph.values()) for graph in (before, after))
    return (ours == 0 and theirs == len(after) > 1) or (theirs == 0 and ours == len(before) > 1)


def _pair_json(before: GraphNode, after: GraphNode) -> dict[str, Any]:
    return {"class_type": before.class_type, "before_id": before.node_id, "after_id": after.node_id}


def _node_json(node: GraphNode) -> dict[str, Any]:
    inputs = {name: list(value) if type(value) is Link else value for name, value in node.inputs.items()}
    return {"node_id": node.node_id, "class_type": node.class_type, "title": node.title, "inputs": inputs}
