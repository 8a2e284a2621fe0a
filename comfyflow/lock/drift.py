"""One way in which a server is no longer what a workflow was made for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ..diff.shown import plain
from ..problem import Problem, Severity

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""What a drift means to the workflow.

``error``: it would not run. ``warning``: it would run, but perhaps not as before, or only once a
file is there. ``note``: nothing changes for it.
"""


@dataclass(frozen=True)
class Drift(Problem):
    """One difference that touches a workflow, or one reason why it would not run.

    Its ``type`` is one of ``node_gone``, ``input_added``, ``input_gone``, ``input_type_changed``,
    ``input_required_changed``, ``default_changed``, ``range_changed``, ``choices_gone``,
    ``choices_added``, ``option_changed``, ``slots_changed``, ``output_…``, ``module_changed``,
    ``…_changed`` for what else a class may be; ``model_not_installed``, ``file_missing``;
    ``not_locked``; or ComfyUI's own word for an error that no difference explains. Its ``input_name``
    is a dotted one, and ``node_id``, ``title`` and ``place`` are those of the first node.

    Attributes:
        node_ids: The nodes of the workflow that it hits at this severity.
        reason: For an error, what the server will say of the first of them; for a class that is
            gone and replaced, by what.
        old: What was, as plain JSON.
        new: What is, as plain JSON.
    """

    node_ids: tuple[str, ...] = ()
    reason: str | None = None
    old: Any = None
    new: Any = None

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
        subject = plain(self.class_type) if self.class_type is not None else ""
        shown = self.node_ids[:_SHOWN_NODES]
        if shown:
            subject += " " + ", ".join(f"#{plain(node_id)}" for node_id in shown)
            subject += (
                f" and {len(self.node_ids) - len(shown)} more" if len(shown) < len(self.node_ids) else ""
            )
        if self.title and self.title != self.class_type and len(self.node_ids) == 1:
            subject += f" ({self.title!r})"
        return f"{subject}, input {plain(self.input_name)}" if self.input_name else subject

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
