"""Golden files: what a test has seen once and wants to see again, beside the test."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import GoldenError, PromptError
from ..graph import Graph, Link
from ..graph.prompt import read_prompt
from ..user_lines import short_path
from .query import shown_input
from .session import Session, current_session, current_test
from .subject import Looked, Subject

if TYPE_CHECKING:
    from ..diff import Diff

FOLDER: Final = "goldens"
"""The folder beside a test that has its goldens."""


def assert_prompt_matches(
    workflow: Looked, golden: str | os.PathLike[str] | None = None, *, name: str | None = None
) -> None:
    """Assert that the prompt matches the golden file, up to ids and the order of nodes.

    ``pytest --comfy-update-goldens`` writes the file; look at what changed in it before you
    commit it.

    Args:
        workflow: A workflow, a graph, or prompt JSON.
        golden: The file, as seen from the test; by default one in ``goldens/`` beside the test that
            is called as the test.
        name: Put at the end of that name, for a test that has several.

    Raises:
        AssertionError: It differs, or the file does not exist; the message lists the
            differences by node.
        GoldenError: There is no test from which the file's name could be taken.
    """
    __tracebackhide__ = True
    from ..diff import diff

    subject = Subject.of(workflow)
    session = current_session()
    path = golden_path(session, golden, name, ".json")
    if session.update_goldens:
        text = json.dumps(subject.source.prompt, indent=2, ensure_ascii=False) + "\n"
        write_golden(path, text.encode())
        return
    before = _read(path)
    found = diff(before, subject.graph)
    if not found.empty:
        lines = "\n".join(difference_lines(found, subject))
        raise AssertionError(f"{subject.name} differs from {short_path(str(path))}:\n{lines}\n{UPDATE}")


UPDATE: Final = "If the new version is right, run: pytest --comfy-update-goldens"


def golden_path(
    session: Session, golden: str | os.PathLike[str] | None, name: str | None, suffix: str
) -> Path:
    """The golden file that is meant.

    Args:
        session: The run of pytest.
        golden: The file, as seen from the test, or None: one that is called as the test.
        name: Put at the end of that name.
        suffix: The end of the file's name.

    Raises:
        GoldenError: Another test has the same golden, or no test runs.
    """
    test = current_test()
    file, _, words = test.partition("::")
    if golden is not None and (Path(golden).is_absolute() or not test):
        return Path(golden)
    if not test:
        raise GoldenError("no test is running, so the golden file has no name; pass its path")
    test_file = session.root / file
    if golden is not None:
        return test_file.parent / golden
    called = re.sub(r"[^\w\-]+", "-", f"{words}-{name}" if name else words).strip("-")
    path = test_file.parent / FOLDER / f"{test_file.stem}.{called[:_LONGEST]}{suffix}"
    owner = session.goldens.setdefault(path, f"{test}#{name}")
    if owner != f"{test}#{name}":
        raise GoldenError(
            f"{test} and {owner.rpartition('#')[0]} use the same golden {path.name}; pass name=…"
        )
    return path


_LONGEST: Final = 150


def write_golden(path: Path, content: bytes) -> None:
    """Write a golden file, unless it already has this content.

    Raises:
        GoldenError: It cannot be written.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise GoldenError(f"cannot write the golden file {path}: {error}") from None


def read_golden(path: Path) -> bytes:
    """The content of a golden file.

    Raises:
        AssertionError: There is none.
        GoldenError: It cannot be read.
    """
    __tracebackhide__ = True
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise AssertionError(
            f"golden file not found: {short_path(str(path))}. To write it, run: pytest --comfy-update-goldens"
        ) from None
    except OSError as error:
        raise GoldenError(f"cannot read the golden file {path}: {error}") from None


def _read(path: Path) -> Graph:
    __tracebackhide__ = True
    content = read_golden(path)
    try:
        return read_prompt(json.loads(content))
    except (ValueError, RecursionError, PromptError) as error:
        raise GoldenError(f"the golden file {path} holds no prompt: {error}") from None


def difference_lines(found: Diff, subject: Subject) -> Iterator[str]:
    """What differs, node by node, each as its source knows it.

    Args:
        found: What differs between something that is kept and a workflow.
        subject: The workflow.
    """
    for node in found.removed:
        yield f"  gone: {Subject.of(found.before).called(node.node_id)}"
    for node in found.added:
        yield f"  new:{subject.described(node.node_id)[1:]}"
    changes: dict[str, list[str]] = {}
    for change in (*found.changed, *found.rewired):
        old, new = _value(change.old, found.before, None), _value(change.new, found.after, subject)
        words = f"{change.input_name}: {old} -> {new}"
        changes.setdefault(change.after.node_id, []).append(words)
    for retitled in found.retitled:
        words = f"title: {retitled.before.title!r} -> {retitled.after.title!r}"
        changes.setdefault(retitled.after.node_id, []).append(words)
    if changes:
        yield subject.listed(changes, changes)


def _value(value: Any, graph: Graph, subject: Subject | None) -> str:
    from ..diff import ABSENT

    if value is ABSENT:
        return "nothing"
    if type(value) is not Link:
        return shown_input(value)
    name = subject.output_name(value) if subject is not None else f"output {value.slot}"
    return f"{name} of {Subject.of(graph).called(value.node_id)}"
