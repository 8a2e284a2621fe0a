"""Generated packages that are taken out of the cache: only where generating them gives the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comfyflow import load_schema
from comfyflow.cache_folder import CacheFolder
from comfyflow.codegen import Options, Package, generate, kept_package, package
from comfyflow.codegen.kept_package import KeptPackages
from comfyflow.codegen.schema_file import FILE_NAME, PackageFiles
from comfyflow.errors import CodegenError
from comfyflow.schema import Schema
from tests.command import Command
from tests.generated import node

NODES = {
    "A": node({"x": ["INT", {"default": 1}], "my name": [["a", "b"], {}]}, output=["IMAGE"]),
    "B+": node({"y": ["IMAGE"]}, python_module="custom_nodes.Pack"),
    "Bad": {"input": 1},
}


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[Schema]:
    """The schemas of which a package was generated."""
    seen: list[Schema] = []

    def counted(schema: Schema, options: Options) -> Package:
        seen.append(schema)
        return generate(schema, options)

    monkeypatch.setattr(kept_package, "generate", counted)
    return seen


def write(folder: Path, schema: Schema, options: Options | None = None) -> Package:
    kept = KeptPackages(CacheFolder(folder / "cache"))
    made, name = kept.generate(schema, options or Options())
    made.write(folder / "nodes")
    kept.keep(made, name)
    return made


def test_a_package_is_taken_again(
    tmp_path: Path, generated: list[Schema], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path, Schema(NODES))

    def refuse(*_: object) -> None:
        raise AssertionError("it was compiled before")

    monkeypatch.setattr(package, "write_compiled", refuse)
    kept = KeptPackages(CacheFolder(tmp_path / "cache"))
    again, _ = kept.generate(Schema(NODES), Options())
    assert len(generated) == 1
    assert dict(again.files) == dict(first.files)
    assert (again.generated, again.skipped, again.renamed) == (first.generated, first.skipped, first.renamed)
    assert (first.compiled, again.compiled) == (False, True)
    again.write(tmp_path / "elsewhere")
    assert again.stale(tmp_path / "elsewhere") == first.stale(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    "other",
    [
        lambda: (Schema({**NODES, "A": node({"x": ["INT", {"default": 2}]}, output=["IMAGE"])}), Options()),
        lambda: (Schema({name: NODES[name] for name in reversed(NODES)}), Options()),
        lambda: (Schema(NODES, "0.27.0"), Options()),
        lambda: (Schema(NODES, "0.33.0", editor="1.2.3"), Options()),
        lambda: (Schema(NODES), Options(docs=False)),
        lambda: (Schema(NODES), Options(max_choices=1)),
        lambda: (Schema(NODES), Options(include=("A",))),
        lambda: (Schema(NODES), Options(exclude=("A",))),
    ],
)
def test_anything_else_is_generated(
    other: Callable[[], tuple[Schema, Options]], tmp_path: Path, generated: list[Schema]
) -> None:
    write(tmp_path, Schema(NODES))
    schema, options = other()
    made = write(tmp_path, schema, options)
    assert len(generated) == 2
    assert dict(made.files) == dict(generate(schema, options).files)


def test_another_comfyflow_or_python_generates_its_own(
    tmp_path: Path, generated: list[Schema], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, Schema(NODES))
    for other in (b"newer", b"older"):
        monkeypatch.setattr(kept_package, "_generator", lambda other=other: other)
        write(tmp_path, Schema(NODES))
    assert len(generated) == 3
    monkeypatch.undo()
    assert kept_package._generator() == kept_package._generator.__wrapped__()


def test_every_file_that_decides_is_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in kept_package._ROOMS:
        (tmp_path / room).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(kept_package, "_ROOT", tmp_path)
    seen = {kept_package._generator.__wrapped__()}
    for path in ("a.py", "codegen/b.py", "node_history.json", "schema/d.py"):
        for content in ("", "1"):
            (tmp_path / path).write_text(content)
            seen.add(kept_package._generator.__wrapped__())
    assert len(seen) == 9


def test_a_damaged_package_is_generated(tmp_path: Path, generated: list[Schema]) -> None:
    first = write(tmp_path, Schema(NODES))
    for entry in (tmp_path / "cache").rglob("*.entry"):
        data = entry.read_bytes()
        entry.write_bytes(data.replace(b"class A", b"class Z"))
    again = write(tmp_path, Schema(NODES))
    assert len(generated) == 2
    assert dict(again.files) == dict(first.files)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"files":{}}', b'{"files":{},"generated":1}'])
def test_an_entry_of_another_form_is_none(data: bytes, tmp_path: Path, generated: list[Schema]) -> None:
    cache = CacheFolder(tmp_path / "cache")
    _, name = KeptPackages(cache).generate(Schema(NODES), Options())
    cache.keep(name, "", data)
    write(tmp_path, Schema(NODES))
    assert len(generated) == 2


def test_what_stands_in_for_numbers_that_json_lacks_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "object_info.json"
    nodes = {**NODES, "C": node({"x": ["FLOAT", {"max": float("inf"), "default": 7000001}]})}
    path.write_text(json.dumps(nodes))
    monkeypatch.setattr("comfyflow.schema.object_info.LARGE", 0)
    one = KeptPackages(CacheFolder(None)).generate(load_schema(path), Options())[1]
    path.write_text(json.dumps(nodes).replace("7000001", "7000000"))
    assert KeptPackages(CacheFolder(None)).generate(load_schema(path), Options())[1] != one


def test_what_does_not_compile_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Package({"__init__.py": "class", "py.typed": ""}, ("A",), (), ())
    monkeypatch.setattr(kept_package, "generate", lambda *_: broken)
    with pytest.raises(CodegenError, match="does not compile"):
        write(tmp_path, Schema(NODES))
    assert not (tmp_path / "cache").exists()


def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_package, "KEPT_PACKAGE", 2000)
    write(tmp_path, Schema(NODES))
    assert not (tmp_path / "cache").exists()


def test_the_command_keeps_and_takes_packages(
    command: Command, tmp_path: Path, generated: list[Schema], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYFLOW_CACHE", str(tmp_path / "cache"))
    (tmp_path / "info.json").write_text(json.dumps(NODES))
    words = ("gen-stubs", "--object-info", str(tmp_path / "info.json"), "--out")
    said: list[Any] = []
    for out, more in (("one", ("--no-cache",)), ("two", ()), ("three", ()), ("four", ("--no-cache",))):
        run = command(*words, str(tmp_path / out), *more)
        said.append((run.code, run.out.replace(out, "OUT")))
    assert said == [said[0]] * 4
    assert said[0][0] == 0
    assert len(generated) == 3
    files = [(path.name, path.read_text()) for path in sorted((tmp_path / "three").rglob("*.py"))]
    assert files == [(path.name, path.read_text()) for path in sorted((tmp_path / "one").rglob("*.py"))]
    assert command(*words, str(tmp_path / "three"), "--check").code == 0


def test_what_is_too_large_to_be_kept_is_never_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = PackageFiles.__getitem__

    def refuse(files: PackageFiles, path: str) -> str:
        assert path != FILE_NAME
        return whole(files, path)

    monkeypatch.setattr(kept_package, "KEPT_PACKAGE", 2000)
    monkeypatch.setattr(PackageFiles, "__getitem__", refuse)
    write(tmp_path, Schema(NODES))
    assert not (tmp_path / "cache").exists()
