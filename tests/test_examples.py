"""Every example compiles to the prompt beside it, and runs on the simulator.

``COMFYFLOW_UPDATE_EXAMPLES=1`` writes the prompts anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comfynodes
import pytest

from comfyflow.cli.target import load_workflow
from comfyflow.client import Client
from comfyflow.schema.package import package_schema
from comfyflow.simulator import Simulator

EXAMPLES = Path(__file__).parents[1] / "examples"
PARAMETERS = {
    "sweep": ["--text", "a lighthouse at dusk"],
    "txt2img": ["--prompt", "a lighthouse at dusk", "--seed", "7"],
}
SCRIPTS = {
    "websocket_images": "bytes of image/png",
    "many_prompts": "#e76f51: ",
    "custom_node": "brightness 0.50",
    "live_preview": "  step 4 of 4",
    "sweep": "8 rows done, 8 files in sweep",
}
WORKFLOWS = sorted(
    path.stem for path in EXAMPLES.glob("*.py") if "@workflow" in path.read_text(encoding="utf-8")
)


CUSTOM = {
    "input": {"required": {"image": ["IMAGE"]}},
    "output": [],
    "output_node": True,
    "python_module": "custom_nodes.measure",
}


def measure(image: Any) -> dict[str, Any]:
    return {"ui": {"text": [f"{float(image.mean()):.4f}"]}}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    nodes = {**package_schema({comfynodes.__name__}).raw, "MeasureBrightness": CUSTOM}
    with Simulator(nodes) as simulator:
        simulator.simulate("MeasureBrightness", measure)
        yield simulator


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_example_compiles_to_its_golden(name: str) -> None:
    golden = EXAMPLES / f"{name}.prompt.json"
    prompt = load_workflow(EXAMPLES / f"{name}.py", None, PARAMETERS.get(name, _required(name))).to_prompt()
    if os.environ.get("COMFYFLOW_UPDATE_EXAMPLES"):
        golden.write_text(json.dumps(prompt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert prompt == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_example_is_valid_and_runs(name: str, server: Simulator) -> None:
    made = load_workflow(EXAMPLES / f"{name}.py", None, PARAMETERS.get(name, _required(name)))
    report = made.validate()
    assert report.ok, str(report)
    with Client(server.url) as client:
        result = client.run(made, timeout=60)
        assert result.files or result.output.text
        for file in result.files:
            assert file.bytes()


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_prints_what_it_says(name: str, server: Simulator, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env={**os.environ, "COMFYFLOW_SERVER": server.url, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert SCRIPTS[name] in run.stdout


def _required(name: str) -> list[str]:
    return ["--color", "3381759"] if name == "many_prompts" else []
