"""`comfyflow doctor`: each thing that can be wrong, and its cure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from comfyflow import load_schema
from comfyflow.client.routes.server_info import SystemStats
from comfyflow.doctor import (
    OF_DEVELOPERS,
    USES,
    Diagnosis,
    editor,
    installation,
    lock,
    python,
    running_server,
    stubs,
)
from comfyflow.lock import make_lock
from comfyflow.simulator import Simulator
from tests.command import Command

ROOT = Path(__file__).parents[1]
CLASSES: dict[str, Any] = {
    "EmptyImage": {
        "input": {"required": {"width": ["INT", {"default": 64, "min": 1, "max": 512}]}},
        "output": ["IMAGE"],
        "python_module": "nodes",
    },
    "SaveImage": {
        "input": {"required": {"images": ["IMAGE"]}},
        "output": [],
        "output_node": True,
        "python_module": "nodes",
    },
}
CHANGED: dict[str, Any] = {
    "EmptyImage": {**CLASSES["EmptyImage"], "output": ["IMAGE", "MASK"]},
    "Moon": {**CLASSES["EmptyImage"]},
}
PROMPT = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and a config file of the test's own, and no server."""
    for name in [name for name in os.environ if name.startswith("COMFYFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COMFYFLOW_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.toml"
    path.write_text('server = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("COMFYFLOW_CONFIG", str(path))
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(CLASSES) as simulator:
        yield simulator


Seen = dict[str, list[dict[str, str]]]
Doctor = Callable[..., tuple[int, Seen]]


@pytest.fixture
def doctor(command: Command) -> Doctor:
    """Run it; its exit code, and what it says of each thing."""

    def run(*words: str) -> tuple[int, Seen]:
        done = command("doctor", "--json", *words)
        assert done.err == ""
        said = json.loads(done.out)
        assert said["ok"] == (done.code == 0)
        seen: Seen = {}
        for check in said["checks"]:
            assert bool(check["cure"]) == (check["state"] != "ok"), check
            seen.setdefault(check["name"], []).append(check)
        return done.code, seen

    return run


def only(seen: Seen, name: str) -> dict[str, str]:
    (found,) = seen[name]
    return found


def test_no_server_is_a_warning(command: Command, doctor: Doctor) -> None:
    code, seen = doctor()
    assert code == 0
    said = only(seen, "server")
    assert said["state"] == "warning"
    assert "config.toml): no ComfyUI server answers at http://127.0.0.1:9" in said["message"]
    assert "start ComfyUI" in said["cure"]
    assert only(seen, "stubs")["state"] == "ok"
    assert only(seen, "lock")["message"] == "no comfyflow.lock here"
    lines = command("doctor").out.splitlines()
    assert lines[0].startswith("ok       Python: ")
    assert f"         cure: {said['cure']}" in lines


def test_a_server_that_answers(doctor: Doctor, server: Simulator) -> None:
    code, seen = doctor("--server", server.url)
    assert code == 0
    assert only(seen, "server")["state"] == only(seen, "editor")["state"] == "ok"
    said = only(seen, "stubs")
    assert said["state"] == "warning"
    assert "the reference package, not the server's" in said["message"]
    assert said["cure"] == f"comfyflow gen-stubs --server {server.url} --out comfynodes"


def test_what_answers_and_is_no_server_is_a_problem(doctor: Doctor, server: Simulator) -> None:
    code, seen = doctor("--server", f"{server.url}/elsewhere")
    assert code == 1
    assert only(seen, "server")["state"] == "problem"
    code, seen = doctor("--server", "ftp://there")
    assert code == 1
    assert only(seen, "server")["state"] == "problem"


def test_a_servers_credentials_are_not_shown(command: Command) -> None:
    shown = command("doctor", "--server", "http://me:secret@127.0.0.1:9").out
    assert "http://127.0.0.1:9" in shown
    assert "secret" not in shown


def test_a_package_of_its_own_is_stale(tmp_path: Path, server: Simulator) -> None:
    info = tmp_path / "info.json"
    info.write_text(json.dumps(CHANGED))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "comfyflow", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )

    assert run("gen-stubs", "--object-info", str(info)).returncode == 0
    shown = run("doctor", "--server", server.url).stdout
    assert "stale: on the server are 1 new (SaveImage), 1 gone (Moon), 1 changed (EmptyImage)" in shown
    assert f"cure: comfyflow gen-stubs --server {server.url} --out comfynodes" in shown
    assert run("gen-stubs", "--server", server.url).returncode == 0
    assert (
        f"{tmp_path / 'comfynodes'}, the same as the server's" in run("doctor", "--server", server.url).stdout
    )


def test_texts_of_a_class_do_not_make_it_stale(tmp_path: Path) -> None:
    described = {name: {**node, "description": "Nice."} for name, node in CLASSES.items()}
    found = stubs(load_schema(CLASSES), tmp_path / "comfynodes", load_schema(described))
    assert found.state == "ok"


def test_a_lock(tmp_path: Path) -> None:
    schema = load_schema(CLASSES)
    path = tmp_path / "comfyflow.lock"
    assert lock(path, schema, named=False).state == "ok"
    assert lock(path, schema, named=True).state == "problem"
    path.write_text(make_lock({"flow.py": PROMPT}, schema).to_text())
    assert "not compared" in lock(path, None, named=False).message
    assert lock(path, schema, named=False).state == "ok"
    changed = lock(path, load_schema({**CLASSES, **CHANGED}), named=False)
    assert changed.state == "warning"
    assert "1 changed (EmptyImage)" in changed.message
    gone = lock(path, load_schema(CHANGED), named=False)
    assert gone.state == "problem"
    assert "1 gone (SaveImage)" in gone.message
    assert f"comfyflow check flow.py --lock {path}" in gone.cure
    path.write_text("{}")
    assert "create it again" in lock(path, schema, named=False).cure


@pytest.mark.parametrize(
    ("system", "states"),
    [
        ({"comfyui_version": "0.33.0", "required_frontend_version": "1.49.6"}, ("ok", "ok")),
        ({"comfyui_version": "9.0.0", "required_frontend_version": "9.1.0"}, ("warning", "warning")),
        ({"comfyui_version": "0.3.10", "required_frontend_version": "1.8.1"}, ("ok", "warning")),
        ({"comfyui_version": "0.37.2", "required_frontend_version": "0.0.0"}, ("ok", "warning")),
        ({}, ("warning", "warning")),
        ({"comfyui_version": 3, "required_frontend_version": []}, ("warning", "warning")),
    ],
)
def test_versions_that_are_not_known(system: dict[str, Any], states: tuple[str, str]) -> None:
    stats = SystemStats({"system": system})
    found = (running_server(stats, "there"), editor(stats))
    assert tuple(each.state for each in found) == states
    assert all(bool(each.cure) == (each.state != "ok") for each in found)


@pytest.mark.parametrize(
    ("text", "state", "why"),
    [
        ("server = ", "problem", "cannot read"),
        ("sever = 1", "problem", "did you mean server?"),
        ("headers = 3", "problem", "headers must be a table"),
        ('bearer = "secret"', "warning", "readable by other users"),
        ('server = "http://127.0.0.1:9"', "ok", "(server)"),
    ],
)
def test_the_config_file(settings: Path, doctor: Doctor, text: str, state: str, why: str) -> None:
    if state == "warning" and os.name != "posix":
        pytest.skip("Windows keeps a user's folder from others")
    settings.write_text(text)
    settings.chmod(0o644)
    code, seen = doctor()
    said = only(seen, "config file")
    assert said["state"] == state
    assert why in said["message"]
    assert "secret" not in json.dumps(seen)
    assert code == (1 if state == "problem" else 0)
    if state == "warning":
        settings.chmod(0o600)
        assert only(doctor()[1], "config file")["state"] == "ok"


def test_the_environment(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_SEVER", "secret")
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "jason=2G")
    code, seen = doctor()
    assert code == 1
    misspelt, bounds = seen["environment"]
    assert (misspelt["state"], misspelt["cure"]) == ("warning", "rename it to COMFYFLOW_SERVER")
    assert (bounds["state"], "COMFYFLOW_BOUNDS" in bounds["cure"]) == ("problem", True)
    assert "secret" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("value", "state", "why"),
    [
        ("off", "ok", "caching is off"),
        ("nowhere", "ok", "does not exist yet"),
        ("here", "ok", "has 1 entries, 3 bytes"),
        ("config.toml", "warning", "is not a folder"),
        ("locked", "warning", "is not writable"),
    ],
)
def test_the_cache(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, state: str, why: str
) -> None:
    (tmp_path / "here" / "v1").mkdir(parents=True)
    (tmp_path / "here" / "v1" / "a.entry").write_text("abc")
    (tmp_path / "locked").mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked" and real(path, mode))
    monkeypatch.setenv("COMFYFLOW_CACHE", value if value == "off" else str(tmp_path / value))
    said = only(doctor()[1], "cache")
    assert said["state"] == state
    assert why in said["message"]


class Installed:
    """What a test says is installed, in place of what is."""

    def __init__(self, versions: dict[str, str | None]) -> None:
        self._versions, self._real = versions, metadata.version

    def version(self, name: str) -> str:
        found = self._versions.get(name, "")
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found or self._real(name)


@pytest.mark.parametrize(
    ("versions", "name", "state", "message", "cure"),
    [
        ({"av": None}, "extra media", "warning", "without av", "pip install 'comfyflow-dsl[media]'"),
        ({"av": None}, "extra images", "ok", "pillow", ""),
        (
            {"pillow": "9.0"},
            "extra images",
            "problem",
            "9.0 is installed",
            "pip install 'comfyflow-dsl[images]'",
        ),
        (
            {"resvg-py": None},
            "extra pictures",
            "warning",
            "resvg-py",
            "pip install 'comfyflow-dsl[pictures]'",
        ),
        ({"rich": None}, "dependencies", "problem", "rich is not installed", "--upgrade comfyflow-dsl"),
        ({"httpx": "0.1"}, "dependencies", "problem", "httpx 0.1 is installed", "--upgrade comfyflow-dsl"),
        ({"comfyflow": "0.1.0"}, "comfyflow", "problem", "a different project", "pip uninstall comfyflow;"),
    ],
)
def test_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
    versions: dict[str, str | None],
    name: str,
    state: str,
    message: str,
    cure: str,
) -> None:
    monkeypatch.setattr(metadata, "version", Installed({"comfyflow": None, **versions}).version)
    found = {each.name: each for each in installation()}
    assert found[name].state == state
    assert message in found[name].message
    assert cure in found[name].cure
    assert not {"extra dev", "extra slow"} & set(found)


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    _, package = installation()
    assert (package.state, package.cure) == ("warning", f"python -m pip install -e {ROOT}")


def test_python() -> None:
    states = [python(version).state for version in ((3, 9), (3, 10), (3, 14), (3, 15))]
    assert states == ["problem", "ok", "ok", "warning"]


def test_every_extra_of_users_says_what_it_is_for() -> None:
    project = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    )
    extras = set(re.findall(r"^(\w+) = \[", project.partition("\n[")[0], re.MULTILINE))
    assert extras - OF_DEVELOPERS == set(USES)


def test_a_diagnosis_is_shown() -> None:
    assert str(Diagnosis("lock", "ok", "fine")) == "ok       lock: fine"
    assert str(Diagnosis("lock", "problem", "gone", "look")) == "problem  lock: gone\n         cure: look"


def test_the_variables_that_are_read_are_known() -> None:
    from comfyflow.doctor import VARIABLES

    named = {
        word
        for path in (ROOT / "comfyflow").rglob("*.py")
        for word in re.findall(r"COMFYFLOW_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert {name for name in named if not name.endswith("_")} - VARIABLES <= {
        "COMFYFLOW_UPDATE_EXAMPLES",
        "COMFYFLOW_PARITY_DATA",
    }
