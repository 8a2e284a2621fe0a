"""What a client says where the server refuses a prompt, beside what the server says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comfyflow.client import Client
from comfyflow.errors import PromptRejected
from comfyflow.simulator import Simulator


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(profile="0.33.0") as simulator:
        yield simulator


def previewed(node: dict[str, Any]) -> dict[str, Any]:
    picture = {"width": 8, "height": 8, "batch_size": 1, "color": 1}
    return {
        "1": {"class_type": "EmptyImage", "inputs": picture},
        "2": {"inputs": {"image": ["1", 0]}, **node},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
    }


EDITOR: dict[str, Any] = {
    "version": 0.4,
    "nodes": [
        {
            "id": 1,
            "type": "EmptyImage",
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
            "widgets_values": [8, 8, 1, 1],
        },
        {
            "id": 2,
            "type": "ImageInverts",
            "inputs": [{"name": "image", "type": "IMAGE", "link": 1}],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [2]}],
        },
        {"id": 3, "type": "PreviewImage", "inputs": [{"name": "images", "type": "IMAGE", "link": 2}]},
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
}
"""The editor sends no class for a node whose class it does not know."""


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (previewed({"class_type": "ImageInverts"}), "Node 'ImageInverts' not found"),
        (
            previewed({"class_type": "ImageInverts", "_meta": {"title": "Negative"}}),
            "Node 'Negative' not found: the server has no node class 'ImageInverts'",
        ),
        (EDITOR, "The server has no node class 'ImageInverts'"),
    ],
)
def test_a_class_that_the_server_lacks_is_named_with_the_nearest_that_it_has(
    server: Simulator, target: dict[str, Any], says: str
) -> None:
    with Client(server.url) as client, pytest.raises(PromptRejected) as refused:
        client.run(target)
    assert str(refused.value).startswith(says)
    (problem,) = refused.value.report.errors
    assert (problem.type, problem.node_id) == ("missing_node_type", "2")
    assert problem.class_type == "ImageInverts"
    assert problem.suggestion == "Did you mean 'ImageInvert'?"
