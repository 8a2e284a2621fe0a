"""What differs between server versions when they validate a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..dynamic import is_wild
from ..schema import Version

_MATCH_TYPES: Final = Version(0, 4, 0)
_COMBOS_CHECKED: Final = Version(0, 8, 0)
_MISSING_NODE_TYPE: Final = Version(0, 12, 0)
_REPLACEMENTS: Final = Version(0, 14, 0)
_CYCLES_NAMED: Final = Version(0, 20, 0)
_MULTISELECT: Final = Version(0, 21, 0)
_NAMELESS: Final = Version(0, 37, 0)

SERVER_RECURSION: Final = 977
"""How many nodes deep a server recurses when it validates; one more raises RecursionError.

Some classes need a few frames more, so a real limit lies between this and eight less.
"""

RECURSION_CAUGHT: Final = 973
"""The depth of the node under which a server files that RecursionError (0.3.64: one more)."""

DEEPEST_RUN: Final = 960
"""The deepest chain that is sent. 951 nodes ran on both recorded servers, 1,500 killed them."""

PREFIX: Final = "filename_prefix"
"""The input of nodes that write files: what their names begin with."""

DEEPEST_VALUE: Final = 450
"""The deepest constant that is sent. 450 levels ran on both recorded servers, 600 killed them."""

DEEPEST_JSON: Final = 960
"""The deepest constant that a server can read at all (with Python 3.11); more is a 500."""


@dataclass(frozen=True)
class ServerRules:
    """The rules of one server version.

    Attributes:
        version: That version.
        match_types: Sockets of types that match others take every link (0.4).
        checks_combos: The choices of ``COMBO`` inputs are checked, ``*`` in a union is wild,
            and a list of choices links to a ``COMBO`` (0.8). Before, only V1 combos are.
        names_missing_node: An unknown class is ``missing_node_type`` (0.12), before
            ``invalid_prompt``.
        replaces_nodes: Every node's ``inputs`` is walked before validation (0.14), so that one
            that is no object is answered with a 500.
        names_cycles: A cycle is ``dependency_cycle`` (0.20), before a RecursionError of which
            nothing is left in the answer.
        multiselect: A multiselect combo takes a list of its choices (0.21).
        tells_nameless: What a class's own check says is told also where it was given no input
            (after 0.36), under no input's name; before, the node was right.
        files_known: The lists of installed files are this server's (see `Schema`); where they
            are not, nothing is checked against them.
    """

    version: Version
    match_types: bool
    checks_combos: bool
    names_missing_node: bool
    replaces_nodes: bool
    names_cycles: bool
    multiselect: bool
    tells_nameless: bool
    files_known: bool = True

    @classmethod
    def of(cls, version: Version, files_known: bool = True) -> ServerRules:
        """The rules of a version; each release was traced in ComfyUI's history."""
        return cls(
            version=version,
            match_types=version >= _MATCH_TYPES,
            checks_combos=version >= _COMBOS_CHECKED,
            names_missing_node=version >= _MISSING_NODE_TYPE,
            replaces_nodes=version >= _REPLACEMENTS,
            names_cycles=version >= _CYCLES_NAMED,
            multiselect=version >= _MULTISELECT,
            tells_nameless=version >= _NAMELESS,
            files_known=files_known,
        )


def types_match(received: object, wanted: object, rules: ServerRules) -> bool:
    """Whether an output of one type may be linked to an input of another.

    Args:
        received: The output's type: a string, or a list of choices.
        wanted: The input's: the same.
        rules: The server's rules.
    """
    if received == wanted or received == "*" or wanted == "*":
        return True
    if rules.match_types and (is_wild(received) or is_wild(wanted)):
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return rules.checks_combos and isinstance(received, list) and wanted == "COMBO"
    ours = {part.strip() for part in received.split(",")}
    theirs = {part.strip() for part in wanted.split(",")}
    if rules.checks_combos and ("*" in ours or "*" in theirs):
        return True
    return not ours.isdisjoint(theirs)
