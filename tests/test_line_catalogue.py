"""The schema beside generated modules, read class by class: as reading all of it gives them."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import load_schema
from comfyflow.bounds import Bounds
from comfyflow.codegen.schema_file import SchemaFile
from comfyflow.errors import SchemaError
from comfyflow.schema import Schema, line_catalogue
from comfyflow.schema.catalogue import Catalogue, outlines
from comfyflow.schema.line_catalogue import read_lines
from tests.test_catalogue import SCHEMA, VALUES, same

NAMES = st.text(min_size=1, max_size=6) | st.sampled_from(['a"b', "a\\", "\n", "é", "nodes", "}}", '":{'])

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the file is read as a whole")


@pytest.fixture(autouse=True)
def lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large, and lines are longer than what is read at once."""
    monkeypatch.setattr(line_catalogue, "_LEAST", 0)
    monkeypatch.setattr(line_catalogue, "_BUFFER", 7)


def written(path: Path, nodes: dict[str, Any]) -> str:
    lines = {name: json.dumps(node, separators=(",", ":")) for name, node in nodes.items()}
    text = b"".join(SchemaFile(lines, lines, "0.33.0", ["__init__.py", "nodes.py"]).pieces()).decode()
    path.write_bytes(text.encode())
    return text


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
def test_it_holds_what_json_loads_gives(
    tmp_path_factory: pytest.TempPathFactory, nodes: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("stubs") / "schema.json"
    text = written(path, nodes)
    found = read_lines(path, Bounds())
    assert found is not None
    assert isinstance(found["nodes"], Catalogue)
    assert same({**found, "nodes": dict(found["nodes"])}, json.loads(text))


@given(st.data())
def test_no_edit_gives_another_class(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("stubs") / "schema.json"
    text = written(path, {"A": {"x": [1, 2]}, "B": {"y": "b"}, "C": {}})
    start = data.draw(st.integers(text.index('"nodes"'), len(text)))
    noise = data.draw(st.text(alphabet='{}[]",:\nABxy1 \\', max_size=4))
    end = data.draw(st.integers(start, min(start + 4, len(text))))
    path.write_text(text[:start] + noise + text[end:])
    found = read_lines(path, Bounds())
    if found is None:
        return
    try:
        whole: Any = json.loads(path.read_bytes())
    except ValueError:
        whole = None
    for name in found["nodes"]:
        try:
            node = found["nodes"][name]
        except SchemaError:
            assert whole is None
            continue
        if whole is not None:
            assert node == whole["nodes"][name]
    assert whole is None or list(whole["nodes"]) == list(found["nodes"])


def test_the_reference_package(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = load_schema(SCHEMA)
    assert isinstance(schema.raw, Catalogue)
    nodes = json.loads(SCHEMA.read_bytes())["nodes"]
    assert dict(schema.raw) == nodes
    assert list(outlines(schema.raw)) == list(outlines(nodes))
    assert not schema.files_known


def test_numbers_that_json_lacks_are_in_outlines_too(tmp_path: Path) -> None:
    written(tmp_path / "schema.json", {"A": {"output": ["X"], "y": float("nan")}, "B": {"output": ["Y"]}})
    found = read_lines(tmp_path / "schema.json", Bounds())
    assert found is not None
    assert [outline.output for outline in outlines(found["nodes"])] == [["X"], ["Y"]]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text[:-4],
        lambda text: text + "\n",
        lambda text: json.dumps(json.loads(text), indent=1),
        lambda text: text.replace('"B":', '"A":'),
        lambda text: text.replace('"A":', '"\xc3\xa4":'),
        lambda text: text.replace('{"comfyui_version', '{"files":[],"comfyui_version'),
        lambda text: text.replace('"nodes":{\n', '"nodes":{\n\n'),
        lambda text: text.replace('"A":', " " * 5000 + '"A":'),
    ],
)
def test_a_file_of_another_form_is_read_as_a_whole(change: Callable[[str], str], tmp_path: Path) -> None:
    text = change(written(tmp_path / "schema.json", {"A": {"output": ["X"]}, "B": {"output": ["Y"]}}))
    (tmp_path / "schema.json").write_text(text, newline="")
    assert read_lines(tmp_path / "schema.json", Bounds()) is None
    try:
        nodes = json.loads(text)["nodes"]
    except ValueError:
        with pytest.raises(SchemaError, match="not valid JSON"):
            load_schema(tmp_path / "schema.json")
    else:
        assert dict(load_schema(tmp_path / "schema.json").raw) == nodes


def test_a_package_that_is_made_anew_leaves_what_was_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    written(path, {"A": {"output": ["X"]}})
    schema = load_schema(path)
    written(tmp_path / "new", {"A": {"output": ["Z"]}})
    (tmp_path / "new").replace(path)
    assert schema["A"].outputs[0].type == "X"
    assert load_schema(path)["A"].outputs[0].type == "Z"


def test_a_file_that_is_changed_in_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    written(path, {"A": {"output": ["X"]}})
    schema = load_schema(path)
    with path.open("r+b") as file:
        file.write(b" ")
    os.utime(path, ns=(1, 1))
    assert schema.get("A") is None
    assert "changed while it was in use" in schema.problems[0].message


def test_copies_and_pickles_outlive_it(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    written(path, {"A": {"output": ["X"]}})
    schema = load_schema(path)
    copies: list[Schema] = [copy.deepcopy(schema), pickle.loads(pickle.dumps(schema))]  # noqa: S301
    del schema
    gc.collect()
    assert [each["A"].outputs[0].type for each in copies] == ["X", "X"]


def test_the_file_is_closed_with_it(tmp_path: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    path = tmp_path / "schema.json"
    written(path, {"A": {}})
    before = opened()
    schema = load_schema(path)
    assert "A" in schema
    del schema
    gc.collect()
    assert opened() == before


def test_what_is_read_is_bounded(tmp_path: Path) -> None:
    written(tmp_path / "schema.json", {"A": {"output": ["X"] * 200}})
    with pytest.raises(SchemaError, match="larger than"):
        load_schema(tmp_path / "schema.json", bounds=Bounds(json=300))
    with pytest.raises(SchemaError, match="more than 100 values"):
        load_schema(tmp_path / "schema.json", bounds=Bounds(values=100)).raw["A"]
