"""What a check said about some workflows: as text, for GitHub, as JUnit XML and as SARIF 2.1.0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from ..diff.value import printable_name
from ..notebook import pretty_text
from ..problem import Place, Problem, Severity
from ..user_lines import short_path

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""What a drift means to the workflow.

``error``: it would not run. ``warning``: it would run, but perhaps not as before, or only once a
file is there. ``note``: nothing changes for it.
"""


class Drift(Problem):
    """A change that affects a workflow, or a reason why it would not run.

    Its ``type`` is one of ``node_gone``, ``input_added``, ``input_gone``, ``input_type_changed``,
    ``input_required_changed``, ``default_changed``, ``range_changed``, ``choices_gone``,
    ``choices_added``, ``option_changed``, ``slots_changed``, ``output_…``, ``module_changed``,
    ``…_changed`` for what else a class may be; ``model_not_installed``, ``file_missing``;
    ``not_locked``; or ComfyUI's own word for an error that no difference explains. Its ``input_name``
    is a dotted one, and ``node_id``, ``title`` and ``place`` are those of the first node.

    Attributes:
        node_ids: The nodes of the workflow that it hits at this severity.
        reason: For an error, what the server will say about the first of them; for a class that is
            gone and replaced, by what.
        old: What was, as plain JSON.
        new: What is, as plain JSON.
    """

    node_ids: tuple[str, ...]
    reason: str | None
    old: Any
    new: Any

    _names: ClassVar[tuple[str, ...]] = (*Problem._names, "node_ids", "reason", "old", "new")

    def __init__(
        self,
        type: str,  # noqa: A002  # as of a problem
        message: str,
        severity: Severity = "error",
        node_id: str | None = None,
        class_type: str | None = None,
        input_name: str = "",
        details: str = "",
        suggestion: str | None = None,
        place: Place | None = None,
        title: str | None = None,
        extra_info: Mapping[str, Any] | None = None,
        node_ids: tuple[str, ...] = (),
        reason: str | None = None,
        old: Any = None,
        new: Any = None,
    ) -> None:
        super().__init__(
            type,
            message,
            severity,
            node_id,
            class_type,
            input_name,
            details,
            suggestion,
            place,
            title,
            extra_info,
        )
        self.__dict__.update(node_ids=node_ids, reason=reason, old=old, new=new)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        return f"{where}{self.severity}: {self.text} [{self.type}]"

    @property
    def text(self) -> str:
        """What happened, where and what to do, in one line."""
        text = ": ".join(part for part in (self._subject, self.message) if part)
        if self.reason:
            text += f"; here it {self.reason}"
        return f"{text}. {self.suggestion}" if self.suggestion else text

    @property
    def _subject(self) -> str:
        subject = printable_name(self.class_type) if self.class_type is not None else ""
        shown = self.node_ids[:_SHOWN_NODES]
        if shown:
            subject += " " + ", ".join(f"#{printable_name(node_id)}" for node_id in shown)
            subject += (
                f" and {len(self.node_ids) - len(shown)} more" if len(shown) < len(self.node_ids) else ""
            )
        if self.title and self.title != self.class_type and len(self.node_ids) == 1:
            subject += f" ({self.title!r})"
        return f"{subject}, input {printable_name(self.input_name)}" if self.input_name else subject

    def to_json(self) -> dict[str, Any]:
        """The drift as plain JSON values."""
        shown: dict[str, Any] = {
            "type": self.type,
            "severity": self.severity,
            "message": self.message,
            "class_type": self.class_type,
            "input_name": self.input_name or None,
            "node_ids": list(self.node_ids),
        }
        optional = {
            "reason": self.reason,
            "suggestion": self.suggestion,
            "file": self.place.file if self.place else None,
            "line": self.place.line if self.place else None,
            "old": self.old,
            "new": self.new,
        }
        shown.update({key: value for key, value in optional.items() if value is not None})
        return shown


_SHOWN_NODES: Final = 6


def would_run(drifts: Iterable[Drift]) -> bool:
    """Whether a workflow with these drifts would still run."""
    return all(drift.severity != "error" for drift in drifts)


@dataclass(frozen=True)
class Checked:
    """One workflow and its findings.

    Attributes:
        name: What to call it.
        file: The file that it is in, for annotations; None if it is in none.
        drifts: What `check` found.
    """

    name: str
    file: str | None
    drifts: tuple[Drift, ...]

    @property
    def runs(self) -> bool:
        """Whether it would still run."""
        return would_run(self.drifts)

    def place(self, drift: Drift) -> tuple[str | None, int | None]:
        """The file and the line to point at for one of its drifts.

        Files below the current folder are named from there: so GitHub and other readers of reports
        find them in a repository, wherever it was.
        """
        if drift.place is None:
            return self.file, None
        return short_path(drift.place.file), drift.place.line

    _repr_pretty_ = pretty_text

    def __str__(self) -> str:
        lines = [f"{self.name}: {'would run' if self.runs else 'would not run'}"]
        return "\n".join([*lines, *(f"  {drift}" for drift in self.drifts)])

    def to_json(self) -> dict[str, Any]:
        """The workflow and its drifts as plain JSON values."""
        return {
            "name": self.name,
            "would_run": self.runs,
            "drifts": [drift.to_json() for drift in self.drifts],
        }


def to_github(checked: Iterable[Checked]) -> str:
    """GitHub annotations: one workflow command per line, for errors and warnings."""
    lines: list[str] = []
    for workflow in checked:
        for drift in workflow.drifts:
            file, line = workflow.place(drift)
            where = {"file": file, "line": line, "title": f"{workflow.name}: {drift.type}"}
            told = ",".join(
                f"{key}={_property(str(value))}" for key, value in where.items() if value is not None
            )
            kind = "notice" if drift.severity == "note" else drift.severity
            lines.append(f"::{kind} {told}::{_data(drift.text)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


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
