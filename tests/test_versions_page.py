"""The page of versions is made of the code, and its recipe names what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from comfyflow.importer.editor_rules import EditorRules
from comfyflow.schema import Schema
from comfyflow.simulator.profile import PROFILES, Profile
from comfyflow.validate.rules import ServerRules
from comfyflow.versions import Since, release
from tools import new_release, versions_page

ROOT = Path(__file__).parents[1]
PAGE = versions_page.PAGE.read_text("utf-8")


def test_the_tables_are_what_the_code_says() -> None:
    assert versions_page.with_tables(PAGE) == PAGE, "run python -m tools.versions_page"
    assert versions_page.main(["--check"]) == 0


@pytest.mark.parametrize("rules", [ServerRules, EditorRules, Profile])
def test_each_fact_is_explained_and_its_releases_rise(rules: type) -> None:
    facts = {name: fact for name, fact in vars(rules).items() if isinstance(fact, Since)}
    assert facts.keys() == versions_page.explained(rules).keys()
    for fact in facts.values():
        releases = [since for since, _ in fact.changes]
        assert releases
        assert releases == sorted(set(releases))


@pytest.mark.parametrize(
    ("fact", "held"),
    [
        (Since(False, ("0.8", True)), "since 0.8"),
        (Since(True, ("1.47", False)), "before 1.47"),
        (Since(True, ("0.13", False), ("0.28", True)), "before 0.13, since 0.28"),
        (Since(False, ("1.34", True), ("1.53.2", False)), "1.34 to before 1.53.2"),
        (Since("a", ("1.34", "b"), ("1.40", "c")), "changed in 1.34, 1.40"),
    ],
)
def test_when_a_fact_holds(fact: Since[object], held: str) -> None:
    assert versions_page.held(fact) == held


def test_the_recipe_names_files_that_there_are() -> None:
    recipe = PAGE[PAGE.index("## A new ComfyUI came out") :]
    named = re.findall(r"(?<![./\w])((?:tests|comfyflow|docs)/[\w/.-]+\w/?)", recipe)
    named += [f"{name.replace('.', '/')}.py" for name in re.findall(r"python -m (tools\.\w+)", recipe)]
    assert len(named) > 12
    assert [name for name in named if not (ROOT / name).exists()] == []
    for name, module in re.findall(r"`(\w+)` (?:in|of) `((?:comfyflow|tools)/[\w/]+\.py)`", recipe):
        assert name in (ROOT / module).read_text("utf-8")


@pytest.mark.parametrize("version", PROFILES)
def test_a_profile_asks_in_the_same_form_as_the_rules(version: str) -> None:
    profile = Profile.named(version)
    number = release(version)
    assert profile.number == number
    assert profile.loops is Profile.loops.at(number)
    assert profile.tag_filters is ServerRules(number).filters_tags


def server(**classes: object) -> Schema:
    return Schema(classes, "0.40.0", editor="2.3.4")


def node(inputs: object, **keys: object) -> dict[str, object]:
    return {"input": inputs, "output": ["IMAGE"], "output_name": ["i"], "python_module": "nodes", **keys}


def test_what_a_new_release_brings_is_told() -> None:
    option = {"key": "a", "inputs": {"required": {"y": ["INT", {"odd": 1}]}}}
    new = server(
        Old=node({}),
        New=node(
            {
                "required": {
                    "x": ["COMFY_DYNAMICCOMBO_V3", {"options": [option]}],
                    "z": ["COMFY_DYNAMICTREE_V3", {}],
                },
                "hidden": {"h": ["SOMETHING"]},
            },
            new_key=True,
        ),
    )
    known = server(Old=node({}), Gone=node({}))
    assert list(new_release.news(new, known)) == [
        "version 0.40.0; its classes betray 0.4.0 or newer",
        "its editor, 2.3.4, is newer than the newest one known, 1.58",
        "kinds of dynamic inputs (1): COMFY_DYNAMICTREE_V3",
        "hidden inputs (1): SOMETHING",
        "keys of classes (1): new_key",
        "options of inputs (2): odd, options",
        "types (1): INT",
        "classes (1): New",
        "classes that are gone (1): Gone",
    ]


def test_the_reference_package_is_news_to_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = json.loads(new_release.KNOWN.read_text("utf-8"))["nodes"]
    file = tmp_path / "object_info.json"
    file.write_text(json.dumps(classes), encoding="utf-8")
    assert new_release.main([str(file), "0.33.0"]) == 0
    assert capsys.readouterr().out == "version 0.33.0; its classes betray 0.28.0 or newer\n"
    assert new_release.main([str(tmp_path / "missing.json")]) == 2
    assert "missing.json" in capsys.readouterr().err
