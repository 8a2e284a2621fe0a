"""Mutants that no test can tell from the code, with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from .mutant import Mutant

_AS_FALSE = re.compile(r"(?P<target>[\w.]+(?:: bool)?) = False")
"""None in place of False: nothing asks whether a truth value is False itself, and type checkers refuse it."""

FILE = Path(__file__).with_name("explained.json")


def reasons() -> Mapping[tuple[str, str, str], str]:
    """Why a mutant is not a fault, by module, old line and new line."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))
    return {(entry["module"], entry["old"], entry["new"]): entry["reason"] for entry in listed}


def key_of(mutant: Mutant) -> tuple[str, str, str]:
    """What a mutant is found by: lines, not their numbers."""
    old = " ".join(line[2:] for line in mutant.change if line[0] == "-")
    new = " ".join(line[2:] for line in mutant.change if line[0] == "+")
    return mutant.path, old, new


def is_explained(mutant: Mutant, known: Mapping[tuple[str, str, str], str]) -> bool:
    """Whether a mutant is listed, or excluded by a rule.

    Args:
        mutant: It has survived.
        known: What is listed.
    """
    key = key_of(mutant)
    _, old, new = key
    as_false = _AS_FALSE.fullmatch(old)
    return key in known or (as_false is not None and new == f"{as_false['target']} = None")
