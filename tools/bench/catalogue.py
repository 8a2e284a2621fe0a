"""One workflow against the catalogue of a server with many packs, as whole processes.

The catalogue is made of the reference package's classes: repeated until it has 2,694, with a list of
2,400 files in every second, which makes some 77 MB. The floor is ``json.load`` of the same file in a
separate process; the aims are those of the project.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from ._object_info_server import serving_object_info
from ._process import ROOT, Cost, compare, environment, run_once

SCHEMA = ROOT / "stubs" / "comfynodes" / "schema.json"
PROMPT = ROOT / "examples" / "txt2img.prompt.json"
CLASSES = 2_694
FILES = 2_400
EVERY = 2
RUNS = 5
AIM = 0.45
AIM_MEGABYTES = 110
AIM_SENT = 1
AIM_GENERATION = 200
LOAD = "json.load"


BESIDE_STUBS = """
import sys
sys.path.insert(0, sys.argv[1])
from comfyflow import Workflow
from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, EmptyLatentImage
from comfynodes import KSampler, SaveImage, VAEDecode
ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
latent = KSampler(
    model=ckpt.MODEL, seed=1, steps=20, cfg=7.0, sampler_name="euler", scheduler="normal",
    positive=CLIPTextEncode(text="a", clip=ckpt.CLIP), negative=CLIPTextEncode(text="b", clip=ckpt.CLIP),
    latent_image=EmptyLatentImage(width=512, height=512, batch_size=1),
)
report = Workflow(SaveImage(images=VAEDecode(samples=latent, vae=ckpt.VAE))).validate()
assert report.ok and "2694 node classes" in str(report), report
"""


def main() -> None:
    nodes = json.loads(SCHEMA.read_bytes())["nodes"]
    prompt = json.loads(PROMPT.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object_info.json"
        path.write_text(json.dumps(catalogue(nodes, prompt)), encoding="utf-8")
        print(f"{CLASSES} classes, {path.stat().st_size / 1e6:.0f} MB:")
        stubs = Path(folder) / "comfynodes"
        generation(path, stubs)
        show(compare(commands(path, stubs), RUNS))
        of_server(path)


def generation(path: Path, stubs: Path) -> None:
    """What it costs to generate all of them."""
    words = ["gen-stubs", "--object-info", str(path), "--out", str(stubs)]
    seconds, megabytes = run_once([sys.executable, "-m", "comfyflow", *words], environment())
    cost = Cost(seconds, megabytes)
    print(f"  {'comfyflow gen-stubs':<36}{cost}   aim: {AIM_GENERATION} MB")


def of_server(path: Path) -> None:
    """How many bytes one workflow needs of a server with that catalogue."""
    with serving_object_info(path) as url:
        words = ["validate", str(PROMPT), "--server", url]
        run_once([sys.executable, "-m", "comfyflow", *words], environment())
        sent = int(httpx.get(f"{url}sent").text)
    print(f"  {'comfyflow validate --server: asks for':<36} {sent / 1e6:.2f} MB   aim: {AIM_SENT} MB")


def commands(path: Path, stubs: Path) -> Mapping[str, list[str]]:
    """What is compared, by name."""
    python = sys.executable
    return {
        LOAD: [python, "-c", f"import json; json.load(open({str(path)!r}, 'rb'))"],
        "comfyflow validate --object-info": [
            python, "-m", "comfyflow", "validate", str(PROMPT), "--object-info", str(path),
        ],
        "comfyflow nodes KSampler": [
            python, "-m", "comfyflow", "nodes", "KSampler", "--object-info", str(path),
        ],
        "workflow.validate(), beside stubs": [python, "-c", BESIDE_STUBS, str(stubs.parent)],
    }  # fmt: skip


def show(costs: Mapping[str, Cost]) -> None:
    floor = costs[LOAD].seconds
    for name, cost in costs.items():
        aims = f"   aim: {AIM} x, {AIM_MEGABYTES} MB" if name != LOAD else ""
        print(f"  {name:<36}{cost}   {cost.seconds / floor:5.2f} x{aims}")


def catalogue(
    nodes: Mapping[str, Any], prompt: Mapping[str, Any], classes: int = CLASSES, listed: int = FILES
) -> dict[str, Any]:
    """An /object_info of the size of a real server with many packs.

    Args:
        nodes: The classes to repeat.
        prompt: A prompt whose checkpoint the server has.
        classes: How many classes it gets.
        listed: How many files are in each list.
    """
    files = [f"f{number % 40}/model_{number:05d}.safetensors" for number in range(listed)]
    checkpoints = [node["inputs"]["ckpt_name"] for node in prompt.values() if "ckpt_name" in node["inputs"]]
    # A server tells the inputs of a class first.
    nodes = {name: {"input": node["input"], **node} for name, node in nodes.items()}
    names = list(nodes)
    made: dict[str, Any] = {}
    while len(made) < classes:
        turn, place = divmod(len(made), len(names))
        name, node = names[place], nodes[names[place]]
        if turn and len(made) % EVERY == 0:
            node = with_input(node, "optional", "file", [files, {}])
        elif name == "CheckpointLoaderSimple":
            node = with_input(node, "required", "ckpt_name", [[*checkpoints, *files], {}])
        made[f"{name} {turn}" if turn else name] = node
    return made


def with_input(node: Mapping[str, Any], group: str, name: str, definition: list[Any]) -> dict[str, Any]:
    """A class with one more input, or another one in its place."""
    groups = node["input"]
    return {**node, "input": {**groups, group: {**groups.get(group, {}), name: definition}}}
