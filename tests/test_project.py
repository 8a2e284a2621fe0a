"""`comfyflow init`: what it makes is installed and tested as its reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow import load_schema
from comfyflow.errors import ProjectError
from comfyflow.generated import is_generated
from comfyflow.project import plan_project
from comfyflow.project.sample import ProjectName
from comfyflow.simulator import Simulator
from tests.command import Command

ROOT = Path(__file__).parents[1]
MADE = (
    ".github/workflows/tests.yml",
    ".gitignore",
    "README.md",
    "print_shop.py",
    "pyproject.toml",
    "tests/goldens/test_print_shop.test_txt2img_is_as_agreed.json",
    "tests/test_print_shop.py",
)
REFERENCE: dict[str, Any] = dict(load_schema(ROOT / "stubs" / "comfynodes" / "schema.json").raw)


def classes(*names: str) -> dict[str, Any]:
    return {name: REFERENCE[name] for name in names}


PAINTING = classes(
    "CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "KSampler", "SaveImage", "VAEDecode"
)
PLAIN = classes("EmptyImage", "ImageInvert", "SaveImage")


def with_checkpoints(*names: str) -> dict[str, Any]:
    loader = json.loads(json.dumps(PAINTING["CheckpointLoaderSimple"]))
    loader["input"]["required"]["ckpt_name"] = [list(names), {}]
    return {**PAINTING, "CheckpointLoaderSimple": loader}


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def installed(project: Path, home: Path) -> Path:
    """The Python of an environment that has what ours has, and the project; no network is used."""
    venv.create(home, with_pip=False)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    paths = [sysconfig.get_path("purelib"), str(ROOT), str(ROOT / "stubs")]
    (own / "ours.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths))
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--no-input", "-q")
    done = run(sys.executable, "-m", "pip", "--python", python, "install", *options, "-e", project, cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return python


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    hidden = ("PYTHON", "PYTEST", "COMFYFLOW", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def assert_tests_pass(folder: Path, home: Path) -> None:
    done = run(installed(folder, home), "-m", "pytest", "-q", "-W", "error", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^2 passed", done.stdout, re.MULTILINE)


def test_a_made_project_is_installed_and_its_tests_pass(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = command("init", "print-shop")
    assert (made.code, made.err) == (0, "")
    assert files(tmp_path / "print-shop") == sorted(MADE)
    told = made.out.splitlines()
    assert told[0] == f"created print-shop in {tmp_path / 'print-shop'}"
    assert told[told.index("next:") + 1 :] == [
        '  cd print-shop && python -m pip install -e ".[test]"',
        "  pytest",
        '  comfyflow run print_shop.py --prompt "a lighthouse at dusk" --seed 7 --simulate',
    ]
    assert_tests_pass(tmp_path / "print-shop", tmp_path / "home")


def test_a_project_of_a_server_has_its_classes_and_names_its_model(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    with Simulator(with_checkpoints('mine "v2".safetensors', "b.ckpt"), models="listed") as server:
        made = command("init", str(folder), "--server", server.url)
    assert (made.code, made.err) == (0, "")
    assert "(6 node classes)" in made.out
    assert is_generated(folder / "comfynodes")
    assert "CHECKPOINT = 'mine \"v2\".safetensors'" in (folder / "pictures.py").read_text()
    assert server.url not in "".join(path.read_text() for path in folder.rglob("*.*") if path.is_file())


@pytest.mark.parametrize(
    "info", [None, with_checkpoints("a.ckpt"), PLAIN], ids=["reference", "stubs", "plain"]
)
@pytest.mark.parametrize("name", ["a-shop", "z-shop"])
def test_what_is_made_is_formatted_and_sorted(tmp_path: Path, info: Any, name: str) -> None:
    pytest.importorskip("ruff", reason="it comes with the extra dev")
    plan_project(tmp_path / name, None, load_schema(info) if info is not None else None).write()
    for words in (("check", "--select", "E,F,I,UP,W"), ("format", "--check")):
        done = run(sys.executable, "-m", "ruff", *words, "--exclude", "comfynodes", ".", cwd=tmp_path / name)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("info", [with_checkpoints("a.safetensors"), PLAIN], ids=["models", "plain"])
def test_a_project_of_a_server_is_installed_and_its_tests_pass(
    command: Command, tmp_path: Path, info: dict[str, Any]
) -> None:
    folder = tmp_path / "pictures"
    with Simulator(info, models="listed") as server:
        assert command("init", str(folder), "--server", server.url).code == 0
    assert_tests_pass(folder, tmp_path / "home")


def test_a_server_without_models_still_has_a_first_workflow(command: Command, tmp_path: Path) -> None:
    info = tmp_path / "info.json"
    info.write_text(json.dumps(PLAIN))
    made = command("init", str(tmp_path / "plain"), "--object-info", str(info))
    assert (made.code, made.err) == (0, "")
    golden = tmp_path / "plain" / "tests" / "goldens" / "test_plain.test_picture_is_as_agreed.json"
    assert [node["class_type"] for node in json.loads(golden.read_text()).values()] == [*PLAIN]


def test_classes_that_have_changed_are_passed_over(tmp_path: Path) -> None:
    changed = json.loads(json.dumps(PAINTING))
    changed["KSampler"]["input"]["required"]["moon"] = ["INT", {}]
    plan = plan_project(tmp_path / "new", None, load_schema({**changed, **PLAIN}))
    assert plan.sample.kind == "picture"
    with pytest.raises(ProjectError, match=r"lacks the nodes for a first workflow.*moon"):
        plan_project(tmp_path / "new", None, load_schema(changed))
    with pytest.raises(ProjectError, match="lacks the nodes for a first workflow"):
        plan_project(tmp_path / "new", None, load_schema(classes("SaveImage")))
    with pytest.raises(ProjectError, match=r"txt2img: .*ckpt_name"):
        plan_project(tmp_path / "new", None, load_schema(PAINTING))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["pyproject.toml", "print_shop.py", "tests/test_print_shop.py"])
def test_nothing_is_overwritten(command: Command, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "print-shop"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    made = command("init", str(folder))
    assert (made.code, made.out) == (2, "")
    assert f"already has {Path(name)}; nothing was written" in made.err
    assert files(folder) == [name]
    assert (folder / name).read_text() == "mine"


def test_a_second_time_nothing_is_written(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "print-shop"
    assert command("init", str(folder)).code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = command("init", str(folder))
    assert again.code == 2
    assert "pyproject.toml, print_shop.py" in again.err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_in_a_repository_its_readme_and_gitignore_stay(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    for name in ("README.md", ".gitignore", "LICENSE"):
        (folder / name).write_text("mine")
    made = command("init", str(folder), "--name", "print-shop")
    assert made.code == 0, made.err
    assert "README.md already existed and was left alone" in made.out
    assert files(folder) == sorted({*MADE, "LICENSE"})
    assert (folder / ".gitignore").read_text() == (folder / "README.md").read_text() == "mine"


def test_below_a_repository_ci_stands_where_github_looks(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # of a worktree
    folder = tmp_path / 'a "b"' / "print-shop"
    assert command("init", str(folder)).code == 0
    assert not (folder / ".github").exists()
    text = (tmp_path / ".github" / "workflows" / "print_shop-tests.yml").read_text()
    assert r'working-directory: "a \"b\"/print-shop"' in text
    assert r'path: "a \"b\"/print-shop/.pytest_cache/d/comfyflow-differences"' in text


def test_a_home_that_is_a_repository_gets_no_ci(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / ".git").mkdir()
    assert command("init", str(tmp_path / "print-shop")).code == 0
    assert files(tmp_path / "print-shop") == sorted(MADE)
    assert not (tmp_path / ".github").exists()


def test_classes_that_the_folder_has_are_used(command: Command, tmp_path: Path) -> None:
    info = tmp_path / "info.json"
    info.write_text(json.dumps(with_checkpoints("other.safetensors")))
    folder = tmp_path / "shop"
    assert command("gen-stubs", "--object-info", str(info), "--out", str(folder / "comfynodes")).code == 0
    refused = command("init", str(folder), "--object-info", str(info))
    assert refused.code == 2
    assert "comfynodes already exists" in refused.err
    assert command("init", str(folder)).code == 0
    assert 'CHECKPOINT = "other.safetensors"' in (folder / "shop.py").read_text()


def test_half_a_project_is_not_left(tmp_path: Path) -> None:
    folder = tmp_path / "print-shop"
    plan = plan_project(folder, None, None)
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_print_shop.py").write_text("written meanwhile")
    with pytest.raises(ProjectError, match="nothing was kept"):
        plan.write()
    assert files(folder) == ["tests/test_print_shop.py"]
    assert sorted(path.name for path in folder.iterdir()) == ["tests"]


@pytest.mark.parametrize(
    ("name", "why", "instead"),
    [
        ("My Shop!", "letters, digits", "my-shop"),
        ("-shop", "letters, digits", "shop"),
        ("3d", "Python cannot import a module '3d'", "comfy-3d"),
        ("class", "a Python keyword", "class-workflows"),
        ("random", "would hide one of Python's standard library", "random-workflows"),
        ("tests", "would hide", "tests-workflows"),
        ("ComfyFlow", "would hide", "comfyflow-workflows"),
        ("httpx", "would hide", "httpx-workflows"),
        ("…", "letters, digits", "workflows"),
        ("a" * 101, "more than 100 characters", "a" * 100),
    ],
)
def test_a_name_that_will_not_do(command: Command, tmp_path: Path, name: str, why: str, instead: str) -> None:
    made = command("init", str(tmp_path / "new"), "--name", name)
    assert (made.code, made.out) == (2, "")
    assert why in made.err
    assert made.err.strip().endswith(f"--name {instead}")
    assert not (tmp_path / "new").exists()


@settings(max_examples=20)
@given(st.text(max_size=30))
def test_what_is_advised_instead_of_a_name_will_do(text: str) -> None:
    try:
        names = ProjectName.checked(text)
    except ProjectError as error:
        names = ProjectName.checked(str(error).rpartition(" ")[2])
    assert names.module.isidentifier()
    assert names.module not in sys.stdlib_module_names


def test_a_file_is_no_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    assert "is a file, not a folder" in command("init", str(tmp_path / "shop")).err
