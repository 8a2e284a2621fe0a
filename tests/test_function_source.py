"""The source of a function: given only where it is that of the code which runs."""

from __future__ import annotations

import ast
import importlib.util
import linecache
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from comfyflow.workflows.function_source import source_of

BODY = '''
from __future__ import annotations
import functools

def plain(a: int = 1, *, b: str = "x") -> object:
    """Says so."""
    return [a, (1, 2.0), b, {"k": lambda c: c + 1}]

class Holder:
    def method(self) -> object:
        def inner() -> int:
            return 1
        return inner

def outer():
    def closed(x):
        return a + x
    a = 1
    return closed

def decorated(function):
    return function

@decorated
def marked(x):
    return x if x else None

nameless = lambda x: x
'''


def loaded(folder: Path, text: str = BODY) -> Any:
    """A module made of a file, which may be written anew later."""
    file = folder / "made.py"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("made_for_its_source", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def name_of(function: Any) -> str | None:
    assert isinstance(function, FunctionType)
    found = source_of(function)
    assert found is None or isinstance(found, ast.FunctionDef)
    return found.name if found is not None else None


def test_functions_wherever_they_stand(tmp_path: Path) -> None:
    made = loaded(tmp_path)
    closed = made.outer()
    found = [name_of(each) for each in (made.plain, made.Holder.method, made.outer, made.marked)]
    assert found == ["plain", "method", "outer", "marked"]
    assert name_of(closed) is None, "its names are cells only within the function around it"
    assert name_of(made.nameless) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1, 2.0)", "(1, 2)"),
        ("(1, 2.0)", "(1, 3.0)"),
        ("c + 1", "c + 2"),
        ("c + 1", "c - 1"),
        ("lambda c: c", "lambda d: d"),
        ("a: int = 1,", "z: int = 1,"),
        ("return [a", "return [b"),
        ("return [a", "return a, [a"),
        ("def plain(", "def other("),
        ("def plain(", "async def plain("),
        ("def plain(", "class plain("),
        ("def plain(", "def plain(("),
    ],
)
def test_a_file_that_was_changed_since_has_another(tmp_path: Path, old: str, new: str) -> None:
    made = loaded(tmp_path)
    assert name_of(made.plain) == "plain"
    changed = BODY.replace(old, new, 1)
    assert changed != BODY
    (tmp_path / "made.py").write_text(changed, encoding="utf-8")
    linecache.clearcache()
    assert name_of(made.plain) is None


def test_a_default_is_no_part_of_the_code() -> None:
    """What a parameter is by default is known of the function itself, which the source is not asked for."""
    scope: dict[str, Any] = {}
    exec("def unwritten(a): return a", scope)  # noqa: S102
    assert name_of(scope["unwritten"]) is None
