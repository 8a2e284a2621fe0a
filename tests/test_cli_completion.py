"""Completion in a shell: click's own, asked as each shell asks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from comfyflow.cli.app import COMMANDS

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_COMFYFLOW_COMPLETE"


def ask(instruction: str, **more: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
        "from comfyflow.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            VARIABLE: instruction,
            **more,
        },
        capture_output=True,
        text=True,
    )


def completed(shell: str, *words: str) -> list[str]:
    """What a shell is told when the last of these words is completed."""
    asked = "\n".join(words) if shell == "fish" else " ".join(words)
    at = words[-1] if shell == "fish" else str(len(words) - 1)
    done = ask(f"{shell}_complete", COMP_WORDS=asked, COMP_CWORD=at)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell(shell: str, tmp_path: Path) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    done = ask(f"{shell}_source")
    assert done.returncode == 0, done.stderr
    assert f"{VARIABLE}={shell}_complete" in done.stdout
    assert "comfyflow" in done.stdout
    if (program := shutil.which(shell)) is not None:
        script = tmp_path / "complete"
        script.write_text(done.stdout)
        assert subprocess.run([program, "-n", str(script)]).returncode == 0


@pytest.mark.parametrize(
    ("shell", "line"),
    [("bash", "plain,models"), ("zsh", "models"), ("fish", "plain,models\t")],
)
def test_a_command_is_completed(shell: str, line: str) -> None:
    told = completed(shell, "comfyflow", "mod")
    assert any(each.startswith(line) for each in told), told
    if shell != "bash":
        assert COMMANDS["models"].summary in "\n".join(told)


def test_options_and_files_are_completed() -> None:
    assert completed("bash", "comfyflow", "models", "--mis") == ["plain,--missing"]
    assert completed("bash", "comfyflow", "run", "fl") == ["file,fl"]
    assert completed("bash", "comfyflow", "gen-stubs", "--out", "x") == ["file,x"]
    assert completed("bash", "comfyflow", "diff", "a.json", "b") == ["file,b"]
    assert completed("bash", "comfyflow", "models", "--missing", "w") == ["file,w"]
    forms = completed("bash", "comfyflow", "validate", "x.json", "--format", "")
    assert forms == ["plain,text", "plain,json"]


def test_the_list_of_commands_is_completed_without_importing_them() -> None:
    done = ask("bash_complete", COMP_WORDS="comfyflow ", COMP_CWORD="1")
    assert done.stdout.splitlines() == [f"plain,{name}" for name in COMMANDS]
    assert not {f"comfyflow.cli.{listed.module}" for listed in COMMANDS.values()} & set(done.stderr.split())
