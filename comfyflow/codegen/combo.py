"""Which type a combo gets: a `Literal` of its choices, or `str`.

A short list that the node's own code fixes is a `Literal`. What depends on the machine is
``str``, so that the same node pack gives the same stubs everywhere: lists of installed files,
lists that are empty, and lists over a limit. `Workflow.validate` checks those against the schema
of the server in use.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..schema import InputSchema, lists_files
from .code import Code, text
from .name import MAX_LENGTH, PythonName, capitalized, class_name, distinct_names, python_name

MAX_CHARACTERS: Final = 8000
"""A list whose choices are longer than this in all is over the limit, however few they are."""


def fixed_choices(entry: InputSchema, limit: int) -> tuple[Any, ...] | None:
    """The choices of a combo that become a `Literal`, or None if it is ``str``.

    Args:
        entry: A combo.
        limit: The greatest number of choices that become one.
    """
    choices = entry.choices
    if not choices or len(choices) > limit or lists_files(entry):
        return None
    if not all(_literal_type(choice) for choice in choices):
        return None
    if sum(len(choice) for choice in choices if isinstance(choice, str)) > MAX_CHARACTERS:
        return None
    return tuple(dict.fromkeys(choices)) if _plain(choices) else _distinct(choices)


def exact(choice: object) -> tuple[type, object]:
    """A choice as a key that tells 1 from 1.0 and from true, as `Literal` does."""
    return type(choice), choice


def _plain(choices: tuple[Any, ...]) -> bool:
    return all(type(choice) is str for choice in choices)


def _distinct(choices: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple({exact(choice): choice for choice in choices}.values())


def _literal_type(choice: object) -> bool:
    """Whether `Literal` takes it, and type checkers can print it: no float, no lone surrogate."""
    if isinstance(choice, str):
        return choice.isascii() or not any("\ud800" <= character <= "\udfff" for character in choice)
    if isinstance(choice, int):
        return abs(choice) < 2**63
    return choice is None


@dataclass(frozen=True)
class ChoiceAlias:
    """One distinct list of choices, and its name in ``choices.py``.

    Attributes:
        name: The alias's name.
        choices: Its values as literals, in the server's order.
    """

    name: PythonName
    choices: tuple[Code, ...]


_Key = frozenset[tuple[type, object]]
_ILLEGAL: Final = re.compile(r"[^0-9A-Za-z]+")
_SHOWN: Final = 12
"""How much of a choice may be in a name."""


class ChoiceAliases:
    """The aliases of all fixed lists of a package.

    A list is named after the inputs that use it (``sampler_name`` gives ``SamplerName``,
    ``concept1`` and ``concept2`` give ``Concept``). Where several lists have inputs of one name,
    the one that most node classes use has it alone, and each other has the name of its first
    class in front (``IdeogramV3Resolution``). ComfyUI's own classes decide first, so that no pack
    that is installed changes their lists' names; a list that several classes of packs share has
    two of its choices behind it (``ModeAddMultiply``), for none of them is its own.

    Args:
        uses: For each use of a combo, its node's class name, the combo and its fixed choices.
        packs: The names of classes that packs bring.
    """

    def __init__(
        self,
        uses: Iterable[tuple[PythonName, InputSchema, tuple[Any, ...]]],
        packs: Collection[PythonName] = (),
    ) -> None:
        lists: dict[_Key, list[tuple[Any, ...]]] = defaultdict(list)
        users: dict[_Key, list[tuple[PythonName, str]]] = defaultdict(list)
        self._keys: dict[int, tuple[InputSchema, _Key]] = {}
        self._again: list[int] = []
        for owner, entry, choices in uses:
            key = _key(choices)
            lists[key].append(choices)
            users[key].append((owner, entry.name))
            self._keys[id(entry)] = (entry, key)
        names, former = _names(users, packs), _names(users)
        self.changed: Final = {former[key]: names[key] for key in lists if names[key] != former[key]}
        self._aliases: Mapping[_Key, ChoiceAlias] = {
            key: ChoiceAlias(names[key], _written(min(spellings, key=repr)))
            for key, spellings in lists.items()
        }

    def read_again(self, entries: Iterable[InputSchema], limit: int) -> None:
        """Know the inputs of a node that was read again, in place of those of the last one.

        Args:
            entries: The node's inputs.
            limit: That by which its choices were fixed.
        """
        for known in self._again:
            del self._keys[known]
        self._again = []
        for entry in entries:
            fixed = fixed_choices(entry, limit) if entry.is_combo else None
            if fixed is not None and id(entry) not in self._keys:
                self._keys[id(entry)] = (entry, _key(fixed))
                self._again.append(id(entry))

    def find(self, entry: InputSchema) -> PythonName | None:
        """The alias of a combo that was among the uses; None for one that has no fixed list."""
        _, key = self._keys.get(id(entry), (entry, None))
        return None if key is None else self._aliases[key].name

    def __iter__(self) -> Iterator[ChoiceAlias]:
        return iter(sorted(self._aliases.values(), key=lambda alias: alias.name))


def _key(choices: tuple[Any, ...]) -> _Key:
    return frozenset(map(exact, choices))


def _written(choices: tuple[Any, ...]) -> tuple[Code, ...]:
    return tuple(text(choice) if isinstance(choice, str) else Code(repr(choice)) for choice in choices)


def _names(
    users: Mapping[_Key, list[tuple[PythonName, str]]], packs: Collection[PythonName] = ()
) -> dict[_Key, PythonName]:
    by_base: defaultdict[str, list[_Key]] = defaultdict(list)
    for key, uses in users.items():
        by_base[_base([use for use in uses if use[0] not in packs] or uses)].append(key)
    wires: dict[_Key, str] = {}
    for base, keys in by_base.items():
        owners = {key: {owner for owner, _ in users[key]} for key in keys}
        own = {key: found.difference(packs) for key, found in owners.items()}
        ranks = {key: (len(own[key]), len(found)) for key, found in owners.items()}
        first, *others = sorted(ranks.values(), reverse=True)
        for key in keys:
            if not others or (ranks[key] == first > others[0] and (not first[0] or first[0] > others[0][0])):
                wires[key] = base
            elif own[key] or len(owners[key]) == 1 or not packs or not _two_of(key):
                wires[key] = f"{min(own[key] or owners[key])}{base}"
            else:
                wires[key] = f"{base}{_two_of(key)}"
    return _distinct_aliases(wires)


def _two_of(key: _Key) -> str:
    """Two choices of a list that can be spelled, whatever order it is in; ``""`` where none can."""
    texts = (_ILLEGAL.sub("_", str(choice)).strip("_")[:_SHOWN] for _, choice in key)
    spelled = sorted({capitalized(text.rstrip("_")) for text in texts if text})
    return "".join(spelled[:2])


def _distinct_aliases(wires: Mapping[_Key, str]) -> dict[_Key, PythonName]:
    """Lists of one class whose inputs have one name are told apart by their choices."""
    counts = Counter(wires.values())
    unique = {
        key: wire if counts[wire] == 1 else f"{wire} {sorted(map(repr, key))}" for key, wire in wires.items()
    }
    names = distinct_names(unique.values(), _RESERVED, named=_alias_name)
    return {key: names[wire] for key, wire in unique.items()}


def _alias_name(wire: str, reserved: Any) -> PythonName:
    return class_name(wire.split(" ", 1)[0][:MAX_LENGTH], reserved)


def _base(uses: list[tuple[PythonName, str]]) -> str:
    counts = Counter(name for _, name in uses)
    stems = {name.rstrip("0123456789_") for name in counts}
    numbered = len(stems) == 1 < len(counts) and "" not in stems
    wire = stems.pop() if numbered else min(counts, key=lambda name: (-counts[name], len(name), name))
    name = python_name(wire)
    return capitalized(name)


_RESERVED: Final = frozenset({"Literal", "TYPE_CHECKING", "TypeAlias", "annotations"})
