from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.cli.parameters import describe_parameters, parameter_rows, read_parameters
from comfyflow.errors import CommandError


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


def function(
    prompt: str,
    *,
    seed: int = 0,
    cfg: float = 7.0,
    fast: bool = False,
    loras: list[str] = [],  # noqa: B006
    sampler: Literal["euler", "ddim"] = "euler",
    image: Optional[Path] = None,  # noqa: UP045
    mask: str | None = None,
    size: Size = Size.SMALL,
    steps=20,  # type: ignore[no-untyped-def]
) -> None: ...


def parameters(of: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(of, eval_str=True).parameters)


def read(*words: str) -> dict[str, Any]:
    return read_parameters(words, parameters(function))


def test_every_kind_of_parameter() -> None:
    words = (
        "--prompt a --seed 18446744073709551615 --cfg=1.5 --fast --loras x --loras=y --sampler ddim "
        "--image p.png --mask m --size LARGE --steps 3"
    )
    assert read(*words.split()) == {
        "prompt": "a",
        "seed": 2**64 - 1,
        "cfg": 1.5,
        "fast": True,
        "loras": ["x", "y"],
        "sampler": "ddim",
        "image": Path("p.png"),
        "mask": "m",
        "size": Size.LARGE,
        "steps": 3,
    }


def test_what_is_not_given_is_left_to_the_function() -> None:
    assert read("--prompt", "--odd text") == {"prompt": "--odd text"}
    assert read("--prompt=", "--no-fast") == {"prompt": "", "fast": False}
    assert read("--prompt", "x", "--fast=no") == {"prompt": "x", "fast": False}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--promt x", "there is no parameter --promt; did you mean --prompt"),
        ("--zzz x", "parameters: --prompt STR"),
        ("x", "unexpected argument 'x'"),
        ("--prompt", "--prompt needs a value"),
        ("", "missing --prompt"),
        ("--prompt x --seed 1.5", "--seed takes a whole number, not '1.5'"),
        ("--prompt x --cfg high", "--cfg takes a number, not 'high'"),
        ("--prompt x --sampler eular", "did you mean 'euler'"),
        ("--prompt x --sampler zzz", "choose one of euler, ddim"),
        ("--prompt x --no-seed", "there is no parameter --no-seed"),
    ],
)
def test_mistakes_are_answered_with_what_would_be_right(words: str, why: str) -> None:
    with pytest.raises(CommandError) as caught:
        read(*words.split())
    assert why in str(caught.value)


def test_parameters_can_be_shown() -> None:
    shown = describe_parameters(parameters(function))
    assert shown.startswith("--prompt STR [--seed INT] [--cfg FLOAT] [--fast] [--loras STR …]")
    assert "[--sampler euler|ddim]" in shown
    assert "[--size SMALL|LARGE]" in shown
    assert describe_parameters({}) == "none"


class Weight(int):
    @classmethod
    def parse(cls, text: str) -> Weight:
        """Read ``NUMBER`` or ``NUMBERkg``.

        More is said here.
        """
        return cls(text.removesuffix("kg"))


def test_parameters_are_told_in_the_help() -> None:
    def lift(
        weights: list[Weight],
        day: Literal["mo", "tu", "we", "th", "fr", "sa", "so"] = "mo",
        how: Literal["a", "b"] = "a",
        fast: bool = False,
    ) -> None: ...

    assert parameter_rows(parameters(lift)) == [
        ("--weights WEIGHT", "Any number of times. Read NUMBER or NUMBERkg. [required]"),
        ("--day CHOICE", "One of 7: mo, tu, we, th, fr, sa, so. [default: 'mo']"),
        ("--how a|b", "[default: 'a']"),
        ("--fast / --no-fast", "[default: False]"),
    ]


@given(st.lists(st.text() | st.sampled_from(["--prompt", "--seed", "--fast", "--seed=3", "--no-fast", "--"])))
def test_any_words_give_arguments_or_the_projects_own_error(words: list[str]) -> None:
    try:
        given_arguments = read_parameters(words, parameters(function))
    except CommandError:
        return
    assert "prompt" in given_arguments
