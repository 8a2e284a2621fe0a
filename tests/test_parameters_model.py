"""Parameters as a pydantic model: narrowed by the inputs that they come to, and as JSON Schema."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyImage,
    EmptyLatentImage,
    KSampler,
    LatentUpscaleBy,
    LoadImage,
    LoraLoader,
    SaveImage,
    VAEDecode,
)
from pydantic import BaseModel, Field, ValidationError

from comfyflow import Output, workflow
from comfyflow.annotation import Annotation
from comfyflow.batch import Rows
from comfyflow.errors import ParameterError, RowsError
from comfyflow.recipes import txt2img as recipe
from comfyflow.schema.package import reference_schema
from comfyflow.sockets import IMAGE
from comfyflow.workflows.narrowing import argument_texts
from comfyflow.workflows.parameters_model import ParametersModel
from tests.command import Command


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Box(BaseModel):
    width: int = Field(ge=8)


class Named(NamedTuple):
    steps: int
    cfg: float


@workflow
def picture(
    prompt: str,
    negative: str = "",
    width: Annotated[int, Field(ge=64, multiple_of=8)] = 512,
    steps: int = 20,
    cfg: Annotated[float, Field(le=200.0)] = 7.0,
    seed: int = 0,
    sampler: str = "euler",
    scheduler: Literal["normal", "karras"] = "normal",
    checkpoint: str = "a.safetensors",
    image: Path | None = None,
    size: Size = Size.SMALL,
    batch: int | None = 1,
    words: list[str] = [],  # noqa: B006
    scale: float = 1.0,
    json: str = "x",
) -> SaveImage:
    """A picture.

    More of it.

    Args:
        prompt: What to show,
            in words.
        steps (int): How many steps.
        seed: Of the noise: the same
            seed, the same picture.

    Returns:
        The picture.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    latent: Any = EmptyLatentImage(width=width, height=64 * size.value, batch_size=batch)
    if size is Size.LARGE:
        latent = LatentUpscaleBy(samples=latent, upscale_method="bicubic", scale_by=scale)
    else:
        model, clip = LoraLoader(model=model, clip=clip, lora_name=json, strength_model=scale)
    if image is not None:
        latent = LoadImage(image=image).IMAGE
    latent = KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler,  # type: ignore[arg-type]  # any text, so that the schema narrows it
        scheduler=scheduler,
        positive=CLIPTextEncode(text=f"{prompt}, {words}", clip=clip),
        negative=CLIPTextEncode(text=negative, clip=clip),
        latent_image=latent,
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae))


SCHEMA = picture.json_schema()
PROPERTIES = SCHEMA["properties"]


def test_a_number_has_the_range_of_the_input_that_it_comes_to() -> None:
    assert PROPERTIES["steps"] == {
        "default": 20,
        "description": "How many steps.",
        "maximum": 10000,
        "minimum": 1,
        "title": "Steps",
        "type": "integer",
    }
    width = PROPERTIES["width"]
    assert (width["minimum"], width["maximum"], width["multipleOf"], width["x-step"]) == (64, 16384, 8, 8)
    assert (PROPERTIES["cfg"]["minimum"], PROPERTIES["cfg"]["maximum"]) == (0.0, 100.0)
    assert PROPERTIES["batch"]["anyOf"][0] == {"maximum": 4096, "minimum": 1, "type": "integer"}


def test_texts_choices_and_files_are_told() -> None:
    assert PROPERTIES["negative"]["x-multiline"] is True
    assert "euler" in PROPERTIES["sampler"]["enum"]
    assert PROPERTIES["scheduler"]["enum"] == ["normal", "karras"]
    assert PROPERTIES["checkpoint"]["x-files"] == "CheckpointLoaderSimple.ckpt_name"
    assert PROPERTIES["image"]["anyOf"][0] == {"format": "path", "type": "string"}
    assert PROPERTIES["size"]["default"] == 1
    assert SCHEMA["$defs"]["Size"]["enum"] == [1, 2]
    assert PROPERTIES["words"]["items"] == {"type": "string"}
    assert SCHEMA["required"] == ["prompt"]
    assert SCHEMA["description"] == "A picture."
    assert PROPERTIES["prompt"]["description"] == "What to show, in words."
    assert "x-multiline" not in PROPERTIES["prompt"]


def test_what_comes_to_an_input_only_sometimes_is_not_narrowed() -> None:
    assert "maximum" not in PROPERTIES["scale"]
    assert "minimum" not in PROPERTIES["scale"]
    assert picture.parameters_model.model_validate({"prompt": "a", "scale": 500.0})


