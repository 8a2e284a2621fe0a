"""Asks the real editor, release by release, what prompt it makes of workflows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from comfyflow.schema import Schema
from comfyflow.simulator import Simulator
from tests.real_editor import Editor, a_browser, release

from .canvas import Json

EDITORS: Final = ("1.45.20", "1.49.6", "1.58.1")


def answers(schema: Schema, workflows: Mapping[str, Json]) -> dict[str, list[list[Any]]]:
    """What the releases make of each workflow.

    Returns:
        By name, pairs: releases that agree, and their prompt; None where the editor fails.
    """
    found: dict[str, list[list[Any]]] = {name: [] for name in workflows}
    for version in EDITORS:
        for name, prompt in prompts(schema, release(version), workflows).items():
            alike = [pair for pair in found[name] if json.dumps(pair[1]) == json.dumps(prompt)]
            if alike:
                alike[0][0].append(version)
            else:
                found[name].append([[version], prompt])
    return found


def prompts(schema: Schema, files: Path, workflows: Mapping[str, Json]) -> dict[str, Json | None]:
    """What one release makes of workflows, by name; None where it fails.

    Args:
        schema: The node classes of the server that it is opened on.
        files: What the release's package has in its folder ``static``.
        workflows: The workflows by name.
    """
    with a_browser() as browser, Simulator(schema, models="listed", frontend=files) as server:
        editor = Editor(browser, server)
        editor.stop_drawing()
        return {name: _prompt(editor, workflow) for name, workflow in workflows.items()}


def _prompt(editor: Editor, workflow: Json) -> Json | None:
    try:
        prompt = editor.prompt_of(workflow)
    except RuntimeError:
        return None
    return {
        key: {"class_type": node.get("class_type"), "inputs": dict(sorted(node["inputs"].items()))}
        for key, node in sorted(prompt.items())
    }
