"""How a generated constructor is laid out: on one line where it fits, else an argument a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .argument import Argument
from .block import INDENT, Block
from .code import Code, LiteralType

WIDTH: Final = 110
_FEW: Final = 10
"""With more arguments than this a signature fits on no line."""


def attributes(block: Block) -> Code:
    """The attributes of a class, a line each, in their place."""
    pad = block.pad + INDENT
    lines = [f"{pad}{name} = {value}\n" for name, value in block.constants]
    lines += [f"{pad}{name} = OutputSlot[{kind}]({slot})\n" for name, kind, slot in block.outputs]
    return Code("".join(lines))


def constructor(block: Block) -> Code:
    """The ``__init__`` of a class, in its place; nothing where it has none."""
    if block.arguments is None:
        return Code("")
    pad = block.pad + INDENT
    room = WIDTH - len(pad)
    lines = (*_signature(block, block.arguments, room), *_call(block, room))
    return Code("".join(f"{pad}{line}\n" for line in lines))


def _signature(block: Block, arguments: list[Argument], room: int) -> Iterator[str]:
    given = ["self", *([f"source: {block.source}"] if block.source else []), *(["*"] if arguments else [])]
    if len(arguments) <= _FEW:
        line = f"def __init__({', '.join([*given, *map(_written, arguments)])}) -> None:"
        if len(line) <= room:
            yield line
            return
    yield "def __init__("
    for entry in given:
        yield f"{INDENT}{entry},"
    for argument in arguments:
        yield from _argument(argument, room - len(INDENT))
    yield ") -> None:"


def _written(argument: Argument) -> str:
    return f"{argument.name}: {argument.annotation}{_default(argument)}"


def _default(argument: Argument) -> str:
    return "" if argument.default is None else f" = {argument.default}"


def _argument(argument: Argument, room: int) -> Iterator[str]:
    line = f"{argument.name}: {argument.annotation}"
    if len(line) < room or len(argument.types) == 1:
        yield f"{INDENT}{line}{_default(argument)},"
        return
    yield f"{INDENT}{argument.name}: ("
    for index, part in enumerate(argument.types):
        line = f"{INDENT}{INDENT}{'| ' if index else ''}{part}"
        if len(line) <= room or not isinstance(part, LiteralType):
            yield line
        else:
            yield f"{INDENT}{INDENT}{'| ' if index else ''}Literal["
            for value in part.values:
                yield f"{INDENT}{INDENT}{INDENT}{value},"
            yield f"{INDENT}{INDENT}]"
    yield f"{INDENT}){_default(argument)},"


def _call(block: Block, room: int) -> Iterator[str]:
    puts = [f"{argument.wire}: {argument.value}" for argument in block.arguments or ()]
    first = "source, " if block.source else ""
    rest = f", {block.left_out}" if block.left_out else ""
    line = f"{INDENT}self._make({first}{{{', '.join(puts)}}}{rest})"
    if len(line) <= room:
        yield line
        return
    yield f"{INDENT}self._make({first}{{"
    for put in puts:
        yield f"{INDENT}{INDENT}{put},"
    yield f"{INDENT}}}{rest})"
