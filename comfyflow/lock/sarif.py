"""The outcome of a check as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from .checked import Checked
from .drift import Drift

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(checked: Iterable[Checked], version: str) -> dict[str, Any]:
    """Make a SARIF log of one run.

    Args:
        checked: The workflows.
        version: comfyflow's own version.
    """
    found = [(workflow, drift) for workflow in checked for drift in workflow.drifts]
    rules = sorted({drift.type for _, drift in found})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "comfyflow check",
                        "version": version,
                        "rules": [{"id": rule, "name": _title(rule)} for rule in rules],
                    }
                },
                "results": [_result(workflow, drift, rules) for workflow, drift in found],
            }
        ],
    }


def _result(workflow: Checked, drift: Drift, rules: list[str]) -> dict[str, Any]:
    file, line = workflow.place(drift)
    result: dict[str, Any] = {
        "ruleId": drift.type,
        "ruleIndex": rules.index(drift.type),
        "level": drift.severity,
        "message": {"text": f"{workflow.name}: {drift.text}"},
    }
    if file is not None:
        location: dict[str, Any] = {"artifactLocation": {"uri": _uri(Path(file))}}
        if line is not None:
            location["region"] = {"startLine": line}
        result["locations"] = [{"physicalLocation": location}]
    return result


def _uri(file: Path) -> str:
    return file.as_uri() if file.is_absolute() else quote(file.as_posix())


def _title(rule: str) -> str:
    return "".join(part.capitalize() for part in rule.split("_"))
