"""The editor's files on the simulator: what is served, what is not, and where they come from.

A small made-up folder stands in for the package; test_editor.py opens the real one.
"""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

import pytest

from comfyflow.errors import SimulatorError
from comfyflow.simulator import Simulator

from .command import Command
from .simulated import HTTP, NODES

SECRET = "not for the browser"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """The files of an editor, with a file beside them that is none of them."""
    folder = tmp_path / "comfyui_frontend_package" / "static"
    (folder / "extensions" / "core").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<title>editor</title>")
    (folder / "assets" / "index.js").write_text("1")
    (folder / "extensions" / "core" / "a.js").write_text("2")
    (folder.parent / "secret.txt").write_text(SECRET)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('only its files are read')")
    return folder


def _raw(server: Simulator, path: str) -> tuple[int, str]:
    """Ask for a path as it is: httpx tidies it up."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_files_are_served_beside_the_routes(static: Path) -> None:
    with Simulator(NODES, frontend=static) as server:
        page = HTTP.get(server.url)
        assert (page.text, page.headers["cache-control"]) == ("<title>editor</title>", "no-cache")
        assert HTTP.get(f"{server.url}/extensions").json() == ["/extensions/core/a.js"]
        assert HTTP.get(f"{server.url}/extensions/core/a.js").text == "2"
        script = HTTP.get(f"{server.url}/assets/index.js")
        assert script.text == "1"
        assert script.headers["content-type"].split(";")[0].endswith("/javascript")
        assert HTTP.get(f"{server.url}/api/queue").status_code == 200
        assert HTTP.get(f"{server.url}/assets/none.js").status_code == 404
        assert HTTP.post(f"{server.url}/assets/index.js").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/linked.txt",
        "/linked/secret.txt",
        "/assets",
    ],
)
def test_nothing_outside_the_folder_is_served(static: Path, path: str) -> None:
    (static / "linked.txt").symlink_to(static.parent / "secret.txt")
    (static / "linked").symlink_to(static.parent, target_is_directory=True)
    with Simulator(NODES, frontend=static) as server:
        status, text = _raw(server, path)
        assert status in {403, 404}
        assert SECRET not in text
        absolute, text = _raw(server, str(static.parent / "secret.txt"))
        assert (absolute, text) == (404, "")


def test_the_editor_starts_without_what_a_simulator_has_not(static: Path) -> None:
    with Simulator(NODES, frontend=static) as server:
        settings = HTTP.get(f"{server.url}/api/settings").json()
    with Simulator(NODES) as server:
        assert HTTP.get(f"{server.url}/api/settings").json() == {}
    assert settings == {"Comfy.TutorialCompleted": True, "Comfy.Notification.ShowVersionUpdates": False}


def test_the_installed_package_is_found_and_not_imported(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(static.parent.parent)
    with Simulator(NODES, frontend=True) as server:
        assert server.frontend == static.resolve()
        assert HTTP.get(server.url).text == "<title>editor</title>"


def test_a_missing_package_says_how_to_get_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comfyui_frontend_package", None)
    with pytest.raises(SimulatorError, match=r"pip install 'comfyflow-dsl\[editor\]'"):
        Simulator(NODES, frontend=True)
    refused = command("simulate", "--port", "0", "--frontend")
    assert refused.code == 2
    assert "pip install 'comfyflow-dsl[editor]'" in refused.err


def test_a_folder_without_an_editor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"has no index\.html"):
        Simulator(NODES, frontend=tmp_path)
