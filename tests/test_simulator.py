"""The simulated server: started, asked, stopped."""

import asyncio
import io
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from PIL import Image

from comfyflow.errors import SimulatorError
from comfyflow.simulator import Simulator

NODES: dict[str, Any] = {}


def node(inputs: dict[str, Any], outputs: list[str], output_node: bool = False) -> dict[str, Any]:
    return {
        "input": {"required": inputs},
        "output": outputs,
        "output_is_list": [False] * len(outputs),
        "output_name": outputs,
        "output_node": output_node,
        "has_intermediate_output": False,
    }


NODES["EmptyImage"] = node(
    {"width": ["INT", {}], "height": ["INT", {}], "batch_size": ["INT", {}], "color": ["INT", {}]}, ["IMAGE"]
)
NODES["ImageInvert"] = node({"image": ["IMAGE"]}, ["IMAGE"])
NODES["SaveImage"] = node({"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}, [], True)
NODES["WordCount"] = node({"text": ["STRING", {}]}, ["INT"])
NODES["PreviewAny"] = node({"source": ["*"]}, [], True)

SAVE: dict[str, Any] = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 0xFF0000},
    },
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "sub/red"}},
}


def wait_for(url: str, prompt_id: str) -> dict[str, Any]:
    for _ in range(1000):
        answer = httpx.get(f"{url}/history/{prompt_id}").json()
        if answer:
            return answer[prompt_id]
    raise AssertionError("no history")


def run(server: Simulator, prompt: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = httpx.post(f"{server.url}/prompt", json={"prompt": prompt, **body})
    assert answer.status_code == 200, answer.text
    return wait_for(server.url, answer.json()["prompt_id"])


def test_a_prompt_makes_a_real_file() -> None:
    workflow = {"nodes": []}
    with Simulator(NODES) as server:
        entry = run(server, SAVE, extra_data={"extra_pnginfo": {"workflow": workflow}})
        assert entry["status"]["status_str"] == "success"
        (file,) = entry["outputs"]["9"]["images"]
        assert file == {"filename": "red_00001_.png", "subfolder": "sub", "type": "output"}
        shown = httpx.get(f"{server.url}/view", params=file)
    image = Image.open(io.BytesIO(shown.content))
    assert image.size == (32, 16)
    assert image.getpixel((0, 0)) == (0, 255, 255)
    assert json.loads(image.info["prompt"]) == SAVE
    assert json.loads(image.info["workflow"]) == workflow


async def collect(url: str, prompt: dict[str, Any]) -> list[dict[str, Any]]:
    client_id = str(uuid.uuid4())
    address = url.replace("http", "ws", 1) + f"/ws?clientId={client_id}"
    messages: list[dict[str, Any]] = []
    async with websockets.connect(address) as socket, httpx.AsyncClient(base_url=url) as http:
        await http.post("/prompt", json={"prompt": prompt, "client_id": client_id})
        async for message in socket:
            messages.append(json.loads(message))
            if messages[-1]["type"] == "executing" and messages[-1]["data"]["node"] is None:
                break
    return messages


def test_messages_come_in_the_order_of_a_real_server() -> None:
    with Simulator(NODES) as server:
        messages = asyncio.run(collect(server.url, SAVE))
    node_messages = ["progress_state", "executing", "progress_state"]
    assert [message["type"] for message in messages] == [
        *("status", "status", "status", "execution_start", "execution_cached"),
        *node_messages,
        *node_messages,
        *("progress_state", "executing", "executed", "progress_state"),
        *("execution_success", "status", "executing"),
    ]


def test_stopping_leaves_nothing_behind() -> None:
    server = Simulator(NODES)
    with server:
        url, root = server.url, server.folders.root
        assert httpx.get(f"{url}/prompt").json() == {"exec_info": {"queue_remaining": 0}}
    assert not root.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/prompt")


def test_a_given_root_is_kept(tmp_path: Path) -> None:
    with Simulator(NODES, root=tmp_path) as server:
        run(server, SAVE)
    assert (tmp_path / "output" / "sub" / "red_00001_.png").is_file()


def test_restart_loses_the_history_but_not_the_files() -> None:
    with Simulator(NODES) as server:
        run(server, SAVE)
        url = server.url
        server.restart()
        assert server.url == url
        assert httpx.get(f"{url}/history").json() == {}
        assert (server.folders.of("output") / "sub" / "red_00001_.png").is_file()


def test_a_users_function_is_what_a_node_does() -> None:
    with Simulator(NODES) as server:
        server.simulate("WordCount", lambda text: len(text.split()))
        prompt = {
            "1": {"class_type": "WordCount", "inputs": {"text": "three small words"}},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        }
        assert run(server, prompt)["outputs"] == {"2": {"text": ["3"]}}
        assert [received.prompt for received in server.prompts] == [prompt]


def test_fail_next_fails_one_node_once() -> None:
    with Simulator(NODES) as server:
        server.fail_next("too hot", exception_type="ValueError", class_type="ImageInvert")
        status = run(server, SAVE)["status"]
        kind, error = status["messages"][-1]
        assert (status["status_str"], kind) == ("error", "execution_error")
        assert (error["node_id"], error["exception_type"]) == ("2", "ValueError")
        assert error["exception_message"] == "too hot\n"
        assert run(server, SAVE)["status"]["status_str"] == "success"


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(SimulatorError, match=r"no profile '1\.0'"):
        Simulator(NODES, profile="1.0")


def test_a_port_that_is_taken_is_an_error() -> None:
    with Simulator(NODES) as server, pytest.raises(SimulatorError, match="cannot listen"):
        Simulator(NODES, port=server.port).start()
