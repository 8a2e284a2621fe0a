"""The example project, as a reader copies it; and an empty project that only installs the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "examples" / "project"

TEN_LINES = """\
from comfynodes import EmptyImage, ImageInvert, SaveImage

from comfyflow import Workflow
from comfyflow.testing import assert_images, assert_valid, find

def test_a_picture_is_inverted(comfy_client):
    picture = Workflow(SaveImage(images=ImageInvert(image=EmptyImage(width=64, height=32))))
    assert_valid(picture)
    assert find(picture, EmptyImage).inputs["width"] == 64
    assert_images(comfy_client.run(picture), 1, size=(64, 32))
"""


def copied(folder: Path) -> Path:
    shutil.copytree(
        PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
    )
    return folder


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, with this checkout as if it were installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "stubs")])}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "comfyflow.testing.plugin", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_the_example_project_passes_its_tests(tmp_path: Path) -> None:
    done = run_pytest(copied(tmp_path / "posters"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^10 passed", done.stdout, re.MULTILINE)


def test_the_example_project_fails_where_its_workflow_is_changed(tmp_path: Path) -> None:
    folder = copied(tmp_path / "posters")
    workflows = folder / "posters.py"
    workflows.write_text(
        workflows.read_text(encoding="utf-8").replace("cfg=6.5", "cfg=9.5"), encoding="utf-8"
    )
    done = run_pytest(folder, "-k", "agreed or likes_it")
    assert done.returncode == 1
    assert "cfg: 6.5 -> 9.5" in done.stdout
    assert "every KSampler of the workflow 'contact_sheet' should have cfg at most 8" in done.stdout
    assert "'Draft' (KSampler #5), made at posters.py:" in done.stdout


def test_ten_lines_are_enough(tmp_path: Path) -> None:
    assert len([line for line in TEN_LINES.splitlines() if line]) <= 10
    (tmp_path / "test_it.py").write_text(TEN_LINES, encoding="utf-8")
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that sees nothing of this checkout but what is installed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COMFYFLOW", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=400
    )


@pytest.mark.slow
def test_an_empty_project_needs_only_to_install_the_package(tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    probe = run(
        python,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "-q",
        "-d",
        tmp_path / "probe",
        "iniconfig",
        cwd=tmp_path,
    )
    if probe.returncode != 0:
        pytest.skip(f"pip reaches no package index: {probe.stderr.strip().splitlines()[-1:]}")
    wheels = tmp_path / "wheels"
    built = run(python, "-m", "pip", "wheel", "--no-deps", "-q", "-w", wheels, ROOT, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.glob("comfyflow_dsl-*.whl")
    installed = run(python, "-m", "pip", "install", "-q", f"{wheel}[test]", cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr

    project = tmp_path / "project"
    project.mkdir()
    (project / "test_it.py").write_text(TEN_LINES, encoding="utf-8")
    done = run(python, "-m", "pytest", "-q", "-W", "error", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^1 passed", done.stdout, re.MULTILINE)
    assert sorted(path.name for path in project.iterdir()) == [".pytest_cache", "__pycache__", "test_it.py"]
