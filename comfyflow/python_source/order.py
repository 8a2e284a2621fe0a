"""In which order a function makes its nodes, and which of them are together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from ..graph.walk import sources_first
from .annotation import CanvasGroup
from .program import Body, Local, sources

_STEP: Final = re.compile(r"\s*(?:step\s*)?(\d{1,3})\b", re.IGNORECASE | re.ASCII)
_UNNUMBERED: Final = 1000


@dataclass
class Paragraph:
    """Steps that are together.

    Attributes:
        section: What they are under, or None.
        steps: Their keys.
    """

    section: CanvasGroup | None
    steps: list[str] = field(default_factory=list[str])


def natural_order(body: Body) -> list[str]:
    """The steps, each after what it needs, the results' needs first in the order of their inputs."""
    ends = [result.step for result in body.results]
    return sources_first([*ends, *body.steps], lambda step: _needed(body, step))


def arrange(body: Body, sections: Mapping[str, CanvasGroup]) -> list[Paragraph]:
    """The steps in runs of one section each, few of them: a section that can be finished goes
    before one that must be taken up again later, and ``Step 1`` before ``Step 2``.

    Args:
        body: The function.
        sections: The section of each step that is in one.
    """
    order = natural_order(body)
    if not sections:
        return [Paragraph(None, order)]
    return _Arrangement(body, sections, order).runs()


class _Arrangement:
    def __init__(self, body: Body, sections: Mapping[str, CanvasGroup], order: list[str]) -> None:
        self._order = order
        self._section = [sections.get(key) for key in order]
        place = {key: number for number, key in enumerate(order)}
        needs = [{place[need] for need in _needed(body, key)} for key in order]
        self._missing = [len(found) for found in needs]
        self._users: list[list[int]] = [[] for _ in order]
        self._outside: Counter[CanvasGroup | None] = Counter()
        self._ready: defaultdict[CanvasGroup | None, list[int]] = defaultdict(list)
        for step, found in enumerate(needs):
            for need in found:
                self._users[need].append(step)
                self._outside[self._section[step]] += self._section[need] != self._section[step]
            if not found:
                self._ready[self._section[step]].append(step)

    def runs(self) -> list[Paragraph]:
        runs: list[Paragraph] = []
        while any(self._ready.values()):
            section = min(
                (section for section, ready in self._ready.items() if ready),
                key=lambda section: (self._outside[section] > 0, _number(section), self._ready[section][0]),
            )
            if not runs or runs[-1].section != section:
                runs.append(Paragraph(section))
            while self._ready[section]:
                runs[-1].steps.append(self._take(heappop(self._ready[section])))
        return runs

    def _take(self, step: int) -> str:
        for user in self._users[step]:
            section = self._section[user]
            self._outside[section] -= section != self._section[step]
            self._missing[user] -= 1
            if not self._missing[user]:
                heappush(self._ready[section], user)
        return self._order[step]


def _number(section: CanvasGroup | None) -> int:
    """The number that an author gave a section; those without one come after."""
    found = _STEP.match(section.title) if section is not None else None
    return int(found[1]) if found is not None else _UNNUMBERED


def _needed(body: Body, key: str) -> Iterable[str]:
    return [source.step for source in sources(body.steps[key]) if isinstance(source, Local)]
