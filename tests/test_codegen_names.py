"""Python names for the server's names."""

from __future__ import annotations

import inspect
import keyword
import random
from collections.abc import Iterator

import comfynodes
import pytest

from comfyflow.codegen.module_path import module_paths
from comfyflow.codegen.name import (
    MAX_LENGTH,
    PythonName,
    capitalized,
    class_name,
    distinct_names,
    file_name,
    output_names,
    python_name,
)
from comfyflow.codegen.package_plan import python_names
from comfyflow.schema import NodeSchema, load_schema, package
from tests.generated import node


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("model", "model"),
        ("MODEL", "MODEL"),
        ("input_blocks.0.", "input_blocks_0"),
        ("Epsilon Scaling", "Epsilon_Scaling"),
        ("3D Model Path", "n_3D_Model_Path"),
        ("model task_id", "model_task_id"),
        ("lambda", "lambda_"),
        ("None", "None_"),
        ("match", "match"),
        ("_private", "private"),
        ("__class__", "class_"),
        ("__init__", "init"),
        ("a\u200fb", "a_b"),
        ("a\x00b", "a_b"),
        ("a\ud800b", "a_b"),
        ("a\nb", "a_b"),
        ("模型", "模型"),
        ("\ufb01le", "file"),
        ("\uff2d\uff2f\uff24\uff25\uff2c", "MODEL"),
        ("cafe\u0301", "café"),
    ],
)
def test_a_name_follows_from_the_wire_name(wire: str, name: str) -> None:
    assert python_name(wire) == name


@pytest.mark.parametrize("wire", ["", "???", "   ", "\u200f", "\ud800", "🎨"])
def test_what_leaves_nothing_gets_a_name_of_its_own(wire: str) -> None:
    name = python_name(wire)
    assert name.startswith("unnamed_")
    assert name == python_name(wire)


def test_different_empty_names_are_told_apart() -> None:
    assert len({python_name(wire) for wire in ("", "?", "!", "🎨")}) == 4


def test_long_names_are_cut_and_stay_distinct() -> None:
    one, other = "a" * 10_000, "a" * 9_999 + "b"
    assert len(python_name(one)) <= MAX_LENGTH
    assert python_name(one) != python_name(other)


def test_reserved_names_and_builtins_get_an_underscore() -> None:
    assert python_name("self", {"self"}) == "self_"
    assert python_name("self") == "self"
    assert class_name("print") == "print_"
    assert class_name("Exception") == "Exception_"


