"""Cuts a release: version, changelog, wheel and sdist, tag.

    python -m tools.release 0.3.0 --dry-run    does everything in a copy and shows what would come of it
    python -m tools.release 0.3.0              does it: writes the two files, commits, tags, fills dist/
    python -m tools.release build              builds what is here into dist/ and checks it
    python -m tools.release try                tries the package that is installed in this Python

The version stands in comfyflow/_version.py alone. A release is built and checked in a copy of what is
committed before anything is changed here; nothing is pushed or uploaded.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).resolve().parent.parent
VERSION_FILE: Final = Path("comfyflow", "_version.py")
CHANGELOG: Final = Path("CHANGELOG.md")

_VERSION: Final = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_UNRELEASED: Final = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## \[|\Z)", re.DOTALL | re.MULTILINE)
_NEEDED: Final = (
    "comfyflow/py.typed",
    "comfyflow/_version.py",
    "comfynodes/__init__.py",
    "comfynodes/schema.json",
)
_FORBIDDEN: Final = re.compile(r"(^|/)(tests|tools|\.venv|\.git|__pycache__)(/|$)|\.pyc$")


class ReleaseError(Exception):
    """A release that cannot be cut so."""


def current_version(root: Path) -> Version:
    """The version that stands in a checkout.

    Raises:
        ReleaseError: There is none.
    """
    found = _VERSION.search((root / VERSION_FILE).read_text(encoding="utf-8"))
    if found is None:
        raise ReleaseError(f"{VERSION_FILE} has no __version__")
    return Version(found[1])


def cut_changelog(text: str, version: str, date: str) -> tuple[str, str]:
    """The changelog with what is unreleased under a version, and just that.

    Raises:
        ReleaseError: It has that version already, or nothing is unreleased.
    """
    if f"## [{version}]" in text:
        raise ReleaseError(f"{CHANGELOG} has a section {version} already")
    found = _UNRELEASED.search(text)
    if found is None or not re.search(r"^- ", found[1], re.MULTILINE):
        raise ReleaseError(f"{CHANGELOG} has nothing under Unreleased")
    notes = found[1].strip("\n")
    section = f"## [Unreleased]\n\n## [{version}] - {date}\n\n{notes}\n\n"
    return text[: found.start()] + section + text[found.end() :], notes


def prepare(root: Path, version: str, date: str) -> str:
    """Write version and changelog of a release into a checkout.

    Returns:
        What the release brings.

    Raises:
        ReleaseError: The version is malformed, or not a later one; or see `cut_changelog`.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise ReleaseError(f"{version!r} is not a version; write it like 0.3.0 or 0.3.0rc1") from None
    if str(wanted) != version:
        raise ReleaseError(f"write the version {version!r} as {wanted}")
    before = current_version(root)
    if wanted <= before:
        raise ReleaseError(f"{version} is not later than {before}, which {VERSION_FILE} has")
    path = root / VERSION_FILE
    text, notes = cut_changelog((root / CHANGELOG).read_text(encoding="utf-8"), version, date)
    written = _VERSION.sub(f'__version__ = "{version}"', path.read_text(encoding="utf-8"))
    path.write_text(written, encoding="utf-8", newline="\n")
    (root / CHANGELOG).write_text(text, encoding="utf-8", newline="\n")
    return notes


def build(root: Path, out: Path, needed: tuple[str, ...] = _NEEDED) -> list[Path]:
    """Build wheel and sdist of a checkout, and check them.

    Args:
        root: The checkout.
        out: Where they go; what was there before is removed.
        needed: What a wheel must have.

    Returns:
        The two files.

    Raises:
        ReleaseError: They cannot be built, or something is wrong with them.
    """
    shutil.rmtree(out, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(root), cwd=root)
    files = sorted(out.iterdir())
    version = str(current_version(root))
    if [path.name.endswith((".tar.gz", ".whl")) for path in files] != [True, True]:
        raise ReleaseError(
            f"{out} has {', '.join(path.name for path in files)}: a wheel and an sdist were wanted"
        )
    for path in files:
        if f"-{version}" not in path.name:
            raise ReleaseError(f"{path.name} is not of version {version}")
        _check_names(path, needed)
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, files), cwd=root)
    return files


