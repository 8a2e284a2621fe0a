"""Programs of older node packages: what is rewritten, what is left alone, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfynodes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.codegen import Options, generate
from comfyflow.errors import CommandError
from comfyflow.migration import Migrated, NameChanges, migrate
from comfyflow.schema import load_schema
from comfyflow.schema.package import package_schema
from tests.command import Command
from tests.generated import node

ESSENTIALS = {"python_module": "custom_nodes.ComfyUI_essentials"}
PACK: dict[str, Any] = {
    "GetImageSize": node({"image": ["IMAGE"]}, output=["INT"]),
    "GetImageSize+": node({"image": ["IMAGE"]}, output=["INT"], **ESSENTIALS),
    "Switch": node({"a": ["*"]}, output=["*", "*"], output_name=["*", "*"], **ESSENTIALS),
}
OLD_CLASS, OLD_OUTPUT = "GetImageSize_f7d0", "unnamed_df58248c"
INNER = "ours.custom_nodes.ComfyUI_essentials"
CHANGES = {
    "ours": NameChanges.of(load_schema(PACK, "0.27.0")),
    "comfynodes": NameChanges.of(package_schema({comfynodes.__name__})),
}


def migrated(source: str) -> Migrated:
    return migrate(source.encode(), CHANGES)


def after(source: str) -> str:
    """The source with today's names, of which nothing has to be said; the same if it is migrated again."""
    done = migrated(source)
    assert done.remarks == ()
    assert migrated(done.after).after == done.after
    return done.after


def said(source: str) -> list[tuple[int, str]]:
    done = migrated(source)
    assert not done.changed
    return [(remark.place.line, remark.message) for remark in done.remarks if remark.place is not None]


def test_the_former_names_are_those_that_gen_stubs_lists() -> None:
    package = generate(load_schema(PACK, "0.27.0"), Options())
    listed = {(entry.former, entry.name) for entry in package.renamed if entry.former}
    ours = CHANGES["ours"]
    assert {*ours.classes.items(), (OLD_OUTPUT, "output"), (OLD_OUTPUT, "output_2")} == listed
    assert ours.outputs == {"Switch": {OLD_OUTPUT: "output", f"{OLD_OUTPUT}_2": "output_2"}}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("from ours import OLD\nx = OLD(image=y)\n", "from ours import NEW\nx = NEW(image=y)\n"),
        ("from ours import OLD as Size\nSize()\n", "from ours import NEW as Size\nSize()\n"),
        ("import ours\nours.OLD()\n", "import ours\nours.NEW()\n"),
        ("import ours as o\no . OLD ()\n", "import ours as o\no . NEW ()\n"),
        (
            "from ours.custom_nodes.ComfyUI_essentials import OLD\nOLD()\n",
            "from ours.custom_nodes.ComfyUI_essentials import NEW\nNEW()\n",
        ),
        (
            "from ours.custom_nodes import ComfyUI_essentials as e\ne.OLD()\n",
            "from ours.custom_nodes import ComfyUI_essentials as e\ne.NEW()\n",
        ),
        (
            f"import ours\nimport {INNER}\n{INNER}.OLD()\n",
            f"import ours\nimport {INNER}\n{INNER}.NEW()\n",
        ),
        ("from ours import OLD\nNEW = OLD\n", "from ours import NEW as OLD\nNEW = OLD\n"),
        (
            "from ours import OLD\ndef f(OLD): return OLD\n",
            "from ours import NEW as OLD\ndef f(OLD): return OLD\n",
        ),
        (
            "def f():\n    from ours import OLD\n    OLD\ndef g():\n    from ours import OLD\n    OLD\n",
            "def f():\n    from ours import NEW\n    NEW\ndef g():\n    from ours import NEW\n    NEW\n",
        ),
        (
            "from ours import Switch\ns = Switch(a=1)\ns.OUT_2\n",
            "from ours import Switch\ns = Switch(a=1)\ns.output_2\n",
        ),
        (
            "from comfyflow import titled\nfrom ours import Switch\ntitled(Switch(a=1), 't').OUT\n",
            "from comfyflow import titled\nfrom ours import Switch\ntitled(Switch(a=1), 't').output\n",
        ),
        (
            "from comfynodes.choices import BlendMode\nx: BlendMode\n",
            "from comfynodes.choices import ImageBlendBlendMode\nx: ImageBlendBlendMode\n",
        ),
        (
            "# é\nimport ours\nü = 'ä'; ours.OLD(  # keep\n  image = ü )\n",
            "# é\nimport ours\nü = 'ä'; ours.NEW(  # keep\n  image = ü )\n",
        ),
        ("from ours import (OLD,\r\n  Switch)\r\nOLD\r\n", "from ours import (NEW,\r\n  Switch)\r\nNEW\r\n"),
    ],
)
def test_names_are_rewritten_where_they_are_the_packages(before: str, expected: str) -> None:
    def named(text: str) -> str:
        return (
            text.replace("OUT", OLD_OUTPUT)
            .replace("OLD", OLD_CLASS)
            .replace("NEW", "GetImageSize_essentials")
        )

    assert after(named(before)) == named(expected)


