"""The simulated server: started, asked, stopped."""

from __future__ import annotations

import asyncio
import io
import json
import math
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from comfyflow.errors import SimulatorError
from comfyflow.schema.version import Version
from comfyflow.simulator import Simulator, serve
from comfyflow.simulator.profile import Profile
from tests.simulated import HTTP, NODES, SAVE, outputs, run


def test_a_prompt_makes_a_real_file() -> None:
    workflow = {"nodes": []}
    with Simulator(NODES) as server:
        entry = run(server, SAVE, extra_data={"extra_pnginfo": {"workflow": workflow}})
        assert entry["status"]["status_str"] == "success"
        (file,) = entry["outputs"]["9"]["images"]
        assert file == {"filename": "red_00001_.png", "subfolder": "sub", "type": "output"}
        shown = HTTP.get(f"{server.url}/view", params=file)
    image = Image.open(io.BytesIO(shown.content))
    assert image.size == (32, 16)
    assert image.getpixel((0, 0)) == (0, 255, 255)
    assert json.loads(image.info["prompt"]) == SAVE
    assert json.loads(image.info["workflow"]) == workflow


def test_stopping_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    server = Simulator(NODES)
    with server:
        url, root = server.url, server.folders.root
        assert HTTP.get(f"{url}/prompt").json() == {"exec_info": {"queue_remaining": 0}}
    assert not root.exists()
    assert set(threading.enumerate()) <= threads
    with pytest.raises(httpx.ConnectError):
        HTTP.get(f"{url}/prompt")


def test_stopping_in_the_middle_of_a_run_does_not_wait_for_it() -> None:
    with Simulator(NODES) as server:
        server.simulate("Wait", lambda context, seconds: context.sleep(seconds))
        prompt = {
            "1": {"class_type": "Wait", "inputs": {"seconds": 600.0}},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        }
        HTTP.post(f"{server.url}/prompt", json={"prompt": prompt})
        while not HTTP.get(f"{server.url}/queue").json()["queue_running"]:
            pass
    assert not server.instance.worker_alive


def test_a_given_root_is_kept(tmp_path: Path) -> None:
    with Simulator(NODES, root=tmp_path) as server:
        run(server, SAVE)
    assert (tmp_path / "output" / "sub" / "red_00001_.png").is_file()
    with Simulator(NODES, root=tmp_path) as server:
        (file,) = outputs(server, SAVE)["9"]["images"]
    assert file["filename"] == "red_00002_.png"


def test_restart_loses_the_history_but_not_the_files() -> None:
    with Simulator(NODES) as server:
        run(server, SAVE)
        url = server.url
        server.restart()
        assert server.url == url
        assert HTTP.get(f"{url}/history").json() == {}
        assert (server.folders.of("output") / "sub" / "red_00001_.png").is_file()
        assert run(server, SAVE)["prompt"][0] == 0


def test_it_can_be_used_asynchronously() -> None:
    async def ask() -> int:
        async with Simulator(NODES) as server, httpx.AsyncClient(base_url=server.url) as http:
            return (await http.get("/object_info/SaveImage")).status_code

    assert asyncio.run(ask()) == 200


def test_several_at_once() -> None:
    with Simulator(NODES) as first, Simulator(NODES) as second:
        assert first.port != second.port
        run(first, SAVE)
        assert len(first.prompts) == 1
        assert second.prompts == []


def test_it_may_be_started_only_once() -> None:
    with Simulator(NODES) as server, pytest.raises(SimulatorError, match="is already running"):
        server.start()


def test_before_its_start_it_has_nothing() -> None:
    server = Simulator(NODES)
    for ask in (lambda: server.folders, lambda: server.instance, server.drop_socket):
        with pytest.raises(SimulatorError):
            ask()
    server.stop()


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(SimulatorError, match=r"unknown profile '1\.0'"):
        Simulator(NODES, profile="1.0")


def test_a_port_that_is_taken_is_an_error() -> None:
    with Simulator(NODES) as server, pytest.raises(SimulatorError, match="cannot listen"):
        Simulator(NODES, port=server.port).start()


def test_the_reference_schema_is_the_default() -> None:
    with Simulator() as server:
        assert len(server.schema.raw) > 700
        assert "SaveImage" in server.object_info("SaveImage")


def test_what_was_received() -> None:
    with Simulator(NODES) as server:
        run(server, SAVE, client_id="me", extra_data={"a": 1})
        (received,) = server.prompts
    assert received.prompt == SAVE
    assert received.client_id == "me"
    assert received.body["extra_data"]["a"] == 1


