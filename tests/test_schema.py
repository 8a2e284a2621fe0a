from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import load_schema
from comfyflow.errors import SchemaError
from comfyflow.schema import MISSING, Schema, Version, lists_files, takes_file, unfold_inputs
from comfyflow.schema.input_schema import read_input
from tests.web_server import web_server

V1_NODE: dict[str, Any] = {
    "input": {
        "required": {
            "image": ["IMAGE"],
            "mode": [["a", "b"], {"default": "b"}],
            "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}],
        },
        "optional": {"mask": ["MASK", None]},
        "hidden": {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"},
    },
    "output": ["IMAGE", ["x", "y"], "MASK"],
    "output_name": ["picture"],
    "output_is_list": [False, True],
    "name": "Old",
    "python_module": "custom_nodes.pack",
    "output_node": True,
}
V3_NODE: dict[str, Any] = {
    "input": {
        "required": {
            "model": [
                "COMFY_DYNAMICCOMBO_V3",
                {
                    "options": [
                        {"key": "fast", "inputs": {"required": {}}},
                        {
                            "key": "good",
                            "inputs": {
                                "required": {
                                    "seconds": ["INT", {"default": 5}],
                                    "refs": [
                                        "COMFY_AUTOGROW_V3",
                                        {
                                            "template": {
                                                "input": {"required": {"ref": ["IMAGE", {}]}},
                                                "prefix": "ref",
                                                "min": 1,
                                                "max": 3,
                                            }
                                        },
                                    ],
                                }
                            },
                        },
                    ]
                },
            ],
            "any": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "t", "allowed_types": "A,B"}}],
            "size": ["FLOAT,INT", {}],
            "choice": ["COMBO", {"options": ["p", "q"], "multiselect": True, "image_upload": True}],
        },
        "optional": {
            "slot": [
                "COMFY_DYNAMICSLOT_V3",
                {"slotType": "IMAGE", "inputs": {"required": {"x": ["INT", {}]}}},
            ]
        },
        "hidden": {"prompt": ["PROMPT"], "key": ["API_KEY_COMFY_ORG"]},
    },
    "output": ["COMFY_MATCHTYPE_V3"],
    "output_name": None,
    "output_is_list": [False],
    "output_matchtypes": ["t"],
    "output_tooltips": [None],
    "display_name": None,
    "description": None,
    "python_module": "comfy_extras.nodes_x",
    "category": "a/b",
    "deprecated": None,
    "api_node": True,
    "price_badge": None,
}


def test_a_dynamic_slot_that_goes_by_the_type() -> None:
    """As servers after 0.27.0 list it."""
    options = [
        {"when": ["IMAGE"], "inputs": {"required": {"x": ["INT", {}], "y": ["INT", {}]}}},
        {"when": None, "inputs": {"optional": {"y": ["STRING", {}]}}},
        "not an option",
    ]
    raw = {
        "input": {"optional": {"slot": ["COMFY_DYNAMICSLOT_V3", {"slotType": "IMAGE", "options": options}]}}
    }
    node = load_schema({"A": {**V1_NODE, **raw}})["A"]
    (slot,) = node.inputs
    assert [(entry.name, entry.type, entry.required) for entry in slot.slot_inputs] == [
        ("x", "INT", False),
        ("y", "*", False),
    ]
    for inputs in ({}, {"slot": ["1", 0]}):
        names = [entry.name for entry in unfold_inputs(node.inputs, inputs)]
        assert names == ["slot", "slot.x", "slot.y"]


def test_a_v1_node() -> None:
    node = load_schema({"Old": V1_NODE})["Old"]
    assert [(entry.name, entry.type, entry.required) for entry in node.inputs] == [
        ("image", "IMAGE", True),
        ("mode", "COMBO", True),
        ("seed", "INT", True),
        ("mask", "MASK", False),
    ]
    mode, seed = node.inputs[1], node.inputs[2]
    assert mode.legacy_combo
    assert mode.choices == ("a", "b")
    assert mode.default == "b"
    assert seed.maximum == 2**64 - 1
    assert node.inputs[0].default is MISSING
    assert not node.inputs[0].is_widget
    assert node.hidden == ("prompt", "unique_id")
    assert node.hidden_types == {"PROMPT", "UNIQUE_ID"}
    assert node.display_name == "Old"
    assert node.is_output_node


