"""The Python types of a server's socket types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .. import sockets
from ..bounds import DYNAMIC_NESTING
from ..schema import InputSchema, NodeSchema
from .code import Code
from .name import PythonName, class_name, distinct_names, python_name

COMMON: Final = frozenset(
    name
    for name, kind in vars(sockets).items()
    if isinstance(kind, type) and kind is not sockets.Socket and issubclass(kind, sockets.Socket)
)
"""The types that every generated package shares."""

_RESERVED: Final = frozenset({"Socket", "annotations"})


def unlabelled(kind: str) -> str:
    """A type without the label that a pack puts behind it: ``INT:seed`` is an INT."""
    return kind.partition(":")[0].strip()


@lru_cache(maxsize=4096)
def members(kind: str) -> tuple[str, ...]:
    """The members of a union type (``"FLOAT,INT"``), in the server's order; of any other, itself."""
    return tuple(dict.fromkeys(part.strip() for part in kind.split(",")))


@dataclass(frozen=True)
class SocketClass:
    """A socket type that a generated package adds.

    Attributes:
        name: The class's name.
        bases: What it derives from: `Socket`, or the members of the union that an output is.
    """

    name: PythonName
    bases: Code


class SocketTypes:
    """The socket types of a package.

    An input of a union type takes an output of any of its members. An output of a union type
    may go wherever one of its members may: it is a class that derives from all of them, for
    `Output` is covariant.

    Args:
        kinds: Every type of an input or an output.
        unions: Every union type of an output.
    """

    def __init__(self, kinds: Iterable[str], unions: Iterable[str]) -> None:
        plain = {part for kind in (*kinds, *unions) for part in members(kind)}
        own = plain - COMMON
        joined = {kind: " or ".join(sorted(members(kind))) for kind in unions if len(members(kind)) > 1}
        reserved = _RESERVED | COMMON
        names = distinct_names([*own, *joined.values()], reserved, named=class_name)
        self._names = {kind: names.get(kind) or python_name(kind) for kind in plain}
        self._unions = {kind: names[wire] for kind, wire in joined.items()}
        self._classes = {
            **{names[kind]: Code("Socket") for kind in own},
            **{
                name: Code(", ".join(sorted(self._names[part] for part in members(kind))))
                for kind, name in self._unions.items()
            },
        }

    def input(self, kind: str) -> Code:
        """What an `Output` must carry to be linked to an input of this type."""
        return Code(" | ".join(f"_t.{self._names[part]}" for part in members(kind)))

    def output(self, kind: str) -> Code:
        """What an output of this type carries."""
        name = self._unions.get(kind) or self._names[members(kind)[0]]
        return Code(f"_t.{name}")

    def __iter__(self) -> Iterator[SocketClass]:
        """The types that are not `COMMON`, those that others derive from first."""
        own = sorted(self._classes.items(), key=lambda pair: (pair[1] != "Socket", pair[0]))
        return (SocketClass(name, bases) for name, bases in own)


def is_any(kind: str) -> bool:
    """Whether an output or an input of this type goes with every other."""
    return "*" in members(kind)


def walk_inputs(node: NodeSchema) -> Iterator[InputSchema]:
    """All inputs of a node class, those that a pack adds to its nodes and those inside dynamic
    inputs too, but none that are nested deeper than is generated.
    """
    waiting = [(entry, 0) for entry in reversed((*node.inputs, *node.added_inputs))]
    while waiting:
        entry, depth = waiting.pop()
        yield entry
        if entry.dynamic is not None and depth < DYNAMIC_NESTING:
            waiting.extend((inner, depth + 1) for inner in reversed(entry.dynamic.inner))
