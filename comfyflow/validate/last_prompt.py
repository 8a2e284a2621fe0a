"""The prompt that was validated last: of one that is nearly the same, only what changed is looked at.

A sweep validates one prompt again and again, with another value in it each time. What was found stays
true if the nodes, their classes and their links are the same, and each node that was given another value
is as well as before. What is compared is a copy: a prompt may be changed in place. A sweep mostly changes
the same nodes, so that those between them are compared all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from marshal import dumps, loads
from typing import Any, Final, NamedTuple

from ..json_types import object_or_empty
from .findings import Remark
from .plan import ClassPlan
from .scan import Scan, is_well
from .server_answer import ServerAnswer
from .server_error import ErrorEntry

_MOST_NODES: Final = 2_000
_MOST_BYTES: Final = 1_000_000
"""Of larger prompts nothing is kept."""

_MOST_CHANGING: Final = 8
"""How many nodes may change again and again; where more do, all nodes are compared one by one."""

_FORM: Final = 2
"""The form of Python's own bytes in which equal values of the same types are always written alike."""

_CONSTANTS: Final = frozenset({str, int, float, bool, type(None)})
_LIST: Final[Any] = list
_DICT: Final[Any] = dict
_STR: Final[Any] = str
_type_of: Final[Any] = type
"""Types are compared as mere objects here: a type checker shall not take the values for more."""


class ValidationOutcome(NamedTuple):
    """What a validation found.

    Attributes:
        answer: What the server says.
        remarks: What we have to say beyond the server.
        hidden: Errors that the server would find once others are fixed.
    """

    answer: ServerAnswer
    remarks: list[Remark]
    hidden: list[tuple[str, ErrorEntry]]


class _Parts(NamedTuple):
    """The nodes of a prompt by whether they change.

    Attributes:
        changing: The places of those that do.
        still: The others: runs of them, each with its bytes.
    """

    changing: list[int]
    still: list[tuple[slice, bytes]]


class LastPrompt:
    """A prompt with which a server finds nothing wrong, and what was found of it.

    Args:
        written: Its nodes, as bytes.
        classes: The plan of each node's class.
        seen: The prompt, gone through.
        odd: The nodes of which something may be said.
        outcome: What was found.
    """

    def __init__(
        self,
        written: Mapping[str, bytes],
        classes: Mapping[str, ClassPlan | None],
        seen: Scan,
        odd: frozenset[str],
        outcome: ValidationOutcome,
    ) -> None:
        self._ids = [*written]
        self._written = [*written.values()]
        self._classes = classes
        self._seen = seen
        self._odd = odd
        self._outcome = outcome
        self._most_changes = (len(written) + 1) // 2
        self._parts = self._all = _Parts([*range(len(written))], [])
        self._divides = True

    @property
    def asks_for_files(self) -> bool:
        """Whether a class's own check was run, which may look for files."""
        return bool(self._odd)

    @classmethod
    def of(
        cls,
        prompt: Mapping[str, Any],
        classes: Mapping[str, ClassPlan | None],
        seen: Scan,
        outcome: ValidationOutcome,
    ) -> LastPrompt | None:
        """What is kept of a prompt; None if there is too much of it, or it is not all that simple.

        Args:
            prompt: The prompt.
            classes: The plan of each node's class.
            seen: The prompt, gone through.
            outcome: What was found.
        """
        answer = outcome.answer
        if len(prompt) > _MOST_NODES or not answer.valid or answer.node_errors or outcome.hidden:
            return None
        # The first of a class is looked at closely, to learn which types fit; now they are known.
        odd = frozenset(
            node_id
            for node_id in seen.findings
            if (plan := classes[node_id]) is None or not is_well(plan, prompt[node_id], classes, [])
        )
        if not all(_is_plain(prompt[node_id]) for node_id in odd):
            return None
        try:
            written = {node_id: dumps(node, _FORM) for node_id, node in prompt.items()}
        except ValueError:  # it holds what cannot be written
            return None
        if sum(map(len, written.values())) > _MOST_BYTES:
            return None
        return cls(written, classes, seen, odd, outcome)

    def outcome(self, prompt: Mapping[str, Any]) -> ValidationOutcome | None:
        """What a validation of a prompt would find, if that follows from this one; else None.

        Args:
            prompt: A prompt.
        """
        if [*prompt] != self._ids:
            return None
        nodes, written, parts = [*prompt.values()], self._written, self._parts
        changed: list[int] = []
        try:
            for part, before in parts.still:
                if dumps(nodes[part], _FORM) != before:
                    parts = self._all
                    break
            for place in parts.changing:
                node = nodes[place]
                if dumps(node, _FORM) != written[place]:
                    changed.append(place)
                    if len(changed) > self._most_changes or not self._is_as_well(place, node):
                        return None
            if parts is self._all and self._divides:
                self._divide(nodes, changed)
        except ValueError:  # it holds what cannot be written
            return None
        return self._outcome

    def _divide(self, nodes: list[Any], changed: list[int]) -> None:
        """Note which nodes change: these, and those that did before."""
        before = self._parts
        changing = sorted({*changed, *(before.changing if before is not self._all else ())})
        self._divides = len(changing) <= _MOST_CHANGING
        if not self._divides:
            self._parts = self._all
            return
        between = zip([-1, *changing], [*changing, len(nodes)], strict=True)
        still = [slice(start + 1, stop) for start, stop in between if start + 1 < stop]
        self._parts = _Parts(changing, [(part, dumps(nodes[part], _FORM)) for part in still])

    def _is_as_well(self, place: int, node: Any) -> bool:
        """Whether a node was well and is well, and is of the same class and linked to the same nodes."""
        node_id = self._ids[place]
        plan = self._classes[node_id]
        if plan is None or node_id in self._odd or _type_of(node) is not _DICT:
            return False
        class_type = node.get("class_type")
        if _type_of(class_type) is not _STR or class_type != plan.class_type:
            return False
        sources: list[str] = []
        if not is_well(plan, node, self._classes, sources) or (*sources,) != self._seen.sources[node_id]:
            return False
        if not self._odd:
            return True
        # What is said about another node may depend on what flows through this one.
        inputs, before = node["inputs"], loads(self._written[place])["inputs"]  # noqa: S302  # written here
        return plan.unfold(inputs) is plan.unfold(before) and [*_links(inputs)] == [*_links(before)]


def _links(inputs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in inputs.items() if _type_of(value) is _LIST)


def _is_plain(node: object) -> bool:
    """Whether a node's inputs are constants and links, so that what is said about it keeps nothing of it."""
    inputs = object_or_empty(object_or_empty(node).get("inputs"))
    members = (each for value in inputs.values() for each in (value if _type_of(value) is _LIST else [value]))
    return all(_type_of(each) in _CONSTANTS for each in members)
