"""What a server says of itself is read whatever it says; the object itself stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client import LogEntry, ModelFile, ServerObject, SystemStats, UserFile, Users

KINDS = (LogEntry, ModelFile, SystemStats, UserFile, Users)
NAMES = (
    "os system devices name index argv vram_free size pathIndex type users storage migrated modified t m path"
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=6)
    ),
    max_leaves=12,
)


def read(answer: ServerObject) -> None:
    """Everything that it says."""
    for name in dir(type(answer)):
        if isinstance(getattr(type(answer), name), property):
            said = getattr(answer, name)
            for inner in said if isinstance(said, tuple) else (said,):
                if isinstance(inner, ServerObject):
                    read(inner)


@pytest.mark.parametrize("kind", KINDS)
@given(raw=st.dictionaries(st.sampled_from(NAMES.split()), values))
def test_any_object_is_read(kind: type[ServerObject], raw: Mapping[str, Any]) -> None:
    answer = kind(raw)
    read(answer)
    assert dict(answer) == dict(raw)
    assert len(answer) == len(raw)


def test_a_server_of_today() -> None:
    raw = {
        "system": {
            "os": "linux",
            "comfyui_version": "0.27.0",
            "required_frontend_version": "1.45.20",
            "python_version": "3.12.3",
            "embedded_python": False,
            "argv": ["main.py", "--cpu"],
            "ram_free": 12,
        },
        "devices": [{"name": "cuda:0", "type": "cuda", "index": 0, "vram_total": 8, "vram_free": 4}],
        "news": [1],
    }
    stats = SystemStats(raw)
    system, (device,) = stats.system, stats.devices
    assert (str(stats.version), stats.editor) == ("0.27.0", "1.45.20")
    assert (system.os, system.python_version, system.embedded_python) == ("linux", "3.12.3", False)
    assert (system.argv, system.ram_free, system.ram_total) == (("main.py", "--cpu"), 12, None)
    assert (device.name, device.type, device.index, device.vram_free, device.vram_total) == (
        "cuda:0",
        "cuda",
        0,
        4,
        8,
    )
    assert stats == raw
    assert stats["news"] == [1]
    assert {**stats} == raw


def test_no_editor_is_required() -> None:
    assert SystemStats({"system": {"required_frontend_version": "0.0.0"}}).editor is None


def test_users_by_their_ids() -> None:
    assert Users({"storage": "server", "users": {"ada_1": "Ada", "b": 3}}).names == {"ada_1": "Ada"}
    one = Users({"storage": "server", "migrated": True})
    assert (one.names, one.migrated, one.storage) == ({}, True, "server")


def test_files() -> None:
    model = ModelFile({"name": "a/b.safetensors", "pathIndex": 1, "size": 5, "modified": 1.5, "created": 2.5})
    assert (model.name, model.path_index, model.size) == ("a/b.safetensors", 1, 5)
    assert (model.modified, model.created) == (1.5, 2.5)
    folder = UserFile({"name": "x", "path": "a/x", "type": "directory"})
    assert (folder.name, folder.path, folder.is_folder, folder.size) == ("x", "a/x", True, None)
    entry = LogEntry({"t": "2026-01-02T03:04:05", "m": "hello\n"})
    assert (entry.time, entry.text) == ("2026-01-02T03:04:05", "hello\n")
