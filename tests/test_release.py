"""The release: tried on a small project of its own, and as a dry run on this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.release import ReleaseError, build, current_version, cut_changelog, main, prepare, release

ROOT = Path(__file__).parents[1]
DATE = "2026-11-29"
CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-01-01

- The first.
"""
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
dynamic = ["version"]
description = "A small project"
readme = "README.md"
requires-python = ">=3.10"
license-files = ["LICENSE"]
[tool.hatch.version]
path = "comfyflow/_version.py"
[tool.hatch.build.targets.wheel]
packages = ["comfyflow"]
"""
NEEDED = ("comfyflow/__init__.py",)


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.com")
    folder = tmp_path / "checkout"
    (folder / "comfyflow").mkdir(parents=True)
    (folder / "comfyflow" / "__init__.py").write_text("")
    (folder / "comfyflow" / "_version.py").write_text('"""The version."""\n\n__version__ = "0.1.0"\n')
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    (folder / "README.md").write_text("# small\n")
    (folder / "LICENSE").write_text("MIT\n")
    (folder / ".gitignore").write_text("dist/\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_the_changelog_is_cut() -> None:
    text, notes = cut_changelog(CHANGELOG, "0.2.0", DATE)
    assert notes == "\n### Added\n\n- A thing.".strip("\n")
    assert f"## [Unreleased]\n\n## [0.2.0] - {DATE}\n\n### Added\n\n- A thing.\n\n## [0.1.0]" in text
    with pytest.raises(ReleaseError, match="nothing under Unreleased"):
        cut_changelog(text, "0.3.0", DATE)
    with pytest.raises(ReleaseError, match=r"a section 0\.2\.0 already"):
        cut_changelog(text, "0.2.0", DATE)


def test_this_projects_changelog_can_be_cut() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.count("## [Unreleased]\n") == 1
    # Just after a release, nothing is unreleased.
    text = text.replace("## [Unreleased]\n", "## [Unreleased]\n\n### Security\n\n- The next change.\n")
    cut, notes = cut_changelog(text, "99.0", DATE)
    assert notes.startswith("### Security\n\n- The next change.")
    assert notes in text
    assert len(cut.splitlines()) <= len(text.splitlines()) + 4


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0.1.0", "not later than 0.1.0"),
        ("0.0.9", "not later than 0.1.0"),
        ("v0.2.0", "write the version 'v0.2.0' as 0.2.0"),
        ("0.2.0-rc1", "as 0.2.0rc1"),
        ("soon", "is not a version"),
    ],
)
def test_a_version_that_cannot_be_next(checkout: Path, version: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        prepare(checkout, version, DATE)
    assert git(checkout, "status", "--porcelain") == ""


def test_a_release(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("build", reason="pip install build twine hatchling")
    pytest.importorskip("twine", reason="pip install build twine hatchling")
    before = git(checkout, "rev-parse", "HEAD")
    release(checkout, "0.2.0", DATE, dry_run=True, needed=NEEDED)
    told = capsys.readouterr().out
    assert "- A thing." in told
    assert "small-0.2.0-py3-none-any.whl" in told
    assert "small-0.2.0.tar.gz" in told
    assert "nothing was changed" in told
    assert (git(checkout, "status", "--porcelain"), git(checkout, "rev-parse", "HEAD")) == ("", before)
    assert git(checkout, "tag") == ""
    assert not (checkout / "dist").exists()

    release(checkout, "0.2.0", DATE, dry_run=False, needed=NEEDED)
    assert str(current_version(checkout)) == "0.2.0"
    assert git(checkout, "tag") == "v0.2.0"
    assert git(checkout, "show", "--format=%s", "--name-only", "HEAD").split("\n") == [
        "Release 0.2.0",
        "",
        "CHANGELOG.md",
        "comfyflow/_version.py",
    ]
    assert git(checkout, "status", "--porcelain") == ""
    assert sorted(path.name for path in (checkout / "dist").iterdir()) == [
        "small-0.2.0-py3-none-any.whl",
        "small-0.2.0.tar.gz",
    ]
    assert "git push origin main v0.2.0" in capsys.readouterr().out


def test_what_keeps_a_release_from_being_cut(checkout: Path) -> None:
    git(checkout, "tag", "v0.2.0")
    with pytest.raises(ReleaseError, match=r"a tag v0\.2\.0 already"):
        release(checkout, "0.2.0", DATE, dry_run=False)
    git(checkout, "switch", "--quiet", "--create", "other")
    with pytest.raises(ReleaseError, match="is cut on main, not on other"):
        release(checkout, "0.3.0", DATE, dry_run=False)
    (checkout / "README.md").write_text("changed")
    with pytest.raises(ReleaseError, match="not committed"):
        release(checkout, "0.3.0", DATE, dry_run=True)


def test_a_wheel_that_lacks_something_is_no_release(checkout: Path) -> None:
    pytest.importorskip("build", reason="pip install build twine hatchling")
    with pytest.raises(ReleaseError, match=r"lacks \['comfynodes/__init__.py'\]"):
        build(checkout, checkout / "dist", ("comfynodes/__init__.py",))


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soon", "--dry-run"]) == 1
    assert capsys.readouterr().err.startswith("release: ")


@pytest.mark.slow
def test_this_project_is_built_and_tried_as_a_user_would(tmp_path: Path) -> None:
    import venv

    pytest.importorskip("build", reason="pip install build twine hatchling")
    wheel, _ = sorted(build(ROOT, tmp_path / "dist"), key=lambda path: path.suffix != ".whl")
    home = tmp_path / "home"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", f"{wheel}[test]"], capture_output=True, text=True
    )
    if installed.returncode != 0 and "No matching distribution" in installed.stderr:
        pytest.skip("pip reaches no package index")
    assert installed.returncode == 0, installed.stderr
    done = subprocess.run([python, "-m", "tools.release", "try"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("it works\n")