def test_outputs_whose_names_are_missing_or_short() -> None:
    outputs = load_schema({"Old": V1_NODE})["Old"].outputs
    assert [(o.index, o.name, o.type, o.is_list) for o in outputs] == [
        (0, "picture", "IMAGE", False),
        (1, "COMBO", "COMBO", True),
        (2, "MASK", "MASK", False),
    ]
    assert outputs[1].choices == ("x", "y")


def test_an_input_that_is_both_required_and_optional_is_the_required_one() -> None:
    """Servers look among the required inputs first (``get_input_info``, 0.3.64 to 0.33.0)."""
    both = {
        "required": {"strength": ["INT", {"default": 1}], "image": ["IMAGE"]},
        "optional": {"mask": ["MASK"], "strength": ["FLOAT", {"default": 2.0}]},
    }
    for groups in (both, dict(reversed(both.items()))):
        node = Schema({"Both": {"input": groups, "output": []}})["Both"]
        assert [(entry.name, entry.type, entry.required) for entry in node.inputs] == [
            ("strength", "INT", True),
            ("image", "IMAGE", True),
            ("mask", "MASK", False),
        ]
        assert node.by_name["strength"].options == {"default": 1}


def test_a_v3_node_with_null_filled_keys() -> None:
    node = load_schema({"New": V3_NODE})["New"]
    assert node.display_name == "New"
    assert node.description == ""
    assert node.api_node
    assert not node.deprecated
    assert node.hidden_types == {"PROMPT", "API_KEY_COMFY_ORG"}
    by_name = node.by_name
    assert by_name["any"].match_template == "t"
    assert by_name["any"].match_types == "A,B"
    assert by_name["size"].types == {"FLOAT", "INT"}
    assert by_name["choice"].choices == ("p", "q")
    assert by_name["choice"].multiselect
    assert by_name["choice"].upload == "image"
    assert [option.key for option in by_name["model"].dynamic_options] == ["fast", "good"]
    assert [entry.name for entry in by_name["slot"].slot_inputs] == ["x"]
    assert node.outputs[0].match_template == "t"


def unfolded(given: dict[str, Any]) -> list[tuple[str, bool]]:
    node = load_schema({"New": V3_NODE})["New"]
    return [(entry.name, entry.required) for entry in unfold_inputs(node.inputs, given)]


def test_dynamic_inputs_unfold_by_what_is_given() -> None:
    plain = [("any", True), ("size", True), ("choice", True)]
    assert unfolded({}) == plain
    assert unfolded({"model": "no such key"}) == plain
    assert unfolded({"model": "fast"}) == [("model", True), *plain]
    assert unfolded({"model": "good"}) == [
        ("model", True),
        ("model.seconds", True),
        ("model.refs.ref0", True),
        ("model.refs.ref1", False),
        ("model.refs.ref2", False),
        *plain,
    ]
    assert unfolded({"slot": ["1", 0]}) == [*plain, ("slot", False), ("slot.x", True)]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "text",
        [],
        {"input": []},
        {"input": {"required": []}},
        {"input": {"required": {"a": "INT"}}},
        {"input": {"required": {"a": []}}},
        {"input": {"required": {"a": [5]}}},
        {"input": {"required": {"a": ["INT", "x"]}}},
        {"output": "IMAGE"},
        {"output": [5]},
    ],
)
def test_one_malformed_node_is_reported_and_left_out(broken: Any) -> None:
    schema = load_schema({"Bad": broken, "Old": V1_NODE})
    assert list(schema) == ["Old"]
    assert "Bad" not in schema
    assert len(schema) == 1
    assert [problem.class_type for problem in schema.problems] == ["Bad"]
    with pytest.raises(KeyError):
        schema["Bad"]


