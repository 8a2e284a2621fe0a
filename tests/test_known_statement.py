"""Statements that are not compiled: none of them may be something that Python refuses."""

from __future__ import annotations
import __future__

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.codegen.known_statement import doubtful, is_known

STUBS = Path(__file__).parents[1] / "stubs" / "comfynodes"
FLAGS = __future__.annotations.compiler_flag
LONGEST = 1500
PIECE = re.compile(r"\w+|\s+|[^\w\s]")
PIECES = (
    *(
        '"',
        "'",
        "\\",
        "\n",
        "\r",
        "(",
        ")",
        "()",
        "[",
        "]",
        "{",
        "}",
        ",",
        ", ",
        " ",
        "    ",
        "=",
        " = ",
        ": ",
    ),
    *(
        ".",
        "...",
        "|",
        "*",
        "**",
        "@",
        ";",
        ":=",
        "#",
        "1",
        "01",
        "-",
        "1.",
        "e5",
        "_",
        "self",
        "source",
        "class ",
    ),
    *("None", "True", "def", "lambda", "in", "yield", "await ", "__debug__", "x", "x: int", "print(1)"),
    *('"""', "\\x", "\\u12", "é", "\0", "\t", "\f", "\\\n"),
)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def known() -> list[str]:
    """Short statements of the reference package that need no compiling."""
    sources = [path.read_text() for path in sorted(STUBS.rglob("*.py"))]
    starts = re.compile(r"^(?=class |\w+: TypeAlias)", re.MULTILINE)
    return [
        each for source in sources for each in starts.split(source) if len(each) < LONGEST and is_known(each)
    ]


def test_most_of_a_package_is_known() -> None:
    sources = [_read(path) for path in STUBS.rglob("*.py")]
    left = sum(len(part) for source in sources for part in doubtful(source))
    assert left < sum(map(len, sources)) / 5


def test_what_is_known_is_all_of_it_but_what_is_doubtful() -> None:
    source = _read(STUBS / "nodes.py")
    parts = list(doubtful(source))
    assert all(part in source for part in parts)
    assert "class KSampler(" not in "".join(parts)
    assert "class Odd:\n    x = \n" in "".join(doubtful(f"{source}\nclass Odd:\n    x = \n"))


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A known statement with a few changes, such as a mistake in a template would make."""
    text = draw(st.sampled_from(known()))
    for _ in range(draw(st.integers(1, 3))):
        places = [found.span() for found in PIECE.finditer(text)] or [(0, 0)]
        start, end = draw(st.sampled_from(places))
        first, last = draw(st.sampled_from(places))
        new = draw(st.sampled_from(PIECES) | st.just(text[first:last]) | st.just(""))
        text = text[:start] + new + text[draw(st.sampled_from((start, end))) :]
    return text


@settings(max_examples=200)
@given(changed())
def test_what_is_known_compiles(statement: str) -> None:
    if is_known(statement):
        compile(statement, "it", "exec", FLAGS, dont_inherit=True)


@settings(max_examples=80)
@given(changed())
def test_what_is_known_calls_nothing_but_what_builds_a_node(statement: str) -> None:
    if not is_known(statement):
        return
    for call in (node for node in ast.walk(ast.parse(statement)) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)
        assert called == "self._make" or called.startswith(("OutputSlot[", "_"))


CLASS = '''class A({bases}):
    """{docstring}"""

    __slots__ = ()
    _class_type = {value}

    def __init__(self, *, {arguments}) -> None:
        self._make({inputs})
'''
PLAIN = {
    "bases": "Node",
    "docstring": "A.",
    "value": '"A"',
    "arguments": "x: int = 1",
    "inputs": '{"x": x}',
}


def test_a_plain_class_is_known() -> None:
    assert is_known(CLASS.format(**PLAIN))


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        ("bases", "Node, "),
        ("bases", "Node[X"),
        ("bases", "class"),
        ("bases", "None[X]"),
        ("bases", "f()"),
        ("bases", "Node[" + " | ".join(["X"] * 1000) + "]"),
        ("docstring", 'A. """; f(); """'),
        ("docstring", "A. \\"),
        ("docstring", "\\x1"),
        ("docstring", "\\N{x}"),
        ("value", '"A" "'),
        ("value", '"\\xg0"'),
        ("value", "f()"),
        ("value", "01"),
        ("value", '"é"'),
        ("arguments", "x: int, x: int"),
        ("arguments", "__x: int, _A__x: int"),
        ("arguments", "self: int"),
        ("arguments", "class: int"),
        ("arguments", "None: int"),
        ("arguments", "__debug__: int"),
        ("arguments", "x: f()"),
        ("arguments", "x: int = f()"),
        ("arguments", "x: a.None"),
        ("arguments", "x: a b"),
        ("arguments", "x: (\n int"),
        ("arguments", "x: int = 1_"),
        ("arguments", "x: int = 007"),
        ("arguments", "x"),
        ("inputs", '{"x": x}, f()'),
        ("inputs", '{"x": f(x)}'),
        ("inputs", '{"x": }'),
        ("inputs", '{x: x}'),
        ("inputs", '{"x": lambda: x}'),
    ],
)  # fmt: skip
def test_what_is_no_python_or_does_more_is_compiled(gap: str, text: str) -> None:
    statement = CLASS.format(**{**PLAIN, gap: text})
    assert not is_known(statement)
    assert list(doubtful(statement)) == [statement]


def test_a_module_that_python_takes_for_the_future_is_compiled() -> None:
    statement = "if TYPE_CHECKING:\n    from .{} import (\n        annotations as annotations,\n    )\n"
    assert is_known(statement.format("future"))
    assert not is_known(statement.format("__future__"))


@pytest.mark.parametrize("end", ["\\\n", "\r", "x"])
def test_what_could_change_what_follows_is_compiled_whole(end: str) -> None:
    source = f'{CLASS.format(**PLAIN)}{end}\nclass B(Node):\n    """B."""\n\n    __slots__ = ()\n'
    assert any(end in part for part in doubtful(source))


def test_classes_are_indented_one_step_deeper_at_most() -> None:
    inner = 'class {}:\n{pad}    """A."""\n\n{pad}    __slots__ = ()\n'
    outer = inner.format("A", pad="")
    assert is_known(outer + "\n    " + inner.format("B", pad="    "))
    assert not is_known(outer + "\n        " + inner.format("B", pad="        "))
    assert not is_known(outer + "\n  " + inner.format("B", pad="  "))
    assert not is_known(outer + "\n" + inner.format("B", pad=""))