@pytest.mark.parametrize(
    "source",
    [
        "from elsewhere import OLD\nOLD()\n",
        "OLD = 1\nprint(OLD)\n",
        "import elsewhere\nelsewhere.OLD()\n",
        "import ours\nours = 3\nours.OLD\n",
        "def OLD(): ...\n",
        "from .ours import OLD\nOLD()\n",
        "import ours\n'ours.OLD'\n",
        "from ours import GetImageSize\nGetImageSize()\n",
    ],
)
def test_other_names_are_left_alone(source: str) -> None:
    source = source.replace("OLD", OLD_CLASS)
    assert after(source) == source


def test_what_cannot_be_decided_is_said_with_its_line() -> None:
    assert said(f"from ours import *\n\n{OLD_CLASS}()\n") == [
        (
            3,
            (
                f"{OLD_CLASS} is now called GetImageSize_essentials; "
                "with `import *` it is unclear whether this is it"
            ),
        )
    ]
    ((line, told),) = said(f"import ours\n\ndef f(given):\n    return given.{OLD_OUTPUT}\n")
    assert line == 4
    assert "its class is unknown" in told
    done = migrated(f"from ours import {OLD_CLASS}\n__all__ = ['{OLD_CLASS}']\n")
    assert [remark.place and remark.place.line for remark in done.remarks] == [2]
    assert done.after.startswith("from ours import GetImageSize_essentials\n")


@pytest.mark.parametrize(
    ("source", "line", "told"),
    [
        ("from comfynodes import KlingVirtualTryOnNode", 1, "ComfyUI 0.33.0 no longer has it (0.27.0 did)"),
        (
            "import comfynodes as c\nc.KlingCameraControlT2VNode",
            2,
            "KlingTextToVideoNode accepts most of its inputs",
        ),
        ("import comfynodes as c\nc.Load3DAnimation()", 2, "the server replaces it with Load3D"),
        ("from comfynodes.choices import SaveVideoFormat", 1, "no node of this package has those choices"),
        ("import comfynodes\na, b, c, d = comfynodes.GetVideoComponents(video=v)", 2, "has 5 outputs since"),
        ("import comfynodes\ncomfynodes.LoadTrainingDataset()", 2, "needs folder_name= since ComfyUI 0.33.0"),
        (
            "from comfynodes import KlingImage2VideoNode as K\nK(model_name='kling-v1', mode='pro')",
            2,
            "KlingImage2VideoNode(model_name='kling-v1'): ComfyUI 0.33.0 no longer accepts that choice",
        ),
    ],
)
def test_what_a_release_dropped_is_said(source: str, line: int, told: str) -> None:
    ((at, text),) = said(source)
    assert at == line
    assert told in text


@pytest.mark.parametrize(
    "source",
    [
        "import comfynodes\na, b, c, d, *rest = comfynodes.GetVideoComponents(video=v)",
        "import comfynodes\nv = comfynodes.GetVideoComponents(video=v)\nv.images",
        "import comfynodes\ncomfynodes.SaveVideo(video=v)",
        "import comfynodes\ncomfynodes.LoadTrainingDataset(**given)",
        "import comfynodes\ncomfynodes.LoadTrainingDataset(folder_name='mine')",
        "import comfynodes\ncomfynodes.KlingImage2VideoNode(model_name='kling-v2-5-turbo', mode='pro')",
    ],
)
def test_what_still_holds_is_not_said(source: str) -> None:
    assert after(source) == source


@pytest.mark.parametrize(
    "data",
    [
        b"def (",
        b"x = '\xff'",
        b"# coding: nothing\n",
        b"x = 1\0",
        b"(" * 5000 + b")" * 5000,
        b"#" * (11 << 20),
    ],
    ids=["syntax", "utf8", "coding", "null", "deep", "large"],
)
def test_what_is_no_program_is_an_error_that_names_the_file(data: bytes) -> None:
    with pytest.raises(CommandError, match=r"^flow\.py"):
        migrate(data, CHANGES, "flow.py")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_the_encoding_stays(encoding: str) -> None:
    cookie = "# coding: latin-1\n" if encoding == "latin-1" else ""
    source = f"{cookie}from ours import {OLD_CLASS}\nx = 'ä'; {OLD_CLASS}()\n"
    done = migrate(source.encode(encoding), CHANGES)
    assert done.after.encode(done.encoding) == source.replace(OLD_CLASS, "GetImageSize_essentials").encode(
        encoding
    )


