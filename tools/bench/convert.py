"""Editor JSON to prompts: our converter beside comfy-cli's, on the same templates in one run.

The templates are those of ``../shared/data`` (COMFYFLOW_PARITY_DATA names another place). comfy-cli
is GPL and is only run, as a separate program: ``COMFY_CLI_PYTHON`` names the Python of an
environment that it is installed in. Times are the best of several rounds for each template.
"""

from __future__ import annotations

import gc
import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfyflow.importer import convert_workflow
from comfyflow.schema import load_schema

from ._process import ROOT

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", ROOT.parent / "shared" / "data"))
EDITORS = {"0.27.0": "1.45", "0.3.64": "1.27"}
MASKED = {("LoadAudio", "audioUI"), ("Load3D", "image")}
ROUNDS = 5
SIZES = (500, 5_000, 50_000)
AIM = 0.35
GROWTH_AIM = 1.3

PEER = """
import gc, json, sys, time
from comfy_cli.workflow_to_api import convert_ui_to_api
given = json.load(sys.stdin)
gc.collect(); gc.freeze(); gc.disable()
best, prompts = [], []
for workflow in given["workflows"]:
    times = []
    for _ in range(given["rounds"]):
        started = time.perf_counter()
        try:
            prompt = convert_ui_to_api(workflow, given["object_info"])
        except Exception:
            prompt = None
        times.append(time.perf_counter() - started)
    best.append(min(times)); prompts.append(prompt)
json.dump({"times": best, "prompts": prompts}, sys.stdout)
"""


def main() -> None:
    if not DATA.is_dir():
        print(f"no templates in {DATA}")
        return
    for version in EDITORS:
        templates(version)
    growth()


def records(version: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / "ui_to_api" / f"{version}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def object_info(version: str) -> dict[str, Any]:
    with gzip.open(DATA / "object_info" / f"{version}-no-models.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def templates(version: str) -> None:
    """Milliseconds a template, median and worst, and how many prompts are the editor's own."""
    given, raw = records(version), object_info(version)
    schema = load_schema(raw)
    workflows = [record["workflow"] for record in given]
    times: list[float] = []
    prompts: list[Any] = []
    gc.collect()
    gc.freeze()
    gc.disable()
    for workflow in workflows:
        seconds, prompt = best(
            lambda workflow=workflow: convert_workflow(workflow, schema, editor=EDITORS[version])
        )
        times.append(seconds)
        prompts.append(prompt)
    gc.enable()
    ours = show(f"comfyflow, ComfyUI {version}", times, prompts, given)
    peer = os.environ.get("COMFY_CLI_PYTHON")
    if peer is None:
        print("  comfy-cli: not compared; COMFY_CLI_PYTHON names the Python of an environment with it")
        return
    question = json.dumps({"workflows": workflows, "object_info": raw, "rounds": ROUNDS})
    run = subprocess.run([peer, "-c", PEER], input=question, capture_output=True, text=True, check=True)
    answer = json.loads(run.stdout.splitlines()[-1])
    theirs = show(f"comfy-cli, ComfyUI {version}", answer["times"], answer["prompts"], given)
    print(f"  the median template takes {ours / theirs:.3f} x comfy-cli's time (aim: {AIM})")


def best(convert: Callable[[], Any]) -> tuple[float, Any]:
    times: list[float] = []
    made: Any = None
    for _ in range(ROUNDS):
        started = time.perf_counter()
        made = convert()
        times.append(time.perf_counter() - started)
    return min(times), made


def show(who: str, times: list[float], prompts: list[Any], given: list[dict[str, Any]]) -> float:
    """Print what one converter did; gives the milliseconds of the median template."""
    exact = sum(
        comparable(prompt) == comparable(record["prompt"])
        for prompt, record in zip(prompts, given, strict=True)
    )
    median, worst = statistics.median(times) * 1000, max(times) * 1000
    print(
        f"  {who}: {len(given)} templates, {exact} exact,"
        f" median {median:.3f} ms, worst {worst:.2f} ms, all {sum(times) * 1000:.0f} ms"
    )
    return median


def comparable(prompt: Any) -> Any:
    if not isinstance(prompt, dict):
        return None
    shown: dict[str, Any] = {}
    for key, node in prompt.items():
        kind = node.get("class_type")
        shown[key] = (kind, {n: v for n, v in node["inputs"].items() if (kind, n) not in MASKED})
    return shown


def growth() -> None:
    """Microseconds a node for workflows of growing size."""
    schema = load_schema(object_info("0.27.0"))
    costs: list[float] = []
    for size in SIZES:
        workflow = chain(size)
        gc.collect()
        started = time.perf_counter()
        prompt = convert_workflow(workflow, schema)
        seconds = time.perf_counter() - started
        print(
            f"  {size:6} nodes: {seconds:6.2f} s, {seconds / size * 1e6:5.1f} us a node, {len(prompt)} sent"
        )
        costs.append(seconds / size)
    largest, smallest = SIZES[-1], SIZES[0]
    ratio = costs[-1] / costs[0]
    print(f"  a node of {largest} takes {ratio:.2f} x the time of one of {smallest} (aim: {GROWTH_AIM})")


def chain(size: int) -> dict[str, Any]:
    """Samplers in a row, each behind a reroute, with a primitive node for every tenth."""
    nodes: list[dict[str, Any]] = []
    links: list[list[Any]] = []
    for index in range(0, size, 2):
        sampler, reroute = index + 1, index + 2
        values = [index, "fixed", 20, 8.0, "euler", "normal", 1.0]
        latent = index or None
        slots = [{"name": "latent_image", "type": "LATENT", "link": latent}]
        sent = [{"name": "LATENT", "type": "LATENT", "links": [sampler]}]
        nodes.append(
            {
                "id": sampler,
                "type": "KSampler",
                "mode": 0,
                "inputs": slots,
                "outputs": sent,
                "widgets_values": values,
            }
        )
        nodes.append(
            {
                "id": reroute,
                "type": "Reroute",
                "mode": 0,
                "inputs": [{"name": "", "type": "*", "link": sampler}],
                "outputs": [{"name": "", "type": "LATENT", "links": [reroute]}],
            }
        )
        links.append([sampler, sampler, 0, reroute, 0, "LATENT"])
        links.append([reroute, reroute, 0, sampler + 2, 0, "LATENT"])
    return {"version": 0.4, "last_node_id": size, "nodes": nodes, "links": links}


if __name__ == "__main__":
    sys.exit(main())
