"""Finds which node of one graph is which of another: first those of parts that are equal as a whole.

A part is what hangs together by links. Whatever its symmetries, an equal part is found, and
of several ways to lay it upon its twin one is taken that keeps ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .improvement import find_cheapest, improve
from .pairing import NONE, Cones, Pairing, pair_anchors
from .symmetry import SEARCH_LIMIT, Colouring, canonical_order, connected_pieces, laid_upon
from .votes import Votes, pair_neighbours
from .wiring import Neighbours, Wiring

FEW: Final = 100
"""The number of nodes with equal ids up to which all explanations are worked out."""

LESS: Final = 100_000
"""How much is done to tell whether parts are equal once it is known that the graphs are not."""


def match(wiring: Wiring) -> Pairing:
    """The pairing of two graphs that explains their differences best.

    Nodes are known by what they are and what is around them. Explanations are worked out that
    begin with parts that are equal, with equal ids in what is in none of these parts, and with equal
    ids everywhere; ids win only where they explain no worse. Where few nodes are concerned, all
    other explanations are looked at too.

    Args:
        wiring: The two graphs.
    """
    pairing = Pairing(wiring)
    pairing.exact = pair_equal_parts(pairing, SEARCH_LIMIT)
    if not all(pairing.unpaired()):
        return pairing
    equal = pairing.copy()
    cones = Cones(wiring)
    by_structure, by_ids, all_by_ids = pairing, pairing.copy(), Pairing(wiring)
    all_by_ids.exact = pairing.exact
    _complete(by_structure, cones)
    found = _better(by_structure, by_ids, cones)
    find_cheapest(found, equal)
    best = _better(found, all_by_ids, cones)
    if best is all_by_ids:
        find_cheapest(best, equal)
    return best


def _better(found: Pairing, begun: Pairing, cones: Cones) -> Pairing:
    """An explanation, or another one that keeps the ids of what is unpaired, if it is not a worse."""
    cost = found.cost()
    kept = _pair_ids(begun) if cost.ids else []
    if not kept or (len(kept) > FEW and _differing(begun, kept) > cost.changes):
        return found
    _complete(begun, cones)
    return begun if begun.cost() <= cost else found


def _complete(pairing: Pairing, cones: Cones) -> None:
    """Pair what is left, the surest first."""
    while pair_anchors(pairing, cones):
        pair_equal_parts(pairing, LESS)
    pair_neighbours(pairing, cones)
    Votes(pairing, cones).run()
    improve(pairing, cones)


def _pair_ids(pairing: Pairing) -> list[int]:
    """Pair unpaired nodes with the same id and class; those of the first graph."""
    nodes = pairing.wiring.nodes
    ours, theirs = pairing.unpaired()
    known = {nodes[node].node_id: node for node in theirs}
    kept: list[int] = []
    for node in ours:
        other = known.get(nodes[node].node_id)
        if other is not None and nodes[other].class_type == nodes[node].class_type:
            pairing.pair(node, other)
            kept.append(node)
    return kept


def _differing(pairing: Pairing, nodes: list[int]) -> int:
    """How many pairs have values that differ: the least number of changes if they stay pairs."""
    contents, partner = pairing.wiring.contents, pairing.partner
    return sum(contents[node] != contents[partner[node]] for node in nodes)


Part: TypeAlias = "list[int]"


def pair_equal_parts(pairing: Pairing, limit: int) -> bool:
    """Pair the nodes of all parts of one graph that are equal to one of the other.

    Nodes that are paired already are not members of parts: they hold none together, and two
    parts are equal only if they hang on the same pairs. Parts whose titles are equal too go
    together first.

    Args:
        pairing: What is paired so far; it is added to.
        limit: How much is done to tell whether two parts are equal.

    Returns:
        Whether what is left has surely no equal. It may have one where too many nodes look alike.
    """
    neighbours = pairing.wiring.neighbours
    decided = _pair_parts(pairing, neighbours, limit, titled=True)
    nodes = pairing.wiring.nodes
    if any(other == NONE and nodes[node].title for node, other in enumerate(pairing.partner)):
        decided = _pair_parts(pairing, neighbours, limit, titled=False)
    return decided


def _pair_parts(pairing: Pairing, neighbours: Sequence[Neighbours], limit: int, *, titled: bool) -> bool:
    wiring = pairing.wiring
    colouring = Colouring(_first_colours(pairing, neighbours, titled), neighbours)
    colouring.refine()
    groups: defaultdict[Any, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
    for part in connected_pieces(colouring.colour, neighbours):
        shades = tuple(sorted(colouring.colour[node] for node in part))
        groups[shades][part[0] >= pairing.split].append(sorted(part))
    ids = {node.node_id: place for place, node in enumerate(wiring.nodes[pairing.split :], pairing.split)}
    decided = True
    for shades, (ours, theirs) in groups.items():
        if not ours or not theirs:
            continue
        if len(set(shades)) == len(shades):
            equal = [_Equal(ours[0], True, (ours, theirs))]
        else:
            equal = _equal(ours, theirs, colouring.colour, neighbours, limit)
        for each in equal:
            decided = decided and (each.exact or len(each.parts[0]) == len(each.parts[1]))
            for one, other in _partners(pairing, *each.parts, ids):
                _lay(pairing, one, other, colouring.colour, neighbours)
    return decided


def _first_colours(pairing: Pairing, neighbours: Sequence[Neighbours], titled: bool) -> dict[int, int]:
    """A colour for each unpaired node: what it is, and which pairs it is linked to."""
    wiring, partner = pairing.wiring, pairing.partner
    seen: dict[object, int] = {}
    colours: dict[int, int] = {}
    for node, other in enumerate(partner):
        if other == NONE:
            pairs = sorted(
                (label, min(near, partner[near])) for label, near in neighbours[node] if partner[near] != NONE
            )
            title = wiring.nodes[node].title if titled else None
            colours[node] = seen.setdefault((wiring.contents[node], title, tuple(pairs)), len(seen))
    return colours


class _Equal(NamedTuple):
    """Parts that are equal.

    Attributes:
        nodes: The nodes of one of them.
        exact: Whether no other part is equal to them.
        parts: Those of the first graph and those of the second, their nodes in orders that fit.
    """

    nodes: Part
    exact: bool
    parts: tuple[list[Part], list[Part]]


def _equal(
    ours: list[Part],
    theirs: list[Part],
    colour: Mapping[int, int],
    neighbours: Sequence[Neighbours],
    limit: int,
) -> list[_Equal]:
    """Parts of the same colours, by whether they are equal."""
    forms: dict[Any, _Equal] = {}
    left: list[tuple[int, Part]] = []
    for index, parts in enumerate((ours, theirs)):
        for part in parts:
            ordered = canonical_order(part, colour, neighbours, limit)
            if ordered.exact:
                known = forms.setdefault(ordered.form, _Equal(ordered.nodes, True, ([], [])))
                known.parts[index].append(ordered.nodes)
            else:
                left.append((index, part))
    equal = list(forms.values())
    for index, part in left:
        for known in equal:
            order = laid_upon(known.nodes, part, colour, neighbours)
            if order is not None:
                known.parts[index].append(order)
                break
        else:
            equal.append(_Equal(part, False, ([], [])))
            equal[-1].parts[index].append(part)
    return equal


def _partners(
    pairing: Pairing, ours: list[Part], theirs: list[Part], ids: Mapping[str, int]
) -> list[tuple[Part, Part]]:
    """Which of equal parts go together: those that share an id, then those at the same place."""
    nodes = pairing.wiring.nodes
    owner = {node: index for index, part in enumerate(theirs) for node in part}
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for index, part in enumerate(ours):
        owners = (owner.get(ids.get(nodes[node].node_id, NONE), NONE) for node in part)
        other = next((other for other in owners if other != NONE and other not in taken), NONE)
        if other != NONE:
            chosen[index] = other
            taken.add(other)
    rest = (index for index in range(len(ours)) if index not in chosen)
    chosen.update(zip(rest, [other for other in range(len(theirs)) if other not in taken], strict=False))
    return [(ours[index], theirs[other]) for index, other in chosen.items()]


def _lay(
    pairing: Pairing, ours: Part, theirs: Part, colour: Mapping[int, int], neighbours: Sequence[Neighbours]
) -> None:
    """Pair the nodes of two equal parts, both in canonical order if they have symmetries."""
    for by_titles in (True, False):
        local = Colouring({node: colour[node] for node in (*ours, *theirs)}, neighbours)
        if by_titles:
            _part_by_titles(pairing, local)
        _part_by_ids(pairing, local)
        pairs = [sorted(nodes) for nodes in local.members.values() if nodes]
        if all(len(nodes) == 2 and nodes[0] < pairing.split <= nodes[1] for nodes in pairs):
            break
    else:
        pairs = [[one, other] for one, other in zip(ours, theirs, strict=True)]
    for one, other in pairs:
        pairing.pair(one, other)


def _part_by_titles(pairing: Pairing, local: Colouring) -> None:
    """Part interchangeable nodes whose titles differ, where both graphs have as many of each."""
    nodes, split = pairing.wiring.nodes, pairing.split
    for shade in [shade for shade, members in local.members.items() if len(members) > 2]:
        titles: defaultdict[str | None, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for node in sorted(local.members[shade]):
            titles[nodes[node].title][node >= split].append(node)
        for ours, theirs in titles.values() if len(titles) > 1 else ():
            alike = [node for node in (*ours, *theirs) if local.colour[node] == shade]
            if len(ours) == len(theirs) and len(alike) == 2 * len(ours) < len(local.members[shade]):
                local.single_out(alike)


def _part_by_ids(pairing: Pairing, local: Colouring) -> None:
    """Single out interchangeable nodes in pairs, until none are left."""
    waiting = [shade for shade, members in local.members.items() if len(members) > 2]
    while waiting:
        shade, fresh = waiting.pop(), local.fresh
        for one, other in _favourites(pairing, local.members[shade]):
            if local.colour[one] == local.colour[other] == shade:
                local.single_out((one, other))
        new = range(fresh, local.fresh)
        waiting += [left for left in (shade, *new) if new and len(local.members[left]) > 2]


def _favourites(pairing: Pairing, members: set[int]) -> list[tuple[int, int]]:
    """Interchangeable nodes in pairs: those with the same id, then those at the same place."""
    nodes, split = pairing.wiring.nodes, pairing.split
    ours = sorted(node for node in members if node < split)
    theirs = {nodes[node].node_id: node for node in sorted(members) if node >= split}
    pairs = [(node, theirs.pop(nodes[node].node_id)) for node in ours if nodes[node].node_id in theirs]
    paired = {one for one, _ in pairs}
    rest = (node for node in ours if node not in paired)
    return [*pairs, *zip(rest, theirs.values(), strict=False)]
