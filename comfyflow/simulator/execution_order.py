"""A prompt while it is executed: nodes may put other nodes in their place; and which node comes next.

The order is the one that real servers are seen to take (recordings, s01 and s04): nodes that an
output needs are found from the output backwards, last input first; of those that can run, one
that is an output goes first, then one that feeds an output, then one that is two links away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ..graph.prompt import is_link, linked_inputs
from ..graph.walk import nearest_first


class DynamicPrompt(Mapping[str, Any]):
    """The nodes of a prompt, and those that came while it was executed.

    Args:
        original: The prompt as it was queued. It is not changed.
    """

    def __init__(self, original: Mapping[str, Any]) -> None:
        self.original = original
        self._changed: dict[str, Any] = {}
        self._added: dict[str, Any] = {}
        self._parents: dict[str, str] = {}
        self._shown_as: dict[str, str] = {}

    def __getitem__(self, node_id: str) -> Any:
        for nodes in (self._changed, self._added):
            if node_id in nodes:
                return nodes[node_id]
        return self.original[node_id]

    def __iter__(self) -> Iterator[str]:
        yield from self.original
        yield from self._added

    def __len__(self) -> int:
        return len(self.original) + len(self._added)

    def add(self, node_id: str, node: Mapping[str, Any], parent: str) -> None:
        """Add a node that another one has put in its place.

        Args:
            node_id: Its id.
            node: The node; by ``override_display_id`` it says under which id clients see it.
            parent: The other node; clients see that one, where the node says nothing.
        """
        self._added[node_id] = node
        self._parents[node_id] = parent
        self._shown_as[node_id] = node.get("override_display_id", parent)

    def change(self, node_id: str, node: Mapping[str, Any]) -> None:
        """Execute another node in place of one, under its id."""
        self._changed[node_id] = node

    def parent(self, node_id: str) -> str | None:
        """The node that brought one; None for those that were queued."""
        return self._parents.get(node_id)

    def real(self, node_id: str) -> str:
        """The queued node that one comes from."""
        while node_id in self._parents:
            node_id = self._parents[node_id]
        return node_id

    def display(self, node_id: str) -> str:
        """The node that clients see in place of one."""
        while node_id in self._shown_as:
            node_id = self._shown_as[node_id]
        return node_id

    def lineage(self, node_id: str) -> dict[str, str | None]:
        """What messages of progress say about where a node comes from."""
        return {
            "display_node_id": self.display(node_id),
            "parent_node_id": self.parent(node_id),
            "real_node_id": self.real(node_id),
        }


class ExecutionOrder:
    """The nodes that are still to be executed.

    Args:
        prompt: All nodes.
        is_cached: Whether a node's outputs are there already.
        is_lazy: Whether an input of a node is only fetched when the node asks for it.
        is_output: Whether a node is an output node.
        spares_cached: Whether what a cached node is linked to is left alone (after 0.36).
    """

    def __init__(
        self,
        prompt: Mapping[str, Any],
        is_cached: Callable[[str], bool],
        is_lazy: Callable[[str, str], bool],
        is_output: Callable[[str], bool],
        spares_cached: bool = False,
    ) -> None:
        self._prompt = prompt
        self._is_cached = is_cached
        self._is_lazy = is_lazy
        self._is_output = is_output
        self._spares_cached = spares_cached
        self._waits_for: dict[str, set[str]] = {}
        self._needed_by: dict[str, dict[str, None]] = {}
        self._linked: set[tuple[str, str]] = set()
        self._dropped: set[str] = set()
        self._doomed: list[str] = []
        self._held: set[str] = set()
        self._released: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._waits_for)

    def add(self, node_id: str) -> None:
        """Ask for a node and for all that it needs.

        Raises:
            KeyError: It needs a node that is not in the prompt, or one without inputs.
        """
        stack, found = [node_id], list[tuple[str, str]]()
        while stack:
            current = stack.pop()
            if current in self._waits_for or current in self._dropped:
                continue
            self._waits_for[current] = set()
            self._needed_by[current] = {}
            if self._spares_cached and self._is_cached(current):
                continue
            for name, source, _ in linked_inputs(self._prompt[current]["inputs"]):
                if self._is_lazy(current, name):
                    continue
                if not self._is_cached(source) and source not in self._dropped:
                    stack.append(source)
                found.append((source, current))
        for source, consumer in found:
            self._connect(source, consumer)

    def require(self, node_id: str, input_name: str) -> None:
        """Make a node wait for one of its lazy inputs too.

        Raises:
            ValueError: The input is not a link.
        """
        value = self._prompt[node_id]["inputs"].get(input_name)
        if not is_link(value):
            raise ValueError(f"Node {node_id} needs its input {input_name}, which is not a link")
        source = value[0]
        if not self._is_cached(source):
            self.add(source)
        self._connect(source, node_id)

    def link(self, source: str, node_id: str) -> None:
        """Make a node wait for another one, which stands for a part of it."""
        if not self._is_cached(source):
            self.add(source)
        self._connect(source, node_id)

    def hold(self, node_id: str) -> None:
        """Keep a node from its turn until it is released."""
        if node_id in self._waits_for:
            self._held.add(node_id)

    def release(self, node_id: str, value: Any) -> None:
        """Let a held node have its turn; it finds a value."""
        self._held.discard(node_id)
        self._released[node_id] = value

    def released(self, node_id: str) -> Any:
        """The value with which a node was released, or None."""
        return self._released.get(node_id)

    def held(self) -> list[str]:
        """The nodes that are held."""
        return [node_id for node_id in self._waits_for if node_id in self._held]

    def inhibit(self, node_ids: Collection[str]) -> None:
        """Take nodes out, in whose place others are executed. What waits for them waits no longer."""
        for node_id in set(node_ids) & self._waits_for.keys():
            for source in self._waits_for.pop(node_id):
                self._needed_by[source].pop(node_id, None)
            for consumer in self._needed_by.pop(node_id):
                if consumer in self._waits_for:
                    self._waits_for[consumer].discard(node_id)

    def is_linked(self, source: str, consumer: str) -> bool:
        """Whether a node may see another's outputs: lazy inputs are hidden until they are required,
        even where their values are there already.
        """
        return (source, consumer) in self._linked

    def _connect(self, source: str, consumer: str) -> None:
        if source in self._dropped:
            self._doomed.append(consumer)
            return
        self._linked.add((source, consumer))
        if not self._is_cached(source) and consumer not in self._needed_by[source]:
            self._needed_by[source][consumer] = None
            self._waits_for[consumer].add(source)

    def next(self) -> str | None:
        """The node to execute now; None if all wait for one another."""
        ready = [
            node_id
            for node_id, sources in self._waits_for.items()
            if not sources and node_id not in self._held
        ]
        for distance in range(3):
            for node_id in ready:
                if any(map(self._is_output, self._ahead(node_id, distance))):
                    return node_id
        return ready[0] if ready else None

    def _ahead(self, node_id: str, distance: int) -> list[str]:
        reached = [node_id]
        for _ in range(distance):
            reached = [consumer for current in reached for consumer in self._needed_by[current]]
        return reached

    def done(self, node_id: str) -> None:
        """A node has its outputs."""
        del self._waits_for[node_id]
        for consumer in self._needed_by.pop(node_id):
            self._waits_for[consumer].discard(node_id)

    def drop(self, node_id: str) -> list[str]:
        """Give up a node that failed, and all that wait for it; none of them can come back.

        Returns:
            Their ids, that of the node first.
        """
        if node_id in self._dropped:
            return []
        dropped = [*nearest_first([node_id], lambda current: self._needed_by.get(current, ()))]
        self._dropped.update(dropped)
        for current in dropped:
            for source in self._waits_for.pop(current, ()):
                if source in self._needed_by:
                    self._needed_by[source].pop(current, None)
            self._needed_by.pop(current, None)
            self._held.discard(current)
        return dropped

    def doomed(self) -> list[str]:
        """Nodes that have asked, since the last call, for one that was dropped before."""
        found, self._doomed = self._doomed, []
        return found

    def cycle(self) -> list[str]:
        """The nodes that wait for one another when nothing else is left."""
        return list(self._waits_for)
