"""The outcome of a check as JUnit XML: a workflow is a test case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from .checked import Checked

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, escaped or not."""


def to_junit(checked: Sequence[Checked], strict: bool = False) -> str:
    """Write a JUnit XML document.

    Args:
        checked: The workflows.
        strict: Whether warnings fail a workflow too.
    """
    suite = ET.Element("testsuite", name="comfyflow check", tests=str(len(checked)), errors="0")
    failures = 0
    for workflow in checked:
        case = ET.SubElement(suite, "testcase", classname="comfyflow.check", name=_clean(workflow.name))
        if workflow.file is not None:
            case.set("file", _clean(workflow.file))
        failing = [
            drift
            for drift in workflow.drifts
            if drift.severity == "error" or (strict and drift.severity == "warning")
        ]
        if failing:
            failures += 1
            failure = ET.SubElement(case, "failure", type=failing[0].type, message=_clean(failing[0].text))
            failure.text = _clean("\n".join(map(str, failing)))
        rest = [drift for drift in workflow.drifts if drift not in failing]
        if rest:
            ET.SubElement(case, "system-out").text = _clean("\n".join(map(str, rest)))
    suite.set("failures", str(failures))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
