"""Typed classes of node packs: names, inputs that are added on the fly, and what names were before."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from comfyflow import Workflow, load_schema, to_python
from comfyflow.codegen import generate
from comfyflow.errors import NodeUsageError
from tests.command import Command
from tests.generated import load_nodes, node, package_of, source_of

ESSENTIALS = "custom_nodes.ComfyUI_essentials"
FORMATS = {
    "video/a": [["crf", "INT", {"default": 19, "min": 0}], ["pix_fmt", ["yuv420p", "p10"]]],
    "video/b": [["crf", "INT", {"default": 22}], ["pix_fmt", ["rgba"]], ["lossless", "BOOLEAN", {}]],
}
PACK: dict[str, Any] = {
    "Image": node(output=["IMAGE"]),
    "Counted": node(
        {"inputcount": ["INT", {"default": 2}], "image_1": ["IMAGE"]},
        {"image_2": ["IMAGE"]},
        ["IMAGE"],
        python_module="custom_nodes.ComfyUI-KJNodes",
    ),
    "Make": node({"image1": ["IMAGE"]}, output=["IMAGE"], python_module="custom_nodes.Impact"),
    "Combine": node(
        {"images": ["IMAGE"], "format": [[*FORMATS, "image/gif"], {"formats": FORMATS}]},
        output_node=True,
        python_module="custom_nodes.ComfyUI-VideoHelperSuite",
    ),
    "Any Switch (rgthree)": node(output=["*"], python_module="custom_nodes.rgthree-comfy"),
    "Power Lora Loader (rgthree)": node(
        {}, {"model": ["MODEL"]}, ["MODEL"], python_module="custom_nodes.rgthree-comfy"
    ),
    "Fixed": node({"image1": ["IMAGE"], "image2": ["IMAGE"]}, python_module="custom_nodes.fixed"),
    "Core": node({"image1": ["IMAGE"]}),
}


def inputs_of(made: Any) -> dict[str, Any]:
    prompt = Workflow(made).to_prompt()
    return next(one["inputs"] for one in prompt.values() if one["class_type"] == made._class_type)


def test_outputs_without_a_name_are_called_output() -> None:
    raw = node(output=["*", "*", "IMAGE"], output_name=["*", "*", "IMAGE"])
    source = source_of({"Any": raw, "Emoji": node(output=["INT"], output_name=["🎨"])})
    assert "output = OutputSlot[Any](0)" in source
    assert "output_2 = OutputSlot[Any](1)" in source
    assert "output = OutputSlot[_t.INT](0)" in source
    assert "unnamed" not in source


def test_counted_inputs_have_arguments_beyond_those_declared(tmp_path: Path) -> None:
    nodes = load_nodes(PACK, tmp_path)
    image = nodes.Image()
    made = nodes.Counted(inputcount=3, image_1=image, image_3=image, extra={"image_40": image})
    assert set(inputs_of(made)) == {"inputcount", "image_1", "image_3", "image_40"}
    assert set(inputs_of(nodes.Make(image1=image, image2=image, image24=image))) == {
        "image1",
        "image2",
        "image24",
    }
    assert set(inputs_of(nodes.Any_Switch_rgthree(any_01=image, any_12=image))) == {"any_01", "any_12"}
    lora = {"on": True, "lora": "x", "strength": 1}
    assert inputs_of(nodes.Power_Lora_Loader_rgthree(extra={"lora_1": lora})) == {"lora_1": lora}


@pytest.mark.parametrize(("name", "argument"), [("Fixed", "image3"), ("Core", "image2"), ("Fixed", "extra")])
def test_classes_that_do_not_grow_take_no_more(name: str, argument: str, tmp_path: Path) -> None:
    nodes = load_nodes(PACK, tmp_path)
    with pytest.raises(TypeError, match=argument):
        getattr(nodes, name)(**{argument: nodes.Image()})


def test_inputs_that_a_choice_brings_are_typed(tmp_path: Path) -> None:
    nodes = load_nodes(PACK, tmp_path)
    made = nodes.Combine(images=nodes.Image(), format="video/a", crf=10, pix_fmt="p10")
    given = inputs_of(made)
    assert {name: given[name] for name in ("format", "crf", "pix_fmt")} == {
        "format": "video/a",
        "crf": 10,
        "pix_fmt": "p10",
    }
    assert "lossless" not in given
    source = source_of(PACK, "custom_nodes/ComfyUI_VideoHelperSuite.py")
    assert "crf: int | Output[_t.INT] | None = None" in source
    assert "lossless: bool | Output[_t.BOOLEAN] | None = None" in source
    choices = source_of(PACK, "choices.py")
    assert '"rgba"' in choices
    assert '"p10"' in choices


def test_extra_is_no_second_way_to_an_argument(tmp_path: Path) -> None:
    nodes = load_nodes(PACK, tmp_path)
    with pytest.raises(NodeUsageError, match=r"image_1.*an argument") as told:
        nodes.Counted(image_1=nodes.Image(), extra={"image_1": nodes.Image()})
    assert told.value.place is not None
    assert told.value.place.file == __file__
    with pytest.raises(NodeUsageError, match="extra must be a dictionary"):
        nodes.Counted(image_1=nodes.Image(), extra=["image_3"])
    with pytest.raises(NodeUsageError, match="call it to create a node"):
        nodes.Counted(image_1=nodes.Image(), extra={"image_30": nodes.Image})


def test_an_argument_that_is_called_extra_keeps_its_name(tmp_path: Path) -> None:
    raw = node({"extra": ["INT"], "image1": ["IMAGE"]}, output=["IMAGE"], python_module="custom_nodes.a")
    nodes = load_nodes({"Make": raw, "Image": PACK["Image"]}, tmp_path)
    image = nodes.Image()
    assert set(inputs_of(nodes.Make(extra=1, image1=image, extra_={"more": image}))) == {
        "extra",
        "image1",
        "more",
    }


def test_to_python_writes_them_as_arguments() -> None:
    prompt = {
        "1": {"class_type": "Image", "inputs": {}},
        "2": {
            "class_type": "Counted",
            "inputs": {"inputcount": 30, "image_1": ["1", 0], "image_3": ["1", 0], "image_30": ["1", 0]},
        },
        "3": {
            "class_type": "Combine",
            "inputs": {"images": ["2", 0], "format": "video/a", "crf": 10, "pix_fmt": "p10"},
        },
    }
    source = str(to_python(prompt, load_schema(PACK, "0.27.0")))
    assert "image_3=" in source
    assert "extra={" in source
    assert "crf=10" in source
    assert "with_inputs" not in source
    assert "raw_node" not in source


def test_a_label_behind_a_type_is_no_type() -> None:
    source = source_of({"A": node({"seed": ["INT:seed", {"default": 5, "min": 0}]})})
    assert "seed: int | Output[" in source
    assert "= 5" in source


def test_the_packs_name_tells_classes_apart() -> None:
    plus = {"GetImageSize+": node(python_module=ESSENTIALS)}
    alone = package_of(plus)
    both = package_of({**plus, "GetImageSize": node()})
    for package in (alone, both):
        assert "class GetImageSize_essentials(" in package.files["custom_nodes/ComfyUI_essentials.py"]
    assert "class GetImageSize(" in both.files["nodes.py"]
    two = package_of(
        {
            "My Node": node(python_module="custom_nodes.comfyui-one"),
            "My_Node": node(python_module="custom_nodes.two"),
            "Name (pack)": node(python_module="custom_nodes.two"),
        }
    )
    assert "class My_Node_one(" in two.files["custom_nodes/comfyui_one.py"]
    assert "class My_Node(" in two.files["custom_nodes/two.py"]
    assert "class Name_pack(" in two.files["custom_nodes/two.py"]


def test_the_old_name_says_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {"GetImageSize": node(), "GetImageSize+": node(python_module=ESSENTIALS), "A": node()}
    nodes = load_nodes(raw, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in (nodes.__name__, f"{nodes.__name__}.{ESSENTIALS}"):
        with pytest.raises(ImportError, match="GetImageSize_f7d0 is now called GetImageSize_essentials"):
            exec(f"from {module} import GetImageSize_f7d0", {})  # noqa: S102
        with pytest.raises(ImportError, match="Nothing"):
            exec(f"from {module} import Nothing", {})  # noqa: S102
    assert "_FORMER" not in package_of({"A": node()}).files["__init__.py"]
    assert hasattr(sys.modules[f"{nodes.__name__}.{ESSENTIALS}"], "GetImageSize_essentials")


def test_gen_stubs_lists_names_that_changed(command: Command, tmp_path: Path) -> None:
    raw = {
        "GetImageSize": node(),
        "GetImageSize+": node(output=["*"], output_name=["*"], python_module=ESSENTIALS),
    }
    (tmp_path / "o.json").write_text(json.dumps(raw))
    out = tmp_path / "mine"
    words = ("gen-stubs", "--object-info", str(tmp_path / "o.json"), "--out", str(out))
    first = command(*words)
    assert first.code == 0
    assert "changed:" not in first.out + first.err
    module = out / "custom_nodes" / "ComfyUI_essentials.py"
    old = module.read_text().replace("GetImageSize_essentials", "GetImageSize_f7d0")
    module.write_text(old.replace("output = ", "unnamed_df58248c = "))
    again = command(*words)
    told = again.out + again.err
    assert "changed: node 'GetImageSize+' is GetImageSize_essentials (before: GetImageSize_f7d0)" in told
    assert "changed: 'GetImageSize+': output '*' is output (before: unnamed_df58248c)" in told
    last = command(*words)
    assert "changed:" not in last.out + last.err


def test_the_same_schema_gives_the_same_bytes() -> None:
    backwards = dict(reversed(PACK.items()))
    assert generate(load_schema(PACK, "0.27.0")).files == generate(load_schema(backwards, "0.27.0")).files


HTML = (
    'Load <b>video</b><div style="x">Inputs: <div class="c">[<span>-</span>]</div>'
    "<div>rate: 1 &lt; 2<br>frames</div></div><script>alert(1)</script><style>p{}</style>"
)


def test_prose_of_html_is_plain_text() -> None:
    raw = node({"a": ["INT", {"tooltip": "One<br/>two <i>three</i>"}]}, description=HTML)
    plain = node(description="a < b and <clip> > c")
    source = source_of({"Html": raw, "Plain": plain}, docs=True)
    assert "    Load video\n    Inputs:\n    rate: 1 < 2\n    frames\n" in source
    assert "        a: One\n            two three" in source
    assert "alert" not in source
    assert "a < b and <clip> > c" in source


@pytest.mark.parametrize("text", ["<b>" + "<" * 60_000, "<p>" + "<!--" * 20_000, "<p>" + "<![x" * 20_000])
def test_hostile_html_ends_soon(text: str) -> None:
    assert len(source_of({"A": node(description=text)}, docs=True)) < 5000


def test_a_docstring_has_a_bound() -> None:
    numbered = {f"strength_{index}": ["FLOAT", {"min": 0, "max": index}] for index in range(200)}
    module = ast.parse(source_of({"A": node(numbered, description="word " * 2000)}, docs=True))
    (made,) = [one for one in module.body if isinstance(one, ast.ClassDef)]
    text = ast.get_docstring(made) or ""
    assert 1000 < len(text) < 3000
    assert text.endswith("…")


def aliases_of(nodes: dict[str, Any]) -> list[str]:
    lines = source_of(nodes, "choices.py").splitlines()
    return [line.partition(":")[0] for line in lines if ": TypeAlias" in line]


def test_packs_change_no_name_of_a_list_of_comfyui() -> None:
    core = {
        "A": node({"mode": [["a", "b"]]}),
        "B": node({"mode": [["a", "b"]]}),
        "C": node({"mode": [["c", "d"]], "other": [["x", "y"]]}),
    }
    packs = {
        f"AA{index}": node(
            {"mode": [["multiply", "add"] if index < 4 else ["c", "d"]], "thing": [["x", "y"]]},
            python_module=f"custom_nodes.pack{index % 2}",
        )
        for index in range(7)
    }
    assert aliases_of(core) == ["CMode", "Mode", "Other"]
    assert aliases_of({**core, **packs}) == ["CMode", "Mode", "ModeAddMultiply", "Other"]


def test_a_list_that_packs_share_is_named_after_what_it_holds() -> None:
    first = node({"mode": [["add", "keep"]]}, python_module="custom_nodes.one")
    shared = node({"mode": [["multiply", "over all"]]}, python_module="custom_nodes.two")
    one = {"A": first, "B": first, "C": shared, "D": shared}
    assert aliases_of(one) == ["ModeAddKeep", "ModeMultiplyOverAll"]
    assert aliases_of(
        {**one, "AA": shared, "E": node({"mode": [[">", "<"]]}, python_module="custom_nodes.three")}
    ) == [
        "EMode",
        "Mode",
        "ModeAddKeep",
    ]
    told = [str(entry) for entry in package_of(one).renamed if entry.kind == "choices"]
    assert told == [
        "choices 'AMode' is ModeAddKeep (before: AMode)",
        "choices 'CMode' is ModeMultiplyOverAll (before: CMode)",
    ]
