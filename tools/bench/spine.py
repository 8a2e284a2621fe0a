"""Build, validate and compile; start-up; generation: beside ``json.dumps`` and beside ComfyScript.

ComfyScript is compared where it is installed: ``COMFYSCRIPT_PYTHON`` names the Python of an
environment with ``comfy-script[default]`` and ``nest_asyncio2``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ._object_info_server import serving_object_info
from ._process import ROOT, compare

SIZES = (10_000, 100_000)
REPEATS = 5
STEPS = ("build", "compile", "validate")
CALLS = 2_000
PAIRS = 7
CALLS_AIM = 7
GENERATION_AIM = 0.6
START_AIM = 0.17
SWEEP_AIM = 0.25
OBJECT_INFO = ROOT / "stubs" / "comfynodes" / "schema.json"

TXT2IMG = """
import json
from comfyflow import Workflow
from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, EmptyLatentImage
from comfynodes import KSampler, SaveImage, VAEDecode
ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
latent = KSampler(
    model=ckpt.MODEL, seed=1, steps=20, cfg=7.0, sampler_name="euler", scheduler="normal",
    positive=CLIPTextEncode(text="a", clip=ckpt.CLIP), negative=CLIPTextEncode(text="b", clip=ckpt.CLIP),
    latent_image=EmptyLatentImage(width=512, height=512, batch_size=1),
)
workflow = Workflow(SaveImage(images=VAEDecode(samples=latent, vae=ckpt.VAE)))
report = workflow.validate()
print(json.dumps(workflow.to_prompt()), report.ok)
"""

# Into a new folder each time: what is there already is not compiled again.
GEN_STUBS = """
import sys, tempfile
from comfyflow.cli import main
object_info, folder, *options = sys.argv[1:]
out = tempfile.mkdtemp(dir=folder) + "/generated"
sys.argv = ["comfyflow", "gen-stubs", "--object-info", object_info, "--out", out, *options]
main()
"""


def main() -> None:
    calls()
    sweep()
    graphs()
    start_up()
    generation()


def calls() -> None:
    """Cost a workflow function that is called, compiled and validated with one seed after the other,
    over ``json.dumps`` of its prompt.
    """
    cost = _in_a_process("calls")
    parts = ", ".join(f"{step} {cost[step]:.2f}" for step in STEPS)
    print(
        f"a workflow function, {cost['nodes']:.0f} nodes, {CALLS:,} calls: {cost['whole']:.2f} x json.dumps "
        f"({parts}; aim: {CALLS_AIM}); peak memory {cost['megabytes']:.0f} MB"
    )


def sweep() -> None:
    """Cost the validation of a prompt in which one value has changed, over that of a prompt that is new."""
    for size in (7, 901):
        cost = _in_a_process(f"sweep {size}")
        print(
            f"one value changed in a prompt of {cost['nodes']:.0f} nodes, {CALLS:,} validations: "
            f"{cost['again']:.2f} x the first (aim: {SWEEP_AIM}), which takes {cost['first']:.2f} x "
            f"json.dumps; peak memory {cost['megabytes']:.0f} MB"
        )


def graphs() -> None:
    """Cost a node of a graph of many txt2img blocks, over ``json.dumps`` of its prompt."""
    wholes: dict[int, float] = {}
    floors: dict[int, float] = {}
    for size in SIZES:
        cost = _in_a_process(str(size))
        wholes[size] = sum(cost[step] for step in STEPS)
        floors[size] = cost["dumps"]
        parts = ", ".join(f"{step} {cost[step] / cost['dumps']:.2f}" for step in STEPS)
        print(f"{size:>7} nodes: {wholes[size] / cost['dumps']:.2f} x json.dumps ({parts}; aim: 4.5)")
        print(
            f"        json.dumps takes {cost['dumps'] / cost['nodes'] * 1e6:.2f} us a node; "
            f"peak memory {cost['megabytes']:.0f} MB"
        )
    small, large = SIZES
    print(
        f"  ten times the nodes take {wholes[large] / wholes[small]:.1f} x the time (aim: 11); "
        f"json.dumps of them {floors[large] / floors[small]:.1f} x"
    )


def _in_a_process(what: str) -> dict[str, float]:
    """What this module measures in a separate process: "calls", "sweep" and a size, or a size."""
    run = subprocess.run(
        [sys.executable, "-m", "tools.bench.spine", *what.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stubs'}"},
    )
    cost: dict[str, float] = json.loads(run.stdout)
    return cost


def start_up() -> None:
    """The whole process: import, build txt2img, validate, print the prompt."""
    commands = {"floor": [sys.executable, "-c", "import json"], "comfyflow": [sys.executable, "-c", TXT2IMG]}
    peer = os.environ.get("COMFYSCRIPT_PYTHON")
    with serving_object_info(OBJECT_INFO) as url:
        if peer:
            commands["ComfyScript"] = [peer, str(Path(__file__).parent / "_comfyscript.py"), url]
        costs = compare(commands)
    _print_ratios(f"txt2img, whole process (aim: {START_AIM} x ComfyScript)", costs, "comfyflow")


def generation() -> None:
    """gen-stubs of the reference schema, whole process, beside ComfyScript's load().

    Into a new folder each time; the first run, which is not counted, is the one that generates, except for
    ``--no-cache``.
    """
    with tempfile.TemporaryDirectory() as folder, serving_object_info(OBJECT_INFO) as url:
        commands = {
            "floor": [sys.executable, "-c", "import json"],
            "gen-stubs": [sys.executable, "-c", GEN_STUBS, str(OBJECT_INFO), folder],
            "gen-stubs --no-cache": [sys.executable, "-c", GEN_STUBS, str(OBJECT_INFO), folder, "--no-cache"],
        }
        os.environ["COMFYFLOW_CACHE"] = str(Path(folder, "cache"))
        peer = os.environ.get("COMFYSCRIPT_PYTHON")
        if peer:
            script = str(Path(__file__).parent / "_comfyscript.py")
            commands["ComfyScript load()"] = [peer, script, url, "--load-only"]
        costs = compare(commands, runs=3)
    _print_ratios(f"node classes of the reference (aim: {GENERATION_AIM} x ComfyScript)", costs, "gen-stubs")


def _print_ratios(title: str, costs: dict[str, object], ours: str) -> None:
    print(f"{title}:")
    for name, cost in costs.items():
        ratio = costs[ours].seconds / cost.seconds  # type: ignore[attr-defined]
        note = "" if name == ours else f"   {ours} takes {ratio:.2f} x its time"
        print(f"  {name:<20}{cost}{note}")


def measure_calls() -> dict[str, float]:
    """CPU time of a call, a compilation and a validation, over that of ``json.dumps``: medians of pairs."""
    from comfynodes import (
        CheckpointLoaderSimple,
        CLIPTextEncode,
        EmptyLatentImage,
        KSampler,
        SaveImage,
        VAEDecode,
    )

    from comfyflow import workflow

    @workflow
    def txt2img(text: str, seed: int) -> SaveImage:
        model, clip, vae = CheckpointLoaderSimple(ckpt_name="a.safetensors")
        latent = KSampler(
            model=model,
            seed=seed,
            steps=20,
            cfg=7.0,
            sampler_name="euler",
            scheduler="normal",
            positive=CLIPTextEncode(text=text, clip=clip),
            negative=CLIPTextEncode(text="blurry, watermark", clip=clip),
            latent_image=EmptyLatentImage(width=512, height=512),
        )
        return SaveImage(images=VAEDecode(samples=latent, vae=vae))

    made = txt2img("a lighthouse at dusk, oil painting", 0)
    prompt, report = made.to_prompt(), made.validate()
    assert report.ok, str(report)
    of_a_pair: dict[str, list[float]] = {}
    for _ in range(PAIRS):
        seconds = dict.fromkeys((*STEPS, "dumps"), 0.0)
        for seed in range(CALLS):
            started = time.process_time()
            made = txt2img("a lighthouse at dusk, oil painting", seed)
            built = time.process_time()
            prompt = made.to_prompt()
            compiled = time.process_time()
            report = made.validate()
            validated = time.process_time()
            json.dumps(prompt)
            dumped = time.process_time()
            assert report.ok
            seconds["build"] += built - started
            seconds["compile"] += compiled - built
            seconds["validate"] += validated - compiled
            seconds["dumps"] += dumped - validated
        for step in STEPS:
            of_a_pair.setdefault(step, []).append(seconds[step] / seconds["dumps"])
        whole = sum(seconds[step] for step in STEPS)
        of_a_pair.setdefault("whole", []).append(whole / seconds["dumps"])
    found = {step: statistics.median(ratios) for step, ratios in of_a_pair.items()}
    return {**found, "nodes": len(prompt), "megabytes": _peak_megabytes()}


def measure_sweep(size: int) -> dict[str, float]:
    """CPU time of validations, those of a known prompt over those of a new one: medians of pairs."""
    from comfynodes import CheckpointLoaderSimple

    from comfyflow import validate_prompt
    from comfyflow.validate.plan import SchemaPlans
    from comfyflow.workflows import Workflow

    workflow = Workflow(*build(size, CheckpointLoaderSimple))
    prompt, schema = workflow.to_prompt(), workflow.schema()
    plans = SchemaPlans.of(schema)
    inputs = next(node["inputs"] for node in prompt.values() if node["class_type"] == "KSampler")
    assert validate_prompt(prompt, schema).ok
    of_a_pair: dict[str, list[float]] = {"first": [], "again": []}
    for _ in range(PAIRS):
        count = max(20, CALLS * 7 // size)
        started = time.process_time()
        for seed in range(count):
            inputs["seed"] = seed
            plans.last = None
            validate_prompt(prompt, schema)
        first = time.process_time()
        for seed in range(count):
            inputs["seed"] = seed
            validate_prompt(prompt, schema)
        again = time.process_time()
        for _ in range(count):
            json.dumps(prompt)
        dumped = time.process_time()
        of_a_pair["first"].append((first - started) / (dumped - again))
        of_a_pair["again"].append((again - first) / (first - started))
    found = {step: statistics.median(ratios) for step, ratios in of_a_pair.items()}
    return {**found, "nodes": len(prompt), "megabytes": _peak_megabytes()}


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(size: int) -> dict[str, float]:
    """CPU seconds of each step for a graph of some ``size`` nodes; the best of several runs."""
    from comfynodes import CheckpointLoaderSimple

    from comfyflow import validate_prompt
    from comfyflow.workflows import Workflow

    best: dict[str, float] = {}
    for _ in range(REPEATS if size <= SIZES[0] else 3):
        gc.collect()
        started = time.process_time()
        roots = build(size, CheckpointLoaderSimple)
        built = time.process_time()
        workflow = Workflow(*roots)
        prompt = workflow.to_prompt()
        compiled = time.process_time()
        report = validate_prompt(prompt, workflow.schema())
        validated = time.process_time()
        text = json.dumps(prompt)
        dumped = time.process_time()
        assert text
        assert report.ok, str(report)[:500]
        steps = {
            "build": built - started,
            "compile": compiled - built,
            "validate": validated - compiled,
            "dumps": dumped - validated,
        }
        best = {step: min(seconds, best.get(step, seconds)) for step, seconds in steps.items()}
        best["nodes"] = len(prompt)
        del roots, workflow, prompt, report, text
    best["megabytes"] = _peak_megabytes()
    return best


def build(size: int, loader: type) -> list[object]:
    """Blocks of txt2img, 6 nodes each, that share a checkpoint."""
    from comfynodes import CLIPTextEncode, EmptyLatentImage, KSampler, SaveImage, VAEDecode

    ckpt = loader(ckpt_name="a.safetensors")
    return [
        SaveImage(
            images=VAEDecode(
                samples=KSampler(
                    model=ckpt.MODEL,
                    seed=block,
                    steps=20,
                    cfg=7.0,
                    sampler_name="euler",
                    scheduler="normal",
                    positive=CLIPTextEncode(text="a lighthouse at dusk, oil painting", clip=ckpt.CLIP),
                    negative=CLIPTextEncode(text="blurry, watermark", clip=ckpt.CLIP),
                    latent_image=EmptyLatentImage(width=512, height=512),
                ),
                vae=ckpt.VAE,
            ),
        )
        for block in range(size // 6)
    ]


if __name__ == "__main__":
    what, *sizes = sys.argv[1:]
    measured = {"calls": measure_calls, "sweep": lambda: measure_sweep(int(sizes[0]))}
    print(json.dumps(measured[what]() if what in measured else measure(int(what))))
