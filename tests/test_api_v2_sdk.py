"""The official comfy-sdk and this client give the same files on the same jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from comfyflow.simulator import Simulator
from tests.api_v2_proxy import proxied
from tests.clients import KINDS, connected
from tests.test_client_seed_faults import until

pytestmark = pytest.mark.slow

EMPTY: Mapping[str, Any] = {"width": 32, "height": 24, "batch_size": 2, "color": 0x336699}


def saving(*prefixes: str) -> dict[str, Any]:
    nodes: dict[str, Any] = {"1": {"class_type": "EmptyImage", "inputs": dict(EMPTY)}}
    for index, prefix in enumerate(prefixes, 2):
        inputs = {"images": ["1", 0], "filename_prefix": prefix}
        nodes[str(index)] = {"class_type": "SaveImage", "inputs": inputs}
    return nodes


JOBS: Mapping[str, dict[str, Any]] = {
    "a batch of pictures": saving("a"),
    "a folder": saving("folder/b"),
    "several outputs": saving("c", "d"),
    "a preview": {
        **saving(),
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_the_same_files(
    kind: str, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sdk = pytest.importorskip("comfy_sdk", reason="comfy-sdk is not installed: pip install comfy-sdk==0.5.0")
    with Simulator(profile="0.27.0") as server, proxied(server.url) as url:
        monkeypatch.setenv("COMFY_BASE_URL", url)
        monkeypatch.setenv("COMFY_API_KEY", "none")
        with sdk.Comfy() as theirs:
            done = theirs.submit(theirs.workflows.from_json(job))
            until(lambda: done.refresh().status == "succeeded")  # run() takes a passing "expired" for the end
            expected = [
                (output.node_id, output.to_file(tmp_path / f"{index}").read_bytes())
                for index, output in enumerate(done.outputs)
            ]
        with connected(kind, url) as client:
            result = client.run(job, timeout=60)
            found = [(file.node_id, client.read(file)) for file in result.files]
    assert len(expected) >= 2
    assert sorted(found) == sorted(expected)