def test_a_seed_may_be_a_text_where_javascript_would_round_it() -> None:
    seed = PROPERTIES["seed"]
    assert seed["anyOf"] == [
        {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
        {"type": "string", "pattern": "^[0-9]+$"},
    ]
    assert "JavaScript" in seed["$comment"]
    assert seed["description"] == "Of the noise: the same seed, the same picture."
    values = picture.parameters_model.model_validate({"prompt": "a", "seed": str(2**64 - 1)})
    assert values.arguments() == {"prompt": "a", "seed": 2**64 - 1}


def test_the_model_names_parameter_value_and_limit() -> None:
    with pytest.raises(ValidationError) as caught:
        picture.parameters_model.model_validate(
            {"prompt": "a", "steps": 20_000, "sampler": "eulr", "seed": -1, "promt": 1}
        )
    found = {error["loc"]: error for error in caught.value.errors()}
    assert set(found) == {("steps",), ("sampler",), ("seed",), ("promt",)}
    assert found["steps",]["input"] == 20_000
    assert found["steps",]["ctx"] == {"le": 10_000}


def test_arguments_make_the_workflow() -> None:
    given = {"prompt": "a", "size": 2, "json": "b.safetensors", "image": "x.png", "words": ["y"]}
    arguments = picture.parameters_model.model_validate(given).arguments()
    assert arguments == {
        "prompt": "a",
        "size": Size.LARGE,
        "json": "b.safetensors",
        "image": Path("x.png"),
        "words": ["y"],
    }
    assert picture(**arguments).to_prompt()
    assert issubclass(picture.parameters_model, ParametersModel)
    assert picture.parameters_model is picture.parameters_model
    assert picture.parameters_model.__name__ == "PictureParameters"


def test_recipes_are_narrowed_through_their_helpers() -> None:
    properties = recipe.json_schema()["properties"]
    assert properties["steps"]["maximum"] == 10_000
    assert properties["prompt"]["x-multiline"] is True
    assert properties["cfg"]["description"] == "How closely to follow the prompt."


@workflow
def alike(strength: float | None = None, other: float = 1.0) -> SaveImage:
    model, clip, vae = CheckpointLoaderSimple(ckpt_name="a")
    nothing: Any = None
    model, clip = LoraLoader(model=model, clip=clip, lora_name="b", strength_model=nothing, strength_clip=1.0)
    return SaveImage(images=VAEDecode(samples=model, vae=vae))  # type: ignore[arg-type]  # it is only read


def test_a_value_that_is_only_alike_narrows_nothing() -> None:
    for name in ("strength", "other"):
        assert "maximum" not in json.dumps(alike.json_schema()["properties"][name])


@workflow
def strange(_hidden: int, model_config: str, copy: str = "", *rest: int, **more: float) -> SaveImage:
    return SaveImage(images=LoadImage(image=copy).IMAGE)


def test_names_that_pydantic_needs_itself() -> None:
    schema = strange.json_schema()
    assert {"_hidden", "model_config", "copy", "rest"} == set(schema["properties"])
    assert schema["required"] == ["_hidden", "model_config"]
    values = strange.parameters_model.model_validate({"_hidden": 1, "model_config": "a", "x": 2, "rest": [3]})
    assert values.arguments() == {"_hidden": 1, "model_config": "a", "x": 2, "rest": [3]}


@workflow
def plain(image: str, width: Annotated[int, Field(ge=100, le=200)] = 128) -> SaveImage:
    return SaveImage(images=EmptyImage(width=width, height=8))


@workflow
def limited(
    low: Annotated[int, Field(ge=0, le=200)] = 128, high: Annotated[int, Field(ge=100, le=99999)] = 128
) -> SaveImage:
    """One line. And another.

    More of it.
    """
    return SaveImage(images=EmptyImage(width=low, height=high))


def test_limits_of_the_users_own_stay_where_they_are_narrower() -> None:
    """`EmptyImage` takes 1 to 16,384."""
    found = [
        (made.json_schema()["properties"][name]["minimum"], made.json_schema()["properties"][name]["maximum"])
        for made, name in ((plain, "width"), (limited, "low"), (limited, "high"))
    ]
    assert found == [(100, 200), (1, 200), (100, 16384)]


def test_the_whole_schema_of_a_function() -> None:
    """It has no description where there is no docstring, and refuses what is no parameter."""
    assert plain.json_schema() == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "plain",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "image": {"title": "Image", "type": "string"},
            "width": {
                "default": 128, "maximum": 200, "minimum": 100, "title": "Width", "type": "integer",
                "x-step": 1,
            },
        },
        "required": ["image"],
    }  # fmt: skip
    assert limited.json_schema()["description"] == "One line. And another."
    assert "required" not in limited.json_schema()
    assert strange.json_schema()["additionalProperties"] is True


@workflow
def python_only(image: Output[IMAGE], other: Output[IMAGE] | str = "a.png") -> SaveImage:
    return SaveImage(images=image)


@workflow
def partly(image: Output[IMAGE] | None = None, other: Output[IMAGE] | str = "a.png") -> SaveImage:
    return SaveImage(images=LoadImage(image="a.png").IMAGE)


class Broken:
    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        raise RuntimeError("no")


@workflow
def unreadable(broken: Broken) -> SaveImage:
    return SaveImage(images=LoadImage(image="a.png").IMAGE)


def test_what_can_be_given_only_in_python() -> None:
    with pytest.raises(ParameterError, match="'image' is required and can only be passed from Python"):
        python_only.json_schema()
    properties = partly.json_schema()["properties"]
    assert properties["other"]["type"] == "string"
    with pytest.raises(
        ParameterError, match="'broken' expects a Broken, which can only be passed from Python"
    ):
        _ = unreadable.parameters_model


