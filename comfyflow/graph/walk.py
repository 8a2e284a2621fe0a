"""Walks over whatever is linked: nodes of a graph, nodes in Python, nodes of a prompt.

A walk is given the neighbours of a thing as a function. None recurses: graphs may be deep. Each is
linear, and networkx, which takes a while to be imported, is only asked about cycles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)

_MOST: Final = 20
"""How many cycles are searched for at most: there may be more than anybody can count."""


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
        starts: Where to begin; each is before itself.
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
            link that closes the cycle is then left out of account.
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
                    above = sources(source)
                    if above:
                        finished[source] = False
                        stack.append((source, iter(above)))
                        break
                    finished[source] = True
                    order.append(source)
                    continue
                if not state and on_circle is not None:
                    on_circle(source)
            else:
                stack.pop()
                finished[here] = True
                order.append(here)
    return order


def turned(sources: Mapping[K, Iterable[K]]) -> dict[K, list[K]]:
    """For each thing those that need it, one once for each of its links.

    Args:
        sources: What each thing needs. What is needed and no key itself is one of the answer.
    """
    users: dict[K, list[K]] = {here: [] for here in sources}
    for here, above in sources.items():
        for source in above:
            users.setdefault(source, []).append(here)
    return users


def causes(wrong: Iterable[K], sources: Mapping[K, Iterable[K]]) -> dict[K, K]:
    """For each thing that needs one of some things, or is one, the nearest of them.

    Args:
        wrong: Those things.
        sources: What each thing needs.
    """
    users = turned(sources)
    found: dict[K, K] = {}
    for here, before in nearest_first(wrong, lambda here: users.get(here, ())).items():
        found[here] = found.get(before, before)
    return found


def upstream(roots: Iterable[K], sources: Mapping[K, Iterable[K]]) -> set[K]:
    """What the roots need, and they themselves.

    Args:
        roots: Where to begin.
        sources: What each thing needs; one that is not a key needs nothing.
    """
    return reachable(roots, lambda here: sources.get(here, ()))


def longest_ways(sources: Mapping[K, Iterable[K]]) -> dict[K, int]:
    """The longest way up from each thing, itself counted; without those that need a cycle.

    Args:
        sources: What each thing needs; all of that are keys themselves.
    """
    lengths: dict[K, int] = {}
    for here in sources_first(sources, sources.__getitem__):
        found = [lengths.get(source, 0) for source in sources[here]]
        if 0 not in found:  # what closes a cycle comes before one that it needs
            lengths[here] = max(found, default=0) + 1
    return lengths


def circles(sources: Mapping[K, Iterable[K]]) -> list[list[K]]:
    """The cycles in which things need one another, the shortest first.

    Each goes from a thing to one that needs it, and begins at its first key. Of each set of things that
    all need one another, a shortest cycle through the first is reported, and others until there are twenty.

    Args:
        sources: What each thing needs; all of that are keys themselves.
    """
    closing: list[K] = []
    sources_first(sources, sources.__getitem__, closing.append)
    if not closing:
        return []
    import networkx as nx

    keys = list(sources)
    numbers = {key: number for number, key in enumerate(keys)}  # a set of them has the same order each time
    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_edges_from((numbers[source], numbers[key]) for key in keys for source in sources[key])
    found: dict[tuple[int, ...], None] = {}
    for component in nx.strongly_connected_components(network):
        inside = network.subgraph(component).copy()
        if not inside.number_of_edges():
            continue
        start = min(component)
        ways = nx.single_source_shortest_path(inside, start)
        shortest = min((ways[end] for end in inside.predecessors(start)), key=len)
        for circle in [shortest, *islice(nx.simple_cycles(inside), max(0, _MOST - len(found)))]:
            first = circle.index(min(circle))
            found.setdefault((*circle[first:], *circle[:first]))
    return [
        [keys[number] for number in circle] for circle in sorted(found, key=lambda each: (len(each), each))
    ]
