"""The parameters of a workflow function, given from outside Python."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator
from typing_extensions import NotRequired, Required, TypeAliasType, Unpack

from comfyflow import Output
from comfyflow.cli.parameters import describe_parameters, parameter_rows, read_parameters
from comfyflow.errors import CommandError, ParameterError
from comfyflow.input_file import FileValue
from comfyflow.parameters import Parameters
from comfyflow.recipes import Lora
from comfyflow.sockets import IMAGE
from tests.command import Command


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Sampler(str, enum.Enum):  # as people write it
    EULER = "euler"
    DDIM = "ddim"


@dataclasses.dataclass
class Box:
    width: int
    height: int = 3


class Crop(TypedDict, total=False):
    left: Required[int]
    size: Size


class Options(TypedDict):
    steps: int
    cfg: NotRequired[float]


class Model(BaseModel):
    steps: int = Field(ge=1)
    name: str = "euler"

    @model_validator(mode="after")
    def _even(self) -> Model:
        if self.steps % 2:
            raise ValueError("an even number of steps is needed")
        return self


class Pair(NamedTuple):
    left: int
    right: str = "x"


Pixels = NewType("Pixels", int)
Edge = TypeAliasType("Edge", Annotated[int, Field(ge=8)])
Nested = TypeAliasType("Nested", "list[Nested] | int")


class Broken:
    @classmethod
    def parse(cls, text: str) -> Broken:
        raise KeyError(text)


def one(annotation: Any, *, default: Any = inspect.Parameter.empty) -> dict[str, inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    return {"x": inspect.Parameter("x", kind, default=default, annotation=annotation)}


def read(annotation: Any, *words: str) -> Any:
    return read_parameters(words, one(annotation))["x"]


def refused(annotation: Any, *words: str) -> str:
    with pytest.raises(CommandError) as caught:
        read(annotation, *words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (bool, "yes", True),
        (int, "18446744073709551615", 2**64 - 1),
        (float, "1e3", 1000.0),
        (str, "[1]", "[1]"),
        (Path, "a.png", Path("a.png")),
        (Literal[1, 2, "auto"], "2", 2),
        (Literal[1, 2, "auto"], "auto", "auto"),
        (Literal[True, "auto"], "true", True),
        (Size, "LARGE", Size.LARGE),
        (Size, "2", Size.LARGE),
        (Sampler, "ddim", Sampler.DDIM),
        (Sampler, "DDIM", Sampler.DDIM),
        (
            Optional[Size],  # noqa: UP045
            "SMALL",
            Size.SMALL,
        ),
        (int | None, "null", None),
        (str | None, "null", "null"),
        (int | str, "5", 5),
        (int | str, "five", "five"),
        (str | int, "5", "5"),
        (Path | str, "a.png", Path("a.png")),
        (str | FileValue, "a.png", "a.png"),
        (FileValue, "a.png", Path("a.png")),
        (str | Output[IMAGE], "a.png", "a.png"),
        (Output[IMAGE] | str, "a.png", "a.png"),
        (Literal["auto"] | int, "auto", "auto"),
        (Literal["auto"] | int, "7", 7),
        (Annotated[int, "pixels"], "128", 128),
        (Annotated[int, Field(ge=1, le=128)], "128", 128),
        (Annotated[int, Field(ge=1)] | None, "3", 3),
        (Annotated[int | None, Field(ge=1)], "3", 3),
        (Pixels, "8", 8),
        (Edge, "8", 8),
        (dict[str, float], '{"a": 1}', {"a": 1.0}),
        (Mapping[str, int], '{"a": "1"}', {"a": 1}),
        (dict, '{"a": [1]}', {"a": [1]}),
        (Box, '{"width": 1}', Box(1)),
        (Model, '{"steps": 2}', Model(steps=2)),
        (Model | None, "null", None),
        (Pair, '[1, "b"]', Pair(1, "b")),
        (Pair, '{"left": 2}', Pair(2)),
        (Options, '{"steps": "4"}', {"steps": 4}),
        (Crop, '{"left": 1, "size": "LARGE"}', {"left": 1, "size": Size.LARGE}),
        (str | Box, '{"width": 1}', Box(1)),
        (str | Box, "{a cat|a dog}", "{a cat|a dog}"),
        (str | list[str], "a", "a"),
        (str | list[str], '["a", "b"]', ["a", "b"]),
        (list[int], "[1, 2]", [1, 2]),
        (list[str], "[a:b:0.5]", ["[a:b:0.5]"]),
        (list[list[int]], "[1, 2]", [[1, 2]]),
        (list[list[int]], "[[1], [2]]", [[1], [2]]),
        (tuple[int, int], "[1, 2]", (1, 2)),
        (tuple[int, ...], "[1, 2, 3]", (1, 2, 3)),
        (Nested, "[1, [2]]", [1, [2]]),
        (list[Lora], "a.safetensors:0.5", [Lora("a.safetensors", 0.5)]),
        (list[Lora], '["a:0.5", ["b", 2]]', [Lora("a", 0.5), Lora("b", 2.0)]),
        (dt.timedelta, "PT1H", dt.timedelta(hours=1)),
        (Any, "5", "5"),
    ],
    ids=repr,
)
def test_one_text_becomes_what_the_annotation_says(annotation: Any, text: str, value: Any) -> None:
    made = read(annotation, f"--x={text}")
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("annotation", "words", "value"),
    [
        (list[int], "--x 1 --x=2", [1, 2]),
        (list[int] | None, "--x 1 --x 2", [1, 2]),
        (list, "--x 1 --x b", ["1", "b"]),
        (set[int], "--x 1 --x 1", {1}),
        (Sequence[str], "--x a --x b", ["a", "b"]),
        (Iterable[int], "--x 1 --x 2", [1, 2]),
        (tuple[int, str], "--x 1 --x b", (1, "b")),
        (tuple[int, int], "--x 512 768", (512, 768)),
        (tuple[int, ...], "--x 1 --x 2 --x 3", (1, 2, 3)),
        (list[int | str], "--x 1 --x b", [1, "b"]),
        (list[Size], "--x SMALL --x 2", [Size.SMALL, Size.LARGE]),
        (list[Literal[1, 2]], "--x 1", [1]),
        (list[Box], '--x {"width":1} --x {"width":2}', [Box(1), Box(2)]),
        (list[Lora], "--x a:0.5 --x b", [Lora("a", 0.5), Lora("b")]),
        (str | list[str], "--x a --x b", ["a", "b"]),
        (bool | None, "--no-x", False),
        (int, "--x 1 --x 2", 2),
    ],
    ids=repr,
)
def test_several_words(annotation: Any, words: str, value: Any) -> None:
    made = read(annotation, *words.split())
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("annotation", "words", "why"),
    [
        (
            Annotated[int, Field(ge=1, le=64)],
            "--x 65",
            "--x expects an integer, at least 1, at most 64, not '65'",
        ),
        (Annotated[int, "pixels"], "--x wide", "--x expects an integer, not 'wide'"),
        (Annotated[float, Field(gt=0)], "--x 0", "--x expects a number, more than 0, not '0'"),
        (Annotated[str, Field(max_length=2)], "--x abc", "a length of at most 2, not 'abc'"),
        (Edge, "--x 7", "at least 8, not '7'"),
        (int | None, "--x none", "--x expects an integer, not 'none'"),
        (Literal["auto"] | int, "--x atuo", "--x expects one of auto or an integer, not 'atuo'"),
        (bool, "--x=maybe", "--x expects true or false, not 'maybe'"),
        (Size, "--x LARG", "--x got 'LARG'; did you mean 'LARGE'?"),
        (tuple[int, int], "--x 1", "--x expects 2 values, each an integer, not '1'"),
        (tuple[int, int], "--x 1 --x 2 --x 3", "--x expects 2 values, each an integer, not '1' '2' '3'"),
        (tuple[int, int], "--x [1,2,3]", "--x expects 2 values, each an integer, not '[1,2,3]'"),
        (tuple[int, str], "--x 1", "--x expects 2 values, an integer, a string, not '1'"),
        (list[int], "--x 1 --x b", "--x expects any number of values, each an integer, not 'b'"),
        (Box, '--x {"width":"a"}', 'with width, height, not \'{"width":"a"}\': width: input should be'),
        (Box, "--x 3", "--x expects a JSON object with width, height, not '3'"),
        (Box, '--x {"width"', "with width, height, not '{\"width\"': invalid JSON: EOF while parsing"),
        (Box, "--x {width:1}", "with width, height, not '{width:1}': invalid JSON: key must be a string"),
        (list[Box], "--x {width:1}", "not '{width:1}': invalid JSON: key must be a string"),
        (Options, '--x {"cfg":1}', "steps: field required"),
        (Model, '--x {"steps":0}', "steps: input should be greater than or equal to 1"),
        (Model, '--x {"steps":3}', "an even number of steps is needed"),
        (dict[str, int], "--x 3", "--x expects a JSON object, not '3'"),
        (list[Box], '--x {"width":"a"}', "0.width: input should be a valid integer"),
        (Output[IMAGE], "--x a.png", "--x expects an Output, which can only be passed from Python"),
        (Broken, "--x a", "--x got 'a': KeyError: 'a'"),
        (list["Unknown"], "--x a", "each an Unknown, which can only be passed from Python"),  # type: ignore[name-defined]  # noqa: F821
    ],
    ids=repr,
)
def test_a_wrong_value_is_told_with_what_is_needed(annotation: Any, words: str, why: str) -> None:
    assert why in refused(annotation, *words.split())


def gathering(first: int, /, second: int = 2, *rest: int, flag: bool = False, **more: float) -> Any:
    return first, second, rest, flag, more


def test_every_kind_of_argument_reaches_its_place() -> None:
    def call(*words: str) -> Any:
        known = dict(inspect.signature(gathering, eval_str=True).parameters)
        return Parameters(known).call(gathering, read_parameters(words, known))

    assert call("--first", "1") == (1, 2, (), False, {})
    words = "--first 1 --rest 3 --rest 4 --flag --cfg 5 --two-words=6"
    assert call(*words.split()) == (1, 2, (3, 4), True, {"cfg": 5.0, "two_words": 6.0})
    assert call("--first=1", "--second=3", "--rest=[4, 5]") == (1, 3, (4, 5), False, {})
    with pytest.raises(CommandError, match="missing --first; parameters: --first INT"):
        call("--rest", "1")
    with pytest.raises(CommandError, match="--cfg expects a number, not 'x'"):
        call("--cfg", "x")


def test_unpacked_options_are_parameters() -> None:
    def made(**options: Unpack[Options]) -> Any:
        return options

    known = dict(inspect.signature(made, eval_str=True).parameters)
    assert describe_parameters(known) == "--steps INT [--cfg FLOAT]"
    assert Parameters(known).call(made, read_parameters(["--steps", "3"], known)) == {"steps": 3}


def test_options_that_are_a_list_of_objects_are_no_parameters_of_their_own() -> None:
    def made(**options: list[Options]) -> Any:
        return options

    known = dict(inspect.signature(made, eval_str=True).parameters)
    words = ["--first", '{"steps": 3}', "--first", '{"steps": 4}']
    assert read_parameters(words, known) == {"first": [{"steps": 3}, {"steps": 4}]}


def test_json_becomes_the_same_values() -> None:
    def function(
        seed: int,
        size: Size = Size.SMALL,
        loras: Sequence[Lora] = (),
        box: Box | None = None,
        text: str | int = "",
    ) -> None: ...

    known = Parameters(dict(inspect.signature(function, eval_str=True).parameters))
    given_values = {"seed": 3, "size": "LARGE", "loras": ["a:0.5"], "box": {"width": 1}, "text": 5}
    assert known.from_json(given_values) == {
        "seed": 3,
        "size": Size.LARGE,
        "loras": [Lora("a", 0.5)],
        "box": Box(1),
        "text": 5,
    }
    for values, why in (
        ({"seed": "x"}, "the parameter 'seed' expects an integer, not 'x'"),
        (
            {"seed": [1, 2]},
            "the parameter 'seed' expects an integer, not [1, 2]: input should be a valid integer",
        ),
        ({"sead": 1}, "the parameter 'sead' is not a parameter; did you mean 'seed'?"),
        ({}, "the parameter 'seed' is missing; it expects an integer"),
    ):
        with pytest.raises(ParameterError) as caught:
            known.from_json(values)
        assert str(caught.value) == why
        assert isinstance(caught.value, ValueError)


def test_help_tells_types_bounds_and_texts() -> None:
    def function(
        width: Annotated[int, "Width in pixels", Field(ge=16, le=64)] = 16,
        steps: Annotated[int, Field(gt=0, description="How many steps.")] = 20,
        size: tuple[int, int] = (1, 2),
        box: Box | None = None,
        mode: Literal["auto"] | int = 3,
        sampler: Sampler = Sampler.EULER,
        **more: float,
    ) -> None: ...

    known = dict(inspect.signature(function, eval_str=True).parameters)
    assert parameter_rows(known) == [
        ("--width INT", "Width in pixels. At least 16, at most 64. [default: 16]"),
        ("--steps INT", "How many steps. More than 0. [default: 20]"),
        ("--size INT INT", "[default: (1, 2)]"),
        ("--box JSON", "JSON: an object with width, height. [default: None]"),
        ("--mode CHOICE|INT", "[default: 3]"),
        ("--sampler EULER|DDIM", "[default: EULER]"),
        ("--NAME FLOAT", "Any other name."),
    ]


KINDS = st.sampled_from(
    [bool, int, float, Path, Size, Box, Model, Options, list[int], tuple[int, int], dict[str, int], int | str]
)
TEXTS = st.text() | st.sampled_from(
    ["[", "{", "[" * 1000, "null", "9" * 5000, '{"width": NaN}', "\ud800", "1" * 400]
)


@given(KINDS, st.lists(TEXTS, min_size=1, max_size=3))
def test_any_texts_give_a_value_or_the_projects_own_error(annotation: Any, texts: list[str]) -> None:
    entry = Parameters(one(annotation))["x"]
    message = ""
    try:
        entry.from_texts(texts)
    except ParameterError as error:
        message = str(error)
    assert len(message) < 2000


@given(st.lists(st.integers()))
def test_a_list_is_the_same_in_json_and_as_several_words(values: list[int]) -> None:
    entry = Parameters(one(list[int]))["x"]
    assert entry.from_texts([json.dumps(values)]) == values == entry.from_json(values)
    if values:
        assert entry.from_texts([str(value) for value in values]) == values


FLOW = """
from __future__ import annotations
from typing import TYPE_CHECKING, Annotated

