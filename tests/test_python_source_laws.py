"""Whatever a workflow says, its Python says the same, and other people's text stays text."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.python_source import Annotations, CanvasGroup, CanvasNote, to_python
from comfyflow.python_source.text import (
    comment_lines,
    heading,
    note_lines,
    string_literal,
    string_pieces,
    width,
)
from comfyflow.schema import Schema
from comfyflow.testing.strategies import graphs
from tests.python_sources import difference

HOSTILE = [
    '"', "'", '"""', "'''", "\\", "\\\n", "\n", "\r", "\r\n", "\t", "\0", "\f", "\v", "\x1b[31m", "\x85",
    "\u2028", "\u2029", "\u200b", "\u202e", "\ud800", "\udfff", "*/", "{{ 7 * 7 }}", "{x}", "%s", "#", "##",
    "# type: ignore", "type: ignore", "# noqa", "# ruff: noqa", "# fmt: off", "# isort: skip_file",
    "# -*- coding: utf-7 -*-", "coding=rot13", "# pyright: basic", "# mypy: ignore-errors", "x = 1",
    "import os", '");raise SystemExit(3)#', '"""\nraise SystemExit(3)\n"""', "class", "None", "workflow",
    "titled", "raw_node", "positive", "KSampler", "password", "api_token", "é", "ﬁ", "\uff0c", "日本語", "💃",
    "0.0.0.0", "/tmp/x",  # noqa: S104, S108
    "https://example.com/" + "x" * 120, "y" * 120, "many words " * 20, "",
]  # fmt: skip
DIRECTIVES = re.compile(
    r"#\s*(type:|noqa|ruff:|flake8|fmt:|isort:|pyright:|mypy:|pylint:|pragma:|yapf:|-\*-|coding[:=])"
)

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join),
    st.text(st.characters(exclude_categories=()), max_size=20),
)
scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda held: {"__value__": held})
        | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    import comfynodes

    from comfyflow.schema.package import package_schema

    return package_schema({comfynodes.__name__})


@st.composite
def wild_graphs(draw: st.DrawFn) -> Graph:
    """Graphs of any text: classes, ids, inputs, values and titles."""
    ids = draw(
        st.lists(
            texts | st.sampled_from(["1", "2:1", "2:2", "3:1", "3:2", "2:4:1"]),
            min_size=1,
            max_size=7,
            unique=True,
        )
    )
    classes = texts | st.sampled_from(
        ["EmptyImage", "ImageInvert", "SaveImage", "CLIPTextEncode", "KSampler"]
    )
    names = texts | st.sampled_from(["image", "images", "text", "seed", "width", "filename_prefix"])
    nodes: list[GraphNode] = []
    for number, node_id in enumerate(ids):
        inputs: dict[str, Any] = draw(st.dictionaries(names, values, max_size=4))
        for name in draw(st.lists(names, max_size=2)) if number else ():
            inputs[name] = Link(ids[draw(st.integers(0, number - 1))], draw(st.integers(0, 3)))
        nodes.append(GraphNode(node_id, draw(classes), inputs, draw(st.none() | texts)))
    return Graph(draw(st.permutations(nodes)))


@st.composite
def wild_annotations(draw: st.DrawFn, graph: Graph) -> Annotations:
    groups = [CanvasGroup(draw(texts), "", number) for number in range(2)]
    hosts = sorted({key.rpartition(":")[0] for key in graph if ":" in key})
    notes = st.lists(st.builds(CanvasNote, texts, texts, st.none() | st.sampled_from(groups)), max_size=2)
    return Annotations(
        {host: draw(texts) for host in hosts},
        {key: draw(st.sampled_from(groups)) for key in draw(st.lists(st.sampled_from(sorted(graph))))},
        {"": draw(notes), **{host: draw(notes) for host in hosts}},
    )


@settings(max_examples=settings().max_examples * 2 // 3)
@given(data=st.data(), flat=st.booleans(), name=texts, columns=st.sampled_from([60, 88, 110]))
def test_any_text_anywhere_stays_text(
    schema: Schema, data: st.DataObject, flat: bool, name: str, columns: int
) -> None:
    graph = data.draw(wild_graphs())
    notes = data.draw(wild_annotations(graph))
    source = to_python(graph, schema, flat=flat, name=name, line_length=columns, annotations=notes)
    assert tokenize.detect_encoding(io.BytesIO(source.encode()).readline)[0] == "utf-8"
    assert len(source.splitlines()) == source.count("\n")
    assert difference(graph, source, schema) == ""
    imports = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert imports <= {"comfyflow", "comfyflow.node", "comfynodes", "comfynodes.sockets", "typing"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(ast.parse(source)))
    comments = [
        line.string
        for line in tokenize.generate_tokens(io.StringIO(source).readline)
        if line.type == tokenize.COMMENT
    ]
    told = [line for line in comments if DIRECTIVES.search(line)]
    ours = [line for line in source.splitlines()[:1] if line.startswith("# ruff: noqa: ")]
    assert told == [*ours, *(["# isort: split"] if "comfynodes" in imports else [])]


@settings(max_examples=settings().max_examples // 2)
@given(data=st.data(), flat=st.booleans())
def test_drawn_graphs_come_back_the_same(schema: Schema, data: st.DataObject, flat: bool) -> None:
    graph = data.draw(graphs(schema))
    source = to_python(graph, schema, flat=flat)
    assert difference(graph, source, schema) == ""


@given(text=texts, columns=st.integers(20, 120))
def test_a_string_in_pieces_is_the_same_string(text: str, columns: int) -> None:
    assert ast.literal_eval(string_literal(text)) == text
    pieces = string_pieces(text, columns)
    assert "".join(map(ast.literal_eval, pieces)) == text
    assert all(width(piece) <= max(columns, 24) for piece in pieces)
    assert all(piece.isprintable() for piece in pieces)


@given(title=texts, text=texts, columns=st.integers(30, 100))
def test_a_note_is_nothing_but_comments(title: str, text: str, columns: int) -> None:
    lines = [*note_lines(title, text, columns), heading(title, columns), *comment_lines(text, columns)]
    assert all(line.startswith("#") and line.isprintable() for line in lines)
    assert not any(DIRECTIVES.search(line) for line in lines)
    assert not any(line.endswith("\\") for line in lines)
    assert all(width(line) <= columns or "://" in line for line in lines)
    source = "\n".join(lines) + "\n"
    kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(source).readline)}
    assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    assert ast.dump(ast.parse(source)) == ast.dump(ast.parse(""))
