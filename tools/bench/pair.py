"""This tree beside an older commit: making, compiling, checking, comparing and writing workflows.

Both meet the same machine: their processes take turns, and what is shown is the median, over the pairs, of
this tree's CPU time over the older one's. COMFYFLOW_BASE names another commit or tag to compare with.
Editor JSON has its own bench, `convert_pair`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from ._process import BASE, ROOT, base_tree, environment, run_once
from .spine import TXT2IMG

PAIRS = 9
RUNS = 15

STEPS = """
import gc, json, time
from comfyflow import Workflow, validate_prompt, workflow
from comfyflow.diff import diff
from comfyflow.python_source import to_python
from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, EmptyLatentImage
from comfynodes import KSampler, SaveImage, VAEDecode
from comfyflow import read_prompt

def build(blocks, seed):
    ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
    return [
        SaveImage(images=VAEDecode(vae=ckpt.VAE, samples=KSampler(
            model=ckpt.MODEL, seed=seed + block, steps=20, cfg=7.0, sampler_name="euler", scheduler="normal",
            positive=CLIPTextEncode(text="a", clip=ckpt.CLIP),
            negative=CLIPTextEncode(text="b", clip=ckpt.CLIP),
            latent_image=EmptyLatentImage(width=512, height=512, batch_size=1),
        )))
        for block in range(blocks)
    ]

found = {}
def timed(name, function):
    gc.collect()
    started = time.process_time()
    made = function()
    found[name] = min(found.get(name, 1e9), time.process_time() - started)
    return made

schema = Workflow(*build(1, 0)).schema()
for turn in range(5):
    roots = timed("build 6,001 nodes", lambda: build(1000, turn))
    prompt = timed("compile", lambda: Workflow(*roots).to_prompt())
    assert timed("validate", lambda: validate_prompt(prompt, schema)).ok
    graph = timed("read prompt JSON", lambda: read_prompt(prompt))
    other = json.loads(json.dumps(prompt))
    other["3"]["inputs"]["width"] = 640
    small, second = Workflow(*build(40, 0)).to_prompt(), Workflow(*build(40, 7)).to_prompt()
    timed("diff of 241 nodes", lambda: str(diff(read_prompt(small), read_prompt(second))))
    timed("to Python, 61 nodes", lambda: to_python(read_prompt(Workflow(*build(10, 0)).to_prompt()), schema))
print(json.dumps(found))
"""


def main() -> None:
    with base_tree() as older:
        if older is None:
            print(f"  not compared: git knows no commit {BASE}")
            return
        steps(older)
        whole(older)


def steps(older: Path) -> None:
    """Compare what one process does, by its own clock."""
    ratios: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for _ in range(PAIRS):
        now, before = (_measured(tree) for tree in (ROOT, older))
        for name, taken in now.items():
            ratios.setdefault(name, []).append(taken / before[name])
            seconds.setdefault(name, []).append(taken)
    for name, found in ratios.items():
        taken = statistics.median(seconds[name]) * 1000
        print(f"  {name:<20} {taken:8.1f} ms; {statistics.median(found):.2f} times {BASE}", flush=True)


def _measured(tree: Path) -> dict[str, float]:
    words = [sys.executable, "-c", STEPS]
    run = subprocess.run(words, cwd=tree, env=environment(tree), capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"at {tree}:\n{run.stderr[-2000:]}")
    found: dict[str, float] = json.loads(run.stdout)
    return found


def whole(older: Path) -> None:
    """Compare whole processes that make, check and print txt2img: time, and memory at its most."""
    command = [sys.executable, "-c", TXT2IMG]
    runs: dict[Path, list[tuple[float, float]]] = {ROOT: [], older: []}
    for turn in range(RUNS + 1):
        for tree, taken in runs.items():
            cost = run_once(command, environment(tree), tree)
            if turn:
                taken.append(cost)
    pairs = zip(runs[ROOT], runs[older], strict=True)
    ratio = statistics.median(mine / theirs for (mine, _), (theirs, _) in pairs)
    memory = [max(megabytes for _, megabytes in taken) for taken in runs.values()]
    print(f"  txt2img, whole process: {ratio:.2f} times {BASE}; {memory[0]:.0f} MB, then {memory[1]:.0f} MB")
