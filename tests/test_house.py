"""What the repository says of itself: links and paths lead somewhere, CI calls what there is."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tools.site import pages

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "findings/*.md", "examples/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
CI: Final = sorted((ROOT / ".github").rglob("*.yml"))

_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_PATH: Final = re.compile(r"(?:comfyflow|stubs|tests|tools|docs|examples|findings|\.github)/[\w./*-]*")
_PLACEHOLDER: Final = re.compile(r"[<>…]|URL|NAME")
_TARGET: Final = re.compile(r"^([a-z-]+):.*##", re.MULTILINE)
_MAKE: Final = re.compile(r"\bmake ([a-z-]+)")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_BLOCK.sub("", text_of(page))):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        if shown(target).removeprefix("docs/") in {**pages.made(), **pages.drawn()}:
            continue  # tests/test_documents_site.py looks at its headings
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_named_paths_exist(page: Path) -> None:
    for code in _CODE.findall(_BLOCK.sub("", text_of(page))):
        for path in code.split():
            if _PATH.fullmatch(path) and not _PLACEHOLDER.search(path):
                found = list(ROOT.glob(path.rstrip("/"))) or list(page.parent.glob(path.rstrip("/")))
                assert found, f"{shown(page)} names {path}"


def test_files_that_the_coverage_leaves_out_exist() -> None:
    named = re.search(r"^UNCOVERED := (.*(?:\\\n.*)*)", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert named is not None
    for name in named[1].replace("\\", "").split():
        assert list(ROOT.glob(f"tests/test_{name.replace('%', '*')}.py")), name


@pytest.mark.parametrize("page", [*PAGES, *CI], ids=shown)
def test_named_targets_of_make_exist(page: Path) -> None:
    targets = set(_TARGET.findall(text_of(ROOT / "Makefile")))
    text = text_of(page)
    spans = [text] if page.suffix == ".yml" else [*_CODE.findall(text), *_BLOCK.findall(text)]
    commands = [span for span in spans if span.lstrip().startswith(("make", "```", "name:"))]
    named = {name for span in commands for name in _MAKE.findall(span)}
    assert named <= targets


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_what_is_named_is_in_the_code(name: str) -> None:
    sources = [
        *(ROOT / "comfyflow").rglob("*.py"),
        *(ROOT / "tools").rglob("*.py"),
        *ROOT.glob("tests/**/*.py"),
    ]
    known = set(re.findall(r"[A-Za-z_]\w+", "\n".join(map(text_of, (*sources, ROOT / "pyproject.toml")))))
    spans = _CODE.findall(_BLOCK.sub("", text_of(ROOT / name)))
    words = {span for span in spans if re.fullmatch(r"[A-Za-z_]\w+", span)}
    assert words <= known


def test_the_architecture_names_every_package() -> None:
    page = text_of(ROOT / "ARCHITECTURE.md")
    rows = set(re.findall(r"^\| `comfyflow/(\w+)/` \|", page, re.MULTILINE))
    assert rows == {path.parent.name for path in (ROOT / "comfyflow").glob("*/__init__.py")}


def test_the_architecture_has_the_layers_in_the_order_of_the_contract() -> None:
    (contract,) = (
        each for each in project()["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    )
    level = {
        name.strip(" ()").removeprefix("comfyflow."): number
        for number, layer in enumerate(contract["layers"])
        for name in layer.split(" : ")
    }
    rows = re.findall(r"^\| `comfyflow/(\w+)/` \|", text_of(ROOT / "ARCHITECTURE.md"), re.MULTILINE)
    listed = [level[name] for name in rows if name in level]
    assert listed == sorted(listed)
    assert len(listed) > 15


def test_the_scripts_of_the_findings_are_listed() -> None:
    listed = set(re.findall(r"^\| `([\w.]+)` \|", text_of(ROOT / "findings" / "README.md"), re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "findings").iterdir() if path.name != "README.md"}


def project() -> Any:
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return tomllib.loads(text_of(ROOT / "pyproject.toml"))


def workflow(name: str) -> Any:
    yaml: Any = pytest.importorskip("yaml", reason="it comes with pre-commit")
    return yaml.safe_load(text_of(ROOT / ".github" / "workflows" / name))


def test_ci_runs_what_make_has_on_every_python_that_is_supported() -> None:
    jobs = workflow("tests.yml")["jobs"]
    classifiers = [line.rpartition(" ")[2] for line in project()["project"]["classifiers"]]
    supported = [version for version in classifiers if re.fullmatch(r"3\.\d+", version)]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == supported
    assert {each["os"] for each in matrix["include"]} == {"macos-latest", "windows-latest"}
    assert {supported[0], supported[-1]} == set(jobs["lowest"]["strategy"]["matrix"]["python"])


@pytest.mark.parametrize("name", ["tests.yml", "nightly.yml"])
def test_every_job_calls_make_and_nothing_else(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        lines = [step["run"] for step in job["steps"] if "run" in step]
        assert lines
        assert all(line.startswith("make ") and "\n" not in line for line in lines)


def test_forms_can_be_read() -> None:
    yaml: Any = pytest.importorskip("yaml", reason="it comes with pre-commit")
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(text_of(path))
        if path.name == "config.yml":
            continue
        assert {"name", "description", "body"} <= set(form)
        names = [part["id"] for part in form["body"]]
        assert len(names) == len(set(names))
        assert all(part["attributes"]["label"] for part in form["body"])


def test_the_repository_speaks_of_the_project_alone() -> None:
    """No address of a package index, and no path of somebody's machine."""
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("it is no git repository")
    forbidden = re.compile(
        r"(?<![\w.])(/work/|/root/|/home/\w)|files\.pythonhosted\.org|pypi\.org/simple|--index-url"
    )
    allowed = re.compile(r"/home/(me|them|you)\b")
    found = [
        f"{name}: {line.strip()[:100]}"
        for name in listed.stdout.split("\0")
        if Path(name).suffix in (".md", ".toml", ".yml", ".yaml", ".sh", "") and (ROOT / name).is_file()
        for line in text_of(ROOT / name).splitlines()
        if forbidden.search(line) and not allowed.search(line)
    ]
    assert found == []


def test_what_goes_into_the_sdist_stands_at_the_top() -> None:
    """A pattern without a slash in front means every file of that name, deep in a folder too."""
    included = project()["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [pattern for pattern in included if not pattern.startswith("/")] == []
    assert all((ROOT / pattern.lstrip("/")).exists() for pattern in included)