from comfynodes import EmptyImage, SaveImage
from pydantic import Field

from comfyflow import workflow

if TYPE_CHECKING:
    from nowhere import Nothing


@workflow
def poster(
    size: tuple[int, int],
    width: Annotated[int, "pixels", Field(le=64)] = 8,
    seed: Annotated[int, Field(le=7)] = 0,
    more: Nothing | None = None,
):
    return SaveImage(images=EmptyImage(width=width, height=size[1], color=seed), filename_prefix=str(size))
"""


def test_values_reach_the_prompt_as_the_function_declares_them(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "poster.py"
    file.write_text(FLOW)
    run = command("compile", str(file), "--size", "16", "24", "--width", "32")
    assert run.code == 0, run.err
    inputs = {name: value for node in json.loads(run.out).values() for name, value in node["inputs"].items()}
    assert inputs["width"] == 32
    assert inputs["height"] == 24
    assert inputs["filename_prefix"] == "(16, 24)"
    assert "--width INT" in command("compile", str(file), "--help").out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--size", "16", "24", "--width", "65"], "--width expects an integer, at most 64, not '65'"),
        (["--size", "16"], "--size expects 2 values, each an integer, not '16'"),
        (["--size=[1, 2, 3]"], "--size expects 2 values, each an integer, not '[1, 2, 3]'"),
    ],
)
def test_nothing_is_sent_where_a_value_is_wrong(
    words: list[str], why: str, tmp_path: Path, command: Command
) -> None:
    file = tmp_path / "poster.py"
    file.write_text(FLOW)
    run = command("run", str(file), *words, "--simulate", "--out", str(tmp_path / "out"))
    assert run.code == 2
    assert why in run.err
    assert not (tmp_path / "out").exists()


def test_a_random_seed_keeps_the_bound_of_its_parameter(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "poster.py"
    file.write_text(FLOW)
    out = str(tmp_path / "out")
    run = command("run", str(file), "--size", "16", "24", "--seed", "random", "--simulate", "--out", out)
    assert run.code == 0, run.err


def test_a_text_needs_no_pydantic() -> None:
    program = (
        "import inspect, sys\nfrom comfyflow.cli.parameters import parameter_rows, read_parameters\n"
        "def f(prompt: str, seed: int = 0): ...\n"
        "known = dict(inspect.signature(f).parameters)\n"
        "read_parameters(['--prompt', 'a'], known), parameter_rows(known)\n"
        "import comfynodes\ncomfynodes.KSampler\n"
        "print('pydantic' in sys.modules)\n"
        "read_parameters(['--prompt', 'a', '--seed', '1'], known)\n"
        "print('pydantic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
