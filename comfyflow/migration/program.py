"""A program's source with today's names, and what there is to say about it that no rewriting settles.

The source is read as a syntax tree and changed where the names are, character for character, so
that all else stays as it is. It is never run.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..errors import CommandError
from ..node_history import dropped, renamed_choices
from ..problem import Place, Problem
from .name_changes import Bindings, ImportedName, NameChanges, lost_values, member, source_module

MAX_BYTES: Final = 10 * 1024 * 1024
"""The largest file that is read."""

_CHOICES: Final = "choices"
_SAME_NODE: Final = frozenset({"titled", "with_id", "with_inputs", "bypassed"})
"""Functions of comfyflow that give the node that they were given."""
_FORMER_OUTPUT: Final = re.compile(r"unnamed_[0-9a-f]{8}(_\d+)?")
_ANNOTATION: Final = re.compile(r"[\w\[\], .|]{1,200}")
_WORD: Final = re.compile(r"\w+")
_LINE_ENDS: Final = re.compile("\r\n|\r|\n")


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Migrated:
    """A program with today's names.

    Attributes:
        before: Its source.
        after: The source with today's names.
        remarks: What its author has to decide, by line; each has its place.
        encoding: How the file is encoded.
    """

    before: str
    after: str
    remarks: tuple[Problem, ...]
    encoding: str

    @property
    def changed(self) -> bool:
        """Whether there is anything to rewrite."""
        return self.before != self.after


def migrate(data: bytes, changes: Mapping[str, NameChanges], name: str = "the file") -> Migrated:
    """Rewrite a program from the names of an older package of node classes to today's.

    Only names are touched that an import takes from one of the packages and that nothing else in
    the file gives another meaning.

    Args:
        data: The file.
        changes: The packages that it may import, and what happened to their names. One that it
            imports by a relative name is under that: ``.nodes``.
        name: What messages call the file.

    Raises:
        CommandError: It is not Python that this Python reads, or too large.
    """
    encoding, source, tree = _parsed(data, name)
    program = _Program(source, tree, changes)
    program.look()
    return Migrated(source, program.rewritten(), program.remarks(name), encoding)


def imported_modules(data: bytes, name: str = "the file") -> list[str]:
    """The modules that a program imports, or imports from, each once; relative ones with their dots.

    Raises:
        CommandError: As with `migrate`.
    """
    found: dict[str, None] = {}
    for node in ast.walk(_parsed(data, name)[2]):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            module = source_module(node)
            found.update(dict.fromkeys(member(module, alias.name) for alias in node.names))
    return list(found)


def _parsed(data: bytes, name: str) -> tuple[str, str, ast.Module]:
    if len(data) > MAX_BYTES:
        raise CommandError(f"{name} has more than {MAX_BYTES} bytes, too large for a program")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        source = data.decode(encoding)
        return encoding, source, ast.parse(source)
    except SyntaxError as error:
        raise CommandError(f"{name}:{error.lineno or 1}: {error.msg}; nothing was changed") from None
    except (ValueError, RecursionError, MemoryError, LookupError) as error:
        raise CommandError(f"{name} cannot be read as Python: {error}; nothing was changed") from None


class _Program:
    def __init__(self, source: str, tree: ast.Module, changes: Mapping[str, NameChanges]) -> None:
        self._source = source
        self._tree = tree
        self._changes = changes
        self._bindings = Bindings.of(tree, sorted(changes, key=len, reverse=True))
        self._starts = [0, *(match.end() for match in _LINE_ENDS.finditer(source))]
        self._edits: set[_Edit] = set()
        self._remarks: set[tuple[int, str]] = set()
        self._renamed: dict[str, str] = {}
        """Local names that get another because what they import did."""

    def look(self) -> None:
        """Find everything to rewrite or report."""
        for taken in self._bindings.imported:
            self._look_at_import(taken)
        classes = dict(self._variables())
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name):
                new = self._renamed.get(node.id)
                if new is not None:
                    self._replace(node.lineno, node.col_offset, node.id, new)
            elif isinstance(node, ast.Attribute):
                self._look_at_attribute(node, classes)
            elif isinstance(node, ast.Call):
                self._look_at_call(node)
            elif isinstance(node, ast.Assign):
                self._look_at_unpacking(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._look_at_text(node, node.value)

    def rewritten(self) -> str:
        """The source with all that was found."""
        source = self._source
        for edit in sorted(self._edits, reverse=True):
            source = source[: edit.start] + edit.text + source[edit.end :]
        return source

    def remarks(self, name: str) -> tuple[Problem, ...]:
        """What has to be said, by line.

        Args:
            name: The file.
        """
        return tuple(
            Problem("to_be_decided", text, "warning", place=Place(name, line))
            for line, text in sorted(self._remarks)
        )

    def _remark(self, line: int, text: str) -> None:
        self._remarks.add((line, text))

    def _look_at_import(self, taken: ImportedName) -> None:
        changes = self._changes[taken.package]
        line = taken.alias.lineno
        if taken.name == "*":
            self._look_for_starred(changes)
            return
        new = _today(changes, taken.path, taken.name)
        if new is None:
            self._tell_gone(line, changes, taken.path, taken.name)
            return
        self._replace(line, taken.alias.col_offset, taken.name, new)
        if taken.alias.asname is not None:
            return
        free = self._renamed.get(taken.local) == new or (
            self._bindings.bound[new] == 0 and new not in self._renamed.values()
        )
        if free and self._bindings.is_sure(taken.local):
            self._renamed[taken.local] = new
            return
        end = self._offset(line, taken.alias.col_offset) + len(taken.name)
        self._edits.add(_Edit(end, end, f" as {taken.local}"))

    def _look_for_starred(self, changes: NameChanges) -> None:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name) and not self._bindings.bound[node.id]:
                new = changes.classes.get(node.id)
                if new is not None:
                    told = f"{node.id} is now called {new}; with `import *` it is unclear whether this is it"
                    self._remark(node.lineno, told)
                else:
                    self._tell_gone(node.lineno, changes, (), node.id)

    def _look_at_attribute(self, node: ast.Attribute, classes: Mapping[str, set[str]]) -> None:
        target = self._bindings.target(node)
        if target is not None:
            package, path, name = target
            changes = self._changes[package]
            if not any(part in changes.present or part in changes.classes for part in path):
                new = _today(changes, path, name)
                if new is not None:
                    self._replace_attribute(node, new)
                else:
                    self._tell_gone(_end_line(node), changes, path, name)
                return
        if not any(node.attr in outputs for outputs in self._all_outputs()):
            return
        owners = self._classes_of(node.value, classes)
        news = {self._outputs(owner).get(node.attr) for owner in owners}
        new = news.pop() if len(news) == 1 else None
        if new is not None:
            self._replace_attribute(node, new)
        elif _FORMER_OUTPUT.fullmatch(node.attr):
            told = f".{node.attr} is an output name from comfyflow 0.1; its class is unknown here"
            self._remark(_end_line(node), told)

    def _look_at_call(self, node: ast.Call) -> None:
        found = self._class_of(node.func)
        if found is None:
            return
        changes, name = found
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        spread = any(keyword.arg is None for keyword in node.keywords)
        for version, changed in changes.changed.get(name, ()):
            for wire, choices, default in lost_values(changed):
                value = given.get(wire)
                if isinstance(value, ast.Constant) and value.value in choices:
                    told = f"{name}({wire}={value.value!r}): ComfyUI {version} no longer accepts that choice"
                    self._remark(value.lineno, told)
                elif default is not None and wire not in given and not spread and "." not in wire:
                    self._tell_default(node.lineno, changes, name, wire, default, version)

    def _tell_default(
        self, line: int, changes: NameChanges, name: str, wire: str, default: Any, version: str
    ) -> None:
        if wire in changes.defaults.get(name, ()):
            return
        told = f"{name}() needs {wire}= since ComfyUI {version}; it used to default to {default!r}"
        self._remark(line, told)

    def _look_at_unpacking(self, node: ast.Assign) -> None:
        found = self._class_of(node.value.func) if isinstance(node.value, ast.Call) else None
        for target in node.targets:
            if found is None or not isinstance(target, (ast.Tuple, ast.List)):
                continue
            if any(isinstance(part, ast.Starred) for part in target.elts):
                continue
            changes, name = found
            for version, changed in changes.changed.get(name, ()):
                before = changed.get("outputs", [])
                if len(target.elts) == len(before) != changes.widths.get(name):
                    told = (
                        f"{name} has {changes.widths.get(name)} outputs since ComfyUI {version}, not "
                        f"{len(before)}; read them by name, or unpack them all"
                    )
                    self._remark(node.lineno, told)

    def _look_at_text(self, node: ast.Constant, text: str) -> None:
        """Annotations in quotes and ``__all__``: what they mean is not known here."""
        for old, new in self._renamed.items():
            if old in text and _ANNOTATION.fullmatch(text) and old in _WORD.findall(text):
                self._remark(node.lineno, f"the text {text!r} may mean {old}, which is now {new}")

    def _tell_gone(self, line: int, changes: NameChanges, path: tuple[str, ...], name: str) -> None:
        if path == (_CHOICES,):
            if name not in changes.aliases and renamed_choices(name) is not None:
                told = f"{name}: no node of this package has those choices any more"
                self._remark(line, told)
            return
        gone = None if name in changes.present else dropped(name)
        if gone is not None:
            self._remark(line, f"{name}: {gone}")

    def _class_of(self, node: ast.expr) -> tuple[NameChanges, str] | None:
        """The class that an expression names, by the name that it has today."""
        target = self._bindings.target(node)
        if target is None or target[1][:1] == (_CHOICES,):
            return None
        changes, name = self._changes[target[0]], target[2]
        name = changes.classes.get(name, name)
        return (changes, name) if name in changes.present else None

    def _variables(self) -> Iterator[tuple[str, set[str]]]:
        """The classes of the nodes that variables hold, as far as their assignments tell."""
        found: dict[str, set[str]] = {}
        for node in ast.walk(self._tree):
            target: ast.expr | None = None
            value: ast.expr | None = None
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
                target, value = node.target, node.value
            if isinstance(target, ast.Name) and value is not None:
                found.setdefault(target.id, set()).update(self._made_by(value) or {""})
        yield from found.items()

    def _classes_of(self, node: ast.expr, variables: Mapping[str, set[str]]) -> set[str]:
        if isinstance(node, ast.Name):
            return variables.get(node.id, set())
        return self._made_by(node)

    def _made_by(self, node: ast.expr) -> set[str]:
        """The class of the node that an expression makes; none if it makes none."""
        while isinstance(node, ast.Call):
            found = self._class_of(node.func)
            if found is not None:
                return {found[1]}
            if not isinstance(node.func, ast.Name) or node.func.id not in _SAME_NODE or not node.args:
                break
            node = node.args[0]
        return set()

    def _all_outputs(self) -> Iterator[Mapping[str, str]]:
        for changes in self._changes.values():
            yield from changes.outputs.values()

    def _outputs(self, owner: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for changes in self._changes.values():
            found.update(changes.outputs.get(owner, {}))
        return found

    def _replace_attribute(self, node: ast.Attribute, new: str) -> None:
        line, column = node.end_lineno or node.lineno, node.end_col_offset or 0
        self._replace(line, column - len(node.attr.encode()), node.attr, new)

    def _replace(self, line: int, column: int, old: str, new: str) -> None:
        """Put a name in the place of another; where it is spelled otherwise there, say so."""
        start = self._offset(line, column)
        if self._source[start : start + len(old)] == old:
            self._edits.add(_Edit(start, start + len(old), new))
        else:
            self._remark(line, f"{old} is now called {new}; it is spelled in an unusual way here")

    def _offset(self, line: int, column: int) -> int:
        """Where a place of the syntax tree is in the source. Its columns count bytes of UTF-8."""
        start = self._starts[line - 1]
        return start + len(self._source[start : start + column].encode()[:column].decode(errors="ignore"))


def _today(changes: NameChanges, path: tuple[str, ...], name: str) -> str | None:
    """What a name in a module of the package is called today, where that is another name."""
    return changes.choices.get(name) if path == (_CHOICES,) else changes.classes.get(name)


def _end_line(node: ast.expr) -> int:
    return node.end_lineno or node.lineno
