"""The folders of a simulated server, its models, and formulas typed by anybody."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from simpleeval import InvalidExpression

from comfyflow.simulator import Simulator
from comfyflow.simulator.folders import Folders, PathEscapeError, split_annotation
from comfyflow.simulator.nodes.logic_nodes import evaluate
from tests.simulated import HTTP

parts = st.lists(
    st.sampled_from(["..", ".", "a", "b.png", "/", "", "~", "a/../..", "\0", "/etc"]), max_size=5
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("server"))


@given(parts)
@example(["../input-evil/x"])
def test_no_name_leads_out_of_its_folder(folders: Folders, names: list[str]) -> None:
    base = folders.of("input")
    try:
        path = folders.inside(base, *names)
    except PathEscapeError:
        return
    assert path == base or base in path.parents


def test_a_link_does_not_lead_out_either(folders: Folders, tmp_path: Path) -> None:
    (folders.of("input") / "out").symlink_to(tmp_path)
    with pytest.raises(PathEscapeError):
        folders.inside(folders.of("input"), "out", "x")


def test_annotations(folders: Folders) -> None:
    assert split_annotation("a b.png [temp]") == ("a b.png", "temp")
    assert split_annotation("a.png [other]") == ("a.png [other]", None)
    assert folders.annotated("sub/a.png [output]") == folders.of("output") / "sub" / "a.png"
    assert folders.annotated("a.png") == folders.of("input") / "a.png"


def test_new_names(folders: Folders) -> None:
    first = folders.new_file("x/%width%x%height%", "output", "png", (3, 4))
    assert (first.filename, first.subfolder) == ("3x4_00001_.png", "x")
    first.path.touch()
    (first.path.parent / "3x4_00007_.png").touch()
    names = [folders.new_file("x/3x4", "output", "png").filename for _ in range(2)]
    assert names == ["3x4_00002_.png", "3x4_00003_.png"]
    fresh = Folders(folders.root)
    assert fresh.new_file("x/3x4", "output", "png").filename == "3x4_00008_.png"
    assert folders.new_file("a", "output", "txt", mark="").filename == "a_00001.txt"
    with pytest.raises(PathEscapeError):
        folders.new_file("../x", "output", "png")


def checkpoints(server: Simulator) -> list[str]:
    node = HTTP.get(f"{server.url}/object_info/CheckpointLoaderSimple").json()["CheckpointLoaderSimple"]
    listed: list[str] = node["input"]["required"]["ckpt_name"][0]
    return listed


def is_taken(server: Simulator, name: str) -> bool:
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    return HTTP.post(f"{server.url}/prompt", json={"prompt": prompt}).status_code == 200


def test_any_model_is_there_by_default() -> None:
    with Simulator() as server:
        assert checkpoints(server) == ["simulated.safetensors"]
        assert is_taken(server, "anything.safetensors")
        assert not is_taken(server, "no model")


def test_only_the_models_that_were_named() -> None:
    with Simulator(models={"checkpoints": ["b.ckpt", "a.safetensors"]}) as server:
        assert checkpoints(server) == ["a.safetensors", "b.ckpt"]
        assert HTTP.get(f"{server.url}/models/checkpoints").json() == ["a.safetensors", "b.ckpt"]
        assert HTTP.get(f"{server.url}/models/loras").json() == []
        assert is_taken(server, "b.ckpt")
        assert not is_taken(server, "c.ckpt")


def test_models_on_the_disk() -> None:
    with Simulator(models="listed") as server:
        assert not is_taken(server, "sub/c.safetensors")
        path = server.folders.root / "models" / "checkpoints" / "sub" / "c.safetensors"
        path.parent.mkdir(parents=True)
        head = json.dumps({"__metadata__": {"title": "c"}}).encode()
        path.write_bytes(struct.pack("<Q", len(head)) + head)
        assert is_taken(server, "sub/c.safetensors")
        (entry,) = HTTP.get(f"{server.url}/experiment/models/checkpoints").json()
        assert (entry["name"], entry["size"]) == ("sub/c.safetensors", path.stat().st_size)
        params = {"filename": "sub/c.safetensors"}
        assert HTTP.get(f"{server.url}/view_metadata/checkpoints", params=params).json() == {"title": "c"}


def test_the_example_picture_is_there() -> None:
    with Simulator() as server:
        node = HTTP.get(f"{server.url}/object_info/LoadImage").json()["LoadImage"]
        assert node["input"]["required"]["image"][0] == ["example.png"]


numbers = st.integers(-50, 50).map(str) | st.floats(-50, 50).map(lambda value: f"{value:.3f}") | st.just("a")


def formulas() -> st.SearchStrategy[str]:
    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", ">=", "and", "or"])
        return (
            st.tuples(inner, operators, inner).map(lambda part: f"({part[0]} {part[1]} {part[2]})")
            | inner.map(lambda part: f"(-{part})")
            | inner.map(lambda part: f"(not {part})")
            | inner.map(lambda part: f"abs({part})")
            | st.tuples(inner, inner, inner).map(lambda part: f"({part[0]} if {part[1]} else {part[2]})")
        )

    return st.recursive(numbers, larger, max_leaves=12)


@given(formulas())
def test_formulas_are_worked_out_as_python_does(formula: str) -> None:
    try:
        expected = eval(formula, {"__builtins__": {"abs": abs}}, {"a": 7})  # noqa: S307 (our own text)
    except ArithmeticError:
        with pytest.raises(ArithmeticError):
            evaluate(formula, {"a": 7})
        return
    found = evaluate(formula, {"a": 7})
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def evil() -> Iterator[str]:
    yield from (
        "__import__('os')",
        "a.__class__",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "open('x')",
        "a := 1",
        "a = 1",
        "a; a",
        "a.real",
        "a.to_bytes(9999999999, 'big')",
        "b",
        "nothing(a)",
        "round(a, -999999999)",
        "'%9999999999d' % a",
        "values * 1000000000",
        "pow(pow(9, 4000), 4000)",
        "((1 << 9999) << 9999) ** 4000",
    )
    yield from ("'text'", "f'{a}'", "9 ** 9999", "pow(9, 99999)", "2 ** 4000 ** 2", "-" * 3000 + "1")
    yield from ("1" + "+1" * 5000, "values[0](1)", "a if b else", "", "int(*a)")
    yield from ("abs(key=1)", "1 in [1]", "a @ a", "[1] * 10**9")


@pytest.mark.parametrize("formula", list(evil()))
def test_anything_else_is_refused(formula: str) -> None:
    with pytest.raises((ValueError, TypeError, InvalidExpression)):
        evaluate(formula, {"a": 7, "values": [7]})
