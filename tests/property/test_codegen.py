"""Laws of generation: any schema gives modules that compile, run none of its text, and keep its names."""

from __future__ import annotations

import ast
import builtins
import inspect
import random
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from comfyflow.codegen import Options, Package, generate
from comfyflow.codegen.code import text
from comfyflow.codegen.docstring import docstring
from comfyflow.codegen.name import MAX_LENGTH, distinct_names, output_names, python_name
from comfyflow.errors import CodegenError
from comfyflow.node import OutputSlot
from comfyflow.schema import load_schema
from tests.generated import classes_of, linked, load_package, shuffled

TRAP = "__import__('builtins').comfyflow_trap()"
"""Were it ever run, `trapped` would say so."""

HOSTILE = (
    *("'", '"', '"""', "'''", "\\", "\\\\'", "\n", "\r\n", "\r", "\x00", "\x0c", "\x1a", "\u2028", "\x85"),
    *(
        "{{ x }}",
        "{% raw %}",
        "{# x #}",
        "${x}",
        "%s",
        "{x}",
        "#",
        "# type: ignore",
        "# -*- coding: utf-7 -*-",
    ),
    *(
        "\ud800",
        "\udfff",
        "\u200f",
        "\u202eabc",
        "\ufeff",
        "\u0301",
        "\U0010ffff",
        "e\u0301",
        "ﬁ",
        "模型",
        "İ",
        "ß",
    ),
    *(
        "class",
        "None",
        "True",
        "def",
        "lambda",
        "print",
        "match",
        "self",
        "source",
        "cls",
        "type",
        "int",
        "str",
    ),
    *("__init__", "__class__", "__slots__", "__doc__", "__new__", "__dict__", "_make", "_t", "_c", "_choose"),
    *("Node", "Output", "OutputSlot", "Any", "Literal", "Generic", "TypeVar", "DynamicChoice", "annotations"),
    *(
        "",
        " ",
        ".",
        "..",
        "../..",
        "/etc/passwd",
        "C:\\x",
        "con",
        "nodes",
        "sockets",
        "choices",
        "__init__.py",
    ),
    *(
        "a.b",
        "a b",
        "a_b",
        "A_b",
        "a-b",
        "1a",
        "*",
        "IMAGE,MASK",
        "count",
        "index",
        "x" * 10_000,
        "y." * 5_000,
    ),
    *(
        TRAP,
        f"'+{TRAP}+'",
        f'"""\n{TRAP}\n"""',
        f"\\'+{TRAP}#",
        f"x\n{TRAP}\n",
        f"{{{{ {TRAP} }}}}",
        f"]\n{TRAP}\n[",
    ),
)
hostile = st.integers(0, len(HOSTILE) - 1).map(HOSTILE.__getitem__)
words = st.one_of(hostile, st.text(max_size=6), st.text("ab_. -", max_size=3))
scalars = st.one_of(
    words,
    st.booleans(),
    st.none(),
    st.integers(),
    st.integers(0, 2**65),
    st.floats(),
    st.sampled_from([10**30]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
KINDS = ("INT", "FLOAT", "STRING", "BOOLEAN", "MODEL", "IMAGE", "*", "FLOAT,INT", "IMAGE,MASK", "COMBO")
OPTIONS = ("default", "min", "max", "tooltip", "multiselect", "forceInput", "image_upload", "socketless", "x")
options = st.dictionaries(st.sampled_from(OPTIONS), values, max_size=3)


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    members = st.dictionaries(words, inner, max_size=3)
    return st.fixed_dictionaries({"required": members}, optional={"optional": members, "hidden": members})


plain_inputs = st.one_of(
    st.builds(lambda kind, more: [kind, more], st.sampled_from(KINDS) | words, options),
    st.builds(lambda choices, more: [choices, more], st.lists(scalars, max_size=4), options),
    st.builds(
        lambda choices, more: ["COMBO", {**more, "options": choices}], st.lists(scalars, max_size=4), options
    ),
    st.builds(
        lambda name, allowed: [
            "COMFY_MATCHTYPE_V3",
            {"template": {"template_id": name, "allowed_types": allowed}},
        ],
        st.sampled_from(["t", "u"]),
        st.sampled_from(["*", "IMAGE,MASK", "IMAGE", "INT"]) | words,
    ),
)


def dynamic_inputs(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    option = st.fixed_dictionaries({"key": words, "inputs": groups(inner)})
    template = st.fixed_dictionaries(
        {"input": groups(inner)},
        optional={
            "prefix": words,
            "names": st.lists(words, max_size=3),
            "min": st.integers(-1, 3),
            "max": st.just(4),
        },
    )
    return st.one_of(
        inner,
        st.builds(
            lambda listed: ["COMFY_DYNAMICCOMBO_V3", {"options": listed}], st.lists(option, max_size=3)
        ),
        st.builds(lambda one: ["COMFY_AUTOGROW_V3", {"template": one}], template),
        st.builds(
            lambda kind, more: ["COMFY_DYNAMICSLOT_V3", {"slotType": kind, "inputs": more}],
            words,
            groups(inner),
        ),
        st.builds(lambda more: ["COMFY_DYNAMICGROUP_V3", {"template": more}], groups(inner)),
    )


inputs = st.recursive(plain_inputs, dynamic_inputs, max_leaves=5)
modules = st.one_of(st.just("nodes"), words, st.lists(words, max_size=3).map(".".join))
nodes = st.fixed_dictionaries(
    {
        "input": groups(inputs),
        "output": st.lists(st.sampled_from(KINDS) | words | st.lists(scalars, max_size=2), max_size=3),
        "output_name": st.lists(words, max_size=3),
        "python_module": modules,
    },
    optional={
        "output_node": st.booleans(),
        "display_name": words,
        "category": words,
        "description": words,
        "output_tooltips": st.lists(words, max_size=3),
        "output_matchtypes": st.lists(st.sampled_from(["t", "u", None]), max_size=3),
    },
)
schemas = st.dictionaries(words, nodes, min_size=1, max_size=4)


@contextmanager
def trapped() -> Iterator[list[str]]:
    ran: list[str] = []
    builtins.comfyflow_trap = lambda: ran.append("the schema's text was run")  # type: ignore[attr-defined]
    try:
        yield ran
    finally:
        del builtins.comfyflow_trap  # type: ignore[attr-defined]


def generated(raw: dict[str, Any], **more: Any) -> Package:
    try:
        return generate(load_schema(raw, "0.27.0"), Options(**more))
    except CodegenError as error:
        assume("no node can be generated" not in str(error))
        raise


@contextmanager
def imported(package: Package) -> Iterator[ModuleType]:
    with tempfile.TemporaryDirectory() as folder:
        before = set(Path(folder).parent.iterdir())
        module = load_package(package, Path(folder))
        assert {path.name for path in Path(folder).iterdir()} <= {module.__name__, "__pycache__"}
        yield module
        assert before


def wire_names(constructor: Any) -> list[str]:
    """The texts that are the keys of what ``self._make`` is given, read from the source."""
    (function,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(constructor))).body
    call = next(
        one
        for one in ast.walk(function)
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "self._make"
    )
    (given,) = [one for one in call.args if isinstance(one, ast.Dict)]
    return [ast.literal_eval(key) for key in given.keys if key is not None]


@given(schemas)
@example({"A": {"input": {"required": {word: ["INT"] for word in HOSTILE}}, "output": list(HOSTILE)}})
@example({word: {"input": {"optional": {word: [word]}}, "output": [word]} for word in HOSTILE})
@example(
    {
        word: {"input": {}, "python_module": word, "description": word, "display_name": word}
        for word in HOSTILE
    }
)
def test_any_schema_gives_modules_that_keep_its_names(raw: dict[str, Any]) -> None:
    package = generated(raw)
    schema = load_schema(raw)
    with trapped() as ran, imported(package) as module:
        classes = classes_of(module)
        assert set(classes) == set(package.generated)
        for class_type, cls in classes.items():
            assert wire_names(cls.__init__) == [entry.name for entry in schema[class_type].inputs]
            slots = [one for one in vars(cls).values() if isinstance(one, OutputSlot)]
            assert len(slots) == len(schema[class_type].outputs)
            parameters = list(inspect.signature(cls).parameters)
            assert not [name for name in parameters if name.startswith("_")]
            dynamic = any(entry.is_dynamic for entry in schema[class_type].inputs)
            if not dynamic:
                made = cls(**{name: linked() for name in parameters})
                assert list(made._inputs) == [entry.name for entry in schema[class_type].inputs]
        assert ran == []


@given(schemas, st.integers(0, 1000))
def test_the_order_of_dictionaries_does_not_matter(raw: dict[str, Any], seed: int) -> None:
    package = generated(raw)
    other = shuffled(raw, random.Random(seed))
    assert generated(other).files == package.files


@given(schemas)
def test_the_schema_file_gives_the_same_modules_again(raw: dict[str, Any]) -> None:
    package = generated(raw)
    with tempfile.TemporaryDirectory() as folder:
        package.write(folder)
        again = generate(load_schema(Path(folder, "schema.json")))
    assert again.files == package.files


@given(schemas)
def test_without_docs_no_prose_is_left(raw: dict[str, Any]) -> None:
    for one in raw.values():
        one["description"] = one["output_tooltips"] = "Ungeheuer"
    files = generated(raw, docs=False).files
    assert not [path for path, source in files.items() if "Ungeheuer" in source]


@given(st.lists(words, max_size=8), st.integers(0, 1000))
def test_names_are_legal_distinct_and_free_of_order(wires: list[str], seed: int) -> None:
    names = distinct_names(wires, {"self"})
    assert len(set(names.values())) == len(set(wires))
    for name in names.values():
        compile(f"{name} = 1", "<name>", "exec")
        assert len(name) <= MAX_LENGTH + 42
    random.Random(seed).shuffle(wires)
    assert distinct_names(wires, {"self"}) == names


@given(st.lists(words, max_size=8))
def test_output_names_are_distinct(wires: list[str]) -> None:
    names = output_names(wires)
    assert len(set(names)) == len(wires)


@given(words | st.text())
def test_a_name_is_the_same_for_a_name_that_is_one(wire: str) -> None:
    name = python_name(wire)
    assert python_name(name) == name


@given(words | st.text())
def test_a_literal_is_the_text(value: str) -> None:
    assert ast.literal_eval(text(value)) == value
    assert text(value).isascii()
    assert "\n" not in text(value)


@given(st.lists(words | st.text(), min_size=1, max_size=4))
def test_a_docstring_is_its_lines(lines: list[str]) -> None:
    source = docstring(lines, "")
    assert isinstance(ast.literal_eval(source), str)
    (statement,) = ast.parse(source).body
    assert isinstance(statement, ast.Expr)
    held = ast.literal_eval(source)
    assert all(one.isprintable() or one == "\n" or unicodedata.category(one) in ("Cn", "Co") for one in held)
    for line in lines:
        if "\x1b" not in line:
            assert letters(line) in letters(held)


def letters(text: str) -> str:
    return "".join(one for one in text if one.isascii() and one.isalnum())
