"""The slots of nodes that were made in Python, in the editor's order."""

from __future__ import annotations

from typing import Any

import pytest
from comfynodes import CheckpointLoaderSimple, EmptyImage, ImageScale, PreviewAny

from comfyflow import raw_node
from comfyflow.graph.bypass import ANYTHING
from comfyflow.workflows.slots import slots_of, type_of


def test_a_known_node_has_its_sockets_before_its_widgets() -> None:
    image = EmptyImage(width=8, height=8)
    scaled = ImageScale(image=image, upscale_method="area", width=8, height=8, crop="disabled")
    assert list(slots_of(scaled).items())[:3] == [
        ("image", "IMAGE"),
        ("upscale_method", "COMBO"),
        ("width", "INT"),
    ]
    assert slots_of(PreviewAny(source=image)) == {"source": ANYTHING}


def test_of_an_unknown_node_what_it_is_given_tells() -> None:
    image = EmptyImage(width=8, height=8)
    given: dict[str, Any] = {
        "on": True,
        "count": 1,
        "share": 0.5,
        "text": "a",
        "other": {"a": 1},
        "image": image.IMAGE,
    }
    assert list(slots_of(raw_node("Unheard of", given)).items()) == [
        ("image", "IMAGE"),
        ("on", "BOOLEAN"),
        ("count", "INT"),
        ("share", "FLOAT"),
        ("text", "STRING"),
        ("other", "COMBO"),
    ]


@pytest.mark.parametrize(("slot", "kind"), [(0, "MODEL"), (1, "CLIP"), (2, "VAE"), (3, ANYTHING)])
def test_an_output_that_there_is_not_is_of_any_type(slot: int, kind: str) -> None:
    assert type_of(CheckpointLoaderSimple(ckpt_name="a"), slot) == kind
