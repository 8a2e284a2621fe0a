"""The plugin of pytest, in runs of pytest of its own."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import comfyflow
from comfyflow.simulator import Simulator
from comfyflow.testing.session import SESSIONS, current_session, stubs_schema

pytest_plugins = ["pytester"]

WORKFLOW = """
from comfynodes import EmptyImage, ImageInvert, SaveImage
from comfyflow import workflow

@workflow
def plain(width: int = 64, invert: bool = False) -> SaveImage:
    image = EmptyImage(width=width, height=32, color=255)
    return SaveImage(images=ImageInvert(image=image) if invert else image)
"""

# pytester forgets the modules that an inner run loads first; classes must not be loaded twice.
for _module in pkgutil.walk_packages(comfyflow.__path__, "comfyflow."):
    if not _module.name.startswith(
        ("comfyflow.__main__", "comfyflow.agents", "comfyflow.cli", "comfyflow.serve")
    ):
        importlib.import_module(_module.name)
importlib.import_module("comfynodes.nodes")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Write a test file and run it."""
    pytester.makepyfile(flows=WORKFLOW)
    pytester.syspathinsert()

    def run_tests(test: str | None = None, *arguments: str) -> pytest.RunResult:
        if test is not None:
            pytester.makepyfile(test_it=test)
        return pytester.runpytest_inprocess("-p", "comfyflow.testing.plugin", "-q", *arguments)

    return run_tests


def test_a_run_needs_nothing_but_the_fixtures(run: Run) -> None:
    done = run(
        """
        from comfyflow.testing import assert_images, assert_metadata, assert_valid
        from flows import plain

        def test_it(comfy_client, comfy_server):
            assert_valid(plain())
            result = comfy_client.run(plain())
            assert_images(result, 1, size=(64, 32), format="PNG")
            assert_metadata(result.output.images[0], plain())
            assert [each.prompt for each in comfy_server.prompts] == [plain().to_prompt()]

        def test_each_test_has_its_own_server(comfy_server):
            assert comfy_server.prompts == []
        """
    )
    done.assert_outcomes(passed=2)


def test_a_client_for_asyncio(run: Run) -> None:
    done = run(
        """
        import asyncio
        from flows import plain
        from comfyflow.testing import assert_images

        def test_it(async_comfy_client):
            async def main():
                async with async_comfy_client as client:
                    result = await client.run(plain())
                    return await client.read(result.output.images[0])

            assert_images(asyncio.run(main()), 1, size=(64, 32))

        def test_it_may_be_let_be(async_comfy_client):
            assert async_comfy_client is not None
        """,
        "-W",
        "error::ResourceWarning",
        "-W",
        "error::pytest.PytestUnraisableExceptionWarning",
    )
    done.assert_outcomes(passed=2)


def test_things_go_wrong_on_demand(run: Run) -> None:
    done = run(
        """
        import pytest
        from comfyflow.errors import ExecutionError
        from flows import plain

        def test_a_node_fails(comfy_client, comfy_server):
            comfy_server.fail_next("no memory left", class_type="EmptyImage")
            with pytest.raises(ExecutionError, match="no memory left"):
                comfy_client.run(plain())

        def test_the_socket_breaks(comfy_client, comfy_server):
            comfy_client.run(plain())
            comfy_server.drop_socket()
            assert comfy_client.run(plain(width=65)).output.images

        def test_a_node_is_simulated(comfy_client, comfy_server):
            seen = []
            def invert(image):
                seen.append(image)
                return image
            comfy_server.simulate("ImageInvert", invert)
            comfy_client.run(plain(invert=True))
            assert len(seen) == 1
        """
    )
    done.assert_outcomes(passed=3)


def test_the_schema_is_that_of_the_stubs(run: Run) -> None:
    done = run(
        """
        def test_it(comfy_schema):
            assert "KSampler" in comfy_schema
            assert str(comfy_schema.version) == "0.33.0"
        """
    )
    done.assert_outcomes(passed=1)


def test_the_schema_of_a_file(run: Run, tmp_path: Path) -> None:
    raw = {name: stubs_schema("comfynodes").raw[name] for name in ("EmptyImage", "SaveImage")}
    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(raw))
    done = run(
        """
        import pytest
        from comfyflow.testing import assert_valid
        from flows import plain

        def test_it(comfy_schema, comfy_client):
            assert list(comfy_schema) == ["EmptyImage", "SaveImage"]
            assert_valid(plain())
            assert comfy_client.run(plain()).output.images

        def test_it_is_used_where_no_fixture_is():
            assert_valid(plain(invert=True))
        """,
        "--comfy-object-info",
        str(path),
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["*the workflow 'plain' is not valid for ComfyUI*object_info.json*: 1 problem*"]
    )


def test_a_project_says_what_its_stubs_are_called(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ncomfy_stubs = ournodes\n")
    done = run("def test_it(comfy_schema): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*node package 'ournodes' not found*comfyflow gen-stubs*"])


