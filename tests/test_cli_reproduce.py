from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from PIL import Image

from comfyflow import Client
from comfyflow.errors import MissingExtraError
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.simulated import tireless
from tests.test_client_seed_faults import until
from tests.test_reproduction import LOADS, MADE, edited, made
from tests.test_reproduction_comparison import picture, png


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def client(server: Simulator) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture
def file(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return made(client, MADE, folder)


def darker(file: Path) -> Path:
    return edited(file, lambda image: image.point(lambda level: max(level - 5, 0)))


def test_a_file_that_is_the_same_ends_with_0(command: Command, server: Simulator, file: Path) -> None:
    run = command("reproduce", str(file), "--server", server.url, "--fresh", "--out", "again")
    assert run.code == 0, run.err
    head, *rest = run.out.splitlines()
    assert head.startswith(f"{file}: reproduced: the same bytes (")
    assert Path(rest[-1]).read_bytes() == file.read_bytes()
    assert f"ComfyUI 0.33.0 at {server.url}" in run.err


def test_a_file_that_differs_ends_with_1_and_both_can_be_seen(
    command: Command, server: Simulator, file: Path
) -> None:
    darker(file)
    run = command("reproduce", str(file), "--server", server.url, "--out", "again", "-q")
    assert run.code == 1, run.err
    assert "not reproduced: mean difference 0.0" in run.out
    assert "[simulated]" in run.out
    shown, difference = map(Path, run.out.splitlines()[-2:])
    assert difference.name == f"{shown.stem}.difference.png"
    with Image.open(difference) as sheet, Image.open(shown) as new:
        assert sheet.width > 3 * new.width


@pytest.mark.parametrize(("tolerance", "code"), [("0.02", 0), ("0.001", 1), ("content", 1), ("bytes", 1)])
def test_the_tolerance_decides(
    tolerance: str, code: int, command: Command, server: Simulator, file: Path
) -> None:
    words = ("--server", server.url, "--tolerance", tolerance)
    assert command("reproduce", str(darker(file)), *words).code == code


@pytest.mark.parametrize("tolerance", ["1.5", "-0.1", "nan", "exact", ""])
def test_what_is_no_tolerance_is_refused(tolerance: str, command: Command, file: Path) -> None:
    run = command("reproduce", str(file), "--simulate", "--tolerance", tolerance)
    assert run.code == 2
    assert "is not bytes, content, or a number from 0 to 1" in run.err


def test_json_is_one_object(command: Command, server: Simulator, file: Path) -> None:
    run = command("reproduce", str(darker(file)), "--server", server.url, "--json")
    told = json.loads(run.out)
    assert (run.code, told["reproduced"], told["comparison"]["closeness"]) == (1, False, "alike")
    assert [Path(path).is_file() for path in told["written"]] == [True, True]
    assert run.err == ""


def test_a_lock_that_knows_another_version_is_told(command: Command, file: Path) -> None:
    assert command("lock", str(file), "-o", "made.lock").code == 0
    text = Path("made.lock").read_text()
    version = json.loads(text)["comfyui_version"]
    Path("made.lock").write_text(text.replace(f'"{version}"', '"0.1.2"', 1))
    run = command("reproduce", str(darker(file)), "--simulate", "--lock", "made.lock")
    assert run.code == 1
    assert "the lock is for 0.1.2" in run.err
    assert "[other_version]" in run.out


@pytest.fixture
def loaded(client: Client, server: Simulator, file: Path) -> Path:
    stored = client.upload_image(png(picture(3)), name="reproduced-input.png", overwrite=True)
    path = made(client, LOADS, file.parent)
    server.folders.annotated(stored.name).unlink()
    return path


def test_a_missing_input_file_ends_with_2_and_can_be_given(
    command: Command, server: Simulator, loaded: Path
) -> None:
    words = ("reproduce", str(loaded), "--server", server.url)
    run = command(*words)
    assert run.code == 2
    assert "reproduced-input.png (of #1 LoadImage.image)" in run.err
    assert "--input NAME=FILE gives them" in run.err
    Path("mine.png").write_bytes(png(picture(3)))
    run = command(*words, "--input", "reproduced-input.png=mine.png")
    assert run.code == 0, run.err
    assert "uploaded mine.png as reproduced-input.png" in run.err
    assert command(*words, "--input", "mine.png").code == 2


def test_a_missing_input_file_is_asked_for_on_a_terminal(
    command: Command, server: Simulator, loaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.png").write_bytes(png(picture(3)))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def answer(text: str, **_: Any) -> str:
        asked.append(text)
        return "mine.png"

    monkeypatch.setattr("click.prompt", answer)
    assert command("reproduce", str(loaded), "--server", server.url).code == 0
    assert asked == [
        "the server does not have reproduced-input.png (of #1 LoadImage.image); which file is it?"
    ]


def test_a_server_without_the_classes_ends_with_2(command: Command, client: Client, file: Path) -> None:
    prompt = {**MADE, "5": {"class_type": "Gone", "inputs": {"image": ["1", 0]}}}
    prompt["2"] = {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "made"}}
    file.write_bytes(png(picture(), prompt=prompt))
    run = command("reproduce", str(file), "--server", client.url)
    assert run.code == 2
    assert "Gone" in run.err


def test_bytes_are_compared_without_the_libraries_of_extras(
    command: Command, server: Simulator, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("reproduce", str(darker(file)), "--server", server.url, "--out", "again")
    monkeypatch.setattr(
        "comfyflow.reproduction.comparison.open_picture", lambda _: pytest.fail("bytes do not need it")
    )
    monkeypatch.setattr("comfyflow.reproduction.comparison.needing", _missing)
    run = command(*words, "--tolerance", "bytes")
    assert run.code == 1, run.err
    assert "not reproduced: different bytes; comparing pictures needs Pillow" in run.out
    assert Path(run.out.splitlines()[-1]).is_file()
    run = command(*words)
    assert (run.code, "pip install 'comfyflow-dsl[images]'" in run.err) == (2, True)


def _missing(what: str, extra: str) -> NoReturn:
    raise MissingExtraError(f"{what} needs Pillow, which is not installed", extra)


def test_a_prompt_that_cannot_be_sent_ends_with_2(command: Command, client: Client, file: Path) -> None:
    broken = {**MADE["1"], "inputs": {**MADE["1"]["inputs"], "width": float("nan")}}
    file.write_bytes(png(picture(), prompt={**MADE, "1": broken}))
    run = command("reproduce", str(file), "--server", client.url)
    assert "nan is not a number that JSON can hold" in run.err
    assert run.code == 2


def test_a_file_that_carries_nothing_ends_with_2(command: Command, file: Path) -> None:
    file.write_bytes(png(picture()))
    run = command("reproduce", str(file), "--simulate")
    assert (run.code, "holds no workflow" in run.err) == (2, True)


def test_a_run_that_fails_ends_with_3(command: Command, server: Simulator, file: Path) -> None:
    server.fail_next("it broke", class_type="SaveImage")
    run = command("reproduce", str(file), "--server", server.url, "--fresh", "--json")
    assert run.code == 3, run.err
    assert json.loads(run.out)["exit_code"] == 3


def test_a_time_that_is_over_ends_with_4(command: Command, file: Path) -> None:
    with Simulator() as slow, tireless(slow, 1.0):
        run = command("reproduce", str(file), "--server", slow.url, "--timeout", "0.5")
    assert run.code == 4, run.err


def test_ctrl_c_cancels_the_prompt(command: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("comfyflow.cli.reproduce.follow", interrupted)
    with Simulator() as slow, tireless(slow):
        run = command("reproduce", str(file), "--server", slow.url)
    assert run.code == 130
    assert "is cancelled on the server" in run.err


@pytest.mark.skipif(sys.platform == "win32", reason="it is sent as a signal")
def test_sigterm_cancels_the_prompt(file: Path) -> None:
    with Simulator() as slow, tireless(slow):
        words = ["reproduce", str(file), "--server", slow.url]
        with subprocess.Popen(
            [sys.executable, "-m", "comfyflow", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            until(lambda: bool(slow.prompts))
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            told = process.stderr.read()
        assert process.returncode == 130, told
        assert "is cancelled on the server" in told
        assert slow.instance.queue.remaining == 0
