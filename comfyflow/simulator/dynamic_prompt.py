"""A prompt while it is executed: nodes may put other nodes in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


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
        """What messages of progress say of where a node comes from."""
        return {
            "display_node_id": self.display(node_id),
            "parent_node_id": self.parent(node_id),
            "real_node_id": self.real(node_id),
        }
