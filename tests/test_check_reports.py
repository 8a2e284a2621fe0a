"""What a check writes: text, JSON, JUnit, SARIF, annotations, and the command."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from comfyflow import Place, Schema, validate_prompt
from comfyflow.lock import Checked, check, to_github, to_junit, to_sarif
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.test_check import OLD, changed, required
from tests.test_lock import PROMPT

PLACE = Place("flows/made.py", 7)


NEW = changed(
    lambda c: [
        required(c, "Sampler")["steps"][1].update(max=10),
        required(c, "Loader")["mode"][0].append("new"),
        c["Save"].update(output_node=True, deprecated=True),
    ]
)


PROBLEM = validate_prompt(PROMPT, NEW).errors[0]


REASON = f"{PROBLEM.message}. {PROBLEM.suggestion}"


def checked() -> list[Checked]:
    drifts = check(PROMPT, NEW, OLD, places={"2": PLACE})
    return [Checked("made.py:made", "made.py", tuple(drifts)), Checked("other.json", "other.json", ())]


TEXT = f"""\
made.py:made: would not run
  flows/made.py:7: error: Sampler #2 ('The sampler'), input steps: range was min 1, max 100, is min 1, \
max 10; here it {REASON} [range_changed]
  warning: Save #3: is now deprecated [deprecated_changed]
  note: Loader #1, input mode: now offers 'new' [choices_added]
other.json: would run"""


GITHUB = f"""\
::error file=flows/made.py,line=7,title=made.py%3Amade%3A range_changed::Sampler #2 ('The sampler'), \
input steps: range was min 1, max 100, is min 1, max 10; here it {REASON}
::warning file=made.py,title=made.py%3Amade%3A deprecated_changed::Save #3: is now deprecated
::notice file=made.py,title=made.py%3Amade%3A choices_added::Loader #1, input mode: now offers 'new'"""


def test_text_and_annotations() -> None:
    assert "\n".join(map(str, checked())) == TEXT
    assert to_github(checked()) == GITHUB


def test_json() -> None:
    first, second = (entry.to_json() for entry in checked())
    assert second == {"name": "other.json", "would_run": True, "drifts": []}
    assert first["drifts"][0] == {
        "type": "range_changed",
        "severity": "error",
        "message": "range was min 1, max 100, is min 1, max 10",
        "class_type": "Sampler",
        "input_name": "steps",
        "node_ids": ["2"],
        "reason": PROBLEM.message,
        "suggestion": PROBLEM.suggestion,
        "file": "flows/made.py",
        "line": 7,
        "old": {"min": 1, "max": 100},
        "new": {"min": 1, "max": 10},
    }


def test_junit() -> None:
    root = ET.fromstring(to_junit(checked()))  # noqa: S314
    suite = root[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    made, other = suite
    assert (made.get("name"), made.get("file"), len(other)) == ("made.py:made", "made.py", 0)
    assert [child.tag for child in made] == ["failure", "system-out"]
    assert made[0].get("type") == "range_changed"
    assert "deprecated" in (made[1].text or "")
    strict = ET.fromstring(to_junit(checked(), strict=True))[0][0]  # noqa: S314
    assert "deprecated" in (strict[0].text or "")


def test_sarif() -> None:
    log = to_sarif(checked(), "1.2.3")
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["version"] == "1.2.3"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["choices_added", "deprecated_changed", "range_changed"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    assert run["results"][0]["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "flows/made.py"}, "region": {"startLine": 7}}}
    ]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, schema in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"comfyui_version": "0.27.0", "nodes": schema.raw}))
    (tmp_path / "a.json").write_text(json.dumps(PROMPT))
    (tmp_path / "b.json").write_text(
        json.dumps({"1": {"class_type": "Picture", "inputs": {"image": "a.png"}}})
    )
    return tmp_path


def test_command_check(command: Command, files: Path) -> None:
    assert command("lock", "a.json", "b.json", "--object-info", "old.json").code == 0
    words = ("check", "a.json", "b.json", "--lock", "comfyflow.lock")
    run = command(*words, "--object-info", "old.json")
    told = "schema: 6 node classes of ComfyUI 0.27.0, from {}.json\n"
    assert (run.code, run.out) == (0, "a.json: would run\nb.json: would run\n" + told.format("old"))
    run = command(*words, "--object-info", "new.json")
    assert run.code == 1
    assert run.out == TEXT.replace("flows/made.py:7: ", "").replace("made.py:made", "a.json").replace(
        "other.json", "b.json"
    ) + "\n" + told.format("new")
    assert command(*words).code == 0
    assert command("check", "b.json", "--object-info", "new.json", "--strict").code == 0


@pytest.mark.parametrize("form", ["json", "junit", "sarif", "github"])
def test_command_check_formats(command: Command, files: Path, form: str) -> None:
    assert command("lock", "a.json", "--object-info", "old.json").code == 0
    words = ("check", "a.json", "--lock", "comfyflow.lock", "--object-info", "new.json")
    run = command(*words, "--format", form)
    assert run.code == 1
    assert "range_changed" in run.out
    assert command(*words, "--format", form, "-o", "out.txt").out == ""
    assert (files / "out.txt").read_text().strip() == run.out.strip()
    if form in ("json", "sarif"):
        json.loads(run.out)
    if form == "json":
        assert command(*words, "--json").out == run.out


def test_command_check_strict(command: Command, files: Path) -> None:
    old = json.loads((files / "old.json").read_text())
    old["nodes"]["Picture"]["deprecated"] = True
    (files / "deprecated.json").write_text(json.dumps(old))
    assert command("lock", "b.json", "--object-info", "old.json").code == 0
    words = ("check", "b.json", "--lock", "comfyflow.lock", "--object-info", "deprecated.json")
    assert command(*words).code == 0
    assert command(*words, "--strict").code == 1


def test_command_check_in_trouble(command: Command, files: Path) -> None:
    run = command("check", "a.json")
    assert run.code == 2
    assert "what to check against" in run.err
    run = command("check", "a.json", "--lock", "a.json")
    assert run.code == 2
    assert "a.json is not a lock file" in run.err


def test_command_check_of_python_against_a_server(command: Command, files: Path) -> None:
    """The node package that it was written with is the baseline, and lines of it are pointed at."""
    (files / "made.py").write_text(
        "from comfyflow import workflow\nfrom comfynodes import EmptyImage, SaveImage\n\n@workflow\n"
        "def made(width: int = 8):\n    image = EmptyImage(width=width)\n    return SaveImage(images=image)\n"
    )
    from comfyflow.cli.options import reference_schema

    raw = dict(reference_schema().raw)
    image = copy.deepcopy(raw["EmptyImage"])
    image["input"]["required"]["width"][1]["min"] = 64
    with Simulator(Schema({**raw, "EmptyImage": image}, reference_schema().version)) as server:
        run = command("check", "made.py:made", "--server", server.url)
        assert run.code == 1
        assert run.out.splitlines()[0] == "made.py:made: would not run"
        assert "made.py:6: error: EmptyImage #1" in run.out
        assert "[range_changed]" in run.out
        run = command("check", "made.py", "--width", "64", "--server", server.url, "--format", "github")
        assert run.code == 0
        assert run.out.startswith("::notice file=")
