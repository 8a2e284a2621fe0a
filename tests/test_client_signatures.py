"""The two clients take the same and promise the same: one by blocking, one to be awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from comfyflow.client import AsyncClient, AsyncHandle, Client, Handle
from comfyflow.client.base import BaseClient

PAIRS = [(Client, AsyncClient), (Handle, AsyncHandle)]
RENAMED = [("AsyncHandle", "Handle"), ("AsyncIterator", "Iterator"), ("AsyncBaseTransport", "BaseTransport")]
"""The types that differ, and nothing but these."""

AWAITED_NOT = {"events", "register", "view_url", "url_of", "read_file", "save_file"}
"""What needs no network, or gives something to loop over."""


def public(owner: type) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")}


def methods() -> list[tuple[type, type, str]]:
    return [
        (blocking, awaiting, name)
        for blocking, awaiting in PAIRS
        for name in sorted(public(blocking))
        if callable(getattr(blocking, name))
    ]


def shown(function: Callable[..., Any]) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    for awaited, blocked in RENAMED:
        text = text.replace(awaited, blocked)
    return text


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
def test_both_have_the_same_names(blocking: type, awaiting: type) -> None:
    assert public(blocking) == public(awaiting)


@pytest.mark.parametrize(("blocking", "awaiting", "name"), methods())
def test_signatures_are_the_same(blocking: type, awaiting: type, name: str) -> None:
    one, other = getattr(blocking, name), getattr(awaiting, name)
    assert shown(one) == shown(other)
    assert inspect.iscoroutinefunction(other) == (name not in AWAITED_NOT)
    assert not inspect.iscoroutinefunction(one)
    assert one.__doc__, f"{name} has no documentation"


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
def test_constructors_are_the_same(blocking: type, awaiting: type) -> None:
    assert shown(blocking.__init__) == shown(awaiting.__init__)


def test_parameters_are_those_of_the_flows() -> None:
    """What an editor and ``help()`` show of a route."""
    assert str(inspect.signature(Client.history)) == (
        "(self, *, max_items: 'int | None' = None, offset: 'int | None' = None) -> 'dict[str, HistoryEntry]'"
    )
    assert Client.history.__name__ == "history"
    assert (Client.view.__doc__ or "").startswith("The bytes of a file of the server.")


def test_the_seed_client_is_covered() -> None:
    """Everything that the TypeScript client wraps (reference, section 1), under a name of Python."""
    seed = {
        "getExtensions": "extensions",
        "getEmbeddings": "embeddings",
        "getNodeDefs": "object_info",
        "queuePrompt": "submit",
        "getQueue": "queue",
        "getHistory": "history",
        "getItems": "queue",
        "getSystemStats": "system_stats",
        "deleteItem": "delete_queued",
        "clearItems": "clear_history",
        "interrupt": "interrupt",
        "free": "free",
        "getUserConfig": "users",
        "createUser": "create_user",
        "getSettings": "settings",
        "getSetting": "setting",
        "storeSettings": "store_settings",
        "storeSetting": "store_setting",
        "getUserData": "get_userdata",
        "storeUserData": "put_userdata",
        "getModelFolders": "model_folders",
        "getModels": "model_files",
        "viewMetadata": "model_metadata",
        "getLogs": "logs",
        "getRawLogs": "log_entries",
        "getSamplers": "samplers",
        "getSchedulers": "schedulers",
        "getSDModels": "checkpoints",
        "getCNetModels": "controlnets",
        "getUpscaleModels": "upscale_models",
        "getHyperNetworks": "hypernetworks",
        "getLoRAs": "loras",
        "getVAEs": "vaes",
        "getPromptOutputs": "history_entry",
        "waitForPrompt": "attach",
        "viewURL": "view_url",
        "fetchApi": "request",
        "on": "events",
        "close": "close",
    }
    assert set(seed.values()) <= public(Client)


def test_common_parts_are_written_once() -> None:
    for name in ("url", "client_id", "connected", "register", "view_url", "url_of"):
        assert name in vars(BaseClient)
        assert name not in vars(Client) | vars(AsyncClient)