@pytest.mark.parametrize("minimal", [{}, {"input": None, "output": None}, {"input": {"required": None}}])
def test_a_node_without_inputs_or_outputs_is_no_fault(minimal: Any) -> None:
    node = load_schema({"A": minimal})["A"]
    assert (node.inputs, node.outputs) == ((), ())


def test_lookups_are_lazy() -> None:
    schema = load_schema({"Bad": 5, "Old": V1_NODE})
    assert schema["Old"] is schema["Old"]
    assert schema._reasons == {}
    assert schema.get("Old") is schema["Old"]
    assert schema.get("none") is None


def test_input_order_wins_over_the_order_of_the_object() -> None:
    node = {**V1_NODE, "input_order": {"required": ["seed", "gone", "image"]}}
    assert [entry.name for entry in load_schema({"A": node})["A"].inputs] == ["seed", "image", "mode", "mask"]


@pytest.mark.parametrize(
    ("nodes", "version"),
    [
        ({}, Version(0, 27, 0)),
        ({"A": V1_NODE}, Version(0, 3, 64)),
        ({"A": {**V1_NODE, "is_input_list": False}}, Version(0, 12, 0)),
        ({"A": {**V1_NODE, "is_input_list": False, "search_aliases": []}}, Version(0, 13, 0)),
        ({"A": {**V1_NODE, "has_intermediate_output": False}}, Version(0, 27, 0)),
        ({"A": V3_NODE}, Version(0, 4, 0)),
    ],
)
def test_the_version_is_inferred_from_the_shape(nodes: dict[str, Any], version: Version) -> None:
    assert load_schema(nodes).version == version


def test_a_schema_beside_generated_modules_knows_no_files() -> None:
    assert load_schema({"A": V1_NODE}).files_known
    written = load_schema({"comfyui_version": "0.20.0", "hash": "x", "nodes": {"A": V1_NODE}})
    assert not written.files_known
    assert written.version == (0, 20, 0)
    assert list(written) == ["A"]


@pytest.mark.parametrize(
    ("name", "definition", "files"),
    [
        ("ckpt_name", [[]], True),
        ("model", [["a.safetensors"]], True),
        ("image", [["x"], {"image_upload": True}], True),
        ("vae_name", ["COMBO", {"options": ["pixel_space"]}], True),
        ("thing", [["None"]], True),
        ("sampler_name", [["euler", "ddim"]], False),
        ("format", [["png", "webp"]], False),
    ],
)
def test_lists_of_installed_files_are_told_from_fixed_ones(name: str, definition: Any, files: bool) -> None:
    entry = load_schema({"A": {"input": {"required": {name: definition}}}})["A"].inputs[0]
    assert lists_files(entry) is files


def test_versions_compare_as_numbers() -> None:
    assert Version.parse("v0.3.64-dev") == (0, 3, 64)
    assert Version(0, 3, 64) < Version(0, 27)
    assert Version.parse("nightly") is None
    assert str(Version(0, 27)) == "0.27.0"
    assert load_schema({}, version="0.20").version == (0, 20, 0)
    with pytest.raises(SchemaError, match="not a ComfyUI version"):
        load_schema({}, version="latest")


