"""Mutants of a module: its source with one small fault in it.

mutmut's operators make the faults. It would also run them, but rewrites each function for that, and
comfyflow looks at the code of its callers; so a mutant here is the whole file, as a person would edit it.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_TYPES = m.Annotation() | m.Import() | m.ImportFrom() | m.Decorator() | m.Comment()
_TYPE_NAMES = m.Call(func=m.Name("TypeVar") | m.Name("ParamSpec") | m.Name("cast") | m.Name("NewType"))
_DECLARED = m.Assign(
    targets=[m.AssignTarget(m.Name("__all__") | m.Name("__slots__") | m.Name("__match_args__"))]
)
_ALIAS = m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))
_FOR_TYPES_ONLY = m.If(test=m.Name("TYPE_CHECKING"))
_SKIPPED = _TYPES | _TYPE_NAMES | _DECLARED | _ALIAS | _FOR_TYPES_ONLY
"""What does nothing at run time, or where a fault breaks the import and so tells nothing."""


@dataclass(frozen=True)
class Mutant:
    """A module with one fault.

    Attributes:
        path: The module, from the root of the repository.
        first: The first line of what was replaced.
        last: Its last line.
        source: The module's source with the fault.
        change: The lines that differ: ``- old``, ``+ new``.
    """

    path: str
    first: int
    last: int
    source: str
    change: tuple[str, ...]


def sample(root: Path, path: str, count: int, seed: int) -> list[Mutant]:
    """Some mutants of a module: places are drawn first, then a fault at each, so that an expression
    with many possible faults counts once.

    Args:
        root: The repository.
        path: The module.
        count: How many; all places where there are fewer.
        seed: Which.
    """
    source = (root / path).read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    lines = wrapper.resolve(PositionProvider)
    places: dict[tuple[int, int], list[tuple[cst.CSTNode, cst.CSTNode]]] = {}
    for node in _nodes(wrapper.module):
        for changed in _changes(node):
            start = lines[node].start
            places.setdefault((start.line, start.column), []).append((node, changed))
    drawn = random.Random(f"{seed} {path}")
    chosen = sorted(drawn.sample(sorted(places), min(count, len(places))))
    made: list[Mutant] = []
    for place in chosen:
        node, changed = drawn.choice(places[place])
        mutated = wrapper.module.deep_replace(node, changed).code  # type: ignore[arg-type]
        if mutated != source and _compiles(mutated):
            where = lines[node]
            made.append(Mutant(path, where.start.line, where.end.line, mutated, _difference(source, mutated)))
    return made


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack = [node]
    while stack:
        current = stack.pop()
        if m.matches(current, _SKIPPED) or _is_prose(current):
            continue
        yield current
        stack.extend(current.children)


def _is_prose(node: cst.CSTNode) -> bool:
    """Whether it is a docstring or the words of a message: their wording is not a contract."""
    return isinstance(node, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)) and (
        isinstance(node, cst.ConcatenatedString) or " " in cst.Module([]).code_for_node(node)
    )


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _difference(before: str, after: str) -> tuple[str, ...]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return tuple(f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-")