def test_the_page_shows_the_last_pictures() -> None:
    with Simulator(NODES) as server:
        assert "No pictures yet" in HTTP.get(server.url).text
        run(server, SAVE)
        page = HTTP.get(server.url)
    assert page.headers["content-type"] == "text/html"
    assert "/view?filename=red_00001_.png&amp;subfolder=sub&amp;type=output" in page.text


def test_serve_runs_until_it_is_interrupted() -> None:
    seen: list[Simulator] = []

    def interrupt(server: Simulator) -> None:
        seen.append(server)
        assert HTTP.get(f"{server.url}/prompt").status_code == 200
        raise KeyboardInterrupt

    serve(NODES, port=0, on_start=interrupt)
    with pytest.raises(httpx.ConnectError):
        HTTP.get(f"{seen[0].url}/prompt")


@pytest.mark.parametrize(
    ("version", "profile"),
    [
        ((0, 3, 64), "0.3.64"),
        ((0, 3, 99), "0.3.64"),
        ((0, 4, 0), "0.27.0"),
        ((0, 27, 0), "0.27.0"),
        ((0, 32, 9), "0.27.0"),
        ((0, 33, 0), "0.33.0"),
        ((0, 36, 0), "0.33.0"),
        ((1, 0, 0), "0.37.0"),
    ],
)
def test_the_nearest_profile(version: tuple[int, int, int], profile: str) -> None:
    assert Profile.nearest(Version(*version)).version == profile


@pytest.mark.parametrize("assets", [False, True])
def test_one_that_runs_on_its_own_has_assets_where_they_are_asked_for(assets: bool) -> None:
    found: list[Any] = []

    def look(server: Simulator) -> None:
        found.append(HTTP.get(f"{server.url}/features").json()["assets"])
        raise KeyboardInterrupt  # as Ctrl-C, once it answers

    serve(port=0, assets=assets, on_start=look)
    assert found == [assets]


def test_a_port_that_none_can_be_is_refused() -> None:
    with pytest.raises(SimulatorError, match=r"cannot listen on 127\.0\.0\.1:99999"):
        Simulator(port=99_999).start()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"step_seconds": "0.1"}, "step_seconds must be a number of seconds, not '0.1'$"),
        ({"step_seconds": None}, "step_seconds must be a number of seconds, not None$"),
        ({"step_seconds": math.nan}, "step_seconds must be a number of seconds, not nan$"),
        ({"step_seconds": math.inf}, "step_seconds must be at most "),
        ({"step_seconds": -1}, "step_seconds must be at least 0 seconds, not -1$"),
        ({"models": ["a.safetensors"]}, 'models must be .*, not .*; write {"checkpoints": '),
        ({"models": None}, "models must be .*, not None; write "),
        ({"models": "list"}, "models must be 'any' or 'listed', not 'list'; did you mean 'listed'?"),
        (
            {"models": {"checkpoints": "a.safetensors"}},
            "files of 'checkpoints' must be a list of names, not a ",
        ),
        (
            {"models": {"checkpoints": [1]}},
            "the files of 'checkpoints' must be .*: 1 is not a string",
        ),
        ({"models": {1: []}}, "models must have the names of folders, not 1$"),
        ({"models": {"checkpoint": []}}, "has no model folder 'checkpoint'; did you mean 'checkpoints'?"),
        ({"models": {"Loras": []}}, "did you mean 'loras'?"),
        ({"models": {"lora": []}}, "did you mean 'loras'?"),
        ({"models": {"controlnets": []}}, "did you mean 'controlnet'?"),
        ({"models": {"chekpoints": []}}, "did you mean 'checkpoints'?"),
    ],
)
def test_what_a_simulator_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SimulatorError, match=told):
        Simulator(NODES, **options)


def test_packs_have_model_folders_of_their_own() -> None:
    """Names of folders of real packs."""
    names = [
        "LLM", "animatediff_models", "animatediff_motion_lora", "clip", "clip_gguf", "controlnet_aux",
        "depthanything", "facerestore_models", "insightface", "instantid", "ipadapter", "loras2", "mmdets",
        "pulid", "sam2", "sams", "ultralytics", "unet", "unet_gguf", "vae_gguf",
        "xlabs_controlnets", "xlabs_loras",
    ]  # fmt: skip
    with Simulator(NODES, models=dict.fromkeys(names, ("a.safetensors",))) as server:
        for name in names:
            assert HTTP.get(f"{server.url}/models/{name}").json() == ["a.safetensors"]
