"""Where a library of an extra is missing, the line that installs it is said."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow import raw_node, read_workflow, workflow
from comfyflow.container import open_picture, open_recording
from comfyflow.errors import ComfyflowError, MissingExtraError
from comfyflow.extra import LIBRARIES, needing
from comfyflow.input_file import InputFile
from comfyflow.testing import assert_image_matches, compare_pictures, perceptual_hash

numpy: Any = importlib.import_module("numpy")
ROOT = Path(__file__).parents[1]
EXTRAS = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, format="PNG")
    return buffer.getvalue()


PNG = png()
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"


@workflow
def picture() -> object:
    return raw_node("SaveImage", {"images": raw_node("EmptyImage", {"width": 8})[0]})


@pytest.mark.parametrize(
    ("module", "extra", "use"),
    [
        ("PIL", "images", lambda: open_picture(PNG)),
        ("PIL", "images", lambda: assert_image_matches(PNG, PNG)),
        ("PIL", "images", lambda: compare_pictures(PNG, PNG)),
        ("PIL", "images", lambda: perceptual_hash(PNG)),
        ("PIL", "images", lambda: InputFile.of(numpy.zeros((2, 2, 3)))),
        ("av", "media", lambda: open_recording(MP4)),
        ("av", "media", lambda: read_workflow(MP4, name="made.mp4")),
        ("resvg_py", "pictures", lambda: picture().picture().png),
    ],
)
def test_it_is_said_which_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str, use: Callable[[], object]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        (ComfyflowError, ValueError), match=re.escape(f"pip install 'comfyflow-dsl[{extra}]'")
    ):
        use()


WITHOUT = """
import sys
for name in {modules!r}:
    sys.modules[name] = None
sys.argv = ["comfyflow", *{words!r}]
{program}
"""


@pytest.mark.parametrize(
    ("module", "extra", "program", "words"),
    [
        ("aiohttp", "simulator", "import comfyflow.simulator", ()),
        ("numpy", "simulator", "import comfyflow.simulator", ()),
        ("hypothesis", "test", "import comfyflow.testing.strategies", ()),
        ("aiohttp", "simulator", "from comfyflow.cli import main; main()", ("simulate",)),
        ("numpy", "simulator", "from comfyflow.cli import main; main()", ("status", "--server", "x")),
        ("aiohttp", "simulator", "from comfyflow.cli import main; main()", ("run", "p.json", "--simulate")),
        ("av", "media", "from comfyflow.cli import main; main()", ("compile", "made.mp4")),
        ("distributed", "dask", "from comfyflow.cli import main; main()", ("worker", "x", "--comfyui", "y")),
        (
            "distributed",
            "dask",
            "from comfyflow.cli import main; main()",
            ("batch", "p.json", "--grid", "1.width=8,16", "--dask", "x"),
        ),
    ],
)
def test_a_program_that_cannot_go_on_says_it_in_its_last_line(
    tmp_path: Path, module: str, extra: str, program: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "p.json").write_text(json.dumps(picture().to_prompt()))
    (tmp_path / "made.mp4").write_bytes(MP4)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(modules=[module], words=words, program=program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    if words[:1] == ("status",):  # it needs nothing of the simulator
        assert "no ComfyUI server" in last or "cannot" in last
        return
    assert last.endswith(f"pip install 'comfyflow-dsl[{extra}]'"), done.stderr
    assert LIBRARIES[module] in last
    if words:
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_library_that_is_broken_is_told_as_that() -> None:
    why = r"^it needs NumPy, which cannot be imported \(no floats\)"
    with pytest.raises(MissingExtraError, match=why) as told, needing("it", "simulator"):
        raise ImportError("no floats", name="numpy.core")
    assert told.value.extra == "simulator"
    assert isinstance(told.value, ImportError)


def test_what_no_extra_brings_is_left_alone() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_of_the_kind"), needing("it", "simulator"):
        importlib.import_module("nothing_of_the_kind")


def test_every_line_that_is_written_names_an_extra_that_there_is() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "comfyflow").rglob("*.py"))
    named = {
        extra for names in re.findall(r"comfyflow-dsl\[([\w,]+)\]", source) for extra in names.split(",")
    }
    named |= set(re.findall(r'needing\([^)]*, "(\w+)"\)', source))
    assert named
    assert named <= set(EXTRAS)
    assert not re.search(r"pip install comfyflow-dsl\[", source), "a shell such as zsh needs the quotes"