def test_options_and_the_marker_are_described(run: Run) -> None:
    run(None, "--help").stdout.fnmatch_lines(
        ["*comfyflow*", "*--comfy-object-info=FILE*", "*--comfy-server=URL*", "*--comfy-update-goldens*"]
    )
    run(None, "--markers").stdout.fnmatch_lines(["@pytest.mark.needs_models(?names)*"])


GOLDEN = """
import pytest
from comfyflow.testing import assert_prompt_matches
from flows import plain

@pytest.mark.parametrize("width", [64, 128])
def test_plain(width):
    assert_prompt_matches(plain(width=width))

class TestMore:
    def test_both(self):
        assert_prompt_matches(plain(), name="as it is")
        assert_prompt_matches(plain(invert=True), name="inverted")
"""


def test_goldens_are_written_compared_and_updated(run: Run, pytester: pytest.Pytester) -> None:
    done = run(GOLDEN)
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines(["*golden file not found: *goldens/test_it.test_plain-64.json*"])
    run(None, "--comfy-update-goldens").assert_outcomes(passed=3)
    folder = pytester.path / "goldens"
    assert sorted(path.name for path in folder.iterdir()) == [
        "test_it.TestMore-test_both-as-it-is.json",
        "test_it.TestMore-test_both-inverted.json",
        "test_it.test_plain-128.json",
        "test_it.test_plain-64.json",
    ]
    run().assert_outcomes(passed=3)
    golden = folder / "test_it.test_plain-64.json"
    before = golden.read_text()
    golden.write_text(before.replace('"height": 32', '"height": 31'))
    done = run()
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(["*height: 31 -> 32*", "*pytest --comfy-update-goldens*"])
    run(None, "--comfy-update-goldens").assert_outcomes(passed=3)
    assert golden.read_text() == before


def test_ids_and_order_do_not_matter_to_a_golden(run: Run, pytester: pytest.Pytester) -> None:
    run(GOLDEN, "--comfy-update-goldens")
    golden = pytester.path / "goldens" / "test_it.test_plain-64.json"
    prompt = json.loads(golden.read_text())
    save = prompt["2"]
    save["inputs"]["images"] = ["70", 0]
    golden.write_text(json.dumps({"4": save, "70": prompt["1"]}))
    run().assert_outcomes(passed=3)


def test_goldens_keep_to_the_folder_of_the_test(run: Run, pytester: pytest.Pytester) -> None:
    nested = pytester.mkpydir("nested")
    (nested / "test_deep.py").write_text(
        "from comfyflow.testing import assert_prompt_matches\nfrom flows import plain\n"
        "def test_one(): assert_prompt_matches(plain())\n"
        "def test_two(): assert_prompt_matches(plain(), 'kept/plain.json')\n"
    )
    run(None, "--comfy-update-goldens").assert_outcomes(passed=2)
    assert (nested / "goldens" / "test_deep.test_one.json").is_file()
    assert (nested / "kept" / "plain.json").is_file()
    run().assert_outcomes(passed=2)


def test_two_tests_cannot_share_a_golden(run: Run) -> None:
    done = run(
        """
        import pytest
        from comfyflow.testing import assert_prompt_matches
        from flows import plain

        @pytest.mark.parametrize("case", ["a/b", "a b"])
        def test_plain(case):
            assert_prompt_matches(plain())
        """,
        "--comfy-update-goldens",
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*GoldenError*use the same golden*pass name=*"])


def test_a_golden_that_holds_no_prompt_is_said(run: Run, pytester: pytest.Pytester) -> None:
    run(GOLDEN, "--comfy-update-goldens")
    for content in ("no json", "[]", "[" * 100_000, '{"1": {"inputs": {}}}'):
        (pytester.path / "goldens" / "test_it.test_plain-64.json").write_text(content)
        done = run()
        done.assert_outcomes(passed=2, failed=1)
        done.stdout.fnmatch_lines(["*GoldenError*holds no prompt*"])


def test_pictures_have_goldens_and_differences_to_look_at(run: Run, pytester: pytest.Pytester) -> None:
    test = """
        from comfyflow.testing import assert_image_matches
        from PIL import Image

        def test_look():
            assert_image_matches(Image.new("RGB", (32, 16), {color!r}))
        """
    run(test.format(color="white"), "--comfy-update-goldens").assert_outcomes(passed=1)
    assert (pytester.path / "goldens" / "test_it.test_look.png").is_file()
    run(test.format(color="#fdfdfd")).assert_outcomes(passed=1)
    done = run(test.format(color="black"))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["*mean pixel difference: 1.0000*", "*Both images and their difference are in *.png*"]
    )
    assert len(list((pytester.path / ".pytest_cache").rglob("comfyflow-differences/*test_look*.png"))) == 1


@pytest.fixture
def real_server() -> Iterator[Simulator]:
    """What stands for a real server: one that has one checkpoint."""
    raw: dict[str, Any] = dict(stubs_schema("comfynodes").raw)
    loader = json.loads(json.dumps(raw["CheckpointLoaderSimple"]))
    loader["input"]["required"]["ckpt_name"] = [["here.safetensors"], {}]
    models = {"checkpoints": ["here.safetensors"]}
    with Simulator({**raw, "CheckpointLoaderSimple": loader}, models=models) as server:
        yield server


