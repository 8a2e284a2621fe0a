"""What node classes are looked for by: names, titles, categories, and what they take and give.

A server with many packs has thousands of classes. Of each only what is searched is kept, so that a
catalogue of 100 MB, whose classes are decoded one by one, needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from .input_schema import PRIMITIVES, InputSchema
from .node_schema import NodeSchema
from .schema import Schema

_LONGEST: Final = 400
"""How much of a string is kept: no name that people look for is longer."""


class ListedNode(NamedTuple):
    """A node class, as a search knows it.

    Attributes:
        class_type: Its name.
        display_name: What the editor calls it.
        category: Where the editor lists it.
        names: Its names in small letters.
        text: All that is searched, in small letters.
        takes: The types of its sockets for inputs.
        gives: The types of its outputs.
        marks: What people are warned of: that it is deprecated, say.
    """

    class_type: str
    display_name: str
    category: str
    names: str
    text: str
    takes: frozenset[str]
    gives: frozenset[str]
    marks: tuple[str, ...]


class NodeIndex:
    """The node classes of a server, to be searched.

    Args:
        schema: Of the server. Each class of it is looked at once.
    """

    def __init__(self, schema: Schema) -> None:
        whole = schema.whole()
        self.source: Final = str(whole)
        self.names: Final = tuple(whole.raw)
        self._found: Final = tuple(_read(whole))

    def __len__(self) -> int:
        return len(self._found)

    def find(
        self, words: Iterable[str], takes: str | None = None, gives: str | None = None
    ) -> list[ListedNode]:
        """The node classes that have every word in their name, title, category or aliases.

        Those with the words in the class name or the title come first, and of these the one that is
        called so.

        Args:
            words: The words; none finds all.
            takes: A type that one of its inputs must take: ``IMAGE``.
            gives: A type that one of its outputs must have.
        """
        lowered = [word.lower() for word in words]
        name = " ".join(lowered)
        wanted_in, wanted_out = takes and takes.upper(), gives and gives.upper()
        found = [
            node
            for node in self._found
            if all(word in node.text for word in lowered)
            and (not wanted_in or wanted_in in node.takes)
            and (not wanted_out or wanted_out in node.gives)
        ]
        return sorted(
            found,
            key=lambda node: (
                name not in (node.class_type.lower(), node.display_name.lower()),
                not all(word in node.names for word in lowered),
                node.class_type,
            ),
        )


def marks_of(node: NodeSchema) -> tuple[str, ...]:
    """What people see of a class before anything else.

    Args:
        node: The class.
    """
    marks = {
        "output node": node.is_output_node,
        "deprecated": node.deprecated,
        "experimental": node.experimental,
        "paid API node": node.api_node,
    }
    return tuple(word for word, holds in marks.items() if holds)


def _read(schema: Schema) -> Iterator[ListedNode]:
    for class_type in schema.raw:
        node = schema.get(class_type)
        if node is None:
            continue
        names = f"{node.class_type} {node.display_name}"[:_LONGEST].lower()
        text = " ".join([node.category[:_LONGEST], *node.search_aliases])[:_LONGEST].lower()
        yield ListedNode(
            class_type,
            node.display_name[:_LONGEST],
            node.category[:_LONGEST],
            names,
            f"{names} {text}",
            frozenset(kind.upper() for kind in _socket_types(node.inputs)),
            frozenset(output.type[:_LONGEST].upper() for output in node.outputs),
            marks_of(node),
        )
        schema.release(class_type)


def _socket_types(inputs: Iterable[InputSchema]) -> Iterator[str]:
    """The types that inputs take a link of, within dynamic inputs too."""
    waiting = [*inputs]
    while waiting:
        entry = waiting.pop()
        dynamic = entry.dynamic
        if dynamic is not None:
            waiting += dynamic.inner
            kinds = frozenset([dynamic.socket_type]) if dynamic.socket_type is not None else frozenset[str]()
        else:
            kinds = entry.types
        yield from (kind[:_LONGEST] for kind in kinds if kind not in PRIMITIVES and not entry.is_combo)
