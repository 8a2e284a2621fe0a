"""The shipped workflows in real editors: those that were asked answer as they did, and the one that is
installed, which may be newer than any that we know, sends what we foretell.
"""

from __future__ import annotations

from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

import pytest

from comfyflow import convert_workflow
from comfyflow.errors import ConversionError
from tests import shipped_truth
from tests.real_editor import release
from tests.test_ground_truth import WORKFLOWS, Json, comparable
from tools.editors import TESTED
from tools.ground_truth.editor import prompts

pytestmark = pytest.mark.slow
GIVEN = {row["name"]: row["workflow"] for row in WORKFLOWS}


@pytest.mark.parametrize("version", TESTED)
def test_a_release_still_sends_the_same(version: str) -> None:
    then = {
        row["name"]: sent for row in WORKFLOWS for versions, sent in row["answers"] if version in versions
    }
    now = prompts(shipped_truth.schema(), release(version), GIVEN)
    assert {name: now[name] for name in now if seen(now[name]) != seen(then[name])} == {}


def test_the_installed_release_sends_what_we_foretell() -> None:
    package = find_spec("comfyui_frontend_package")
    if package is None or package.origin is None:
        pytest.skip("no editor is installed: pip install comfyui-frontend-package")
    version = version_of("comfyui-frontend-package")
    sent = prompts(shipped_truth.schema(), Path(package.origin).with_name("static"), GIVEN)
    minor = ".".join(version.split(".")[:2])  # of a pre-release, too
    ours = {name: foretold(workflow, minor) for name, workflow in GIVEN.items()}
    differ = {
        name: (seen(sent[name]), seen(ours[name])) for name in GIVEN if seen(sent[name]) != seen(ours[name])
    }
    assert differ == {}, f"editor {version} sends otherwise than the rules say"


def foretold(workflow: Json, version: str) -> Json | None:
    try:
        return dict(convert_workflow(workflow, shipped_truth.schema(), editor=version, seed=0))
    except ConversionError:
        return None


def seen(prompt: Json | None) -> Json | None:
    return None if prompt is None else comparable(prompt)