def test_a_real_server_takes_the_place_of_the_simulator(run: Run, real_server: Simulator) -> None:
    done = run(
        """
        from flows import plain

        def test_it(comfy_client, comfy_server, comfy_schema):
            loader = comfy_schema["CheckpointLoaderSimple"]
            assert loader.by_name["ckpt_name"].choices == ("here.safetensors",)
            assert comfy_server.prompts == []
            assert comfy_client.run(plain()).output.images
            assert [each.prompt for each in comfy_server.prompts] == [plain().to_prompt()]

        def test_what_only_the_simulator_can(comfy_server):
            comfy_server.fail_next()

        def test_what_no_server_has(comfy_server):
            comfy_server.nonsense()
        """,
        "--comfy-server",
        real_server.url,
        "-rs",
    )
    done.assert_outcomes(passed=1, skipped=1, failed=1)
    done.stdout.fnmatch_lines(
        [f"*comfy_server.fail_next needs the simulator, but the server is {real_server.url}*"]
    )


def test_a_server_that_is_not_there_is_told_in_a_line(run: Run) -> None:
    done = run("def test_it(comfy_client): pass", "--comfy-server", "http://127.0.0.1:1")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["--comfy-server: no ComfyUI server answers at http://127.0.0.1:1*"])
    done.stdout.no_fnmatch_line("*in drive*")


MODELS = """
import pytest
from comfynodes import CheckpointLoaderSimple, EmptyImage, SaveImage, VAEDecode, EmptyLatentImage
from comfyflow import Workflow

def needs(name):
    vae = CheckpointLoaderSimple(ckpt_name=name).VAE
    latent = EmptyLatentImage(width=64, height=64)
    return Workflow(SaveImage(images=VAEDecode(samples=latent, vae=vae)))

@pytest.mark.needs_models("here.safetensors")
def test_named_and_there(comfy_client):
    comfy_client.run(needs("here.safetensors"))

@pytest.mark.needs_models("here.safetensors", "heer.safetensors")
def test_named_and_not_there(comfy_client):
    comfy_client.run(needs("heer.safetensors"))

@pytest.mark.needs_models
def test_not_named_and_there(comfy_client):
    comfy_client.run(needs("here.safetensors"))
"""

REFUSED = """
import pytest
from test_it import needs

@pytest.mark.needs_models
def test_marked(comfy_client):
    comfy_client.run(needs("away.safetensors"))

def test_not_marked(comfy_client):
    comfy_client.run(needs("away.safetensors"))

@pytest.mark.needs_models
def test_another_mistake(comfy_client):
    comfy_client.run(needs("away.safetensors"))
"""


def refusal(*kinds: str) -> dict[str, Any]:
    errors = [
        {
            "type": kind,
            "message": kind,
            "details": "",
            "extra_info": {"input_name": "ckpt_name", "received_value": "away.safetensors"},
        }
        for kind in kinds
    ]
    return {"1": {"errors": errors, "dependent_outputs": ["4"], "class_type": "CheckpointLoaderSimple"}}


def test_tests_that_need_models_are_skipped_where_there_are_none(
    run: Run, real_server: Simulator, pytester: pytest.Pytester
) -> None:
    done = run(MODELS, "--comfy-server", real_server.url, "-rs")
    done.assert_outcomes(passed=2, skipped=1)
    done.stdout.fnmatch_lines(
        [f"*{real_server.url} does not have heer.safetensors (it has here.safetensors)*"]
    )
    pytester.makepyfile(test_refused=REFUSED)
    for kinds in (
        ["value_not_in_list"],
        ["value_not_in_list"],
        ["value_not_in_list", "value_smaller_than_min"],
    ):
        real_server.reject_next(node_errors=refusal(*kinds))
    done = run(None, "test_refused.py", "--comfy-server", real_server.url, "-rs")
    done.assert_outcomes(skipped=1, failed=2)
    done.stdout.fnmatch_lines([f"*{real_server.url} does not have away.safetensors*"])


def test_the_simulator_needs_no_models(run: Run) -> None:
    run(MODELS).assert_outcomes(passed=3)


def test_projects_that_do_not_use_it_do_not_pay(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(comfyflow.__file__).parents[1]))
    pytester.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"aiohttp", "click", "httpx", "jinja2", "networkx", "numpy", "PIL", "rich", "websockets"}
            ours = {name for name in sys.modules if name.startswith("comfyflow")}
            assert not heavy & set(sys.modules)
            assert ours == {
                "comfyflow", "comfyflow.base_error", "comfyflow.errors", "comfyflow.generated",
                "comfyflow.lazy_import",
                "comfyflow.testing", "comfyflow.testing.plugin",
                "comfyflow.testing.session",
            }
        """
    )
    done = pytester.runpytest_subprocess("-p", "comfyflow.testing.plugin", "-p", "no:hypothesispytest")
    done.assert_outcomes(passed=1)


def test_sessions_end(run: Run) -> None:
    before = list(SESSIONS)
    run("def test_it(): pass").assert_outcomes(passed=1)
    assert before == SESSIONS
    assert current_session() in SESSIONS or not SESSIONS
