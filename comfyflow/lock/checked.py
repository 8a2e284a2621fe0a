"""What a check said of some workflows, as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..notebook import pretty_text
from .drift import Drift, would_run


@dataclass(frozen=True)
class Checked:
    """One workflow and what became of it.

    Attributes:
        name: What to call it.
        file: The file that it is in, for annotations; None where it is in none.
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
        find them in a repository, wherever it stood.
        """
        if drift.place is None:
            return self.file, None
        return _from_here(drift.place.file), drift.place.line

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
    """GitHub's annotations: a workflow command a line, for errors and warnings."""
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


def _from_here(file: str) -> str:
    try:
        return Path(file).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return file


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
