"""What generated packages are made of besides nodes: lists of choices that are read when one is looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal, get_type_hints

import pytest

from comfyflow.node import Output
from comfyflow.sockets import COMBO
from tests.generated import load_nodes, node


def test_a_list_of_choices_is_made_when_somebody_looks_at_it(tmp_path: Path) -> None:
    package = load_nodes({"A": node({"one": [["a", "b"]], "other": [["c", 1]]})}, tmp_path)
    choices = package.choices
    assert package.A(one="a", other="c") is not None
    assert {"One", "Other"}.isdisjoint(vars(choices))
    assert choices.One == Literal["a", "b"]
    assert choices.One is choices.One
    assert choices.Other == Literal["c", 1]
    hints = get_type_hints(package.A.__init__)
    assert hints["one"] == Literal["a", "b"] | Output[COMBO]
    with pytest.raises(AttributeError, match="has no attribute 'Ohter'; did you mean 'Other'"):
        _ = choices.Ohter


def test_lists_of_choices_are_imported_by_name_and_all_together() -> None:
    program = (
        "from comfynodes.choices import Scheduler\n"
        "from comfynodes.choices import *\n"
        "from typing import get_args\n"
        "print('karras' in get_args(Scheduler), 'euler' in get_args(SamplerName))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout == "True True\n", run.stderr
