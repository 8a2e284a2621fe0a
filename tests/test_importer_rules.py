"""The rules by which the editor makes a prompt, one by one; their numbers are those of `editor_rules`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.schema import Schema
from tests.editor_json import (
    boundary,
    classes,
    convert,
    inputs_of,
    node,
    only,
    outputs,
    subgraph,
    with_subgraphs,
    workflow,
)

BOTH = pytest.mark.parametrize("editor", ["1.45", "1.27"])


@BOTH
def test_rule_1_values_are_sent_as_they_were_saved(editor: str) -> None:
    sent = only("Sampler", [-5, "fixed", 20000, "8.5", "nonexistent"], editor)
    assert sent == {"seed": -5, "steps": 20000, "cfg": "8.5", "sampler": "nonexistent"}


@BOTH
def test_rule_1_large_integers_lose_digits(editor: str) -> None:
    assert only("Sampler", [18446744073709551615, "fixed"], editor)["seed"] == 18446744073709552000
    assert only("Sampler", [2**53, "fixed"], editor)["seed"] == 2**53


@BOTH
def test_rule_2_values_are_matched_by_place(editor: str) -> None:
    whole = only("Sampler", [1, True, 30, 7.5, "ddim"], editor)
    assert (whole["steps"], whole["cfg"], whole["sampler"]) == (30, 7.5, "ddim")
    shifted = only("Sampler", [1, 30, 7.5, "ddim"], editor)
    assert (shifted["steps"], shifted["cfg"]) == (7.5, "ddim")


@BOTH
def test_rule_3_a_control_slot_follows_a_seed(editor: str) -> None:
    assert only("Noise", [5, "randomize", 2.5], editor) == {"noise_seed": 5, "scale": 2.5}
    assert only("Quiet", [5], editor) == {"seed": 5}
    assert only("Picker", ["b", "fixed", "", 7], editor) == {"mode": "b", "size": 7}


def test_rule_3_only_the_whole_name_makes_a_seed() -> None:
    sent = only("Resize", ["factor", 3.0, 11, "fixed"])
    assert sent == {"how": "factor", "how.by": 3.0, "seed": 11}


@BOTH
def test_rule_4_too_few_and_too_many(editor: str) -> None:
    assert only("Sampler", [5, "fixed"], editor) == {"seed": 5, "steps": 20, "cfg": 8.0, "sampler": "euler"}
    assert only("Latent", [640, 480, "extra", 7], editor) == {"width": 640, "height": 480}
    assert only("Latent", None, editor) == {"width": 512, "height": 512}


def test_rule_4_a_default_is_text_with_plain_line_ends() -> None:
    inputs = {"t": ["STRING", {"default": 12}], "m": ["STRING", {"multiline": True, "default": "a\r\nb"}]}
    server = Schema(
        {"Old": {**classes()["Note8"], "input": {"required": inputs}, "input_order": {}}}, "0.27.0"
    )
    made = workflow([node(1, "Old")])
    assert convert_workflow(made, server, seed=1)["1"]["inputs"] == {"t": "12", "m": "a\nb"}


def test_rule_5_null() -> None:
    nulls: list[Any] = [None] * 5
    assert only("Sampler", nulls) == {"seed": None, "steps": None, "cfg": None, "sampler": "euler"}
    assert only("Sampler", nulls, "1.27")["sampler"] is None
    assert only("Note8", [None]) == {"text": ""}
    assert only("Note8", [None], "1.27") == {"text": ""}


def test_rule_5_an_object_of_values_is_not_matched_by_name() -> None:
    named = {"seed": 5, "steps": 3, "sampler": "ddim"}
    assert only("Sampler", named) == {"seed": None, "steps": None, "cfg": None, "sampler": "euler"}
    assert only("Sampler", named, "1.27") == {"seed": 0, "steps": 20, "cfg": 8.0, "sampler": "euler"}


def test_rule_6_lists_and_texts() -> None:
    assert only("Latent", [[1, 2], {"a": 1}]) == {"width": {"__value__": [1, 2]}, "height": {"a": 1}}
    assert only("Note8", [["x", 1]]) == {"text": {"__value__": ["x", 1]}}
    assert only("Note8", [["x", 1]], "1.27") == {"text": "x,1"}
    assert only("Note8", ["a\r\nb\rc"]) == {"text": "a\r\nb\rc"}
    assert only("Note8", ["a\r\nb\rc"], "1.27") == {"text": "a\nb\nc"}
    assert only("Note8", [5], "1.27") == {"text": "5"}


def test_rule_7_a_dynamic_combo_brings_its_inputs_behind_itself() -> None:
    assert only("Resize", ["size", 32, 5, "fixed"]) == {"how": "size", "how.width": 32, "seed": 5}
    assert only("Resize", ["factor", 4.0, 5, "fixed"]) == {"how": "factor", "how.by": 4.0, "seed": 5}
    assert only("Resize", ["nonsense", 5, "fixed"]) == {"how": "nonsense", "seed": 5}


def test_rule_7_a_link_to_an_option_that_is_not_chosen_is_dropped() -> None:
    nodes = [node(1, "LoadImage"), node(2, "Resize", ["factor", 4.0, 5, "fixed"], {"how.mask": 1})]
    assert "how.mask" not in inputs_of(workflow(nodes, [[1, 1, 1, 2, 0]]), "2")
    nodes[1] = node(2, "Resize", ["size", 8, 5, "fixed"], {"how.mask": 1})
    assert inputs_of(workflow(nodes, [[1, 1, 1, 2, 0]]), "2")["how.mask"] == ["1", 1]


def test_rule_8_autogrow_slots_keep_their_names() -> None:
    links = {"images.image0": 1, "images.image4": 2}
    made = workflow([node(1, "LoadImage"), node(2, "Batch", None, links)], [[1, 1, 0, 2, 0], [2, 1, 0, 2, 1]])
    assert inputs_of(made, "2") == {"images.image0": ["1", 0], "images.image4": ["1", 0]}


@BOTH
def test_rule_9_what_has_a_widget(editor: str) -> None:
    assert only("Pure", [7], editor) == {"b": 7}
    assert only("Path", ["model.glb"], editor) == {"file": "model.glb"}


@BOTH
def test_rule_9_values_of_inputs_that_were_widgets_once_are_passed_over(editor: str) -> None:
    assert only("Pure", [99, 7, 98], editor) == {"b": 7}


@BOTH
@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a // comment\nb", "a \nb"),
        ("a /* x\ny */ b", "a  b"),
        ("http://host/path", "http:"),
        ("{only}", "only"),
        ("{{deep|deep}|{deep}}", "deep"),
        (r"\{kept\|both\}", "{kept|both}"),
        ("50% (plain:1.2)", "50% (plain:1.2)"),
    ],
)
def test_rule_10_dynamic_prompts_are_rewritten(text: str, sent: str, editor: str) -> None:
    assert only("Encode", [text], editor)["text"] == sent


def test_rule_10_choices_follow_the_seed() -> None:
    made = workflow([node(1, "Encode", ["{a|b|c|d|e|f|g|h} {a|b|c|d}"])])
    assert convert(made, seed=7) == convert(made, seed=7)
    seen = {convert(made, seed=seed)["1"]["inputs"]["text"] for seed in range(40)}
    assert len(seen) > 10
    assert convert(made, seed=7).seed == 7
    drawn = convert(made, seed=None)
    assert convert(made, seed=drawn.seed) == drawn
    assert [warning.type for warning in drawn.warnings] == ["random_choice"]


def test_rule_10_text_through_a_subgraph_input_is_not_rewritten() -> None:
    inside = subgraph(
        "d",
        [node(5, "Encode", ['{"a": "b"}'], {"*text": 1})],
        [[1, -10, 0, 5, 0]],
        [boundary("text", "STRING", 1)],
    )
    assert inputs_of(with_subgraphs([node(1, "d")], [], inside), "1:5")["text"] == '{"a": "b"}'


def test_rule_10_repair_keeps_the_text() -> None:
    kept = 'see http://x {"a": 1} {yes}'
    made = workflow([node(1, "Encode", [kept])])
    assert convert(made, repair=True)["1"]["inputs"]["text"] == kept
    assert [warning.type for warning in convert(made).warnings] == ["text_rewritten"]
    assert convert(made, repair=True).warnings == []
    chosen = inputs_of(workflow([node(1, "Encode", ["http://x {a|a}"])]), "1", repair=True)
    assert chosen["text"] == "http://x a"


@BOTH
def test_rule_11_file_names(editor: str) -> None:
    sampler = node(1, "Sampler", [42, "fixed"], properties={"Node name for S&R": "Sampler"})
    titled = node(2, "Latent", [640, 480], title="My: size")
    text = "%Sampler.seed%_%My: size.width%_%date:yyyy%_%nothing%_%No.x%_%Sampler.nothing%"
    save = node(3, "SaveImage", [text])
    sent = inputs_of(workflow([sampler, titled, save]), "3", editor)["filename_prefix"]
    assert sent == f"42_640_{datetime.now().year}_%nothing%_%No.x%_%Sampler.nothing%"


def test_rule_11_values_become_safe_in_file_names() -> None:
    note = node(1, "Note8", ['a/b:"c"'], title="N")
    assert (
        inputs_of(workflow([note, node(2, "SaveImage", ["%N.text%"])]), "2")["filename_prefix"] == "a_b__c_"
    )


def test_rule_11_only_some_classes() -> None:
    assert only("CheckpointSave", ["%date:yyyy%"]) == {"filename_prefix": "%date:yyyy%"}


def test_frontend_only_widgets() -> None:
    assert only("LoadImage", ["y.png", "image"]) == {"image": "y.png"}
    assert only("LoadAudio", ["b.mp3", ""]) == {"audio": "b.mp3", "audioUI": ""}


def bypassed(links: dict[str, int], type_: str = "Blend", output: int = 0) -> dict[str, Any]:
    """A loader, a bypassed node with these links to it, and a consumer of one of its outputs."""
    nodes = [
        node(1, "LoadImage"),
        node(2, "LoadImage"),
        node(3, type_, None, links, mode=4),
        node(4, "Invert", None, {"image": 9}),
        node(5, "Show", None, {"anything": 10}),
    ]
    made = [[1, 1, 0, 3, 0], [2, 2, 0, 3, 1], [3, 1, 1, 3, 2], [9, 3, output, 4, 0], [10, 3, output, 5, 0]]
    return workflow(nodes, made)


@BOTH
def test_rule_12_bypass_takes_the_input_of_the_same_place(editor: str) -> None:
    made = bypassed({"image": 1, "other": 2, "mask": 3})
    assert inputs_of(made, "4", editor) == {"image": ["1", 0]}


@BOTH
def test_rule_12_bypass_does_not_look_for_another_linked_input(editor: str) -> None:
    assert inputs_of(bypassed({"other": 2, "mask": 3}), "4", editor) == {}


@BOTH
def test_rule_12_bypass_takes_the_first_input_that_suits_the_consumer(editor: str) -> None:
    made = bypassed({"image": 1, "other": 2, "mask": 3}, output=1)
    assert inputs_of(made, "4", editor) == {"image": ["1", 0]}
    assert inputs_of(made, "5", editor) == {"anything": ["2", 0]}


@BOTH
def test_rule_12_bypass_without_a_suitable_input(editor: str) -> None:
    nodes = [
        node(1, "Loader"),
        node(2, "Decode", None, {"vae": 1}, mode=4),
        node(3, "Invert", None, {"image": 2}),
    ]
    assert inputs_of(workflow(nodes, [[1, 1, 2, 2, 1], [2, 2, 0, 3, 0]]), "3", editor) == {}


def muted(editor: str) -> dict[str, Any]:
    nodes = [node(1, "Quiet", [3], mode=2), node(2, "Latent", [640, 480], {"*width": 1})]
    return inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "2", editor)


def test_rule_13_behind_a_muted_node_a_widget_sends_its_own_value() -> None:
    assert muted("1.45") == {"width": 640, "height": 480}


def test_rule_13_in_1_27_the_link_is_made_first_and_dropped_at_the_end() -> None:
    assert muted("1.27") == {"height": 480}


def nested_inactive(mode: int) -> dict[str, Any]:
    inner = subgraph("inner", [node(7, "Latent", [64, 64])], [])
    outer = subgraph("outer", [node(6, "inner", mode=mode)], [])
    return with_subgraphs([node(1, "outer"), node(2, "inner", mode=mode)], [], outer, inner)


@pytest.mark.parametrize("mode", [2, 4])
def test_rule_14_inactive_subgraphs_vanish_on_the_canvas_only(mode: int) -> None:
    made = nested_inactive(mode)
    conversion = convert(made)
    assert set(conversion) == {"1:6:7"}
    assert [(w.type, w.node_id) for w in conversion.warnings] == [("inactive_subgraph_runs", "1:6")]
    assert set(convert(made, "1.27")) == {"1:6:7", "2:7"}
    assert set(convert(made, repair=True)) == set()


@BOTH
@pytest.mark.parametrize(("value", "sent"), [(99999, 16384), ("832", 832), (3, 16), (1.2, 16)])
def test_rule_15_a_primitive_overwrites_within_the_limits(value: Any, sent: int, editor: str) -> None:
    nodes = [
        node(1, "PrimitiveNode", [value, "fixed"], outputs=outputs([1]), mode=4),
        node(2, "Latent", [640, 480], {"*width": 1}),
    ]
    assert inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "2", editor) == {"width": sent, "height": 480}


@BOTH
def test_rule_15_a_float_is_rounded_to_its_step(editor: str) -> None:
    nodes = [
        node(1, "PrimitiveNode", [1.239, "fixed"], outputs=outputs([1])),
        node(2, "Sampler", [1, "fixed", 20, 8.0, "euler"], {"*cfg": 1}),
    ]
    assert inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "2", editor)["cfg"] == 1.2


@BOTH
def test_rule_15_a_primitive_reaches_neither_through_reroutes_nor_into_sockets(editor: str) -> None:
    nodes = [
        node(1, "PrimitiveNode", [777, "fixed"], outputs=outputs([1, 3])),
        node(2, "Reroute", None, {"": 1}, outputs=outputs([2])),
        node(3, "Latent", [640, 480], {"*width": 2}),
        node(4, "Pure", [5], {"a": 3}),
    ]
    prompt = convert(workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0], [3, 1, 0, 4, 0]]), editor)
    assert prompt["3"]["inputs"] == {"width": 640, "height": 480}
    assert prompt["4"]["inputs"] == {"b": 5}


@BOTH
def test_rule_15_an_empty_primitive_leaves_the_value(editor: str) -> None:
    nodes = [node(1, "PrimitiveNode", [], outputs=outputs([1])), node(2, "Latent", [640, 480], {"*width": 1})]
    assert inputs_of(workflow(nodes, [[1, 1, 0, 2, 0]]), "2", editor)["width"] == 640


def rerouted(mode: int) -> dict[str, Any]:
    nodes = [
        node(1, "LoadImage"),
        node(2, "Reroute", None, {"": 1}, outputs=outputs([2]), mode=mode),
        node(3, "Invert", None, {"image": 2}),
    ]
    return workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]])


@BOTH
@pytest.mark.parametrize("mode", [0, 4])
def test_rule_16_reroutes_are_looked_through(mode: int, editor: str) -> None:
    assert inputs_of(rerouted(mode), "3", editor) == {"image": ["1", 0]}


def test_rule_16_a_muted_reroute_cuts() -> None:
    assert inputs_of(rerouted(2), "3") == {}
    assert inputs_of(rerouted(2), "3", "1.27") == {"image": ["1", 0]}


@BOTH
def test_rule_16_links_may_be_objects(editor: str) -> None:
    made = rerouted(0)
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    made["links"] = [dict(zip(keys, link, strict=True), parentId=1) for link in made["links"]]
    made.update(version=1, state={"lastNodeId": 3}, reroutes=[{"id": 1, "pos": [0, 0], "linkIds": [1]}])
    assert inputs_of(made, "3", editor) == {"image": ["1", 0]}


@BOTH
def test_rule_17_unknown_classes(editor: str) -> None:
    nodes = [
        node(1, "LoadImage"),
        node(2, "Missing", [1, "last"], {"x": 1}),
        node(3, "Invert", None, {"image": 2}),
    ]
    conversion = convert(workflow(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]]), editor)
    assert conversion["2"]["class_type"] is None
    assert conversion["2"]["inputs"] == {"UNKNOWN": "last", "x": ["1", 0]}
    assert conversion["3"]["inputs"] == {"image": ["2", 0]}
    assert [(w.type, w.node_id) for w in conversion.warnings] == [("unknown_class", "2")]


@BOTH
@pytest.mark.parametrize("link", [[7, 1, 0, 2, 0], ["1", 1, 0, 2, 0], [1, 99, 0, 2, 0]])
def test_rule_18_the_editor_fails_at_missing_links(link: list[Any], editor: str) -> None:
    made = workflow([node(1, "LoadImage"), node(2, "Invert", None, {"image": 1})], [link])
    with pytest.raises(ConversionError, match="node 2"):
        convert(made, editor)
    repaired = convert(made, editor, repair=True)
    assert repaired["2"]["inputs"] == {}
    assert [(w.type, w.node_id, w.input_name) for w in repaired.warnings] == [("broken_link", "2", "image")]


@BOTH
def test_rule_18_wrong_types_and_slots_pass(editor: str) -> None:
    nodes = [
        node(1, "LoadImage"),
        node(2, "Decode", None, {"samples": 1}),
        node(3, "Invert", None, {"image": 2}),
    ]
    prompt = convert(workflow(nodes, [[1, 1, 0, 2, 9], [2, 1, 5, 3, 0]]), editor)
    assert prompt["2"]["inputs"] == {"samples": ["1", 0]}
    assert prompt["3"]["inputs"] == {"image": ["1", 5]}


@BOTH
def test_rule_18_what_the_input_names_counts(editor: str) -> None:
    made = workflow([node(1, "LoadImage"), node(2, "Invert", None, {"image": None})], [[1, 1, 0, 2, 0]])
    assert inputs_of(made, "2", editor) == {}


def twice_numbered() -> dict[str, Any]:
    one = subgraph("one", [node(1, "Latent", [64, 64]), node(2, "Latent", [72, 72]), node(9, "Latent")], [])
    two = subgraph("two", [node(9, "Latent"), node(4, "Latent")], [])
    return with_subgraphs([node(1, "one"), node(3, "two")], [], one, two, last_node_id=3)


def test_rule_19_inner_ids_that_are_taken_are_renumbered() -> None:
    assert set(convert(twice_numbered())) == {"1:4", "1:2", "1:9", "3:10", "3:11"}


def test_rule_19_in_1_27_they_stay() -> None:
    assert set(convert(twice_numbered(), "1.27")) == {"1:1", "1:2", "1:9", "3:9", "3:4"}


def promoted(values: list[Any] | None) -> dict[str, Any]:
    inside = subgraph(
        "d",
        [node(5, "Sampler", [7, "fixed", 20, 8.0, "euler"], {"*seed": 1, "*sampler": 2})],
        [[1, -10, 0, 5, 2], [2, -10, 1, 5, 5]],
        [boundary("seed", "INT", 1), boundary("sampler", "COMBO", 2)],
    )
    links = {"*seed": None, "*sampler": None}
    return with_subgraphs([node(1, "d", values, links), node(2, "d", [1, "x"], links)], [], inside)


def test_rule_20_promoted_values() -> None:
    made = promoted([99, "ddim"])
    assert inputs_of(made, "1:5")["seed"] == 7
    assert inputs_of(made, "1:5", "1.27")["seed"] == 99
    assert inputs_of(made, "1:5", "1.27")["sampler"] == "ddim"
    assert inputs_of(made, "2:5", "1.27")["sampler"] == "x"


def test_rule_20_what_is_dropped_is_reported_and_can_be_kept() -> None:
    conversion = convert(promoted([99, "euler"]))
    dropped = [(w.type, w.node_id, w.input_name) for w in conversion.warnings]
    assert dropped == [
        ("host_value_dropped", "1", "seed"),
        ("host_value_dropped", "2", "seed"),
        ("host_value_dropped", "2", "sampler"),
    ]
    repaired = convert(promoted([99, "ddim"]), repair=True)
    assert (repaired["1:5"]["inputs"]["seed"], repaired["2:5"]["inputs"]["seed"]) == (99, 1)


@BOTH
def test_rule_21_an_unlinked_promoted_input_feeds_sockets_too(editor: str) -> None:
    inside = subgraph(
        "d",
        [node(5, "Latent", [64, 72], {"*width": 1}), node(6, "Show", None, {"anything": 2})],
        [[1, -10, 0, 5, 0], [2, -10, 0, 6, 0]],
        [boundary("width", "INT", 1, 2)],
    )
    assert inputs_of(with_subgraphs([node(1, "d")], [], inside), "1:6", editor) == {"anything": 64}


@BOTH
def test_rule_22_an_output_with_nothing_behind_it(editor: str) -> None:
    inside = subgraph("d", [node(5, "Latent")], [], [], [boundary("image", "IMAGE")])
    made = with_subgraphs([node(1, "d"), node(2, "Invert", None, {"image": 1})], [[1, 1, 0, 2, 0]], inside)
    assert inputs_of(made, "2", editor) == {}


@BOTH
def test_links_go_into_and_out_of_subgraphs(editor: str) -> None:
    inner = subgraph(
        "inner", [node(7, "Invert", None, {"image": 1})], [[1, -10, 0, 7, 0], [2, 7, 0, -20, 0]],
        [boundary("image", "IMAGE", 1)], [boundary("image", "IMAGE", 2)],
    )  # fmt: skip
    outer = subgraph(
        "outer", [node(8, "inner", None, {"image": 1})], [[1, -10, 0, 8, 0], [2, 8, 0, -20, 0]],
        [boundary("image", "IMAGE", 1)], [boundary("image", "IMAGE", 2)],
    )  # fmt: skip
    nodes = [
        node(1, "LoadImage"),
        node(2, "outer", None, {"image": 1}),
        node(3, "Invert", None, {"image": 2}),
    ]
    prompt = convert(with_subgraphs(nodes, [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]], inner, outer), editor)
    assert prompt["2:8:7"]["inputs"] == {"image": ["1", 0]}
    assert prompt["3"]["inputs"] == {"image": ["2:8:7", 0]}


# Which editor.


@pytest.mark.parametrize(
    ("asked", "followed"),
    [("1.45.20", "1.45"), ("v1.45", "1.45"), ("1.27", "1.27"), ("1.2", "1.26"), ("99.1", None)],
)
def test_any_version_of_the_editor_can_be_asked_for(asked: str, followed: str | None) -> None:
    made = convert(workflow([node(1, "Latent")]), asked)
    assert made.editor_version == followed or (followed is None and made.editor_version >= "1.45")


def test_what_is_no_version_of_the_editor_is_refused() -> None:
    with pytest.raises(ConversionError, match="'newest' is not an editor version"):
        convert(workflow([node(1, "Latent")]), "newest")
