"""Generation of what does not fit into memory at once: the same files, whatever the disk does."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from comfyflow import load_schema
from comfyflow.codegen import Package, generate, package
from comfyflow.codegen.schema_file import FILE_NAME, NodeLines
from comfyflow.errors import CodegenError
from tests.test_catalogue import NODES, PROMPT, SCHEMA
from tools.bench.catalogue import catalogue


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every node is read anew each time it is looked at."""
    monkeypatch.setattr(package, "_HELD", -1)
    monkeypatch.setattr(package, "_LARGE_NODE", -1)


def test_nodes_that_are_read_anew_give_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    held = generate(load_schema(SCHEMA))
    monkeypatch.setattr(package, "_HELD", -1)
    monkeypatch.setattr(package, "_LARGE_NODE", -1)
    read = generate(load_schema(SCHEMA))
    assert dict(read.files) == dict(held.files)
    assert (read.generated, read.skipped, read.renamed) == (held.generated, held.skipped, held.renamed)


@pytest.mark.usefixtures("anew")
def test_malformed_nodes_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfyflow.schema.object_info.LARGE", 0)
    nodes = {**dict(list(NODES.items())[:20]), "Bad": {"input": 1}, "Deep": _deep(60)}
    (tmp_path / "info.json").write_text(json.dumps(nodes))
    made = generate(load_schema(tmp_path / "info.json"))
    assert [problem.class_type for problem in made.skipped] == ["Bad", "Deep"]
    assert len(made.generated) == 20


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"input": {"required": {"x": ["INT", {"default": value}]}}, "output": []}


def test_a_large_catalogue_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "object_info.json"
    text = json.dumps(catalogue(NODES, json.loads(PROMPT.read_bytes()), classes=1000, listed=1000))
    path.write_text(text)
    del text
    tracemalloc.start()
    made = generate(load_schema(path))
    made.write(tmp_path / "nodes")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside the bytes that were read: what is decoded of them takes some five times as much.
    assert peak < path.stat().st_size + 70_000_000
    assert made.stale(tmp_path / "nodes") == []


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(NodeLines, "add", refuse)
    with pytest.raises(CodegenError, match=r"cannot cache the nodes of .* on disk: No space left"):
        generate(load_schema(SCHEMA))


def test_the_schema_file_is_compared_to_its_end(tmp_path: Path) -> None:
    made = generate(load_schema({"A": {"output": ["X"]}}))
    made.write(tmp_path / "nodes")
    path = tmp_path / "nodes" / FILE_NAME
    data = path.read_bytes()
    for changed in (data[:-1], data + b" ", data[:-1] + b" ", b"", data.replace(b"X", b"Y")):
        path.write_bytes(changed)
        assert made.stale(tmp_path / "nodes") == [FILE_NAME]
        made.write(tmp_path / "nodes")
        assert path.read_bytes() == data


def test_a_package_can_be_made_of_texts(tmp_path: Path) -> None:
    made = Package({"__init__.py": "", "py.typed": ""}, (), (), ())
    made.write(tmp_path / "nodes")
    assert made.stale(tmp_path / "nodes") == []