def test_files_also_packed_and_with_nan(tmp_path: Path) -> None:
    text = json.dumps(
        {"A": {"input": {"required": {"x": ["FLOAT", {"max": float("inf"), "a": float("nan")}]}}}}
    )
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.json", "a.json.gz"):
        assert load_schema(tmp_path / name)["A"].inputs[0].maximum == float("inf")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<!doctype html>", "is a web page"),
        (b"{", "not valid JSON"),
        (b"[]", "expected an object of nodes, got list"),
        (b"\x1f\x8bxx", "cannot read"),
        (b"[" * 100_000, "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_bad_files_are_said_plainly(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(SchemaError, match=why):
        load_schema(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SchemaError, match="cannot read"):
            load_schema(path)


@contextmanager
def serving(pages: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = pages.get(self.path, (404, b"not found"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with web_server(Pages) as url:
        yield url


def test_a_server_says_its_version() -> None:
    stats = json.dumps({"system": {"comfyui_version": "0.20.1"}}).encode()
    pages = {"/object_info": (200, json.dumps({"A": V1_NODE}).encode()), "/system_stats": (200, stats)}
    with serving(pages) as url:
        schema = load_schema(url + "/")
        assert schema.version == (0, 20, 1)
        assert list(schema) == ["A"]
        assert load_schema(url, version="0.3.64").version == (0, 3, 64)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ((200, b"<html>"), "web page"),
        ((200, b"nope"), "not valid JSON"),
        ((500, b"{}"), "gave 500"),
    ],
)
def test_something_else_than_a_comfyui(page: tuple[int, bytes], why: str) -> None:
    with serving({"/object_info": page}) as url, pytest.raises(SchemaError, match=why):
        load_schema(url)


def test_no_server_at_all() -> None:
    with pytest.raises(SchemaError, match=r"no ComfyUI server answers at http://127\.0\.0\.1:9"):
        load_schema("http://127.0.0.1:9")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KEYS = [
    "input",
    "required",
    "optional",
    "hidden",
    "template",
    "options",
    "names",
    "prefix",
    "min",
    "max",
    "key",
]
TYPES = ["COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3", "COMFY_DYNAMICSLOT_V3", "COMFY_MATCHTYPE_V3", "COMBO"]
odd_schemas = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(TYPES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=5)
        | st.tuples(st.sampled_from(TYPES), inner).map(list)
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.text(), json_values | odd_schemas, max_size=4))
def test_any_object_can_be_read_as_a_schema(raw: dict[str, Any]) -> None:
    schema = Schema(raw)
    assert len(schema) + len(schema.problems) == len(raw)
    for node in schema.values():
        for entry in unfold_inputs(node.inputs, dict.fromkeys(node.by_name, "a")):
            assert entry.choices is None or isinstance(entry.choices, tuple)
            assert isinstance(entry.match_types, str)
            assert entry.minimum is None or entry.minimum == entry.minimum or entry.minimum != entry.minimum


def test_an_inferred_version_is_told_as_the_least_that_it_can_be() -> None:
    """No key of a node tells 0.33 from 0.27; modules that came in between do."""
    new = {**V1_NODE, "has_intermediate_output": False}
    later = {**new, "python_module": "comfy_extras.nodes_compositor"}
    assert [
        load_schema(raw).version_text for raw in ({"A": V1_NODE}, {"A": new}, {"A": new, "B": later})
    ] == [
        "before 0.4",
        "0.27 or newer",
        "0.28 or newer",
    ]
    assert load_schema({"A": new}, "0.33.0").version_text == "0.33.0"
    assert "ComfyUI 0.28 or newer" in str(load_schema({"B": later}))


@pytest.mark.parametrize(
    ("name", "definition", "takes"),
    [
        ("image", [["a.png"], {"image_upload": True}], True),
        ("text", ["STRING", {"image_upload": True}], True),
        ("scan", [["none"], {"scan_upload": True}], True),
        ("scan", [["none"], {"scan_upload": False}], False),
        ("video", [[]], True),
        ("audio_file", ["COMBO", {"options": []}], True),
        ("file", ["COMBO", {"options": ["notes.txt"]}], True),
        ("anything", [["none", "clip.mp4"]], True),
        ("ckpt_name", [["a.safetensors"]], False),
        ("model_name", [[]], False),
        ("video", [["h264", "vp9"]], False),
        ("video", ["VIDEO", {}], False),
        ("video", ["STRING", {"vhs_path_extensions": ["mp4"]}], False),
        ("image", ["COMBO", {"options": [], "multiselect": True}], False),
    ],
)
def test_which_inputs_take_a_file(name: str, definition: list[Any], takes: bool) -> None:
    assert takes_file(read_input(name, definition, True)) is takes
