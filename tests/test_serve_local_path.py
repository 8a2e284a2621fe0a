"""Messages of a service: a file has a name, and where it stands on this machine is not told."""

from __future__ import annotations

import sys
from pathlib import Path, PureWindowsPath

import pytest
from comfynodes import SaveImage
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.serve.local_path import LocalPaths
from comfyflow.simulator import Simulator
from comfyflow.workflows import workflow
from tests.serving import plain, serving

PATHS = LocalPaths([Path("/mnt/my data/serve")])
NAMES = st.text("abcdefgXYZ0189_äß. -", min_size=3, max_size=12).map(lambda name: f"x{name.strip(' .')}x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot write /mnt/my data/serve/x.png: it is full", "cannot write x.png: it is full"),
        ("cannot write /mnt/my data/serve: it is full", "cannot write serve: it is full"),
        ("[Errno 2] No such file: '/srv/a b/c.txt'", "[Errno 2] No such file: 'c.txt'"),
        (r"""No such file: "C:\\Users\\me\\x.txt" """, 'No such file: "x.txt" '),
        (r"C:\Users\me\x.txt is gone", "x.txt is gone"),
        (r"\\host\share\x.txt is gone", "x.txt is gone"),
        ("file:///srv/x/y.txt", "y.txt"),
        ("~/secrets/y.txt", "y.txt"),
        ("/srv/flow.py:3: no such name", "flow.py:3: no such name"),
        (f"{sys.prefix}/lib/x.py", "x.py"),
    ],
)
def test_files_of_this_machine_are_called_by_their_names(text: str, shown: str) -> None:
    assert PATHS.hidden(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "see http://127.0.0.1:8188/view/x, http://[::1]:80/a/b and https://example.org/a/b",
        "POST /prompt gave 1/2 of a/b/c at most 5 / 3",
        "node #3 (KSampler)/x",
        "10:30 C: and D",
    ],
)
def test_what_is_no_path_of_this_machine_stays(text: str) -> None:
    assert PATHS.hidden(text) == text


def test_a_path_that_the_reader_gave_himself_stays() -> None:
    text = "there is no '/data/in/x.png', nor /data/out/x.png"
    assert PATHS.hidden(text, ["/data/in/x.png"]) == "there is no '/data/in/x.png', nor x.png"


@given(st.lists(NAMES, min_size=2, max_size=5), st.sampled_from(["'{}'", '"{}"', "`{}` is gone"]))
def test_no_folder_of_a_path_in_quotes_is_told(names: list[str], form: str) -> None:
    for path in ("/" + "/".join(names), str(PureWindowsPath("C:/", *names))):
        assert PATHS.hidden(f"no file {form.format(path)}") == f"no file {form.format(names[-1])}"


@given(st.lists(NAMES, min_size=1, max_size=4), NAMES)
def test_no_folder_that_is_known_is_told(names: list[str], name: str) -> None:
    folder = Path("/srv", *names)
    assert LocalPaths([folder]).hidden(f"cannot write {folder / name}, so") == f"cannot write {name}, so"


def test_a_long_path_without_a_closing_quote_is_read_once() -> None:
    assert PATHS.hidden("'" + "/a" * 100_000) == "'a"


@workflow
def reading(name: str = "x") -> SaveImage:
    """Reads what is not there."""
    Path(__file__).with_name(name).read_bytes()
    return plain.function()


def test_a_failure_tells_no_folder_of_the_machine_that_serves(tmp_path: Path) -> None:
    with Simulator() as simulator, serving(tmp_path / "out", simulator, functions=[reading]) as served:
        answer = served.job("reading", {"name": "no such file"})
        assert answer.status_code == 422
        assert answer.json()["detail"].endswith("No such file or directory: 'no such file'")
        folder = tmp_path / "out"
        served.service.failure = f"cannot write {folder / 'ledger'}"
        assert str(served.service._unready()) == (
            "jobs cannot be accepted at the moment: cannot write ledger; try again"
        )
