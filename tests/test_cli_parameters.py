from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import validate_prompt
from comfyflow.cli.parameters import describe_parameters, parameter_rows, read_parameters
from comfyflow.cli.run import LARGEST_SEED, set_seeds
from comfyflow.errors import CommandError
from comfyflow.schema import Schema
from comfyflow.source import Source


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
        ("--promt x", "unknown parameter --promt; did you mean --prompt"),
        ("--zzz x", "parameters: --prompt STR"),
        ("x", "unexpected argument 'x'"),
        ("--prompt", "--prompt needs a value"),
        ("", "missing --prompt"),
        ("--prompt x --seed 1.5", "--seed expects an integer, not '1.5'"),
        ("--prompt x --cfg high", "--cfg expects a number, not 'high'"),
        ("--prompt x --sampler eular", "did you mean 'euler'"),
        ("--prompt x --sampler zzz", "choose one of euler, ddim"),
        ("--prompt x --no-seed", "unknown parameter --no-seed"),
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
        ("--weights WEIGHT", "Can be repeated. Read NUMBER or NUMBERkg. [required]"),
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


def seeds(**nodes: dict[str, Any]) -> tuple[Source, Schema]:
    """A prompt of nodes with a seed, and their schema with each seed's own options."""
    classes = {
        name: {"input": {"required": {"seed": ["INT", options]}}, "output": ["INT"], "output_node": True}
        for name, options in nodes.items()
    }
    prompt = {name: {"class_type": name, "inputs": {"seed": 0}} for name in nodes}
    return Source.of(prompt), Schema(classes)


@pytest.mark.parametrize(
    ("limits", "largest"),
    [
        ([2**32 - 1], 2**32 - 1),
        ([2**64 - 1], LARGEST_SEED),
        ([1000, 2**32 - 1], 1000),
        ([2**32 - 1, 7, 2**64 - 1], 7),
        ([], LARGEST_SEED),
    ],
)
def test_a_random_seed_is_one_that_every_node_takes(
    limits: list[int], largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {f"Sampler{number}": {"min": 0, "max": limit} for number, limit in enumerate(limits)}
    target, schema = seeds(**nodes, Unbounded={})
    for drawn in (0, largest):
        asked: list[int] = []

        def draw(end: int, drawn: int = drawn, asked: list[int] = asked) -> int:
            asked.append(end)
            return drawn

        monkeypatch.setattr("secrets.randbelow", draw)
        seeded, seed = set_seeds(target, "random", schema)
        assert (asked, seed) == ([largest + 1], drawn)
        assert {node["inputs"]["seed"] for node in seeded.prompt.values()} == {drawn}
        assert [problem.code for problem in validate_prompt(seeded.prompt, schema).errors] == []


def test_a_seed_given_as_a_number_is_taken_as_it_is() -> None:
    """Whether a node takes it is for validation to say, which names the node."""
    target, schema = seeds(Small={"min": 0, "max": 10})
    seeded, seed = set_seeds(target, "11", schema)
    assert (seed, seeded.prompt["Small"]["inputs"]["seed"]) == (11, 11)
