from __future__ import annotations

import gc
import inspect
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from comfyflow import bypassed, raw_node, titled, with_id
from comfyflow.dynamic_input import autogrow
from comfyflow.errors import NodeUsageError
from comfyflow.node import Output, place_of, slot_of
from tests.nodes import Batch, Empty, Encode, Invert, Loader, Resize, Save


def test_outputs_are_attributes_under_the_servers_names() -> None:
    loader = Loader(ckpt_name="a")
    assert slot_of(loader.CLIP) == (loader, 1)
    assert isinstance(loader.CLIP, Output)
    assert loader.CLIP == loader.CLIP
    assert loader.CLIP != loader.VAE
    assert len({loader.CLIP, loader.CLIP, loader.VAE}) == 2
    assert repr(loader.VAE) == "<Loader.VAE>"


def test_an_output_is_that_of_the_node_it_was_read_from() -> None:
    first, second = Loader(ckpt_name="a"), Loader(ckpt_name="a")
    read = [first.CLIP, second.CLIP, first.CLIP, first.VAE, second.VAE, second.CLIP]
    assert [slot_of(output)[0] is second for output in read] == [False, True, False, False, True, True]
    assert [slot_of(output)[1] for output in read] == [1, 1, 1, 2, 2, 1]
    assert first.CLIP != second.CLIP


def test_a_node_is_not_kept_because_its_output_was_read() -> None:
    node, second = Loader(ckpt_name="a"), Loader(ckpt_name="b")
    kept = ref(node)
    assert [node.CLIP, node.CLIP, second.VAE, node.MODEL]
    gc.disable()  # it must go without the collector, too
    try:
        del node
        assert kept() is None
    finally:
        gc.enable()


def test_a_node_of_several_outputs_can_be_unpacked() -> None:
    loader = Loader(ckpt_name="a")
    model, clip, vae = loader
    assert [model, clip, vae] == [loader.MODEL, loader.CLIP, loader.VAE]
    assert loader[2] == loader.VAE
    assert loader[-1] == loader.VAE
    assert len(loader) == 3
    assert loader  # a node, unlike an output, may be asked for
    with pytest.raises(IndexError):
        loader[3]  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


def test_a_node_of_one_output_stands_for_it() -> None:
    image = Empty()
    assert slot_of(image) == (image, 0)
    assert Invert(image=image)._inputs["image"] is image
    assert slot_of(Invert(image=image.IMAGE)._inputs["image"]) == (image, 0)


def test_a_node_remembers_the_line_that_made_it() -> None:
    frame = inspect.currentframe()
    assert frame is not None
    line = frame.f_lineno
    first = Empty()
    second = Empty(
        width=3,
    )
    raw = raw_node("X")
    assert place_of(first) == (__file__, line + 1)
    assert place_of(second).line in range(line + 2, line + 5)
    assert place_of(raw) == (__file__, line + 5)
    assert place_of(first).source == "first = Empty()"


def test_asking_for_the_truth_of_an_output_tells_what_to_do() -> None:
    for output in (Empty(), Loader(ckpt_name="a").MODEL):
        with pytest.raises(NodeUsageError, match="no truth value while the graph is being built") as caught:
            bool(output)
        assert "is not None" in str(caught.value)


def test_iterating_an_output_tells_what_to_do() -> None:
    outputs: list[Any] = [Empty(), Loader(ckpt_name="a").MODEL]
    for output in outputs:
        with pytest.raises(NodeUsageError, match="a single output and cannot be unpacked"):
            list(output)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Loader, "got the class Loader; call it to create a node"),
        (Loader(ckpt_name="a"), "choose one of its outputs: MODEL, CLIP, VAE"),
        (Loader.MODEL, "read it from a node, not from the class"),
        (raw_node("X"), r"choose one of its outputs by index: node\[0\]"),
        (len, "got the function len; call it"),
    ],
)
def test_what_is_no_output_is_refused_where_it_is_given(value: Any, hint: str) -> None:
    with pytest.raises(NodeUsageError, match=hint) as caught:
        Encode(text="x", clip=value)
    assert caught.value.place is not None
    assert caught.value.place.file == __file__
    assert "input 'clip' of CLIPTextEncode" in str(caught.value)


def test_an_output_cannot_be_assigned() -> None:
    with pytest.raises(NodeUsageError, match=r"Loader\.MODEL is an output and cannot be assigned"):
        Loader(ckpt_name="a").MODEL = 1  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_wrong_output_name_names_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Loader has no output 'MODL'; did you mean 'MODEL'"):
        Loader(ckpt_name="a").MODL  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="its outputs are: CLIP, MODEL, VAE"):
        Loader(ckpt_name="a").zzz  # type: ignore[attr-defined]  # noqa: B018


def test_a_raw_node_takes_any_name_and_gives_outputs_by_index() -> None:
    image = Empty()
    node = raw_node("Some (odd) Näme", {"model.seconds": 5, "image": image})
    assert node._class_type == "Some (odd) Näme"
    assert slot_of(node[3]) == (node, 3)
    with pytest.raises(AttributeError, match=r"by index: node\[0\], not .IMAGE"):
        node.IMAGE  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(NodeUsageError, match="not known"):
        list(node)  # type: ignore[call-overload]
    for slot in (-1, "0", True):
        with pytest.raises(NodeUsageError, match="by its index"):
            node[slot]  # type: ignore[index]


def test_a_raw_node_says_where_it_was_given_what_it_cannot_take() -> None:
    line = inspect.currentframe().f_lineno + 2  # type: ignore[union-attr]
    with pytest.raises(NodeUsageError, match="input 'a' of X got the node Y; choose") as caught:
        raw_node("X", {"a": raw_node("Y")})
    assert caught.value.place is not None
    assert (Path(caught.value.place.file).name, caught.value.place.line) == ("test_node.py", line)


def test_raw_node_keeps_a_copy_of_its_inputs() -> None:
    inputs = {"a": 1}
    node = raw_node("X", inputs)
    inputs["a"] = 2
    assert node._inputs == {"a": 1}


def test_dynamic_inputs_get_dotted_names() -> None:
    one, two = Empty(), Empty()
    assert Batch(images=[one, two])._inputs == {"images.image0": one, "images.image1": two}
    assert Batch(images={"image7": one})._inputs == {"images.image7": one}
    resize = Resize(image=one, resize_type=Resize.ByMultiplier(multiplier=2.0))
    assert list(resize._inputs.items()) == [
        ("input", one),
        ("resize_type", "scale by multiplier"),
        ("resize_type.multiplier", 2.0),
        ("scale_method", "area"),
    ]


def test_autogrow_checks_names_and_number() -> None:
    with pytest.raises(NodeUsageError, match="did you mean 'first'"):
        autogrow({"frist": 1}, "", ("first", "second"))
    with pytest.raises(NodeUsageError, match="3 values for 2 slots"):
        autogrow([1, 2, 3], "", ("first", "second"))
    with pytest.raises(NodeUsageError, match="expected a list with one value per slot"):
        Batch(images=Empty())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert autogrow(None, "x") is None


def test_marks_give_back_the_same_node() -> None:
    image = Empty()
    assert titled(image, "background") is image
    assert with_id(image, 12) is image
    assert bypassed(image) is image
    for node_id in ("", None, 1.5, True):
        with pytest.raises(NodeUsageError, match="node id must be a string or a number"):
            with_id(image, node_id)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(NodeUsageError, match="expected a node"):
        titled("no node", "x")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def test_every_message_points_into_this_file() -> None:
    assert Path(place_of(Save(images=Empty())).file).name == "test_node.py"
