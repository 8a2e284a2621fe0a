"""A server's odd names, nodes and texts cost it what they are in, and nobody else anything."""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import unicodedata
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from comfyflow.codegen.class_plan import ClassPlanner
from comfyflow.codegen.module_path import IMPORTED
from comfyflow.codegen.name import output_names
from comfyflow.dynamic import UNFOLDING
from tests.command import Command
from tests.generated import classes_of, load_nodes, node, package_of
from tests.growing_texts import lines_run

BUILTINS = [name for name in dir(builtins) if name.isidentifier() and not name.startswith("_")]
TAKEN = [*BUILTINS, *sorted(IMPORTED), "choices", "sockets", "import_module", "name"]


@pytest.mark.parametrize("above", ["", "pack."])
def test_modules_may_have_the_name_of_anything(above: str, tmp_path: Path) -> None:
    nodes = {
        f"Node{number}": node({"x": ["STRING"]}, output=["IMAGE"], python_module=f"{above}{name}")
        for number, name in enumerate(TAKEN)
    }
    package = load_nodes({"Above": node({"y": ["INT"]}, python_module="pack"), **nodes}, tmp_path)
    classes = classes_of(package)
    assert set(classes) == {"Above", *nodes}
    for each in classes.values():
        get_type_hints(each.__init__)
    assert package.Above(y=1) is not None
    with pytest.raises(AttributeError, match="did you mean 'Above'"):
        _ = package.Abve


def match_type(allowed: str) -> list[Any]:
    return ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "T", "allowed_types": allowed}}]


@pytest.mark.parametrize("kind", sorted(UNFOLDING))
@pytest.mark.parametrize("union", ["", ",IMAGE"])
def test_a_match_type_of_a_dynamic_kind_stops_nothing(kind: str, union: str, tmp_path: Path) -> None:
    odd = node({"x": match_type(f"{kind}{union}")}, output=["COMFY_MATCHTYPE_V3"], output_matchtypes=["T"])
    package = load_nodes({"Odd": odd, "Plain": node({"x": ["INT"]})}, tmp_path)
    assert set(classes_of(package)) == {"Odd", "Plain"}
    get_type_hints(package.Odd.__init__)


def test_a_node_that_comfyflow_fails_at_is_skipped_and_reported(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ClassPlanner.plan

    def failing(planner: ClassPlanner, schema: Any, *arguments: Any) -> Any:
        if schema.class_type == "Odd":
            raise KeyError("COMFY_ODD")
        return plan(planner, schema, *arguments)

    monkeypatch.setattr(ClassPlanner, "plan", failing)
    info = tmp_path / "object_info.json"
    info.write_text(json.dumps({"Odd": node(), "Plain": node()}))
    done = command("gen-stubs", "--object-info", info, "--out", tmp_path / "out")
    assert done.code == 0
    assert "generated 1 node classes" in done.out
    assert "skipped: 'Odd': comfyflow itself failed (KeyError: 'COMFY_ODD'); please report" in done.out
    assert (tmp_path / "out" / "nodes.py").is_file()


UNSEEN = (
    "\xad\u034f\u061c\u115f\u180e\u200b\u200d\u200f\u202a\u202e\u2066\u2069\u3164\ufe0f\ufeff\ufff9\U000e0041"
)
STEERING = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \x08\x0c\x7f\x00"


def test_docstrings_hold_nothing_unseen_and_nothing_that_steers_a_terminal(tmp_path: Path) -> None:
    text = f"com{UNSEEN}fy {STEERING} 漢字 é …"
    odd = node(
        {"x": ["INT", {"tooltip": text}]}, output=["IMAGE"], output_tooltips=[text],
        description=text, display_name=text,
    )  # fmt: skip
    package = package_of({"Odd": odd})
    source = package.files["nodes.py"]
    docs = [
        ast.get_docstring(each, clean=False) or ""
        for each in ast.walk(ast.parse(source))
        if isinstance(each, (ast.ClassDef, ast.Module))
    ]
    for held in [*docs, inspect.cleandoc(load_nodes({"Odd": odd}, tmp_path).Odd.__doc__)]:
        assert {unicodedata.category(one) for one in held if one != "\n"}.isdisjoint({"Cc", "Cf", "Zl", "Zp"})
        assert not set(held) & set(UNSEEN)
    assert sum("comfy red" in held and "漢字 é …" in held for held in docs) == 1
    assert {unicodedata.category(one) for one in source if one != "\n"}.isdisjoint({"Cc", "Cf", "Zl", "Zp"})


def test_twice_the_outputs_of_one_name_take_twice_the_steps() -> None:
    once, twice = (lines_run(lambda count=count: output_names(["IMAGE"] * count)) for count in (200, 400))
    assert twice <= 2.6 * once
