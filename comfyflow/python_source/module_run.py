"""Runs a generated module and writes the prompt of its workflow: the other end of `proof`."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

from ..workflows import WorkflowFunction


def main(file: str) -> None:
    """Write the prompt JSON of the one workflow in a file to standard output."""
    spec = importlib.util.spec_from_file_location("generated", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[WorkflowFunction[..., Any]] = [
        value for value in vars(module).values() if isinstance(value, WorkflowFunction)
    ]
    (workflow,) = found
    json.dump(workflow().to_prompt(), sys.stdout)
