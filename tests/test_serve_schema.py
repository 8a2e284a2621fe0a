"""``comfyflow serve`` does what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from comfyflow.serve.webhook import WebhookOptions
from comfyflow.simulator import Simulator
from tests.serving import greeting, plain, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "missing_required_header",
)


@pytest.mark.slow
def test_no_answer_is_outside_the_schema_and_none_is_500(tmp_path: Path) -> None:
    # No bound of time, which would send more on a faster machine.
    options = ["--checks", ",".join(CHECKS), "-n", "12", "--seed", "1", "--no-shrink"]
    with (
        Simulator() as simulator,
        serving(
            tmp_path / "out",
            simulator,
            functions=[plain, greeting],
            webhooks=WebhookOptions(b"a long secret key"),
        ) as served,
    ):
        url = str(served.http.base_url.join("openapi.json"))
        run = subprocess.run(
            [str(Path(sys.executable).with_name("schemathesis")), "run", url, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
        assert served.http.get("/healthz").json()["status"] == "ok"
        assert served.http.get("/jobs").json()["jobs"], "no job was taken"