@pytest.mark.parametrize("text", ["", "a b", "class", "_x", "__x", "1a", "a\n", "a" * 1000, "ﬁle"])
def test_no_illegal_name_can_be_made(text: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        PythonName(text)


def test_the_exact_one_keeps_its_name() -> None:
    names = distinct_names(["a b", "a_b", "a.b"])
    assert names["a_b"] == "a_b"
    assert names["a b"].startswith("a_b_")
    assert len(set(names.values())) == 3


def test_where_none_is_exact_all_get_a_suffix() -> None:
    names = distinct_names(["a b", "a.b"])
    assert "a_b" not in names.values()


def test_a_collision_renames_nothing_else() -> None:
    before = distinct_names(["a b", "a_b", "x"])
    after = distinct_names(["a b", "a_b", "x", "a.b", "a-b"])
    assert before.items() <= after.items()


def test_the_order_does_not_matter() -> None:
    wires = ["a b", "a_b", "a.b", "A_b", "self", "self_", "x" * 200, "", "?", "class", "class_"]
    expected = distinct_names(wires, {"self"})
    for seed in range(20):
        random.Random(seed).shuffle(wires)
        assert distinct_names(wires, {"self"}) == expected
    assert len(set(expected.values())) == len(wires)
    assert not set(expected.values()) & {"self", *keyword.kwlist}


def test_a_suffix_never_meets_another_name() -> None:
    first = distinct_names(["a b", "a_b"])["a b"]
    names = distinct_names(["a b", "a_b", str(first)])
    assert names[str(first)] == first
    assert len(set(names.values())) == 3


def test_outputs_of_one_name_are_counted_by_slot() -> None:
    assert output_names(["IMAGE", "IMAGE", "MASK", "IMAGE"]) == ["IMAGE", "IMAGE_2", "MASK", "IMAGE_3"]


def test_a_counted_output_does_not_take_anothers_name() -> None:
    assert output_names(["IMAGE", "IMAGE", "IMAGE_2"]) == ["IMAGE", "IMAGE_3", "IMAGE_2"]


def test_capitalized() -> None:
    assert capitalized("resize_type") == "ResizeType"
    assert capitalized("model") == "Model"


def test_modules_mirror_the_servers() -> None:
    paths, between = module_paths(["nodes", "comfy_extras.nodes_wan", "custom_nodes.Some-Pack!"])
    assert {name: path.file for name, path in paths.items()} == {
        "nodes": "nodes.py",
        "comfy_extras.nodes_wan": "comfy_extras/nodes_wan.py",
        "custom_nodes.Some-Pack!": "custom_nodes/Some_Pack.py",
    }
    assert [path.file for path in between] == ["comfy_extras/__init__.py", "custom_nodes/__init__.py"]
    assert [paths[name].root for name in paths] == [".", "..", ".."]


def test_a_module_with_modules_below_is_a_package() -> None:
    paths, between = module_paths(["custom_nodes.pack", "custom_nodes.pack.more"])
    assert paths["custom_nodes.pack"].file == "custom_nodes/pack/__init__.py"
    assert paths["custom_nodes.pack"].root == "..."
    assert paths["custom_nodes.pack.more"].root == "..."
    assert [path.file for path in between] == ["custom_nodes/__init__.py"]


@pytest.mark.parametrize(
    "wire",
    [
        *("../../etc/passwd", "/etc/passwd", "..", ".", "", "...", "C:\\x", "a/../../b", "con", "a.nul.b"),
        *("choices", "sockets", "__init__", "nodes.__init__", "a" * 5000, ".".join("abcdefghijklmnop")),
        *("a\x00b", "\ud800", "模型"),
    ],
)
def test_no_module_leaves_the_folder(wire: str) -> None:
    path = module_paths([wire])[0][wire]
    for part in path.parts:
        assert part.isascii()
        assert part.isidentifier()
        assert part.casefold() not in {"con", "nul", "__init__"}
    assert path.file not in {"choices.py", "sockets.py", "__init__.py"}
    assert len(path.parts) <= 8


def test_modules_that_differ_only_in_case_are_told_apart() -> None:
    paths, _ = module_paths(["pack.A", "pack.a", "Pack.a"])
    files = [path.file.casefold() for path in paths.values()]
    assert len(set(files)) == 3
    folders = {path.parts[0].casefold() for path in paths.values()}
    assert len(folders) == 2


def test_device_names_of_windows_are_avoided() -> None:
    assert file_name("con") == "con_"
    assert file_name("COM1") == "COM1_"


def test_a_class_is_called_as_the_package_calls_it() -> None:
    schema = package.reference_schema()
    nodes = [schema[name] for name in sorted(schema)]
    for known in nodes[::40]:
        name, differ = python_names(known, nodes)
        made = getattr(comfynodes, name)
        assert made._class_type == known.class_type
        for entry in differ:
            owner = inspect.signature(made).parameters if entry.kind == "input" else vars(made)
            assert entry.name in owner


def test_a_class_that_keeps_its_name_needs_no_others() -> None:
    def others() -> Iterator[NodeSchema]:
        raise AssertionError
        yield

    assert python_names(package.reference_schema()["KSampler"], others())[0] == "KSampler"


def test_names_that_differ_are_told_of_that_class_alone() -> None:
    nodes = load_schema(
        {
            "A B": node({"a.": ["INT", {}], "plain": ["INT", {}]}, output=["IMAGE"]),
            "A_B": node({"b-c": ["INT", {}]}),
        },
        "0.27.0",
    )
    listed = [nodes[name] for name in sorted(nodes)]
    name, differ = python_names(nodes["A B"], listed)
    assert name != python_names(nodes["A_B"], listed)[0]
    assert [(entry.wire, entry.name) for entry in differ] == [("a.", "a")]
