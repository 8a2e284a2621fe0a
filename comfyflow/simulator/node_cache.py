"""What nodes gave, for when the same is asked again.

A node's key is made of its class, its constants, its fingerprint and the keys of the nodes that
it is linked to; its id matters only to classes that receive it. So a renamed copy of a graph is
cached, and identical nodes within one prompt are executed once (recordings, s02).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..graph.prompt import is_link, sources_of
from ..graph.walk import sources_first
from ..json_types import is_list, is_object
from .execution_order import DynamicPrompt

MAX_CHAIN: Final = 970
"""A node behind more nodes than this ends a real server's worker (recordings, l24b)."""


@dataclass
class CacheEntry:
    """What a node gave.

    Attributes:
        outputs: For each slot the values, one an execution.
        ui: What its client got, with its meta; None if nothing.
    """

    outputs: list[list[Any]]
    ui: dict[str, Any] | None


class NodeCache:
    """Outputs by what they depend on."""

    def __init__(self) -> None:
        self._entries: dict[str, CacheEntry] = {}
        self._keys: dict[str, str] = {}
        self._depths: dict[str, int] = {}
        self._brought: dict[str, _Brought] = {}
        self._fingerprint: Callable[[str], Any] = _unchanged
        self._knows_its_id: Callable[[str], bool] = bool
        self._nan = itertools.count()

    def set_prompt(
        self,
        prompt: Mapping[str, Any],
        fingerprint: Callable[[str], Any],
        knows_its_id: Callable[[str], bool],
    ) -> None:
        """Find the keys of a prompt's nodes, and forget what none of them has.

        So a value that was changed and changed back is worked out again (recordings, s22).

        Args:
            prompt: The nodes; one without ``inputs`` ends the worker, as on real servers.
            fingerprint: A node's answer to "have you changed"; NaN means always.
            knows_its_id: Whether a node's outputs may depend on its id.

        Raises:
            KeyError: A node has no inputs, or a link leads to none.
        """
        self._keys, self._depths = {}, {}
        self._fingerprint, self._knows_its_id = fingerprint, knows_its_id
        self._find_keys(prompt, prompt)
        self._brought = {
            parent: brought
            for parent, brought in self._brought.items()
            if brought.root in prompt and prompt[brought.root]["class_type"] == brought.class_type
        }
        self._forget_unused()

    def expand(self, prompt: DynamicPrompt, parent: str, node_ids: Collection[str]) -> None:
        """Find the keys of nodes that another one has put in its place, and forget those of before.

        What these nodes gave is kept for as long as the other node is queued, until it brings others.

        Args:
            prompt: All nodes.
            parent: The other node.
            node_ids: The nodes.

        Raises:
            KeyError: A link leads to no node.
            RecursionError: They are behind more nodes than a real server can look through.
        """
        self._find_keys(prompt, node_ids)
        root = prompt.real(parent)
        keys = frozenset(self._keys[node_id] for node_id in node_ids)
        self._brought[parent] = _Brought(root, prompt[root]["class_type"], keys)
        self._forget_unused()

    def _find_keys(self, prompt: Mapping[str, Any], node_ids: Iterable[str]) -> None:
        def unknown(found: Iterable[str]) -> list[str]:
            return [node_id for node_id in found if node_id in prompt and node_id not in self._keys]

        new = unknown(node_ids)
        for node_id in sources_first(new, lambda node_id: unknown(sources_of(prompt[node_id]))):
            sources = sources_of(prompt[node_id])
            depth = 1 + max((self._depths.get(source, 0) for source in sources), default=0)
            self._depths[node_id] = depth
            if depth > MAX_CHAIN:
                raise RecursionError(f"node {node_id} depends on a chain of more than {MAX_CHAIN} nodes")
            own = [prompt[node_id]["class_type"], self._fingerprint(node_id)]
            own.append(node_id if self._knows_its_id(node_id) else None)
            self._keys[node_id] = self._key(own, prompt[node_id]["inputs"])

    def _forget_unused(self) -> None:
        used = set(self._keys.values()).union(*(brought.keys for brought in self._brought.values()))
        self._entries = {key: entry for key, entry in self._entries.items() if key in used}

    def _key(self, own: list[Any], inputs: Mapping[str, Any]) -> str:
        parts: list[Any] = list(own)
        for name in sorted(inputs):
            value = inputs[name]
            if is_link(value):
                parts.append([name, "link", self._keys.get(value[0], ""), value[1]])
            else:
                parts.append([name, "value", value])
        text = json.dumps(parts, sort_keys=True, default=self._unequal)
        if "NaN" in text and _has_nan(parts):
            text += str(next(self._nan))
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    def _unequal(self, value: object) -> str:
        return f"{type(value).__name__} {next(self._nan)}"

    def get(self, node_id: str) -> CacheEntry | None:
        """What a node of the current prompt gave, or None."""
        return self._entries.get(self._keys.get(node_id, ""))

    def set(self, node_id: str, entry: CacheEntry) -> None:
        """Keep what a node of the current prompt gave."""
        self._entries[self._keys[node_id]] = entry

    def forget(self, node_id: str) -> None:
        """Have a node of the current prompt executed again when it is next asked for."""
        self._entries.pop(self._keys.get(node_id, ""), None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


class _Brought(NamedTuple):
    """What the nodes that one has put in its place are known by.

    Attributes:
        root: The queued node that it comes from.
        class_type: That node's class.
        keys: Their keys.
    """

    root: str
    class_type: str
    keys: frozenset[str]


def _unchanged(_node_id: str) -> bool:
    return False


def _has_nan(value: object) -> bool:
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, float) and math.isnan(current):
            return True
        if is_object(current):
            stack.extend(current.values())
        elif is_list(current):
            stack.extend(current)
    return False
