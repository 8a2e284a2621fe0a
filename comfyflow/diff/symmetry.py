"""Puts the nodes of a graph into one order that every equal graph has too.

Colour refinement alone tells nearly all nodes apart. What it leaves alike falls into pieces once
the nodes with their own colours are taken away; equal pieces are interchangeable, and in
what still hangs together each node of one colour in turn is singled out, and the least result
taken. A symmetry that is found on the way saves that for all nodes that it maps to one another,
so even a piece with millions of symmetries takes few steps.

The order is exact, and the search for it bounded: a piece in which hundreds of nodes look alike
although no symmetry maps them to one another may be given up. That is reported, never passed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .wiring import Neighbours


class Colouring:
    """Colours of some nodes, and who has each: colour refinement.

    Nodes that begin with one colour and have differently coloured neighbours part, until nothing
    parts any more (the one-dimensional Weisfeiler-Leman colouring). Each time, the largest part of
    a colour keeps it, and only the neighbours of the others are looked at again: some
    ``links * log(nodes)`` steps in all, however far news must travel. Colours are numbered by what
    the nodes are, never by their order, so two equal graphs get equal colours.

    Args:
        colours: The first colour of each node, from 0 on.
        neighbours: For each node, its links in both directions: (label, other node). The
            label says the direction too.

    Attributes:
        colour: The colour of each node.
        members: The nodes of each colour.
        fresh: The next unused colour.
        looked_at: How many links have been looked at: what the work was.
    """

    __slots__ = ("_neighbours", "colour", "fresh", "looked_at", "members")

    def __init__(self, colours: dict[int, int], neighbours: Sequence[Neighbours]) -> None:
        self.colour: dict[int, int] = colours
        self.members: dict[int, set[int]] = defaultdict(set)
        for node, colour in colours.items():
            self.members[colour].add(node)
        self._neighbours = neighbours
        self.fresh: int = max(self.members, default=-1) + 1
        self.looked_at: int = 0

    def refine(self, changed: Iterable[int] | None = None) -> None:
        """Part the colours until all nodes of a colour have equally coloured neighbours.

        Args:
            changed: The nodes whose colour is new since the last time; None for all.
        """
        recoloured: list[int] = list(self.colour if changed is None else changed)
        while recoloured:
            news = self._news(recoloured)
            touched: defaultdict[int, list[int]] = defaultdict(list)
            for node in news:
                touched[self.colour[node]].append(node)
            recoloured.clear()
            for colour in sorted(touched):
                if len(self.members[colour]) > 1:
                    recoloured += self._part(colour, touched[colour], news)

    def single_out(self, nodes: Iterable[int]) -> None:
        """Give these nodes of one colour a separate new one, and refine."""
        chosen = list(nodes)
        self._recolour(self.colour[chosen[0]], chosen)
        self.refine(chosen)

    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Each colour and how many nodes have it: the same for every order of the nodes."""
        return tuple(sorted((colour, len(nodes)) for colour, nodes in self.members.items() if nodes))

    def _news(self, recoloured: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
        news: dict[int, list[tuple[int, int]]] = {}
        colour = self.colour
        for node in recoloured:
            shown = colour[node]
            self.looked_at += len(self._neighbours[node])
            for label, other in self._neighbours[node]:
                if other in colour:
                    news.setdefault(other, []).append((label, shown))
        return news

    def _part(self, colour: int, touched: list[int], news: dict[int, list[tuple[int, int]]]) -> list[int]:
        """Part the nodes of one colour by their news; the ones that get a new colour."""
        parts: defaultdict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
        for node in touched:
            parts[tuple(sorted(news[node]))].append(node)
        rest = len(self.members[colour]) - len(touched)
        if len(parts) == 1 and not rest:
            return []
        largest = min(parts, key=lambda part: (-len(parts[part]), part))
        if rest < len(parts[largest]):
            if rest:
                parts[()] = list(self.members[colour].difference(touched))
        else:
            largest = ()
        moved: list[int] = []
        for part in sorted(parts):
            if part != largest:
                self._recolour(colour, parts[part])
                moved += parts[part]
        return moved

    def _recolour(self, colour: int, nodes: list[int]) -> None:
        fresh = self.fresh
        self.fresh += 1
        self.members[colour].difference_update(nodes)
        self.members[fresh] = set(nodes)
        for node in nodes:
            self.colour[node] = fresh


SEARCH_LIMIT: Final = 4_000_000
"""How many links and nodes the search for the order of one piece looks at."""

DEPTH_LIMIT: Final = 150
"""How many nodes it singles out within one another."""

_MANY: Final = 100_000
"""The number of nodes (of one colour, times the piece's) from which surroundings are compared first."""

_BALL: Final = 100
"""How many nodes the surroundings of a node have at most."""

Form: TypeAlias = "tuple[Any, ...]"
Sizes: TypeAlias = "tuple[tuple[int, int], ...]"
Symmetry: TypeAlias = "dict[int, int]"
"""Which node takes the place of which; nodes that are not in it stay where they are."""


class Ordered(NamedTuple):
    """Nodes in their canonical order.

    Attributes:
        form: What they are and how they are linked to one another: equal for equal pieces, and
            for no others if it is exact.
        nodes: The nodes in that order.
        exact: Whether the search came to its end. If not, the order is as good as any.
    """

    form: Form
    nodes: list[int]
    exact: bool


def canonical_order(
    nodes: Iterable[int],
    colour: Mapping[int, int],
    neighbours: Sequence[Neighbours],
    limit: int,
) -> Ordered:
    """Nodes in an order that depends on nothing but their colours and links.

    Args:
        nodes: The nodes.
        colour: The refined colour of each.
        neighbours: For each node, its links in both directions; those that leave `nodes` are
            passed over.
        limit: How many links and nodes the search for the order of one piece looks at.
    """
    alone, alike = _apart(nodes, colour)
    pieces = [_order_piece(piece, colour, neighbours, limit) for piece in connected_pieces(alike, neighbours)]
    pieces.sort(key=lambda piece: piece.form)
    order = [*alone, *(node for piece in pieces for node in piece.nodes)]
    exact = all(piece.exact for piece in pieces)
    form = _form(order, colour, neighbours) if exact else _vague_form(order, colour, neighbours)
    return Ordered(form, order, exact)


def connected_pieces(nodes: Iterable[int], neighbours: Sequence[Neighbours]) -> list[list[int]]:
    """The nodes in pieces that hang together by links among them."""
    left = dict.fromkeys(nodes)
    pieces: list[list[int]] = []
    while left:
        first, _ = left.popitem()
        piece = [first]
        for node in piece:
            for _, other in neighbours[node]:
                if other in left:
                    del left[other]
                    piece.append(other)
        pieces.append(piece)
    return pieces


def laid_upon(
    ours: Sequence[int],
    theirs: Sequence[int],
    colour: Mapping[int, int],
    neighbours: Sequence[Neighbours],
) -> list[int] | None:
    """The nodes of one piece in the order of the nodes of an equal one.

    Any pair of nodes that look alike is made in turn. That finds a way to lay one piece upon the
    other wherever nodes that look alike are interchangeable; None if it does not, which is no
    proof that there is none.

    Args:
        ours: A piece.
        theirs: Another one, of the same colours.
        colour: The refined colour of each node.
        neighbours: For each node, its links in both directions.
    """
    left, right = (Colouring({node: colour[node] for node in piece}, neighbours) for piece in (ours, theirs))
    images = _images(left, right)
    if images is None or not _keeps_links(images, colour, neighbours):
        return None
    return [images[node] for node in ours]


def _apart(nodes: Iterable[int], colour: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """The nodes with their own colour, by colour; and the others."""
    listed = list(nodes)
    counts = Counter(colour[node] for node in listed)
    alone = sorted((node for node in listed if counts[colour[node]] == 1), key=colour.__getitem__)
    return alone, [node for node in listed if counts[colour[node]] > 1]


def _order_piece(
    piece: list[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours], limit: int
) -> Ordered:
    try:
        order = _OrderSearch(neighbours, limit).order(piece, colour)
    except _GivenUp:
        order = sorted(piece, key=colour.__getitem__)
        return Ordered(_vague_form(order, colour, neighbours), order, False)
    return Ordered(_form(order, colour, neighbours), order, True)


class _GivenUp(Exception):
    """The search has come to its limit."""


class _OrderSearch:
    """The search for the order of one piece.

    Args:
        neighbours: For each node, its links in both directions.
        limit: How many links and nodes it looks at.
    """

    __slots__ = ("_depth", "_left", "_neighbours", "_symmetries")

    def __init__(self, neighbours: Sequence[Neighbours], limit: int) -> None:
        self._neighbours = neighbours
        self._symmetries: list[Symmetry] = []
        self._left = limit
        self._depth = 0

    def order(self, piece: list[int], colour: Mapping[int, int]) -> list[int]:
        """The canonical order of nodes that hang together."""
        alone, alike = _apart(piece, colour)
        if not alone:
            return self._order_alike(piece, colour)
        orders = [self.order(part, colour) for part in connected_pieces(alike, self._neighbours)]
        known: dict[Form, list[int]] = {}
        by_form: list[tuple[Form, list[int]]] = []
        for order in orders:
            form = _form(order, colour, self._neighbours)
            twin = known.setdefault(form, order)
            if twin is not order:
                self._symmetries.append(dict(zip((*twin, *order), (*order, *twin), strict=True)))
            by_form.append((form, order))
        by_form.sort(key=lambda entry: entry[0])
        return [*alone, *(node for _, order in by_form for node in order)]

    def _order_alike(self, piece: list[int], colour: Mapping[int, int]) -> list[int]:
        """The least order of a piece without a node that has its own colour.

        Nodes whose singling out parts the colours otherwise are told apart by that. Of those
        that look the same then, one speaks for all that symmetries map to it.
        """
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _GivenUp
        members = _smallest(piece, colour)
        if len(members) * len(piece) > _MANY:
            parted = self._parted_by_balls(piece, colour, members)
            if parted is not None:
                order = self.order(piece, parted)
                self._depth -= 1
                return order
        orbits = _Orbits(members, self._symmetries)
        least: tuple[Sizes, Form] | None = None
        chosen: list[int] = []
        looked_at: list[int] = []
        for node in members:
            if orbits.joined(node, looked_at):
                continue
            trial = self._singled_out(piece, colour, node)
            sizes = trial.sizes()
            if least is not None and sizes > least[0]:
                continue
            if least is None or sizes < least[0]:
                least, looked_at = None, []
            if any(self._find_symmetry(piece, colour, twin, node) for twin in looked_at):
                continue
            looked_at.append(node)
            order = self.order(piece, trial.colour)
            form = _form(order, colour, self._neighbours)
            if least is None or form < least[1]:
                least, chosen = (sizes, form), order
        self._depth -= 1
        return chosen

    def _parted_by_balls(
        self, piece: list[int], colour: Mapping[int, int], members: list[int]
    ) -> Mapping[int, int] | None:
        """Colours that tell nodes apart by the rings of links near them; None if none differ."""
        alike: defaultdict[Sizes, list[int]] = defaultdict(list)
        for node in members:
            ball = self._ball(node, colour)
            near = Colouring({other: colour[other] for other in ball}, self._neighbours)
            near.refine()
            near.single_out([node])
            self._spend(near.looked_at + len(ball))
            alike[near.sizes()].append(node)
        if len(alike) == 1:
            return None
        fresh = max(colour.values()) + 1
        colours = {node: colour[node] for node in piece}
        for number, sizes in enumerate(sorted(alike)):
            colours.update(dict.fromkeys(alike[sizes], fresh + number))
        parted = Colouring(colours, self._neighbours)
        parted.refine()
        self._spend(parted.looked_at + len(piece))
        return parted.colour

    def _ball(self, node: int, colour: Mapping[int, int]) -> dict[int, None]:
        """A node of a piece and those within a number of links from it, as long as they are few."""
        ball: dict[int, None] = {node: None}
        layer = [node]
        while layer:
            layer = list(
                dict.fromkeys(
                    other
                    for inner in layer
                    for _, other in self._neighbours[inner]
                    if other in colour and other not in ball
                )
            )
            if len(ball) + len(layer) > _BALL:
                break
            ball.update(dict.fromkeys(layer))
        return ball

    def _singled_out(self, piece: list[int], colour: Mapping[int, int], node: int) -> Colouring:
        trial = Colouring({other: colour[other] for other in piece}, self._neighbours)
        trial.single_out([node])
        self._spend(trial.looked_at + len(piece))
        return trial

    def _find_symmetry(self, piece: list[int], colour: Mapping[int, int], one: int, other: int) -> bool:
        """Whether a symmetry of the piece that maps one node to another is easily found."""
        left, right = (self._singled_out(piece, colour, node) for node in (one, other))
        images = _images(left, right)
        self._spend(left.looked_at + right.looked_at)
        if images is None or not _keeps_links(images, colour, self._neighbours):
            return False
        self._symmetries.append(images)
        return True

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _GivenUp


class _Orbits:
    """Which of some nodes are mapped to one another by the symmetries found since.

    Args:
        nodes: The nodes.
        symmetries: All symmetries; the later ones are those of a piece that has the nodes.
    """

    __slots__ = ("_known", "_parent", "_symmetries")

    def __init__(self, nodes: Iterable[int], symmetries: list[Symmetry]) -> None:
        self._parent = {node: node for node in nodes}
        self._symmetries = symmetries
        self._known = len(symmetries)

    def joined(self, node: int, others: Iterable[int]) -> bool:
        """Whether the node is mapped to one of the others."""
        for symmetry in self._symmetries[self._known :]:
            for one in self._parent.keys() & symmetry.keys():
                self._parent[self._root(one)] = self._root(symmetry[one])
        self._known = len(self._symmetries)
        root = self._root(node)
        return any(self._root(other) == root for other in others)

    def _root(self, node: int) -> int:
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node


def _smallest(piece: Iterable[int], colour: Mapping[int, int]) -> list[int]:
    """The nodes of the colour that fewest have; of several, of the first."""
    counts = Counter(colour[node] for node in piece)
    _, shade = min((count, shade) for shade, count in counts.items())
    return [node for node in piece if colour[node] == shade]


def _images(left: Colouring, right: Colouring) -> Symmetry | None:
    """Pair nodes of equal colours in turn until each pair has its own; None if that fails."""
    waiting = sorted(shade for shade, members in left.members.items() if len(members) > 1)
    while waiting:
        shade, fresh = waiting.pop(), left.fresh
        if len(left.members[shade]) < 2:
            continue
        if len(right.members[shade]) != len(left.members[shade]) or right.fresh != fresh:
            return None
        left.single_out([min(left.members[shade])])
        right.single_out([min(right.members[shade])])
        waiting += [shade, *(new for new in range(fresh, left.fresh) if len(left.members[new]) > 1)]
    if left.sizes() != right.sizes():
        return None
    return {node: next(iter(right.members[shade])) for node, shade in left.colour.items()}


def _keeps_links(images: Symmetry, colour: Mapping[int, int], neighbours: Sequence[Neighbours]) -> bool:
    """Whether the images of linked nodes are linked in the same way."""
    return all(
        colour[node] == colour[image]
        and sorted((label, images[other]) for label, other in neighbours[node] if other in images)
        == sorted((label, other) for label, other in neighbours[image] if other in reached)
        for reached in (set(images.values()),)
        for node, image in images.items()
    )


def _form(order: Sequence[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]) -> Form:
    """The nodes in this order, each with its colour and its links to the others as places."""
    places = {node: place for place, node in enumerate(order)}
    return (0, *(_described(node, colour, neighbours, places) for node in order))


def _vague_form(order: Sequence[int], colour: Mapping[int, int], neighbours: Sequence[Neighbours]) -> Form:
    """The nodes' colours, and the colours that each is linked to."""
    own = {node: colour[node] for node in order}
    return (1, *sorted(_described(node, colour, neighbours, own) for node in order))


def _described(
    node: int, colour: Mapping[int, int], neighbours: Sequence[Neighbours], names: Mapping[int, int]
) -> tuple[int, tuple[tuple[int, int], ...]]:
    linked = sorted((label, names[other]) for label, other in neighbours[node] if other in names)
    return colour[node], tuple(linked)
