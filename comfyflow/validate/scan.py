"""The fast pass: every node in the prompt's order, and a close look only where needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from ..graph.prompt import META
from ..graph.walk import longest_ways
from .findings import Findings
from .plan import BOOLEAN, CHOICE, FLOAT, INT, STRING, ClassPlan
from .rules import PREFIX

_ALONE: Final = 2
_TITLED: Final = 3
_DICT: Final[Any] = dict
_LIST: Final[Any] = list
_type_of: Final[Any] = type
"""Types are compared as mere objects here: a type checker shall not take the values for more."""


class Scan:
    """What the fast pass found.

    Links are kept in one list for all nodes: a list a node would keep Python's garbage
    collector busy.

    Args:
        ends: How far the links of each node reach in the list, in the prompt's order.
        links: The nodes that all nodes are linked to, one node after the other.
        depths: The longest way down from each node in nodes, in the prompt's order.
        ordered: Whether no node is before one that it needs. If one is, the depths are wrong.
        findings: The nodes that were looked at closely: all of which something has to be said.
    """

    def __init__(
        self,
        ends: list[int],
        links: list[str],
        depths: dict[str, int],
        ordered: bool,
        findings: dict[str, Findings],
    ) -> None:
        self._ends = ends
        self._links = links
        self._depths = depths
        self._ordered = ordered
        self.findings = findings

    @property
    def linked(self) -> set[str]:
        """Every node that another one is linked to."""
        return set(self._links)

    @cached_property
    def sources(self) -> Mapping[str, Sequence[str]]:
        """The nodes that each node is linked to."""
        start = 0
        sources: dict[str, Sequence[str]] = {}
        for node_id, end in zip(self._depths, self._ends, strict=True):
            sources[node_id] = tuple(self._links[start:end])
            start = end
        return sources

    @cached_property
    def depths(self) -> Mapping[str, int]:
        """The longest way down from each node, in nodes.

        Nodes on a cycle, and those that need one, are missing.
        """
        return self._depths if self._ordered else longest_ways(self.sources)

    @property
    def has_cycle(self) -> bool:
        """Whether links lead in a cycle somewhere, reachable or not."""
        return len(self.depths) < len(self._ends)

    @cached_property
    def depth(self) -> int:
        """The length of the longest chain, in nodes."""
        return max(self.depths.values(), default=0)


def scan(
    prompt: Mapping[str, Any],
    classes: Mapping[str, ClassPlan | None],
    look: Callable[[str, object], Findings],
) -> Scan:
    """Go through all nodes once.

    Args:
        prompt: The prompt.
        classes: The plan of each node's class.
        look: Looks at one node closely.
    """
    ends: list[int] = []
    links: list[str] = []
    depths: dict[str, int] = {}
    findings: dict[str, Findings] = {}
    ordered = True
    start = 0
    for node_id, node in prompt.items():
        plan = classes[node_id]
        if plan is None or not is_well(plan, node, classes, links):
            del links[start:]
            found = findings[node_id] = look(node_id, node)
            links.extend(found.sources)
        deepest = 0
        for source in links[start:]:
            depth = depths.get(source)
            if depth is None:
                ordered = False
            elif depth > deepest:
                deepest = depth
        depths[node_id] = deepest + 1
        start = len(links)
        ends.append(start)
    return Scan(ends, links, depths, ordered, findings)


def is_well(  # noqa: C901  (one loop without calls: this is what validation costs)
    plan: ClassPlan, node: Any, classes: Mapping[Any, Any], links: list[str]
) -> bool:
    """Whether all is well with a node; if not, it must be looked at closely.

    All is well if each of its inputs is known, and is a link between types that are known to
    fit, or a constant of just the right type and in range; and if nothing is beside its class
    and inputs but a title.

    Args:
        plan: Its class.
        node: The node.
        classes: The plan of each node's class.
        links: Where the nodes go that it is linked to.
    """
    if plan.own is not None or type(node) is not _DICT:
        return False
    inputs: Any = node.get("inputs")
    if type(inputs) is not _DICT:
        return False
    if len(node) > _ALONE:
        meta = node.get(META)
        if len(node) > _TITLED or type(meta) is not _DICT or len(meta) != 1:
            return False
        if type(meta.get("title")) is not str:
            return False
    _, checks, needed, open_choices = plan.fixed or plan.unfold(inputs)
    if open_choices:
        return False
    try:
        for name, value in inputs.items():
            kind, required, low, high, accepted = checks[name]
            needed -= required
            found = _type_of(value)
            if found is _LIST:
                source, slot = value
                if type(slot) is not int or slot < 0 or classes[source].output_types[slot] not in accepted:
                    return False
                links.append(source)
            elif kind == INT:
                if found is not int or not low <= value <= high:
                    return False
            elif kind == FLOAT:
                if found is int:
                    value = float(value)  # noqa: PLW2901  (so does the server, before it compares)
                elif found is not float:
                    return False
                if not low <= value <= high:
                    return False
            elif kind == CHOICE:
                if found is not str or value not in low:
                    return False
            elif kind == STRING and found is str:
                if name == PREFIX and (".." in value or value[:1] == "/"):
                    return False
            elif kind != BOOLEAN or found is not bool:
                return False
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
        return False  # an unknown input, or a link that is not one or leads to no class
    return needed == 0
