"""Classes of inputs that come and go: dynamic combos, growing inputs, slots, groups, MatchType."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from comfyflow.errors import NodeUsageError
from tests.generated import linked, load_nodes, node, source_of
from tests.test_codegen import dynamic_combo, inputs_of


def test_match_type_outputs_follow_their_inputs() -> None:
    switch = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "s", "allowed_types": "*"}}]
    limited = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "l", "allowed_types": "IMAGE,MASK"}}]
    source = source_of(
        {
            "A": node({"a": switch, "b": switch}, output=["COMFY_MATCHTYPE_V3"], output_matchtypes=["s"]),
            "B": node({"a": limited}, output=["COMFY_MATCHTYPE_V3", "INT"], output_matchtypes=["l", None]),
            "C": node({"a": limited}, output=["INT"], output_matchtypes=None),
            "D": node(output=["COMFY_MATCHTYPE_V3"], output_matchtypes=["nothing"]),
        }
    )
    assert '_T0 = TypeVar("_T0")' in source
    assert '_T1 = TypeVar("_T1", _t.IMAGE, _t.MASK)' in source
    assert "class A(SingleOutputNode[_T0])" in source
    assert "a: Output[_T0], b: Output[_T0]" in source
    assert "class B(MultiOutputNode[Output[_T1], Output[_t.INT]])" in source
    assert "a: Output[_t.IMAGE | _t.MASK]" in source
    assert "class D(SingleOutputNode[Any])" in source


def test_dynamic_combos_take_an_option_or_its_bare_key(tmp_path: Path) -> None:
    combo = dynamic_combo(
        ("scale by", {"factor": ["FLOAT", {"default": 2.0}]}), ("match", {"image": ["IMAGE"]}), ("none", {})
    )
    package = load_nodes({"A": node({"resize_type": combo})}, tmp_path)
    kind = package.A.ResizeType
    assert inputs_of(package.A(resize_type=kind.scale_by(factor=3.0))) == {
        "resize_type": "scale by",
        "resize_type.factor": 3.0,
    }
    assert inputs_of(package.A(resize_type="scale by")) == {
        "resize_type": "scale by",
        "resize_type.factor": 2.0,
    }
    assert inputs_of(package.A(resize_type="none")) == {"resize_type": "none"}
    assert inputs_of(package.A(resize_type="match")) == {"resize_type": "match"}
    source = source_of({"A": node({"resize_type": combo})})
    assert 'Literal["scale by", "none"]' in source


def test_dynamic_combos_nest(tmp_path: Path) -> None:
    grow = [
        "COMFY_AUTOGROW_V3",
        {"template": {"input": {"required": {"i": ["IMAGE"]}}, "prefix": "image", "min": 1}},
    ]
    inner = dynamic_combo(("fast", {}), ("slow", {"images": grow}))
    package = load_nodes({"A": node({"model": dynamic_combo(("pro", {"mode": inner}))})}, tmp_path)
    pro = package.A.Model.pro
    made = package.A(model=pro(mode=pro.Mode.slow(images=[linked(), linked()])))
    assert list(inputs_of(made)) == [
        "model",
        "model.mode",
        "model.mode.images.image0",
        "model.mode.images.image1",
    ]
    assert inputs_of(package.A(model=pro(mode="fast"))) == {"model": "pro", "model.mode": "fast"}


def test_optional_inputs_of_an_option_stay_out(tmp_path: Path) -> None:
    listed = [{"key": "a", "inputs": {"required": {}, "optional": {"mask": ["MASK"]}}}]
    package = load_nodes({"A": node({}, {"kind": ["COMFY_DYNAMICCOMBO_V3", {"options": listed}]})}, tmp_path)
    assert inputs_of(package.A()) == {}
    assert inputs_of(package.A(kind="a")) == {"kind": "a"}
    assert list(inputs_of(package.A(kind=package.A.Kind.a(mask=linked())))) == ["kind", "kind.mask"]


def test_autogrow_by_prefix_and_by_names(tmp_path: Path) -> None:
    template = {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 0, "max": 4}
    named = {"input": {"required": {"x": ["INT", {}]}}, "names": ["first", "second 2"], "min": 1}
    raw = node(
        {
            "images": ["COMFY_AUTOGROW_V3", {"template": template}],
            "xs": ["COMFY_AUTOGROW_V3", {"template": named}],
        }
    )
    package = load_nodes({"A": raw}, tmp_path)
    assert inputs_of(package.A(xs=[1])) == {"xs.first": 1}
    assert inputs_of(package.A(xs={"second 2": 5})) == {"xs.second 2": 5}
    assert list(inputs_of(package.A(images=[linked()] * 2, xs=[1, 2])))[:2] == [
        "images.image0",
        "images.image1",
    ]
    with pytest.raises(NodeUsageError, match="3 values for 2 slots"):
        package.A(xs=[1, 2, 3])
    source = source_of({"A": raw})
    assert "images: Sequence[Output[_t.IMAGE]] = ()" in source
    assert 'Mapping[Literal["first", "second 2"], int | Output[_t.INT]]' in source


def test_dynamic_slots_take_an_output_alone_or_with_its_inputs(tmp_path: Path) -> None:
    slot = [
        "COMFY_DYNAMICSLOT_V3",
        {"slotType": "IMAGE", "inputs": {"required": {"x": ["INT", {"default": 1}]}}},
    ]
    strict = ["COMFY_DYNAMICSLOT_V3", {"slotType": "MASK", "inputs": {"required": {"y": ["INT"]}}}]
    package = load_nodes({"A": node({}, {"slot": slot, "more": strict})}, tmp_path)
    link = ["1", 0]
    assert inputs_of(package.A(slot=linked())) == {"slot": link}
    assert inputs_of(package.A(slot=package.A.Slot(linked(), x=5))) == {"slot": link, "slot.x": 5}
    assert inputs_of(package.A(more=package.A.More(linked(), y=5))) == {"more": link, "more.y": 5}
    assert inputs_of(package.A()) == {}
    parameters = inspect.signature(package.A).parameters
    assert parameters["slot"].annotation == "Slot | Output[_t.IMAGE] | None"
    assert parameters["more"].annotation == "More | None"


TYPED_SLOT = [
    "COMFY_DYNAMICSLOT_V3",
    {
        "slotType": "IMAGE,MASK",
        "forceInput": True,
        "options": [
            {"when": ["IMAGE"], "inputs": {"required": {"x": ["INT", {"default": 1}], "y": ["INT"]}}},
            {"when": ["MASK"], "inputs": {"required": {"y": ["STRING"]}}},
            {"when": None, "inputs": {"required": {"z": ["FLOAT", {"min": 0.0}]}}},
        ],
    },
]


"""A DynamicSlot as servers after 0.27.0 have it."""


def test_dynamic_slots_that_go_by_the_type_take_the_inputs_of_each(tmp_path: Path) -> None:
    package = load_nodes({"A": node({}, {"slot": TYPED_SLOT})}, tmp_path)
    link = ["1", 0]
    assert inputs_of(package.A(slot=linked())) == {"slot": link}
    given = {"slot": link, "slot.x": 1, "slot.y": "a"}  # a server leaves out what it does not know
    assert inputs_of(package.A(slot=package.A.Slot(linked(), y="a"))) == given
    assert inputs_of(package.A(slot=package.A.Slot(None, z=0.5))) == {"slot.x": 1, "slot.z": 0.5}
    assert inputs_of(package.A()) == {}
    source = inspect.signature(package.A.Slot).parameters["source"]
    assert source.annotation == "Output[_t.IMAGE | _t.MASK] | None"
    assert "z: float" in source_of({"A": node({}, {"slot": TYPED_SLOT})})


def test_dynamic_groups_take_rows(tmp_path: Path) -> None:
    group = [
        "COMFY_DYNAMICGROUP_V3",
        {"template": {"required": {"field": ["INT"]}, "optional": {"m": ["MASK"]}}, "min": 0},
    ]
    package = load_nodes({"A": node({"rows": group})}, tmp_path)
    row = package.A.Rows
    assert inputs_of(package.A(rows=[row(field=1), row(field=2)])) == {"rows.0.field": 1, "rows.1.field": 2}
    assert inputs_of(package.A()) == {}