def _check_names(path: Path, needed: tuple[str, ...]) -> None:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
        missing = [name for name in needed if name not in names]
        wrong = [name for name in names if _FORBIDDEN.search(name)]
    else:
        with tarfile.open(path) as sdist:
            names = [name.partition("/")[2] for name in sdist.getnames()]
        missing = [name for name in ("pyproject.toml", "README.md", "LICENSE") if name not in names]
        wrong = [name for name in names if _FORBIDDEN.search(name) and "testing" not in name]
    if missing or wrong:
        raise ReleaseError(f"{path.name} lacks {missing[:5]} and has {wrong[:5]}")


def release(root: Path, version: str, date: str, *, dry_run: bool, needed: tuple[str, ...] = _NEEDED) -> None:
    """Cut a release of a checkout.

    Args:
        root: The checkout, on its branch main and with nothing uncommitted.
        version: The version.
        date: The day, as the changelog has it.
        dry_run: Whether to leave the checkout as it is.
        needed: See `build`.

    Raises:
        ReleaseError: It cannot be cut; nothing was changed.
    """
    tag = f"v{version}"
    if run("git", "status", "--porcelain", cwd=root):
        raise ReleaseError("there are changes that are not committed")
    branch = run("git", "rev-parse", "--abbrev-ref", "HEAD", cwd=root)
    if branch != "main" and not dry_run:
        raise ReleaseError(f"a release is cut on main, not on {branch}")
    if run("git", "tag", "--list", tag, cwd=root):
        raise ReleaseError(f"there is a tag {tag} already")
    with tempfile.TemporaryDirectory(prefix="comfyflow-release-") as folder:
        copy = Path(folder) / "copy"
        run("git", "clone", "--quiet", "--no-hardlinks", str(root), str(copy), cwd=root)
        notes = prepare(copy, version, date)
        files = build(copy, Path(folder) / "dist", needed)
        print(f"{tag}, {date}\n\n{notes}\n")
        for path in files:
            print(f"{path.name}: {path.stat().st_size:,} bytes, checked")
        if dry_run:
            print(run("git", "diff", "--stat", cwd=copy))
            print("a dry run: nothing was changed")
            return
        prepare(root, version, date)
        message = f"Release {version}"
        changed = (str(VERSION_FILE), str(CHANGELOG))
        run("git", "commit", "--quiet", "--message", message, "--", *changed, cwd=root)
        run("git", "tag", "--annotate", tag, "--message", f"comfyflow {version}", cwd=root)
        shutil.rmtree(root / "dist", ignore_errors=True)
        shutil.copytree(Path(folder) / "dist", root / "dist")
    print(f"committed and tagged. Next: git push origin main {tag}; python -m twine upload dist/*")


def try_installed() -> None:
    """Try the package that is installed in this Python, as a user would, outside of the checkout.

    Raises:
        ReleaseError: Something does not work.
    """
    command = (sys.executable, "-m", "comfyflow")
    with tempfile.TemporaryDirectory(prefix="comfyflow-try-") as folder:
        home = Path(folder)
        where = run(sys.executable, "-c", "import comfyflow; print(comfyflow.__file__)", cwd=home)
        if Path(where).is_relative_to(ROOT) and not Path(where).is_relative_to(Path(sys.prefix)):
            raise ReleaseError(f"what is tried is the checkout: {where}")
        print(run(*command, "--version", cwd=home))
        run(*command, "init", "tried", cwd=home)
        project = home / "tried"
        words = ("run", "tried.py", "--prompt", "a lighthouse", "--seed", "7", "--simulate", "--out", "made")
        print(run(*command, *words, cwd=project))
        print(run(sys.executable, "-m", "pytest", "-q", "-W", "error", cwd=project).splitlines()[-1])
        print("it works")


def run(*words: str, cwd: Path) -> str:
    """What a command prints.

    Raises:
        ReleaseError: It fails; has what it printed.
    """
    try:
        done = subprocess.run(
            words, cwd=cwd, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        raise ReleaseError(f"command {words[0]} not found") from None
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(words[:6])} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    """Cut a release, or what else the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__.splitlines()[0])
    parser.add_argument("what", help="the version, or: build, try")
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    given = parser.parse_args(arguments)
    try:
        if given.what == "build":
            print("\n".join(path.name for path in build(ROOT, ROOT / "dist")))
        elif given.what == "try":
            try_installed()
        else:
            today = dt.datetime.now(dt.timezone.utc).date().isoformat()
            release(ROOT, given.what, today, dry_run=given.dry_run)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
