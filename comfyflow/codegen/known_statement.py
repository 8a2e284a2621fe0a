"""Statements of generated modules that need no compiling: of forms that Python takes, whatever is in them.

Compiling finds what is not Python. It takes a third of a generation, most of it for what is the same in every
class. A statement that one of these forms describes to the last character is Python, so only the others are
compiled. The forms are stricter than Python: names are ASCII and no keywords, texts are literals on one line,
nothing is nested deep, and nothing is called but what builds a node.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

_TOP: Final = re.compile(r"^(?=class |if |__all__ = |_HOMES = |_MODULES = |\w+: TypeAlias = )", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"(\w+): ")
_INDENTS: Final = 10
_CONSTANTS: Final = ("None", "True", "False")


def doubtful(source: str) -> Iterator[str]:
    """The parts of a module that have to be compiled: where all of them do, the module does.

    Args:
        source: The module.
    """
    if "\\\n" in source or "\r" in source:
        yield source
        return
    starts = [0, *(found.start() for found in _TOP.finditer(source)), len(source)]
    for start, end in pairwise(starts):
        part = source[start:end]
        if part and not is_known(part):
            yield part


def is_known(statement: str) -> bool:
    """Whether a statement, with the empty lines behind it, is of one of the forms.

    Args:
        statement: The statement, which begins at the beginning of a line.
    """
    if statement.startswith("class "):
        return _is_class(statement)
    return any(form.fullmatch(statement) is not None for form in _plain_forms())


def _is_class(statement: str) -> bool:
    """Whether it is a class with the classes in it."""
    block = _class_form()
    place, deepest, end = 0, 0, len(statement.rstrip("\n"))
    while place < end:
        found = block.match(statement, place)
        if found is None:
            return False
        depth, uneven = divmod(len(found["pad"]), 4)
        if uneven or depth > min(deepest, _INDENTS) or (place == 0) != (depth == 0):
            return False
        names = _ARGUMENT.findall(found["arguments"] or "")
        if len({*names, "self"}) <= len(names):
            return False
        place, deepest = found.end(), depth + 1
    return True


@cache
def _plain_forms() -> tuple[re.Pattern[str], ...]:
    listed = rf"(?:        {_NEW_NAME} as {_NEW_NAME},\n)+"
    module = rf"\.(?:{_PLAIN_NAME}(?:\.(?=[A-Za-z_])|(?= )))+"
    return (
        re.compile(rf"{_NEW_NAME}: TypeAlias = Literal\[\n(?:    (?:{_TEXT}|{_NUMBER}|{_NAME}),\n)+\]\n+"),
        re.compile(rf"if TYPE_CHECKING:\n(?:    from {module} import \(\n{listed}    \)\n)+\n*"),
        re.compile(rf"__all__ = \[\n(?:    {_TEXT},\n)*\]\n+"),
        re.compile(rf"_HOMES = \{{\n(?:    {_TEXT}: \(\n(?:        {_TEXT},\n)+    \),\n)*\}}\n+"),
    )


@cache
def _class_form() -> re.Pattern[str]:
    """One class, without those in it."""
    start = r"(?=[A-Za-z_])"
    dot = r"\.(?!None|True|False)"
    of = r"(?<!None)(?<!True)(?<!False)\["
    inner = rf"(?:{_NAME}(?:(?:{dot}| \| |, ){start}|(?=\]))){{1,50}}"
    nested = rf"(?:{_NAME}(?:{of}{inner}\])?(?:(?:{dot}| \| |, ){start}|(?=\]))){{1,50}}"
    texts = rf'(?:\n +)?(?:{_TEXT}(?:, (?=")|,\n +(?=["\]])|(?=\])))+'
    kind = (
        rf"(?:{_NAME}(?:{of}(?:{texts}|{nested})\])?(?:(?:{dot}| \| |\n +\| ){start}|(?=[,)\n]| = ))){{1,50}}"
    )
    default = rf"(?: = (?:{_TEXT}|{_NUMBER}|{_NAME}|\[\]|\(\)|\{{\}}))?"
    argument = rf"{_PLAIN_NAME}: (?:{kind}|\(\n +{kind}\n +\)){default}"
    arguments = rf"(?:\n +)?self(?:,[ \n]+\*(?:,[ \n]+{argument})+)?,?[ \n]*"
    tuple_ = rf'\((?:{_TEXT},?(?: (?=")|(?=\))))*\)'
    passed = rf"(?:{_TEXT}|{_NUMBER}|{tuple_}|{_NAME}(?:\.{_NEW_NAME})?)"
    value = rf"(?:_[a-z][a-z_]*\((?:{passed}(?:, (?!\))|(?=\))))+\)|{_NAME})"
    inputs = rf'\{{[ \n]*(?:{_TEXT}: {value}(?:,[ \n]+(?=")|,?[ \n]*(?=\}})))*\}}'
    bases = rf"(?:{_NAME}(?:{of}{nested}\])?(?:(?:{dot}|, ){start}|(?=\)))){{1,50}}"
    docstring = rf'"""[^"\\\0]*(?:{_ESCAPED}[^"\\\0]*)*"""'
    constant = rf"(?:{_TEXT}|{tuple_}|OutputSlot\[{nested}\]\((?:0|[1-9][0-9]{{0,3}})\)|{_NAME})"
    return re.compile(
        rf"\n*(?P<pad> *)class {_NEW_NAME}(?:\({bases}\))?:\n"
        rf"(?:(?P=pad)    {docstring}\n\n)?(?P=pad)    __slots__ = \(\)\n"
        rf"(?:(?P=pad)    {_NEW_NAME} = {constant}\n)*"
        rf"(?:\n(?P=pad)    def __init__\((?P<arguments>{arguments})\) -> None:\n"
        rf"(?P=pad)        self\._make\({inputs}(?:, {tuple_})?\)\n)?"
    )


_KEYWORDS: Final = "|".join(sorted({*keyword.kwlist, "__debug__"}.difference(_CONSTANTS)))
_NAME: Final = rf"(?!(?:{_KEYWORDS})(?![0-9A-Za-z_]))[A-Za-z_][0-9A-Za-z_]*"
"""A name, or a constant that looks like one."""
_NEW_NAME: Final = rf"(?!(?:{'|'.join(_CONSTANTS)})(?![0-9A-Za-z_])){_NAME}"
"""A name that may be given to something."""
_PLAIN_NAME: Final = rf"(?!_){_NEW_NAME}"
"""One that Python takes everywhere: a class mangles ``__x``, and ``.__future__`` reads as ``__future__``."""
_ESCAPED: Final = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5})"""
_TEXT: Final = rf'"[ !#-\[\]-~]*(?:{_ESCAPED}[ !#-\[\]-~]*)*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?(?![0-9A-Za-z_.])"
