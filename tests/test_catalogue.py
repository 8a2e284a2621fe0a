"""Large catalogues: what is read lazily is what reading all of it gives."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import Schema, load_schema, validate_prompt
from comfyflow.bounds import Bounds
from comfyflow.errors import SchemaError
from comfyflow.schema import object_info
from comfyflow.schema.catalogue import Catalogue, layered, mentioning, modules, outlines, split
from comfyflow.schema.object_info import parse_object_info
from comfyflow.schema.version import infer_version
from tools.bench.catalogue import PROMPT, SCHEMA, catalogue

TEXTS = st.text(max_size=8) | st.sampled_from(["NaN", "Infinity", "-Infinity", "7000001", "aNaN7", "é", "\0"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
NODES = json.loads(SCHEMA.read_bytes())["nodes"]


@pytest.fixture
def lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large."""
    monkeypatch.setattr(object_info, "LARGE", 0)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; a NaN is one."""
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@given(st.dictionaries(TEXTS, VALUES, max_size=6), st.booleans())
def test_split_gives_what_json_loads_gives(value: dict[str, Any], ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = split(data, "it", Bounds())
    if found is None:  # a surrogate that stands alone: then all of it is read as before
        assert "\\ud" in json.dumps(value)
        return
    assert list(found) == list(value)
    assert same(dict(found), value)


@given(st.dictionaries(TEXTS, st.dictionaries(st.sampled_from(["output", "python_module", "x"]), VALUES)))
def test_outlines_are_those_of_the_classes(classes: dict[str, Any]) -> None:
    found = split(json.dumps(classes).encode(), "it", Bounds())
    if found is not None and "NaN" not in json.dumps(classes) and "Infinity" not in json.dumps(classes):
        assert same([list(one) for one in outlines(found)], [list(one) for one in outlines(classes)])


@pytest.mark.parametrize("behind", [0, 1, 4_000, 5_000, 50_000])
@pytest.mark.parametrize("before", [0, 50_000])
def test_the_module_that_a_class_names_last_is_found_wherever_it_is(before: int, behind: int) -> None:
    node = {"a": "x" * before, "python_module": "first", "b": {"python_module": "nodes"}, "c": "x" * behind}
    classes = {"A": node, "B": {"a": "x" * behind}, "C": {}}
    found = split(json.dumps(classes).encode(), "it", Bounds())
    assert found is not None
    assert list(modules(found)) == ["nodes"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"a": {"b": 1,}}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"[1, 2]", "expected an object of nodes, got list"),
        (b'{"a": 1} x', "not valid JSON"),
        (b'{"a": 1NaN}', "not valid JSON"),
        (b"<html>", "web page"),
    ],
)
@pytest.mark.usefixtures("lazily")
def test_what_is_no_object_info_is_refused_as_before(data: bytes, what: str) -> None:
    with pytest.raises(SchemaError, match=what):
        dict(parse_object_info(data, "it"))


@pytest.mark.usefixtures("lazily")
def test_bounds_hold() -> None:
    few = Bounds(values=3)
    with pytest.raises(SchemaError, match="more than 3 values"):
        parse_object_info(b'{"a":0,"b":0,"c":0,"d":0}', "it", few)
    found = parse_object_info(b'{"a": [[], [], []], "b": 1}', "it", few)
    assert found["b"] == 1
    with pytest.raises(SchemaError, match="more than 3 values"):
        found["a"]
    schema = Schema(found, "0.33.0")
    assert "a" not in schema
    assert "more than 3 values" in str(schema.problems[0])
    assert not validate_prompt({"1": {"class_type": "a", "inputs": {}}}, schema).ok


@pytest.mark.usefixtures("lazily")
def test_a_schema_beside_stubs_is_read_lazily_too(tmp_path: Path) -> None:
    whole = json.loads(SCHEMA.read_bytes())
    schema = load_schema(SCHEMA)
    assert isinstance(schema.raw, Catalogue)
    assert not schema.files_known
    assert str(schema.version) == whole["comfyui_version"]
    assert schema.raw["KSampler"] == whole["nodes"]["KSampler"]
    assert dict(schema.raw) == whole["nodes"]
    broken = tmp_path / "schema.json"
    broken.write_text(json.dumps({"comfyui_version": "0.33.0", "nodes": ["KSampler"]}), encoding="utf-8")
    with pytest.raises(SchemaError, match="not an /object_info"):
        load_schema(broken)


@pytest.mark.parametrize(
    ("classes", "version"),
    [
        ({}, "0.27.0"),
        ({"a": 1}, "0.27.0"),
        ({"A": {"python_module": "nodes"}}, "0.3.64"),
        ({"A": {"input": {"required": {"x": ["COMFY_DYNAMICCOMBO_V3", {}]}}}}, "0.4.0"),
        ({"A": {"is_input_list": False, "description": "search_aliases"}}, "0.12.0"),
        ({"A": {}, "B": {"search_aliases": []}}, "0.13.0"),
        ({"A": {"has_intermediate_output": False}}, "0.27.0"),
        ({"A": {"input": {}, "python_module": "comfy_extras.nodes_trellis2", "output": []}}, "0.28.0"),
        (
            {"A": {"python_module": "comfy_extras.nodes_loop", "input": {"required": {"n": ["INT"]}}}},
            "0.37.0",
        ),
    ],
)
def test_the_version_is_inferred_alike(classes: dict[str, Any], version: str) -> None:
    found = split(json.dumps(classes).encode(), "it", Bounds())
    assert found is not None
    assert str(infer_version(classes)) == str(infer_version(found)) == version


def test_classes_are_found_by_what_they_mention() -> None:
    classes = {"A": {"python_module": "custom_nodes.a"}, "B": {"category": "x"}, "C": 3}
    found = split(json.dumps(classes).encode(), "it", Bounds())
    assert found is not None
    assert list(mentioning(found, "custom_nodes")) == [classes["A"]]
    assert list(modules(found)) == ["custom_nodes.a"]
    assert repr(found) == "<Catalogue of 3 entries, from it>"
    assert found.object_at("C") is found.object_at("D") is None


def test_layers_decode_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    decode = Catalogue._decode
    monkeypatch.setattr(
        Catalogue, "_decode", lambda self, name, piece: decoded.append(name) or decode(self, name, piece)
    )
    found = split(b'{"A": {"category": "below"}, "B": {"category": "b"}}', "it", Bounds())
    assert found is not None
    both = layered({"A": {"category": "above"}, "C": {}}, found)
    assert (set(both), len(both), "B" in both, "D" in both) == ({"A", "B", "C"}, 3, True, False)
    assert both["A"] == {"category": "above"}
    assert decoded == []
    assert both["B"] == {"category": "b"}
    assert decoded == ["B"]


def test_one_prompt_decodes_few_classes(tmp_path: Path) -> None:
    prompt = json.loads(PROMPT.read_bytes())
    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(catalogue(NODES, prompt, 1_500, 500)), encoding="utf-8")
    size = path.stat().st_size
    tracemalloc.start()
    try:
        schema = load_schema(path)
        report = validate_prompt(prompt, schema)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.ok
    assert peak < 1.5 * size
    decoded = Schema(dict(schema.raw), schema.version, schema.source)
    assert report.problems == validate_prompt(prompt, decoded).problems
