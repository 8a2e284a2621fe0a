"""The table of the seed's members in the docs: each of ours is there and can be called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.client import AsyncClient, Client, Limits, parse_message
from comfyflow.client.base import BaseClient
from comfyflow.client.event import Progress
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ServerError
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected

TABLE = Path(__file__).parent.parent / "docs" / "client-members.md"
ONE_USER = {"createUser"}
"""What a server with one user refuses."""


def rows() -> list[tuple[str, str]]:
    """The seed's members, and what does the same; empty where nothing does."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) >= 2:
            ours = cells[1].strip("|` ")
            found.append((cells[0].strip("| "), "" if ours == "—" else ours))
    return found


ROWS = rows()
OURS = [row for row in ROWS if row[1]]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def names(cell: str) -> list[str]:
    return re.findall(r"`(?:new )?(\w+)", cell)


def test_the_table_is_read_whole() -> None:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(ROWS) == len(lines) > 60
    assert [cell for cell, ours in ROWS if not ours] == ["`IS_BROWSER`"]


def test_every_member_of_the_seed_is_in_it() -> None:
    """Those of its published reference."""
    known = {name for cell, _ in ROWS for name in names(cell)}
    fields = "api_base api_host clientId closed events fetch socket socket_callbacks ssl user WebSocket"
    private = "_cached_fn _plugins _polling_interval _polling_timer _enqueue_prompt registered"
    constants = "DEFAULT_API_BASE DEFAULT_API_HOST DEFAULT_USER IS_BROWSER"
    methods = """
        addEventListener addSocketCallback apiHeaders apiURL clearItems close connect createUser deleteItem
        disconnect enqueue enqueue_polling fetchApi free getCNetModels getEmbeddings getExtensions getHistory
        getHyperNetworks getItems getLoRAs getNodeDefs getPromptOutputs getPromptResult getPromptStatus
        getQueue getSDModels getSamplers getSchedulers getSetting getSettings getSystemStats getUpscaleModels
        getUserConfig getUserData getVAEs interrupt on on_progress once postItem queuePrompt readBinaryData
        runPrompt storeSetting storeSettings storeUserData use viewURL waitForPrompt waitForPromptWebSocket
        wsURL getModelFolders getModels viewMetadata getLogs getRawLogs resetCache
    """
    wanted = {*fields.split(), *private.split(), *constants.split(), *methods.split()}
    assert wanted - known == set()


@pytest.mark.parametrize(("seed", "ours"), OURS, ids=[row[0] for row in OURS])
@pytest.mark.parametrize("kind", KINDS)
def test_each_of_ours_does_something(server: Simulator, kind: str, seed: str, ours: str) -> None:
    def layer(request: Request, forward: Forward) -> Flow[Answer]:
        return (yield from forward(request))

    prompt = {"1": {"class_type": "PreviewAny", "inputs": {"source": seed}}}
    with connected(kind, server.url) as client:
        client.put_userdata("a.json", b"{}")
        prompt_id = client.run(prompt).prompt_id
        words: dict[str, Any] = {
            "client": client,
            "url": server.url,
            "prompt": prompt,
            "prompt_id": prompt_id,
            "fn": lambda given: given,
            "layer": layer,
            "Client": Client,
            "Limits": Limits,
            "Progress": Progress,
            "parse_message": parse_message,
        }
        try:
            value = eval(ours, words)  # noqa: S307  # our own documentation
        except ServerError:
            assert set(names(seed)) <= ONE_USER
            return
        if hasattr(value, "close") and inspect.isgenerator(value):
            value.close()
        if isinstance(value, Client):
            value.close()


def test_what_the_table_names_is_public() -> None:
    used = {name for _, ours in ROWS for name in re.findall(r"client\.(\w+)", ours)}
    for owner in (Client, AsyncClient):
        assert used <= {name for name in dir(owner) if not name.startswith("_")}
    assert vars(BaseClient).keys() & used
