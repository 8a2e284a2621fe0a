"""The page of the reference that shows the files and the JSON that comfyflow writes, as it writes them."""

from __future__ import annotations

import json
from typing import Any, Final

from click.testing import CliRunner
from comfynodes import EmptyImage, SaveImage

from comfyflow import Workflow, load_schema
from comfyflow.cli.app import app
from comfyflow.lock import make_lock
from comfyflow.recipes import upscale

from .links import ROOT

PACKAGE: Final = ROOT / "stubs" / "comfynodes" / "schema.json"


def _block(text: str) -> str:
    return f"```json\n{text.strip()}\n```"


def _report() -> str:
    words = ["validate", "comfyflow.recipes:txt2img", "--stubs", "comfynodes", "--format", "json"]
    done = CliRunner().invoke(app, [*words, "--prompt", "a cat", "--steps", "0"], catch_exceptions=False)
    told: dict[str, Any] = json.loads(done.stdout)
    for each in (*told["problems"], *told["node_errors"].values()):
        for problem in each if isinstance(each, list) else [each]:
            if problem.get("file"):
                problem["file"] = "flow.py"
    told["schema"]["source"] = "comfynodes/schema.json"
    return json.dumps(told, indent=2, ensure_ascii=False)


def page() -> str:
    """The page."""
    saved = Workflow(SaveImage(images=EmptyImage(width=8, height=8)))
    lock = make_lock({"swatch.py": saved.to_prompt()}, load_schema(str(PACKAGE)))
    schema = json.dumps(upscale.json_schema(), indent=2, ensure_ascii=False)
    forms = "[Members that begin with `x-`](../parameters.md#ranges-and-choices-of-the-inputs)"
    parts = [
        "# Files and JSON",
        "The examples on this page are written by comfyflow itself.",
        "## Parameters of a workflow: JSON Schema",
        f"`comfyflow schema FILE` and `WORKFLOW.json_schema()` give it. {forms} help forms.",
        _block(schema),
        "## Reports",
        "`comfyflow validate --format json` gives one for each workflow. `type` is ComfyUI's own word.",
        _block(_report()),
        "## Locks",
        "`comfyflow lock` writes the signature of each node class in use, an input a line, in a fixed order.",
        _block(lock.to_text()),
        "## Ledgers",
        "The ledger of a batch is an SQLite file: [its tables](../batch.md#the-ledger).",
        "## Parameters of a workflow that is not Python",
        "`FILE.parameters.toml` beside it: [how it reads](../parameters.md#workflows-that-are-not-python).",
        "## What the command takes",
        "`comfyflow help --json`: [its keys](../help.md).",
    ]
    return "\n\n".join(parts) + "\n"
