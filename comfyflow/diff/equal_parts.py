"""Pairs the nodes of those parts of two graphs that are equal as a whole.

A part is what hangs together by links. Whatever its symmetries, an equal part is found, and
of several ways to lay it upon its twin one is taken that keeps ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from .canonical import canonical_order, connected
from .pairing import NONE, Pairing
from .refinement import Colouring
from .wiring import Neighbours

Part: TypeAlias = "list[int]"


def pair_equal_parts(pairing: Pairing) -> None:
    """Pair the nodes of all parts of one graph that are equal to one of the other.

    Nodes that are paired already are no members of parts: they hold none together, and two
    parts are equal only if they hang on the same pairs.
    """
    wiring = pairing.wiring
    neighbours = wiring.neighbours
    colouring = Colouring(_first_colours(pairing, neighbours), neighbours)
    colouring.refine()
    groups: defaultdict[Any, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
    for part in connected(colouring.colour, neighbours):
        shades = tuple(sorted(colouring.colour[node] for node in part))
        groups[shades][part[0] >= pairing.split].append(sorted(part))
    ids = {node.node_id: place for place, node in enumerate(wiring.nodes[pairing.split :], pairing.split)}
    for shades, (ours, theirs) in groups.items():
        if ours and theirs:
            discrete = len(set(shades)) == len(shades)
            for left, right in _equal(ours, theirs, colouring.colour, neighbours, discrete):
                for one, other in _partners(pairing, left, right, ids):
                    _lay(pairing, one, other, colouring.colour, neighbours)


def _first_colours(pairing: Pairing, neighbours: Sequence[Neighbours]) -> dict[int, int]:
    """A colour for each unpaired node: what it is, and which pairs it is linked to."""
    partner = pairing.partner
    seen: dict[object, int] = {}
    colours: dict[int, int] = {}
    for node, other in enumerate(partner):
        if other == NONE:
            pairs = sorted(
                (label, min(near, partner[near])) for label, near in neighbours[node] if partner[near] != NONE
            )
            colours[node] = seen.setdefault((pairing.wiring.contents[node], tuple(pairs)), len(seen))
    return colours


def _equal(
    ours: list[Part],
    theirs: list[Part],
    colour: Mapping[int, int],
    neighbours: Sequence[Neighbours],
    discrete: bool,
) -> list[tuple[list[Part], list[Part]]]:
    """Parts of the same colours, by whether they are equal."""
    if discrete:
        return [(ours, theirs)]
    forms: defaultdict[Any, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
    for index, parts in enumerate((ours, theirs)):
        for part in parts:
            ordered = canonical_order(part, colour, neighbours)
            if ordered.exact:
                forms[ordered.form][index].append(ordered.nodes)
    return list(forms.values())


def _partners(
    pairing: Pairing, ours: list[Part], theirs: list[Part], ids: Mapping[str, int]
) -> list[tuple[Part, Part]]:
    """Which of equal parts go together: those that share an id, then titles, then by order."""
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

    def titles(part: Part) -> tuple[str, ...]:
        return tuple(sorted(str(nodes[node].title) for node in part))

    def nothing(_: Part) -> tuple[str, ...]:
        return ()

    for key in (titles, nothing):
        titled: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for other in reversed(range(len(theirs))):
            if other not in taken:
                titled[key(theirs[other])].append(other)
        for index, part in enumerate(ours):
            if index not in chosen and titled[key(part)]:
                chosen[index] = titled[key(part)].pop()
                taken.add(chosen[index])
    return [(ours[index], theirs[other]) for index, other in chosen.items()]


def _lay(
    pairing: Pairing, ours: Part, theirs: Part, colour: Mapping[int, int], neighbours: Sequence[Neighbours]
) -> None:
    """Pair the nodes of two equal parts, both in canonical order if they have symmetries."""
    local = Colouring({node: colour[node] for node in (*ours, *theirs)}, neighbours)
    waiting = [shade for shade, nodes in local.members.items() if len(nodes) > 2]
    while waiting:
        shade, fresh = waiting.pop(), local.fresh
        for one, other in _favourites(pairing, local.members[shade]):
            if local.colour[one] == local.colour[other] == shade:
                local.single_out((one, other))
        new = range(fresh, local.fresh)
        waiting += [left for left in (shade, *new) if new and len(local.members[left]) > 2]
    pairs = {shade: sorted(nodes) for shade, nodes in local.members.items() if nodes}
    if all(len(nodes) == 2 and nodes[0] < pairing.split <= nodes[1] for nodes in pairs.values()):
        for one, other in pairs.values():
            pairing.pair(one, other)
    else:
        for one, other in zip(ours, theirs, strict=True):
            pairing.pair(one, other)


def _favourites(pairing: Pairing, nodes: set[int]) -> list[tuple[int, int]]:
    """Interchangeable nodes in pairs: those with the same id, then title, then by their order."""
    wiring, split = pairing.wiring, pairing.split
    ours = sorted(node for node in nodes if node < split)
    theirs = sorted(node for node in nodes if node >= split)
    pairs: list[tuple[int, int]] = []
    for names in (
        {node: wiring.nodes[node].node_id for node in nodes},
        {node: wiring.nodes[node].title for node in nodes},
        dict.fromkeys(nodes),
    ):
        known: defaultdict[str | None, list[int]] = defaultdict(list)
        for node in reversed(theirs):
            known[names[node]].append(node)
        found = [(node, known[names[node]].pop()) for node in ours if known[names[node]]]
        pairs += found
        ours = [node for node in ours if node not in dict(found)] if found else ours
        taken = {other for _, other in found}
        theirs = [node for node in theirs if node not in taken]
    return pairs
