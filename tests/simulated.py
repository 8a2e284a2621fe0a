"""A small server for the tests of the simulator: a handful of node classes, and how to run them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from comfyflow.simulator import Simulator

Prompt = dict[str, Any]

HTTP = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=60)
"""For all requests: making a client takes longer than the request."""


def node_class(
    inputs: dict[str, Any] | None = None,
    outputs: list[str] | None = None,
    output_node: bool = False,
    optional: dict[str, Any] | None = None,
    output_is_list: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """One entry of an /object_info."""
    outputs = outputs or []
    return {
        "input": {"required": inputs or {}, "optional": optional or {}},
        "output": outputs,
        "output_is_list": [output_is_list] * len(outputs),
        "output_name": outputs,
        "output_node": output_node,
        "has_intermediate_output": False,
        **more,
    }


INT, STRING = ["INT", {}], ["STRING", {}]

NODES: dict[str, Any] = {
    "EmptyImage": node_class({"width": INT, "height": INT, "batch_size": INT, "color": INT}, ["IMAGE"]),
    "ImageInvert": node_class({"image": ["IMAGE"]}, ["IMAGE"]),
    "SaveImage": node_class({"images": ["IMAGE"], "filename_prefix": STRING}, ["IMAGE"], True),
    "PreviewImage": node_class({"images": ["IMAGE"]}, [], True),
    "PreviewAny": node_class({"source": ["*"]}, ["STRING"], True),
    "WordCount": node_class({"text": STRING}, ["INT"]),
    "Words": node_class({"text": STRING}, ["STRING"], output_is_list=True),
    "Wait": node_class({"seconds": ["FLOAT", {}]}, ["STRING"]),
}

SAVE: Prompt = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 0xFF0000},
    },
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "sub/red"}},
}


def text(value: str, class_type: str = "WordCount") -> Prompt:
    """A text, and what a node makes of it."""
    return {
        "1": {"class_type": class_type, "inputs": {"text": value}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def submit(server: Simulator, prompt: Prompt, **body: Any) -> str:
    answer = HTTP.post(f"{server.url}/prompt", json={"prompt": prompt, **body})
    assert answer.status_code == 200, answer.text
    prompt_id: str = answer.json()["prompt_id"]
    return prompt_id


def entry(server: Simulator, prompt_id: str, seconds: float = 20.0) -> dict[str, Any]:
    """The history of a prompt; waits for it. It is the server's own, whatever stands in front of it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = HTTP.get(f"http://127.0.0.1:{server.port}/history/{prompt_id}").json()
        if found:
            return found[prompt_id]
        time.sleep(0.005)
    raise AssertionError(f"{prompt_id} never came to an end")


def run(server: Simulator, prompt: Prompt, **body: Any) -> dict[str, Any]:
    return entry(server, submit(server, prompt, **body))


def outputs(server: Simulator, prompt: Prompt) -> dict[str, Any]:
    """What a prompt that succeeds gives."""
    done = run(server, prompt)
    assert done["status"]["status_str"] == "success", done["status"]["messages"][-1]
    found: dict[str, Any] = done["outputs"]
    return found


def error(server: Simulator, prompt: Prompt) -> dict[str, Any]:
    """How a prompt fails."""
    kind, told = run(server, prompt)["status"]["messages"][-1]
    assert kind == "execution_error"
    failure: dict[str, Any] = told
    return failure


@contextmanager
def tireless(server: Simulator, seconds: float = 60.0) -> Iterator[None]:
    """Nodes work until the server is told to stop them, however long that takes to come.

    Args:
        server: The simulator.
        seconds: For how long a node works that nobody stops.
    """

    def work(longest: float) -> None:
        end = time.monotonic() + longest
        while not server.instance.executor.interrupted and time.monotonic() < end:
            time.sleep(0.005)

    server.faults.slow_nodes, server.faults.wait = {None: seconds}, work
    try:
        yield
    finally:
        server.faults.clear()
        server.faults.wait = time.sleep
