"""Node classes are found by their names, and by what they take and give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from comfyflow.schema import Schema, load_schema
from comfyflow.schema.catalogue import LARGE, Catalogue
from comfyflow.schema.node_index import NodeIndex
from comfyflow.schema.package import reference_schema


def entry(**members: Any) -> dict[str, Any]:
    node: dict[str, Any] = {
        "input": {"required": {}},
        "output": [],
        "output_name": [],
        "name": "",
        "category": "",
    }
    return {**node, **members}


def index(classes: Mapping[str, Any]) -> NodeIndex:
    return NodeIndex(Schema(classes, "0.33.0"))


def names(found: NodeIndex, *words: str, **types: str) -> list[str]:
    return [node.class_type for node in found.find(words, **types)]


@pytest.fixture(scope="module")
def core() -> NodeIndex:
    return NodeIndex(reference_schema())


def test_a_class_that_is_called_so_comes_first_and_titles_before_categories(core: NodeIndex) -> None:
    assert names(core, "KSampler")[0] == "KSampler"
    assert names(core, "ksampler", "advanced")[0] == "KSamplerAdvanced"
    made = index(
        {
            "Aaa": entry(category="loaders"),
            "Bbb": entry(display_name="Loaders of all kinds"),
            "Ccc": entry(search_aliases=["loaders"]),
        }
    )
    assert names(made, "loaders") == ["Bbb", "Aaa", "Ccc"]


def test_classes_are_found_by_what_they_take_and_give(core: NodeIndex) -> None:
    both = names(core, takes="latent", gives="IMAGE")
    assert "VAEDecode" in both
    assert "VAEEncode" not in both
    assert "LoadImage" in names(core, "load", gives="image")
    assert names(core, gives="NO_SUCH_TYPE") == []


def test_what_stands_within_a_dynamic_input_is_found_too(core: NodeIndex) -> None:
    grown = ["COMFY_AUTOGROW_V3", {"template": {"input": {"required": {"a": ["MASK", {}]}}, "prefix": "a"}}]
    made = index({"Grows": entry(input={"required": {"many": grown}}), "Plain": entry()})
    assert names(made, takes="MASK") == ["Grows"]


def test_a_malformed_class_is_left_out() -> None:
    assert names(index({"Bad": 3, "Good": entry()})) == ["Good"]


def test_the_classes_of_a_large_catalogue_are_forgotten_again(tmp_path: Path) -> None:
    file = tmp_path / "object_info.json"
    text = "x" * 2000
    file.write_text(json.dumps({f"Class{n}": entry(description=text) for n in range(LARGE // 2000 + 1)}))
    schema = load_schema(file)
    assert isinstance(schema.raw, Catalogue)
    found = NodeIndex(schema)
    assert len(found) == len(schema.raw) > 500
    assert not schema.raw._decoded
