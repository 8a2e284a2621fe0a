"""One model of parameters stands behind every door: what one takes or refuses, the others do too."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types
import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from comfyflow import workflow
from comfyflow.batch import Rows
from comfyflow.cli.parameters import read_parameters
from comfyflow.errors import CommandError, ParameterError, RowsError
from comfyflow.parameters import Parameters


class Mood(enum.Enum):
    calm = 1
    wild = "w"


@workflow
def picture(
    prompt: str = "",
    seed: int = 0,
    steps: int = 20,
    cfg: float = 7,
    size: Annotated[int, Field(multiple_of=16)] = 64,
    sampler: Literal["euler", "ddim"] = "euler",
    scheduler: str = "normal",
    batch: Annotated[int, annotated_types.Le(4)] = 1,
    mood: Mood = Mood.calm,
    path: Path | None = None,
    words: list[str] = [],  # noqa: B006
    limit: int = None,  # type: ignore[assignment]  # noqa: RUF013 (as many people write it)
    pair: tuple[int, int] = (1, 2),
    fast: bool = False,
) -> SaveImage:
    """A picture."""
    ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
    latent = KSampler(
        model=ckpt.MODEL,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler,
        scheduler=scheduler,
        positive=CLIPTextEncode(text=prompt, clip=ckpt.CLIP),
        negative=CLIPTextEncode(text="", clip=ckpt.CLIP),
        latent_image=EmptyLatentImage(width=size, height=size, batch_size=batch),
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=ckpt.VAE))


PARAMETERS = picture.typed_parameters()
KNOWN = Parameters(PARAMETERS)
REFUSED = object()

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([2**53, 2**64 - 1, 2**64, 10_000, 10_001, 16_384, 16_400, 100.0, 100.5, 0.5, 1.0, -0.5]),
    st.sampled_from(
        ["euler", "ddim", "Euler", "normal", "norma", "calm", "wild", "w", "1", "20", "", "a.png"]
    ),
    st.lists(st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"])), max_size=3),
    st.just({"a": 1}),
)


def of_json(name: str, value: Any) -> Any:
    try:
        return KNOWN.from_json({name: value})[name]
    except ParameterError as error:
        return REFUSED if error.name == name else error


def of_model(name: str, value: Any) -> Any:
    try:
        return picture.parameters_model.model_validate({name: value}).arguments()[name]
    except ValidationError as error:
        return REFUSED if error.errors()[0]["loc"][0] == name else error


def of_rows(name: str, value: Any) -> Any:
    try:
        row = next(iter(Rows.of([{name: value}]).checked(picture)))
    except RowsError:
        return REFUSED
    return KNOWN.from_json(row.parameters)[name]


@given(st.sampled_from(sorted(PARAMETERS)), values)
def test_what_one_door_takes_the_others_take_too(name: str, value: Any) -> None:
    found = of_json(name, value)
    for other in (of_model(name, value), of_rows(name, value)):
        assert other == found
        assert type(other) is type(found)


@given(st.sampled_from(sorted(PARAMETERS)), values)
def test_what_json_takes_can_be_written_on_the_command_line(name: str, value: Any) -> None:
    found = of_json(name, value)
    if found is REFUSED or value is None or (isinstance(value, bool) and name != "fast"):
        return  # JSON's true is 1 where a number is wanted
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        given_words = read_parameters([f"--{name}={text}"], PARAMETERS)[name]
    except CommandError as error:
        raise AssertionError(f"{text} is refused on the command line: {error}") from None
    assert given_words == found


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("steps", 10_001, "at most 10000"),
        ("steps", 0, "at least 1"),
        ("seed", -1, "at least 0"),
        ("seed", 2**64, "at most 18446744073709551615"),
        ("cfg", 100.5, "at most 100"),
        ("size", 72, "a multiple of 16"),
        ("size", 16_400, "at most 16384"),
        ("batch", 5, "at most 4"),
        ("scheduler", "norma", "normal"),
        ("sampler", "Euler", "euler"),
    ],
)
def test_every_door_names_parameter_value_and_limit(name: str, value: Any, limit: str) -> None:
    with pytest.raises(ParameterError) as of_request:
        KNOWN.from_json({name: value})
    with pytest.raises(CommandError) as of_words:
        read_parameters([f"--{name}={value}"], PARAMETERS)
    with pytest.raises(RowsError) as of_row:
        Rows.of([{name: value}]).checked(picture)
    for message in map(str, (of_request.value, of_words.value, of_row.value)):
        assert name in message
        assert str(value) in message
        assert limit in message


def test_null_is_a_default_that_is_none() -> None:
    schema = picture.json_schema()["properties"]["limit"]
    assert schema["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert schema["default"] is None


@pytest.mark.parametrize("seed", [2**53, 2**64 - 1])
def test_large_seeds_are_numbers_or_texts_of_digits(seed: int) -> None:
    assert of_json("seed", seed) == of_json("seed", str(seed)) == of_model("seed", str(seed)) == seed
    number, digits = picture.json_schema()["properties"]["seed"]["anyOf"]
    assert number == {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
    assert (digits["type"], digits["pattern"]) == ("string", "^[0-9]+$")
