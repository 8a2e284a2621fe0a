"""What differs between server versions when they validate a prompt."""

from __future__ import annotations

from typing import Final

from ..dynamic import is_wild
from ..schema import Version
from ..versions import Since

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


class ServerRules:
    """What one release of ComfyUI does, where that matters to a prompt.

    Each fact is a line here: what the oldest known release does, and since which release what
    holds; each was traced in ComfyUI's history. `docs/versions.md` shows them all.

    Args:
        version: The release: what the server says, or what its classes betray.
        files_known: Whether the lists of installed files are this server's (see `Schema`); where
            they are not, nothing is checked against them.

    Attributes:
        version: The release.
        files_known: Whether the lists of installed files are this server's.
    """

    def __init__(self, version: Version, files_known: bool = True) -> None:
        self.version: Version = version
        self.files_known: bool = files_known

    match_types: Since[bool] = Since(False, ("0.4", True))
    """A socket whose type is that of another one takes every link."""

    wild_outputs: Since[bool] = Since(False, ("0.4", True))
    """An output of type ``*`` may be linked to any input; else the two types are compared as text."""

    checks_combos: Since[bool] = Since(False, ("0.8", True))
    """The choices of ``COMBO`` inputs are checked, ``*`` in a union is wild, and a list of choices
    links to a ``COMBO``; else only combos in the V1 form are checked."""

    names_missing_node: Since[bool] = Since(False, ("0.12", True))
    """An unknown class is ``missing_node_type``; else ``invalid_prompt``."""

    replaces_nodes: Since[bool] = Since(False, ("0.14", True))
    """Every node's ``inputs`` is walked before validation, so that one that is not an object is answered
    with a 500."""

    names_cycles: Since[bool] = Since(False, ("0.20", True))
    """A cycle is ``dependency_cycle``; else a RecursionError of which nothing is left in the answer."""

    multiselect: Since[bool] = Since(False, ("0.21", True))
    """A multiselect combo takes a list of its choices."""

    tells_nameless: Since[bool] = Since(False, ("0.37", True))
    """What a class's own check says is reported also where it was given no input, under no input's name;
    else the node is right."""

    ratio_raises: Since[bool] = Since(False, ("0.3.68", True))
    """FluxProUltraImageNode's check of an aspect ratio raises; else it answers with a sentence."""

    masks_are_images: Since[bool] = Since(False, ("0.21", True))
    """LoadImageMask has the check of LoadImage."""

    checks_meshes: Since[bool] = Since(False, ("0.25", True))
    """Load3D and Load3DAdvanced look for their file."""

    filters_tags: Since[bool] = Since(False, ("0.33", True))
    """Assets are found by ``tags_all``, ``tags_any`` and ``tags_none``; else by ``include_tags`` and
    ``exclude_tags``, and there is none for ``tags_any``. What a server does not know it ignores."""


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
