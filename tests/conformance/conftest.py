"""The servers: the simulator in each profile; and the one at COMFYUI_URL, if there is one.

COMFYUI_CHECKPOINT names a checkpoint that can really be sampled with; without it the tests of
sampling and previews are left to the simulator.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from comfyflow.simulator import Simulator
from comfyflow.simulator.profile import PROFILES

from .session import Server, Session

URL = os.environ.get("COMFYUI_URL", "").rstrip("/")
SERVERS = [URL] if URL else list(PROFILES)


@pytest.fixture(scope="session", params=SERVERS, ids=lambda name: name.replace("http://", ""))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param not in PROFILES:
        with httpx.Client(base_url=request.param, timeout=60) as http:
            yield Server(request.param, http, os.environ.get("COMFYUI_CHECKPOINT"))
        return
    with (
        Simulator(profile=request.param) as simulator,
        httpx.Client(base_url=simulator.url, timeout=60) as http,
    ):
        simulator.slow_down(0.06, "ImageBlur")
        yield Server(simulator.url, http, "simulated.safetensors")


@pytest.fixture
def picture_sender(server: Server) -> None:
    """Skip where nothing sends pictures over the socket."""
    if not server.http.get("/object_info/SaveImageWebsocket").json():
        pytest.skip(
            "the server has no SaveImageWebsocket: with --base-directory, ComfyUI does not load its own"
            " custom_nodes/websocket_image_save.py"
        )


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    """A client of its own, on a server that does nothing else."""
    server.wait_until_idle()
    with server.session() as session:
        yield session
