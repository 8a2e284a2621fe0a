"""Walks over whatever is linked: nodes of a graph, nodes in Python, nodes of a prompt.

A walk is given the neighbours of a thing as a function. None recurses: graphs may be deep. Each is
linear; what networkx does well stands at `Graph.network`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def reachable(starts: Iterable[K], neighbours: Callable[[K], Iterable[K]]) -> set[K]:
    """What can be reached, and the starts.

    Args:
        starts: Where to begin.
        neighbours: What is one link away.
    """
    found = set(starts)
    waiting = list(found)
    while waiting:
        for near in neighbours(waiting.pop()):
            if near not in found:
                found.add(near)
                waiting.append(near)
    return found


def nearest_first(starts: Iterable[K], neighbours: Callable[[K], Iterable[K]]) -> dict[K, K]:
    """What can be reached, the nearest first, each with the one before it on a shortest way.

    Args:
        starts: Where to begin; each stands before itself.
        neighbours: What is one link away.
    """
    before = {start: start for start in starts}
    waiting = deque(before)
    while waiting:
        here = waiting.popleft()
        for near in neighbours(here):
            if near not in before:
                before[near] = here
                waiting.append(near)
    return before


def sources_first(
    roots: Iterable[K], sources: Callable[[K], Iterable[K]], on_circle: Callable[[K], object] | None = None
) -> list[K]:
    """The roots and what they need, each after all that it needs, in the order of the sources.

    Args:
        roots: Where to begin.
        sources: What something needs.
        on_circle: Called with what is needed by something that it needs itself; it may raise. The
            link that closes the circle is then left out of account.
    """
    order: list[K] = []
    finished: dict[K, bool] = {}
    for root in roots:
        if root in finished:
            continue
        finished[root] = False
        stack: list[tuple[K, Iterator[K]]] = [(root, iter(sources(root)))]
        while stack:
            here, waiting = stack[-1]
            for source in waiting:
                state = finished.get(source)
                if state is None:
                    finished[source] = False
                    stack.append((source, iter(sources(source))))
                    break
                if not state and on_circle is not None:
                    on_circle(source)
            else:
                stack.pop()
                finished[here] = True
                order.append(here)
    return order
