"""Every snippet and every command of the README and of docs/ runs, each block in a folder of its own.

How a page marks its blocks stands in `tests/documents.py`. What docs/ has runs in `make test-slow`, what the
README has in `make test`. Commands within a sentence are not run: it is looked whether there are such
options.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import pytest
from PIL import Image

from comfyflow.cli.app import COMMANDS, app
from comfyflow.simulator import Simulator

from .documents import (
    BLOCK,
    BLOCKS,
    DOCUMENTS,
    PYTHON,
    ROOT,
    SERVER,
    SHELL,
    Block,
    files_before,
    prints,
    run_command,
    run_process,
    run_program,
    shown_after,
    words_of,
)

_INLINE: Final = re.compile(r"`(?:\$ )?(comfyflow [a-z][^`]*)`")
_INSTALL: Final = re.compile(r"(?:python -m )?pip install (?P<what>.*)")
_EXTRA: Final = re.compile(r"^'?comfyflow-dsl(?:\[(?P<extras>[\w,]+)\])?'?$")


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


EDITOR: Final[Mapping[str, Any]] = {
    "nodes": [
        {"id": 1, "type": "EmptyImage", "inputs": [], "widgets_values": [64, 64, 1, 0x203040],
         "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "mode": 0},
        {"id": 2, "type": "SaveImage", "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
         "outputs": [], "widgets_values": ["ComfyUI"], "mode": 0},
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    "version": 0.4,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder with the files that the documents speak of, as the current one."""
    small = PYTHON[0].text.replace("steps: int = 20", "steps: int = 2")  # README's first program
    (tmp_path / "flow.py").write_text(small, encoding="utf-8")
    (tmp_path / "new.py").write_text(small.replace("prompt: str,", 'prompt: str = "new",'), encoding="utf-8")
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("project", "__pycache__")
    )
    prompt = json.loads((ROOT / "examples/txt2img.prompt.json").read_text(encoding="utf-8"))
    for name in ("prompt.json", "old.json"):
        (tmp_path / name).write_text(json.dumps(prompt), encoding="utf-8")
    (tmp_path / "workflow.json").write_text(json.dumps(EDITOR), encoding="utf-8")
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "photo.png")
    monkeypatch.setenv("COMFYFLOW_SERVER", server.url)
    monkeypatch.setenv("COMFYFLOW_CONFIG", os.devnull)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cases(blocks: Iterable[Block]) -> list[Any]:
    """One case a block; those of the README, a user's first commands, are never left out."""
    slow = pytest.mark.slow
    return [
        pytest.param(block, id=str(block), marks=() if block.document == ROOT / "README.md" else slow)
        for block in blocks
    ]


def put_files(block: Block, folder: Path) -> None:
    for before in files_before(block):
        path = folder / before.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before.text, encoding="utf-8")


def check_output(block: Block, said: str, server: Simulator) -> None:
    if (shown := shown_after(block)) is not None:
        assert prints(said.replace(server.url, SERVER), shown.text), f"{shown} shows other than\n{said}"


@pytest.mark.parametrize("block", cases(PYTHON))
def test_a_snippet_runs(
    block: Block, folder: Path, server: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    put_files(block, folder)
    text = block.text.replace(SERVER, server.url)
    if block.note == "pytest":
        path = folder / "test_snippet.py"
        path.write_text(text, encoding="utf-8")
        for more in (["--comfy-update-goldens"], []):
            done = run_process(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path), *more], folder
            )
            assert done.returncode == 0, done.stdout + done.stderr
        return
    before = block.note.removeprefix("after").strip() if block.note.startswith("after") else ""
    program = folder / "snippet.py"
    program.write_text(f"{before}\n{text}".replace(SERVER, server.url), encoding="utf-8")
    run_program(program)
    said = capsys.readouterr()
    check_output(block, said.out + said.err, server)


@pytest.mark.parametrize("block", cases(SHELL))
def test_commands_run(
    block: Block,
    folder: Path,
    server: Simulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_files(block, folder)
    said = ""
    for number, command in enumerate(block.commands, 1):
        if (installed := _INSTALL.fullmatch(command.partition("#")[0].strip())) is not None:
            _check_install(installed["what"])
            continue
        words = words_of(command, server.url)
        wanted = block.exit_code if number == len(block.commands) else 0
        if words[0] == "comfyflow":
            code = run_command(words, folder, monkeypatch)
            captured = capsys.readouterr()
            out = captured.out + captured.err
        elif words[0] == "make":
            done = run_process([shutil.which("make") or "make", "-n", *words[1:]], ROOT)
            code, out = done.returncode, done.stdout + done.stderr
        else:
            assert words[0] in ("pytest", "python"), (
                f"{block}: nobody knows how to run {command!r}; say so before the block"
            )
            program = ["-m", "pytest", "-p", "no:cacheprovider"] if words[0] == "pytest" else []
            done = run_process([sys.executable, *program, *words[1:]], folder)
            code, out = done.returncode, done.stdout + done.stderr
        assert code == wanted, f"{block}: {command}\n{out}"
        said += out
    check_output(block, said, server)


def _check_install(what: str) -> None:
    """Whether what is installed is this project, and has such extras."""
    found = _EXTRA.match(what.strip())
    assert found is not None, f"{what} is not this project"
    listed = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    )
    known = set(re.findall(r"^(\w+) = \[", listed.partition("\n[")[0], re.MULTILINE))
    assert set((found["extras"] or "").split(",")) - {""} <= known


INLINE: Final = sorted(
    {
        (document.relative_to(ROOT).as_posix(), command)
        for document in DOCUMENTS
        for command in _INLINE.findall(BLOCK.sub("", document.read_text(encoding="utf-8")))
    }
)


@pytest.mark.parametrize(("document", "command"), INLINE)
def test_a_command_in_a_sentence_has_such_options(document: str, command: str) -> None:
    words = shlex.split(command.replace("…", "x"))[1:]
    assert words[0] in COMMANDS, f"{document}: unknown command {words[0]}"
    found = app.get_command(click.Context(app), words[0])
    assert found is not None
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    own = {"--prompt", "--seed", "--image", "--help"}  # of the workflows that the documents have
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("-") and word != "-"}
    assert given <= known | own, f"{document}: {command}"


def test_nothing_is_left_out() -> None:
    """A block in another language, or that cannot run, says why."""
    for block in BLOCKS:
        reason = block.note.partition("cannot run:")[2].strip()
        assert (
            block in PYTHON
            or block in SHELL
            or reason
            or block.note == "output"
            or block.file
            or block.language in ("toml", "json", "yaml")
        ), block
    assert len(PYTHON) >= 5
    assert len(SHELL) >= 5