names = st.sampled_from([OLD_CLASS, "GetImageSize_essentials", "Switch", "x", "ours", "o"])
lines = st.one_of(
    st.builds("from ours import {}".format, names),
    st.builds("from ours import {} as {}".format, names, names),
    st.sampled_from(["import ours", "import ours as o", "from ours import *", "import ours.choices"]),
    st.builds("{} = {}(a=1)".format, names, names),
    st.builds("{}.{}({}.{})".format, names, names, names, st.sampled_from([OLD_OUTPUT, "y"])),
    st.builds("def f({}): return {}".format, names, names),
    st.builds("# {} ö".format, names),
)


@given(st.lists(lines, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_program_stays_one_and_is_migrated_once(program: list[str], end: str) -> None:
    source = end.join(program)
    done = migrated(source)
    compile(done.after, "after.py", "exec")
    assert migrated(done.after).after == done.after
    before, now = source.split(end), done.after.split(end)
    assert len(now) == len(before)
    for old, new in zip(before, now, strict=True):
        if old != new:
            assert not old.startswith("#")
            assert OLD_CLASS in old or OLD_OUTPUT in old


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a generated package and a program of an older one."""
    monkeypatch.chdir(tmp_path)
    generate(load_schema(PACK, "0.27.0"), Options()).write(tmp_path / "ours")
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "flow.py").write_text(f"from ours import {OLD_CLASS}\n\nraise SystemExit('it ran')\n")
    return tmp_path


def test_the_command_shows_a_diff_and_writes_nothing(project: Path, command: Command) -> None:
    before = (project / "flows" / "flow.py").read_bytes()
    run = command("migrate", "flows/flow.py")
    assert run.code == 1
    assert run.out.splitlines() == [
        "--- flows/flow.py",
        "+++ flows/flow.py",
        "@@ -1,3 +1,3 @@",
        f"-from ours import {OLD_CLASS}",
        "+from ours import GetImageSize_essentials",
        " ",
        " raise SystemExit('it ran')",
    ]
    assert (project / "flows" / "flow.py").read_bytes() == before


def test_the_command_writes_where_it_is_told_to_and_then_finds_nothing(
    project: Path, command: Command
) -> None:
    flow = project / "flows" / "flow.py"
    flow.chmod(0o750)
    run = command("migrate", "--write", str(flow))
    assert (run.code, run.out, run.err) == (0, "", f"{flow}: rewritten\n")
    assert flow.read_text().startswith("from ours import GetImageSize_essentials\n")
    assert flow.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in flow.parent.iterdir()] == ["flow.py"]
    again = command("migrate", str(flow))
    assert (again.code, again.out, again.err) == (0, "", "")


def test_the_command_says_what_is_left_with_file_and_line(project: Path, command: Command) -> None:
    (project / "flow.py").write_text("from comfynodes import KlingVirtualTryOnNode\n")
    run = command("migrate", "flow.py", "--package", "comfynodes")
    assert run.code == 1
    assert run.err.startswith("flow.py:1: KlingVirtualTryOnNode: ComfyUI 0.33.0 no longer has it")


def test_a_file_without_node_classes_and_a_package_that_is_not_there(project: Path, command: Command) -> None:
    (project / "plain.py").write_text("import json\n")
    assert command("migrate", "plain.py").err == "plain.py: imports no generated node package\n"
    assert command("migrate", "plain.py", "--package", "nowhere").code == 2
    assert command("migrate", "missing.py").code == 2


@pytest.mark.parametrize(
    ("where", "before", "after"),
    [
        ("flow.py", "from .ours import OLD\nOLD()\n", "from .ours import NEW\nNEW()\n"),
        ("flows/flow.py", "from ..ours import OLD as A\nA()\n", "from ..ours import NEW as A\nA()\n"),
        ("flows/flow.py", "from .. import ours\nours.OLD()\n", "from .. import ours\nours.NEW()\n"),
        (
            "flows/flow.py",
            "from ..ours.custom_nodes import ComfyUI_essentials as e\ne.OLD()\n",
            "from ..ours.custom_nodes import ComfyUI_essentials as e\ne.NEW()\n",
        ),
        ("flows/flow.py", "from .ours import OLD\nOLD()\n", None),
        ("flow.py", "from ....................ours import OLD\n", None),
        ("flow.py", "from . import OLD\n", None),
    ],
)
@pytest.mark.parametrize("asked", [(), ("--package", "ours")])
def test_relative_imports_are_followed_from_where_the_file_is(
    project: Path, command: Command, where: str, before: str, after: str | None, asked: tuple[str, ...]
) -> None:
    def named(text: str) -> str:
        return text.replace("OLD", OLD_CLASS).replace("NEW", "GetImageSize_essentials")

    file = project / where
    file.write_text(named(before))
    run = command("migrate", "--write", where, *asked)
    assert file.read_text() == named(before if after is None else after)
    assert ("rewritten" in run.err) == (after is not None)