@workflow
def demanding(prompt: str, steps: int, named: Named, size: Size) -> SaveImage:
    """With Args of another form.

    Args:
        steps:
            Far below.
    """
    if not prompt.startswith("a"):
        raise ValueError("it begins with a")
    return SaveImage(images=LoadImage(image="a.png").IMAGE)


def test_a_function_that_refuses_samples_is_not_narrowed() -> None:
    properties = demanding.json_schema()["properties"]
    assert properties["steps"] == {"description": "Far below.", "title": "Steps", "type": "integer"}


def test_the_schema_of_another_server_narrows(tmp_path: Path) -> None:
    raw = {"KSampler": json.loads(json.dumps(reference_schema().raw["KSampler"]))}
    raw["KSampler"]["input"]["required"]["steps"] = ["INT", {"min": 5, "max": 6}]
    from comfyflow import load_schema

    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(raw))
    narrowed = picture.typed_parameters(load_schema(path))
    assert Annotation(narrowed["steps"].annotation).bounds == ("at least 5", "at most 6")
    assert Annotation(narrowed["negative"].annotation).whole is str


def test_rows_are_checked_by_the_narrowed_parameters() -> None:
    with pytest.raises(RowsError, match="steps expects an integer, at least 1, at most 10000, not '20000'"):
        Rows.grid("prompt=a", "steps=20000").checked(picture)


def test_documentation_of_arguments() -> None:
    text = "Sum.\n\nArgs:\n    one: First\n        goes on: here.\n    *two (int): Second.\n\n    three:"
    text += "\n\nRaises:\n    four: No."
    assert argument_texts(text) == {"one": "First goes on: here.", "two": "Second."}
    assert argument_texts("") == {}


NUMPY = """Sum.

Parameters
----------
one : int
    First
    goes on: here.
two, three : str, optional
    Others.
*rest : int

Returns
-------
four : int
    No.
"""
REST = """Sum.

:param one: First
    goes on: here.
:param int two: Others.
:param three: Others.
:param rest:
:type one: int
:returns: four
"""
EPYDOC = """Sum.

@param one: First
    goes on: here.
@param two: Others.
@type two: int
@param three: Others.
"""


@pytest.mark.parametrize("text", [NUMPY, REST, EPYDOC], ids=["NumPy", "reST", "Epydoc"])
def test_documentation_in_other_styles(text: str) -> None:
    assert argument_texts(text.strip()) == {
        "one": "First goes on: here.",
        "two": "Others.",
        "three": "Others.",
    }


@pytest.mark.parametrize(
    "text",
    [
        "Sum.\n\nNote: this: that.",
        "Sum.\n\nArgs:",
        "Sum.\n\nArgs:\n    no colon",
        ":param\n:param x\nArgs:",
        "a\n:",
    ],
)
def test_documentation_that_says_nothing_of_arguments(text: str) -> None:
    assert argument_texts(text) == {}


def test_pydantic_stays_out_of_the_import() -> None:
    code = "import comfyflow, comfyflow.workflows, sys; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@workflow
def boxed(box: Box) -> SaveImage:
    return SaveImage(images=LoadImage(image="a.png").IMAGE)


TARGET = '''
from comfynodes import KSampler, LoadImage, SaveImage, VAEDecode
from comfyflow import workflow

@workflow
def made(image: str, steps: int = 20) -> SaveImage:
    """Made.

    Args:
        steps: How often.
    """
    loaded = LoadImage(image=image).IMAGE
    sampled = KSampler(model=loaded, seed=1, steps=steps, cfg=1.0, sampler_name="euler", scheduler="normal",
                       positive=loaded, negative=loaded, latent_image=loaded)
    return SaveImage(images=VAEDecode(samples=sampled, vae=loaded))
'''


def test_the_command(tmp_path: Path, command: Command) -> None:
    (tmp_path / "made.py").write_text(TARGET)
    run = command("schema", str(tmp_path / "made.py"))
    assert run.code == 0
    found = json.loads(run.out)
    assert found["title"] == "made"
    assert found["properties"]["steps"]["maximum"] == 10_000
    run = command("run", str(tmp_path / "made.py"), "--image", "a.png", "--steps", "20000", "--server", "x")
    assert run.code == 2
    assert "--steps expects an integer, at least 1, at most 10000, not '20000'" in run.err
    run = command("run", str(tmp_path / "made.py"), "--help")
    assert "How often. At least 1, at most 10000. [default: 20]" in " ".join(run.out.split())
    (tmp_path / "prompt.json").write_text("{}")
    run = command("schema", str(tmp_path / "prompt.json"))
    assert run.code == 2


def test_models_of_users_stand_beside() -> None:
    schema = boxed.json_schema()
    assert schema["properties"]["box"] == {"$ref": "#/$defs/Box"}
    assert schema["$defs"]["Box"]["properties"]["width"]["minimum"] == 8
    values = boxed.parameters_model.model_validate({"box": {"width": 9}})
    assert values.arguments() == {"box": Box(width=9)}
