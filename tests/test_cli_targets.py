"""Several targets of one command: each parameter goes to the workflows that have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command
from tests.simulated import SAVE

FLOWS = {
    "poster.py": "def poster(prompt: str, width: int = 8):\n    return made(prompt, width)",
    "card.py": "def card(width: int, fast: bool = False):\n    return made(str(fast), width)",
    "plain.py": "def plain():\n    return made('plain', 8)",
    "odd.py": "def odd(fast: str):\n    return made(fast, 8)",
}
HEAD = """from comfyflow import workflow
from comfynodes import EmptyImage, PreviewAny, SaveImage


def made(text, width):
    return SaveImage(images=EmptyImage(width=width, height=8), filename_prefix=text)


@workflow
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FLOWS.items():
        (tmp_path / name).write_text(HEAD + text + "\n")
    (tmp_path / "prompt.json").write_text(json.dumps(SAVE))
    (tmp_path / "other.json").write_text(json.dumps(SAVE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words", [["lock"], ["validate"], ["hash"], ["check", "--lock", "made.lock"]], ids=lambda words: words[0]
)
def test_a_parameter_goes_to_the_targets_that_have_it(words: list[str], command: Command) -> None:
    name, *more = words
    targets = ["poster.py", "prompt.json", "card.py", "plain.py"]
    given = ["--prompt", "a harbour", "--width", "16", "--fast"]
    assert command("lock", *targets, *given, "-o", "made.lock").code == 0
    run = command(name, *targets, *given, *more)
    assert run.code == 0, run.out + run.err
    if name in ("validate", "hash"):
        assert all(target in run.out for target in targets)


def test_both_get_what_both_have(command: Command) -> None:
    def hashes(*words: str) -> list[str]:
        return [line.split()[0] for line in command("hash", "poster.py", "card.py", *words).out.splitlines()]

    narrow, wide = (hashes("--prompt", "x", f"--width={width}") for width in (8, 16))
    assert len(narrow) == len(wide) == 2
    assert narrow[0] != wide[0]
    assert narrow[1] != wide[1]
    assert hashes("--prompt", "x", "--width", "8", "--no-fast") == narrow
    fast = hashes("--prompt", "x", "--width", "8", "--fast")
    assert fast[0] == narrow[0]
    assert fast[1] != narrow[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["poster.py", "prompt.json"], "poster.py: missing --prompt; parameters: --prompt STR"),
        (
            ["poster.py", "prompt.json", "--promt", "x"],
            "unknown parameter --promt; did you mean --prompt?",
        ),
        (["poster.py", "prompt.json", "--prompt"], "--prompt needs a value"),
        (["poster.py", "prompt.json", "--prompt", "x", "y"], "unexpected argument 'y'"),
        (
            ["poster.py", "card.py", "--prompt", "x", "--width", "wide"],
            "poster.py: --width expects an integer",
        ),
        (
            ["card.py", "odd.py", "--width", "8", "--fast"],
            "--fast is a flag in one workflow and takes a value",
        ),
        (
            ["prompt.json", "other.json", "--x", "1"],
            "none of prompt.json, other.json takes parameters: --x 1",
        ),
        (["plain.py", "prompt.json", "--x", "1"], "unknown parameter --x"),
        (["card.py", "--sever", "http://x"], "unknown parameter --sever; did you mean --server?"),
        (["prompt.json", "--sever", "http://x"], "--sever http://x; did you mean --server?"),
    ],
)
def test_what_fits_no_target_is_told(words: list[str], why: str, command: Command) -> None:
    run = command("validate", *words)
    assert run.code == 2
    assert why in run.err


def test_a_value_can_be_given_to_a_flag_and_to_a_word(command: Command) -> None:
    run = command("validate", "card.py", "odd.py", "--width", "8", "--fast=true")
    assert run.code == 0, run.err


@pytest.mark.parametrize("command_name", ["run", "validate", "compile"])
def test_json_that_is_something_else_is_told_once(command_name: str, command: Command) -> None:
    Path("package.json").write_text('{"name": "x", "version": "1", "scripts": {"build": "make"}}')
    run = command(command_name, "package.json", *(["--simulate"] if command_name == "run" else []))
    assert run.code == 2
    assert "package.json is JSON but neither an editor workflow" in run.err
    assert len(run.err.splitlines()) == 1


ENDLESS = {
    "nodes": [{"id": 1, "type": "s"}],
    "links": [],
    "definitions": {"subgraphs": [{"id": "s", "name": "s", "nodes": [{"id": 2, "type": "s"}], "links": []}]},
    "version": 0.4,
}


@pytest.mark.parametrize(
    "words", [["validate"], ["to-python"], ["convert"], ["to-workflow"], ["graph", "-o", "x.svg"]]
)
def test_what_cannot_be_converted_says_in_which_file_it_stands(
    words: list[str], command: Command, files: Path
) -> None:
    (files / "endless.json").write_text(json.dumps(ENDLESS))
    name, *more = words
    run = command(name, "endless.json", *more)
    assert run.code == 2
    assert run.err.startswith("comfyflow: endless.json: ")
    assert run.err.count("endless.json") == 1


@pytest.mark.parametrize("name", ["to-workflow", "validate", "run"])
def test_options_of_a_conversion_are_not_for_python(name: str, command: Command) -> None:
    run = command(name, "plain.py", "--editor", "1.49")
    assert (run.code, "--editor is for editor workflows; plain.py is Python" in run.err) == (2, True)


def test_options_of_a_conversion_are_for_those_that_need_one(command: Command) -> None:
    assert command("validate", "plain.py", "prompt.json", "--editor", "1.49").code == 0
    run = command("validate", "plain.py", "poster.py", "--repair")
    assert (run.code, "plain.py and poster.py" in run.err) == (2, True)


@pytest.mark.parametrize(("name", "simulates"), [("open", False), ("run", True)])
def test_where_no_server_answers_only_options_that_there_are_are_advised(
    name: str, simulates: bool, command: Command
) -> None:
    run = command(name, "plain.py", "--server", "http://127.0.0.1:1")
    assert (run.code, "comfyflow simulate" in run.err, "--simulate" in run.err) == (2, True, simulates)
