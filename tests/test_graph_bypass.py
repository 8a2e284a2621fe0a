"""What slots go together, and what a bypassed node hands on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.graph.bypass import connects, handed_on

KINDS = st.sampled_from(["*", "", "IMAGE", "image", "MASK", "LATENT", "IMAGE,MASK", "latent,Mask", "VAE,*"])


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("IMAGE", "image", True),
        ("*", "MASK", True),
        ("", "MASK", True),
        ("IMAGE,MASK", "MASK", True),
        ("IMAGE,MASK", "mask", True),
        ("IMAGE,MASK", "LATENT", False),
        ("IMAGE,MASK", "VAE,LATENT", False),
        ("IMAGE,MASK", "VAE,MASK", True),
        ("IMAGE,*", "LATENT", True),
        ("IMAGE,", "LATENT", True),
        ("IMAGE MASK", "MASK", False),
        ("A,B", "a,c", True),
    ],
)
def test_which_slots_may_be_linked(one: str, other: str, fits: bool) -> None:
    assert connects(one, other) is connects(other, one) is fits


@given(KINDS, KINDS)
def test_what_may_be_linked_has_a_type_in_common_or_may_be_anything(one: str, other: str) -> None:
    ones, others = ({part.lower() for part in kind.split(",")} for kind in (one, other))
    assert connects(one, other) is (bool(ones & others) or bool({"", "*"} & (ones | others)))


@pytest.mark.parametrize(
    ("inputs", "output", "slot", "wanted", "found"),
    [
        # The input of the same place, if its type fits both.
        (["MODEL", "CLIP"], "CLIP", 1, "CLIP", 1),
        (["IMAGE", "IMAGE"], "IMAGE", 1, "IMAGE", 1),
        (["IMAGE", "*"], "IMAGE", 1, "IMAGE", 1),
        # Else the first of exactly the type that is wanted.
        (["IMAGE", "MASK"], "MASK", 0, "MASK", 1),
        (["MASK", "LATENT", "IMAGE", "IMAGE"], "IMAGE", 0, "IMAGE", 2),
        (["IMAGE", "MASK"], "LATENT", 0, "IMAGE", 0),
        (["IMAGE", "MASK"], "IMAGE", 5, "IMAGE", 0),
        # Else the first that fits both.
        (["LATENT", "*", "image"], "IMAGE", 0, "IMAGE", 1),
        (["LATENT", "image"], "IMAGE", 0, "IMAGE", 1),
        (["LATENT", "IMAGE,MASK"], "MASK", 0, "MASK", 1),
        (["LATENT", "mask", "image"], "IMAGE", 0, "IMAGE,MASK", 2),
        (["LATENT", "mask"], "IMAGE", 0, "mask,image", None),
        # Else nothing.
        (["LATENT"], "IMAGE", 0, "IMAGE", None),
        ([], "IMAGE", 0, "IMAGE", None),
        # What takes anything gets the same place, whatever is there, or the first.
        (["LATENT", "MASK"], "IMAGE", 1, "*", 1),
        (["LATENT", "MASK"], "IMAGE", 1, "", 1),
        (["LATENT"], "IMAGE", 1, "*", 0),
        (["LATENT"], "IMAGE", 3, "*", 0),
    ],
)
def test_what_a_bypassed_node_hands_on(
    inputs: list[str], output: str, slot: int, wanted: str, found: int | None
) -> None:
    assert handed_on(inputs, output, slot, wanted) == found


@given(st.lists(KINDS, max_size=4), KINDS, st.integers(0, 4), KINDS)
def test_what_is_handed_on_fits_what_takes_it(inputs: list[str], output: str, slot: int, wanted: str) -> None:
    found = handed_on(inputs, output, slot, wanted)
    if wanted not in ("", "*"):
        fitting = [kind == wanted or (connects(kind, output) and connects(kind, wanted)) for kind in inputs]
        assert (found is None) is not any(fitting)
        assert found is None or fitting[found]


def test_types_are_compared_as_the_caller_says() -> None:
    assert handed_on([1, 2, 4], 2, 0, 8, lambda one, other: other % one == 0) == 0
    assert handed_on([3, 5, 2], 2, 0, 8, lambda one, other: other % one == 0) == 2
