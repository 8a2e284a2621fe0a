"""What an editor offers while one types: jedi, as many editors and notebooks use it."""

from __future__ import annotations

import jedi
import pytest

from tests.typing.snippets import ROOT

PREAMBLE = """\
import comfynodes
from comfynodes import CheckpointLoaderSimple, KSampler, ResizeImageMaskNode, SaveImage
ckpt = CheckpointLoaderSimple(ckpt_name="a")
latent = KSampler()
"""


@pytest.fixture(scope="module")
def project() -> jedi.Project:
    return jedi.Project(ROOT, added_sys_path=[str(ROOT), str(ROOT / "stubs")])


def offered(project: jedi.Project, typed: str) -> set[str]:
    script = jedi.Script(PREAMBLE + typed, path=ROOT / "typed.py", project=project)
    return {completion.name for completion in script.complete()}


def test_nodes_are_offered_by_the_package_and_by_its_modules(project: jedi.Project) -> None:
    assert {"KSampler", "KSamplerAdvanced"} <= offered(project, "from comfynodes import KSam")
    assert {"KSampler", "KSamplerAdvanced"} <= offered(project, "from comfynodes.nodes import KSam")
    assert {"WanImageToVideo"} <= offered(project, "from comfynodes.comfy_extras.nodes_wan import Wan")
    assert {"KSampler"} <= offered(project, "comfynodes.KSam")


def test_outputs_are_offered(project: jedi.Project) -> None:
    names = offered(project, "ckpt.")
    assert {"MODEL", "CLIP", "VAE"} <= names
    assert {name for name in names if not name.startswith("_")} <= {"MODEL", "CLIP", "VAE", "count", "index"}
    assert {name for name in offered(project, "latent.") if not name.startswith("_")} == {"LATENT"}


def test_arguments_are_offered(project: jedi.Project) -> None:
    names = offered(project, "KSampler(")
    expected = {"model", "seed", "steps", "cfg", "sampler_name", "scheduler", "latent_image", "denoise"}
    assert {f"{name}=" for name in expected} <= names


def test_the_signature_is_shown(project: jedi.Project) -> None:
    script = jedi.Script(PREAMBLE + "KSampler(", path=ROOT / "typed.py", project=project)
    (signature,) = script.get_signatures()
    assert [parameter.name for parameter in signature.params][:4] == ["model", "seed", "steps", "cfg"]
    assert "seed: int | Output[_t.INT]=0" in signature.to_string()


def test_options_of_dynamic_inputs_are_offered(project: jedi.Project) -> None:
    assert "ResizeType" in offered(project, "ResizeImageMaskNode.")
    assert {"scale_width", "match_size"} <= offered(project, "ResizeImageMaskNode.ResizeType.")
    assert "width=" in offered(project, "ResizeImageMaskNode.ResizeType.scale_width(")
