"""Generated classes: schema in, Python that is imported and used."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from comfyflow import Workflow, with_id
from comfyflow.codegen import generate
from comfyflow.codegen.schema_file import MAX_DEPTH
from comfyflow.errors import CodegenError, SchemaError
from comfyflow.node import PlainMultiOutputNode
from comfyflow.output_file import ImageOutput
from comfyflow.schema import load_schema
from tests.generated import linked, load_nodes, load_package, node, package_of, source_of

FIXED = ["nearest", "bilinear"]


def inputs_of(made: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = Workflow(with_id(made, "it")).to_prompt()["it"]["inputs"]
    return inputs


def signature(
    nodes: dict[str, Any], tmp_path: Path, class_type: str = "A", **options: Any
) -> inspect.Signature:
    return inspect.signature(getattr(load_nodes(nodes, tmp_path, **options), class_type))


def annotation(definition: list[Any], tmp_path: Path, *, group: str = "required", **options: Any) -> str:
    nodes = {"A": node(**{group: {"x": definition}})}
    found: str = signature(nodes, tmp_path, **options).parameters["x"].annotation
    return found


def default(definition: list[Any], tmp_path: Path, *, group: str = "required") -> Any:
    return signature({"A": node(**{group: {"x": definition}})}, tmp_path).parameters["x"].default


NONE_STATED = inspect.Parameter.empty


def test_both_ways_of_importing_give_one_class(tmp_path: Path) -> None:
    package = load_nodes({"A": node(output=["IMAGE"], python_module="pack.mod")}, tmp_path)
    assert package.A is package.pack.mod.A
    assert "A" in dir(package)
    assert package.__all__ == ["A"]


def test_nothing_is_loaded_before_it_is_used(tmp_path: Path) -> None:
    import sys

    package = load_nodes({"A": node(), "B": node(python_module="other")}, tmp_path)
    assert f"{package.__name__}.nodes" not in sys.modules
    assert package.A
    assert f"{package.__name__}.nodes" in sys.modules
    assert f"{package.__name__}.other" not in sys.modules


def test_an_unknown_node_names_the_nearest(tmp_path: Path) -> None:
    package = load_nodes({"KSampler": node()}, tmp_path)
    with pytest.raises(AttributeError, match="did you mean 'KSampler'"):
        _ = package.KSampller


def test_arguments_keep_the_servers_order_and_are_keyword_only(tmp_path: Path) -> None:
    nodes = {"A": node({"z": ["INT", {"default": 1}], "a": ["MODEL"]}, {"m": ["FLOAT", {"default": 0.5}]})}
    parameters = signature(nodes, tmp_path).parameters
    assert list(parameters) == ["z", "a", "m"]
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert [parameter.default for parameter in parameters.values()] == [1, NONE_STATED, 0.5]


def test_wire_names_reach_the_prompt_exactly(tmp_path: Path) -> None:
    names = [
        "input_blocks.0.",
        "self",
        "lambda",
        "a b",
        "a_b",
        'quo"te',
        "line\nbreak",
        "\ud800",
        "{{ x }}",
        "",
    ]
    package = load_nodes({"A": node({name: ["INT", {"default": 1}] for name in names})}, tmp_path)
    assert list(inputs_of(package.A())) == names


def test_an_output_may_have_the_name_of_an_input(tmp_path: Path) -> None:
    package = load_nodes({"A": node({"model": ["MODEL"]}, output=["MODEL"], output_name=["model"])}, tmp_path)
    made = package.A(model=linked())
    assert made.model != made._inputs["model"]


def test_optional_inputs_without_default_stay_out(tmp_path: Path) -> None:
    nodes = {"A": node({"a": ["INT"]}, {"m": ["MASK"], "n": ["INT", {}], "d": ["INT", {"default": 3}]})}
    package = load_nodes(nodes, tmp_path)
    assert inputs_of(package.A(a=1)) == {"a": 1, "d": 3}
    assert list(inputs_of(package.A(a=1, n=2, m=linked()))) == ["a", "m", "n", "d"]


def test_hidden_inputs_are_no_arguments(tmp_path: Path) -> None:
    raw = node({"a": ["INT"]})
    raw["input"]["hidden"] = {"unique_id": "UNIQUE_ID", "prompt": ["PROMPT"]}
    assert list(signature({"A": raw}, tmp_path).parameters) == ["a"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (["INT"], "int | Output[_t.INT]"),
        (["FLOAT", {}], "float | Output[_t.FLOAT]"),
        (["STRING", None], "str | Output[_t.STRING]"),
        (["BOOLEAN"], "bool | Output[_t.BOOLEAN]"),
        (["MODEL"], "Output[_t.MODEL]"),
        (["MY_TYPE"], "Output[_t.MY_TYPE]"),
        (["FLOAT,INT"], "float | int | Output[_t.FLOAT | _t.INT]"),
        (["IMAGE,MASK"], "Output[_t.IMAGE | _t.MASK]"),
        (["BOX, STRING"], "str | Output[_t.BOX | _t.STRING]"),
        (["*"], "AnyValue"),
        (["INT,*"], "AnyValue"),
        (["COMFY_NEWKIND_V3", {}], "AnyValue"),
        (["COLOR", {"default": "#fff"}], "str | Output[_t.COLOR]"),
        (["CURVE", {"default": {"points": []}}], "Mapping[str, Any] | Output[_t.CURVE]"),
        (["BOXES", {"default": []}], "Sequence[Any] | Output[_t.BOXES]"),
        (["CURVE", {"default": {}, "forceInput": True}], "Output[_t.CURVE]"),
        (["VIEW", {"socketless": True}], "AnyValue | Output[_t.VIEW]"),
        (["STRING", {"forceInput": True}], "str | Output[_t.STRING]"),
        (["STRING", {"image_upload": True}], "str | FileValue | Output[_t.STRING]"),
        (["STRING,FILE_3D", {"widgetType": "STRING"}], "str | Output[_t.STRING | _t.FILE_3D]"),
        ([FIXED], "_c.X | Output[_t.COMBO]"),
        (["COMBO", {"options": FIXED}], "_c.X | Output[_t.COMBO]"),
        (["COMBO", {"options": FIXED, "multiselect": True}], "_c.X | Sequence[_c.X] | Output[_t.COMBO]"),
        (["COMBO", {}], "str | Output[_t.COMBO]"),
        ([[]], "str | Output[_t.COMBO]"),
        ([["a.safetensors"]], "str | Output[_t.COMBO]"),
        ([["None"]], "str | Output[_t.COMBO]"),
        ([["a.png"], {"image_upload": True}], "str | FileValue | Output[_t.COMBO]"),
        (["COMBO", {"options": [], "remote": {"route": "/x"}}], "str | Output[_t.COMBO]"),
        ([[5, 10]], "_c.X | Output[_t.COMBO]"),
        ([[0.5, 1.0]], "float | Output[_t.COMBO]"),
        ([["a", 0.5]], "AnyValue | Output[_t.COMBO]"),
        ([["\ud800", "b"]], "str | Output[_t.COMBO]"),
        ([["x" * 5000, "y" * 5000]], "str | Output[_t.COMBO]"),
        (["COMFY_AUTOGROW_V3", {"template": "broken"}], "AnyValue"),
        (["COMFY_DYNAMICCOMBO_V3", {"options": []}], "str"),
    ],
)
def test_each_type_of_input_is_typed_as_what_the_server_takes(
    definition: list[Any], expected: str, tmp_path: Path
) -> None:
    assert annotation(definition, tmp_path) == expected


def test_a_list_over_the_limit_is_str(tmp_path: Path) -> None:
    definition = [["a", "b", "c"]]
    assert annotation(definition, tmp_path, max_choices=3) == "_c.X | Output[_t.COMBO]"
    assert annotation(definition, tmp_path, max_choices=2) == "str | Output[_t.COMBO]"
    assert annotation(definition, tmp_path, max_choices=0) == "str | Output[_t.COMBO]"


def test_optional_types_take_none(tmp_path: Path) -> None:
    assert annotation(["MASK"], tmp_path, group="optional") == "Output[_t.MASK] | None"
    assert annotation(["INT", {"default": 1}], tmp_path, group="optional") == "int | Output[_t.INT]"


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (["INT", {"default": 2**64 - 1}], 2**64 - 1),
        (["INT", {"default": 3.0}], 3),
        (["INT", {"default": 3.5}], NONE_STATED),
        (["INT", {"default": "3"}], NONE_STATED),
        (["INT", {"default": True}], NONE_STATED),
        (["INT", {"default": [1]}], NONE_STATED),
        (["INT", {"default": 10**30}], NONE_STATED),
        (["INT", {"default": None}], NONE_STATED),
        (["INT", {}], NONE_STATED),
        (["INT", {"default": 1, "forceInput": True}], NONE_STATED),
        (["FLOAT", {"default": 1}], 1),
        (["FLOAT", {"default": 1e-5}], 1e-5),
        (["FLOAT", {"default": float("nan")}], NONE_STATED),
        (["FLOAT", {"default": float("inf")}], NONE_STATED),
        (["BOOLEAN", {"default": False}], False),
        (["BOOLEAN", {"default": 1}], NONE_STATED),
        (["STRING", {"default": 'a"""\n\\{{ x }}\ud800'}], 'a"""\n\\{{ x }}\ud800'),
        (["STRING", {"default": 5}], NONE_STATED),
        (["FLOAT,INT", {"default": 2}], 2),
        (["COLOR", {"default": "#fff"}], "#fff"),
        (["CURVE", {"default": {"points": [[0, 1.5]]}}], {"points": [[0, 1.5]]}),
        ([FIXED], NONE_STATED),
        ([FIXED, {"default": "bilinear"}], "bilinear"),
        ([FIXED, {"default": "gone"}], NONE_STATED),
        ([[1, 2], {"default": True}], NONE_STATED),
        (["COMBO", {"options": FIXED, "multiselect": True, "default": ["nearest"]}], ["nearest"]),
        ([["a.ckpt"], {"default": "a.ckpt"}], NONE_STATED),
        ([["[None]", "a.ckpt"], {"default": "[None]"}], NONE_STATED),
        (["*", {"default": 1}], 1),
    ],
)
def test_a_default_only_where_the_schema_states_a_usable_one(
    definition: list[Any], expected: Any, tmp_path: Path
) -> None:
    found = default(definition, tmp_path)
    assert found == expected
    assert type(found) is type(expected) or expected == 3


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
def test_a_value_may_be_nested_as_deep_as_the_bound_says_and_no_deeper(levels: int) -> None:
    deep: Any = 1
    for level in range(levels):
        deep = [deep] if level % 2 else {"a": deep}
    package = package_of({"Good": node(), "Deep": node({"x": ["CURVE", {"more": deep}]})})
    assert [skipped.class_type for skipped in package.skipped] == ["Deep"] * (levels - MAX_DEPTH)


def test_a_default_nested_too_deep_is_none(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(30):
        deep = [deep]
    assert default(["CURVE", {"default": deep}], tmp_path) is NONE_STATED


def test_distinct_lists_have_one_alias_each() -> None:
    nodes = {
        "A": node({"method": [FIXED], "mode": ["COMBO", {"options": ["x", "y"]}]}),
        "B": node({"method": [FIXED[::-1]], "mode": [["p", "q"]]}),
        "C": node({"mode": [["p", "q"]]}),
    }
    choices = source_of(nodes, "choices.py")
    aliases = [line.split(":")[0] for line in choices.splitlines() if ": TypeAlias" in line]
    assert aliases == ["AMode", "Method", "Mode"]
    assert "_c.Mode" in source_of(nodes).split("class B(")[1]


def test_a_list_of_numbered_inputs_is_named_without_the_number() -> None:
    nodes = {"A": node({"concept1": [["a", "b"]], "concept2": [["a", "b"]], "x4": [["c", "d"]]})}
    choices = source_of(nodes, "choices.py")
    assert [line.split(":")[0] for line in choices.splitlines() if ": TypeAlias" in line] == ["Concept", "X4"]


def test_lists_of_one_class_under_one_name_are_told_apart() -> None:
    option = {"required": {"mode": [["a", "b"]]}}, {"required": {"mode": [["c", "d"]]}}
    combo = [
        "COMFY_DYNAMICCOMBO_V3",
        {"options": [{"key": str(i), "inputs": one} for i, one in enumerate(option)]},
    ]
    nodes = {"A": node({"kind": combo, "mode": [["e", "f"]]})}
    aliases = [line for line in source_of(nodes, "choices.py").splitlines() if ": TypeAlias" in line]
    assert len(aliases) == 3


def test_type_hints_can_be_evaluated(tmp_path: Path) -> None:
    nodes = {
        "A": node({"m": ["MODEL"], "c": [FIXED], "a": ["*"]}, {"p": [["a.png"], {"image_upload": True}]})
    }
    package = load_nodes(nodes, tmp_path)
    hints = get_type_hints(package.A.__init__)
    assert set(hints) == {"m", "c", "a", "p", "return"}


def test_an_output_of_a_union_goes_where_a_member_may(tmp_path: Path) -> None:
    package = load_nodes({"A": node(output=["IMAGE,MASK"], output_name=["x"])}, tmp_path)
    kind = package.sockets.IMAGE_or_MASK
    assert issubclass(kind, package.sockets.IMAGE)
    assert issubclass(kind, package.sockets.MASK)
    assert "SingleOutputNode[_t.IMAGE_or_MASK]" in source_of({"A": node(output=["IMAGE,MASK"])})


def test_outputs_by_name_and_index(tmp_path: Path) -> None:
    raw = node(output=["IMAGE", "IMAGE", ["a", "b"], "*"], output_name=["IMAGE", "IMAGE"])
    package = load_nodes({"A": raw}, tmp_path)
    first, second, third, fourth = package.A()
    made = package.A()
    assert [slot._slot for slot in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert made.IMAGE_2._slot == 1
    assert made.COMBO._slot == 2
    assert "Output[_t.COMBO], Output[Any]" in source_of({"A": raw})


def test_outputs_named_like_tuple_methods_can_be_unpacked(tmp_path: Path) -> None:
    raw = node(output=["SPLAT", "INT"], output_name=["splat", "count"])
    package = load_nodes({"A": raw}, tmp_path)
    assert issubclass(package.A, PlainMultiOutputNode)
    splat, count = package.A()
    assert (splat._slot, count._slot) == (0, 1)


def test_outputs_named_like_builtins_do_not_spoil_annotations(tmp_path: Path) -> None:
    raw = node({"x": ["INT"]}, output=["INT", "STRING"], output_name=["int", "OutputSlot"])
    package = load_nodes({"A": raw}, tmp_path)
    assert package.A(x=1).int._slot == 0
    assert package.A(x=1).OutputSlot_._slot == 1
    assert inspect.signature(package.A).parameters["x"].annotation == "_b.int | Output[_t.INT]"


@pytest.mark.parametrize(
    "name", ["Node", "Output", "Any", "OutputSlot", "print", "int", "ImageOutput", "nodes", "class", "_t"]
)
def test_node_classes_hide_nothing(name: str, tmp_path: Path) -> None:
    package = load_nodes(
        {name: node({"x": ["INT"]}, output=["IMAGE"]), "Z": node(output=["IMAGE"])}, tmp_path
    )
    (cls,) = [getattr(package, one) for one in package.__all__ if one != "Z"]
    assert cls._class_type == name
    assert cls.__name__ != name
    assert package.Z().IMAGE is not None


def dynamic_combo(*options: tuple[str, dict[str, Any]]) -> list[Any]:
    listed = [{"key": key, "inputs": {"required": inputs}} for key, inputs in options]
    return ["COMFY_DYNAMICCOMBO_V3", {"options": listed}]


def test_output_nodes_say_what_they_give(tmp_path: Path) -> None:
    package = load_nodes({"SaveImage": node({"images": ["IMAGE"]}, output_node=True)}, tmp_path)
    assert package.SaveImage._result_class is ImageOutput


@pytest.mark.parametrize(
    ("class_type", "raw", "expected"),
    [
        ("SaveVideo", node({"video": ["VIDEO"]}), "VideoOutput"),
        ("SaveWEBM", node({"images": ["IMAGE"]}), "VideoOutput"),
        ("PreviewAny", node({"source": ["*"]}), "TextOutput"),
        ("MySaveAudio", node({"audio": ["AUDIO"]}), "AudioOutput"),
        ("MySaver", node({"images": ["IMAGE"], "audio": ["AUDIO"]}), "VideoOutput"),
        ("MyMixer", node({"images": ["IMAGE"], "video": ["VIDEO"]}), "NodeOutput"),
        ("MySampler", node({"model": ["MODEL"], "latent": ["LATENT"]}, output=["IMAGE"]), "ImageOutput"),
        ("Paid", node({"images": ["IMAGE"]}, api_node=True), "NodeOutput"),
        ("My3D", node({"model": ["FILE_3D_GLB,FILE_3D"]}), "Model3DOutput"),
        ("CheckpointSave", node({"model": ["MODEL"]}), "NodeOutput"),
    ],
)
def test_what_an_output_node_gives(class_type: str, raw: dict[str, Any], expected: str) -> None:
    assert f"(OutputNode[{expected}]" in source_of({class_type: {**raw, "output_node": True}})


def test_malformed_nodes_are_skipped_and_reported() -> None:
    deep: Any = dynamic_combo(("a", {}))
    for _ in range(32):
        deep = dynamic_combo(("a", {"x": deep}))
    package = package_of({"Good": node(), "Bad": "text", "Worse": node({"x": 5}), "Deep": node({"x": deep})})
    assert package.generated == ("Good",)
    assert [skipped.class_type for skipped in package.skipped] == ["Bad", "Deep", "Worse"]
    assert "nested" in str(package.skipped[1])


def test_what_is_no_json_is_skipped() -> None:
    package = package_of(
        {
            "Good": node(),
            "Bad": node({"x": ["INT", {"y": object()}]}),
            "Big": node({"x": ["INT", {"y": 10**5000}]}),
        }
    )
    assert package.generated == ("Good",)
    assert {skipped.class_type for skipped in package.skipped} == {"Bad", "Big"}


def test_no_nodes_are_an_error() -> None:
    with pytest.raises(SchemaError, match="without any node class"):
        package_of({"Bad": 5})
    with pytest.raises(CodegenError, match="no node can be generated"):
        package_of({"A": node()}, exclude=("*",))


def test_include_and_exclude_take_patterns_of_classes_and_modules() -> None:
    nodes = {
        "KSampler": node(),
        "KSamplerAdvanced": node(),
        "Other": node(python_module="custom_nodes.pack"),
        "More": node(python_module="custom_nodes.pack"),
    }
    assert package_of(nodes, include=("KSampler*",)).generated == ("KSampler", "KSamplerAdvanced")
    assert package_of(nodes, include=("custom_nodes.*",), exclude=("Mo?e",)).generated == ("Other",)
    assert package_of(nodes, exclude=("nodes",)).generated == ("More", "Other")


def test_renamed_names_are_reported() -> None:
    raw = node(
        {"a.b": ["INT"]}, output=["IMAGE"], output_name=["The Image"], python_module="custom_nodes.Some-Pack"
    )
    renamed = package_of({"My Node": raw}).renamed
    assert {(entry.kind, entry.wire, entry.name) for entry in renamed} == {
        ("module", "custom_nodes.Some-Pack", "custom_nodes.Some_Pack"),
        ("node", "My Node", "My_Node"),
        ("input", "a.b", "a_b"),
        ("output", "The Image", "The_Image"),
    }


PROSE = 'Say """hi""" \\ {{ x }} \x00 \u202e end"'


def test_docs_are_docstrings_and_can_be_left_out(tmp_path: Path) -> None:
    raw = node(
        {"x": ["INT", {"min": 1, "max": 9, "tooltip": PROSE}]},
        output=["IMAGE"],
        output_tooltips=[PROSE],
        description=PROSE,
        display_name="My Node",
    )
    package = load_nodes({"A": raw}, tmp_path)
    assert package.A.__doc__.count('Say """hi""" \\ {{ x }}   end"') == 3  # what steers is left out
    assert "1 to 9." in package.A.__doc__
    bare = package_of({"A": raw}, docs=False)
    assert all("Say" not in text for text in bare.files.values())
    assert "x: 1 to 9." in bare.files["nodes.py"]
    assert "My Node (test)." in bare.files["nodes.py"]


def test_the_schema_file_is_a_schema_again(tmp_path: Path) -> None:
    nodes = {
        "B": node({"z": ["INT", {"max": 5, "min": 1, "default": 2}], "a": [FIXED]}),
        "A": node(
            {"model": dynamic_combo(("b", {"z": ["INT", {"tooltip": "no"}], "a": ["MODEL"]}))}, api_node=True
        ),
        "\ud800": node({"n": ["FLOAT", {"default": float("nan")}]}),
    }
    package = package_of(nodes, docs=False)
    package.write(tmp_path / "out")
    text = package.files["schema.json"]
    assert json.loads(text)["comfyui_version"] == "0.27.0"
    assert "tooltip" not in text
    schema = load_schema(tmp_path / "out" / "schema.json")
    assert str(schema.version) == "0.27.0"
    assert set(schema) == set(nodes)
    assert [entry.name for entry in schema["B"].inputs] == ["z", "a"]
    assert schema["A"].api_node
    (option,) = schema["A"].inputs[0].dynamic_options
    assert [entry.name for entry in option.inputs] == ["z", "a"]
    again = generate(schema, None)
    assert again.files["nodes.py"] == package.files["nodes.py"]
    assert sum(line.startswith('"') and ":{" in line for line in text.splitlines()) >= 3


def test_the_hash_tells_schemas_apart() -> None:
    def digest(nodes: dict[str, Any]) -> str:
        found: str = json.loads(package_of(nodes).files["schema.json"])["hash"]
        return found

    one = digest({"A": node(), "B": node()})
    assert one == digest({"B": node(), "A": node()})
    assert one != digest({"A": node(), "B": node({"x": ["INT"]})})


def test_a_package_works_under_any_name_and_inside_another(tmp_path: Path) -> None:
    package = package_of({"A": node({"m": ["NEW"]}, output=["NEW"], python_module="a.b.c")})
    package.write(tmp_path / "outer_pack" / "inner")
    (tmp_path / "outer_pack" / "__init__.py").touch()
    import importlib
    import sys

    sys.path.insert(0, str(tmp_path))
    try:
        module = importlib.import_module("outer_pack.inner.a.b.c")
    finally:
        sys.path.remove(str(tmp_path))
    assert module.A.__module__ == "outer_pack.inner.a.b.c"


def test_nodes_of_a_pack_and_of_its_modules_both_load(tmp_path: Path) -> None:
    package = load_package(
        package_of(
            {"A": node(output=["NEW"], python_module="p.q"), "B": node({"x": ["NEW"]}, python_module="p.q.r")}
        ),
        tmp_path,
    )
    assert package.A.__module__.endswith(".p.q")
    assert package.B(x=package.A())._inputs["x"] is not None


def test_an_input_that_is_given_twice_is_the_required_one(tmp_path: Path) -> None:
    package = load_nodes({"A": node({"x": ["INT"]}, {"x": ["STRING"], "y": ["INT"]})}, tmp_path)
    assert inputs_of(package.A(x=1, y=2)) == {"x": 1, "y": 2}


def test_objects_in_defaults_are_sorted() -> None:
    one = node({"x": ["CURVE", {"default": {"b": 1, "a": [{"d": 2, "c": 3}]}}]})
    other = node({"x": ["CURVE", {"default": {"a": [{"c": 3, "d": 2}], "b": 1}}]})
    assert package_of({"A": one}).files == package_of({"A": other}).files
