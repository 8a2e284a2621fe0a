"""The simulator, told what real servers of 0.3.64 and 0.27.0 were told: the same messages in the
same order with the same keys, the same answers.

The transcripts stand in ``../shared/recordings`` beside this repository;
COMFYFLOW_PARITY_RECORDINGS names another place. Scenarios that need custom nodes, kill the
server's process from outside or measure time are left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.simulator import Simulator
from comfyflow.simulator.folders import Folders
from tests.parity.replay import Replay
from tests.test_client_seed_faults import until

SHARED = Path(__file__).parents[3] / "shared"
RECORDINGS = Path(os.environ.get("COMFYFLOW_PARITY_RECORDINGS", SHARED / "recordings"))
OBJECT_INFO = Path(os.environ.get("COMFYFLOW_PARITY_DATA", SHARED / "data")) / "object_info"
VERSIONS = ("0.3.64", "0.27.0")

LEFT_OUT = {
    "l12_stuck_reader": "a client that stops reading; test_simulator_faults.py has it",
    "l16_misc": "a file is written and removed on the server's disk",
    "l19_ui_not_json": "a custom node",
    "l19b_ui_not_json_no_client": "a custom node",
    "l24_deep_chain": "its prompts were not recorded whole",
    "l24b_deep_chain_unreachable": "its prompts were not recorded whole",
    "l24c_wide": "its prompts were not recorded whole",
    "l30_killed_mid_run": "the process was killed from outside",
    "l31_after_restart": "what came after that",
    "s26_timing": "only times",
}
"""Also all of e*: they need custom nodes."""

KNOWN = {
    r"s19_misc_get: status of GET /docs/": "the simulator has no documentation of nodes",
    r"s19_misc_get: keys of GET /settings": "a browser had been there before",
    r"l07b?_client_id_\w+: messages to A": "how many statuses leave before the process ends is a race",
    r"l06[bc]_extra_data_\w+: messages to A": "the recorder left before the last message",
    r"s15_ws_reconnect: messages to A2": "how far the run had come when the second socket opened",
    r"l17_temp_removed: status of GET /view": "a file was removed on the server's disk",
}
"""Differences that are known, and why."""

EMPTY_FILES = {"0.3.64": "0_0 (6).png", "0.27.0": "02_qwen_Image_edit_subgraphed_input_image.png"}
"""Files of no bytes that the servers had in their input folders."""

PACED = ("s15_ws_reconnect", "s20_jobs")
INTERRUPTED_STEP = "s05_txt2img_flags"
"""A step of a sampler is interrupted: it has to last until that comes."""
FIRST = {"s05_txt2img_flags": "s04_txt2img"}
"""Scenarios that rest on the cache that another one left."""


def scenarios() -> Iterator[Any]:
    for version in VERSIONS:
        for path in sorted((RECORDINGS / version).glob("*.json")):
            if not path.stem.startswith("e") and path.stem not in LEFT_OUT:
                yield pytest.param(version, path, id=f"{version}-{path.stem}")


def steps(path: Path) -> list[dict[str, Any]]:
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recorded["steps"]


def replacements(version: str) -> Any:
    """What the server said of classes that are gone."""
    for step in steps(RECORDINGS / version / "s19_misc_get.json"):
        if step.get("path") == "/node_replacements" and step["status"] == 200:
            return step["json"]
    return None


def put_files(path: Path, folders: Folders) -> None:
    """Write the files that the recorder had written to the server's disk before it looked at them."""
    if path.stem == "s07_execution_error":
        (folders.of("input") / EMPTY_FILES[path.parent.name]).touch()
    if path.stem != "s13_view":
        return
    for step in steps(path):
        params = step.get("params") or {}
        name, kind = params.get("filename", ""), params.get("type", "output")
        if not name or step.get("status") not in (200, 206, 304, 500):
            continue
        if name.endswith(" [temp]"):
            name, kind = name.removesuffix(" [temp]"), "temp"
        file = folders.of(kind) / params.get("subfolder", "") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("RGBA" if "rgba" in name else "RGB", (8, 8), (1, 2, 3)).save(file)
        else:
            file.write_bytes(b"{}" if name.endswith(".json") else b"abcd")


totals = {"compared": 0, "races": 0, "differences": 0}


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings of real servers at {RECORDINGS}")
@pytest.mark.parametrize(("version", "path"), list(scenarios()))
def test_a_recorded_session_is_had_again(version: str, path: Path) -> None:
    schema = OBJECT_INFO / f"{version}.json.gz"
    with Simulator(
        schema,
        version,
        models="listed",
        node_replacements=replacements(version),
        step_seconds=0.4 if path.stem == INTERRUPTED_STEP else 0.11,
    ) as server:

        def run_outputs_in(order: list[str] | None) -> None:
            # What an idle server was asked to free in the recording was free before the next prompt came.
            queue = server.instance.queue
            until(lambda: queue.remaining > 0 or not queue.has_flags)
            server.output_order = None if order is None else lambda ids: sorted(ids, key=order.index)

        server.slow_down(0.16 if path.stem in PACED else 0.02, "ImageBlur")
        put_files(path, server.folders)
        if path.stem in FIRST:
            Replay(path.with_stem(FIRST[path.stem]), server.url).run()
        replay = Replay(path, server.url, before_prompt=run_outputs_in, paced=path.stem in PACED)
        replay.idle = lambda: server.instance.queue.remaining == 0
        server.faults.wait = replay.turns.work
        replay.run()
    unknown = [one for one in replay.differences if not any(re.match(known, str(one)) for known in KNOWN)]
    totals["compared"] += replay.compared
    totals["races"] += replay.races
    totals["differences"] += len(replay.differences)
    assert not unknown, "\n".join(map(str, unknown))


def test_rates(capsys: pytest.CaptureFixture[str]) -> None:
    if not totals["compared"]:
        pytest.skip("no recordings were replayed")
    with capsys.disabled():
        print(
            "\nrecordings: {compared} compared, {differences} known differences, {races} races".format(
                **totals
            )
        )
