"""What became of ComfyUI's node classes: the table, and what is made of it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import comfynodes
import pytest

from comfyflow import Workflow, with_id
from comfyflow.node_history import older_defaults, releases
from comfyflow.schema.package import package_schema
from tests.generated import load_nodes, node
from tests.parity.data import needs_data
from tools import node_history

CODEC = ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "auto", "inputs": {}}, {"key": "av1", "inputs": {}}]}]
HIDDEN = ["COMFY_DYNAMICCOMBO_V3", {**CODEC[1], "hidden": True}]
FORMAT = [
    "COMFY_DYNAMICCOMBO_V3",
    {"options": [{"key": key, "inputs": {"required": {"codec": CODEC}}} for key in ("auto", "mkv")]},
]


def made(package: Any, **given: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = Workflow(with_id(package.SaveVideo(**given), "1")).to_prompt()["1"]["inputs"]
    return inputs


@needs_data
def test_the_table_is_what_the_releases_say() -> None:
    assert node_history.main(["--check"]) == 0


def test_the_newest_release_is_that_of_the_reference_package() -> None:
    assert list(releases())[-1] == str(package_schema({comfynodes.__name__}).version)


def test_a_default_that_a_dynamic_combo_cannot_state_is_kept(tmp_path: Path) -> None:
    package = load_nodes({"SaveVideo": node({"format": FORMAT}, {"codec": HIDDEN})}, tmp_path)
    assert made(package) == {"format": "auto"}
    assert made(package, format="mkv", codec="av1") == {"format": "mkv", "codec": "av1"}
    inside = package.SaveVideo.Format.mkv(codec="av1")
    assert made(package, format=inside) == {"format": "mkv", "format.codec": "av1"}


def test_it_is_not_kept_where_it_would_not_do(tmp_path: Path) -> None:
    """The option needs more than its key, the class is a pack's, or the option is gone."""
    needing = load_nodes({"SaveVideo": node({"format": FORMAT})}, tmp_path / "needing")
    other = {"format": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "mkv", "inputs": {}}]}]}
    gone = load_nodes({"SaveVideo": node(other)}, tmp_path / "gone")
    pack = node({"format": FORMAT}, {"codec": HIDDEN}, python_module="custom_nodes.films")
    packs = load_nodes({"SaveVideo": pack}, tmp_path / "packs")
    for package in (needing, gone, packs):
        default = inspect.signature(package.SaveVideo).parameters["format"].default
        assert default is inspect.Parameter.empty
        with pytest.raises(TypeError, match="format"):
            package.SaveVideo()


def test_older_defaults_are_those_of_the_class() -> None:
    assert older_defaults("SaveVideo") == {"format": "auto"}
    assert older_defaults("EmptyImage") == {}
